# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the operator's own, C(glance_files): which service has which of them, as items of its configuration set."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean

SERVICES = ("api", "registry", "scrubber")
GLANCE, CEPH = "/etc/glance", "/etc/ceph"
# Where metadata definitions lie that are loaded into the database.
METADEFS = f"{GLANCE}/metadefs"
MODE = "0640"
# Of what a file with such a name says, nothing is shown unless the operator says that it is no secret.
_SECRET_NAME = re.compile(r"keyring|secret|passw|token|credential|\.key$", re.IGNORECASE)


def services(entry: Mapping[str, Any]) -> Sequence[str]:
    """Return the services that read the file of *entry*, by their short names."""
    return entry.get("services", SERVICES)


def is_secret(entry: Mapping[str, Any]) -> bool:
    """Whether nothing of the text of *entry* may show; without a word from the operator, its name tells."""
    if "secret" in entry:
        return boolean(entry["secret"])
    return _SECRET_NAME.search(os.path.basename(entry["path"])) is not None


def _folders(path: str) -> Iterator[str]:
    """Give the folders that *path* needs besides /etc/glance, the outermost first."""
    folder = os.path.dirname(path)
    if folder in ("/etc", GLANCE):
        return
    yield from _folders(folder)
    yield folder


def _folder_item(path: str, group: str) -> dict[str, Any]:
    # /etc/ceph as Debian's own package has it.
    closed = path.startswith(f"{GLANCE}/")
    owned = {"group": group, "mode": "0750"} if closed else {"group": "root", "mode": "0755"}
    return {"path": path, "kind": "directory", "adopt": True, "owner": "root", **owned}


def _file_item(entry: Mapping[str, Any], group: str) -> dict[str, Any]:
    path = entry["path"]
    # Glance looks for some files beside its configuration, and the staged ones are to be found like those in use.
    name = path.removeprefix(f"{GLANCE}/") if path.startswith(f"{GLANCE}/") else path[1:].replace("/", "-", 1)
    text = {key: entry[key] for key in ("content", "src") if key in entry}
    owned = {"owner": "root", "group": group, "mode": entry.get("mode", MODE)}
    return {"path": path, "kind": "file", "staged_as": name, "secret": is_secret(entry), **text, **owned}


def items(entries: Iterable[Mapping[str, Any]], service: str, group: str) -> list[dict[str, Any]]:
    """Return the items of C(config_files) that *service*, such as C(glance-api), has of the *entries*.

    Folders come first, each once. The files belong to root and can be read by the *group*.
    """
    own = [entry for entry in entries if service.removeprefix("glance-") in services(entry)]
    folders = dict.fromkeys(folder for entry in own for folder in _folders(entry["path"]))
    return [*(_folder_item(folder, group) for folder in folders), *(_file_item(entry, group) for entry in own)]


def metadefs(entries: Iterable[Mapping[str, Any]], service: str) -> list[str]:
    """Return the paths of the metadata definitions that *service*, such as C(glance-api), loads of the *entries*."""
    return [
        item["path"]
        for item in items(entries, service, "")
        if item["path"].startswith(f"{METADEFS}/") and item["kind"] == "file"
    ]


def folders(variables: Mapping[str, Any]) -> list[str]:
    """Return the folders of the control machine in which files are looked for, the first one first."""
    playbooks = variables.get("playbook_dir") or ""
    # Ansible's name for the folder of the play, which playbooks of this collection import.
    above = os.path.dirname(playbooks) if os.path.basename(playbooks) == "plays" else ""
    bases = [playbooks, above, variables.get("inventory_dir")]
    return [folder for base in bases if base for folder in (os.path.join(base, "files"), base)]


def locate(src: str, places: Sequence[str]) -> str:
    """Return the path of *src* in the first of the folders *places* that has it; ValueError with what was found."""
    wanted = os.path.expanduser(src)
    paths = [os.path.join(folder, wanted) for folder in places] or [os.path.abspath(wanted)]
    path = next((place for place in paths if os.path.exists(place)), "")
    if not path:
        where = "nothing there" if os.path.isabs(wanted) else f"none in {', '.join(dict.fromkeys(places))}"
        raise ValueError(f"{where}: name a file on the control machine")
    if not os.path.isfile(path):
        raise ValueError(f"{path}, which is none: name each file of a folder")
    return path


def sources(options: Mapping[str, Any]) -> list[str]:
    """Return the files on the control machine that the variables *options* name, which are put on hosts."""
    named = [*(options.get("glance_files") or []), *(options.get("glance_import_checks") or [])]
    return [*(each["src"] for each in named if each.get("src")), *(options.get("glance_import_scan_signatures") or [])]


def reader(loader: Any, variables: Mapping[str, Any]) -> Callable[[str], str]:
    """Return what reads a C(src) on the control machine, with a vault's password if it has one.

    What it returns raises ValueError with what was found in place of a file with text. A relative path is looked for
    below the folder of the playbook, then below that of the inventory that has the host, each time in C(files) first.
    """
    places = folders(variables)

    def read(src: str) -> str:
        path = locate(src, places)
        try:
            # Of a file that a vault encrypts, this is another one.
            real = loader.get_real_file(path)
            try:
                with open(real, "rb") as handle:
                    return handle.read().decode()
            finally:
                loader.cleanup_tmp_file(real)
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} with other bytes in it: only files of text can be put on hosts") from error
        except (OSError, AnsibleError) as error:
            # Ansible says what a vault lacks.
            raise ValueError(f"{path}, which can't be read: {str(error).splitlines()[0]}") from error

    return read
