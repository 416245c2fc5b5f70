# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files, links and directories that make up one service's configuration, handled as one set.

An item of a set is a dictionary: ``path``, ``kind`` (C(file), C(link), C(directory) or C(absent)), ``content``
(base64, files), ``target`` (links), ``uid``, ``gid`` and ``mode`` (integer, files and directories). What is wanted may
also be ``secret`` (files) or ``adopt`` (directories: one that is there stays as it is, one that is made goes when it is
empty and no set wants it any more). A record file for each set, readable by root alone, holds the items of the set
before, how far the set of now has come, the SHA-256 of its files, which of them are secret, and which secret ones it
has dropped: they are removed when the service answers without them, since its old processes log in with them.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

# Being put in place; in place, but the service has not answered with it yet; the service answered with it.
SWAPPING, SWAPPED, RUNNING = "swapping", "swapped", "running"


class ConfigSetError(Exception):
    """A set could not be read or put in place; the text is one sentence for the operator."""


# --------------------------------------------------------------------------------------------------------------- items


def read_item(path: str) -> dict[str, Any]:
    """Return the item that is at *path* now."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {"path": path, "kind": "absent"}
    except OSError as error:
        # Such as root, on a share whose server takes it for nobody.
        raise ConfigSetError(f"{path} can't be looked at: {error.strerror}") from error
    if stat.S_ISLNK(found.st_mode) and not (os.path.isdir(path) and found.st_uid == 0):
        return {"path": path, "kind": "link", "target": os.readlink(path)}
    if stat.S_ISLNK(found.st_mode):
        # A link to a directory, made by root: either ours (a switched link) or an operator's bigger disk.
        actual = os.stat(path)
        return {
            "path": path,
            "kind": "link",
            "target": os.readlink(path),
            "directory": {"uid": actual.st_uid, "gid": actual.st_gid, "mode": stat.S_IMODE(actual.st_mode)},
        }
    owner = {"uid": found.st_uid, "gid": found.st_gid, "mode": stat.S_IMODE(found.st_mode)}
    if stat.S_ISDIR(found.st_mode):
        return {"path": path, "kind": "directory", **owner}
    if not stat.S_ISREG(found.st_mode):
        raise ConfigSetError(f"{path} is neither a file, a directory nor a link: move it away, then run again")
    with open(path, "rb") as handle:
        return {"path": path, "kind": "file", "content": base64.b64encode(handle.read()).decode(), **owner}


def text_of(item: dict[str, Any]) -> str:
    """Return what a diff shows for *item*: a file's text, a link's target, a directory's owner and mode."""
    if item["kind"] == "file":
        return base64.b64decode(item["content"]).decode("utf-8", "replace")
    if item["kind"] == "link":
        return f"-> {item['target']}\n"
    return "" if item["kind"] == "absent" else f"directory, mode {item['mode']:04o}\n"


