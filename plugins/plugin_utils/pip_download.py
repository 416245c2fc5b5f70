# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching wheels with pip on the control machine: from its own index or another, a proxy, or a directory."""

from __future__ import annotations

import collections
import contextlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail
from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of
from ansible_collections.glanceops.image_service.plugins.plugin_utils.pins import INSTALLER, Pin
from ansible_collections.glanceops.image_service.plugins.plugin_utils.wheel_platform import Platform, platform_tags

# Who lacks it is told so by pins.parse_pins, before anything here is called.
with contextlib.suppress(ImportError):
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

# Metadata alone may come first, as NAME.whl.metadata.
_FETCHED = re.compile(r"\s*(?:Downloading|Using cached|Processing) \S+\.whl(?:\s|$)")


class Source(NamedTuple):
    """Where wheels come from; empty values leave pip's own configuration in force."""

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    ca_file: str = ""
    proxy: str = ""
    directory: str = ""

    def __str__(self) -> str:
        """Say it to an operator, with no credentials in it."""
        if self.directory:
            return f"the directory {self.directory}"
        if self.index_url:
            return mask(", ".join((self.index_url, *self.extra_index_urls)))
        also = mask("".join(f" and {url}" for url in self.extra_index_urls))
        return f"the index that pip on the control machine is configured for ('pip config list'){also}"


def mask(text: str) -> str:
    """Return ``text`` with the user and password of every URL in it replaced."""
    return re.sub(r"(?<=://)[^/\s'\"]*@", "***@", text)


