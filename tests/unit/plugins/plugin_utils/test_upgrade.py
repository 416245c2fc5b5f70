"""How far an upgrade is, by what a run has seen on the hosts."""

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import upgrade as u
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import Topology

RELEASES = {"2026.2": {}, "2025.1": {}, "ussuri": {"registry": True}}
HOSTS = ["a1", "a2", "a3"]
OLD, NEW = u.Seen(before="2025.1"), u.Seen(before="2026.2")
FRESH = u.Seen(before="")


def inventory(everywhere=None, groups=None, **of_hosts):
    groups = groups or {"glance_api": HOSTS, "glance_scrubber": ["s"]}
    hosts = [host for members in groups.values() for host in members]
    base = {"glance_release": "2026.2", **(everywhere or {})}
    return Topology(groups, {host: {**base, **of_hosts.get(host, {})} for host in hosts})


def test_hosts_that_this_run_or_an_earlier_one_upgraded_are_told():
    assert u.upgraded(inventory(), "a1", {"a1": OLD, "a2": NEW, "a3": FRESH}) == ["a2"]
    done = u.Seen(before="2025.1", done="a1 runs it")
    assert u.upgraded(inventory(), "a3", {"a1": done, "a2": NEW, "a3": OLD}) == ["a1", "a2"]
    assert u.upgraded(inventory({"glance_standalone_hosts": True}), "a1", {"a1": OLD, "a2": NEW}) == []
    assert u.upgraded(inventory({"glance_standalone_hosts": True}), "a2", {"a1": OLD, "a2": NEW}) == ["a2"]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (["2026.2", "2026.2", "2026.2"], []),
        (["2026.2", "2025.1", "2026.2"], ["a2 runs 2025.1"]),
        # What Debian's packages bring is not up to us.
        (["package", "2026.2", None], ["a3 runs an unknown release"]),
    ],
)
def test_hosts_that_do_not_run_their_release_are_told(now, told):
    assert u.behind(inventory(), {host: u.Seen(now=release) for host, release in zip(HOSTS, now)}) == told


@pytest.mark.parametrize(
    ("seen", "host"),
    [
        ({"a1": OLD, "a2": OLD, "a3": OLD}, "a1"),
        # A new host has no database yet.
        ({"a1": FRESH, "a2": OLD}, "a2"),
        ({"a1": FRESH}, ""),
        # An upgrade that goes on has its backup.
        ({"a1": NEW, "a2": OLD}, ""),
        ({}, ""),
    ],
)
def test_one_host_backs_up_before_the_first_is_upgraded(seen, host):
    assert {u.backup_host(inventory(), each, HOSTS, seen, RELEASES) for each in HOSTS} == {host}


def test_an_api_that_asks_a_registry_does_not_back_up():
    found = inventory(
        {"glance_release": "ussuri"},
        {"glance_api": ["a1"], "glance_registry": ["r1"]},
        a1={"glance_registry_host": "192.0.2.9"},
    )
    assert u.backup_host(found, "a1", ["a1", "r1"], {"a1": OLD, "r1": OLD}, RELEASES) == "r1"
    # Of a release without a registry, it asks none.
    found = inventory(None, {"glance_api": ["a1"]}, a1={"glance_registry_host": "192.0.2.9"})
    assert u.backup_host(found, "a1", ["a1"], {"a1": OLD}, RELEASES) == "a1"


def test_each_deployment_of_its_own_backs_up_itself():
    alone = inventory({"glance_standalone_hosts": True})
    seen = {"a1": OLD, "a2": NEW, "a3": FRESH}
    assert [u.backup_host(alone, host, HOSTS, seen, RELEASES) for host in HOSTS] == ["a1", "", ""]


def test_state_names_the_backup_and_the_way_back():
    seen = {"a1": u.Seen(before="2025.1", back_to="2025.1", backup="b-1"), "a2": OLD}
    told = u.state(inventory(), "s", HOSTS, seen, RELEASES)
    assert told == {
        "upgraded": [],
        "behind": ["a1 runs an unknown release", "a2 runs an unknown release", "a3 runs an unknown release"],
        "back_to": "2025.1",
        "backup_host": "a1",
        "backup": "b-1",
    }