def same(wanted: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether *found* already is as *wanted*; a directory may be root's link to a directory.

    Of a file, the SHA-256 may be wanted in place of the text.
    """
    if wanted["kind"] == "directory" and (found["kind"] == "directory" or "directory" in found):
        there = found.get("directory", found)
        return wanted.get("adopt", False) or all(wanted[key] == there[key] for key in ("uid", "gid", "mode"))
    asked = {key: value for key, value in wanted.items() if key not in ("adopt", "secret")}
    there = {key: value for key, value in found.items() if key != "directory"}
    if "sha256" in wanted and found["kind"] == "file":
        there["sha256"] = digest(there.pop("content"))
    return there == asked


def digest(content: str) -> str:
    """Return the SHA-256 of the C(content) of an item."""
    return hashlib.sha256(base64.b64decode(content)).hexdigest()


def _beside(path: str) -> str:
    """Return a path in the same folder, so that renaming onto *path* is atomic."""
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.new")


def _remove(path: str) -> None:
    try:
        os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _clean(paths: Iterable[str]) -> None:
    """Remove what was prepared beside *paths* but not put in place."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(_beside(path))


def _prepare(item: dict[str, Any]) -> None:
    """Write a file or link beside its place; nothing that is in use changes."""
    temporary = _beside(item["path"])
    _remove(temporary)
    if item["kind"] == "link":
        os.symlink(item["target"], temporary)
        return
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        os.fchown(handle.fileno(), item["uid"], item["gid"])
        os.fchmod(handle.fileno(), item["mode"])
        handle.write(base64.b64decode(item["content"]))
        handle.flush()
        os.fsync(handle.fileno())


def _put_directory(item: dict[str, Any]) -> None:
    path = item["path"]
    found = read_item(path)
    if same(item, found):
        return
    try:
        _make_directory(item, found)
    except PermissionError as error:
        # Who is root can do it, but for a share whose server takes root for nobody, NFS with root_squash above all.
        raise ConfigSetError(
            f"{path} should be a directory of {item['uid']}:{item['gid']} with mode {item['mode']:04o}, "
            f"found what root may not change: make it so on the server of what is mounted there, then run again"
        ) from error


def _make_parents(path: str) -> None:
    """Make the directories that *path* lacks above it, with mode 0755 whatever the umask: others pass through."""
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        _make_parents(parent)
        os.mkdir(parent, 0o700)
        os.chmod(parent, 0o755)


def _make_directory(item: dict[str, Any], found: dict[str, Any]) -> None:
    path = item["path"]
    if found["kind"] == "absent":
        _make_parents(path.rstrip("/"))
        os.mkdir(path, 0o700)
    elif found["kind"] != "directory" and "directory" not in found:
        # Following a link that the service user made would hand root's chown to that user.
        raise ConfigSetError(
            f"{path} should be a directory but is a {found['kind']} that is not root's link to one: "
            f"move it away, then run again"
        )
    os.chown(path, item["uid"], item["gid"])
    os.chmod(path, item["mode"])


def put(items: list[dict[str, Any]]) -> None:
    """Put *items* in place: directories first, then all files and links prepared beside, then all renamed."""
    try:
        for item in items:
            if item["kind"] == "directory":
                _put_directory(item)
        moved = [item for item in items if item["kind"] in ("file", "link")]
        for item in moved:
            _prepare(item)
        for item in moved:
            os.replace(_beside(item["path"]), item["path"])
        # What lies in a directory before the directory.
        for path in sorted((item["path"] for item in items if item["kind"] == "absent"), reverse=True):
            _remove(path)
    except OSError as error:
        _clean(item["path"] for item in items)
        # A failed renaming names both paths, and the operator knows only the second.
        path = error.filename2 or error.filename or "a file of the set"
        raise ConfigSetError(f"{path} can't be written: {error.strerror}") from error


def undo(found: list[dict[str, Any]], changed: list[dict[str, Any]]) -> None:
    """Put back as *found* what became *changed*; what did not is left alone, since it may be what can't be written."""
    back = []
    for old, new in zip(found, changed):
        item = {key: value for key, value in old.items() if key != "directory"}
        if new["kind"] == "directory" and "directory" in old:
            item = {"path": old["path"], "kind": "directory", **old["directory"]}
        if not same(item, read_item(item["path"])):
            back.append(item)
    put(back)


# ---------------------------------------------------------------------------------------------------------- the record


def load_record(path: str) -> dict[str, Any]:
    """Return the record of a set.

    That is ``state`` (None when there is none), ``paths`` of now, ``previous`` items, ``digests`` of the files by path,
    the paths of ``secret`` ones, and those of ``dropped`` ones.
    """
    try:
        with open(path, encoding="utf-8") as handle:
            record = json.load(handle)
        known = {key: record[key] for key in ("state", "paths", "previous")}
        # Those of earlier versions have none of these.
        further = {"digests": record.get("digests", {}), "secret": record.get("secret", [])}
        return {**known, **further, "dropped": record.get("dropped", [])}
    except (FileNotFoundError, NotADirectoryError):
        return {"state": None, "paths": [], "previous": None, "digests": {}, "secret": [], "dropped": []}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigSetError(f"{path} is not a record of a configuration set: remove it, then run again") from error
    except OSError as error:
        raise ConfigSetError(f"{path} can't be read: {error.strerror}") from error


def save_record(path: str, record: dict[str, Any]) -> None:
    """Replace the record of a set atomically; only root can read it, since it holds configuration."""
    folder = os.path.dirname(path)
    temporary = ""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            json.dump(record, handle)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise ConfigSetError(f"{path} can't be written: {error.strerror}") from error


def others(record_path: str) -> set[str]:
    """Return the paths that sets besides the one of *record_path* have, such as the link to the release in use."""
    folder, own = os.path.split(record_path)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    records = (load_record(os.path.join(folder, name)) for name in names if name.endswith(".json") and name != own)
    return {path for record in records for path in record["paths"]}


# ------------------------------------------------------------------------------------------------------------- compare


def digests(items: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the SHA-256 of the text of each file of *items*, by its path."""
    return {
        item["path"]: item["sha256"] if "sha256" in item else digest(item["content"])
        for item in items
        if item["kind"] == "file"
    }


def changed_by_others(wanted: list[dict[str, Any]], changed: list[dict[str, Any]], record: dict[str, Any]) -> list[str]:
    """Return the paths of files that another set has made as *wanted* since the service of *record* read them.

    Those that differ now, *changed*, are not among them.
    """
    now = {path: digest for path, digest in digests(wanted).items() if path not in {item["path"] for item in changed}}
    return [path for path, digest in now.items() if record["digests"].get(path, digest) != digest]


def left_to_others(wanted: list[dict[str, Any]], record: dict[str, Any], shared: Collection[str]) -> list[str]:
    """Return the paths that the set of *record* had and that stay for others, *shared*, alone.

    Its service reads them no more, and the last set that drops one removes it: a record that went on to name it would
    keep it for ever.
    """
    named = {item["path"] for item in wanted}
    return [path for path in record["paths"] if path not in named and path in shared]


def compare(
    wanted: list[dict[str, Any]], record: dict[str, Any], shared: Collection[str] = ()
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return (found, wanted) items that differ; what an earlier set had and this one has not is wanted absent.

    What other sets have, *shared*, stays with them. A directory is dropped that way only if it was adopted, and goes
    if it is empty: any other may hold data.
    """
    named = {item["path"] for item in wanted}
    gone = [path for path in record["paths"] if path not in named and path not in shared]
    pairs = [
        (read_item(item["path"]), item) for item in [*wanted, *({"path": path, "kind": "absent"} for path in gone)]
    ]
    different = [(found, item) for found, item in pairs if not same(item, found)]
    return [found for found, _item in different], [item for _found, item in different]


class Look(NamedTuple):
    """A set that is wanted, held against the host and against its record."""

    record: dict[str, Any]
    """As load_record gives it."""
    found: list[dict[str, Any]]
    """The items that differ, as they are now."""
    changed: list[dict[str, Any]]
    """The same items, as they are wanted."""
    stale: list[str]
    """Paths of files that another set has changed since the service read them."""
    left: list[str]
    """Paths that the set had and that stay for others."""

    @property
    def unconfirmed(self) -> bool:
        """Whether the service has never answered with the set that is there."""
        return self.record["state"] != RUNNING

    @property
    def restart_due(self) -> bool:
        """Whether nothing differs, but the service has yet to answer with what is there."""
        return not self.changed and (self.unconfirmed or bool(self.stale) or bool(self.left))


def look(wanted: list[dict[str, Any]], record_path: str) -> Look:
    """Hold the set *wanted* against the host and the record at *record_path*; changes nothing."""
    record, shared = load_record(record_path), others(record_path)
    found, changed = compare(wanted, record, shared)
    stale = changed_by_others(wanted, changed, record)
    return Look(record, found, changed, stale, left_to_others(wanted, record, shared))


# ----------------------------------------------------------------------------------- swap, confirm, restore, forget


def secret_paths(wanted: Iterable[dict[str, Any]], record: dict[str, Any], kept: Collection[str]) -> list[str]:
    """Return the paths whose texts must not show: the secret ones of *wanted*, and of the set before those *kept*."""
    return sorted({item["path"] for item in wanted if item.get("secret")} | (set(record["secret"]) & set(kept)))


def note_secrets(wanted: Iterable[dict[str, Any]], record_path: str) -> None:
    """Note which files of *wanted* are secret, where nothing else changes, so that their end does not show them."""
    record = load_record(record_path)
    kept = {item["path"] for item in record["previous"] or []}
    secret = secret_paths(wanted, record, kept)
    if record["state"] is not None and secret != record["secret"]:
        save_record(record_path, {**record, "secret": secret})


def _kept_for_now(absent: Collection[str], secret: Collection[str]) -> set[str]:
    """Return which of the paths *absent* are *secret*, or directories of such."""
    files = set(absent) & set(secret)
    return files | {path for path in absent if any(file.startswith(f"{path}/") for file in files)}


def swap(
    wanted: list[dict[str, Any]], different: tuple[list[dict[str, Any]], list[dict[str, Any]]], record_path: str
) -> None:
    """Put the *different* items of the set *wanted* in place, all or none, and keep the set before.

    The set before is the last one that the service answered with: a set that never ran does not replace it.
    """
    found, changed = different
    before = load_record(record_path)
    kept = {item["path"]: item for item in (before["previous"] or []) if before["state"] != RUNNING}
    for item in found:
        kept.setdefault(item["path"], item)
    # An adopted directory is a set's if a set has made it.
    made = {item["path"] for item in changed} | set(before["paths"]) | others(record_path)
    paths = [
        item["path"]
        for item in wanted
        if item["kind"] in ("file", "link") or (item.get("adopt") and item["path"] in made)
    ]
    gone = _kept_for_now([item["path"] for item in changed if item["kind"] == "absent"], before["secret"])
    dropped = sorted((gone | set(before["dropped"])) - {item["path"] for item in wanted})
    never_ran = before["state"] != RUNNING and before["previous"] is None
    record = {
        "state": SWAPPED,
        "paths": paths,
        "previous": None if never_ran else list(kept.values()),
        "digests": digests(wanted),
        "secret": secret_paths(wanted, before, kept),
        "dropped": dropped,
    }
    # Until all is in place, what the new set drops is still there and must not be forgotten.
    either = list(dict.fromkeys([*paths, *before["paths"]]))
    save_record(record_path, {**record, "state": SWAPPING, "paths": either})
    try:
        put([item for item in changed if item["path"] not in gone])
    except ConfigSetError:
        undo(found, changed)
        if before["state"] is None:
            _remove(record_path)
        else:
            save_record(record_path, before)
        raise
    # A run that was killed may have left some of a set that is no longer wanted.
    _clean(either)
    save_record(record_path, record)


def confirm(record_path: str) -> None:
    """Note that the service answers with the set of now; half a set, left by a killed run, is none."""
    record = load_record(record_path)
    if record["state"] == SWAPPED:
        needed = others(record_path)
        put([{"path": path, "kind": "absent"} for path in record["dropped"] if path not in needed])
        save_record(record_path, {**record, "state": RUNNING, "dropped": []})


def restore(record_path: str) -> bool:
    """Bring the set before back; False when there is none (a first deployment) or nothing is pending."""
    record = load_record(record_path)
    if record["state"] in (None, RUNNING) or not record["previous"]:
        return False
    # Directories stay as they are: what the failed set added is empty, what it had before may hold data by now.
    previous = [item for item in record["previous"] if item["kind"] != "directory"]
    previous = [{k: v for k, v in item.items() if k != "directory"} for item in previous]
    put([item for item in previous if item["kind"] != "absent" or read_item(item["path"])["kind"] != "directory"])
    paths = [item["path"] for item in previous if item["kind"] in ("file", "link")]
    _clean(record["paths"])
    files = {item["path"] for item in previous}
    # A directory that was made stays, and stays the set's.
    untouched = [path for path in record["paths"] if path not in files or read_item(path)["kind"] == "directory"]
    kept = {path: digest for path, digest in record["digests"].items() if path not in files}
    back = {"state": SWAPPED, "paths": paths + untouched, "digests": {**kept, **digests(previous)}, "dropped": []}
    save_record(record_path, {**record, **back})
    return True


def forget(record_path: str) -> None:
    """Remove the files and links that only the set of now has, and its record; directories stay: they may hold data."""
    record = load_record(record_path)
    own = {*record["paths"], *record["dropped"]} - others(record_path)
    put([{"path": path, "kind": "absent"} for path in sorted(own)])
    _clean(record["paths"])
    _remove(record_path)
