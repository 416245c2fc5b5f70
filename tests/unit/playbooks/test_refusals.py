"""The example inventories with one mistake each: site.yml ends before any change, with a sentence about it.

Many mistakes share a run, each made by a host of its own. Only the checks of site.yml are run, for this machine and for
others that are not there.
"""

import ipaddress
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys

import pytest
import yaml
from parties import Party

PROJECT = pathlib.Path(__file__).parents[3]
# Facts are those of this machine.
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
USER = {"name": "a", "project": "p", "password": "hidden-hidden"}
WRONG = {
    "str": [{"a": 1}, ["a"]],
    "int": ["many", [1, 2]],
    "bool": ["perhaps", {"a": 1}],
    "list": ["a, b", {"a": 1}],
    "dict": ["a: 1", ["a"]],
    "path": [["a"], {"a": 1}],
}
# One value for all hosts of the API, which is refused before those of each.
SHARED = {"glance_api_serial"}


def operator_options():
    """Return the options of all roles that an operator sets."""
    specs = [yaml.safe_load(path.read_text()) for path in sorted(PROJECT.glob("roles/*/meta/argument_specs.yml"))]
    entries = [entry for spec in specs for entry in spec["argument_specs"].values()]
    found = {name: option for entry in entries for name, option in (entry.get("options") or {}).items()}
    return dict(sorted(found.items()))


def mistakes():
    """Give (name that the sentence has to have, variables) for each way to get one variable wrong."""
    for name, option in operator_options().items():
        values = ["no-such-choice" if option["type"] == "str" else ["no-such-choice"]] if "choices" in option else []
        if name not in SHARED:
            for value in [*values, *WRONG[option["type"]], None, "{{ no_such_variable }}"]:
                yield name, {name: value}
        misspelt = name[:-2] + name[-1] + name[-2] if name[-1] != name[-2] else f"{name}x"
        yield misspelt, {misspelt: "a"}
    yield "glance_release", {"glance_release": "zed"}
    yield "glance_api_bind_address", {"glance_api_config": {"DEFAULT": {"bind_host": "0.0.0.0"}}}
    yield "glance_config", {"glance_config": {"DEFAULT": None}}
    yield "glance_basic_users", {"glance_basic_users": [{**USER, "password": 12345678}]}
    yield "glance_mounts", {"glance_mounts": [{"path": "/srv/images"}]}
    yield "glance_basic_users", {"glance_basic_users": [{"name": "a", "password": "hushed"}]}
    yield "glance_basic_users", {"glance_basic_users": [{"name": "a", "project": "p", "pasword": "hushed"}]}
    for wrong in ({"pasword": "hushed"}, {"password": ["hushed"]}, {"user": None}):
        yield "glance_identity_admin", {"glance_identity_admin": {"user": "admin", "password": "hushed", **wrong}}
    for wrong in ({"roles": "admin"}, {"roles": None}, {"project": None}, {"name": ["a"]}):
        yield "glance_basic_users", {"glance_basic_users": [{**USER, **wrong}]}


