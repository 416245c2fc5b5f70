# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the drivers of stores need and do: the data of C(roles/common/files/drivers.yml)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.module_utils.common.yaml import yaml_load
from ansible_collections.glanceops.image_service.plugins.plugin_utils.specs import ROLES


@functools.cache
def drivers() -> Mapping[str, Mapping[str, Any]]:
    """Return the facts of each driver by its name; a fact that it does not have is left out."""
    return yaml_load((ROLES / "common/files/drivers.yml").read_text(encoding="utf-8"))


def all_of(fact: str) -> frozenset[str]:
    """Return the entries of a list that any driver has as *fact*, such as C(files)."""
    return frozenset(entry for driver in drivers().values() for entry in driver.get(fact, ()))


def _used(stores: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for store in stores.values():
        yield drivers().get(store.get("driver"), {})


def needed(stores: Mapping[str, Any], fact: str) -> list[str]:
    """Return what hosts need of *fact*, C(modules) or C(packages), for the drivers of *stores*; each once."""
    found: Iterable[str] = (entry for driver in _used(stores) for entry in driver.get(fact, ()))
    return list(dict.fromkeys(found))
