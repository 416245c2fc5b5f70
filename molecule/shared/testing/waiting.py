"""Wait for what becomes true."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import Any

import pytest


def wait_until(condition: Callable[[], Any], seconds: float = 30, every: float = 0.1) -> Any:
    """Return the first true value of *condition*; an error of it counts as false until the *seconds* are over."""
    deadline = time.monotonic() + seconds
    while True:
        found: Any = None
        try:
            if found := condition():
                return found
        except (OSError, RuntimeError, AssertionError, http.client.HTTPException) as error:
            found = error
        assert time.monotonic() < deadline, f"not within {seconds} s, last found: {found!r}"
        time.sleep(every)


@pytest.fixture(name="wait_until", scope="session")
def wait_until_fixture() -> Callable[..., Any]:
    """Wait for a condition: ``wait_until(condition, seconds)`` returns its first true value."""
    return wait_until
