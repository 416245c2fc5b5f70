# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rendered file of sections and options, such as glance-api.conf or a unit, with an operator's options over it.

Comments stay where they are. C(None) takes an option away, a list repeats one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import entries, is_dict, is_list, kind_of
from ansible_collections.glanceops.image_service.plugins.plugin_utils.renamed import RENAMED, Renamed

LISTS = frozenset(
    re.findall(
        r"\w+",
        """
    After Before Wants Requires Requisite BindsTo PartOf Upholds Conflicts OnFailure OnSuccess PropagatesReloadTo
    ReloadPropagatedFrom PropagatesStopTo StopPropagatedFrom JoinsNamespaceOf RequiresMountsFor WantsMountsFor
    Documentation ConditionPathExists ConditionPathIsMountPoint ConditionPathIsDirectory ConditionPathIsReadWrite
    ConditionFileNotEmpty ConditionHost ConditionVirtualization AssertPathExists AssertPathIsMountPoint
    AssertPathIsDirectory ExecCondition ExecStartPre ExecStartPost ExecReload ExecStopPost SuccessExitStatus
    RestartPreventExitStatus RestartForceExitStatus Environment EnvironmentFile PassEnvironment UnsetEnvironment
    ReadWritePaths ReadOnlyPaths InaccessiblePaths ExecPaths NoExecPaths BindPaths BindReadOnlyPaths TemporaryFileSystem
    RuntimeDirectory StateDirectory CacheDirectory LogsDirectory ConfigurationDirectory SupplementaryGroups
    SystemCallFilter SystemCallLog RestrictAddressFamilies RestrictFileSystems LoadCredential LoadCredentialEncrypted
    SetCredential SetCredentialEncrypted ImportCredential LogExtraFields LogFilterPatterns DeviceAllow IPAddressAllow
    IPAddressDeny SocketBindAllow SocketBindDeny RestrictNetworkInterfaces WantedBy RequiredBy UpheldBy Also Alias
        """,
    )
)
"""Options of a unit of which systemd takes a list (man 5 systemd.unit, systemd.exec, systemd.service)."""

_SECTION = re.compile(r"\[(.+)\]\s*$")
_OPTION = re.compile(r"([^#;\s=][^=]*?)\s*=\s?(.*)$")


def literal(value: Any) -> str:
    """Return what stands in a file of oslo.config for a *value*, so that it is read as it is.

    oslo.config takes one pair of quotes and all blanks around a value away (oslo_config/iniparser.py,
    BaseParser.parse). Raises ValueError for what no line can hold.
    """
    text = line(value)
    quoted = text[:1] in ('"', "'") and text[0] == text[-1]
    return f'"{text}"' if quoted or text != text.strip() else text


def line(value: Any) -> str:
    """Return the text of a *value*; raises ValueError for what no line can hold."""
    if is_dict(value) or is_list(value):
        raise ValueError(f"a value or a list of values, found {kind_of(value)} in it")
    text = str(value).lower() if kind_of(value) == "a boolean" else str(value)
    if "\n" in text or "\r" in text:
        raise ValueError("one line, found a line break")
    return text


def merged(layers: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return options by section, those of each layer over those before; C(None) is kept, since it takes away.

    Raises ValueError for a section that holds no options.
    """
    result: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for section, options in layer.items():
            if not is_dict(options):
                raise ValueError(f"section [{section}] should hold options, found {kind_of(options)}")
            result.setdefault(section, {}).update(options)
    return result


def renamed(config: Mapping[str, Any], table: Iterable[Renamed] = RENAMED) -> dict[str, Any]:
    """Return *config* with the new names of options that are there under their old ones.

    An option that is there under both names keeps the value that it has under the new one.
    """
    result = {section: dict(values) if is_dict(values) else values for section, values in config.items()}
    for entry in table:
        old, new = result.get(entry.section), result.get(entry.new_section, {})
        if isinstance(old, dict) and isinstance(new, dict) and entry.option in old:
            value = old.pop(entry.option)
            new.setdefault(entry.new_option, value)
            result[entry.new_section] = new
    return result


class File:
    """A file of sections and options, with its comments."""

    def __init__(self, text: str) -> None:
        """Read *text*. A section that comes twice is one; an option may come several times."""
        self._sections: dict[str, list[str]] = {"": []}
        section = ""
        for line in text.splitlines():
            if found := _SECTION.match(line):
                section = found[1]
                self._sections.setdefault(section, [])
            else:
                self._sections[section].append(line.rstrip())

    @property
    def options(self) -> dict[str, dict[str, Any]]:
        """What the file says: options by section, a list where one comes several times."""
        result: dict[str, dict[str, Any]] = {}
        for section, lines in self._sections.items():
            for line in lines:
                if found := _OPTION.match(line):
                    values = result.setdefault(section, {})
                    name, value = found.groups()
                    values[name] = [*entries(values[name]), value] if name in values else value
        return result

    def lay_over(
        self, given: Mapping[str, Mapping[str, Any]], write: Callable[[Any], str], lists: frozenset[str] = frozenset()
    ) -> None:
        """Lay the options *given* by section over those of the file.

        *write* makes the text of a value. Options of *lists* are added to those that are there; an empty text in them
        takes away what stands before it, as systemd has it. Raises ValueError with what is wrong with a value.
        """
        for section, options in given.items():
            for name, value in options.items():
                if "\n" in f"{section}{name}" or "\r" in f"{section}{name}":
                    raise ValueError(f"the name of section {section!r} or of its option {name!r} holds a line break")
                try:
                    lines = [f"{name} = {write(each)}".rstrip() for each in entries(value) if each is not None]
                except ValueError as error:
                    raise ValueError(f"option {name} of [{section}] should be {error}") from error
                self._put(self._sections.setdefault(section, []), name, lines, adds=name in lists, gone=value is None)

    @staticmethod
    def _put(lines: list[str], name: str, new: list[str], *, adds: bool, gone: bool) -> None:
        """Put the lines of an option into those of its section."""
        there = [at for at, line in enumerate(lines) if (found := _OPTION.match(line)) and found[1] == name]
        if not there:
            end = len(lines)
            while end and not lines[end - 1]:
                end -= 1
            lines[end:end] = new
        elif adds and not gone:
            lines[there[-1] + 1 : there[-1] + 1] = new
        else:
            if not new:
                # Its reason goes with it, unless that is the reason of the next one too.
                begin = there[0]
                alone = there[-1] + 1 >= len(lines) or not _OPTION.match(lines[there[-1] + 1])
                while alone and begin and lines[begin - 1].startswith("#"):
                    begin -= 1
                there = [*range(begin, there[0]), *there]
            first = there[0]
            for at in reversed(there):
                del lines[at]
            lines[first:first] = new

    def __str__(self) -> str:
        """Return the text of the file; sections without options are left out, with their comments."""
        parts = ["\n".join(self._sections[""]).strip("\n")]
        for section, lines in self._sections.items():
            if section and any(_OPTION.match(line) for line in lines):
                parts.append(f"[{section}]\n" + "\n".join(_squeezed(lines)))
        return "\n\n".join(part for part in parts if part) + "\n"


def _squeezed(lines: Iterable[str]) -> Iterator[str]:
    """Give the lines without blank ones at the ends, and no two in a row."""
    waiting = False
    begun = False
    for line in lines:
        if not line:
            waiting = begun
            continue
        if waiting:
            yield ""
        waiting, begun = False, True
        yield line
