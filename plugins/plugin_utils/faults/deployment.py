# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in what the hosts of a deployment share, and in how the release comes onto a host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import paths
from ansible_collections.glanceops.image_service.plugins.plugin_utils.hosts import FACTS, has, release_of
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import gather
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import API, SCRUBBER

STORES, MOUNTS, SHARED = "glance_stores", "glance_mounts", "glance_shared_directories"
USER_ID, METHOD = "glance_user_id", "glance_install_method"


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def unshared_directories(given: Mapping[str, Any]) -> list[str]:
    """Return the directories of file stores that lie in no folder that hosts share."""
    mounted = (str(mount.get("path")) for mount in given.get(MOUNTS) or ())
    shared = [folder.rstrip("/") for folder in (*(given.get(SHARED) or ()), *mounted)]
    found = paths.store_directories(given)
    return [path for path in found if not any(_is_below(paths.plain(path), folder) for folder in shared)]


def _of_files(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    hosts = given.get("glance_deployment_hosts") or ()
    if len(hosts) < 2 or not has(given, API, SCRUBBER) or not given.keys() >= {MOUNTS, SHARED}:
        return
    told = ", ".join(hosts)
    if unshared := unshared_directories(given):
        yield (
            STORES,
            f"the directories of file stores should be the same for {told}, found {', '.join(unshared)}: mount a "
            f"folder that they share with {MOUNTS}, name one that is mounted already in {SHARED}, or use a "
            "store of another driver, such as s3",
        )
    if given[MOUNTS] and float(given.get(USER_ID, 1)) == 0:
        yield (
            USER_ID,
            f"{USER_ID} should be set for {told}, found none: they share files by {MOUNTS}, and the user that Glance "
            "runs as must have the same number on all of them, one that is free on each",
        )


def _of_packages(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if given.get(METHOD) != "package" or FACTS not in given or "glance_release" not in given:
        return
    here, there = str(given[FACTS].get("distribution_major_version")), release_of(given).get("debian_packages")
    if here != there:
        named = f"Glance {given['glance_release']}"
        reason = f"its {named} is in Debian {there}" if there else f"no Debian release has packages of {named}"
        yield METHOD, f"{METHOD} should be venv on Debian {here}, found package: {reason}"


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about what hosts share and about packages, by variable.

    What is shared is judged on hosts that reach stores, packages when the facts of the host are known.
    """
    return gather([*_of_files(given), *_of_packages(given)])
