# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in numbers and times: each by itself, and beside others."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import gather, printable

PORTS = 65535
LARGEST = 2**31 - 1
"""What no number but one of bytes is above: 68 years in seconds, with which Python's dates can still be reckoned."""

BYTES = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class Range:
    """From which to which number a variable goes, and in which words; I(wanted) is made of the two if it is empty."""

    lowest: int
    highest: int = LARGEST
    wanted: str = ""

    def words(self, value: int) -> str:
        """Return what a *value* out of the range should be."""
        if self.wanted:
            return self.wanted
        if self.highest not in (LARGEST, BYTES):
            return f"from {self.lowest} to {self.highest}"
        return f"{self.lowest} or more" if value < self.lowest else f"{self.highest} or less"


RANGES = {
    "glance_api_backend_port": Range(1, PORTS),
    "glance_api_drain_timeout": Range(0),
    "glance_api_port": Range(1, PORTS),
    "glance_api_processes": Range(1),
    "glance_api_threads": Range(1),
    "glance_api_transfers": Range(1, 4096),
    "glance_backup_keep": Range(0),
    "glance_cache_max_bytes": Range(0, BYTES),
    "glance_database_max_connections": Range(10),
    "glance_free_space_percent": Range(0, 100),
    "glance_health_timeout": Range(1),
    "glance_import_scan_max_age_days": Range(0, 9999),
    # A check of imports may take a day, and has some seconds to tell that its own time is over.
    "glance_import_scan_timeout": Range(1, 86000),
    "glance_loadbalancer_api_port": Range(1, PORTS),
    "glance_loadbalancer_router_id": Range(1, 255),
    "glance_loadbalancer_timeout": Range(1),
    "glance_purge_age_days": Range(0, 9999),
    "glance_purge_images_age_days": Range(0, 9999),
    "glance_purge_timeout": Range(1),
    "glance_registry_port": Range(1, PORTS),
    "glance_registry_processes": Range(1),
    "glance_scrub_time": Range(0),
    "glance_scrubber_pool_size": Range(1),
    "glance_scrubber_stuck_after": Range(3600),
    # A restored image is kept from the scrubber for an hour, and the run that knew of it has to be over by then.
    "glance_scrubber_timeout": Range(1, 3000),
    "glance_user_id": Range(0, 65533, "from 1 to 65533, or 0 for the system's choice"),
}
"""Variables of which any other number is refused; those of glance_image_max_bytes are in limits.py."""

_DAY = 86400
# What systemd takes for a time is a line of ASCII (systemd.time(7)).
_CALENDAR = re.compile(r"[ -~]+\Z")


def _of_ranges(numbers: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for name in sorted(RANGES.keys() & numbers.keys()):
        value = numbers[name]
        if not RANGES[name].lowest <= value <= RANGES[name].highest:
            yield name, f"{name} should be {RANGES[name].words(value)}, found {value}"


def _of_pairs(numbers: Mapping[str, int], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    port, backend = (numbers.get(name) for name in ("glance_api_port", "glance_api_backend_port"))
    if port is not None and port == backend:
        yield (
            "glance_api_backend_port",
            f"glance_api_port and glance_api_backend_port should be two ports, found {port} for both",
        )
    stall = numbers.get("glance_cache_stall_time")
    if stall is not None and stall < 60 and numbers.get("glance_cache_max_bytes", 0) > 0:
        yield "glance_cache_stall_time", f"glance_cache_stall_time should be 60 or more, found {stall}"
    wakeup, mode = numbers.get("glance_scrubber_wakeup_time"), given.get("glance_scrubber_mode", "timer")
    # At 0 s, the daemon begins a thousand runs at once and ends.
    shortest = 1 if mode == "daemon" else 0
    if wakeup is not None and wakeup < shortest:
        yield (
            "glance_scrubber_wakeup_time",
            f"glance_scrubber_wakeup_time should be {shortest} or more with glance_scrubber_mode {mode}, "
            f"found {wakeup}",
        )


def _of_purge(numbers: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """An image can be restored, and is scrubbed, with the records that were deleted with it."""
    names = ("glance_purge_age_days", "glance_purge_images_age_days", "glance_scrub_time")
    if not numbers.keys() >= set(names):
        return
    age, images, scrub_time = (numbers[name] for name in names)
    # A day more for the scrubber to do it.
    shortest = -(-scrub_time // _DAY) + 1
    if 0 < age < shortest:
        yield (
            names[0],
            f"{names[0]} should be {shortest} or more with a glance_scrub_time of {scrub_time} s, or 0, found {age}: "
            "until then deleted images need their records to be restored or scrubbed",
        )
    if 0 < images < age + shortest:
        yield (
            names[1],
            f"{names[1]} should be {age + shortest} or more with a {names[0]} of {age}, or 0, found {images}: the "
            "records of images can't go before all that belong to them",
        )
    if images > 0 and age == 0:
        yield names[0], f"{names[0]} should be set with {names[1]}, found 0"


def _of_calendars(numbers: Mapping[str, int], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    examples = {"glance_purge_calendar": "daily"}
    if numbers.get("glance_cache_max_bytes", 0) > 0:
        examples["glance_cache_calendar"] = "hourly"
    for name, example in examples.items():
        if name in given and not _CALENDAR.match(str(given[name])):
            found = json.dumps(printable(given[name]))
            yield name, f"{name} should be a line of text such as {example}, found {found}"


def _numbers(given: Mapping[str, Any]) -> dict[str, int]:
    """Return what of *given* is a whole number, or a text of one."""
    found = {}
    for name, value in given.items():
        try:
            found[name] = int(str(value))
        except ValueError:
            continue
    return found


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about numbers and times of *given*, variables by name, by variable."""
    numbers = _numbers(given)
    found = [*_of_ranges(numbers), *_of_pairs(numbers, given), *_of_purge(numbers), *_of_calendars(numbers, given)]
    return gather(found)
