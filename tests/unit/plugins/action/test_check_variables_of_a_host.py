import types

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret
from ansible.template import Templar, trust_as_template
from ansible_collections.glanceops.image_service.plugins.action import check_variables as c


def check(variables, **arguments):
    """Run the plugin as Ansible does, with the variables of a host and the *arguments* of the task."""
    loader = DataLoader()
    variables = {"inventory_hostname": "h"} | {
        name: trust_as_template(value) if isinstance(value, str) else value for name, value in variables.items()
    }
    task = types.SimpleNamespace(args=arguments, async_val=0, check_mode=False, diff=False, action="check_variables")
    connection = types.SimpleNamespace(_shell=types.SimpleNamespace(tmpdir=None))
    templar = Templar(loader=loader, variables=variables)
    result = c.ActionModule(task, connection, None, loader, templar, None).run(task_vars=variables)
    assert result["changed"] is False
    return result


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"other": "{{ nowhere }}", "glance_lab_x": 1, "__glance_x": 1},
        # Of others.
        {"glances_port": 1, "glancesd": 1, "balance_api_port": 1, "grace_time": 1, "gluster_mounts": 1},
        {"glance_scrub_time": 60, "glance_delayed_delete": True, "glance_scrubber_mode": "daemon"},
        # As -e on the command line gives them.
        {"glance_scrub_time": "60", "glance_delayed_delete": "yes"},
        {"glance_scrub_time": "{{ hours * 3600 }}", "hours": 2, "glance_config": {"DEFAULT": {"debug": None}}},
        # Made of what is known only when the hosts have been asked.
        {"glance_api_bind_address": "{{ ansible_facts.default_ipv4.address }}"},
        {
            "glance_database_url": "mysql://{{ place }}/",
            "place": "{{ hostvars['d'].ansible_facts.fqdn }}",
            "hostvars": {},
        },
    ],
)
def test_good_variables_pass(variables):
    result = check(variables)
    assert "failed" not in result
    assert "msg" not in result


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"glance_scrubtime": 60},
            ["glance_scrubtime is not a variable of glanceops.image_service (did you mean glance_scrub_time?)"],
        ),
        # The slip is in what all our names begin with.
        ({"glacne_api_port": 1}, ["glacne_api_port is not a variable of", "(did you mean glance_api_port?)"]),
        ({"glance-api-port": 1}, ["glance-api-port is not a variable of", "(did you mean glance_api_port?)"]),
        ({"glanceapi_port": 1}, ["glanceapi_port is not a variable of", "(did you mean glance_api_port?)"]),
        ({"glancemetadefs": 1}, ["glancemetadefs is not a variable of", "(did you mean glance_metadefs?)"]),
        ({"Glance_stores": 1}, ["Glance_stores is not a variable of", "(did you mean glance_stores?)"]),
        # Where it ends can be seen.
        ({"glance_api_port ": 1}, ['"glance_api_port " is not a variable of', "(did you mean glance_api_port?)"]),
        ({"glance_api_port\n": 1}, ['"glance_api_port?" is not a variable of', "(did you mean glance_api_port?)"]),
        ({"glance_scrub_time": "ten"}, ["glance_scrub_time", "ten", "int"]),
        ({"glance_delayed_delete": "perhaps"}, ["glance_delayed_delete", "perhaps", "bool"]),
        (
            {"glance_scrubber_mode": "cron"},
            ["glance_scrubber_mode should be one of timer, daemon, found cron: correct it"],
        ),
        (
            {"glance_scrub_time": "{{ hours * 3600 }}"},
            ["glance_scrub_time can't be worked out: ", "'hours' is undefined"],
        ),
        (
            {"glance_scrubber_config": "{}"},
            [
                "glance_scrubber_config should be a dict, found a text: "
                "give it in a file, or as -e '{\"glance_scrubber_config\": ...}'"
            ],
        ),
        # All of them at once.
        (
            {"glance_scrub_time": "{{ x }}", "glance_x": 1, "glance_scrubber_mode": "cron"},
            ["worked out", "cron", "glance_x"],
        ),
    ],
)
def test_wrong_variables_are_told_in_one_sentence_each(variables, said):
    result = check(variables)
    assert result["failed"] is True
    assert result["msg"].startswith("h: ")
    assert result["msg"].endswith(".")
    for text in said:
        assert text in result["msg"]
    assert result["msg"].count("; ") == len(variables) - 1


def test_facts_elsewhere_excuse_no_variable():
    variables = {"glance_scrub_time": "{{ hours * 3600 }}", "unused": "{{ ansible_facts.x }}", "hour": "{{ unused }}"}
    assert "glance_scrub_time can't be worked out: " in check(variables)["msg"]


@pytest.mark.parametrize(
    ("variables", "waiting"),
    [
        ({"glance_scrub_time": 60}, []),
        ({"glance_api_bind_address": "{{ ansible_facts.default_ipv4.address }}"}, ["glance_api_bind_address"]),
        (
            {"glance_api_bind_address": "{{ ansible_facts.a }}", "ansible_facts": {"a": "127.0.0.1", "memtotal_mb": 1}},
            [],
        ),
    ],
)
def test_what_could_not_be_judged_yet_is_named(variables, waiting):
    assert check(variables)["waiting"] == waiting


