"""From the last release with a registry, on Debian 11, to the newest one on new hosts, with one database throughout."""

from __future__ import annotations

import hashlib

import pytest
from testing.content import disk

MIB = 1 << 20
EVERYTHING = "find / -xdev ! -path '/proc/*' ! -path '/var/log/*' ! -path '/var/cache/*' ! -path '/root/.ansible/*' "
REGISTRY = EVERYTHING + "-iname '*glance*registry*' ! -path '/opt/glance/20*'"
PROCESSES = "ps -e -o args | grep '[g]lance-'"
REVISIONS = "SELECT version_num FROM alembic_version ORDER BY version_num"
LEFT = "ls -d /opt/glance /etc/glance* /etc/systemd/system/*glance*"


@pytest.fixture(scope="module")
def content():
    """Content of images by name."""
    return {f"before {number}": disk(MIB + number) for number in range(5)}


@pytest.fixture
def images(balanced, content):
    """Images of the release before by id, with the hash of each."""
    made = {}
    for name, data in content.items():
        image = balanced.create(name=name, tags=["kept"], properties_of="ussuri")
        assert balanced.upload(image, [data], len(data)).status == 204
        made[image] = hashlib.sha256(data).hexdigest()
    return made


def downloaded(api, images):
    return {image: api.download(image) for image in images}


def whole(seen):
    """Whether no request failed and no body was damaged."""
    assert seen.failures == [], f"{len(seen.failures)} of {seen.answers + len(seen.failures)}: {seen.failures[:3]}"
    assert seen.damaged == 0
    assert seen.answers > 500


def test_new_hosts_take_the_place_of_old_ones_and_the_registry_goes(
    hosts, traffic, at_stage, balanced, api_of, images, server_statuses
):
    revisions = hosts["database1"].check_output("mariadb -N glance -e %s", REVISIONS).splitlines()
    assert revisions[-1].startswith("ussuri")
    process = hosts["old1"].check_output("systemctl show --value --property=MainPID glance-api")

    with traffic() as seen:
        beside = at_stage("beside", "upgrade.yml")
    assert beside.rc == 0, beside.output
    whole(seen)
    assert "The database keeps what Glance ussuri needs" in beside.output
    assert hosts["old1"].check_output("systemctl show --value --property=MainPID glance-api") == process
    assert set(server_statuses(hosts["database1"])["glance_api"]) == {"old1", "new1", "new2"}
    for name in ("old1", "new1", "new2"):
        assert downloaded(api_of(name), images) == images
    # What one release takes, the other gives.
    for taker, giver in (("old1", "new1"), ("new2", "old1")):
        data = disk(MIB)
        image = api_of(taker).create(name=taker)
        balanced.made.append(image)
        assert api_of(taker).upload(image, [data], MIB).status == 204
        assert api_of(giver).download(image) == hashlib.sha256(data).hexdigest()
    for name in ("upgrade.yml", "site.yml"):
        again = at_stage("beside", name)
        assert (again.rc, again.changed) == (0, 0), again.output
    # Expanded, and no more than that.
    revisions = hosts["database1"].check_output("mariadb -N glance -e %s", REVISIONS).splitlines()
    assert [each for each in revisions if each.startswith("ussuri")] == ["ussuri_contract01"]
    assert len(revisions) == 2

    with traffic() as seen:
        after = at_stage("after", "upgrade.yml")
    assert after.rc == 0, after.output
    whole(seen)
    assert downloaded(balanced, images) == images
    assert balanced.show(next(iter(images)))["tags"] == ["kept"]
    assert set(server_statuses(hosts["database1"])["glance_api"]) == {"new1", "new2"}
    for name in ("old1", "registry1"):
        assert (hosts[name].run(PROCESSES).rc, hosts[name].run(LEFT).stdout) == (1, "")
    for name in ("old1", "registry1", "new1", "new2"):
        assert hosts[name].check_output(REGISTRY) == ""
    revisions = hosts["database1"].check_output("mariadb -N glance -e %s", REVISIONS).splitlines()
    assert [each for each in revisions if each.startswith("ussuri")] == []
    for name in ("upgrade.yml", "site.yml"):
        again = at_stage("after", name)
        assert (again.rc, again.changed) == (0, 0), again.output
    audit = at_stage("after", "audit.yml")
    assert audit.rc == 0, audit.output
