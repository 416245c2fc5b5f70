"""What becomes of mutated inventories on a host: refused in one sentence, with nothing changed, or done as written."""

from __future__ import annotations

import base64
import configparser
import dataclasses
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import mutations
import pytest
import yaml
from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import is_secret_option
from ansible_collections.glanceops.image_service.plugins.plugin_utils import swift
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.names import unknown
from ansible_collections.glanceops.image_service.plugins.plugin_utils.judgement import judge
from ansible_collections.glanceops.image_service.plugins.plugin_utils.specs import operator_options

testinfra_hosts = ["ansible://glance_api"]
PROJECT = Path(__file__).parents[3]
HOST = "mutated1"
CASE_SECONDS = 120
SAMPLE = 10
# In place of the word in all secrets: made with the lab, and of the same length.
WORD = (PROJECT / ".lab/mutations/secret").read_text().split()[0]
KNOWN = operator_options(
    yaml.safe_load(path.read_text()) for path in sorted(PROJECT.glob("roles/*/meta/argument_specs.yml"))
)
RELEASES = yaml.safe_load((PROJECT / "roles/common/vars/main/releases.yml").read_text())["__glance_releases"]
INTERNAL = re.compile(
    r"Traceback|object has no|NoneType|<class|AnsibleUndefined|\{\{|\}\}|unhashable|subscriptable|Error\b|Exception"
    r"|no verdict|invalid literal|could not convert"
)


def refused_at_once(variables: Mapping[str, Any]) -> bool:
    """Whether the control machine refuses them without a host."""
    given = {name: value for name, value in variables.items() if name in KNOWN}
    return bool(unknown(variables, KNOWN) or judge(given, KNOWN, (), RELEASES))


CASES = mutations.cases()
REFUSED = [case for case in CASES if refused_at_once(case.variables)]
ASKED = [case for case in CASES if case not in REFUSED]
INVENTORIES = [(stores, auth) for stores in mutations.STORES for auth in mutations.AUTHS]
# Of each inventory, as many as there is time for; all of them with GLANCE_LAB_MUTATIONS=all.
MOST = None if os.environ.get("GLANCE_LAB_MUTATIONS") == "all" else 3
# What no draw has: a text that oslo.config would take something from, and values of which it would take the last.
FIXED = [
    mutations.Case(
        0, "fixed", "file", "none", what, mutations.with_at(mutations.inventory("file", "none"), path, value)
    )
    for what, path, value in [
        ("quotes", ("glance_stores", "fast", "options", "store_description"), "'quick' disks'"),
        ("blanks", ("glance_api_config", "cors", "expose_headers"), " X-Lab "),
        ("quoted", ("glance_api_config", "cors", "allowed_origin"), '"https://dashboard.lab.test"'),
        ("several", ("glance_api_config", "cors", "allow_methods"), ["GET", "PUT"]),
    ]
]


def with_word(value: Any) -> Any:
    """Return variables with the secrets of this lab."""
    if isinstance(value, dict):
        return {key: with_word(part) for key, part in value.items()}
    if isinstance(value, list):
        return [with_word(part) for part in value]
    return value.replace(mutations.SECRET, WORD) if isinstance(value, str) else value


def on_host() -> Iterator[mutations.Case]:
    """Give each inventory as it is and then mutations of it, some of which need no host."""
    drawn = [*ASKED, *REFUSED[:SAMPLE]]
    for stores, auth in INVENTORIES:
        yield mutations.Case(0, "none", stores, auth, "nothing", mutations.inventory(stores, auth))
        yield from [case for case in FIXED if (case.stores, case.auth) == (stores, auth)]
        yield from [case for case in drawn if (case.stores, case.auth) == (stores, auth)][:MOST]


ON_HOST = [dataclasses.replace(case, variables=with_word(case.variables)) for case in on_host()]

# ------------------------------------------------------------------------------------------------- what was written

