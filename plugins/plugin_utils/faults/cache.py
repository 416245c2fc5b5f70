# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the image cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.addresses import is_loopback, shown
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.tls import ADDRESS, NAME, api_name
from ansible_collections.glanceops.image_service.plugins.plugin_utils.hosts import CACHE, has, release_of
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import sections
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import API

SIZE = "glance_cache_max_bytes"


def own_url(given: Mapping[str, Any]) -> str:
    """Return the URL by which the API knows itself; empty if an operator has taken it away."""
    name = api_name(given)
    scheme = "https" if given.get("glance_tls_certificate") else "http"
    url = f"{scheme}://{f'[{name}]' if ':' in name else name}:{given.get('glance_api_port')}"
    for variable in ("glance_config", "glance_api_config"):
        for section, option, value in sections(given.get(variable)):
            if (section, option) == ("DEFAULT", "worker_self_reference_url"):
                url = value
    return str(url or "")


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about the records of the image cache, by variable.

    There is one record of each image and host: hosts that tell the database the same URL would take one another's.
    """
    several = set(given.get("glance_deployment_hosts") or ()).intersection(given.get("glance_api_hosts") or ())
    driver = release_of(given).get("cache_driver", "centralized_db")
    if len(several) < 2 or driver != "centralized_db" or not has(given, API, CACHE):
        return {}
    url = own_url(given)
    if float(given.get(SIZE, 0)) == 0 or ADDRESS not in given or not is_loopback(str(urlsplit(url).hostname)):
        return {}
    return {
        ADDRESS: [
            f"{ADDRESS} should be an address of the host's own, or {NAME} its name, while several hosts have an image "
            f"cache, found {shown(url)}: each host keeps its records under that"
        ]
    }
