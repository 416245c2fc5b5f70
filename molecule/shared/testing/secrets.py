"""Secrets of the inventory, none of which may show anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import testinfra

from testing.playbooks import PRINTED
from testing.scenario import PROJECT

# Hosts whose journal, processes and files show nothing secret; those of a lab's Keystone and object store may.
DEPLOYED = {"glance_api", "glance_registry", "glance_scrubber", "glance_database", "glance_loadbalancer"}
LAB_SERVICES = {"keystone", "objects"}
# Written since the hosts were made; programs and lists of packages hold no secrets and take long to read.
OPEN_FILES = (
    "find /etc /home /opt/glance /root /run /srv /tmp /var -xdev -type f -perm /o=r -mmin -600 -size -1000k "
    "! -path '*/lib/python*' ! -path '/var/lib/apt/*' ! -path '/var/lib/dpkg/*' -exec cat {} +"
)


def secrets_of(lab: Path) -> dict[str, bytes]:
    """Return the passwords that the inventory of a scenario has, and a line of each private key, by their file."""
    files = [path for path in sorted(lab.rglob("*")) if path.is_file() and path.suffix != ".lock"]
    passwords = [path for path in files if path.name.endswith("password") or path.parent.name == "secrets"]
    passwords += sorted(PROJECT.glob("inventories/*/.credentials/*")) if lab.name == "default" else []
    found = {str(path): path.read_bytes().strip() for path in passwords if path.is_file()}
    # The lines after it hold the public key besides.
    return found | {str(path): path.read_bytes().split(b"\n")[1] for path in files if path.suffix == ".key"}


@pytest.fixture(scope="session", autouse=True)
def no_secret_shows_anywhere(lab: Path) -> Iterator[None]:
    """Look, after all tests, for the secrets of the inventory in what was printed and what all on a host can read."""
    yield
    secrets = secrets_of(lab)
    places = {"output": "\n".join(PRINTED).encode()}
    for host in testinfra.get_hosts(["ansible://all"]) if secrets else []:
        variables = host.ansible.get_variables()
        if DEPLOYED.isdisjoint(variables["group_names"]) or not LAB_SERVICES.isdisjoint(variables["group_names"]):
            continue
        for command in ("journalctl --quiet --output=cat", "ps -eo args", OPEN_FILES):
            places[f"{variables['inventory_hostname']}: {command}"] = host.run(command).stdout_bytes
    shown = [(place, name) for place, seen in places.items() for name, secret in secrets.items() if secret in seen]
    assert shown == []
    assert len(places) > 1 or not secrets
