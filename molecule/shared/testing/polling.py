"""A client that asks for images all the time."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from testing.api import Api


@dataclass
class Seen:
    answers: int = 0
    failures: list[str] = field(default_factory=list)


@pytest.fixture
def poller(api: Api) -> Callable[..., contextlib.AbstractContextManager[Seen]]:
    """Ask for the images every 0.1 s for as long as the context lasts, as nobody or as a user."""

    @contextlib.contextmanager
    def poll(asked: Api = api) -> Iterator[Seen]:
        seen, left = Seen(), threading.Event()

        def ask() -> None:
            while not left.wait(0.1):
                try:
                    answer = asked.request("GET", "/v2/images?limit=1")
                except (OSError, http.client.HTTPException) as error:
                    seen.failures.append(repr(error))
                else:
                    seen.answers += 1
                    if answer.status != 200:
                        seen.failures.append(str(answer))

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield seen
        finally:
            left.set()
            thread.join()

    return poll
