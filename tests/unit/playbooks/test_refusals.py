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
CACHE = {"glance_cache_max_bytes": 1}
USER = {"name": "a", "project": "p", "password": "hidden-hidden"}
WRONG = {
    "str": [{"a": 1}, ["a"]],
    "int": ["many", [1, 2]],
    "bool": ["perhaps", {"a": 1}],
    "list": ["a, b", {"a": 1}],
    "dict": ["a: 1", ["a"]],
    "path": [["a"], {"a": 1}],
}


def operator_options():
    """Return the options of all roles that an operator sets."""
    specs = [yaml.safe_load(path.read_text()) for path in sorted(PROJECT.glob("roles/*/meta/argument_specs.yml"))]
    entries = [entry for spec in specs for entry in spec["argument_specs"].values()]
    found = {name: option for entry in entries for name, option in (entry.get("options") or {}).items()}
    return {name: option for name, option in sorted(found.items()) if not name.startswith("glance_common_")}


def mistakes():
    """Give (name that the sentence has to have, variables) for each way to get one variable wrong."""
    for name, option in operator_options().items():
        values = ["no-such-choice" if option["type"] == "str" else ["no-such-choice"]] if "choices" in option else []
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
    host = {"glance_database_host": "{{ hostvars[groups.glance_database | first].ansible_facts.fqdn }}"}
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
    refusal = Refusal(tmp_path, {"all": {"children": hosts, "vars": LOCAL}}, **known_as(facts, "ab", tmp_path / "f"))
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
# What the variables of a host alone show, with words of the sentence.
ALONE = [
    # What the release says: a fresh host has no package, user or file of it yet.
    *(
        ({"glance_api_config": {section: {option: value}}}, said)
        for section, option, value, said in [
            (
                "DEFAULT",
                "debgu",
                True,
                "[DEFAULT] debgu of glance_api_config is no option of Glance 2026.2: did you mean debug?",
            ),
            (
                "DEFAULT",
                "debug",
                "maybe",
                "[DEFAULT] debug of glance_api_config should be true or false, found 'maybe'",
            ),
            ("keystone_authtoken", "usrname", "x", "is no option of Glance 2026.2: did you mean username?"),
            ("image_conversion", "output_format", "vhdx2", "should be one of qcow2, raw, vmdk, found 'vhdx2'"),
            ("image_import_opts", "image_import_plugins", "[nosuch]", "no_op, found nosuch"),
            ("oslo_messaging_notifications", "driver", "nosuch", "test, found nosuch"),
        ]
    ),
    (
        {"glance_config": {"DEFAULT": {"metadata_encryption_key": "hidden"}}},
        "[DEFAULT] metadata_encryption_key of glance_config should be 16, 24 or 32 bytes long, found 6",
    ),
    (
        {"glance_release": "ussuri", "glance_api_config": {"DEFAULT": {"use_keystone_limits": True}}},
        "option of Glance ussuri",
    ),
    (
        {"glance_api_policy": {"get_image": "role admin"}},
        "get_image of glance_api_policy should be a rule that oslo.policy",
    ),
    ({"glance_api_policy": {"get_imag": "@"}}, "found neither: did you mean get_image?"),
    ({"glance_database_host": "db host;x"}, "glance_database_host should be an address or a name of a host"),
    (
        {"glance_api_trusted_proxies": ["proxy1"]},
        "an entry of glance_api_trusted_proxies should be an address or a network",
    ),
    ({"glance_release": 2026.2, "glance_health_timeout": 0}, "glance_health_timeout should be 1 or more, found 0"),
    ({"glance_scrub_time": -1}, "glance_scrub_time should be 0 or more, found -1"),
    ({"glance_api_port": 0}, "glance_api_port should be from 1 to 65535, found 0"),
    ({"glance_api_port": 65536}, "glance_api_port should be from 1 to 65535, found 65536"),
    ({"glance_api_backend_port": -1}, "glance_api_backend_port should be from 1 to 65535, found -1"),
    ({"glance_api_backend_port": 9292}, "glance_api_port and glance_api_backend_port should be two ports"),
    (
        {"glance_purge_age_days": -1},
        "glance_purge_age_days should be from 0 to 9999, found -1",
    ),
    ({"glance_purge_images_age_days": 10000}, "glance_purge_images_age_days should be from 0 to 9999, found 10000"),
    (
        {"glance_purge_age_days": 1, "glance_scrub_time": 86400},
        "glance_purge_age_days should be 2 or more with a glance_scrub_time of 86400 s, or 0, found 1",
    ),
    (
        {"glance_purge_age_days": 9, "glance_purge_images_age_days": 10, "glance_scrub_time": 86401},
        "glance_purge_images_age_days should be 12 or more with a glance_purge_age_days of 9, or 0, found 10",
    ),
    ({"glance_purge_images_age_days": 30}, "glance_purge_age_days should be set with glance_purge_images_age_days"),
    ({"glance_purge_timeout": 0}, "glance_purge_timeout should be 1 or more, found 0"),
    ({"glance_purge_calendar": "täglich"}, "glance_purge_calendar should be a line of text"),
    ({"glance_cache_max_bytes": -1}, "glance_cache_max_bytes should be 0 or more, found -1"),
    ({**CACHE, "glance_cache_stall_time": 59}, "glance_cache_stall_time should be 60 or more, found 59"),
    ({**CACHE, "glance_cache_calendar": "täglich"}, "glance_cache_calendar should be a line of text"),
    ({"glance_registry_port": 70000}, "glance_registry_port should be from 1 to 65535, found 70000"),
    ({"glance_api_processes": 0}, "glance_api_processes should be 1 or more, found 0"),
    ({"glance_api_threads": -4}, "glance_api_threads should be 1 or more, found -4"),
    ({"glance_api_transfers": 0}, "glance_api_transfers should be from 1 to 4096, found 0"),
    ({"glance_api_drain_timeout": -1}, "glance_api_drain_timeout should be 0 or more"),
    (
        {"glance_config": {"DEFAULT": {"auth_region": "x"}}},
        "[DEFAULT] auth_region should be taken away, found it in glance_config: gone since Victoria",
    ),
    (
        {"glance_config": {"DEFAULT": {"log_file": "/var/log/glance.log"}}},
        "log files should lie in a folder of their own",
    ),
    ({"glance_user_id": 65534}, "glance_user_id should be from 1 to 65533"),
    ({"glance_basic_users": []}, "glance_basic_users should name who may use the API"),
    (
        {"glance_image_max_bytes": 2, "glance_project_max_bytes": 1},
        "glance_project_max_bytes should be 0 (no limit) or at least glance_image_max_bytes (2), found 1",
    ),
    ({"glance_free_space_percent": 101}, "glance_free_space_percent should be from 0 to 100"),
    ({"glance_basic_users": [{**USER, "name": "a b"}]}, 'found "a b"'),
    ({"glance_basic_users": [{**USER, "name": ""}]}, "of letters, digits"),
    ({"glance_basic_users": [{**USER, "name": "-i"}]}, "of letters, digits"),
    ({"glance_basic_users": [{**USER, "roles": ["admin "]}]}, "of letters, digits"),
    ({"glance_basic_users": [{**USER, "roles": []}]}, "should have a role, found none for a"),
    ({"glance_basic_users": [{**USER, "roles": ["admin,member"]}]}, 'found "admin,member"'),
    ({"glance_basic_users": [USER, USER]}, "should be there once, found a, a"),
    ({"glance_basic_users": [{"name": "a", "project": "p"}]}, "found none or both for a"),
    ({"glance_basic_users": [{**USER, "password_hash": "$6$a$b"}]}, "found none or both for a"),
    ({"glance_basic_users": [{**USER, "password": ""}]}, "found none or both for a"),
    (
        {"glance_basic_users": [{"name": "a", "project": "p", "password_hash": "hidden"}]},
        "should be one that crypt makes",
    ),
    ({"glance_scrubber_pool_size": 0}, "glance_scrubber_pool_size should be 1 or more, found 0"),
    ({"glance_scrubber_timeout": 0}, "glance_scrubber_timeout should be from 1 to 3000, found 0"),
    ({"glance_scrubber_timeout": 3001}, "glance_scrubber_timeout should be from 1 to 3000, found 3001"),
    (
        {"glance_scrubber_mode": "daemon", "glance_scrubber_wakeup_time": 0},
        "glance_scrubber_wakeup_time should be 1",
    ),
    ({"glance_scrubber_wakeup_time": -1}, "glance_scrubber_wakeup_time should be 0 or more"),
    ({**MARIADB, "glance_database_max_connections": 9}, "glance_database_max_connections should be 10 or more"),
]
# What is found beside the facts of a host or other hosts, by the group of the host that finds it, with words of the
# sentence.
CONTRADICTIONS = {
    "glance_api": [
        ({"glance_tls_certificate": "words"}, "glance_tls_key should be given where glance_tls_certificate is"),
        ({"glance_tls_key": "hidden"}, "glance_tls_certificate should be given where glance_tls_key is"),
        ({**HERE, "glance_tls_certificate": "words"}, "glance_tls_certificate should hold a certificate as PEM"),
        ({**HERE, "glance_tls_key": "hidden"}, "glance_tls_key should be a private key as PEM"),
        ({**HERE, "glance_tls_key": ELSEWHERE["glance_tls_key"]}, "glance_tls_key should be the key of"),
        (ELSEWHERE, "glance_tls_certificate should name 127.0.0.1, by which others reach this host, found 198"),
        ({**HERE, "glance_api_tls_name": "api1"}, "glance_tls_certificate should name api1"),
        ({"glance_tls_ca": "words"}, "glance_tls_ca should hold certificates as PEM"),
        ({**HERE, "glance_tls_ca": ELSEWHERE["glance_tls_certificate"]}, "glance_tls_ca should hold the issuer of"),
        (
            {"glance_database_tls": True, "glance_database_url": "mysql+pymysql://g:hidden@h/g"},
            "glance_database_tls should be false where glance_database_url says",
        ),
        ({"glance_install_method": "package"}, "glance_install_method should be venv on Debian"),
        (
            {"glance_auth": "none", "glance_api_bind_address": "0.0.0.0"},
            "glance_api_bind_address should be a loopback address while glance_auth is none",
        ),
        ({"glance_api_bind_address": "0.0.0.0"}, "passwords would cross the network"),
        ({"glance_release": "2025.2"}, "glance_auth should be none or keystone for Glance 2025.2, found basic"),
        ({**KEYSTONE, "glance_keystone_url": ""}, "glance_keystone_url should be the URL of Keystone"),
        ({**KEYSTONE, "glance_keystone_url": "keystone:5000"}, "found keystone:5000"),
        ({**KEYSTONE, "glance_keystone_url": "http://me:hidden@127.0.0.1"}, "found http://********@127.0.0.1"),
        ({**KEYSTONE, "glance_keystone_password": ""}, "glance_keystone_password should be set"),
        ({**KEYSTONE, "glance_keystone_password": "hid\\$den"}, "no backslash before a dollar sign"),
        ({**MARIADB, "glance_database_password": ""}, "glance_database_password should be set"),
        (
            {"glance_database_engine": "postgresql", "glance_database_password": ""},
            "password should be set, found none",
        ),
        ({**MARIADB, "glance_database_password": "hiddén"}, "letters, digits and signs of ASCII only"),
    ],
    "glance_database": [
        ({"glance_database_password": ""}, "glance_database_password should be set, found none: keep it in a vault"),
        ({**MARIADB, "glance_database_url": "mysql://glance:hidden@h/glance"}, "glance_database_url should be empty"),
        ({**MARIADB, "glance_database_clients": "198.18.0.0/24"}, "should be an address and a netmask"),
        ({**MARIADB, "glance_database_admin": {"host": "198.18.0.9"}}, "glance_database_admin should be empty"),
        (
            {**MARIADB, "glance_database_user": "root"},
            "glance_database_user should be a user for Glance alone, found root, the administrator of the database",
        ),
        (
            {**MARIADB, "glance_database_retired_users": ["old", "glance"]},
            "glance_database_retired_users should be users that Glance does not log in as any more, found glance",
        ),
        (
            {**MARIADB, "glance_database_retired_users": ["root"]},
            "glance_database_retired_users should be users of Glance, found root, the administrator of the database",
        ),
        (
            {**MARIADB, "glance_database_engine": "postgresql", "glance_database_retired_users": ["postgres"]},
            "glance_database_retired_users should be users of Glance, found postgres, the administrator",
        ),
        ({**MARIADB, "glance_database_retired_users": [" "]}, "should be names of users, found an empty one"),
    ],
    "glance_identity": [
        ({**IDENTITY, "glance_auth": "none"}, "glance_auth should be keystone on a host that registers"),
        ({**IDENTITY, "glance_keystone_url": ""}, "glance_keystone_url should be the URL of Keystone"),
        ({**IDENTITY, "glance_keystone_user": ""}, "glance_keystone_user should be the name of a user, found none"),
        ({**IDENTITY, "glance_identity_admin": {}}, "glance_identity_admin should have the user and the password"),
        ({**IDENTITY, "glance_identity_admin": {"user": "admin"}}, "found user; keep the password in a vault"),
        ({**IDENTITY, "glance_identity_public_url": ""}, "glance_identity_public_url should be the URL at which users"),
        (
            {**IDENTITY, "glance_identity_public_url": "http://me:hidden@h:9292"},
            "glance_identity_public_url should be the URL at which users",
        ),
        (
            {**IDENTITY, "glance_identity_internal_url": "h:9292"},
            "glance_identity_internal_url and glance_identity_admin_url should be URLs of the image API, found h:9292",
        ),
        (
            {**IDENTITY, "glance_identity_admin_url": "http://h/$(project_id)s"},
            "glance_identity_internal_url and glance_identity_admin_url should be URLs",
        ),
        ({**IDENTITY, "glance_identity_internal_url": ""}, "glance_identity_internal_url should be the URL"),
        ({**IDENTITY, "glance_identity_region": ""}, "glance_identity_region should be a region of Keystone"),
        (
            {**IDENTITY, "glance_identity_retired_users": ["old", "glance"]},
            "glance_identity_retired_users should be users that Glance does not log in as any more, found glance",
        ),
        (
            {**IDENTITY, "glance_keystone_user": "glance2", "glance_identity_retired_users": ["admin"]},
            "found admin, the administrator of glance_identity_admin",
        ),
        ({**IDENTITY, "glance_identity_retired_users": [" "]}, "should be names of users, found an empty one"),
    ],
}


