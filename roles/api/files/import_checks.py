"""Have the checks of this cloud look at imported data before an image becomes active.

The checks are those of CHECKS, which is read for each import. Each is run in a unit of its own
(glance-import-checks@.service), which is asked over SOCKET: without network, without secrets, with limits. They follow
Glance's own import plugins, so that they see what would be stored. Loaded into the server by glance_guards.py.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import socket
import stat
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

LOG = logging.getLogger("glance.guards")

CHECKS = "/etc/glance/import-checks/checks.json"
SOCKET = "/run/glance-import-checks.socket"
# Checks at a time of one process; the others wait.
PLACES = 4
# Seconds between two signs of life in the import's task; Glance gives an import up that shows none for an hour.
HEARTBEAT = 30
# Seconds for which a unit that is being restarted is waited for, and between two tries.
PATIENCE = 60
PAUSE = 0.5
# Seconds that a unit needs beyond the time of its check.
MARGIN = 30
ANSWER_BYTES = 65536
UNABLE = "The check {} of this cloud could not be made. Try again later, or tell the operators of the cloud."

places = threading.BoundedSemaphore(PLACES)


class ImportRefusedError(Exception):
    """An image that a check refuses; the text is the sentence for the user."""


def checks() -> list[dict[str, Any]]:
    """Return the checks of this cloud; none without the file. Raises ImportRefusedError if it can't be read."""
    try:
        with open(CHECKS, encoding="utf-8") as handle:
            return json.load(handle)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        LOG.exception("%s should hold the checks of imports", CHECKS)
        raise ImportRefusedError(UNABLE.format("list")) from error


def wanted(found: Iterable[Mapping[str, Any]], roles: Iterable[str]) -> list[Mapping[str, Any]]:
    """Return the checks that hold for a user with *roles*."""
    return [check for check in found if not set(check["exempt_roles"]) & set(roles)]


def connected(beat: Callable[[], None]) -> socket.socket:
    """Return a connection to a unit; raises OSError if there is none for PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(SOCKET)
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                raise
        else:
            return connection
        beat()
        time.sleep(PAUSE)


def answer_of(connection: socket.socket, seconds: float, beat: Callable[[], None]) -> bytes:
    """Return what a unit says until it ends; *beat* is called meanwhile. Raises OSError after *seconds*."""
    deadline, said = time.monotonic() + seconds, b""
    while len(said) < ANSWER_BYTES:
        connection.settimeout(max(0.1, min(HEARTBEAT, deadline - time.monotonic())))
        try:
            part = connection.recv(ANSWER_BYTES)
        except socket.timeout:
            if time.monotonic() > deadline:
                raise OSError(f"none within {seconds:.0f} s") from None
            beat()
            continue
        if not part:
            return said
        said += part
    raise OSError(f"one of more than {ANSWER_BYTES} bytes")


def ask(check: Mapping[str, Any], path: str, facts: Mapping[str, Any], beat: Callable[[], None]) -> dict[str, Any]:
    """Return the answer of a unit to a check of the file at *path*: exit code, first line, and why there is none."""
    try:
        with contextlib.closing(connected(beat)) as connection:
            request = {"check": check["name"], "path": path, "image": facts}
            connection.sendall(json.dumps(request, ensure_ascii=False).encode("utf-8", "replace"))
            connection.shutdown(socket.SHUT_WR)
            said = answer_of(connection, check["timeout"] + MARGIN, beat)
        return {"code": None, "line": "", "error": "", **json.loads(said)}
    except (OSError, ValueError, TypeError) as error:
        return {"code": None, "line": "", "error": f"no answer of the unit: {error}"}


def judge(check: Mapping[str, Any], answer: Mapping[str, Any]) -> str | None:
    """Return the sentence with which a check refuses an image, or None."""
    code, line = answer["code"], answer["line"]
    if code == 0:
        return None
    # A program of Python's that fails ends with 1 as well, and prints nothing there.
    if code in check["refused_codes"] and line:
        return line
    wrong = answer["error"] or f"the exit code {code}, and {line or 'no line'}"
    LOG.error("The check %s of imports should accept or refuse an image, found %s", check["name"], wrong)
    return None if check["on_error"] == "accept" else UNABLE.format(check["name"])


def writers(path: str) -> Iterator[int]:
    """Give the processes of this user that have the file at *path* open for writing."""
    wanted_file = os.stat(path)
    for process in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            for number in os.listdir(f"/proc/{process}/fd"):
                with contextlib.suppress(OSError):
                    found = os.stat(f"/proc/{process}/fd/{number}")
                    # The link's own mode says how the file is open (proc(5)).
                    mode = os.lstat(f"/proc/{process}/fd/{number}").st_mode
                    if os.path.samestat(found, wanted_file) and mode & stat.S_IWUSR:
                        yield int(process)


def state_of(path: str) -> tuple[int, ...]:
    """Return what changes when somebody writes to the file at *path*."""
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


def run_checks(
    found: Iterable[Mapping[str, Any]], path: str, facts: Mapping[str, Any], beat: Callable[[], None]
) -> None:
    """Make checks of the file at *path*, one after the other; raises ImportRefusedError with the first refusal.

    Glance begins an import while its data is still being staged, if the user says so: what is checked then is not what
    is stored.
    """
    sent = "The data is still being sent, or was changed while it was checked: import it when it is staged."
    before = state_of(path)
    if any(writers(path)):
        raise ImportRefusedError(sent)
    # Held open, so that nobody takes the data for left over, however long the checks take.
    with open(path, "rb"):
        run_each(found, path, facts, beat)
    if state_of(path) != before or any(writers(path)):
        raise ImportRefusedError(sent)


def run_each(found: Iterable[Mapping[str, Any]], path: str, facts: Mapping[str, Any], beat: Callable[[], None]) -> None:
    """Make checks, each in a place of its own; raises ImportRefusedError with the first refusal."""
    for check in found:
        while not places.acquire(timeout=HEARTBEAT):
            beat()
        try:
            beat()
            refused = judge(check, ask(check, path, facts, beat))
        finally:
            places.release()
        if refused:
            raise ImportRefusedError(refused)


# ---- In the flow of an import -------------------------------------------------------------------------------------


def facts_of(image: Any) -> dict[str, Any]:
    """Return what a check is told of an *image* of Glance's: its own facts, and its properties without Glance's."""
    names = ("disk_format", "container_format", "name", "owner", "visibility")
    properties = dict(image.extra_properties).items()
    return {
        "id": image.image_id,
        **{name: getattr(image, name) for name in names},
        "properties": {name: value for name, value in properties if not name.startswith("os_glance")},
    }


def touch(repository: Any, task_id: str) -> None:
    """Show a sign of life in the task of an import; that it can't be shown now is no reason to end it."""
    try:
        task = repository.get(task_id)
        task.message = "The data is being checked."
        repository.save(task)
    except Exception as error:
        LOG.warning("The task %s can't be told that its image is being checked: %r", task_id, error)


