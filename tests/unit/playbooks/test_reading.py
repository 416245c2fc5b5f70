"""Ansible reads a role that a play imports at the start of each run, and one that it includes when it comes to it."""

import pathlib

import pytest
import yaml

PROJECT = pathlib.Path(__file__).parents[3]
COLLECTION = "glanceops.image_service."
IMPORTED = "ansible.builtin.import_role"


def walk(node):
    """Give each dict in what a file of YAML holds."""
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(each)
    if isinstance(node, dict):
        yield node


def read_by(path):
    """Give the name of each role that Ansible reads before it runs the playbook or the tasks at *path*."""
    for node in walk(yaml.safe_load(path.read_text())):
        if name := node.get("import_playbook") or node.get("ansible.builtin.import_tasks"):
            yield from read_by(path.parent / name)
        if IMPORTED in node:
            role = PROJECT / "roles" / node[IMPORTED]["name"].removeprefix(COLLECTION)
            yield role.name
            yield from read_by(role / "tasks" / f"{node[IMPORTED].get('tasks_from', 'main')}.yml")


@pytest.mark.parametrize("playbook", ["site", "upgrade", "status", "restart"])
def test_roles_that_few_runs_need_are_not_read_by_the_others(playbook):
    roles = set(read_by(PROJECT / f"playbooks/{playbook}.yml"))
    assert {"api", "common"} <= roles
    assert roles.isdisjoint({"backup", "certificates"})


@pytest.mark.parametrize(("playbook", "role"), [("backup", "backup"), ("restore", "backup"), ("certificates",) * 2])
def test_the_others_read_them(playbook, role):
    assert role in set(read_by(PROJECT / f"playbooks/{playbook}.yml"))
