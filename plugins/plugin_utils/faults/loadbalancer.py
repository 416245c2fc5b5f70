# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the variables of a load balancer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.sockets import takes_all
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.addresses import is_loopback
from ansible_collections.glanceops.image_service.plugins.plugin_utils.hosts import FACTS, has
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import gather, is_dict, printable
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import LOADBALANCER

BALANCED, VIRTUAL = "glance_loadbalancer_services", "glance_loadbalancer_virtual_address"
ADDRESSES = "glance_loadbalancer_addresses"


def _of_shapes(services: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not services:
        yield BALANCED, f"{BALANCED} should name what is balanced, found nothing"
    for name, service in services.items():
        if not is_dict(service) or not is_dict(service.get("servers")) or "port" not in service:
            yield (
                BALANCED,
                f"{printable(name)} in {BALANCED} should have a port, and its servers as a dict, found another value: "
                "correct it",
            )


def _of_servers(services: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    found = [str(address) for service in services.values() for address in service["servers"].values()]
    nobody = [address for address in found if is_loopback(address)]
    nobody += [address for address in found if takes_all(address)]
    if nobody:
        yield (
            BALANCED,
            f"the servers of {BALANCED} should have addresses that the balancers reach, found "
            f"{', '.join(dict.fromkeys(nobody))}: set glance_api_bind_address on the API hosts",
        )
    for service in services.values():
        certificates = service.get("server_certificates")
        if not is_dict(certificates):
            continue
        plain = [host for host, certificate in certificates.items() if not certificate]
        if 0 < len(plain) < len(certificates):
            yield (
                BALANCED,
                "either all servers of a service or none should have a certificate, found none for "
                f"{', '.join(plain)}: set glance_tls_certificate there too",
            )


def _of_addresses(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    addresses, virtual = given.get(ADDRESSES), given.get(VIRTUAL)
    if addresses is None or virtual is None:
        return
    if len(addresses) > 1 and not virtual:
        yield (
            VIRTUAL,
            f"{VIRTUAL} should be an address that clients use, found none: with {len(addresses)} balancers it moves to "
            "another one when one fails",
        )
    if virtual and FACTS in given:
        own = str((given[FACTS].get("default_ipv4") or {}).get("address", ""))
        if own not in addresses:
            yield (
                ADDRESSES,
                f"{ADDRESSES} should hold {own}, the address of this host's default route, found "
                f"{', '.join(addresses)}",
            )


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about what is balanced and where clients reach it, by variable, on a load balancer."""
    if not has(given, LOADBALANCER):
        return {}
    found: list[tuple[str, str]] = []
    if BALANCED in given:
        found = [*_of_shapes(given[BALANCED])] or [*_of_servers(given[BALANCED])]
    return gather([*found, *_of_addresses(given)])
