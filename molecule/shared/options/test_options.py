"""Every option that the release on a host registers is taken, and no misspelling of one is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

testinfra_hosts = ["ansible://glance_api"]
FOLDER = Path(__file__).parent
PROGRAMS = (FOLDER / "every_option.py", FOLDER.parents[2] / "roles/common/files/check_options.py")


@pytest.fixture
def programs(host):
    """Lay the programs on the host; gives their paths there."""
    folder = host.check_output("mktemp --directory")
    for program in PROGRAMS:
        host.check_output(f"cat > {folder}/{program.name} <<'END'\n{program.read_text().rstrip()}\nEND")
    yield [f"{folder}/{program.name}" for program in PROGRAMS]
    host.check_output("rm -r %s", folder)


def test_every_option_is_taken_and_no_misspelt_one(host, programs):
    variables = host.ansible.get_variables()
    python = {"venv": "/opt/glance/current/bin/python"}.get(
        variables.get("glance_install_method", "venv"), "/usr/bin/python3"
    )
    every, check = programs
    judged = json.loads(host.check_output(f"{python} {every} {check} {variables.get('glance_release', '2026.2')}"))
    assert judged["options"] > 400
    assert judged["misspelt"] > 1200
    assert (judged["refused"], judged["accepted"]) == ([], [])
