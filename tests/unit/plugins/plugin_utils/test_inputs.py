"""A digest that changes with all that the desired state of a host is computed from, and with nothing else."""

import itertools
import pathlib
import re

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import inputs

ROOT = pathlib.Path(__file__).parents[4]
GIVEN = {
    "collection": "c",
    "options": {"glance_release": "2026.2", "glance_config": {"a": 2, "b": 1}},
    "variables": {"inventory_hostname": "a", "ansible_facts": {"memtotal_mb": 4096, "memfree_mb": 1}},
    "handed": {"glance_api_hosts": ["a", "b"]},
    "texts": {"policy.json": "{}"},
    "settings": ["managed", "replace"],
}


@pytest.mark.parametrize(
    "changed",
    [
        {"collection": "d"},
        {"options": {**GIVEN["options"], "glance_release": "2026.1"}},
        {"options": {**GIVEN["options"], "glance_config": {"a": 3, "b": 1}}},
        {"options": {"glance_release": "2026.2"}},
        {"variables": {**GIVEN["variables"], "inventory_hostname": "b"}},
        {"variables": {**GIVEN["variables"], "ansible_facts": {"memtotal_mb": 8192}}},
        {"handed": {"glance_api_hosts": ["b", "a"]}},
        {"texts": {"policy.json": "{ }"}},
        {"settings": ["managed", "merge"]},
        # The order of stores is that of an option.
        {"options": {**GIVEN["options"], "glance_config": {"b": 1, "a": 2}}},
    ],
)
def test_what_the_state_is_computed_from_changes_it(changed):
    assert inputs.digest(**{**GIVEN, **changed}) != inputs.digest(**GIVEN)


@pytest.mark.parametrize(
    "changed",
    [
        {"options": dict(reversed(GIVEN["options"].items()))},
        {"variables": {**GIVEN["variables"], "ansible_facts": {"memtotal_mb": 4096, "memfree_mb": 2}}},
        {"variables": {**GIVEN["variables"], "ansible_forks": 9}},
    ],
)
def test_nothing_else_does(changed):
    assert inputs.digest(**{**GIVEN, **changed}) == inputs.digest(**GIVEN)


def test_each_file_of_roles_and_playbooks_changes_that_of_the_collection(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "SECONDS_TO_READ", 0)
    seen = set()
    for folder, name, text in itertools.product(("roles/api/tasks", "playbooks/plays"), ("a", "b"), ("1", "2")):
        (tmp_path / folder / "__pycache__").mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).write_text(text)
        seen.add(inputs.of_collection(tmp_path))
    assert len(seen) == 8
    (tmp_path / "playbooks/plays/__pycache__/a.pyc").write_text("x")
    (tmp_path / "tests").mkdir()
    assert inputs.of_collection(tmp_path) in seen
    # One that was written a moment ago may have been another one when the run read it.
    monkeypatch.setattr(inputs, "SECONDS_TO_READ", 60)
    assert inputs.of_collection(tmp_path) == ""


# What the desired state is made of; certificates are made on the control machine, and no part of it.
TEXTS = [
    path.read_text()
    for path in sorted(ROOT.glob("roles/*/*/**/*.*"))
    if path.suffix in (".yml", ".j2")
    and path.parts[-2] not in ("tasks", "handlers", "meta")
    and "certificates" not in path.parts
]


def test_all_facts_that_the_state_is_made_of_are_counted():
    named = {fact for text in TEXTS for fact in re.findall(r"\bansible_facts\.(\w+)", text)}
    assert named
    # What the filter server_processes looks at, in plugins/filter/server_processes.py.
    assert named | {"processor_vcpus"} == set(inputs.FACTS)


def test_no_other_variable_of_ansible_is_part_of_the_state():
    named = {name for text in TEXTS for name in re.findall(r"\bansible_(?!facts|builtin)\w+", text)}
    # The header of files is a setting. The others decide about validators, the hosts that a topology tells anyhow, and
    # the sentences of an upgrade.
    assert named == {
        "ansible_managed",
        "ansible_check_mode",
        "ansible_play_hosts",
        "ansible_play_hosts_all",
        "ansible_inventory_sources",
    }


def test_roles_read_no_file_of_the_control_machine_but_their_own():
    texts = {path: path.read_text() for path in ROOT.glob("roles/**/*.yml") if path.parent.name != "tasks"}
    lookups = {look for text in texts.values() for look in re.findall(r"(?:lookup|query)\(([^)]*)\)", text)}
    own = [look for look in lookups if re.match(r"'ansible\.builtin\.file', (?:'[\w.]+'|role_path ~ '[\w./]+')$", look)]
    assert sorted(own) == sorted(lookups)
