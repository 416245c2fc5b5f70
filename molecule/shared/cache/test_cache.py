"""The image cache of a host serves what was downloaded before, and its timer keeps it clean and small."""

from __future__ import annotations

import hashlib
import time
import uuid

import pytest
from testing.content import disk

testinfra_hosts = ["ansible://glance_api"]

CACHE = "/var/lib/glance/cache"
MIB = 1 << 20
DAYS = 86400 * 3
# Written by Glance's user, as all that Glance itself leaves there.
WRITE = "install --owner=glance --group=glance --mode=0640 /dev/null {path} && truncate --size={size} {path}"


@pytest.fixture
def administrator(api, host, request):
    """The API as somebody asks it who may do everything."""
    with_users = host.ansible.get_variables().get("glance_auth", "none") != "none"
    return request.getfixturevalue("as_user")("admin") if with_users else api


@pytest.fixture
def limit(host):
    """Bytes that the cache may take."""
    return int(host.ansible.get_variables()["glance_cache_max_bytes"])


@pytest.fixture
def uploaded(administrator):
    """Make an image of random data; gives its id and the SHA-256 of that."""

    def run(size=MIB):
        data = disk(size)
        image = administrator.create()
        assert administrator.upload(image, [data]).status == 204
        return image, hashlib.sha256(data).hexdigest()

    return run


@pytest.fixture
def left(host):
    """Make a file in the cache that nobody has written to for some days."""

    def run(name, size=MIB, seconds=DAYS):
        path = f"{CACHE}/{name}"
        host.check_output(WRITE.format(path=path, size=size))
        host.check_output(f"touch --date='{seconds} seconds ago' {path}")
        return path

    return run


def cached(host):
    """Return the size of each image in the cache."""
    lines = host.check_output(f"find {CACHE} -maxdepth 1 -type f -name '*-*-*' -printf '%%f %%s\\n'".replace("%%", "%"))
    return {name: int(size) for name, size in (line.split() for line in lines.splitlines())}


def tend(host):
    host.check_output("timeout 120 systemctl start glance-cache.service")


def test_second_download_comes_from_the_cache(administrator, host, uploaded):
    image, digest = uploaded()
    assert image not in cached(host)
    assert administrator.download(image) == digest
    assert cached(host)[image] == MIB
    stored = f"/var/lib/glance/images/{image}"
    host.check_output(f"mv {stored} /root/away")
    try:
        assert administrator.download(image) == digest
    finally:
        host.check_output(f"mv /root/away {stored}")
    assert administrator.request("DELETE", f"/v2/images/{image}").status == 204
    assert image not in cached(host)


def test_what_was_not_used_for_longest_goes_first(administrator, host, limit, uploaded):
    images = [uploaded()[0] for _each in range(limit // MIB + 2)]
    for image in [*images, images[0]]:
        administrator.download(image)
        # MariaDB counts in seconds: of two that were used within one, either may go first.
        time.sleep(1.1)
    assert sum(cached(host).values()) > limit
    tend(host)
    assert sum(cached(host).values()) <= limit
    assert {images[0], images[-1]} <= set(cached(host))
    assert images[1] not in cached(host)
    # And it is cached again.
    administrator.download(images[1])
    assert images[1] in cached(host)


def test_a_file_without_a_record_goes_before_glance_looks_for_that(host, left, limit):
    lost, young = left(uuid.uuid4(), 2 * limit), left(uuid.uuid4(), 1, seconds=0)
    tend(host)
    assert not host.file(lost).exists
    # Its record may be about to be written.
    assert host.file(young).exists
    host.check_output(f"rm {young}")


def test_what_a_download_left_that_was_cut_off_goes(host, left):
    cut, wrong = left(f"incomplete/{uuid.uuid4()}"), left(f"invalid/{uuid.uuid4()}")
    going_on = left(f"incomplete/{uuid.uuid4()}", seconds=3600)
    tend(host)
    assert [host.file(path).exists for path in (cut, wrong, going_on)] == [False, False, True]
    host.check_output(f"rm {going_on}")


def test_timer_waits_for_the_next_half_hour(host):
    timer = host.check_output(
        "systemctl show --property=ActiveState,UnitFileState,NextElapseUSecRealtime glance-cache.timer"
    )
    shown = dict(line.split("=", 1) for line in timer.splitlines())
    assert (shown["ActiveState"], shown["UnitFileState"]) == ("active", "enabled")
    assert shown["NextElapseUSecRealtime"]


def test_cache_has_few_rights(host):
    exposure = host.check_output("systemd-analyze security --no-pager glance-cache | tail -n 1").split(": ")[1]
    assert float(exposure.split()[0]) <= 1.5
