"""What the tests of images in Ceph share: Ceph itself, and the API of each host as one of its users."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import testinfra

API_HOSTS = ("api1", "api2", "api3")


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    """Hosts of the inventory by name."""
    return {name: testinfra.get_host(f"ansible://{name}") for name in ("ceph1", *API_HOSTS)}


@pytest.fixture(scope="session")
def ceph(hosts: dict[str, Any]) -> Callable[..., Any]:
    """Run a command of Ceph as its administrator: ``ceph("rbd ls images")`` gives what it prints as JSON."""

    def run(command: str) -> Any:
        printed = hosts["ceph1"].check_output(f"{command} --format json")
        return json.loads(printed) if printed else None

    return run


@pytest.fixture
def as_user_at(api_at: Any, hosts: dict[str, Any], lab: Path) -> Iterator[Callable[[str, str], Any]]:
    """Give the API of a host as a user asks it; the images that a test made are removed after it."""
    opened = []

    def log_in(host: str, user: str = "u1") -> Any:
        password = (lab / "secrets" / ("operator" if user == "operator" else "users")).read_text().strip()
        address = hosts[host].ansible.get_variables()["ansible_host"]
        opened.append(api_at(address, 9292).with_password(user, password))
        return opened[-1]

    yield log_in
    for api in opened:
        api.remove_made()


@pytest.fixture
def u1(as_user_at: Callable[[str, str], Any]) -> Any:
    """API of the first host as a member asks it."""
    return as_user_at("api1", "u1")
