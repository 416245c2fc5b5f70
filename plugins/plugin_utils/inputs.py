# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the desired state of a host is computed from, as one digest: while it is the same, so is the state."""

from __future__ import annotations

import hashlib
import json
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

COLLECTION = pathlib.Path(__file__).parents[2]
FOLDERS = ("playbooks", "plugins", "roles")
SECONDS_TO_READ = 10
"""Time in which ansible-playbook reads the playbooks and roles and comes to its first task, at most."""
FACTS = ("default_ipv4", "distribution", "distribution_major_version", "memtotal_mb", "processor_vcpus")
"""The facts that what is compared is made of."""
VARIABLES = ("ansible_version", "inventory_hostname")
"""Variables of Ansible that roles name, or that decide how a template is read."""


def of_collection(root: pathlib.Path = COLLECTION) -> str:
    """Return the SHA-256 of the names and contents of all files below *root* that a run is made of.

    Empty when one has changed so shortly ago that this run may have read it before.
    """
    found = hashlib.sha256()
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.parent.name != "__pycache__":
                if time.time() - path.stat().st_ctime < SECONDS_TO_READ:
                    return ""
                text = path.read_bytes()
                found.update(f"{path.relative_to(root)} {len(text)} ".encode() + text)
    return found.hexdigest()


def digest(
    collection: str,
    options: Mapping[str, Any],
    variables: Mapping[str, Any],
    handed: Mapping[str, Any],
    texts: Mapping[str, str],
    settings: Sequence[str],
) -> str:
    """Return the SHA-256 of what a host's desired state is computed from.

    collection: what of_collection returns
    options: the operator's variables, as they are once templates are worked out
    variables: all variables of the host, of which facts and some of Ansible's own count
    handed: what the topology says of the host
    texts: the texts of files on the control machine, by their C(src)
    settings: Ansible's, as far as they show in files and variables

    Raises TypeError or ValueError where that can't be told.
    """
    facts = variables.get("ansible_facts") or {}
    parts = [
        collection,
        # The order of what a variable holds may be that of lines in a file.
        sorted(options.items()),
        {name: facts.get(name) for name in FACTS},
        {name: variables.get(name) for name in VARIABLES},
        handed,
        texts,
        settings,
    ]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()
