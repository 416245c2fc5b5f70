"""What is refused before any change, and what the scrubber may do to its host."""

from __future__ import annotations

import re

GONE_OPTIONS = {
    "scrubber_datadir": "/var/lib/glance/scrubber",
    "cleanup_scrubber": True,
    "cleanup_scrubber_time": 86400,
    "registry_host": "0.0.0.0",
}
ATTEMPTS = [
    "echo debug = true >>/etc/glance/glance-scrubber.conf",
    "mv /etc/glance/glance-scrubber.conf /etc/glance/old.conf",
    "touch /opt/glance/libexec/pending_images.py",
    "touch /opt/glance/libexec/glance_store.py",
    "touch /etc/systemd/system/glance-scrubber.service",
]


def state(it):
    """Return the units, the last start of the scrubber, and all files with their content."""
    files = "find /etc/glance /opt/glance/libexec /etc/systemd/system -type f -exec sha256sum {} + | sort"
    return it.units(), it.show("InvocationID"), it.host.check_output(files)


def test_options_of_2015_that_are_gone_are_refused_by_their_names(every, playbook):
    before = every(state)
    run = playbook("site.yml", {"glance_scrubber_config": {"DEFAULT": GONE_OPTIONS}})
    assert run.rc != 0
    assert run.changed == 0, run.output
    assert [option for option in GONE_OPTIONS if not re.search(rf"\b{option}\b", run.failures)] == [], run.output
    assert every(state) == before


def test_several_scrubbers_are_refused_unless_they_are_allowed(every, playbook):
    before = every(state)
    run = playbook("site.yml", {"glance_standalone_hosts": False})
    assert run.rc != 0
    assert run.changed == 0, run.output
    told = ["glance_standalone_hosts", *every.names]
    assert [name for name in told if name not in run.failures] == []
    assert every(state) == before


def test_service_user_can_write_neither_configuration_nor_programs(every):
    writable = "runuser -u glance -- find /etc/glance /opt/glance /etc/systemd/system ! -type l -writable"
    for it in every.deployments:
        tried = [it.host.run("runuser -u glance -- sh -c %s", attempt) for attempt in ATTEMPTS]
        assert [each for each in tried if each.rc == 0 or not re.search("denied|not permitted", each.stderr)] == []
        assert it.host.run(writable).stdout == ""


def test_configuration_can_be_read_by_the_service_alone(every):
    def readable(it, user):
        return it.host.run("runuser -u %s -- cat /etc/glance/glance-scrubber.conf", user).rc == 0

    assert every(readable, "glance").common is True
    assert every(readable, "nobody").common is False


def test_units_have_few_rights(every):
    for it in every.deployments:
        services = [unit for unit in it.units() if unit.endswith(".service")]
        assert services
        for unit in services:
            last = it.host.check_output("systemd-analyze security --no-pager %s | tail -n 1", unit)
            assert float(re.search(r": ([\d.]+) ", last)[1]) <= 1.5, last
