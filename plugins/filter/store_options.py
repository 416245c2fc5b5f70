# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: the options of stores, with secrets that reach Glance as they were written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils import swift
from ansible_collections.glanceops.image_service.plugins.plugin_utils.drivers import drivers
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.values import is_secret
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import kind_of

DOCUMENTATION = r"""
name: store_options
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: The options of stores, with secrets that reach Glance as they were written
description:
  - Gives the options of each store of C(glance_stores), as its section in a configuration file has them.
  - In a secret, a dollar sign is doubled, since oslo.config takes it for a reference to another option. Other options
    stay as they are.
  - Options that its driver can't do without have a default (C(roles/common/files/drivers.yml)).
  - An account of Swift is in a file of its own, which P(glanceops.image_service.store_files#filter) gives.
  - A store with several directories does not have the one directory that Glance gives it by default.
options:
  _input:
    description: Stores by name, each with its driver and its options.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the sections of all stores
  ansible.builtin.debug:
    msg: "{{ glance_stores | glanceops.image_service.store_options }}"
"""

RETURN = r"""
_value:
  description: Options by store.
  type: dict
  sample: {objects: {s3_store_secret_key: a$$b}}
"""


def _written(name: str, store: Mapping[str, Any]) -> dict[str, Any]:
    options = store.get("options") or {}
    found = {
        **drivers().get(store.get("driver", ""), {}).get("defaults", {}),
        **{
            option: str(value).replace("$", "$$") if is_secret(option) and kind_of(value) == "a text" else value
            for option, value in options.items()
        },
    }
    if swift.has_account(store):
        return swift.options(name, found)
    return {"filesystem_store_datadir": "", **found} if "filesystem_store_datadirs" in options else found


def store_options(stores: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the options of each store, by its name."""
    return {name: _written(name, store) for name, store in stores.items()}


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., dict[str, dict[str, Any]]]]:
        """Return the filter by its name."""
        return {"store_options": store_options}
