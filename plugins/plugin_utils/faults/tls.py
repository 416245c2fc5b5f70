# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the certificate, the key and the authorities of a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils import certificates
from ansible_collections.glanceops.image_service.plugins.plugin_utils.hosts import has
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import gather
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import API

ADDRESS, NAME = "glance_api_bind_address", "glance_api_tls_name"
# An API that listens on every address is reached on loopback.
_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def api_name(given: Mapping[str, Any]) -> str:
    """Return by what others reach the API of the host, and its certificate has to name; empty if it is not known."""
    address = str(given.get(ADDRESS) or "")
    name = given.get(NAME) if given.get(certificates.CERTIFICATE) else ""
    return str(name or _REACHABLE.get(address, address))


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about the certificate, its key and the authorities, by variable; none holds any of the key.

    Only the API is known by a name that is in variables.
    """
    names = (certificates.CERTIFICATE, certificates.KEY, certificates.AUTHORITIES)
    if not given.keys() >= set(names):
        return {}
    name = api_name(given) if has(given, API) else ""
    found = certificates.faults(*(str(given[each]) for each in names), name)
    return gather((sentence.split()[0], sentence) for sentence in found)