def test_what_the_variables_of_a_host_show_is_told_without_asking_it(tmp_path, no_lookups):
    cases = {f"h{number}": case for number, case in enumerate(ALONE)}
    inventory = aliases("glance_api", {host: variables for host, (variables, _said) in cases.items()}, no_lookups)
    refusal = Refusal(tmp_path, inventory, "--connection=ssh", "--extra-vars=ansible_host=198.18.0.1")
    told = refusal.sentences
    wrong = {
        host: (said, told.get(host)) for host, (_variables, said) in cases.items() if said not in told.get(host, "")
    }
    assert wrong == {}
    assert [sentence for sentence in told.values() if "\n" in sentence or not sentence.endswith(".")] == []
    assert "hidden" not in refusal.output


# No run is to take minutes on a machine that has other work.
CASES_OF_A_RUN = 25
RUNS = [(group, first) for group, cases in CONTRADICTIONS.items() for first in range(0, len(cases), CASES_OF_A_RUN)]


@pytest.mark.parametrize(("group", "first"), RUNS)
def test_every_contradiction_is_told_in_one_sentence(tmp_path, no_lookups, facts, group, first):
    some = CONTRADICTIONS[group][first : first + CASES_OF_A_RUN]
    cases = {f"h{number}": case for number, case in enumerate(some, first)}
    inventory = aliases(group, {host: variables for host, (variables, _said) in cases.items()}, no_lookups)
    refusal = Refusal(tmp_path, inventory, **known_as(facts, ["good", *cases], tmp_path / "facts"))
    told = refusal.sentences
    wrong = {
        host: (said, told.get(host)) for host, (_variables, said) in cases.items() if said not in told.get(host, "")
    }
    assert wrong == {}
    assert [sentence for sentence in told.values() if "\n" in sentence or not sentence.endswith(".")] == []
    assert "hidden" not in refusal.output


