import json
import os
import pathlib
import re

import pytest
import yaml
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import files as f

ROLES = pathlib.Path(__file__).parents[5] / "roles"
PATH = "/etc/glance/property-protections.conf"
OF = f"of {PATH} in glance_files should"
METADEF = "/etc/glance/metadefs/rack.json"
RACK = json.dumps({"namespace": "OS::Own::Rack"})


def read(src):
    if src == "there":
        return "text"
    if src == "rack.json":
        return RACK
    raise ValueError(f"none in /srv/{src}")


def entry(path=PATH, **more):
    return {"path": path, **({} if more.keys() & {"content", "src"} else {"content": "hidden"}), **more}


def told(*entries):
    return "; ".join(f.faults({"glance_files": list(entries)}, read).get("glance_files", []))


RIGHT = {
    "no files": [],
    "all defaults": [entry()],
    "everything": [entry(mode="0644", services=["api"], secret=False)],
    "source": [entry(src="there")],
    "an empty file": [entry(content="")],
    "three digits": [entry(mode="440")],
    "Ceph": [entry("/etc/ceph/ceph.conf", mode="0644"), entry("/etc/ceph/ceph.client.glance.keyring")],
    "one bare name twice": [entry("/etc/ceph/a/ceph.conf"), entry("/etc/ceph/b/ceph.conf")],
    "secrets others may read by the operator's word": [entry("/etc/ceph/x.key", mode="0644", secret=False)],
    "text of a boolean": [entry(secret="yes")],
    "schema": [entry("/etc/glance/schema-image.json", content='{"kernel_id": {"type": "string"}}')],
    "definitions": [
        entry(METADEF, src="rack.json"),
        entry("/etc/glance/metadefs/own/x.json", content='{"namespace": "x"}'),
    ],
    "an own paste file": [entry("/etc/glance/own-paste.ini")],
    "named like one of ours elsewhere": [entry("/etc/ceph/policy.yaml"), entry("/etc/glance/own/policy.yaml")],
}


@pytest.mark.parametrize("entries", RIGHT.values(), ids=RIGHT)
def test_right_files_are_left_alone(entries):
    assert told(*entries) == ""


def test_what_is_no_list_is_left_to_its_type():
    assert f.faults({}, read) == f.faults({"glance_files": "a"}, read) == {}


PATHS = {
    "etc/glance/x": "should be a plain absolute path",
    "": "should be a plain absolute path",
    "/": "should be a plain absolute path",
    "/etc/glance/x/": "should be a plain absolute path",
    "/etc/glance//x": "should be a plain absolute path",
    "/etc/glance/../shadow": "should be a plain absolute path",
    "/etc/glance/./x": "should be a plain absolute path",
    "/etc/glance/a b": "should be a plain absolute path",
    "/etc/glance/a\n": "should be a plain absolute path",
    "/etc/glance/größe": "should be a plain absolute path",
    "~/x": "should be a plain absolute path",
    "/etc/passwd": "should be below /etc/glance or /etc/ceph, found /etc/passwd",
    "/etc/glance": "should be below /etc/glance or /etc/ceph, found /etc/glance",
    "/etc/glance-proxy/haproxy.cfg": "should be below /etc/glance or /etc/ceph",
    "/etc/cephx/a": "should be below /etc/glance or /etc/ceph",
    "/etc/glance/.sets/glance-api.json": "should have no part that begins with a dot",
    "/etc/glance/.loading-metadefs": "should have no part that begins with a dot",
    "/etc/ceph/.ceph.conf.new": "should have no part that begins with a dot",
    "/etc/glance/glance-api.conf": "glance_api_config says what is in it",
    "/etc/glance/policy.d/own.yaml": "glance_api_policy says what Glance would read there",
    "/etc/glance/policy.yaml": "glance_api_policy says what is in it",
    "/etc/glance/ca.pem": "glance_tls_ca says what is in it",
    "/etc/glance/ca.pem/x": "should be no file of the collection",
    "/etc/glance/healthcheck_disable": "should be no file of the collection",
    "/etc/glance/load_application.py": "choose another",
    "/etc/glance/glance-api.conf.d/x.conf": "should be no file that Glance reads options from",
    "/etc/glance/glance-image-import.conf": "should be no file that Glance reads options from",
    "/etc/glance/glance.conf": "should be no file that Glance reads options from",
    f"/etc/glance/{'x' * 201}": "should have parts of 200 characters at most, found one of 201",
    "/etc/glance/metadefs/README": "should end with .json below /etc/glance/metadefs",
}


