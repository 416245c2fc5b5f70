"""After all tests of a scenario nothing is lost from sight."""

from __future__ import annotations


def test_stores_and_database_agree(playbook):
    run = playbook("audit.yml")
    assert run.rc == 0, run.output
