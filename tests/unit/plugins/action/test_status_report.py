"""The tables and sentences of status.yml."""

import types

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.glanceops.image_service.plugins.action import status_report

ANSWERS = {
    "release": "2026.2",
    "state": "active",
    "address": "http://127.0.0.1:9292",
    "healthy": True,
    "health": "200 OK",
}


def report(groups, registered):
    """Run the plugin as Ansible does; *registered* are the results by host."""
    hosts = list(registered)
    variables = {"groups": groups, "hostvars": registered, "ansible_play_hosts_all": hosts}
    task = types.SimpleNamespace(args={}, async_val=0, check_mode=False, diff=False, action="status_report")
    connection = types.SimpleNamespace(_shell=types.SimpleNamespace(tmpdir=None))
    loader = DataLoader()
    plugin = status_report.ActionModule(task, connection, None, loader, Templar(loader=loader, variables={}), None)
    return plugin.run(task_vars=variables)


def test_each_service_that_has_a_host_has_a_table():
    told = report(
        {"glance_api": ["a", "left-out"], "glance_loadbalancer": []}, {"a": {"__glance_api_found": ANSWERS}, "d": {}}
    )
    assert [lines[1].split()[:3] for lines in told["tables"]] == [["a", "2026.2", "active"]]
    assert told["faults"] == {"a": [], "d": []}
    assert told["changed"] is False


def test_a_host_without_an_answer_is_there_and_has_its_faults():
    ill = {**ANSWERS, "healthy": False, "health": "refused"}
    told = report(
        {"glance_api": ["a", "b"], "glance_scrubber": ["b"]},
        {"a": {}, "b": {"__glance_api_found": ill, "secret": "hidden"}},
    )
    assert [[line.split()[0] for line in lines] for lines in told["tables"]] == [["HOST", "a", "b"], ["HOST", "b"]]
    assert "not reached" in told["tables"][0][1]
    (sentence,) = told["faults"]["b"]
    assert sentence.startswith("glance-api on b should answer, found: refused.")
    assert "hidden" not in str(told)
