"""What the tests of backups share: two deployments, worked on all at once, and users who never stop."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import testinfra
from testing.content import disk
from testing.traffic import Traffic

BACKUPS = "/var/backups/glance"
DATA = "/var/lib/glance"
USERS = 4
# Runs as the service user, with the connection that the API has.
SQL = """
import configparser, json, sys
import sqlalchemy

config = configparser.RawConfigParser(strict=False)
config.read("/etc/glance/glance-api.conf")
with sqlalchemy.create_engine(config["database"]["connection"]).begin() as connection:
    for statement in sys.argv[1:]:
        found = connection.execute(sqlalchemy.text(statement))
        rows = [list(row) for row in found] if found.returns_rows else []
print(json.dumps(rows, default=str))
"""
# Holds what a backup has against its manifest, by other means than the collection's.
CHECK = """
import hashlib, json, os, sys

folder = sys.argv[1]
manifest = json.load(open(folder + "/manifest.json"))
faults = []
for image in manifest["images"]:
    for place in image["places"]:
        held = os.path.join(folder, place["held"]) if place["held"] else None
        if held is None and not place["required"]:
            continue
        data = open(held, "rb").read() if held else b""
        if hashlib.sha512(data).hexdigest() != image["os_hash_value"] or len(data) != image["size"]:
            faults.append(image["id"])
active = {image["id"]: image["os_hash_value"] for image in manifest["images"] if image["status"] == "active"}
print(json.dumps({"faults": faults, "active": active}))
"""
FLIP = """
import sys

data = bytearray(open(sys.argv[1], "rb").read())
data[9] ^= 1
open(sys.argv[1] + ".x", "wb").write(data)
"""
# Kills who has the folder of backups for himself, as soon as something is there that was not.
KILLER = """
import glob, os, signal, sys, time

pattern, before = sys.argv[1], set(glob.glob(sys.argv[1]))
deadline = time.monotonic() + 300
while not set(glob.glob(pattern)) - before:
    assert time.monotonic() < deadline
    time.sleep(0.001)
for link in glob.glob("/proc/[0-9]*/fd/*"):
    try:
        if os.readlink(link) == "/var/backups/glance/.lock":
            os.kill(int(link.split("/")[2]), signal.SIGKILL)
            print("killed", link)
    except OSError:
        pass
"""


@dataclass
class Deployment:
    """A host with its API, its records, its stores and its backups; *known* has the SHA-256 of images by id."""

    name: str
    host: Any
    api: Any
    delayed: bool
    known: dict[str, str] = field(default_factory=dict)

    def upload(self, size: int = 100_000) -> str:
        """Make an image of random data."""
        data = disk(size)
        image = self.api.create()
        answer = self.api.upload(image, [data])
        assert answer.status == 204, answer
        self.known[image] = hashlib.sha256(data).hexdigest()
        return image

    def sql(self, *statements: str) -> list[list[Any]]:
        """Run statements in one transaction; returns the rows of the last one."""
        command = "runuser -u glance -- /opt/glance/current/bin/python -W ignore -c %s" + " %s" * len(statements)
        return json.loads(self.host.check_output(command, SQL, *statements))

    def active(self) -> dict[str, str]:
        """Return the hash of every image that the API shows as active, by id, whatever the page."""
        found, path = {}, "/v2/images?limit=100&status=active"
        while path:
            answer = self.api.request("GET", path)
            assert answer.status == 200, answer
            found |= {image["id"]: image["os_hash_value"] for image in answer.json["images"]}
            path = answer.json.get("next")
        return found

    def downloads(self, image: str, algorithm: str = "sha512") -> str:
        """Return a hash of what a user gets."""
        answer = self.api.request("GET", f"/v2/images/{image}/file")
        assert answer.status == 200, (self.name, image, answer)
        return hashlib.new(algorithm, answer.body).hexdigest()

    def backups(self) -> list[str]:
        """Return the names in the folder of backups."""
        return self.host.check_output(f"ls {BACKUPS} 2>/dev/null || true").split()

    def checked(self, name: str) -> dict[str, str]:
        """Return the hash of every active image in a backup, by id; all it holds has to be as its manifest says."""
        found = json.loads(self.host.check_output("python3 -c %s %s", CHECK, f"{BACKUPS}/{name}"))
        assert found["faults"] == []
        return found["active"]

    def replace(self, path: str) -> None:
        """Flip a bit of a file, in a file of its own: the one before may be held by a backup, too."""
        self.host.check_output("python3 -c %s %s", FLIP, path)
        self.host.check_output("chown glance:glance %s.x && mv %s.x %s", path, path, path)

    def kill_when(self, pattern: str) -> None:
        """Have a backup or restore killed as soon as something that matches is there, and was not."""
        self.host.run("systemctl reset-failed killer")
        self.host.check_output("systemd-run --unit=killer python3 -c %s %s", KILLER, pattern)

    def units(self) -> str:
        """Return which units run and are enabled."""
        wanted = "glance-api.service glance-scrubber.service glance-scrubber.timer glance-scrubber-check.timer"
        return self.host.check_output(f"systemctl show --property=Id,ActiveState,UnitFileState {wanted}")

    def main_pid(self) -> str:
        return self.host.check_output("systemctl show --value --property=MainPID glance-api")

    def empty(self) -> None:
        """Forget all backups and all images."""
        tables = ("image_locations", "image_properties", "image_tags", "image_members", "images")
        self.sql(*(f"DELETE FROM {table}" for table in tables))
        self.host.check_output(f"rm -rf {BACKUPS} && find {DATA}/fast {DATA}/slow -type f -delete")
        self.known.clear()
        self.api.made.clear()


@pytest.fixture(scope="session")
def every(open_api: Callable[[str], Any]) -> list[Deployment]:
    found = []
    for host in testinfra.get_hosts(["ansible://glance_api"]):
        variables = host.ansible.get_variables()
        name = variables["inventory_hostname"]
        found.append(Deployment(name, host, open_api(name), variables.get("glance_delayed_delete", False)))
    assert {it.name for it in found} == {"mariadb1", "postgresql1"}
    return found


@pytest.fixture(autouse=True)
def _without_images(every: list[Deployment]) -> None:
    """Begin every test without an image and without a backup."""
    for it in every:
        it.empty()


@pytest.fixture
def users(every: list[Deployment]) -> Callable[[], contextlib.AbstractContextManager[Mapping[str, Traffic]]]:
    """Have users of each API create, upload, download and delete for as long as the context lasts."""

    @contextlib.contextmanager
    def run() -> Iterator[Mapping[str, Traffic]]:
        seen = {it.name: Traffic(it.api) for it in every}
        threads = [threading.Thread(target=each.use) for each in seen.values() for _number in range(USERS)]
        for thread in threads:
            thread.start()
        try:
            yield seen
        finally:
            for each in seen.values():
                each.over.set()
            for thread in threads:
                thread.join()

    return run