def test_files_of_the_operators_own_are_judged_with_their_sources(tmp_path):
    (tmp_path / "rack.json").write_text("{}")
    entries = [
        {"path": "/etc/glance/metadefs/rack.json", "src": "rack.json"},
        {"path": "/etc/glance/policy.yaml", "content": "hidden"},
    ]
    message = check({"glance_files": entries, "inventory_dir": str(tmp_path)})["msg"]
    assert "the text of /etc/glance/metadefs/rack.json in glance_files should have a namespace" in message
    assert "glance_api_policy says what is in it" in message
    assert "hidden" not in message
    assert message.count("; ") == 1


# Texts in vaults know the loader that has their passwords, and don't keep it.
LOADER = DataLoader()
LOADER.set_vault_secrets([("default", VaultSecret(b"another"))])


def closed():
    """Return a text in a vault that nobody has the password of."""
    return LOADER.load("a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n")["a"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"DEFAULT": {"transport_url": closed()}}, "vault"),
        ("{{ {'a': 1}.nope }}", "nope"),
        ("{{ glance_config }}", "it is made of itself."),
        ("{{ 'a' + 1 }}", "it puts values of different types together."),
        ("{{ ansible_default_ipv4.address }}", "facts are in ansible_facts, without ansible_ before their names."),
        ("{{ 'a' | no_such_filter }}", "no_such_filter"),
    ],
)
def test_why_a_variable_can_not_be_worked_out_is_said_with_its_name(value, said):
    message = check({"glance_config": value})["msg"]
    assert message.startswith("h: glance_config can't be worked out: ")
    assert said in message
    assert ".." not in message
    for word in ("object", "recursion", "concatenate"):
        assert word not in message


OPEN = {"glance_api_bind_address": "0.0.0.0"}
ANYBODY = "h: glance_api_bind_address should be a loopback address while glance_auth is none, found 0.0.0.0: anybody"


@pytest.mark.parametrize(
    ("groups", "arguments", "told"),
    [
        (["all", "glance_api"], {}, True),
        # In a play of the operator's own.
        (["images"], {"service": "glance-api"}, True),
        (["images"], {}, False),
        (["glance_scrubber"], {"service": "glance-scrubber"}, False),
        ([], {"service": "glance-loadbalancer"}, False),
        # What was looked at is not looked at again, but a role may be called for another service.
        (["glance_api"], {"service": "glance-api", "before": {"waiting": []}}, False),
        (["glance_api"], {"service": "glance-purge", "before": {"waiting": []}}, False),
        (["glance_scrubber"], {"service": "glance-api", "before": {"waiting": []}}, True),
        (["glance_api"], {"service": "glance-api", "before": {"waiting": ["glance_api_hosts"]}}, True),
    ],
)
def test_what_is_about_a_service_is_told_on_its_hosts(groups, arguments, told):
    given = {**OPEN, "glance_database_password": "a", "group_names": groups}
    assert check(given, **arguments).get("msg", "").startswith(ANYBODY) is told


@pytest.mark.parametrize(
    ("variables", "waiting", "failed"),
    [
        ({}, ["glance_api_hosts", "glance_deployment_hosts"], False),
        ({"glance_deployment_hosts": ["h"], "glance_api_hosts": ["h"]}, [], False),
        ({"glance_deployment_hosts": ["h", "i"], "glance_api_hosts": ["h"]}, [], True),
        # By others, which wait for facts.
        (
            {"glance_deployment_hosts": "{{ [ansible_facts.fqdn, 'i'] }}", "glance_api_hosts": ["h"]},
            ["glance_deployment_hosts"],
            False,
        ),
        (
            {
                "glance_install_method": "package",
                "glance_deployment_hosts": ["h"],
                "glance_api_hosts": ["h"],
            },
            ["ansible_facts"],
            False,
        ),
    ],
)
def test_what_is_not_known_yet_is_waited_for_and_not_judged(variables, waiting, failed):
    result = check({"glance_database_password": "a", "group_names": ["glance_api"], **variables})
    assert result.get("failed", False) is failed
    assert result["waiting"] == waiting
    assert not failed or "the directories of file stores should be the same for h, i" in result["msg"]


def test_a_default_of_what_playbooks_hand_over_is_none():
    given = {"glance_database_password": "a", "group_names": ["glance_loadbalancer"]}
    assert "failed" not in check(given)
    assert "should name what is balanced, found nothing" in check({**given, "glance_loadbalancer_services": {}})["msg"]


def test_a_relation_of_what_is_wrong_by_itself_is_not_told():
    wrong = {**OPEN, "glance_api_bind_address": "0.0.0.0:9292", "group_names": ["glance_api"]}
    message = check({**wrong, "glance_database_password": "a"})["msg"]
    assert "should be an address of the host" in message
    assert "loopback" not in message


def test_a_name_in_capitals_is_a_slip():
    assert "did you mean glance_auth?" in check({"GLANCE_AUTH": "none"})["msg"]