def pip_environment(source: Source, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for pip: ``environment`` with ``source`` laid over it.

    What may hold a password goes here and not on the command line, which every user of the machine can read. With an
    index or a directory of its own a task is complete: neither pip's files nor its variables add other places.
    """
    result = dict(environment)
    if source.index_url or source.directory:
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
            result.pop(name, None)
        result["PIP_CONFIG_FILE"] = os.devnull
    if source.index_url:
        result["PIP_INDEX_URL"] = source.index_url
    if source.extra_index_urls:
        result["PIP_EXTRA_INDEX_URL"] = " ".join(source.extra_index_urls)
    if source.ca_file:
        result["PIP_CERT"] = source.ca_file
    if source.proxy:
        result["PIP_PROXY"] = source.proxy
    return result


def explain(output: str, source: Source, platform: Platform) -> str:
    """Return the sentence for a failed pip with this ``output``."""
    said = [line.strip() for line in mask(output).splitlines() if line.strip()]
    if "No space left on device" in output:
        return (
            "expected room for the wheels on the control machine, found a full file system: free some, or name "
            "another directory with the option cache"
        )
    # asked first: an index that cannot be reached also ends in "No matching distribution"
    trouble = next(
        (
            line
            for line in said
            if re.search(
                r"Retrying \(|Could not fetch URL|Could not install packages due to an OSError|HTTP error|"
                r"\b(401|403|407)\b.*(Error|Unauthorized|Forbidden|Required)",
                line,
            )
        ),
        None,
    )
    if trouble and not source.directory:
        return (
            f"expected wheels from {source}, but it cannot be used: {trouble[:400]}: name another index with the "
            "option index_url (with ca_file and proxy where needed), or a folder of wheels with directory"
        )
    missing = re.search(r"No matching distribution found for ([^\s(]+)", output)
    if missing:
        return (
            f"expected a wheel of {missing[1]} for {platform} in {source}, found none: add it there, or pin a "
            "version that has one; a pure Python package without any wheel is marked '# sdist' in the list"
        )
    return f"expected pip to fetch wheels from {source}, but it failed: " + " / ".join(said[-6:])[:1200]


def quiet(_text: str) -> None:
    """Take what could be told an operator, and tell nobody."""


def fetched_quarters(lines: Iterable[str], total: int) -> Iterator[int]:
    """Give how many of ``total`` wheels are fetched, at each quarter, from what ``pip download`` prints."""
    count = told = 0
    for line in lines:
        count += bool(_FETCHED.match(line))
        if count * 4 // total > told:
            told = count * 4 // total
            yield min(count, total)


def fetch(
    pins: Sequence[Pin], platform: Platform, source: Source, folder: str, tell: Callable[[str], None] = quiet
) -> None:
    """Put a wheel of every pin and of uv into the empty ``folder``. Raises AnsibleActionFail.

    ``tell`` is given what takes long, and how far it is.
    """
    if importlib.util.find_spec("pip") is None:
        raise AnsibleActionFail(
            f"expected pip in the Python that runs Ansible ({sys.executable}), found none: install "
            f"it there, for instance with '{sys.executable} -m ensurepip'"
        )
    if source.directory and not os.path.isdir(source.directory):
        raise AnsibleActionFail(
            f"expected a directory of wheels at {source.directory} on the control machine, found "
            "none: correct the option directory"
        )
    # a directory has to hold wheels only, so that nothing is built and no index is needed for setuptools
    built = [pin.requirement for pin in pins if pin.sdist and not source.directory]
    ready = [pin.requirement for pin in pins if pin.requirement not in built]
    common = ["--no-input", "--disable-pip-version-check", "--no-deps", "--progress-bar", "off"]
    if source.directory:
        common += ["--no-index", "--find-links", source.directory]
    tags = [item for tag in platform_tags(platform) for item in ("--platform", tag)]
    tell(f"fetching {count_of(len(pins) + 1, 'wheel')} for {platform} from {source}")
    _pip(
        [
            "download",
            *common,
            "--only-binary=:all:",
            *tags,
            "--python-version",
            platform.python,
            "--implementation",
            "cp",
            "--abi",
            platform.abi,
            "--dest",
            folder,
            INSTALLER,
            *ready,
        ],
        source,
        platform,
        lambda lines: [
            tell(f"fetched {count} of {count_of(len(ready) + 1, 'wheel')} to the control machine")
            for count in fetched_quarters(lines, len(ready) + 1)
        ],
    )
    if built:
        tell(f"building {count_of(len(built), 'wheel')} that no index has: {', '.join(built)}")
        _pip(["wheel", *common, "--wheel-dir", folder, *built], source, platform)
    check_wheels(os.listdir(folder), [INSTALLER, *ready], built)


def check_wheels(names: Sequence[str], ready: Sequence[str], built: Sequence[str]) -> None:
    """Raise AnsibleActionFail unless ``names`` are wheels of every requirement, and pure ones for those ``built``."""
    wheels = {}
    for name in names:
        # pip names what it downloads and builds by the standard; anything else is no wheel
        with contextlib.suppress(InvalidWheelFilename):
            distribution, _version, _build, tags = parse_wheel_filename(name)
            wheels[distribution] = (name, all((tag.abi, tag.platform) == ("none", "any") for tag in tags))
    for requirement in (*ready, *built):
        wheel, pure = wheels.get(canonicalize_name(requirement.partition("==")[0]), ("", False))
        if not wheel:
            raise AnsibleActionFail(
                f"expected a wheel of {requirement} from pip, found none: run again with -vvv, and see docs/wheels.md"
            )
        if requirement in built and not pure:
            raise AnsibleActionFail(
                f"expected {requirement} to build into a wheel for every platform, got {wheel}: "
                "build it for the hosts and offer it in an index or with the option directory"
            )


def _pip(
    arguments: Sequence[str],
    source: Source,
    platform: Platform,
    follow: Callable[[Iterable[str]], Any] = collections.deque,
) -> None:
    """Run the pip of this Python, and have ``follow`` read its lines.

    Raises AnsibleActionFail with one sentence when it fails: what went wrong, it prints to the standard error.
    """
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as wrong,
        subprocess.Popen(
            [sys.executable, "-m", "pip", *arguments],
            stdout=subprocess.PIPE,
            stderr=wrong,
            text=True,
            errors="replace",
            env=pip_environment(source, os.environ),
            stdin=subprocess.DEVNULL,
        ) as pip,
    ):
        follow(pip.stdout or ())
        if pip.wait():
            wrong.seek(0)
            raise AnsibleActionFail(explain(wrong.read(), source, platform))
