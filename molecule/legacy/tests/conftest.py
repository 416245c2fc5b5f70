"""What the tests of the registry share: the host with the registry and the database, and what is kept there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import testinfra


@dataclass(frozen=True)
class Registry:
    """Host with the registry that the API asks, and with the database."""

    host: Any

    @property
    def address(self) -> str:
        return self.host.ansible.get_variables()["ansible_host"]

    def sql(self, statement: str) -> str:
        """Return what MariaDB answers, without headings."""
        return self.host.check_output("mariadb --skip-column-names glance --execute=%s", statement)

    def status(self, image: str) -> str:
        return self.sql(f"SELECT status FROM images WHERE id = '{image}'")


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry(testinfra.get_host("ansible://registry1"))


@pytest.fixture(scope="session")
def connections() -> Callable[[Any, str], list[str]]:
    """Ask a host for the addresses that the processes of a unit are connected to."""

    def connections(host: Any, unit: str) -> list[str]:
        main = host.check_output("systemctl show --value --property=MainPID %s", unit)
        processes = host.check_output("ps -o pid= -p %s --ppid %s", main, main).split()
        assert len(processes) > 1
        lines = host.check_output("ss --no-header --tcp --numeric --processes state established").splitlines()
        return [line.split()[3] for line in lines if any(f"pid={process}," in line for process in processes)]

    return connections
