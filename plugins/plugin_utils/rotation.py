# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What old secrets still open when a run has brought hosts to those of the inventory: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import (
    API,
    DATABASE,
    IDENTITY,
    REGISTRY,
    Topology,
    behind,
)

AUTH, RETIRED, STORES = "glance_auth", "glance_identity_retired_users", "glance_stores"
USED = (AUTH, RETIRED, STORES)
"""Variables that the functions of this module ask for."""


def faults(
    topology: Topology,
    selected: Iterable[str],
    deployed: Mapping[str, Iterable[str]],
    leaving: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    """Give a sentence for each of the *selected* hosts whose Keystone has users that should be gone.

    deployed: the hosts, by group, that this run is done with.

    leaving: by host, the retired users that Keystone had before this run removed them. Where nobody has asked, it is
    taken to have all.
    """
    waiting = sorted(behind(topology, (API, REGISTRY), deployed))
    for host in topology.hosts(IDENTITY):
        users = leaving.get(host, topology.value(host, RETIRED) or ())
        if waiting and users and host in set(selected):
            yield (
                f"{host}: Keystone should not have {', '.join(users)} any more, found that {', '.join(waiting)} may "
                "still log in so: a host that failed, or that this run was limited away from; run again for all hosts."
            )


def told(topology: Topology, selected: Iterable[str]) -> list[str]:
    """Return what opens nothing any more on the *selected* hosts of the API, and what is left to do elsewhere."""
    hosts = [host for host in topology.hosts(API) if host in set(selected)]
    kinds = {topology.value(host, AUTH) or "none" for host in hosts}
    drivers = {store.get("driver") for host in hosts for store in (topology.value(host, STORES) or {}).values()}
    found = [
        "The database lets Glance in with the login of the inventory alone."
        if topology.hosts(DATABASE)
        else "The database is looked after elsewhere; have the old login taken away there."
    ]
    if "keystone" in kinds:
        found.append(
            "Keystone lets Glance in with the login of the inventory, and has none of glance_identity_retired_users."
            if topology.hosts(IDENTITY)
            else "Glance's user in Keystone is made elsewhere; have the old one removed there."
        )
    if "basic" in kinds:
        found.append("The API lets users in with the passwords of glance_basic_users alone.")
    if drivers - {"file"}:
        found.append("All hosts use the keys of glance_stores; revoke the old ones at the storage now.")
    return found
