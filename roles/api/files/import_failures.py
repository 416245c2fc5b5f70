"""Have users told why an import failed; Glance says "Task failed due to Internal Error" of nearly all.

The sentence stands in the message of the import's task, and in ``os_glance_failed_import`` of an image that waits for
other data. Loaded into the server by glance_guards.py.
"""

from __future__ import annotations

import errno
import functools
import logging
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # Each gives a sentence for an error, or None for what it does not know.
    Judges = tuple[Callable[[BaseException], str | None], ...]
    # Puts what the last one makes of an attribute in its place, once.
    Replace = Callable[[Any, str, Callable], None]

LOG = logging.getLogger("glance.guards")

FAILED = "os_glance_failed_import"
IMPORTING = "os_glance_importing_to_stores"
# The task that holds an image; ussuri has none.
HOLDER = "os_glance_import_task"
# Characters of a sentence.
LONGEST = 500
# Errors that are looked at, each the reason of the one before.
CHAIN = 4
UNKNOWN = "The image service failed at it. Its operators find the reason in its log, by the id of the task."
NO_ROOM = "The cloud has no room for it at present. Try again later, or tell its operators."

# What users read, by what Glance and qemu-img say: glance/async_/flows/plugins/image_conversion.py,
# glance/async_/flows/base_import.py, glance/location.py, oslo_utils/imageutils/format_inspector.py.
SENTENCES = (
    (r"\bbacking[-_ ]file", "The image needs another file, its backing file: join both with qemu-img convert."),
    (r"\bdata[-_ ]file\b", "The image has its data in another file: join both with qemu-img convert."),
    (
        r"VMDK|create-?type",
        "The image is a VMDK of a kind that is not allowed: use monolithicSparse or streamOptimized.",
    ),
    (
        r"disk_format (\w+) does not match stream data (\w+)",
        r"The image names the disk_format \1, and its data is \2: name that, or send other data.",
    ),
    (r"Converted image in unexpected format", "The image holds an image of another format, which is not allowed."),
    (
        r"format mismatch|claimed to be|disagrees about format|not match (the )?(expected|disk)|is not in \S+ format",
        "The data is not in the disk_format that the image names.",
    ),
    (r"disallowed configuration|safety check", "The data does not pass the safety checks for images of its format."),
    (
        r"format detection failed|[Uu]nable to inspect|format inspection failed|[Cc]ould not detect",
        "The data is no disk image of a known format.",
    ),
    # The answer of qemu-img is empty if it reached its limits (glance/async_/utils.py, QEMU_IMG_PROC_LIMITS).
    (r"Expecting value", "The image can't be read within the limits of the service: it is damaged, or made to harm."),
    (r"Image size mismatch", "The data changed while it was imported: upload it again."),
    (r"aborted externally", "Another import of the image took the place of this one."),
    (r"has been deleted", "The image was deleted while it was imported."),
    (r"None of the uploads finished", "No store took the image. Try again later, or tell the operators of the cloud."),
)
# Errors whose own words are for users, by the names of their classes and of those that they are made of.
OWN_WORDS = frozenset(
    (
        "StorageQuotaFull",
        "LimitExceeded",
        "InvalidImageData",
        "ImportTaskError",
        "SignatureVerificationError",
        "RemoteServiceUnavailable",
    )
)
# Errors of import_checks.py, import_plugins.py and import_sources.py, which say a sentence for users and no more.
OURS = frozenset(("ImportRefusedError", "RefusedImageError", "SourceError"))


def cause_of(error: BaseException) -> BaseException:
    """Return the error of a step, where taskflow hands over several in one (taskflow/exceptions.py, WrappedFailure)."""
    if type(error).__name__ == "WrappedFailure":
        return next((failure.exception for failure in error if failure.exception), error)
    return error


def words_of(error: BaseException) -> str:
    """Return what an error says, and what the errors say that it was raised for: Glance hides the reason of some."""
    said, seen = [], error
    while seen and len(said) < CHAIN:
        # webob keeps what it says to users in the first.
        said.append(str(getattr(seen, "explanation", None) or getattr(seen, "msg", None) or seen))
        seen = seen.__cause__ or seen.__context__
    return "\n".join(said)


