"""What the tests of imports share: users on each API host, disks of all kinds, and servers that behave badly."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testing.api import Api
from testing.imports import Import, begin, ended
from testing.waiting import wait_until

STAGING = "/var/lib/glance/staging"
# Makes every disk that users import, from the same 4 MiB of random data.
MAKE = """
set -eu
cd /srv/web
test -e made && exit
head -c 4194304 /dev/urandom > raw
printf '\\000\\000' | dd of=raw bs=1 seek=510 conv=notrunc status=none
qemu-img convert -q -f raw -O qcow2 raw qcow2
qemu-img convert -q -f raw -O vmdk -o subformat=streamOptimized raw vmdk
gzip --keep --stdout raw > raw.gz
qemu-img create -q -f qcow2 -F raw -b /srv/web/raw backed
python3 -m zipfile -c raw.zip raw
qemu-img create -q -f qcow2 large 3G
head -c 1200000000 /dev/zero | gzip > bomb.gz
head -c 65536 /dev/zero > marked
printf LAB-FORBIDDEN | dd of=marked bs=1 seek=40000 conv=notrunc status=none
gzip --keep --stdout marked > marked.gz
cp raw infected
printf LAB-MALWARE | dd of=infected bs=1 seek=3000000 conv=notrunc status=none
qemu-img convert -q -c -f raw -O qcow2 marked marked.qcow2
printf '\\377\\330\\377\\340\\000\\020JFIF\\000' > picture
head -c 20000 /dev/urandom >> picture
chmod 0644 *
touch made
"""


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    """Hosts of the inventory by name."""
    return {name: testinfra.get_host(f"ansible://{name}") for name in ("api1", "api2", "site1")}


@pytest.fixture(scope="session")
def addresses(hosts: dict[str, Any]) -> dict[str, str]:
    return {name: host.ansible.get_variables()["ansible_host"] for name, host in hosts.items()}


@pytest.fixture
def as_user(api_at: Any, addresses: dict[str, str], keystone: Any) -> Iterator[Callable[..., Api]]:
    """Give the API of a host as a user asks it; the images that a test made are removed after it."""
    opened: list[Api] = []

    def log_in(user: str = "u1", host: str = "api1") -> Api:
        opened.append(api_at(addresses[host], 9292).with_token(keystone.token(user)))
        return opened[-1]

    yield log_in
    for api in opened:
        api.remove_made()


@pytest.fixture(scope="session")
def web(hosts: dict[str, Any], addresses: dict[str, str]) -> Iterator[str]:
    """Serve all disks, and some data that comes badly, at the HTTP port of a host; gives the URL."""
    host = hosts["site1"]
    host.check_output("sh -c %s", MAKE)
    program = (Path(__file__).parent / "sources.py").read_text()
    serve = "systemd-run --quiet --unit=lab-web python3 -c %s /srv/web %s"
    host.check_output(serve, program, addresses["site1"])
    wait_until(lambda: host.socket(f"tcp://{addresses['site1']}:80").is_listening)
    try:
        yield f"http://{addresses['site1']}"
    finally:
        host.check_output("systemctl stop lab-web")


@pytest.fixture(scope="session")
def data_of(hosts: dict[str, Any], web: str) -> Callable[[str], bytes]:
    """Give the bytes of a disk."""
    assert web
    return lambda name: hosts["site1"].file(f"/srv/web/{name}").content


@pytest.fixture(scope="session")
def raw_digest(data_of: Callable[[str], bytes]) -> str:
    """Give the SHA-256 of the data that all right disks hold."""
    return hashlib.sha256(data_of("raw")).hexdigest()


@pytest.fixture
def imported(as_user: Callable[..., Api], web: str) -> Callable[..., Import]:
    """Import a disk of the web server as a user of a host, and wait for the end."""

    def run(disk: str, user: str = "u1", host: str = "api1", **facts: Any) -> Import:
        api = as_user(user, host)
        return ended(api, begin(api, {"name": "web-download", "uri": f"{web}/{disk}"}, **facts))

    return run


@pytest.fixture
def staged(hosts: dict[str, Any]) -> Callable[[], list[str]]:
    """Tell what lies in the staging areas of all hosts."""
    return lambda: [
        name for host in ("api1", "api2") for name in hosts[host].check_output(f"ls -A {STAGING}").splitlines()
    ]
