"""A host that leaves a group keeps nothing of it."""

from __future__ import annotations

import json

testinfra_hosts = ["ansible://glance_api"]


def test_host_that_leaves_the_group_scrubs_no_more(playbook, host, host_name, api, lab, project, tmp_path):
    inventory = tmp_path / "hosts.yml"
    only = {"hosts": {host_name: None}}
    inventory.write_text(json.dumps({"glance_api": only, "glance_database": only}))
    password = (project / "inventories/single/.credentials/database").read_text().split()[0]
    elsewhere = ("-i", str(inventory), "-i", str(lab / "inventory.yml"))
    timer = "systemctl --quiet is-active glance-scrubber.timer"
    assert host.run(timer).rc == 0
    try:
        run = playbook("site.yml", {"glance_database_password": password}, *elsewhere)
        again = playbook("site.yml", {"glance_database_password": password}, *elsewhere)
        assert (run.rc, again.rc, again.changed) == (0, 0, 0), run.output + again.output
        assert host.run(timer).rc != 0
        assert host.check_output("find /etc -name '*glance-scrubber*'") == ""
        assert host.check_output("systemctl list-units --all --no-legend 'glance-scrubber*'") == ""
        assert api.request("GET", "/v2/images").status == 200
    finally:
        run = playbook("site.yml")
    assert run.rc == 0, run.output
    assert host.run(timer).rc == 0