def without_paths(text: str) -> str:
    """Return the first line of *text*, without paths of the host in it and not at any length."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return re.sub(r"'?(?:file://)?(?<![\w./:])/(?:[\w.@+-]+/)+[\w.@+-]*'?", "the data", line)[:LONGEST]


def sentence_of(error: BaseException, judges: Judges = ()) -> str:
    """Return why an import failed with *error*, in a sentence for its user; *judges* are asked first."""
    error = cause_of(error)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & OURS:
        return str(error).strip().partition("\n")[0][:LONGEST]
    for judge in judges:
        if found := judge(error):
            return without_paths(found)
    text = words_of(error)
    if "ImageSizeLimitExceeded" in kinds:
        return "The image is larger than this cloud takes."
    if "StorageFull" in kinds or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return NO_ROOM
    if isinstance(error, FileNotFoundError):
        return "The staged data is not there any more: upload it again."
    for pattern, sentence in SENTENCES:
        if match := re.search(pattern, text):
            return match.expand(sentence)
    if text.startswith("qemu-img: "):
        return f"The image can't be converted: {without_paths(text.splitlines()[0].rpartition(': ')[2])}."
    if kinds & OWN_WORDS or hasattr(error, "explanation"):
        return without_paths(text)
    return UNKNOWN


def is_sentence(value: str) -> bool:
    """Whether ``os_glance_failed_import`` has a sentence in it, in place of names of stores."""
    return " " in value


def tell(executor: Any, task_id: str) -> None:
    """Write why the task has failed into its image, which is let go and waits for other data."""
    task = executor.task_repo.get(task_id)
    image_id = (task.task_input or {}).get("image_id") if task else None
    if task and task.status == "failure" and task.type == "api_image_import" and image_id:
        mark(getattr(executor, "admin_repo", None) or executor.image_repo, image_id, task_id, str(task.message))


def mark(repository: Any, image_id: str, task_id: str, sentence: str) -> None:
    """Have an image of a failed import say why, and wait for data, unless another import holds it by now."""
    image = repository.get(image_id)
    holder = image.extra_properties.get(HOLDER)
    if holder == task_id:
        repository.delete_property_atomic(image, HOLDER, task_id)
        image = repository.get(image_id)
    elif holder:
        return
    before = image.status
    # Ussuri leaves an image that no store took in this status.
    if before == "importing":
        image.status = "queued"
    if image.status == "queued":
        image.extra_properties[FAILED] = sentence
        if IMPORTING in image.extra_properties:
            image.extra_properties[IMPORTING] = ""
        repository.save(image, from_state=before)


def guard_messages(task: type, replace: Replace, judges: Judges) -> None:
    """Have *task*, glance.domain.Task, fail with a sentence in place of an internal error.

    Glance says that in the clause that handles the error (glance/async_/taskflow_executor.py, `_run`).
    """

    def failing(fail: Callable) -> Callable:
        @functools.wraps(fail)
        def fail_with_reason(self: Any, message: str) -> Any:
            error = sys.exc_info()[1]
            return fail(self, sentence_of(error, judges) if error and "Internal Error" in str(message) else message)

        return fail_with_reason

    replace(task, "fail", failing)


def guard_tasks(executor: type, replace: Replace, import_error: type[Exception], judges: Judges) -> None:
    """Have *executor*, glance.async_.taskflow_executor.TaskExecutor, let the images of failed imports go.

    What keeps a flow from being made leaves the task ``processing`` for ever up to 2026.1. It becomes an *import_error*
    (glance.common.exception.ImportTaskError), which every release makes a failure of the task of.
    """

    def making(get_flow: Callable) -> Callable:
        @functools.wraps(get_flow)
        def get_flow_or_tell(self: Any, task: Any) -> Any:
            try:
                return get_flow(self, task)
            except import_error:
                raise
            except Exception as error:
                LOG.exception("The flow of the task %s can't be made", task.task_id)
                raise import_error(sentence_of(error, judges)) from error

        return get_flow_or_tell

    def beginning(begin: Callable) -> Callable:
        @functools.wraps(begin)
        def begin_and_tell(self: Any, task_id: str) -> Any:
            try:
                return begin(self, task_id)
            finally:
                try:
                    tell(self, task_id)
                except Exception:
                    LOG.exception("What became of the task %s can't be told to its image", task_id)

        return begin_and_tell

    replace(executor, "_get_flow", making)
    replace(executor, "begin_processing", beginning)


def guard_failed_stores(actions: type | None, replace: Replace) -> None:
    """Have *actions*, glance.async_.flows.api_image_import._ImportActions, take no sentence for names of stores.

    Glance splits what stands there at commas, and keeps all that it does not know. Ussuri empties it instead.
    """
    if actions is None:
        return

    def merging(merge: Callable) -> Callable:
        @functools.wraps(merge)
        def merge_names(self: Any, list_key: str, stores: Any, subtract: bool = False) -> Any:
            properties = self._image.extra_properties
            if list_key == FAILED and is_sentence(properties.get(FAILED) or ""):
                properties[FAILED] = ""
            return merge(self, list_key, stores, subtract=subtract)

        return merge_names

    replace(actions, "merge_store_list", merging)
