# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far an upgrade is: pure functions over the topology and what this run has seen on the hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import (
    API,
    GLANCE,
    RETIRED,
    Topology,
    releases_of,
)


@dataclass(frozen=True)
class Seen:
    """What a run has seen on a host.

    The release before this run, the one that its last upgrade came from, the one now, the backup made there, and what
    was said of it when this run was done with it.

    An empty text is none; None is a host that was not looked at.
    """

    before: str | None = None
    back_to: str | None = None
    now: str | None = None
    backup: str | None = None
    done: str | None = None


def wanted(topology: Topology, host: str) -> str:
    """Return the release that *host* is to run."""
    return str(topology.value(host, "glance_release"))


def upgraded(topology: Topology, host: str, seen: Mapping[str, Seen]) -> list[str]:
    """Return the hosts that run the release of *host*: this run is done with them, or an earlier one was."""
    hosts = [host] if topology.truth(host, "glance_standalone_hosts") else topology.hosts(*GLANCE, RETIRED)
    told = {other: seen.get(other, Seen()) for other in hosts}
    return [other for other, of in told.items() if of.done is not None or of.before == wanted(topology, host)]


def behind(topology: Topology, seen: Mapping[str, Seen]) -> list[str]:
    """Return, as C(NAME runs RELEASE), the API hosts that do not run their release; Debian's packages are Debian's."""
    hosts = topology.hosts(API)
    running = {host: seen.get(host, Seen()).now or "an unknown release" for host in hosts}
    return [
        f"{host} runs {release}"
        for host, release in running.items()
        if release not in ("package", wanted(topology, host))
    ]


def reaches_database(
    topology: Topology, host: str, seen: Mapping[str, Seen], releases: Mapping[str, Mapping[str, Any]]
) -> bool:
    """Whether *host* runs a release that reaches the database itself, and asks no registry for what is there."""
    asks = releases.get(wanted(topology, host), {}).get("registry") and topology.value(host, "glance_registry_host")
    return bool(seen.get(host, Seen()).before) and not asks


def backup_host(
    topology: Topology,
    host: str,
    selected: Sequence[str],
    seen: Mapping[str, Seen],
    releases: Mapping[str, Mapping[str, Any]],
) -> str:
    """Return the host that backs up before *host* is changed; empty when one of *selected* runs the release already."""
    before = seen.get(host, Seen()).before
    if topology.truth(host, "glance_standalone_hosts"):
        return host if before not in (None, "", wanted(topology, host)) else ""
    users = topology.hosts(*GLANCE, RETIRED)
    newest = releases_of(topology, users, releases)[:1]
    if any([seen.get(other, Seen()).before] == newest for other in selected):
        return ""
    return next((other for other in selected if reaches_database(topology, other, seen, releases)), "")


def state(
    topology: Topology,
    host: str,
    selected: Sequence[str],
    seen: Mapping[str, Seen],
    releases: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return what the tasks of an upgrade ask about *host* and the others; *selected* are the hosts of the play."""
    back_to = (seen.get(other, Seen()).back_to for other in (host, *topology.hosts(API)))
    keeper = backup_host(topology, host, selected, seen, releases)
    return {
        "upgraded": upgraded(topology, host, seen),
        "behind": behind(topology, seen),
        # A host without the API goes where those with it go.
        "back_to": next((release for release in back_to if release), ""),
        "backup_host": keeper,
        "backup": seen.get(keeper, Seen()).backup or "",
    }
