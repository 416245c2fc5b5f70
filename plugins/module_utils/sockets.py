# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets can't listen at a time."""

from __future__ import annotations

import ipaddress

_NAMES = {"localhost": "127.0.0.1", "*": "0.0.0.0"}  # noqa: S104


def takes_all(address: object) -> bool:
    """Whether a socket at *address* takes requests to every address of its host."""
    try:
        return ipaddress.ip_address(_NAMES.get(str(address), str(address))).is_unspecified
    except ValueError:
        return False


def collide(one: str | None, other: str | None) -> bool:
    """Whether two sockets on the same port can't both listen, for the addresses *one* and *other*.

    What is no address, since it is not known or a name, collides only with all addresses.
    """
    known = []
    for address in (one, other):
        try:
            found = ipaddress.ip_address(_NAMES.get(str(address), str(address)))
        except ValueError:
            continue
        # ::ffff:127.0.0.1, as Java programs listen, is 127.0.0.1.
        known.append(getattr(found, "ipv4_mapped", None) or found)
    if len(known) < 2:
        return any(address.is_unspecified for address in known)
    first, second = known
    # :: takes all addresses of IPv4 too, 0.0.0.0 none of IPv6.
    return first == second or any(
        wide.is_unspecified and wide.version >= narrow.version for wide, narrow in ((first, second), (second, first))
    )