CONFIGURATIONS = {"glance-api.conf": "glance_api_config", "glance-scrubber.conf": "glance_scrubber_config"}
# Those of the API's file that a variable sets, and what it makes of a value.
OPTIONS: dict[str, tuple[str, str, Callable[[Any], str]]] = {
    "glance_image_max_bytes": ("DEFAULT", "image_size_cap", lambda value: str(int(value))),
    "glance_project_max_bytes": ("DEFAULT", "user_storage_quota", lambda value: str(int(value))),
    "glance_scrub_time": ("DEFAULT", "scrub_time", lambda value: str(int(value))),
    "glance_delayed_delete": ("DEFAULT", "delayed_delete", str),
    "glance_api_import_methods": ("DEFAULT", "enabled_import_methods", lambda value: f"[{','.join(value)}]"),
    "glance_import_plugins": ("image_import_opts", "image_import_plugins", lambda value: f"[{','.join(value)}]"),
    "glance_import_properties": (
        "inject_metadata_properties",
        "inject",
        lambda value: ",".join(f"{name}:{text}" for name, text in value.items()),
    ),
    "glance_default_store": ("glance_store", "default_backend", lambda value: value),
}


def texts(value: Any) -> list[str]:
    """Return the texts of an option; none for a null."""
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


def written(variables: Mapping[str, Any], name: str) -> Iterator[tuple[str, str, list[str], bool]]:
    """Give (section, option, texts, literal) of all that the variables say of a file."""
    merged: dict[tuple[str, str], Any] = {}
    for config in (variables.get("glance_config"), variables.get(CONFIGURATIONS[name])):
        for section, options in (config or {}).items():
            merged.update({(section, option): value for option, value in options.items()})
    yield from ((section, option, texts(value), False) for (section, option), value in merged.items())
    for store, given in variables.get("glance_stores", {}).items():
        for option, value in given.get("options", {}).items():
            # The account of a store in Swift stands in a file of its own.
            if swift.has_account(given) and option in swift.ACCOUNT:
                continue
            paths = option.startswith("filesystem_store_datadir")
            values = [re.sub(r"(?<=.)/+(?=:|$)", "", text) if paths else text for text in texts(value)]
            yield store, option, values, is_secret_option(option)
    if name == "glance-api.conf":
        for variable, (section, option, make) in OPTIONS.items():
            if variable in variables:
                yield section, option, [make(variables[variable])], False


def wrong_account(host: Any, store: str, given: Mapping[str, Any]) -> list[str]:
    """Compare the account of a store in Swift with what the variables say, as glance_store reads it."""
    # RawConfigParser keeps percent signs, which its driver has doubled, and quotes, which it takes away.
    parser = configparser.RawConfigParser()
    parser.read_string(host.file(swift.path(store)).content_string)
    found = {name: value.strip('"').replace("%%", "%") for name, value in parser.items(swift.reference(given))}
    options = {swift.ACCOUNT[name]: value for name, value in given["options"].items() if name in swift.ACCOUNT}
    wrong = {name: value for name, value in options.items() if [found.get(name)] != texts(value)}
    return [f"{name} of the account of {store} is {found.get(name)!r}, not {wrong[name]!r}" for name in wrong]


# --------------------------------------------------------------------------------------------------------- on the host


@pytest.fixture(scope="module")
def differences(host: Any) -> Callable[[Mapping[str, Any]], list[str]]:
    """Compare what is on the host, as Glance reads it, with what variables say."""
    folder = host.check_output("mktemp --directory")
    programs = (Path(__file__).parent / "read_options.py", PROJECT / "roles/common/files/check_options.py")
    for program in programs:
        host.check_output(f"cat > {folder}/{program.name} <<'END'\n{program.read_text().rstrip()}\nEND")

    def compare(variables: Mapping[str, Any]) -> list[str]:
        asked = {f"/etc/glance/{name}": list(written(variables, name)) for name in CONFIGURATIONS}
        command = f"/opt/glance/current/bin/python {folder}/read_options.py"
        told = json.loads(host.check_output(f"{command} <<'END'\n{json.dumps(asked)}\nEND"))
        rules = yaml.safe_load(host.file("/etc/glance/policy.yaml").content_string)
        for rule, value in (variables.get("glance_api_policy") or {}).items():
            told += [f"the rule {rule} is {rules.get(rule)!r}, not {value!r}"] if rules.get(rule) != value else []
        for store, given in variables.get("glance_stores", {}).items():
            told += wrong_account(host, store, given) if swift.has_account(given) else []
        unit = host.check_output("systemctl cat glance-api.service")
        for section, options in (variables.get("glance_api_unit") or {}).items():
            for option, value in options.items():
                lines = [f"{option} = {text}".strip() for text in texts(value)]
                told += [f"[{section}] {line} is not there" for line in lines if line not in unit]
        return told

    yield compare
    host.check_output("rm -r %s", folder)


