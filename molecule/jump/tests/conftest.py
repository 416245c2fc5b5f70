"""What the tests of the jump share: the API at its balancer and on each host, users who never stop, and the stages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testing.traffic import traffic

__all__ = ["traffic"]

SCENARIO = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    """Hosts of the inventory by name."""
    return {
        name: testinfra.get_host(f"ansible://{name}") for name in ("old1", "registry1", "new1", "new2", "database1")
    }


@pytest.fixture
def api_of(api_at: Any, hosts: dict[str, Any]) -> Any:
    """Give the API of one host, past the balancer."""
    return lambda name: api_at(hosts[name].ansible.get_variables()["ansible_host"], 9292)


@pytest.fixture
def balanced(api_of: Any) -> Iterator[Any]:
    """Give the API at its balancer; the images that a test made through it are removed after it."""
    api = api_of("database1")
    yield api
    api.remove_made()


@pytest.fixture
def at_stage(playbook: Any, monkeypatch: pytest.MonkeyPatch, lab: Path) -> Any:
    """Run a playbook with the inventory of a stage: ``at_stage("beside", "upgrade.yml")``."""

    def run(stage: str, name: str, variables: dict[str, Any] | None = None) -> Any:
        sources = [SCENARIO / "inventory", SCENARIO / f"stages/{stage}.yml", lab / "inventory.yml"]
        monkeypatch.setenv("ANSIBLE_INVENTORY", ",".join(str(source) for source in sources))
        return playbook(name, variables)

    return run
