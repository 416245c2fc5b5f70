# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in who may use the API and the registry: nobody asked, by passwords, or with Keystone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.utils.encrypt import do_encrypt
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.addresses import (
    is_loopback,
    is_url,
    shown,
)
from ansible_collections.glanceops.image_service.plugins.plugin_utils.hosts import asks_registry, has, release_of
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import gather, is_true
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import API, REGISTRY

AUTH = "glance_auth"
URL, PASSWORD = "glance_keystone_url", "glance_keystone_password"
API_ADDRESS, REGISTRY_ADDRESS = "glance_api_bind_address", "glance_registry_bind_address"
METHODS = "glance_api_import_methods"


def _is_open(given: Mapping[str, Any], name: str) -> bool:
    """Whether others than the host itself reach the address that the variable *name* has."""
    return name in given and not is_loopback(str(given[name]))


def _of_keystone(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if URL in given and not is_url(str(given[URL])):
        wanted = (
            f"{URL} should be the URL of Keystone while {AUTH} is keystone, such as https://keystone.example.com:5000"
        )
        yield URL, f"{wanted}, found {shown(given[URL], 'none')}"
    if given.get(PASSWORD) == "":
        yield PASSWORD, f"{PASSWORD} should be set while {AUTH} is keystone, found none; keep it in a vault"
    # oslo.config takes the two for one dollar sign, whatever stands before them.
    if "\\$" in str(given.get(PASSWORD)):
        yield (
            PASSWORD,
            f"{PASSWORD} should hold no backslash before a dollar sign, which no configuration file of Glance can hold",
        )
    # It marks the image with a context of its own, which has no token (glance/scrubber.py, ScrubDBQueue).
    if has(given, API) and asks_registry(given) and is_true(given.get("glance_delayed_delete")):
        yield (
            "glance_delayed_delete",
            f"glance_delayed_delete should be false while {AUTH} is keystone and the API asks a registry, found true: "
            f"Glance {given.get('glance_release')} would answer every deletion with 401",
        )


def _of_nobody(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    allowed = "glance_api_allow_unauthenticated_network"
    if has(given, API) and _is_open(given, API_ADDRESS) and not is_true(given.get(allowed)):
        yield (
            API_ADDRESS,
            f"{API_ADDRESS} should be a loopback address while {AUTH} is none, found {given[API_ADDRESS]}: anybody "
            f"there could change and delete every image ({allowed} allows it)",
        )


def can_hash() -> bool:
    """Whether Ansible has what it needs on this machine to hash passwords."""
    try:
        return bool(do_encrypt("x", "sha512_crypt", salt="x" * 8, rounds=1000))
    except AnsibleError:
        return False


def _of_passwords(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not has(given, API):
        return
    if release_of(given).get("server", "uwsgi") != "uwsgi":
        yield (
            AUTH,
            f"{AUTH} should be none or keystone for Glance {given.get('glance_release')}, found basic: its server "
            "can't listen where HAProxy alone reaches it, which 2026.1 and newer can",
        )
    if not can_hash():
        yield (
            AUTH,
            f"Ansible should be able to hash passwords on this machine while {AUTH} is basic, found that it can't: "
            "install libpass for its Python",
        )
    allowed, certificate = "glance_api_allow_cleartext_passwords", "glance_tls_certificate"
    if _is_open(given, API_ADDRESS) and given.get(certificate) == "" and not is_true(given.get(allowed)):
        yield (
            API_ADDRESS,
            f"{API_ADDRESS} should be a loopback address while {AUTH} is basic, found {given[API_ADDRESS]}: passwords "
            f"would cross the network as they are (set {certificate}; {allowed} allows it)",
        )
    # The host that is asked passes the request on with a token, which nobody has (glance/context.py, get_ksa_client).
    beside = set(given.get("glance_deployment_hosts") or ()).intersection(given.get("glance_api_hosts") or ())
    if len(beside) > 1 and "glance-direct" in (given.get(METHODS) or ()):
        yield (
            METHODS,
            f"{METHODS} should not hold glance-direct while {AUTH} is basic and there are several API hosts: one of "
            "them could not import what was staged on another one",
        )


def _of_registry(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    allowed = "glance_registry_allow_unauthenticated_network"
    if has(given, REGISTRY) and _is_open(given, REGISTRY_ADDRESS) and not is_true(given.get(allowed)):
        yield (
            REGISTRY_ADDRESS,
            f"{REGISTRY_ADDRESS} should be a loopback address while the registry has no authentication, found "
            f"{given[REGISTRY_ADDRESS]}: anybody there could change and delete every record ({allowed} allows it)",
        )


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about who may use the services, by variable; none holds a password.

    What is about the API counts on its hosts, what is about the registry on its, and Keystone on all.
    """
    judges = {"none": _of_nobody, "basic": _of_passwords, "keystone": _of_keystone}
    auth = given.get(AUTH)
    found = [*judges[auth](given)] if auth in judges else []
    # Only Keystone stands before a registry.
    found += _of_registry(given) if auth in ("none", "basic") else []
    return gather(found)
