"""What only a run of a playbook shows of refusals: each is told for its host, at once, and before any host is asked.

What is refused, and with which words, is tested with the functions that do it. Many mistakes share a run here, since a
run takes seconds. Only the checks of site.yml are run, for this machine and for others that are not there.
"""

import ipaddress
import json
import os
import re
import resource
import shutil
import subprocess
import sys

import pytest
import yaml
from mistakes import PROJECT, USER, example
from parties import Party

# Facts are those of this machine.
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
# Addresses that nobody has: a host that is asked for anything would be unreachable.
NOWHERE = ("--connection=ssh", "--extra-vars=ansible_host=198.18.0.1")
HERE, ELSEWHERE = (Party(name, names=[ipaddress.ip_address(name)]).variables for name in ("127.0.0.1", "198.18.0.9"))
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


def known_as(names, folder):
    """Ask for the facts of this machine, give them to hosts; returns the environment that has them known."""
    environment = {
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder),
        "ANSIBLE_GATHERING": "smart",
    }
    first, *others = names
    arguments = (first, "-i", f"{first},", "-e", json.dumps(LOCAL), "-m", "ansible.builtin.gather_facts")
    asked = ansible("ansible", *arguments, **environment)
    assert asked.returncode == 0, asked.stdout + asked.stderr
    (file,) = folder.iterdir()
    for name in others:
        shutil.copy(file, folder / f"{file.name.removesuffix(first)}{name}")
    return environment


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
        told = [(found[1], decode(run.stdout, found.end())[0]["msg"]) for found in failures]
        self.sentences = dict(told)
        # Each host is told once.
        assert len(told) == len(self.sentences), told


def groups(**hosts):
    """Return an inventory of groups with the *hosts* of each, by their names or with their variables."""
    return {"all": {"children": {group: {"hosts": dict(each)} for group, each in hosts.items()}}}


def alone(group, cases, variables):
    """Return an inventory in which each of *cases*, variables by host, is a deployment of its own, as is a good one."""
    inventory = groups(glance_api={"good": {}}, glance_scrubber={"good": {}})
    inventory["all"]["vars"] = {"glance_standalone_hosts": True, **variables}
    inventory["all"]["children"].setdefault(group, {"hosts": {}})["hosts"].update(cases)
    return inventory


def test_all_that_is_wrong_with_groups_is_told_at_once_without_asking_a_host(tmp_path):
    two = {"a": {}, "b": {}}
    inventory = groups(
        glance_api={"a": {"glance_keystone_url": "https://keystone.example.com"}, "b": {}},
        glance_database=two,
        glance_identity=two,
        glance_loadbalancer={"a": {}},
        glance_retired={"b": {}},
    )
    inventory["all"]["vars"] = {"glance_delayed_delete": True, "glance_api_serial": "100%"}
    refusal = Refusal(tmp_path, inventory, *NOWHERE)
    (sentence,) = refusal.sentences.values()
    for said in (
        "The group glance_database should have one host, found a, b",
        "The group glance_identity should have one host, found a, b",
        "The hosts of the group glance_retired should be in no other group of the image service, found b",
        "The group glance_scrubber should have a host while glance_delayed_delete is true",
        "a: the image API and the load balancer should listen at two ports, found 9292 for both",
        "found those of documentation in glance_keystone_url: keystone.example.com",
        "glance_api_serial should leave a host of the API that serves, found 100% with 2 of them (a, b)",
    ):
        assert said in sentence
    # Of processor time, since this machine may have other work; an operator waits about as long.
    assert refusal.seconds < 5


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("glance_apis", "The inventory has a group glance_apis with a, which is none of glanceops.image_service (did"),
        ("web", "The inventory should have at least one host in the group glance_api, found none"),
    ],
)
def test_a_group_that_is_misspelt_or_has_no_host_is_told(tmp_path, group, said):
    inventory = groups(**{group: {"a": {}}, "glance_scrubber": {"a": {}}})
    (sentence,) = Refusal(tmp_path, inventory, *NOWHERE).sentences.values()
    assert sentence.startswith(said)


@pytest.mark.parametrize("path", sorted(PROJECT.glob("playbooks/*.yml")), ids=lambda path: path.stem)
def test_every_playbook_refuses_an_inventory_before_anything_else(path):
    first, *_others = yaml.safe_load(path.read_text())
    assert "when" not in first
    # site.yml does it for a playbook that begins with it.
    assert first["import_playbook"] in ({"plays/preflight.yml", "site.yml"} - {path.name})


def test_a_backup_without_its_inventory_is_no_success(tmp_path):
    (tmp_path / "broken.yml").write_text("glance_api: {hosts: [a")
    sources = [f"--inventory={tmp_path}/{name}" for name in ("typo", "broken.yml")]
    run = ansible("ansible-playbook", *sources, "playbooks/backup.yml")
    assert run.returncode == 2, run.stdout + run.stderr
    assert f"The inventory {tmp_path}/typo should be a file or a folder, found nothing there" in run.stdout
    assert f"The inventory {tmp_path}/broken.yml should be one that Ansible can read, found that it can't" in run.stdout


