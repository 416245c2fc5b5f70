"""A registry goes when its host leaves the group, and all goes with the teardown; the last of the tests."""

from __future__ import annotations

from pathlib import Path

import testinfra
import yaml

testinfra_hosts = ["ansible://glance_api"]
FILES = "find /etc /run/systemd -name '*glance-registry*'"
PROCESSES = "pgrep --full bin/glance-registry"


def inventory_without_the_second_registry(password):
    inventory = yaml.safe_load((Path(__file__).parents[1] / "inventory/hosts.yml").read_text())
    del inventory["glance"]["children"]["glance_registry"]["hosts"]["api1"]
    inventory["glance"]["vars"]["glance_lab_password"] = password
    del inventory["all"]
    return yaml.safe_dump(inventory)


def test_registry_whose_host_leaves_the_group_is_retired(playbook, api, host, registry, service, lab, tmp_path):
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(inventory_without_the_second_registry((lab / "password").read_text().strip()))
    assert host.run(PROCESSES).rc == 0
    before = service.main_pid
    run = playbook("site.yml", None, "-i", str(inventory), "-i", str(lab / "inventory.yml"))
    assert run.rc == 0, run.output
    assert (host.run(FILES).stdout, host.run(PROCESSES).rc) == ("", 1)
    assert registry.host.run(PROCESSES).rc == 0
    assert service.main_pid == before
    assert api.request("GET", "/v2/images").status == 200


def test_teardown_leaves_the_records_and_nothing_of_the_registry(playbook, api, registry):
    image = api.create(name="left")
    api.made.clear()
    run = playbook("teardown.yml")
    assert run.rc == 0, run.output
    for each in testinfra.get_hosts(["ansible://glance"]):
        assert (each.run(FILES).stdout, each.run(PROCESSES).rc) == ("", 1)
    assert registry.status(image) == "queued"
