"""Users of a balanced API who never stop: what upgrades, restarts and deaths of hosts are measured by."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from testing.content import disk

REQUESTS_PER_SECOND = 50
USERS = 10
IMAGE_BYTES = 64 << 10


@dataclass(frozen=True)
class Failure:
    """A request that did not go well; times are seconds of the monotonic clock."""

    began: float
    ended: float
    what: str


@dataclass
class Traffic:
    """Users who create, upload, look, download, list and delete, all in all so many requests *per_second*."""

    api: Any
    per_second: float = REQUESTS_PER_SECOND
    answers: int = 0
    damaged: int = 0
    failures: list[Failure] = field(default_factory=list)
    good: list[float] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self, method: str, path: str, expected: int, body: Any = None, kind: str = "application/json") -> Any:
        """Send one request; gives None if it did not go well."""
        began = time.monotonic()
        try:
            answer = self.api.request(method, path, body, kind)
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(Failure(began, time.monotonic(), f"{method} {path}: {error!r}"))
            return None
        ended = time.monotonic()
        if answer.status != expected:
            self.failures.append(Failure(began, ended, f"{method} {path}: {answer.status} {answer.text[:200]}"))
            return None
        self.answers += 1
        self.good.append(ended)
        return answer

    def requests(self) -> Iterator[Any]:
        """Go through the life of image after image, one request at each step."""
        for number in itertools.count():
            if self.over.is_set():
                return
            content = disk(IMAGE_BYTES)
            record = {"name": f"traffic-{number}", "disk_format": "raw", "container_format": "bare"}
            made = self.ask("POST", "/v2/images", 201, record)
            yield
            if not made:
                continue
            path = f"/v2/images/{made.json['id']}"
            sent = self.ask("PUT", f"{path}/file", 204, content, "application/octet-stream")
            yield
            self.ask("GET", path, 200)
            yield
            if sent:
                got = self.ask("GET", f"{path}/file", 200)
                if got and hashlib.sha256(got.body).digest() != hashlib.sha256(content).digest():
                    self.damaged += 1
                yield
            self.ask("GET", "/v2/images?limit=5", 200)
            yield
            # An image whose upload was cut can't be deleted while delayed delete is on.
            if sent:
                self.ask("DELETE", path, 204)
                yield

    def use(self) -> None:
        """Be one user, who takes the last image away in the end."""
        pace = USERS / self.per_second
        following = time.monotonic()
        for _step in self.requests():
            following = max(following + pace, time.monotonic() - 1)
            self.over.wait(max(0, following - time.monotonic()))

    def longest_silence(self, since: float) -> float:
        """Return the longest time without a good answer after *since*."""
        moments = [since, *sorted(moment for moment in self.good if moment >= since)]
        return max(later - earlier for earlier, later in itertools.pairwise(moments))


@contextlib.contextmanager
def at_work(*all_seen: Traffic) -> Iterator[None]:
    """Have the users of each at work for as long as the context lasts."""
    users = [threading.Thread(target=seen.use) for seen in all_seen for _number in range(USERS)]
    for user in users:
        user.start()
    try:
        yield
    finally:
        for seen in all_seen:
            seen.over.set()
        for user in users:
            user.join()


@pytest.fixture
def traffic(balanced: Any) -> Any:
    """Have users at work for as long as the context lasts: ``with traffic() as seen``."""

    @contextlib.contextmanager
    def run() -> Iterator[Traffic]:
        seen = Traffic(balanced)
        with at_work(seen):
            yield seen

    return run