ASK = """
import json, sys, urllib.error, urllib.request
url, keystone, login = sys.argv[1:]
headers = {"Authorization": login} if login else {}
if keystone:
    body = sys.stdin.buffer.read()
    request = urllib.request.Request(keystone, body, {"Content-Type": "application/json"})
    headers = {"X-Auth-Token": urllib.request.urlopen(request, timeout=20).headers["X-Subject-Token"]}
for path in ("/healthcheck", "/v2/images", "/v2/images?limit=1"):
    try:
        print(urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), timeout=20).status)
    except urllib.error.HTTPError as error:
        print(error.code)
"""


def keystone_login(password: str) -> str:
    """Return the request for a token of Glance's own user."""
    domain = {"id": "default"}
    user = {"name": "glance", "domain": domain, "password": password}
    scope = {"project": {"name": "service", "domain": domain}}
    return json.dumps({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}})


def answers(host: Any, variables: Mapping[str, Any]) -> list[str]:
    """Return the statuses of the health check and two lists, as the first user sees them, or Keystone's of Glance."""
    address, port = variables.get("glance_api_bind_address", "127.0.0.1"), variables.get("glance_api_port", 9292)
    auth = variables.get("glance_auth", "none")
    keystone, login, body = "", "", ""
    if auth == "basic":
        user = variables["glance_basic_users"][0]
        pair = f"{user['name']}:{user['password']}"
        login = f"Basic {base64.b64encode(pair.encode()).decode()}"
    if auth == "keystone":
        right = mutations.AUTHS["keystone"]
        keystone = f"{right['glance_keystone_url']}/v3/auth/tokens"
        body = keystone_login(variables["glance_keystone_password"])
    url = f"http://{f'[{address}]' if ':' in address else address}:{port}"
    asked = host.run("printf %%s %s | python3 -c %s %s %s %s", body, ASK, url, keystone, login)
    return asked.stdout.split() or [asked.stderr]


SCRUBBER = "sha256sum /etc/glance/glance-scrubber.conf; systemctl show --property=ActiveState glance-scrubber.timer"


@pytest.fixture(scope="module")
def present() -> dict[str, Any]:
    """Give the variables that the host has been deployed with; none at first."""
    return {}


@pytest.fixture
def deploy(lab: Path, playbook: Callable[..., Any], tmp_path: Path) -> Callable[[Mapping[str, Any]], Any]:
    """Run site.yml with the variables of a case in an inventory of its own."""

    def run(variables: Mapping[str, Any]) -> Any:
        inventory = tmp_path / "case.yml"
        inventory.write_text(yaml.safe_dump({"glance_api": {"hosts": {HOST: dict(variables)}}}, allow_unicode=True))
        inventories = (PROJECT / "molecule/mutations/inventory", lab / "inventory.yml", inventory)
        return playbook("site.yml", None, *(f"--inventory={each}" for each in inventories))

    return run


@pytest.mark.parametrize("case", ON_HOST, ids=lambda case: f"{case.stores}-{case.auth}-{case.what[:40]}")
def test_a_mutation_is_refused_in_one_sentence_or_done_as_written(case, host, service, deploy, present, differences):
    before, scrubber, started = service.state(), host.check_output(SCRUBBER), time.monotonic()
    run = deploy(case.variables)
    seconds = time.monotonic() - started
    print(case, "\n", run.rc, run.failures, f"{seconds:.0f} s")
    assert WORD not in run.output
    assert run.recap, run.output
    assert run.rc == 0 or case.kind != "none", run.output
    if run.rc != 0:
        assert run.output.count("fatal: [") == 1, run.failures
        if "glance-scrubber" in run.failures:
            # The API comes before it, and has nothing wrong.
            present.clear()
            present.update(case.variables)
            assert host.check_output(SCRUBBER) == scrubber
        else:
            assert service.state() == before
            assert run.changed == 0, run.output
        assert INTERNAL.search(run.failures) is None, run.failures
        assert re.search(r"should |is not a variable of|is no (option|section) of|can't ", run.failures), run.failures
    else:
        present.clear()
        present.update(case.variables)
        assert differences(case.variables) == []
    assert answers(host, present) == ["200"] * 3
    assert seconds < CASE_SECONDS


def test_some_of_each_kind_was_there():
    assert len(REFUSED) > len(CASES) / 4
    assert len(ON_HOST) > 2 * len(INVENTORIES)
