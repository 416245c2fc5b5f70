# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send a file of the control machine to the host when the module needs it for an image, and only then."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.glanceops.image_service.plugins.module_utils.image_plan import Source
from ansible_collections.glanceops.image_service.plugins.plugin_utils import operator_files


class ActionModule(ActionBase):
    """Action plugin of the module of the same name; takes its options."""

    TRANSFERS_FILES = False
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the module, which runs once more when it has asked for the file."""
        super().run(tmp, task_vars)
        given, task_vars = dict(self._task.args), task_vars or {}
        if not given.get("src") or boolean(given.get("remote_src", True), strict=False):
            wrapped = bool(self._task.async_val and not self._connection.has_native_async)
            return self._execute_module(module_args=given, task_vars=task_vars, wrap_async=wrapped)
        if self._task.async_val:
            raise AnsibleActionFail("remote_src should be true with async, found false: leave async out.")
        wanted = given.get("os_hash_value") or self._read(given, task_vars).digest("sha512")
        result = self._execute_module(module_args={**given, "os_hash_value": wanted}, task_vars=task_vars)
        if not result.pop("awaits_src", False) or self._task.check_mode:
            return result
        sent = {**given, "src": self._sent(self._read(given, task_vars).path), "remote_src": True}
        return self._execute_module(module_args=sent, task_vars=task_vars)

    def _read(self, given: dict[str, Any], task_vars: dict[str, Any]) -> Source:
        """Return the file of the control machine, looked for where other files of the operator are."""
        src = str(given["src"])
        try:
            return Source(operator_files.locate(src, operator_files.folders(task_vars)))
        except ValueError as error:
            wanted = f"src of '{given.get('name')}' should be a file of the control machine that can be read"
            # Not "from error": Ansible would tell its sentence once more.
            raise AnsibleActionFail(f"{wanted}, found {error.__cause__ or error}.") from None

    def _sent(self, path: str) -> str:
        """Copy a file to the folder of the host that Ansible removes after the task; its path there."""
        shell = self._connection._shell
        if shell.tmpdir is None:
            self._make_tmp_path()
        # Its name may be one that the host's file system does not take.
        there = shell.join_path(shell.tmpdir, f"disk{os.path.splitext(path)[1]}")
        self._transfer_file(path, there)
        self._fixup_perms2((shell.tmpdir, there))
        return there