def give_up(options: Mapping[str, Any]) -> None:
    """Have the image of an import wait for other data; one that is active by now stays so."""
    stores = [store for store in options.get("backend") or () if store]
    if wrapper := options.get("action_wrapper"):
        with wrapper as action:
            if action.image_status == "importing":
                action.set_image_attribute(status="queued")
            action.remove_importing_stores(stores)
            action.add_failed_stores(stores)
        return
    # Ussuri has no wrapper.
    repository = options["image_repo"]
    image = repository.get(options["image_id"])
    if image.status == "importing":
        image.status = "queued"
        image.extra_properties["os_glance_importing_to_stores"] = ""
        image.extra_properties["os_glance_failed_import"] = ",".join(stores)
        repository.save(image, from_state="importing")


def holds(options: Mapping[str, Any]) -> bool:
    """Whether the image is still that of this import; ussuri does not tell."""
    wrapper = options.get("action_wrapper")
    try:
        if wrapper:
            wrapper.assert_task_lock()
    except Exception as error:
        LOG.warning("The image %s is no longer that of the task %s: %r", options["image_id"], options["task_id"], error)
        return False
    return True


def task_class(base: type, folders: Callable[[], Iterable[str]]) -> type:
    """Return the step of an import's flow, made of *base*, taskflow.task.Task; data is staged in *folders* alone."""

    class CheckImage(base):  # type: ignore[misc]
        """Makes the checks, and takes the staged data away when one of them refuses, or a later step fails."""

        def __init__(self, options: Mapping[str, Any]) -> None:
            self.options = options
            super().__init__(name=f"{options['task_type']}-CheckImage-{options['task_id']}")

        def execute(self, file_path: str, image_id: str | None = None, **_others: Any) -> None:
            """Make the checks of the staged file at the URL *file_path*; a legacy task makes the image *image_id*."""
            options, beaten = self.options, [float("-inf")]
            found = wanted(checks(), options["context"].roles or ())
            if not found:
                return

            def beat() -> None:
                if time.monotonic() - beaten[0] >= HEARTBEAT:
                    beaten[0] = time.monotonic()
                    touch(options["task_repo"], options["task_id"])

            image = options["image_repo"].get(image_id or options["image_id"])
            if not is_staged(path_of(file_path), folders()):
                raise ImportRefusedError("The data should be staged on the host that imports it, found it elsewhere.")
            run_checks(found, path_of(file_path), facts_of(image), beat)

        def revert(self, file_path: str, **_others: Any) -> None:
            """Take the staged data away. Data that nobody can import would be in the way of other data."""
            if not holds(self.options):
                return
            if is_staged(path_of(file_path), folders()):
                with contextlib.suppress(OSError):
                    os.unlink(path_of(file_path))
            # A legacy task deletes the image that it has made.
            if "import_req" in self.options:
                give_up(self.options)

    return CheckImage


def path_of(url: str) -> str:
    """Return the path of a staged file."""
    return url.split("file://")[-1]


def is_staged(path: str, folders: Iterable[str]) -> bool:
    """Whether a file lies in one of the folders in which imported data waits."""
    return os.path.dirname(os.path.realpath(path)) in {os.path.realpath(folder) for folder in folders}


def guard_imports(
    plugins: Any, legacy: Any, replace: Callable[[Any, str, Callable], None], folders: Callable[[], Iterable[str]]
) -> None:
    """Have imports end with the checks of this cloud, before the data goes into a store.

    *plugins* is glance.async_.flows.plugins, *legacy* is glance.async_.flows.base_import: tasks of the type ``import``.
    *folders* tells where imported data waits.
    """

    def getting(get_plugins: Callable) -> Callable:
        @functools.wraps(get_plugins)
        def get_plugins_and_checks(**options: Any) -> Iterator[Any]:
            from taskflow import task
            from taskflow.patterns import linear_flow

            yield from get_plugins(**options)
            yield linear_flow.Flow(options["task_type"]).add(task_class(task.Task, folders)(options))

        return get_plugins_and_checks

    replace(plugins, "get_import_plugins", getting)
    replace(legacy, "_get_import_flows", getting)
