"""The scenario that runs: its checkout, its lab and its hosts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def lab() -> Path:
    """Folder with what this machine needs to reach the hosts of the scenario."""
    return PROJECT / ".lab" / os.environ["MOLECULE_SCENARIO_NAME"]


@pytest.fixture(scope="session")
def project() -> Path:
    """Folder of this checkout."""
    return PROJECT


@pytest.fixture(scope="module")
def host_name(host: Any) -> str:
    """Name of the host in the inventory."""
    return host.ansible.get_variables()["inventory_hostname"]
