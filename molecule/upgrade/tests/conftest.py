"""What the tests of the upgrade share: the API behind its balancer, users who never stop, and how the hosts stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import testinfra
from testing.traffic import traffic

__all__ = ["traffic"]

# All that a host has of the service, but for what it says of earlier sets, and for the name that a backup had.
STATE = r"""
set -eu
find /etc/glance /etc/glance-proxy /etc/systemd/system /opt/glance /var/lib/glance -xdev \
    \( -path '/opt/glance/20*/*' -o -path '/var/lib/glance/*/*' \) -prune -o -printf '%p %y %m %u:%g %l\n' 2>&- | sort
find /etc/glance /etc/systemd/system -name '*glance*' -type f -not -path '*/.sets/*' -exec sha256sum {} + | sort -k 2
grep -ho '"state": "[a-z]*"' /etc/glance/.sets/*.json
sed 's/"backup": "[^"]*"//' /opt/glance/upgrade.json
systemctl is-active glance-api.service
systemctl is-enabled glance-api.service
for process in $(systemctl show --value --property=MainPID glance-api.service); do
    grep -ho '/opt/glance/20[^/]*' /proc/$process/maps | sort -u
done
"""
REVISIONS = "SELECT version_num FROM alembic_version ORDER BY version_num"


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    """Hosts of the API by name."""
    return {name: testinfra.get_host(f"ansible://{name}") for name in ("api1", "api2")}


@pytest.fixture(scope="session")
def balancer() -> Any:
    return testinfra.get_host("ansible://balancer1")


@pytest.fixture
def balanced(api_at: Any, balancer: Any) -> Iterator[Any]:
    """Give the API at its balancer; the images that a test made through it are removed after it."""
    api = api_at(balancer.ansible.get_variables()["ansible_host"], 9292)
    yield api
    api.remove_made()


@pytest.fixture(scope="session")
def state(hosts: dict[str, Any], balancer: Any, server_statuses: Any) -> Any:
    """Tell how everything stands that a run may change, a line for each thing."""
    database = testinfra.get_host("ansible://database1")

    def look() -> list[str]:
        return [
            *(
                f"{name}: {line}"
                for name, host in hosts.items()
                for line in host.check_output("sh -c %s", STATE).splitlines()
            ),
            f"database: {database.check_output('mariadb -N glance -e %s', REVISIONS)}",
            f"rotation: {server_statuses(balancer)['glance_api']}",
        ]

    return look
