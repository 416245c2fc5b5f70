# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of what was deleted, purged from the database by Glance's own code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.program import ProgramError, run_as
from ansible_collections.glanceops.image_service.plugins.module_utils.reasons import reason_in
from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import mask_text

_NAME = "purge_records: "
_OUTPUT_LINES = 15


class PurgeError(Exception):
    """Nothing was purged, or not all; the text is a sentence for the operator."""

    def __init__(self, sentence: str, **more: Any) -> None:
        super().__init__(sentence)
        self.result = {"msg": sentence, **more}
        """What a module that fails with it answers."""


def run(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one run of the module with its options *params*; return what it answers. Raises PurgeError."""
    if params["age_days"] < 1:
        raise PurgeError(f"age_days should be 1 or more, found {params['age_days']}.")
    ages = [f"--age={params['age_days']}", f"--images-age={params['images_age_days']}"]
    verb = "check" if check_mode else "purge"
    command = [params["python"], "-c", params["program"], f"--config-file={params['config_file']}", *ages, verb]
    try:
        done = run_as(params["user"], command, params["timeout"], umask=0o027)
    except ProgramError as error:
        raise PurgeError(f"{str(error).replace(params['program'], 'purge_records.py')}.") from error
    if done.returncode != 0:
        raise refusal(done.stderr, done.returncode)
    rows = json.loads(done.stdout)
    return {"changed": any(rows.values()), "rows": rows, "msg": summary(rows, check_mode)}


def refusal(output: str, code: int) -> PurgeError:
    """Return the error for a program that printed *output* and ended with an exit *code*."""
    lines = [mask_text(line) for line in output.splitlines() if line.strip()]
    own = lines[-1].removeprefix(_NAME).rstrip(".") if lines else f"exit code {code}"
    cause = reason_in([line for line in lines if not line.startswith(_NAME)])
    return PurgeError(
        f"The records of what was deleted should be purged, found: {own}{f' ({cause})' if cause else ''}.",
        output=lines[-_OUTPUT_LINES:],
    )


def summary(rows: Mapping[str, int], check_mode: bool) -> str:
    """Return what is shown of a run that purged so many *rows* of each table."""
    went = [f"{number} of {table}" for table, number in sorted(rows.items()) if number]
    if not went:
        return "No record was old enough."
    went[0] = went[0].replace(" ", " records " if not went[0].startswith("1 ") else " record ", 1)
    return f"{'Would purge' if check_mode else 'Purged'} {', '.join(went)}."
