# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the addresses that services listen on, and in those that users are told."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import printable

URLS = {"glance_keystone_public_url": "https://keystone.example.com:5000"}
NAMES = ("glance_api_bind_address", "glance_registry_bind_address")
# RFC 1123, with a letter, so that no half of an address is taken for a name.
_HOST = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\Z")

_URL = re.compile(r"https?://[^/?#@\s]+(/[^?#@\s]*)?\Z")
_LOGIN = re.compile(r"//.*@")


def is_address(text: str) -> bool:
    """Whether *text* is an IP address, without brackets or a port, or a host name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return bool(_HOST.match(text))
    return True


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about addresses and URLs of *given* that are none, by variable."""
    wrong = {
        # What stands before an @ may be a password.
        name: [
            f"{name} should be a URL such as {example}, found {printable(_LOGIN.sub('//********@', str(given[name])))}"
        ]
        for name, example in URLS.items()
        if given.get(name) and not _URL.match(str(given[name]))
    }
    return wrong | {
        name: [
            f"{name} should be an address of the host, such as 127.0.0.1, or 0.0.0.0 for all, found "
            f"{printable(given[name]) or 'nothing'}: name one without a port"
        ]
        for name in NAMES
        if name in given and not is_address(str(given[name]))
    }
