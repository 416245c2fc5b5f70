"""Every option that the release on a host registers is taken, and no misspelling of one is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

testinfra_hosts = ["ansible://glance_api"]
FOLDER = Path(__file__).parent
FILES = FOLDER.parents[2] / "roles/common/files"
PROGRAMS = (FOLDER / "every_option.py", FOLDER / "table_of_options.py", FILES / "check_options.py")


@pytest.fixture
def programs(host):
    """Lay the programs on the host; gives their paths there."""
    folder = host.check_output("mktemp --directory")
    for program in PROGRAMS:
        host.check_output(f"cat > {folder}/{program.name} <<'END'\n{program.read_text().rstrip()}\nEND")
    yield [f"{folder}/{program.name}" for program in PROGRAMS[:2]]
    host.check_output("rm -r %s", folder)


@pytest.fixture
def release(host):
    """Give the release of the host, and the Python that has it."""
    variables = host.ansible.get_variables()
    packages = variables.get("glance_install_method", "venv") == "package"
    python = "/usr/bin/python3" if packages else "/opt/glance/current/bin/python"
    return variables.get("glance_release", "2026.2"), python, packages


def test_every_option_is_taken_and_no_misspelt_one(host, programs, release):
    (name, python, _packages), (every, _table) = release, programs
    judged = json.loads(host.check_output(f"{python} {every} {name}"))
    assert judged["options"] > 400
    assert judged["misspelt"] > 1200
    assert (judged["refused"], judged["accepted"]) == ([], [])


def test_what_is_known_before_the_host_is_asked_is_what_it_has(host, programs, release):
    (name, python, packages), (_every, table) = release, programs
    there = json.loads(host.check_output(f"{python} {table}"))
    known = json.loads((FILES / f"options-{name}.json").read_text())
    # Those of a distribution have drivers and plugins of their own, and are left to the host.
    assert there["policies"] == known["policies"] if packages else there == known
