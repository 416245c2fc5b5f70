"""What users notice while the service they use becomes another release, and the one before again: nothing."""

from __future__ import annotations

import hashlib
import random
import re
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from testing.content import disk

PROJECT = Path(__file__).resolve().parents[3]
OLD, NEW = "2025.1", "2026.2"
BETWEEN = ("2025.2", "2026.1")
KILLED_RUNS = 10
MIB = 1 << 20


def releases(hosts):
    """Releases that the hosts run."""
    return {host.check_output("basename $(readlink /opt/glance/current)").rpartition("-")[0] for host in hosts.values()}


@pytest.fixture
def images(balanced):
    """Images of the release before, with the hash of each."""
    made = {}
    for number in range(5):
        content = disk(MIB + number)
        image = balanced.create(name=f"before {number}")
        assert balanced.upload(image, [content], len(content)).status == 204
        made[image] = hashlib.sha256(content).hexdigest()
    return made


def downloaded(balanced, images):
    return {image: balanced.download(image) for image in images}


def whole(seen):
    """Whether no request failed and no body was damaged."""
    assert seen.failures == [], f"{len(seen.failures)} of {seen.answers + len(seen.failures)}: {seen.failures[:3]}"
    assert seen.damaged == 0
    assert seen.answers > 500


def differing(found, expected):
    """Lines that stand on one side only."""
    return sorted(set(found) ^ set(expected))


@pytest.fixture(scope="module")
def undisturbed():
    """How everything stands after an upgrade and after a rollback that nothing disturbed, by release."""
    return {}


def test_the_way_there_and_back_is_noticed_by_nobody(hosts, traffic, playbook, balanced, images, state, undisturbed):
    assert releases(hosts) == {OLD}
    with traffic() as seen:
        there = playbook("upgrade.yml", {"glance_release": NEW})
    assert there.rc == 0, there.output
    assert releases(hosts) == {NEW}
    whole(seen)
    assert downloaded(balanced, images) == images
    check = (
        "runuser -u glance -- /opt/glance/current/bin/glance-manage --config-file /etc/glance/glance-api.conf db check"
    )
    assert hosts["api1"].run(check).rc == 0

    undisturbed[NEW] = state()
    again = playbook("upgrade.yml", {"glance_release": NEW})
    assert (again.rc, again.changed) == (0, 0), again.output

    with traffic() as seen:
        back = playbook("rollback.yml")
    assert back.rc == 0, back.output
    assert releases(hosts) == {OLD}
    whole(seen)
    assert downloaded(balanced, images) == images
    undisturbed[OLD] = state()
    again = playbook("rollback.yml")
    assert (again.rc, again.changed) == (0, 0), again.output


# ------------------------------------- disturbed, before the tests that leave programs of other releases


def test_an_upgrade_that_loses_a_host_is_finished_when_the_host_is_back(
    hosts, playbook, balanced, images, state, undisturbed, wait_until
):
    lost = "systemctl stop ssh; pkill -x sshd; sleep 90; systemctl start ssh"
    hosts["api2"].check_output("systemd-run --unit=lost --on-active=25 sh -c %s", lost)
    run = playbook("upgrade.yml", {"glance_release": NEW, "glance_health_timeout": 20})
    assert run.rc != 0
    assert releases({"": hosts["api1"]}) <= {OLD, NEW}
    assert downloaded(balanced, images) == images
    wait_until(lambda: hosts["api2"].run("true").rc == 0, 120)
    run = playbook("upgrade.yml", {"glance_release": NEW})
    assert run.rc == 0, run.output
    assert differing(state(), undisturbed[NEW]) == []
    back = playbook("rollback.yml")
    assert back.rc == 0, back.output
    assert differing(state(), undisturbed[OLD]) == []