def test_a_backup_that_is_limited_to_others_is_no_success(tmp_path):
    (tmp_path / "hosts.json").write_text(json.dumps(groups(glance_api={"a": {}}, glance_database={"d": {}})))
    run = ansible("ansible-playbook", f"--inventory={tmp_path}/hosts.json", "playbooks/backup.yml", "--limit=d")
    assert run.returncode == 2, run.stdout + run.stderr
    assert "The run should have at least one of a (of glance_api), found none with --limit d" in run.stdout


# One of each judge, by the group of the host, with words of the sentence; the others are in tests of the judges.
KINDS = [
    ("glance_api", {"glance_apt_port": 1}, "glance_apt_port is not a variable of glanceops.image_service (did you"),
    ("glance_api", {"glance_api_port": "many"}, "glance_api_port should be an int, found many"),
    ("glance_api", {"glance_api_port": "{{ hushed }}"}, "glance_api_port can't be worked out"),
    ("glance_api", {"glance_stores": None}, "glance_stores should be a dict, found nothing"),
    ("glance_api", {"glance_basic_users": [{**USER, "pasword": "hidden"}]}, "glance_basic_users should have name,"),
    (
        "glance_api",
        {"glance_database_host": "{{ hostvars[groups.glance_nowhere | first].ansible_facts.fqdn }}"},
        "glance_database_host can't be worked out: it needs a host of glance_nowhere, and the inventory has none.",
    ),
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
    (
        "glance_api",
        {
            "glance_images": [
                {"name": "a", "disk_format": "raw", "uri": "http://me:hidden@h/", "os_hash_value": "0" * 64}
            ]
        },
        "uri of a in glance_images should have no user name or password in it, found one",
    ),
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


def test_what_the_variables_show_is_told_without_asking_a_host(tmp_path):
    cases = {f"h{number}": case for number, case in enumerate(KINDS)}
    inventory = alone("glance_api", {}, {**example("single"), **LOCAL})
    for host, (group, variables, _said) in cases.items():
        inventory["all"]["children"].setdefault(group, {"hosts": {}})["hosts"][host] = variables
    refusal = Refusal(tmp_path, inventory, *NOWHERE)
    told = refusal.sentences
    assert told.keys() == cases.keys()
    assert [(host, case[-1], told[host]) for host, case in cases.items() if case[-1] not in told[host]] == []
    assert [sentence for sentence in told.values() if "\n" in sentence or not sentence.endswith(".")] == []
    assert "hidden" not in refusal.output


def test_what_only_facts_show_is_told_when_they_are_known(tmp_path):
    folder = tmp_path / "facts"
    folder.mkdir()
    inventory = alone("glance_api", {"h": {"glance_install_method": "package"}}, {**example("single"), **LOCAL})
    refusal = Refusal(tmp_path, inventory, **known_as(["good", "h"], folder))
    assert refusal.sentences.keys() == {"h"}
    assert "glance_install_method should be venv on Debian" in refusal.sentences["h"]


def test_a_wrong_variable_that_is_made_of_facts_is_refused_when_hosts_were_asked(tmp_path):
    datadir = {"filesystem_store_datadir": "/home/{{ ansible_facts.distribution }}"}
    host = {"glance_stores": {"a": {"driver": "file", "options": datadir}}, "glance_default_store": "a"}
    refusal = Refusal(tmp_path, alone("glance_api", {"h": host}, {**example("single"), **LOCAL}))
    assert "filesystem_store_datadir of the store a in glance_stores should be a plain" in refusal.sentences["h"]


def test_a_virtual_address_of_another_network_is_refused(tmp_path):
    inventory = groups(
        glance_api={"a": {}},
        glance_loadbalancer={"b": {"glance_loadbalancer_virtual_address": "198.18.0.100"}},
    )
    inventory["all"]["vars"] = {**LOCAL, **MARIADB, **KEYSTONE, "glance_api_bind_address": "198.18.0.9"}
    (sentence,) = Refusal(tmp_path, inventory).sentences.values()
    assert "b: glance_loadbalancer_virtual_address should be in a network of the interface" in sentence


def test_what_several_hosts_can_not_have_is_refused_without_asking_them(tmp_path):
    inventory = groups(
        glance_api={"api1": ELSEWHERE, "api2": {}}, glance_scrubber={"api1": {}}, glance_loadbalancer={"balancer": {}}
    )
    inventory["all"]["vars"] = {
        **MARIADB,
        "glance_auth": "basic",
        "glance_basic_users": [USER],
        "glance_api_bind_address": "198.18.0.9",
        "glance_mounts": [{"path": "/var/lib/glance/images", "src": "nfs1:/x", "fstype": "nfs4"}],
    }
    refusal = Refusal(tmp_path, inventory, *NOWHERE)
    assert "glance_user_id should be set for api1, api2" in refusal.sentences["api1"]
    assert "glance_api_import_methods should not hold glance-direct" in refusal.sentences["api1"]
    assert (
        "either all servers of a service or none should have a certificate, found none for api2"
        in (refusal.sentences["balancer"])
    )
    assert "hidden" not in refusal.output
    assert refusal.seconds < 5


ROLES = ("api", "registry", "scrubber", "loadbalancer", "backup")


def test_a_role_in_a_play_of_ones_own_refuses_wrong_variables_and_gathers_the_facts_it_needs(tmp_path):
    # A play in which all hosts fail is the last one: each has one besides, to which nothing is done.
    plays = [
        {
            "hosts": f"{role}:other",
            "gather_facts": False,
            "roles": [{"role": f"glanceops.image_service.{role}", "when": "inventory_hostname != 'other'"}],
        }
        for role in ROLES
    ]
    variables = {**LOCAL, "glance_auth": "keystone", "glance_release": "ussuri"}
    misspelt = {"glance_scrub_tme": 1, "glance_scrubber_config": {"DEFAULT": {"daemon": True}}}
    (tmp_path / "play.json").write_text(json.dumps([*plays, {**plays[2], "hosts": "own:other", "vars": misspelt}]))
    hosts = f"--inventory={','.join([*ROLES, 'own', 'other'])}"
    run = ansible("ansible-playbook", hosts, "--extra-vars", json.dumps(variables), f"{tmp_path}/play.json")
    assert run.returncode == 2, run.stdout + run.stderr
    failed = dict(re.findall(r"^fatal: \[(\w+)\]: (.*)$", run.stdout, re.MULTILINE))
    assert failed.keys() == {*ROLES, "own"}
    for role in ROLES:
        assert "glance_keystone_url should be the URL of Keystone" in failed[role]
    assert "glance_scrub_tme is not a variable of glanceops.image_service" in failed["own"]
    assert "[DEFAULT] daemon should be set by glance_scrubber_mode" in failed["own"]
    assert run.stdout.count("changed=0") == len(ROLES) + 2


@pytest.mark.parametrize(("role", "entry", "said"), [("api", "verify", "failed=0"), ("scrubber", "audit", "login")])
def test_an_entry_point_in_a_play_of_ones_own_needs_no_word_of_other_hosts(tmp_path, role, entry, said):
    tasks = [{"ansible.builtin.import_role": {"name": f"glanceops.image_service.{role}", "tasks_from": entry}}]
    (tmp_path / "play.json").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    variables = ["--extra-vars", json.dumps(LOCAL)]
    run = ansible("ansible-playbook", "--inventory=h,", "--check", *variables, f"{tmp_path}/play.json")
    assert "undefined" not in run.stdout, run.stdout
    assert said in run.stdout, run.stdout


IN_AN_UPGRADE = [
    {
        "hosts": "balancer",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.set_fact": {"default_ipv4": {"address": "198.18.0.9"}, "cacheable": True}}],
    },
    {
        "hosts": "glance_api",
        "gather_facts": False,
        "tasks": [
            {"glanceops.image_service.topology": {"groups": ["all"]}, "run_once": True, "register": "found"},
            {
                "ansible.builtin.debug": {
                    "msg": "SAID {{ found.hosts.old.upgrade.backup_host }} "
                    "{{ found.hosts.old.glance_loadbalancer_addresses | join }}"
                },
                "run_once": True,
            },
        ],
    },
]


def test_an_upgrade_knows_variables_of_other_hosts_and_what_facts_have_told(tmp_path):
    """Without the registry's address, the host that has no login to the database would back it up.

    Without the balancers' addresses, the API's own HAProxy would not believe them any more.
    """
    deployed = {"__glance_upgrade": {"running": "ussuri", "back_to": ""}, "glance_release": "ussuri"}
    hosts = {
        "registry": {**deployed, "ansible_host": "198.18.0.2"},
        "old": {**deployed, "glance_registry_host": "{{ hostvars.registry.ansible_host }}"},
        "balancer": {"ansible_host": "198.18.0.3"},
        "new": {"__glance_upgrade": {"running": "", "back_to": ""}},
    }
    # The backup is taken on a host of the play.
    members = {
        "glance_api": hosts.keys() - {"balancer"},
        "glance_registry": ["registry"],
        "glance_loadbalancer": ["balancer"],
    }
    groups = {group: {"hosts": dict.fromkeys(sorted(names))} for group, names in members.items()}
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts, "children": groups}}))
    (tmp_path / "play.yml").write_text(json.dumps(IN_AN_UPGRADE))
    done = ansible("ansible-playbook", "-i", str(tmp_path / "hosts.yml"), str(tmp_path / "play.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SAID registry 198.18.0.9" in done.stdout, done.stdout
