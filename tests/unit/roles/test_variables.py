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
