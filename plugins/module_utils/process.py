# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place from which the plugins run programs."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any


def run_program(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run *command* with what subprocess.run takes as *options*, output read as text; its exit code is not checked.

    In place of AnsibleModule.run_command, which knows neither a time limit nor another user and his groups.
    """
    options = {"text": True, "errors": "replace", **options}
    # pylint: disable-next=ansible-bad-function
    return subprocess.run(command, check=options.pop("check", False), **options)
