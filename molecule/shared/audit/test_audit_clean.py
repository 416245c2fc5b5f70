"""After all tests of a scenario nothing is lost from sight: what can be mended is mended, the rest agrees."""

from __future__ import annotations


def test_stores_and_database_agree(playbook):
    run = playbook("audit.yml", {"glance_audit_repair": True})
    assert run.rc == 0, run.output
    assert playbook("audit.yml").rc == 0
