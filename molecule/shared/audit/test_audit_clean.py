"""After all tests of a scenario nothing is lost from sight."""

from __future__ import annotations

import testinfra


def test_stores_and_database_agree(playbook):
    # Images that members deleted while they were deactivated wait for the next run of the scrubber or its check.
    for host in testinfra.get_hosts(["ansible://glance_scrubber"]):
        host.check_output("systemctl start glance-scrubber-check.service")
    run = playbook("audit.yml")
    assert run.rc == 0, run.output
