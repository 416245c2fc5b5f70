import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
FILES = {
    path: path.read_text()
    for folder in ("roles", "playbooks")
    for path in sorted((PROJECT / folder).rglob("*"))
    if path.suffix in (".yml", ".j2")
}
# As a key, by a task that registers it or tells hosts apart, and in a template.
MADE = re.compile(r"(__glance_\w+):(?:\s|$)|(?:register|loop_var): (__glance_\w+)|\{%-? set (__glance_\w+)")


def made():
    """Return the names of all internal variables that are made somewhere."""
    return {name for text in FILES.values() for match in MADE.findall(text) for name in match if name}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_internal_variable_that_is_used_is_made(path):
    assert set(re.findall(r"__glance_\w+", FILES[path])) - made() == set()


HANDED = re.compile(r"^(glance_\w+): [^\n]*__glance_topology\.", re.MULTILINE)


def test_what_playbooks_hand_over_is_used_where_it_is_declared():
    """Elsewhere it would be undefined, which a C(default) hides."""
    of_roles = {role: set() for role in ("common",)}
    for path in (PROJECT / "roles").glob("*/defaults/main.yml"):
        of_roles[path.parents[1].name] = set(HANDED.findall(path.read_text()))
    handed = set().union(*of_roles.values())
    assert {"glance_deployment_hosts", "glance_loadbalancer_addresses", "glance_api_balancers"} <= handed
    used = [
        (str(path.relative_to(PROJECT)), name)
        for path, text in FILES.items()
        if path.is_relative_to(PROJECT / "roles") and path.name != "argument_specs.yml"
        for name in handed - of_roles["common"] - of_roles.get(path.relative_to(PROJECT / "roles").parts[0], set())
        if re.search(rf"(?<![\w.]){name}\b", text)
    ]
    assert used == []