DEPLOYMENTS = {
    "files of one host": (MARIADB, "the directories of file stores should be the same for api1, api2"),
    "mounts of differing users": (
        {**MARIADB, "glance_mounts": [{**MOUNT, "path": "/var/lib/glance/images"}]},
        "glance_user_id should be set for api1, api2",
    ),
    "records of one URL": (
        {**MARIADB, **CACHE, "glance_shared_directories": ["/var/lib/glance/images"]},
        "glance_api_bind_address should be an address of the host's own, or glance_api_tls_name its name, while",
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
    inventory = two_hosts(**LOCAL, glance_api_bind_address="198.18.0.9", glance_auth="keystone")
    groups = inventory["all"]["children"]
    groups["glance_api"]["hosts"]["api1"] = ELSEWHERE
    groups["glance_loadbalancer"] = {"hosts": {"balancer": {}}}
    refusal = Refusal(tmp_path, inventory)
    assert (
        "either all servers of a service or none should have a certificate, found none for api2"
        in (refusal.sentences["balancer"])
    )


@pytest.mark.parametrize(("variables", "said"), DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_what_several_hosts_can_not_have_is_refused(tmp_path, variables, said):
    refusal = Refusal(tmp_path, two_hosts(**LOCAL, **variables))
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


@pytest.mark.parametrize("role", ["api", "registry", "scrubber", "loadbalancer"])
def test_a_role_in_a_play_of_ones_own_gathers_the_facts_it_needs(tmp_path, role):
    play = {"hosts": "h", "gather_facts": False, "roles": [f"glanceops.image_service.{role}"]}
    (tmp_path / "play.json").write_text(json.dumps([play]))
    wrong = {**LOCAL, "glance_auth": "keystone", "glance_release": "ussuri"}
    run = ansible("ansible-playbook", "--inventory=h,", "--extra-vars", json.dumps(wrong), f"{tmp_path}/play.json")
    assert run.returncode == 2, run.stdout + run.stderr
    assert "glance_keystone_url should be the URL of Keystone" in run.stdout
    assert "changed=0" in run.stdout