def ansible(program, *arguments, **environment):
    """Run one of Ansible's programs as an installed collection has it run: without our ansible.cfg."""
    left_out = ("ANSIBLE_CONFIG", "PYTHONDONTWRITEBYTECODE")
    return subprocess.run(
        [program, *(str(PROJECT / each) if each.startswith("playbooks/") else each for each in arguments)],
        cwd=PROJECT / "tests",
        env={
            **{key: value for key, value in os.environ.items() if key not in left_out},
            "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".ansible/collections"),
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_FORKS": str(2 * (os.cpu_count() or 1)),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def cached(folder):
    """Return the environment in which Ansible keeps facts in *folder*, and does not ask for those that are there."""
    return {
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder),
        "ANSIBLE_GATHERING": "smart",
    }


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """Ask for the facts of this machine once; gives the file with them."""
    folder = tmp_path_factory.mktemp("facts")
    variables = json.dumps(LOCAL)
    asked = ansible("ansible", "h", "-i", "h,", "-e", variables, "-m", "ansible.builtin.gather_facts", **cached(folder))
    assert asked.returncode == 0, asked.stdout + asked.stderr
    (file,) = folder.iterdir()
    return file


def known_as(facts, names, folder):
    """Give hosts the facts of this machine; returns the environment for it."""
    folder.mkdir()
    for name in names:
        shutil.copy(facts, folder / f"{facts.name.removesuffix('h')}{name}")
    return cached(folder)


class Refusal:
    """How a run of site.yml ended."""

    def __init__(self, folder, inventory, *options, **environment):
        path = folder / "hosts.json"
        path.write_text(json.dumps(inventory))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = ansible(
            "ansible-playbook",
            f"--inventory={path}",
            "--check",
            "--tags=always",
            "playbooks/site.yml",
            *options,
            **environment,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.output = run.stdout + run.stderr
        assert run.returncode != 0, self.output
        failures = re.finditer(r"^fatal: \[([^]]+)\]: \w+! => ", run.stdout, re.MULTILINE)
        decode = json.JSONDecoder().raw_decode
        self.sentences = {found[1]: decode(run.stdout, found.end())[0]["msg"] for found in failures}


def example(name):
    """Return the variables that an example inventory gives to a host of Glance, with what a vault would hold.

    Its addresses are replaced by those of networks for benchmarks, as an operator replaces them by real ones.
    """
    folder = PROJECT / "inventories" / name
    groups = yaml.safe_load((folder / "hosts.yml").read_text())
    variables = dict(groups.get("glance", {}).get("vars", {}))
    for path in folder.glob("group_vars/all/*.yml"):
        text = path.read_text().replace("192.0.2.", "198.18.0.").replace("s3.example.com", "s3.lan")
        variables |= yaml.safe_load(text)
    vault = ("glance_database_password", "glance_s3_access_key", "glance_s3_secret_key")
    return variables | {f"vault_{each}": "hushed" for each in vault} | LOCAL


def aliases(group, cases, variables):
    """Return an inventory in which each of *cases*, variables by host, is a deployment of its own."""
    good = {name: {"hosts": {"good": {}}} for name in ("glance_api", "glance_scrubber")}
    return {
        "all": {
            "vars": {"glance_standalone_hosts": True, **variables},
            "children": good | {group: {"hosts": cases}},
        }
    }


@pytest.fixture
def no_lookups():
    """Return the variables of inventories/single without the lookup that makes a password in this checkout."""
    variables = example("single")
    for user in variables["glance_basic_users"]:
        user["password"] = "hushed enough"
    variables["glance_database_password"] = "hushed"
    return variables


@pytest.mark.parametrize(
    ("name", "first", "step"), [("single", 0, 3), ("single", 1, 3), ("single", 2, 3), ("cluster", 0, 4)]
)
def test_every_wrong_variable_is_named(tmp_path, no_lookups, name, first, step):
    # Nobody is in the group that has the database.
    variables = no_lookups if name == "single" else {**example(name), "glance_database_host": "198.18.0.31"}
    cases = {f"h{number}": case for number, case in enumerate(list(mistakes())[first::step])}
    assert len(cases) > 100
    inventory = aliases("glance_api", {host: case for host, (_named, case) in cases.items()}, variables)
    # Addresses that nobody has: a host that is asked for anything would be unreachable.
    refusal = Refusal(tmp_path, inventory, "--connection=ssh", "--extra-vars=ansible_host=198.18.0.1")
    assert refusal.sentences.keys() == cases.keys()
    wrong = {
        host: (case, refusal.sentences[host])
        for host, (named, case) in cases.items()
        if not re.fullmatch(rf"{host}: [^\n]*\b{named}\b[^\n]*\.", refusal.sentences[host])
    }
    assert wrong == {}
    assert "hushed" not in refusal.output


def two_hosts(**variables):
    """Return the inventory of two API hosts and the scrubber beside them."""
    hosts = {"api1": {}, "api2": {}}
    return {
        "all": {
            "vars": variables,
            "children": {"glance_api": {"hosts": hosts}, "glance_scrubber": {"hosts": {"api1": {}}}},
        }
    }


INVENTORIES = {
    "no API host": ({"all": {"children": {"glance_scrubber": {"hosts": {"a": {}}}}}}, "group glance_api, found none"),
    "two scrubbers": (
        {"all": {"children": {name: {"hosts": {"a": {}, "b": {}}} for name in ("glance_api", "glance_scrubber")}}},
        "The group glance_scrubber should have one host, found a, b",
    ),
    "two databases": (
        {"all": {"children": {name: {"hosts": {"a": {}, "b": {}}} for name in ("glance_api", "glance_database")}}},
        "The group glance_database should have one host, found a, b",
    ),
    "two that register": (
        {"all": {"children": {name: {"hosts": {"a": {}, "b": {}}} for name in ("glance_api", "glance_identity")}}},
        "The group glance_identity should have one host, found a, b",
    ),
    "kept and retired": (
        {"all": {"children": {name: {"hosts": {"a": {}, "b": {}}} for name in ("glance_api", "glance_retired")}}},
        "The hosts of the group glance_retired should be in no other group of the image service, found a, b",
    ),
    "nobody scrubs": (
        {"all": {"vars": {"glance_delayed_delete": True}, "children": {"glance_api": {"hosts": {"a": {}}}}}},
        "The group glance_scrubber should have a host while glance_delayed_delete is true",
    ),
    "a group that is misspelt": (
        {"all": {"children": {name: {"hosts": {"a": {}}} for name in ("glance_api", "glance_databases")}}},
        "The inventory has a group glance_databases with a, which is none of glanceops.image_service (did you mean",
    ),
    "API and balancer at one port": (
        {"all": {"children": {name: {"hosts": {"a": {}}} for name in ("glance_api", "glance_loadbalancer")}}},
        "a: the image API and the load balancer should listen at two ports, found 9292 for both",
    ),
    "every API host at a time": (
        {"all": {"vars": {"glance_api_serial": "100%"}, "children": {"glance_api": {"hosts": {"a": {}, "b": {}}}}}},
        "glance_api_serial should leave a host of the API that serves, found 100% with 2 of them (a, b)",
    ),
    "API hosts that disagree on their batches": (
        {"all": {"children": {"glance_api": {"hosts": {"a": {"glance_api_serial": 2}, "b": {}, "c": {}}}}}},
        "glance_api_serial should be the same on all hosts of the group glance_api, which one play changes",
    ),
    "an address of documentation": (
        {
            "all": {
                "children": {"glance_api": {"hosts": {"a": {"glance_keystone_url": "https://keystone.example.com"}}}}
            }
        },
        "found those of documentation in glance_keystone_url: keystone.example.com",
    ),
}


@pytest.mark.parametrize(("inventory", "said"), INVENTORIES.values(), ids=INVENTORIES)
def test_wrong_groups_are_named_without_asking_a_host(tmp_path, inventory, said):
    refusal = Refusal(tmp_path, inventory, "--connection=ssh", "--extra-vars=ansible_host=198.18.0.1")
    (sentence,) = refusal.sentences.values()
    assert said in sentence
    # Of processor time, since this machine may have other work; an operator waits about as long.
    assert refusal.seconds < 5


PLAYBOOKS = sorted(path.stem for path in PROJECT.glob("playbooks/*.yml"))


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_no_playbook_ends_well_without_its_hosts(tmp_path, name):
    run = ansible("ansible-playbook", f"--inventory={tmp_path}/typo", f"playbooks/{name}.yml")
    assert run.returncode == 2, run.stdout + run.stderr
    assert f"The inventory {tmp_path}/typo should be a file or a folder, found nothing there" in run.stdout


@pytest.mark.parametrize(
    ("inventory", "options", "said"),
    [
        (
            "web: {hosts: {w: {}}}",
            [],
            "The inventory should have at least one host in the group glance_api, found none",
        ),
        (
            "{glance_api: {hosts: {a: {}}}, glance_database: {hosts: {d: {}}}}",
            ["--limit=d"],
            "The run should have at least one of a (of glance_api), found none with --limit d",
        ),
        ("glance_api: {hosts: [a", [], "should be one that Ansible can read, found that it can't"),
    ],
    ids=["no such group", "limited away", "no YAML"],
)
def test_a_backup_of_nothing_is_no_success(tmp_path, inventory, options, said):
    (tmp_path / "hosts.yml").write_text(inventory)
    run = ansible("ansible-playbook", f"--inventory={tmp_path}/hosts.yml", "playbooks/backup.yml", *options)
    assert run.returncode == 2, run.stdout + run.stderr
    assert said in run.stdout


def test_a_variable_that_needs_a_host_which_is_not_there_is_named(tmp_path):
    host = {**MARIADB, "glance_database_host": "{{ hostvars[groups.glance_database | first].ansible_facts.fqdn }}"}
    refusal = Refusal(tmp_path, {"glance_api": {"hosts": {"a": host}}})
    assert refusal.sentences["a"] == (
        "a: glance_database_host can't be worked out: it needs a host of glance_database, and the inventory has none."
    )


def test_a_wrong_variable_that_is_made_of_facts_is_refused_when_they_are_known(tmp_path, no_lookups):
    stores = {
        "a": {"driver": "file", "options": {"filesystem_store_datadir": "/home/{{ ansible_facts.distribution }}"}}
    }
    host = {"glance_stores": stores, "glance_default_store": "a"}
    refusal = Refusal(tmp_path, aliases("glance_api", {"h": host}, no_lookups))
    assert "filesystem_store_datadir of the store a in glance_stores should be a plain" in refusal.sentences["h"]


def test_a_virtual_address_of_another_network_is_refused(tmp_path, facts):
    hosts = {
        "glance_api": {"hosts": {"a": {}}},
        "glance_loadbalancer": {"hosts": {"b": {"glance_loadbalancer_virtual_address": "198.18.0.100"}}},
    }
    right = {**LOCAL, **MARIADB, **KEYSTONE, "glance_api_bind_address": "198.18.0.9"}
    refusal = Refusal(tmp_path, {"all": {"children": hosts, "vars": right}}, **known_as(facts, "ab", tmp_path / "f"))
    (sentence,) = refusal.sentences.values()
    assert "b: glance_loadbalancer_virtual_address should be in a network of the interface" in sentence


def test_wrong_variable_takes_no_longer_than_a_wrong_group(tmp_path, no_lookups):
    inventory = aliases("glance_api", {"h": {"glance_api_port": "many"}}, no_lookups)
    assert Refusal(tmp_path, inventory).seconds < 5


HERE, ELSEWHERE = (Party(name, names=[ipaddress.ip_address(name)]).variables for name in ("127.0.0.1", "198.18.0.9"))
MOUNT = {"path": "/srv/images", "src": "nfs1:/x", "fstype": "nfs4"}
KEYSTONE = {
    "glance_auth": "keystone",
    "glance_keystone_url": "http://127.0.0.1:5000",
    "glance_keystone_password": "hidden",
}
IDENTITY = {
    **KEYSTONE,
    "glance_identity_admin": {"user": "admin", "password": "hidden"},
    "glance_identity_public_url": "http://127.0.0.1:9292",
}
MARIADB = {"glance_database_engine": "mariadb", "glance_database_password": "hidden"}
# One of each judge, by the group of the host, with words of the sentence; the others are in tests of the judges.
KINDS = [
    (
        "glance_api",
        {"glance_api_config": {"DEFAULT": {"debgu": True}}},
        "[DEFAULT] debgu of glance_api_config is no option",
    ),
    ("glance_api", {"glance_api_policy": {"get_imag": "@"}}, "found neither: did you mean get_image?"),
    (
        "glance_api",
        {"glance_database_host": "db host;x"},
        "glance_database_host should be an address or a name of a host",
    ),
    ("glance_api", {"glance_api_port": 0}, "glance_api_port should be from 1 to 65535, found 0"),
    ("glance_api", {"glance_config": {"DEFAULT": {"auth_region": "x"}}}, "[DEFAULT] auth_region should be taken away"),
    ("glance_api", {"glance_config": {"DEFAULT": {"log_file": "/var/log/glance.log"}}}, "log files should lie in a"),
    (
        "glance_api",
        {"glance_image_max_bytes": 2, "glance_project_max_bytes": 1},
        "glance_project_max_bytes should be 0",
    ),
    ("glance_api", {"glance_basic_users": [{**USER, "name": "a b"}]}, 'found "a b"'),
    ("glance_api", {"glance_stores": {}}, "glance_stores should have at least one store"),
    ("glance_api", {"glance_api_bind_address": "0.0.0.0"}, "passwords would cross the network"),
    ("glance_api", {**KEYSTONE, "glance_keystone_url": "http://me:hidden@h"}, "found http://********@h"),
    ("glance_api", {**HERE, "glance_tls_key": "hidden"}, "glance_tls_key should be a private key as PEM"),
    ("glance_api", {**MARIADB, "glance_database_password": ""}, "glance_database_password should be set, found none"),
    (
        "glance_database",
        {**MARIADB, "glance_database_user": "root"},
        "glance_database_user should be a user for Glance",
    ),
    ("glance_identity", {**IDENTITY, "glance_identity_admin": {}}, "glance_identity_admin should have the user and"),
]


def test_what_the_variables_show_is_told_without_asking_a_host(tmp_path, no_lookups):
    cases = {f"h{number}": case for number, case in enumerate(KINDS)}
    inventory = aliases("glance_api", {}, no_lookups)
    for host, (group, variables, _said) in cases.items():
        inventory["all"]["children"].setdefault(group, {"hosts": {}})["hosts"][host] = variables
    refusal = Refusal(tmp_path, inventory, "--connection=ssh", "--extra-vars=ansible_host=198.18.0.1")
    told = refusal.sentences
    assert told.keys() == cases.keys()
    assert [(host, case[-1], told[host]) for host, case in cases.items() if case[-1] not in told[host]] == []
    assert [sentence for sentence in told.values() if "\n" in sentence or not sentence.endswith(".")] == []
    assert "hidden" not in refusal.output


def test_what_only_facts_show_is_told_when_they_are_known(tmp_path, no_lookups, facts):
    inventory = aliases("glance_api", {"h": {"glance_install_method": "package"}}, no_lookups)
    refusal = Refusal(tmp_path, inventory, **known_as(facts, ["good", "h"], tmp_path / "facts"))
    assert refusal.sentences.keys() == {"h"}
    assert "glance_install_method should be venv on Debian" in refusal.sentences["h"]


DEPLOYMENTS = {
    "files of one host": (MARIADB, "the directories of file stores should be the same for api1, api2"),
    "mounts of differing users": (
        {**MARIADB, "glance_mounts": [{**MOUNT, "path": "/var/lib/glance/images"}]},
        "glance_user_id should be set for api1, api2",
    ),
    "staged elsewhere": (
        {
            **MARIADB,
            "glance_auth": "basic",
            "glance_basic_users": [USER],
            "glance_shared_directories": ["/var/lib/glance/images"],
        },
        "glance_api_import_methods should not hold glance-direct",
    ),
}


def test_a_balancer_whose_servers_have_a_certificate_in_part_is_refused(tmp_path):
    inventory = two_hosts(**LOCAL, **MARIADB, **KEYSTONE, glance_api_bind_address="198.18.0.9")
    groups = inventory["all"]["children"]
    groups["glance_api"]["hosts"]["api1"] = ELSEWHERE
    groups["glance_loadbalancer"] = {"hosts": {"balancer": {}}}
    refusal = Refusal(tmp_path, inventory)
    assert (
        "either all servers of a service or none should have a certificate, found none for api2"
        in (refusal.sentences["balancer"])
    )


@pytest.mark.parametrize(("variables", "said"), DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_what_several_hosts_can_not_have_is_refused_without_asking_them(tmp_path, variables, said):
    refusal = Refusal(tmp_path, two_hosts(**variables), "--connection=ssh", "--extra-vars=ansible_host=198.18.0.1")
    assert said in refusal.sentences["api1"]
    assert "hidden" not in refusal.output


def test_a_role_in_a_play_of_ones_own_refuses_a_wrong_variable(tmp_path):
    play = {
        "hosts": "h",
        "gather_facts": False,
        "roles": ["glanceops.image_service.scrubber"],
        "vars": {"glance_scrub_tme": 1, "glance_scrubber_config": {"DEFAULT": {"daemon": True}}},
    }
    (tmp_path / "play.json").write_text(json.dumps([play]))
    run = ansible("ansible-playbook", "--inventory=h,", "--extra-vars", json.dumps(LOCAL), f"{tmp_path}/play.json")
    assert run.returncode == 2, run.stdout + run.stderr
    assert "glance_scrub_tme is not a variable of glanceops.image_service" in run.stdout
    assert "[DEFAULT] daemon should be set by glance_scrubber_mode" in run.stdout
    assert "changed=0" in run.stdout


@pytest.mark.parametrize("role", ["api", "registry", "scrubber", "loadbalancer", "backup"])
def test_a_role_in_a_play_of_ones_own_gathers_the_facts_it_needs(tmp_path, role):
    play = {"hosts": "h", "gather_facts": False, "roles": [f"glanceops.image_service.{role}"]}
    (tmp_path / "play.json").write_text(json.dumps([play]))
    wrong = {**LOCAL, "glance_auth": "keystone", "glance_release": "ussuri"}
    run = ansible("ansible-playbook", "--inventory=h,", "--extra-vars", json.dumps(wrong), f"{tmp_path}/play.json")
    assert run.returncode == 2, run.stdout + run.stderr
    assert "glance_keystone_url should be the URL of Keystone" in run.stdout
    assert "changed=0" in run.stdout
