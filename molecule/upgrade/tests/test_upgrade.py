"""What users notice while the service they use becomes another release, and the one before again: nothing."""

from __future__ import annotations

import hashlib
import os

import pytest

OLD, NEW = "2025.1", "2026.2"
MIB = 1 << 20


def releases(hosts):
    """Releases that the hosts run."""
    return {host.check_output("basename $(readlink /opt/glance/current)").rpartition("-")[0] for host in hosts.values()}


@pytest.fixture
def images(balanced):
    """Images of the release before, with the hash of each."""
    made = {}
    for number in range(5):
        content = os.urandom(MIB + number)
        image = balanced.create(name=f"before {number}")
        assert balanced.upload(image, [content], len(content)).status == 204
        made[image] = hashlib.sha256(content).hexdigest()
    return made


def whole(seen):
    """Whether no request failed and no body was damaged."""
    assert seen.failures == [], f"{len(seen.failures)} of {seen.answers + len(seen.failures)}: {seen.failures[:3]}"
    assert seen.damaged == 0
    assert seen.answers > 500


def test_the_way_there_and_back_is_noticed_by_nobody(hosts, traffic, playbook, balanced, images):
    assert releases(hosts) == {OLD}
    with traffic() as seen:
        there = playbook("upgrade.yml", {"glance_release": NEW})
    assert there.rc == 0, there.output
    assert releases(hosts) == {NEW}
    whole(seen)
    assert {image: balanced.download(image) for image in images} == images
    check = (
        "runuser -u glance -- /opt/glance/current/bin/glance-manage --config-file /etc/glance/glance-api.conf db check"
    )
    assert hosts["api1"].run(check).rc == 0

    again = playbook("upgrade.yml", {"glance_release": NEW})
    assert (again.rc, again.changed) == (0, 0), again.output

    with traffic() as seen:
        back = playbook("site.yml")
    assert back.rc == 0, back.output
    assert releases(hosts) == {OLD}
    whole(seen)
    assert {image: balanced.download(image) for image in images} == images


def test_what_the_release_refuses_is_refused_before_anything_is_replaced(hosts, playbook, balanced, images):
    # A file with policies in JSON, which no release since 2021 reads.
    for host in hosts.values():
        host.check_output("printf %s > /etc/glance/old-policy.json", '{"default": ""}')
    variables = {
        "glance_release": NEW,
        "glance_config": {"oslo_policy": {"policy_file": "/etc/glance/old-policy.json"}},
    }
    run = playbook("upgrade.yml", variables)
    assert run.rc != 0
    assert "Glance's upgrade check refuses it: " in run.failures
    assert releases(hosts) == {OLD}
    assert {image: balanced.download(image) for image in images} == images
