"""Several users at once, each of whom does all that can be done with an image."""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
from collections.abc import Sequence
from typing import Any

from testing.content import disk

USERS = 8
ROUNDS = 15
IMAGE_BYTES = 4 << 10
IMPORT_SECONDS = 120
PATCH = "application/openstack-images-v2.1-json-patch"
DATA = "application/octet-stream"


class Member:
    """One user; *faults* are the answers that it did not ask for, *images* are those that it has made."""

    def __init__(self, api: Any, imports: bool) -> None:
        self.api, self.imports = api, imports
        self.faults: list[str] = []
        self.images: list[str] = []
        self.answers = 0

    def ask(self, method: str, path: str, expected: int, body: Any = None, kind: str = "application/json") -> Any:
        """Send one request; another answer than the expected one is noted."""
        try:
            answer = self.api.request(method, path, body, kind)
        except (OSError, http.client.HTTPException) as error:
            self.faults.append(f"{method} {path}: {error!r}")
            return None
        self.answers += 1
        if answer.status != expected:
            self.faults.append(f"{method} {path}: {answer.status} {answer.text[:200]}")
            return None
        return answer

    def create(self) -> str | None:
        """Make a record; returns its path."""
        made = self.ask("POST", "/v2/images", 201, {"disk_format": "raw", "container_format": "bare", "name": "crowd"})
        if not made:
            return None
        self.images.append(made.json["id"])
        return f"/v2/images/{made.json['id']}"

    def imported(self, path: str) -> bool:
        """Wait for the end of an import."""
        deadline = time.monotonic() + IMPORT_SECONDS
        while time.monotonic() < deadline:
            shown = self.ask("GET", path, 200)
            if shown and shown.json["status"] not in ("uploading", "importing"):
                break
            time.sleep(0.2)
        if not shown or shown.json["status"] != "active":
            self.faults.append(f"import of {path}: {shown and shown.json}")
            return False
        return True

    def round(self) -> None:
        """Live the life of an image that is uploaded, and that of one that is imported."""
        content = disk(IMAGE_BYTES)
        if path := self.create():
            self.ask("PUT", f"{path}/file", 204, content, DATA)
            self.ask("PATCH", path, 200, [{"op": "add", "path": "/os_distro", "value": "debian"}], PATCH)
            self.ask("PUT", f"{path}/tags/blue", 204)
            self.holds(path, content)
            self.ask("POST", f"{path}/actions/deactivate", 204)
            self.ask("DELETE", path, 204)
        if self.imports and (path := self.create()):
            self.ask("PUT", f"{path}/stage", 204, content, DATA)
            self.ask("POST", f"{path}/import", 202, {"method": {"name": "glance-direct"}})
            if self.imported(path):
                self.holds(path, content)
            self.ask("DELETE", path, 204)

    def holds(self, path: str, content: bytes) -> None:
        """See that an image is active and has the bytes that were sent."""
        shown, got = self.ask("GET", path, 200), self.ask("GET", f"{path}/file", 200)
        if shown and shown.json["status"] != "active":
            self.faults.append(f"{path}: {shown.json['status']}")
        if got and hashlib.sha256(got.body).digest() != hashlib.sha256(content).digest():
            self.faults.append(f"{path}: {len(got.body)} other bytes")


def work(apis: Sequence[Any], imports: bool = True) -> list[Member]:
    """Have `USERS` users do `ROUNDS` rounds each, the first of *apis*, the second and so on in turn."""
    members = [Member(apis[number % len(apis)], imports) for number in range(USERS)]

    def live(member: Member) -> None:
        for _round in range(ROUNDS):
            member.round()

    threads = [threading.Thread(target=live, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return members
