"""Imports as users make them, and how they end."""

from __future__ import annotations

import dataclasses
from typing import Any

from testing.api import Api
from testing.waiting import wait_until

SECONDS = 120


@dataclasses.dataclass
class Import:
    """An import at its end: its image, as users see it, and the message of its task."""

    api: Api
    image: str
    shown: dict[str, Any]
    message: str

    @property
    def end(self) -> tuple[str, str]:
        """Status of the image, and what its user reads."""
        return self.shown["status"], self.message


def begin(api: Api, method: dict[str, Any], data: bytes | None = None, **facts: Any) -> str:
    """Begin an import; returns the image's id."""
    image = api.create(**facts)
    if data is not None:
        staged = api.request("PUT", f"/v2/images/{image}/stage", data, "application/octet-stream")
        assert staged.status == 204, staged
    answer = api.request("POST", f"/v2/images/{image}/import", {"method": method})
    assert answer.status == 202, answer
    return image


def ended(api: Api, image: str, seconds: float = SECONDS) -> Import:
    """Wait for the end of an import."""

    def task() -> dict[str, Any] | None:
        tasks = api.request("GET", f"/v2/images/{image}/tasks").json["tasks"]
        newest = max(tasks, key=lambda each: each["created_at"])
        return newest if newest["status"] in ("success", "failure") else None

    end = wait_until(task, seconds)
    # One that succeeds keeps the last word on its way.
    message = end["message"] if end["status"] == "failure" else ""
    # The task ends a moment before the last words in its image.
    if message:
        wait_until(lambda: api.show(image).get("os_glance_failed_import") == message, 10)
    return Import(api, image, api.show(image), message)