@pytest.mark.parametrize(("path", "said"), PATHS.items())
def test_a_path_that_can_not_be_is_refused(path, said):
    sentence = told(entry(), entry(path))
    assert sentence.startswith("the path of entry 2 of glance_files should ")
    assert said in sentence
    assert "\n" not in sentence


WRONG = {
    "text": ("x", "entry 1 of glance_files should have a path that is a text, found a text"),
    "no path": ({"content": "x"}, "entry 1 of glance_files should have a path that is a text, found nothing"),
    "path of another type": (entry(["a"]), "entry 1 of glance_files should have a path that is a text, found a list"),
    "neither": ({"path": PATH}, f"the entry {OF} have either content or src, found neither"),
    "both": (entry(content="hidden", src="there"), f"the entry {OF} have either content or src, found both"),
    "no text": (entry(content={"a": 1}), f"content {OF} be a text, found a dict"),
    "a number": (entry(content=7), f"content {OF} be a text, found a number"),
    "NUL": (entry(content="hidden\0"), f"content {OF} be a text, found a NUL"),
    "not in UTF-8": (entry(content="hidden\udc80"), f"content {OF} be a text that UTF-8 can hold"),
    "no source": (entry(src="gone"), f"src {OF} be a file of text, found none in /srv/gone"),
    "unquoted mode": (
        entry(mode=0o640),
        f'mode {OF} be three or four octal digits in quotes, such as "0640", found a num',
    ),
    "words for a mode": (
        entry(mode="u=rw"),
        f'mode {OF} be three or four octal digits in quotes, such as "0640", found "u',
    ),
    "set-user-id": (entry(mode="4640"), f"mode {OF} be three or four octal digits"),
    "for root alone": (entry(mode="0600"), f"mode {OF} let the group read, which is Glance's, found 0600"),
    "others write": (entry(mode="0642"), f"mode {OF} let nobody but root write, found 0642"),
    "group writes": (entry(mode="0660"), f"mode {OF} let nobody but root write, found 0660"),
    "program": (entry(mode="0750"), f"mode {OF} let nobody execute the file, found 0750"),
    "open secret": (entry(mode="0644", secret=True), f"mode {OF} keep a secret from others, found 0644"),
    "no boolean": (entry(secret="perhaps"), f"secret {OF} be true or false, found a text"),
    "unknown service": (entry(services=["api", "cron"]), f"services {OF} be of api, registry and scrubber, found cron"),
    "name of the unit": (
        entry(services=["glance-api"]),
        f"services {OF} be of api, registry and scrubber, found glance-api",
    ),
    "services as text": (entry(services="api"), f"services {OF} be a list of api, registry and scrubber, found a text"),
    "nobody reads it": (entry(services=[]), f"services {OF} name a service that reads the file, found none"),
    "unknown key": (
        entry(owner="glance"),
        f"the keys {OF} be of path, content, src, mode, services, secret, found owner",
    ),
}


