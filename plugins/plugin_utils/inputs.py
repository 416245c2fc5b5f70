# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the desired state of a host is computed from, as one digest: while it is the same, so is the state."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

COLLECTION = pathlib.Path(__file__).parents[2]
FACTS = (
    "all_ipv4_addresses",
    "default_ipv4",
    "distribution",
    "distribution_major_version",
    "memtotal_mb",
    "processor_vcpus",
)
"""The facts that roles name."""
VARIABLES = ("ansible_managed", "ansible_version", "inventory_hostname")
"""The variables of Ansible that roles name, or that decide how a template is read."""


def of_collection(root: pathlib.Path = COLLECTION) -> str:
    """Return the SHA-256 of the names and contents of all files of the roles and plugins below *root*."""
    found = hashlib.sha256()
    for folder in ("roles", "plugins"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.parent.name != "__pycache__":
                text = path.read_bytes()
                found.update(f"{path.relative_to(root)} {len(text)} ".encode() + text)
    return found.hexdigest()


def digest(
    collection: str,
    options: Mapping[str, Any],
    variables: Mapping[str, Any],
    handed: Mapping[str, Any],
    texts: Mapping[str, str],
) -> str:
    """Return the SHA-256 of what a host's desired state is computed from.

    collection: what of_collection returns
    options: the operator's variables, as they are once templates are worked out
    variables: all variables of the host, of which facts and some of Ansible's own count
    handed: what the topology says of the host
    texts: the texts of files on the control machine, by their C(src)
    """
    facts = variables.get("ansible_facts") or {}
    parts = [
        collection,
        options,
        {name: facts.get(name) for name in FACTS},
        {name: variables.get(name) for name in VARIABLES},
        handed,
        texts,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
