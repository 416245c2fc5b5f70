"""What users of a cluster notice: nothing, while it is restarted, changed, grown, and while parts of it die."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time

import pytest
from testing.content import disk
from testing.crowd import ROUNDS, USERS, work

# Nobody listens there: an index that can't be reached.
NO_INDEX = "http://127.0.0.1:9/simple"
SECONDS_BACK = 5
# The kernel takes a moment to end processes that were killed, and their sockets are open until then.
SECONDS_TO_DIE = 0.5
API_HOSTS = ("api1", "api2")
BALANCERS = ("balancer1", "balancer2")


def starts(host, unit="glance-api"):
    """Return how often systemd has started a unit."""
    started = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf"
    return len(host.check_output("journalctl --quiet --output=cat %s UNIT=%s.service", started, unit).splitlines())


def holder(hosts, address):
    """Return which balancers have the virtual address."""
    return [name for name in BALANCERS if f" {address}/" in hosts[name].check_output("ip -4 address show")]


def also(inventory):
    """Return the options that name a further inventory beside those of the scenario."""
    return [f"--inventory={path}" for path in [*os.environ["ANSIBLE_INVENTORY"].split(","), inventory]]


def whole(seen):
    """Whether no request failed and no body was damaged."""
    assert seen.failures == [], f"{len(seen.failures)} of {seen.answers + len(seen.failures)}: {seen.failures[:3]}"
    assert seen.damaged == 0


def test_every_host_serves_what_was_uploaded_to_another(api_of, balanced):
    image = balanced.create()
    content = disk(1 << 20)
    assert balanced.upload(image, [content], len(content)).status == 204
    for name in API_HOSTS:
        assert api_of(name).download(image) == hashlib.sha256(content).hexdigest()


def test_eight_users_at_once_get_what_they_ask_for(balanced):
    # Nobody has a project here, and Glance imports for projects alone.
    members = work([balanced], imports=False)
    assert [fault for member in members for fault in member.faults] == []
    assert len({image for member in members for image in member.images}) == USERS * ROUNDS
    assert balanced.request("GET", "/v2/images?name=crowd").json["images"] == []


def test_wheels_were_fetched_once_for_both_pythons(hosts):
    found = {hosts[name].check_output("readlink /opt/glance/current") for name in (*API_HOSTS, "scrubber1")}
    # Debian 12 and 13 have another Python each.
    assert len(found) == 2


def test_a_restart_is_noticed_by_nobody(hosts, traffic, playbook):
    before = [starts(hosts[name]) for name in API_HOSTS]
    with traffic() as seen:
        run = playbook("restart.yml")
    assert run.rc == 0, run.output
    assert [starts(hosts[name]) for name in API_HOSTS] == [number + 1 for number in before]
    assert seen.answers > 500
    whole(seen)


def test_a_changed_option_is_noticed_by_nobody(hosts, traffic, site_of_all):
    before = [starts(hosts[name]) for name in API_HOSTS]
    with traffic() as seen:
        run = site_of_all({"glance_image_max_bytes": 1 << 38})
    assert run.rc == 0, run.output
    assert [starts(hosts[name]) for name in API_HOSTS] == [number + 1 for number in before]
    whole(seen)


def test_a_host_that_does_not_come_back_stops_the_run(hosts, traffic, site_of_all, servers):
    before = [starts(hosts[name]) for name in API_HOSTS]
    with traffic() as seen:
        run = site_of_all({"glance_api_unit": {"Service": {"ExecStartPre": "/bin/false"}}, "glance_health_timeout": 20})
    assert run.rc != 0
    assert set(run.failed) == {"api1"}, run.output
    assert "The previous configuration is restored" in run.failed["api1"]
    # The second host was left alone, and the first is in rotation again.
    assert starts(hosts["api2"]) == before[1]
    for name in BALANCERS:
        assert servers(name) == {"api1": "UP", "api2": "UP"}
    whole(seen)


@pytest.mark.parametrize("option", ["no_such_option"])
def test_a_refused_option_takes_no_host_out_of_rotation(hosts, site_of_all, option):
    before = [starts(hosts[name]) for name in API_HOSTS]
    run = site_of_all({"glance_api_config": {"DEFAULT": {option: 1}}})
    assert run.rc != 0
    assert [starts(hosts[name]) for name in API_HOSTS] == before
    assert not any(hosts[name].file("/etc/glance/healthcheck_disable").exists for name in API_HOSTS)


def test_a_killed_api_loses_what_was_in_flight_and_no_more(hosts, traffic, wait_until, servers, kill):
    with traffic() as seen:
        wait_until(lambda: seen.answers > 100, 60)
        killed = time.monotonic()
        kill(hosts["api1"], "glance-api.service")
        dead = time.monotonic() + SECONDS_TO_DIE
        wait_until(lambda: seen.good and seen.good[-1] > dead + SECONDS_BACK, 60)
    # A request that came later met a balancer that tried the other host.
    assert [failure for failure in seen.failures if failure.began > dead] == []
    assert seen.longest_silence(killed) < SECONDS_BACK
    assert seen.damaged == 0
    wait_until(lambda: servers("balancer1")["api1"] == "UP" and servers("balancer2")["api1"] == "UP", 60)


@pytest.fixture
def unnoticed(hosts, ask_haproxy):
    """Keep the balancers from noticing that the first API host answers no more."""

    def tell(command):
        for name in BALANCERS:
            assert ask_haproxy(hosts[name], command) == ""

    tell("disable health glance_api/api1")
    try:
        yield
    finally:
        tell("enable health glance_api/api1")


def test_what_a_stopped_api_was_asked_goes_to_the_other_host(hosts, balanced, unnoticed):
    hosts["api1"].check_output("systemctl stop glance-api")
    try:
        for number in range(20):
            image = balanced.create(name=f"elsewhere {number}")
            assert balanced.show(image)["name"] == f"elsewhere {number}"
            balanced.remove_made()
    finally:
        hosts["api1"].check_output("systemctl start glance-api")


def test_a_killed_balancer_is_replaced(hosts, traffic, virtual_address, wait_until, kill):
    (name,) = holder(hosts, virtual_address)
    with traffic() as seen:
        wait_until(lambda: seen.answers > 100, 60)
        killed = time.monotonic()
        # Masked at run time, so that systemd does not bring it back before the other one is needed.
        hosts[name].check_output("systemctl mask --runtime haproxy")
        kill(hosts[name], "haproxy.service")
        try:
            wait_until(lambda: seen.good and seen.good[-1] > killed + 2 * SECONDS_BACK, 60)
            assert holder(hosts, virtual_address) == [other for other in BALANCERS if other != name]
        finally:
            hosts[name].check_output("systemctl unmask --runtime haproxy && systemctl start haproxy")
    late = [failure for failure in seen.failures if failure.began > killed + SECONDS_BACK]
    assert late == []
    assert seen.longest_silence(killed) < SECONDS_BACK
    assert seen.damaged == 0


def test_inventory_alone_adds_a_host_that_reaches_no_index(hosts, traffic, playbook, servers, project, wait_until):
    third = also(project / "molecule/cluster/third")
    before = [starts(hosts[name]) for name in API_HOSTS]
    with traffic() as seen:
        run = playbook("site.yml", {"glance_wheels_index_url": NO_INDEX}, *third)
        assert run.rc == 0, run.output
        # One answer that is late, on a machine at work, makes it "UP 1/2" for a second.
        for name in BALANCERS:
            wait_until(lambda name=name: servers(name) == {"api1": "UP", "api2": "UP", "api3": "UP"})
        assert [starts(hosts[name]) for name in API_HOSTS] == before
        # And goes again, when the inventory forgets it.
        run = playbook("site.yml")
        assert run.rc == 0, run.output
        wait_until(lambda: servers("balancer1") == {"api1": "UP", "api2": "UP"})
    whole(seen)


def test_a_batch_of_every_api_host_is_refused(hosts, playbook):
    before = [starts(hosts[name]) for name in API_HOSTS]
    run = playbook("restart.yml", {"glance_api_serial": 2})
    assert run.rc != 0
    assert "glance_api_serial should leave a host of the API that serves, found 2 with 2 of them" in run.failures
    assert [starts(hosts[name]) for name in API_HOSTS] == before


def test_two_of_three_hosts_at_a_time_are_noticed_by_nobody(
    hosts, traffic, playbook, servers, project, wait_until, tmp_path
):
    names, two = [*API_HOSTS, "api3"], {"glance_api_serial": 2}
    third = also(project / "molecule/cluster/third")
    added = playbook("site.yml", None, *third)
    assert added.rc == 0, added.output
    for name in BALANCERS:
        wait_until(lambda name=name: servers(name) == dict.fromkeys(names, "UP"))
    before = {name: starts(hosts[name]) for name in names}

    with traffic() as seen:
        restarted = playbook("restart.yml", two, *third)
    assert restarted.rc == 0, restarted.output
    assert {name: starts(hosts[name]) - before[name] for name in names} == dict.fromkeys(names, 1)
    assert seen.answers > 500
    whole(seen)
    # Two were out of rotation together, and the third after them.
    batches = re.findall(r"^PLAY \[Restart the image API.*$", restarted.output, re.MULTILINE)
    assert len(batches) == 2, restarted.output

    with traffic() as seen:
        changed = playbook("site.yml", {**two, "glance_image_max_bytes": 1 << 38}, *third)
    assert changed.rc == 0, changed.output
    assert {name: starts(hosts[name]) - before[name] for name in names} == dict.fromkeys(names, 2)
    whole(seen)

    # One of the first batch does not come back: the other one does, and the third is left alone.
    unit = {"Service": {"ExecStartPre": "/bin/false"}}
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": {"api1": {"glance_api_unit": unit}}}}))
    with traffic() as seen:
        variables = {**two, "glance_image_max_bytes": 1 << 37, "glance_health_timeout": 20}
        stopped = playbook("site.yml", variables, *third, f"--inventory={tmp_path}")
    assert stopped.rc != 0
    assert set(stopped.failed) == {"api1", "api2"}, stopped.output
    assert "The previous configuration is restored" in stopped.failed["api1"]
    assert "found that api1 failed: see why above" in stopped.failed["api2"]
    assert {name: starts(hosts[name]) - before[name] for name in ("api2", "api3")} == {"api2": 3, "api3": 2}
    whole(seen)
    wait_until(lambda: servers("balancer1") == dict.fromkeys(names, "UP"), 60)

    gone = playbook("site.yml")
    assert gone.rc == 0, gone.output
    wait_until(lambda: servers("balancer1") == {"api1": "UP", "api2": "UP"})


def test_what_was_staged_on_one_host_is_imported_by_another(site_of_all, api_of, keystone, wait_until):
    run = site_of_all({"glance_auth": "keystone"})
    assert run.rc == 0, run.output
    here, there = (api_of(name).with_token(keystone.token("u1")) for name in API_HOSTS)
    content = disk(1 << 20)
    image = here.create()
    try:
        staged = here.request("PUT", f"/v2/images/{image}/stage", content, "application/octet-stream")
        assert staged.status == 204, staged
        answer = there.request("POST", f"/v2/images/{image}/import", {"method": {"name": "glance-direct"}})
        assert answer.status == 202, answer
        wait_until(lambda: there.show(image)["status"] == "active", 60)
        assert there.download(image) == hashlib.sha256(content).hexdigest()
    finally:
        here.remove_made()


def test_a_run_for_one_host_knows_the_addresses_of_others_and_needs_no_other_api_host(playbook, tmp_path):
    # Nobody listens there: a host that is down.
    (tmp_path / "hosts.yml").write_text("{all: {hosts: {api1: {ansible_port: 9}}}}")
    run = playbook("site.yml", None, *also(tmp_path), "--limit", "api2")
    assert run.rc == 0, run.output
    assert set(run.recap) == {"api2"}
    assert run.changed == 0, run.output


REFUSED = {
    "no password": ({"glance_database_password": ""}, "glance_database_password should be set"),
    "file store": (
        {"glance_stores": {"objects": {"driver": "file", "options": {"filesystem_store_datadir": "/srv/images"}}}},
        "glance_shared_directories",
    ),
    "no virtual address": (
        {"glance_loadbalancer_virtual_address": ""},
        "glance_loadbalancer_virtual_address should be",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_comes_before_any_change(hosts, playbook, case):
    variables, sentence = REFUSED[case]
    run = playbook("site.yml", variables)
    assert run.rc != 0
    assert sentence in " ".join(run.failures.split()), run.output
    assert run.changed == 0, run.output
