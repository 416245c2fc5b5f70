# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of Swift in a file of their own, so that no user or key becomes a part of the location of an image.

Options of a store alone would: glance_store writes their user and key into the URI of each image, and can't delete an
image at all with an application credential (glance_store/_drivers/swift/store.py, get_uri and get_connection).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.glanceops.image_service.plugins.plugin_utils.drivers import drivers
from ansible_collections.glanceops.image_service.plugins.plugin_utils.operator_files import GLANCE

SWIFT = "swift"
CONFIG_FILE, REFERENCE, MULTI_TENANT = "swift_store_config_file", "default_swift_reference", "swift_store_multi_tenant"
ACCOUNT = {
    "swift_store_auth_address": "auth_address",
    "swift_store_auth_version": "auth_version",
    "swift_store_user": "user",
    "swift_store_key": "key",
    "swift_store_application_credential_id": "application_credential_id",
    "swift_store_application_credential_secret": "application_credential_secret",
    "swift_store_project_name": "project_name",
    "swift_store_project_id": "project_id",
}
"""Options of a store that an account in a file has by other names."""
SERVICES = ["api", "scrubber"]


def path(name: str) -> str:
    """Return where the account of a store is."""
    return f"{GLANCE}/swift-{name}.conf"


def has_account(store: Mapping[str, Any]) -> bool:
    """Whether the options of a store are its account. With one for each project, locations have no keys in them."""
    options = store.get("options") or {}
    multi = str(options.get(MULTI_TENANT, False)).lower()
    return store.get("driver") == SWIFT and not options.get(CONFIG_FILE) and not boolean(multi, strict=False)


def reference(store: Mapping[str, Any]) -> str:
    """Return the name of the account of a store.

    Without one of the operator's it is Glance's default, by which hosts with the account in options find what others
    have uploaded.
    """
    return str((store.get("options") or {}).get(REFERENCE) or drivers()[SWIFT]["defaults"][REFERENCE])


def options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a store that has its account in the file."""
    left = {option: value for option, value in given.items() if option not in ACCOUNT}
    return {CONFIG_FILE: path(name), **left}


def _text(name: str, store: Mapping[str, Any]) -> str:
    given = {**drivers()[SWIFT]["defaults"], **(store.get("options") or {})}
    # A percent sign refers to another value, and quotes are taken away (SwiftConfigParser in swift/utils.py).
    lines = [
        f'{option} = "{given[full]}"'.replace("%", "%%")
        for full, option in ACCOUNT.items()
        if given.get(full) not in (None, "")
    ]
    return "\n".join(["# Managed by Ansible.", f"[{reference(store)}]", *lines, ""])


def files(stores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the files as entries of C(glance_files), one for each store with an account."""
    return [
        {"path": path(name), "content": _text(name, store), "secret": True, "services": SERVICES}
        for name, store in stores.items()
        if has_account(store)
    ]