@pytest.mark.parametrize(("given", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_entry_is_refused_in_one_sentence_without_its_text(given, said):
    sentence = told(given)
    assert sentence.startswith(said)
    assert "; " not in sentence
    assert "hidden" not in sentence


DEFINITIONS = {
    "no JSON": (entry(METADEF, content="{\n hidden"), "should be JSON, found an error in line 2"),
    "brackets without end": (entry(METADEF, content="[" * 100000), "should be JSON, found an error"),
    "no object": (entry(METADEF, content="[1]"), "should be an object of JSON, found a list"),
    "no namespace": (
        entry(METADEF, content="{}"),
        "should have a namespace, which Glance loads definitions by, found none",
    ),
    "an empty one": (entry(METADEF, content='{"namespace": ""}'), "should have a namespace"),
    "for no service that loads": (
        entry(METADEF, src="rack.json", services=["scrubber"]),
        "should have api or registry",
    ),
    "broken schema": (entry("/etc/glance/schema-image.json"), "should be JSON, found an error in line 1"),
    "schema of a list": (
        entry("/etc/glance/schema-image.json", content="[]"),
        "should be an object of JSON, found a list",
    ),
}


@pytest.mark.parametrize(("given", "said"), DEFINITIONS.values(), ids=DEFINITIONS)
def test_definitions_that_glance_would_pass_over_are_refused(given, said):
    sentence = told(given)
    assert said in sentence
    assert "; " not in sentence
    assert "hidden" not in sentence


TOGETHER = {
    "one path twice": (
        [entry(services=["api"]), entry(services=["scrubber"])],
        f"glance_files should have each path once, found {PATH} 2 times",
    ),
    "file and folder": (
        [entry("/etc/ceph/a"), entry("/etc/ceph/a/b"), entry("/etc/ceph/a/c")],
        "glance_files should have no file below another, found /etc/ceph/a as a file and as a folder",
    ),
    "one namespace twice": (
        [entry(METADEF, src="rack.json"), entry("/etc/glance/metadefs/b.json", content=RACK)],
        "glance_files should define each namespace of metadata definitions once, found OS::Own::Rack in several files",
    ),
}


@pytest.mark.parametrize(("entries", "said"), TOGETHER.values(), ids=TOGETHER)
def test_entries_that_exclude_each_other_are_refused(entries, said):
    assert told(*entries) == said


def test_all_that_is_wrong_is_told_at_once():
    sentences = told(entry(mode="0602", services=[]), entry("x"), entry("/etc/ceph/a", src="gone")).split("; ")
    assert len(sentences) == 5


def test_without_a_reader_no_source_is_looked_at():
    assert f.faults({"glance_files": [entry(src="gone"), entry(METADEF, src="gone")]}) == {}


# ------------------------------------------------------------------------------------------- what the collection has


def variables():
    paths = [*ROLES.glob("*/vars/**/*.yml"), *ROLES.glob("*/defaults/**/*.yml")]
    found = {name: value for path in sorted(paths) for name, value in (yaml.safe_load(path.read_text()) or {}).items()}
    members = {
        f"{name}.{key}": part for name, value in found.items() if isinstance(value, dict) for key, part in value.items()
    }
    return {**found, **members}


def items(value):
    """Give every item of a configuration set in the value of a variable."""
    if isinstance(value, dict):
        if "path" in value and ("content" in value or "template" in value):
            yield value
        for part in value.values():
            yield from items(part)
    elif isinstance(value, list):
        for part in value:
            yield from items(part)


def written():
    """Return the bare names of the files that the roles write or stage for services, by the variable that says so."""
    known = variables()
    found = {}
    for variable, value in known.items():
        if "loadbalancer" in variable or "keepalived" in variable or "database_server" in variable:
            continue
        for item in items(value):
            name = item["path"].rpartition("/")[2]
            while (match := re.fullmatch(r"\{\{ (__[\w.]+) \}\}", name)) and match[1] in known:
                name = str(known[match[1]]).rpartition("/")[2]
            found.setdefault(variable, set()).add(name)
    return found


SERVICES = ("glance-api", "glance-registry", "glance-scrubber", "glance-purge", "glance-cache")


def test_nothing_that_the_roles_write_can_be_a_file_of_the_operators():
    names = {name for group in written().values() for name in group}
    assert {"policy.yaml", "check_options.py", "{{ __glance_service.name }}.conf", "glance_guards.py"} <= names
    for service in SERVICES:
        names |= {name.replace("{{ __glance_service.name }}", service) for name in names}
    known = variables()
    names = {re.sub(r"\{\{ ([\w.]+) \}\}", lambda m: str(known.get(m[1], m[0])), name) for name in names}
    open_names = {name for name in names if "{{" in name}
    # Of which the parts are known only where they are used.
    assert open_names <= {"{{ __glance_service.name }}.conf", "{{ __glance_scrub.mode.timer }}"}, open_names
    assert names - open_names - f.OWNED.keys() == set()


def test_files_that_tasks_and_modules_make_are_known():
    texts = "".join(
        path.read_text()
        for folder in ("roles", "plugins")
        for path in (ROLES.parent / folder).rglob("*")
        if path.suffix in (".yml", ".py", ".j2")
    )
    named = set(re.findall(r"(?:\{\{ __glance_config_directory \}\}|/etc/glance)/([\w-]+(?:\.\w+)*)", texts))
    examples = {"metadefs"} | {os.path.basename(PATH), "schema-image.json"}
    assert {"glance-api.conf", "healthcheck_disable", "ca.pem"} <= named
    # Those with options are refused by what their names look like.
    assert {name for name in named if not f._OPTIONS.fullmatch(name)} - f.OWNED.keys() - examples == set()
