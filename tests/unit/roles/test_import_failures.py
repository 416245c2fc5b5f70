"""What users read of an import that failed, and what becomes of its task and its image."""

import contextlib
import errno
import importlib.util
import pathlib
import types

import pytest

PROGRAM = pathlib.Path(__file__).parents[3] / "roles/api/files/import_failures.py"


@pytest.fixture(scope="module")
def failures():
    spec = importlib.util.spec_from_file_location("import_failures", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def error(name, text="", *parents, **more):
    kind = type(name, parents or (Exception,), {})
    made = kind(text)
    made.__dict__.update(more)
    return made


def replace(owner, name, wrap):
    setattr(owner, name, wrap(getattr(owner, name)))


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (RuntimeError("QCOW images with backing files are not allowed"), "join both with qemu-img convert"),
        (RuntimeError("File /x has invalid backing file /etc/passwd, aborting."), "needs another file"),
        (RuntimeError("QCOW images with data-file set are not allowed"), "its data in another file"),
        (RuntimeError("Invalid VMDK create-type specified"), "VMDK of a kind"),
        (RuntimeError("Image format mismatch"), "not in the disk_format"),
        (RuntimeError("Image metadata disagrees about format"), "not in the disk_format"),
        (error("InvalidImageData", "Content does not match expected format 'qcow2'"), "not in the disk_format"),
        (
            error("InvalidImageData", "Image disk_format qcow2 does not match stream data raw"),
            "names the disk_format qcow2, and its data is raw",
        ),
        (RuntimeError("Image has disallowed configuration"), "safety checks"),
        (RuntimeError("Image format detection failed"), "no disk image"),
        (RuntimeError("Converted image in unexpected format"), "an image of another format"),
        (
            RuntimeError("qemu-img: Could not open '/var/lib/glance/staging/1': Image is not in qcow2 format"),
            "not in the disk_format",
        ),
        (
            RuntimeError("qemu-img: error while reading at byte 0: Input/output error"),
            "can't be converted: Input/output error.",
        ),
        (ValueError("Expecting value: line 1 column 1 (char 0)"), "within the limits"),
        (error("ImageSizeLimitExceeded", "The provided image is too large."), "larger than this cloud takes"),
        (error("StorageQuotaFull", "The size of the data 9 will exceed the limit. 3 bytes remaining."), "3 bytes rem"),
        (error("HTTPRequestEntityTooLarge", "", explanation="Image exceeds the storage quota: x"), "Image exceeds the"),
        (error("HTTPServiceUnavailable", "", explanation="The store a can't be used at present."), "The store a can't"),
        (error("StorageFull"), "no room"),
        (OSError(errno.ENOSPC, "No space left on device"), "no room"),
        (FileNotFoundError(2, "No such file", "/var/lib/glance/staging/1"), "not there any more"),
        (error("ImportRefusedError", "Win32.Test was found."), "Win32.Test was found."),
        (error("TaskAbortedError", "Task was aborted externally"), "Another import"),
        (error("Special", "x"), "failed at it"),
        (error("Special", "password=hunter2 in /etc/glance/glance-api.conf"), "failed at it"),
        (
            error("ImportTaskError", "It lies in /mnt/staging/1 of https://h/a/b."),
            "It lies in the data of https://h/a/b.",
        ),
        (error("ImportRefusedError", "No VMDK: see /srv/data-file."), "No VMDK: see /srv/data-file."),
        (RuntimeError("The metadata file could not be read"), "failed at it"),
    ],
)
def test_sentences(failures, raised, sentence):
    assert sentence in failures.sentence_of(raised)


def test_the_reason_of_an_error_is_told_where_glance_hides_it(failures):
    raised = RuntimeError("Image has disallowed configuration")
    raised.__context__ = error("SafetyCheckFailed", "Safety checks failed: backing_file")
    assert failures.sentence_of(raised).startswith("The image needs another file")


def test_a_sentence_is_one_short_line_without_paths(failures):
    told = failures.sentence_of(error("ImportRefusedError", "\n first\nsecond"))
    assert told == "first"
    assert len(failures.sentence_of(error("ImportRefusedError", "x" * 9999))) == failures.LONGEST


def test_judges_are_asked_first_and_the_first_of_several_failures_counts(failures):
    judge = {OSError: "The source is gone."}
    wrapped = error("WrappedFailure", "", list)
    wrapped.append(types.SimpleNamespace(exception=OSError("x")))
    assert failures.sentence_of(wrapped, (lambda found: judge.get(type(found)),)) == "The source is gone."


class Images:
    """Images as Glance's repository gives them, by copies."""

    def __init__(self, **images):
        self.images = images

    def get(self, image_id):
        kept = self.images[image_id]
        return types.SimpleNamespace(status=kept.status, extra_properties=dict(kept.extra_properties))

    def save(self, image, from_state):
        assert self.images["i"].status == from_state
        self.images["i"] = image

    def delete_property_atomic(self, _image, name, value):
        assert self.images["i"].extra_properties.pop(name) == value


