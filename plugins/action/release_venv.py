# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control machine's side of ``release_venv``: fetch the wheels of a list once, and carry them where they lack.

A host is asked first, with one run of the module. Only for a host whose venv is not complete are wheels fetched, made
into one tar (kept in the cache, one for each list, Python and platform), carried over, and the module run once more.
"""

from __future__ import annotations

import os
import re
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.glanceops.image_service.plugins.module_utils.release_venv_options import OPTIONS
from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of, size_of
from ansible_collections.glanceops.image_service.plugins.plugin_utils.pins import Pin, parse_pins
from ansible_collections.glanceops.image_service.plugins.plugin_utils.wheel_platform import platform_of, refusal

# What is a path on the host is not to be expanded here.
_ARGUMENTS = {**OPTIONS, **{name: {**OPTIONS[name], "type": "str"} for name in ("root", "python")}}


def _name_of_host(task_vars: dict[str, Any]) -> str:
    return task_vars.get("inventory_hostname", "the host")


class ActionModule(ActionBase):
    """Ask the host; fetch, carry and build only when its venv is not complete."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``path``, ``digest``, ``python``, ``changed``, ``wheels_downloaded``, or a failed module's result."""
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = self._arguments()
        pins = self._pins(args["wheels"])
        found = self._module(args, pins, task_vars)
        if found.get("failed"):
            return {**result, **found}
        refused = refusal(_name_of_host(task_vars), found, args["python_floor"], args["python_below"])
        if refused:
            raise AnsibleActionFail(refused)
        downloaded, changed = 0, not found["complete"] or not found["linked"]
        if changed and not self._play_context.check_mode:
            if not found["complete"]:
                found, downloaded = self._install(found, args, pins, task_vars)
            else:
                found = self._module(args, pins, task_vars, link=True)
            if found.get("failed"):
                return {**result, **found, "wheels_downloaded": downloaded}
            changed = found["changed"]
        result.update({key: found[key] for key in ("path", "digest", "python")})
        result.update(changed=changed, wheels_downloaded=downloaded)
        return result

    def _arguments(self) -> dict[str, Any]:
        """Return the task's arguments, typed and with their defaults. Raises AnsibleActionFail."""
        _spec, args = self.validate_argument_spec(argument_spec=_ARGUMENTS)
        for name in ("python_floor", "python_below"):
            if args[name] and not re.fullmatch(r"\d+(\.\d+){1,2}", args[name]):
                raise AnsibleActionFail(f"{name}: expected a version as 3.11, found '{args[name]}'")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", args["release"]):
            raise AnsibleActionFail(f"release: expected a plain name as 2026.2, found '{args['release']}'")
        return args

    def _pins(self, wheels: str) -> list[Pin]:
        """Return the pins of the list ``wheels``, found as other actions find a file. Raises AnsibleActionFail."""
        try:
            path = self._find_needle("files", wheels)
            with open(path, encoding="utf-8") as file:
                return parse_pins(file.read(), path)
        except (AnsibleError, OSError, UnicodeDecodeError) as error:
            if isinstance(error, AnsibleActionFail):
                raise
            raise AnsibleActionFail(
                f"expected a list of wheels at {wheels} on the control machine, but {error}: correct the option wheels"
            ) from None

    def _module(self, args: dict[str, Any], pins: list[Pin], task_vars: dict[str, Any], **acts: Any) -> dict[str, Any]:
        """Run the module to look, or with C(archive), a tar on the host, to build from it, or with C(link)."""
        on_host = {name: args[name] for name in ("release", "wheels", "root", "python", "host_modules")}
        on_host.update(acts, pins=[pin.requirement for pin in pins])
        return self._execute_module(
            module_name="glanceops.image_service.release_venv", module_args=on_host, task_vars=task_vars
        )

    def _install(
        self, found: dict[str, Any], args: dict[str, Any], pins: list[Pin], task_vars: dict[str, Any]
    ) -> tuple[dict[str, Any], int]:
        """Have the wheels, carry them and build; return the module's result and how many wheels were fetched.

        Raises AnsibleActionFail.
        """
        # Only here: a run that changes nothing does not pay for them.
        from ansible_collections.glanceops.image_service.plugins.plugin_utils import pip_download, wheelhouse

        host = _name_of_host(task_vars)

        def tell(text: str) -> None:
            self._display.display(f"  {host}: {text}")

        source = pip_download.Source(
            args["index_url"] or "",
            tuple(args["extra_index_urls"] or ()),
            args["ca_file"] or "",
            args["proxy"] or "",
            args["directory"] or "",
        )
        archive, manifest, downloaded = wheelhouse.provide(pins, platform_of(found), source, args["cache"], tell)
        size = os.path.getsize(archive)
        needed = wheelhouse.needed_bytes(size, manifest)
        if found["free_bytes"] < needed:
            raise AnsibleActionFail(wheelhouse.no_room(host, found["path"], found["free_bytes"], needed))
        wheels = count_of(manifest["wheels"], "wheel")
        tell(f"carrying {wheels}, {size_of(size)}, to the host, and installing them in {found['path']}")
        return self._build(archive, args, pins, task_vars), downloaded

    def _build(self, archive: str, args: dict[str, Any], pins: list[Pin], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Carry the tar to the host and run the module with it; the copy on the host is removed in any case."""
        shell = self._connection._shell
        if not shell.tmpdir:
            self._make_tmp_path()
        try:
            remote = shell.join_path(shell.tmpdir, "wheels.tar")
            self._transfer_file(archive, remote)
            self._fixup_perms2((shell.tmpdir, remote), execute=False)
            return self._module(args, pins, task_vars, archive=remote, link=True)
        finally:
            self._remove_tmp_path(shell.tmpdir)