def test_runs_that_are_killed_anywhere_are_finished_by_the_next(
    playbook, cut_playbook, balanced, images, state, undisturbed
):
    seed = time.time_ns()
    chance = random.Random(seed)
    ways = [("upgrade.yml", {"glance_release": NEW}, NEW), ("rollback.yml", {}, OLD)] * (KILLED_RUNS // 2)
    # At least as long as a run that nothing disturbs.
    seconds = {"upgrade.yml": 50.0, "rollback.yml": 50.0}
    for number, (name, variables, release) in enumerate(ways, 1):
        moment = chance.uniform(1, seconds[name])
        cut_playbook(name, variables, moment)
        began = time.monotonic()
        run = playbook(name, variables)
        print(f"{number}: {name} killed after {moment:.1f} of {seconds[name]:.0f} s, seed {seed}: {run.rc}")
        seconds[name] = max(seconds[name], time.monotonic() - began)
        assert run.rc == 0, run.output
        assert differing(state(), undisturbed[release]) == []
        assert downloaded(balanced, images) == images


# ------------------------------------------------------------------------------------------------- in other ways


@pytest.mark.parametrize("before", BETWEEN)
def test_releases_between_come_there_in_one_step(
    hosts, traffic, playbook, balanced, images, undisturbed, state, before
):
    moved = playbook("site.yml", {"glance_release": before, "glance_allow_older_release": True})
    assert moved.rc == 0, moved.output
    assert releases(hosts) == {before}
    with traffic() as seen:
        there = playbook("upgrade.yml", {"glance_release": NEW})
    assert there.rc == 0, there.output
    whole(seen)
    assert downloaded(balanced, images) == images
    assert hosts["api1"].check_output("cat /opt/glance/upgrade.json").count(before) == 1
    refused = playbook("site.yml")
    assert refused.rc != 0
    assert f"glance_release should be {NEW} or newer, found {OLD}: run rollback.yml" in refused.failures
    assert releases(hosts) == {NEW}
    back = playbook("site.yml", {"glance_allow_older_release": True})
    assert back.rc == 0, back.output
    assert releases(hosts) == {OLD}


def test_what_the_release_refuses_is_refused_before_anything_is_replaced(hosts, playbook, balanced, images):
    # A file with policies in JSON, which no release since 2021 reads.
    for host in hosts.values():
        host.check_output("printf %s > /etc/glance/old-policy.json", '{"default": ""}')
    variables = {
        "glance_release": NEW,
        "glance_config": {"oslo_policy": {"policy_file": "/etc/glance/old-policy.json"}},
    }
    run = playbook("upgrade.yml", variables)
    for host in hosts.values():
        host.check_output("rm /etc/glance/old-policy.json")
    assert run.rc != 0
    assert "Glance's upgrade check refuses it: " in run.failures
    assert releases(hosts) == {OLD}
    assert downloaded(balanced, images) == images


def test_a_database_that_was_contracted_is_only_restored_when_the_backup_is_named(hosts, playbook, balanced, images):
    there = playbook("upgrade.yml", {"glance_release": NEW})
    assert there.rc == 0, there.output
    since = balanced.create(name="since")
    # No two releases of the table that run on one host differ in their schema, so one is told to.
    table = yaml.safe_load((PROJECT / "roles/common/vars/main/releases.yml").read_text())
    table["__glance_releases"][OLD]["schema"] = "2023_1_contract01"
    refused = playbook("rollback.yml", table)
    assert refused.rc != 0
    assert f"should still have what Glance {OLD} needs, found that it was contracted" in refused.failures
    assert releases(hosts) == {NEW}
    assert balanced.show(since)["name"] == "since"

    backup = re.search(r"-e glance_backup=(\S+)", refused.failures)[1]
    back = playbook("rollback.yml", {**table, "glance_backup": backup})
    assert back.rc == 0, back.output
    assert releases(hosts) == {OLD}
    assert downloaded(balanced, images) == images
    assert balanced.request("GET", f"/v2/images/{since}").status == 404


@pytest.fixture
def stops_at_api2(hosts):
    """The new release does not start on the second host, for a reason that no look at its configuration tells."""
    folder = "/etc/systemd/system/glance-api.service.d"
    guard = f"[Service]\nExecStartPre=/bin/sh -c 'readlink /opt/glance/current | grep --quiet {OLD}'\n"
    host = hosts["api2"]
    host.check_output("mkdir %s && printf %%s %s > %s/guard.conf && systemctl daemon-reload", folder, guard, folder)
    yield
    host.check_output("rm -r %s && systemctl daemon-reload", folder)


def test_an_upgrade_that_stops_says_how_far_it_is_and_how_to_go_on_and_back(
    hosts, playbook, balanced, images, stops_at_api2, state, undisturbed
):
    run = playbook("upgrade.yml", {"glance_release": NEW})
    assert run.rc != 0
    assert "The previous configuration is restored and the service answers with it." in run.failed["api2"]
    assert (releases({"": hosts["api1"]}), releases({"": hosts["api2"]})) == ({NEW}, {OLD})
    assert f"The upgrade to Glance {NEW} stops here. Done: api1. Not done: api2." in run.output
    assert f"/upgrade.yml -e glance_release={NEW}" in run.output
    assert downloaded(balanced, images) == images
    back = re.search(r"To go back: (ansible-playbook .*/rollback.yml)", run.output)[1]
    assert subprocess.run(back.split(), check=False).returncode == 0
    assert releases(hosts) == {OLD}
    assert downloaded(balanced, images) == images
