# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: a systemd unit with the options of an operator laid over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import entries

DOCUMENTATION = r"""
name: unit_options
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: A systemd unit with the options of an operator laid over it
description:
  - An option of which systemd takes a list gets its entries added to those that are there, since the unit needs those.
    Any other option is replaced.
  - A null takes an option away. In a list, an empty text takes away all that stands before it, as systemd has it.
options:
  _input:
    description: Options of the unit by section.
    type: dict
    required: true
  given:
    description: Options of the operator by section.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show both variables
  ansible.builtin.debug:
    msg: "{{ unit | glanceops.image_service.unit_options(given) }}"
  vars:
    unit: {Service: {Environment: A=1}}
    given: {Service: {Environment: B=2}}
"""

RETURN = r"""
_value:
  description: Options by section.
  type: dict
  sample: {Service: {Environment: [A=1, B=2]}}
"""

# What systemd adds to when it is given again (man 5 systemd.unit, systemd.service, systemd.exec ...).
LISTS = frozenset(
    [
        "After",
        "Before",
        "Wants",
        "Requires",
        "Requisite",
        "BindsTo",
        "PartOf",
        "Upholds",
        "Conflicts",
        "OnFailure",
        "OnSuccess",
        "PropagatesReloadTo",
        "ReloadPropagatedFrom",
        "PropagatesStopTo",
        "StopPropagatedFrom",
        "JoinsNamespaceOf",
        "RequiresMountsFor",
        "WantsMountsFor",
        "Documentation",
        "ConditionPathExists",
        "ConditionPathIsMountPoint",
        "ConditionPathIsDirectory",
        "ConditionPathIsReadWrite",
        "ConditionFileNotEmpty",
        "ConditionHost",
        "ConditionVirtualization",
        "AssertPathExists",
        "AssertPathIsMountPoint",
        "AssertPathIsDirectory",
        "ExecCondition",
        "ExecStartPre",
        "ExecStartPost",
        "ExecReload",
        "ExecStopPost",
        "SuccessExitStatus",
        "RestartPreventExitStatus",
        "RestartForceExitStatus",
        "Environment",
        "EnvironmentFile",
        "PassEnvironment",
        "UnsetEnvironment",
        "ReadWritePaths",
        "ReadOnlyPaths",
        "InaccessiblePaths",
        "ExecPaths",
        "NoExecPaths",
        "BindPaths",
        "BindReadOnlyPaths",
        "TemporaryFileSystem",
        "RuntimeDirectory",
        "StateDirectory",
        "CacheDirectory",
        "LogsDirectory",
        "ConfigurationDirectory",
        "SupplementaryGroups",
        "SystemCallFilter",
        "SystemCallLog",
        "RestrictAddressFamilies",
        "RestrictFileSystems",
        "LoadCredential",
        "LoadCredentialEncrypted",
        "SetCredential",
        "SetCredentialEncrypted",
        "ImportCredential",
        "LogExtraFields",
        "LogFilterPatterns",
        "DeviceAllow",
        "IPAddressAllow",
        "IPAddressDeny",
        "SocketBindAllow",
        "SocketBindDeny",
        "RestrictNetworkInterfaces",
        "WantedBy",
        "RequiredBy",
        "UpheldBy",
        "Also",
        "Alias",
    ]
)


def _added(ours: Any, theirs: Any) -> list[Any]:
    """Return the entries of both; what is empty of *ours* would take away nothing, and is left out."""
    return [entry for entry in entries(ours) if entry not in ("", None)] + entries(theirs)


def unit_options(unit: Mapping[str, Mapping[str, Any]], given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return *unit*, options by section, with those *given* laid over it."""
    result = {section: dict(options) for section, options in unit.items()}
    for section, options in given.items():
        kept = result.setdefault(section, {})
        for option, value in options.items():
            adds = option in LISTS and value is not None and option in kept
            kept[option] = _added(kept[option], value) if adds else value
    return result


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the filter by its name."""
        return {"unit_options": unit_options}
