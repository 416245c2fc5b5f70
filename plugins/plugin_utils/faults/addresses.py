# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the addresses that services listen on, and in those that users are told."""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import entries, gather, printable

URLS = {"glance_keystone_public_url": "https://keystone.example.com:5000"}
INDEXES = ("glance_wheels_index_url", "glance_wheels_extra_index_urls")
PROXY = "glance_wheels_proxy"
NAMES = ("glance_api_bind_address", "glance_registry_bind_address", "glance_loadbalancer_bind_address")
SERVERS = ("glance_database_host", "glance_database_bind_address", "glance_registry_host")
PROXIES = "glance_api_trusted_proxies"
OUTBOUND, DIRECT = "glance_http_proxy", "glance_no_proxy"
CACHES = "glance_keystone_memcached_servers"
# RFC 1123, with a letter, so that no half of an address is taken for a name.
_HOST = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\Z")

_URL = re.compile(r"(?i:https?)://[^/?#@\s]+(/[^?#@\s]*)?\Z")
# Of an index, which may need a login and may be a folder.
_INDEX = re.compile(r"\w[\w+.-]*://\S+\Z")
# pip takes one without http:// as well (requests/adapters.py, get_connection_with_tls_context).
_PROXY = re.compile(r"(\w[\w+.-]*://\S+|([^\s/@]+@)?[\w.-]+:\d{1,5}/?)\Z")
_LOGIN = re.compile(r"//.*@")
# As python-memcached takes them (memcache.py, _Host).
_CACHE = re.compile(
    r"unix:/\S+\Z|(inet:)?(?P<host>[^\s:,]+)(:(?P<port>\d+))?\Z|(inet6:)?\[(?P<host6>[^\s\],]+)\](:(?P<port6>\d+))?\Z"
)


def is_address(text: str) -> bool:
    """Whether *text* is an IP address, without brackets or a port, or a host name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return bool(_HOST.match(text))
    return True


def is_loopback(address: str) -> bool:
    """Whether *address* is reachable from its own host alone; a name other than C(localhost) may be any address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_url(text: str) -> bool:
    """Whether *text* is the URL of a service: with http or https, and without a login, a query or a fragment."""
    return bool(_URL.match(text))


def is_network(text: str) -> bool:
    """Whether *text* is an IP address or a network of them."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_cache(text: str) -> bool:
    """Whether *text* is an address and a port, or a socket, of memcached."""
    if not (found := _CACHE.match(text)):
        return False
    host, port = found["host"] or found["host6"], found["port"] or found["port6"] or "11211"
    return host is None or (is_server(host) and 1 <= int(port) <= 65535)


def is_server(text: str) -> bool:
    """Whether *text* is an address or a name of another host.

    A name in /etc/hosts may have underscores, and one for DNS may end with a dot.
    """
    return is_address(re.sub(r"(?<=\w)_(?=\w)", "-", re.sub(r"(?<=[A-Za-z])\.\Z", "", text)))


def shown(value: Any, empty: str = "nothing") -> str:
    """Return a URL or an address for a sentence, without a login in it; *empty* where there is none."""
    # What stands before an @ may be a password.
    return printable(_LOGIN.sub("//********@", str(value))) or empty


def _of_servers(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in SERVERS:
        value = str(given.get(name) or "")
        # The server's own address is that of the database by default, of which it is told.
        again = name == "glance_database_bind_address" and value in (str(given.get("glance_database_host")), "*")
        if value and not again and not is_server(value):
            wanted = f"{name} should be an address or a name of a host, such as 192.0.2.7"
            yield name, f"{wanted}, found {shown(value)}: name one without a port"


def _of_lists(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in entries(given.get(PROXIES) or []):
        if not is_network(str(entry)):
            example = "an address or a network, such as 198.51.100.0/24"
            yield PROXIES, f"an entry of {PROXIES} should be {example}, found {shown(entry)}: correct it"
    for entry in entries(given.get(CACHES) or []):
        if not is_cache(str(entry)):
            example = "an address and a port, such as 192.0.2.7:11211"
            yield CACHES, f"an entry of {CACHES} should be {example}, found {shown(entry)}: correct it"


def _of_urls(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, example in URLS.items():
        if given.get(name) and not _URL.match(str(given[name])):
            yield name, f"{name} should be a URL such as {example}, found {shown(given[name])}"
    for name in INDEXES:
        for entry in entries(given.get(name) or []):
            if not _INDEX.match(str(entry)):
                # Not shown, since it may hold a password in another form.
                yield name, f"{name} should be a URL such as https://pypi.example.com/simple, found another text"
    if given.get(PROXY) and not _PROXY.match(str(given[PROXY])):
        yield PROXY, f"{PROXY} should be a URL such as http://proxy.example.com:3128, found another text"


def _of_outbound(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    url = str(given.get(OUTBOUND) or "")
    if url and not (is_url(url) and urllib.parse.urlsplit(url).path in ("", "/")):
        # Everybody on a host can read the environment of a unit.
        wanted = f"{OUTBOUND} should be a URL such as http://proxy.example.com:3128, without a login"
        yield OUTBOUND, f"{wanted}, found another text: correct it"
    for entry in entries(given.get(DIRECT) or []):
        if not is_server(str(entry).removeprefix(".")):
            wanted = f"an entry of {DIRECT} should be a name, an address or a domain, such as .example.com"
            yield DIRECT, f"{wanted}, found {shown(entry)}: correct it"


def _of_names(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in NAMES:
        if name in given and not is_address(str(given[name])):
            wanted = f"{name} should be an address of the host, such as 127.0.0.1, or 0.0.0.0 for all"
            yield name, f"{wanted}, found {shown(given[name])}: name one without a port"


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about addresses and URLs of *given* that are none, by variable."""
    return gather([*_of_urls(given), *_of_names(given), *_of_servers(given), *_of_lists(given), *_of_outbound(given)])
