# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of this collection as the argument specs of its roles describe them."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

ROLES = pathlib.Path(__file__).parents[2] / "roles"
RELEASES = ROLES / "common/vars/main/releases.yml"


def operator_options(specs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the options of all entry points of *specs*, contents of C(argument_specs.yml)."""
    found: dict[str, dict[str, Any]] = {}
    for spec in specs:
        for entry_point in spec["argument_specs"].values():
            for name, option in (entry_point.get("options") or {}).items():
                found[name] = {key: value for key, value in option.items() if key != "description"}
    return found


def read(loader: Any) -> list[Mapping[str, Any]]:
    """Return the argument specs of all roles, read with Ansible's *loader*, which reads each file once in a run.

    They are to be looked at alone: all who read them with the same loader have the same ones.
    """
    # A copy of all of them takes about as long as reading them, for each host.
    paths = sorted(ROLES.glob("*/meta/argument_specs.yml"))
    return [loader.load_from_file(str(path), unsafe=True) for path in paths]