class Executor:
    """What Glance's has of that which is guarded; *making* is raised by what makes the flow, *running* by the flow."""

    swallows = False

    def __init__(self, image=None, making=None, running=None, kind="api_image_import"):
        self.making, self.running = making, running
        self.task = self.tasks(kind)
        self.task_repo = types.SimpleNamespace(get=lambda _id: self.task)
        self.image_repo = Images(i=image or types.SimpleNamespace(status="queued", extra_properties={}))

    def _get_flow(self, _task):
        if self.making:
            raise self.making

    def _run(self):
        try:
            self._get_flow(self.task)
        except ImportTaskError as error:
            if not self.swallows:
                raise
            self.task.fail(str(error))
            return
        try:
            self._run_flow()
        except Exception:
            self.task.fail("Task failed due to Internal Error")
            raise
        self.task.status = "success"

    def _run_flow(self):
        if self.running:
            raise self.running

    def begin_processing(self, _task_id):
        try:
            self._run()
        except ImportTaskError as error:
            self.task.fail(str(error))


class Task:
    """What glance.domain.Task has of that which is guarded."""

    def __init__(self, kind):
        self.task_id, self.type, self.status, self.message = "t", kind, "pending", ""
        self.task_input = {"image_id": "i"}

    def fail(self, message):
        self.status, self.message = "failure", message


class ImportTaskError(Exception):
    pass


@pytest.fixture(params=[False, True], ids=["2026.1", "2026.2"])
def executor(failures, request):
    kind = type("GuardedExecutor", (Executor,), {"swallows": request.param, "tasks": type("GuardedTask", (Task,), {})})
    failures.guard_messages(kind.tasks, replace, ())
    failures.guard_tasks(kind, replace, ImportTaskError, ())
    return kind


def test_a_flow_that_fails_says_why_in_its_task_and_its_image(executor):
    made = executor(running=RuntimeError("Image format mismatch"))
    with pytest.raises(RuntimeError):
        made.begin_processing("t")
    assert made.task.message == "The data is not in the disk_format that the image names."
    assert made.image_repo.images["i"].extra_properties == {"os_glance_failed_import": made.task.message}


def test_a_flow_that_can_not_be_made_ends_and_lets_the_image_go(executor):
    image = types.SimpleNamespace(status="importing", extra_properties={"os_glance_import_task": "t"})
    made = executor(image, making=ValueError("strange"))
    made.begin_processing("t")
    assert made.task.status == "failure"
    assert made.task.message.startswith("The image service failed at it.")
    left = made.image_repo.images["i"]
    assert (left.status, "os_glance_import_task" in left.extra_properties) == ("queued", False)


def test_an_image_that_another_import_holds_is_left_alone(executor):
    image = types.SimpleNamespace(status="importing", extra_properties={"os_glance_import_task": "other"})
    made = executor(image, running=RuntimeError("x"))
    with pytest.raises(RuntimeError):
        made.begin_processing("t")
    assert made.image_repo.images["i"] is image


@pytest.mark.parametrize("status", ["active", "deleted"])
def test_an_image_with_data_keeps_its_names_of_stores(executor, status):
    image = types.SimpleNamespace(status=status, extra_properties={"os_glance_failed_import": "fast"})
    made = executor(image, running=RuntimeError("x"))
    with pytest.raises(RuntimeError):
        made.begin_processing("t")
    assert made.image_repo.images["i"] is image


def test_a_task_that_succeeds_is_left_alone(executor):
    made = executor()
    made.begin_processing("t")
    assert (made.task.status, made.image_repo.images["i"].extra_properties) == ("success", {})


def test_what_glance_says_for_users_stays(executor):
    task = executor.tasks("import")
    with contextlib.suppress(ValueError):
        try:
            int("x")
        finally:
            task.fail("The size of the data 9 will exceed the limit.")
    assert task.message == "The size of the data 9 will exceed the limit."
    task.fail("Task failed due to Internal Error")
    assert task.message == "Task failed due to Internal Error"


def test_what_can_not_be_told_hides_no_failure(executor):
    made = executor(running=RuntimeError("x"))
    del made.image_repo.images["i"]
    with pytest.raises(RuntimeError, match="x"):
        made.begin_processing("t")


def test_the_next_import_takes_no_sentence_for_names_of_stores(failures):
    class Actions:
        def __init__(self, value):
            self._image = types.SimpleNamespace(extra_properties={"os_glance_failed_import": value})

        def merge_store_list(self, list_key, stores, subtract=False):
            kept = set(filter(None, self._image.extra_properties[list_key].split(",")))
            self._image.extra_properties[list_key] = ",".join(
                sorted(kept - set(stores) if subtract else kept | set(stores))
            )

    failures.guard_failed_stores(Actions, replace)
    for value, left in (("It is no image, and too large.", ""), ("fast,slow", "slow")):
        actions = Actions(value)
        actions.merge_store_list("os_glance_failed_import", ["fast"], subtract=True)
        assert actions._image.extra_properties["os_glance_failed_import"] == left
    failures.guard_failed_stores(None, replace)
