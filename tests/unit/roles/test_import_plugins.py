"""What the guards around Glance's import plugins unpack, convert and leave behind, with archives made here."""

import contextlib
import gzip
import importlib.util
import io
import json
import os
import pathlib
import re
import stat
import struct
import time
import tracemalloc
import types
import zipfile

import pytest

FILES = pathlib.Path(__file__).parents[3] / "roles/api/files"
ID, OTHER = "5f0e1c5c-1111-4111-8111-111111111111", "5f0e1c5c-2222-4222-8222-222222222222"
LIMIT = 1024 * 1024
NOISE = os.urandom(300_000)


def load(name):
    spec = importlib.util.spec_from_file_location(name, FILES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def replace():
    return load("glance_guards").replace


@pytest.fixture
def program():
    return load("import_plugins")


def unguarded(*_args, **_kwargs):
    raise AssertionError("Glance's own should not be called")


class Task:
    """A task of a plugin, as its revert and execute leave it."""

    reverted = None

    def __init__(self, path, repository):
        self.image_repo, self.image_id, self.task_id = repository, ID, "task-1"
        self.dest_path = str(path)

    def revert(self, result=None, **kwargs):
        self.reverted = (result, kwargs)
        if os.path.exists(self.dest_path):
            os.remove(self.dest_path)


@pytest.fixture
def decompression(program, replace):
    class Decompress(Task):
        pass

    plugin = types.SimpleNamespace(
        _gzipfile=unguarded, _zipfile=unguarded, _lhafile=unguarded, _DecompressImage=Decompress
    )
    # Twice, as when the paste file names two filters.
    for _time in range(2):
        program.guard_decompression(plugin, lambda: LIMIT, replace)
    return plugin


@pytest.fixture
def staging(tmp_path):
    (tmp_path / OTHER).write_bytes(b"data of another user")
    return tmp_path


def unpack(plugin, kind, staging, data):
    """Unpack and replace as the plugin does; returns what came out, and asserts that nothing else changed."""
    source, target = staging / ID, staging / f"{ID}.uc"
    source.write_bytes(data)
    try:
        getattr(plugin, f"_{kind}file")(str(source), str(target), ID)
        os.replace(target, source)
        return source.read_bytes()
    finally:
        assert sorted(path.name for path in staging.iterdir()) == sorted((ID, OTHER))
        assert (staging / OTHER).read_bytes() == b"data of another user"


def zipped(*names, data=NOISE, method=zipfile.ZIP_DEFLATED, mode=0, attributes=0):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            member = zipfile.ZipInfo(name)
            member.compress_type = method
            member.external_attr = mode << 16 | attributes
            archive.writestr(member, data)
    return packed.getvalue()


def streamed(data):
    """Return a zip whose sizes stand behind the data, as a pipe makes it."""

    class Pipe(io.RawIOBase):
        packed = b""

        def writable(self):
            return True

        def write(self, part):
            self.packed += bytes(part)
            return len(part)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("disk", data)
    return pipe.packed


def patched(data, local, central, form, value):
    """Return the zip *data* with a field of its headers replaced, at these offsets of them."""
    packed = bytearray(data)
    for offset, signature in ((local, b"PK\3\4"), (central, b"PK\1\2")):
        if offset is not None:
            struct.pack_into(form, packed, packed.index(signature) + offset, value)
    return bytes(packed)


RIGHT = {
    "gzip": ("gzip", gzip.compress(NOISE), NOISE),
    "gzip of nothing": ("gzip", gzip.compress(b""), b""),
    "gzip of zeros": ("gzip", gzip.compress(bytes(LIMIT)), bytes(LIMIT)),
    "gzip of several parts": (
        "gzip",
        gzip.compress(NOISE) + gzip.compress(b"") + gzip.compress(b"end"),
        NOISE + b"end",
    ),
    "gzip with zeros behind": ("gzip", gzip.compress(NOISE) + bytes(100_000), NOISE),
    "gzip, zeros, gzip": ("gzip", gzip.compress(NOISE) + bytes(100_000) + gzip.compress(b"end"), NOISE + b"end"),
    "zip": ("zip", zipped("disk.raw"), NOISE),
    "zip without compression": ("zip", zipped("disk.raw", method=zipfile.ZIP_STORED), NOISE),
    "zip of nothing": ("zip", zipped("disk.raw", data=b""), b""),
    "zip of zeros": ("zip", zipped("disk.raw", data=bytes(LIMIT)), bytes(LIMIT)),
    "zip of a regular file": ("zip", zipped("disk.raw", mode=stat.S_IFREG | 0o644), NOISE),
    "zip from a pipe": ("zip", streamed(NOISE), NOISE),
    "zip with the name of another image": ("zip", zipped(OTHER), NOISE),
    "zip with the name of another half": ("zip", zipped(f"{OTHER}.uc"), NOISE),
    "zip with a path": ("zip", zipped(f"a/../{OTHER}"), NOISE),
    "zip with an absolute path": ("zip", zipped("/tmp/disk.raw"), NOISE),
}


@pytest.mark.parametrize("name", RIGHT)
def test_archives_are_unpacked_bit_for_bit_and_write_nothing_else(decompression, staging, name):
    kind, data, expected = RIGHT[name]
    assert unpack(decompression, kind, staging, data) == expected


TOO_LARGE = f"The archive unpacks to more than {LIMIT} bytes, the limit of this cloud."
NO_GZIP = "The data is no gzip archive, or it is damaged or incomplete."
NO_ZIP = "The data is no zip archive, or it is damaged or incomplete."
LONG_NAME = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 5_000_000
SHORT = zipped("disk.raw", data=b"d" * 1000)
WRONG = {
    "gzip bomb": ("gzip", gzip.compress(bytes(64 * LIMIT)), TOO_LARGE),
    "a byte too much": ("gzip", gzip.compress(bytes(LIMIT + 1)), TOO_LARGE),
    "a byte too much in two parts": ("gzip", gzip.compress(bytes(LIMIT)) + gzip.compress(b"x"), TOO_LARGE),
    "gzip cut off": ("gzip", gzip.compress(NOISE)[:-1000], NO_GZIP),
    "gzip without its checksum": ("gzip", gzip.compress(NOISE)[:-8], NO_GZIP),
    "gzip with another checksum": ("gzip", gzip.compress(NOISE)[:-8] + bytes(8), NO_GZIP),
    "gzip with text behind": ("gzip", gzip.compress(NOISE) + b"garbage", NO_GZIP),
    "header of a gzip": ("gzip", b"\x1f\x8b\x08", NO_GZIP),
    "name without an end": ("gzip", LONG_NAME, NO_GZIP),
    "zip bomb": ("zip", zipped("disk.raw", data=bytes(64 * LIMIT)), TOO_LARGE),
    "zip bomb that says 1000 bytes": ("zip", patched(zipped("a", data=bytes(64 * LIMIT)), 22, 24, "<I", 1000), NO_ZIP),
    "zip with less than it says": ("zip", patched(SHORT, 22, 24, "<I", 2000), NO_ZIP),
    "zip cut off": ("zip", zipped("disk.raw")[:-1000], NO_ZIP),
    "zip with another checksum": ("zip", patched(SHORT, None, 16, "<I", 7), NO_ZIP),
    "zip with two names": ("zip", patched(SHORT, 30, None, "<B", 0), NO_ZIP),
    "zip with other data": ("zip", zipped("disk.raw").replace(NOISE[1000:1100], bytes(100)), NO_ZIP),
    "header of a zip": ("zip", b"PK\3\4", NO_ZIP),
    "zip of two files": ("zip", zipped("disk.raw", "readme"), "The archive should hold one file, found 2."),
    "zip of no file": ("zip", zipped(), "The archive should hold one file, found none."),
    "zip of very many files": (
        "zip",
        zipped(*map(str, range(10_000)), data=b""),
        "The archive should hold one file, found many.",
    ),
    "directory": ("zip", zipped("a/", data=b""), "The archive should hold one file, found a directory."),
    "directory by its mode": (
        "zip",
        zipped("a", data=b"", mode=stat.S_IFDIR | 0o755),
        "The archive should hold one file, found a directory.",
    ),
    "directory of MS-DOS": (
        "zip",
        zipped("a", data=b"", attributes=0x10),
        "The archive should hold one file, found a directory.",
    ),
    "symbolic link": (
        "zip",
        zipped("a", data=b"/etc/passwd", mode=stat.S_IFLNK | 0o777),
        "The archive should hold one file, found a symbolic link.",
    ),
    "device": (
        "zip",
        zipped("a", data=b"", mode=stat.S_IFCHR | 0o600),
        "The archive should hold one file, found a special file.",
    ),
    "encrypted": (
        "zip",
        patched(SHORT, 6, 8, "<H", 1),
        "The archive should hold a file without a password, found an encrypted one.",
    ),
    "LZMA": (
        "zip",
        zipped("a", method=zipfile.ZIP_LZMA),
        "The file in the archive should be compressed with deflate or not at all, found lzma.",
    ),
    "bzip2": (
        "zip",
        zipped("a", method=zipfile.ZIP_BZIP2),
        "The file in the archive should be compressed with deflate or not at all, found bzip2.",
    ),
    "a method without a name": (
        "zip",
        patched(SHORT, 8, 10, "<H", 77),
        "The file in the archive should be compressed with deflate or not at all, found method 77.",
    ),
    "LHA": ("lha", b"xx-lh5-" + bytes(100), "LHA archives can't be imported here: use zip or gzip."),
}


@pytest.mark.parametrize("name", WRONG)
def test_archives_are_refused_in_a_sentence_and_leave_nothing(program, decompression, staging, name):
    kind, data, sentence = WRONG[name]
    with pytest.raises(program.RefusedImageError, match=f"^{re.escape(sentence)}$"):
        unpack(decompression, kind, staging, data)


def test_a_zip_that_says_that_it_is_too_large_is_not_begun(program):
    packed = io.BytesIO(zipped("disk.raw", data=bytes(LIMIT + 1)))
    with pytest.raises(program.RefusedImageError, match=TOO_LARGE):
        next(program.unzip(packed, LIMIT))


@pytest.mark.parametrize("name", ["gzip bomb", "name without an end", "zip bomb", "zip of very many files", "LZMA"])
def test_an_archive_takes_little_memory(program, decompression, staging, name):
    kind, data, _sentence = WRONG[name]
    (staging / ID).write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(program.RefusedImageError):
            getattr(decompression, f"_{kind}file")(str(staging / ID), str(staging / f"{ID}.uc"), ID)
        assert tracemalloc.get_traced_memory()[1] < LIMIT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "least"), [("gzip of zeros", 16), ("zip of zeros", 16), ("name without an end", 70), ("zip bomb", 1)]
)
def test_others_have_their_turn_all_the_while(program, decompression, staging, monkeypatch, name, least):
    """Of 64 KiB each that are read, and that are written."""
    turns = []
    monkeypatch.setattr(time, "sleep", turns.append)
    kind, data, *_expected = {**RIGHT, **WRONG}[name]
    with contextlib.suppress(program.RefusedImageError):
        unpack(decompression, kind, staging, data)
    assert len(turns) >= least
    assert set(turns) == {0}


def test_a_full_file_system_is_no_damaged_archive(program, decompression, staging, monkeypatch):
    def full(_pieces, _limit):
        yield b"x"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(program, "limited", full)
    with pytest.raises(OSError, match="No space left"):
        unpack(decompression, "gzip", staging, gzip.compress(NOISE))


# ---- What stays after a failure


class Repository:
    """Records of images; what is read is changed only when it is saved."""

    staging = None

    def __init__(self, **properties):
        self.saved = []
        self.properties = {"os_glance_importing_to_stores": "b,a", "os_glance_failed_import": "", **properties}
        self.status = "importing"

    def get(self, _number):
        if self.status is None:
            raise LookupError("deleted")
        return types.SimpleNamespace(status=self.status, extra_properties=dict(self.properties))

    def save(self, image, from_state=None):
        if from_state == "full":
            raise OSError("database away")
        # The user may stage anew from now on.
        assert self.staging is None or [path.name for path in self.staging.iterdir()] == [OTHER]
        self.saved.append((image.status, from_state))
        self.properties = image.extra_properties


FAILURE = object()


def reverted(task_type, staging, repository, result, ending=".uc"):
    (staging / ID).write_bytes(b"source")
    (staging / f"{ID}{ending}").write_bytes(b"half")
    task = task_type(staging / f"{ID}{ending}", repository)
    task.revert(result=result, flow_failures={})
    assert task.reverted == (result, {"flow_failures": {}})
    return sorted(path.name for path in staging.iterdir() if path.name != OTHER)


@pytest.mark.parametrize(("before", "after"), [("", "a,b"), ("c", "a,b,c"), ("a", "a,b")])
def test_a_failure_leaves_a_queued_image_and_no_file(decompression, staging, before, after):
    repository = Repository(os_glance_import_task="task-1", os_glance_failed_import=before)
    repository.staging = staging
    assert reverted(decompression._DecompressImage, staging, repository, FAILURE) == []
    assert repository.saved == [("queued", "importing")]
    assert repository.properties["os_glance_importing_to_stores"] == ""
    assert repository.properties["os_glance_failed_import"] == after


def test_a_failure_before_the_image_has_stores_to_go_to(decompression, staging):
    repository = Repository()
    repository.properties = {}
    assert reverted(decompression._DecompressImage, staging, repository, None) == []
    assert repository.properties == {"os_glance_importing_to_stores": "", "os_glance_failed_import": ""}


def test_what_was_unpacked_well_stays_staged_when_a_later_step_fails(decompression, staging):
    repository = Repository()
    assert reverted(decompression._DecompressImage, staging, repository, f"file://{staging}/{ID}") == [ID]
    assert repository.saved == []


def test_what_another_import_has_staged_stays(decompression, staging):
    repository = Repository(os_glance_import_task="task-2")
    assert reverted(decompression._DecompressImage, staging, repository, FAILURE) == [ID]
    assert repository.saved == []


@pytest.mark.parametrize("status", [None, "full"])
def test_files_go_though_the_record_is_gone_or_can_not_be_saved(decompression, staging, caplog, status):
    repository = Repository()
    repository.status = status
    assert reverted(decompression._DecompressImage, staging, repository, FAILURE) == []
    assert f"The image {ID} can't be set back to queued" in caplog.text


def test_a_file_that_can_not_be_removed_keeps_no_reason_back(program, staging, caplog):
    (staging / ID).mkdir()
    program.give_up(Task(staging / f"{ID}.uc", Repository()))
    assert f"{ID} can't be removed" in caplog.text


def test_a_task_that_did_not_begin_has_nothing_to_remove(program, staging):
    repository = Repository()
    program.give_up(Task("", repository))
    assert repository.saved == [("queued", "importing")]


# ---- Conversion


GIB = 1024**3
VMDK = {"format": "vmdk", "virtual-size": GIB}


@pytest.mark.parametrize(
    ("found", "target", "sentence"),
    [
        ({"format": "qcow2", "virtual-size": GIB}, "raw", None),
        (
            {"format": "qcow2", "virtual-size": GIB + 1},
            "raw",
            f"The image has a virtual size of {GIB + 1} bytes, this cloud takes {GIB} at most.",
        ),
        ({"format": "qcow2", "virtual-size": 3 * GIB}, "vmdk", "The image has a virtual size of .*"),
        # It stays as it is.
        ({"format": "qcow2", "virtual-size": 3 * GIB}, "qcow2", None),
        ({}, "raw", None),
    ],
)
def test_virtual_sizes(program, found, target, sentence):
    reason = program.refused_disk(found, target, GIB)
    assert reason is None if sentence is None else re.fullmatch(sentence, reason)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"format": "qcow2"}, None),
        ({"format": "qcow2", "format-specific": {"type": "qcow2", "data": {"compat": "1.1"}}}, None),
        ({"format": "qcow2", "backing-filename": "/etc/x"}, "The image should have no backing file, found one."),
        (
            {"format": "qcow2", "format-specific": {"data": {"data-file": "/etc/x"}}},
            "The image should have no external data file, found one.",
        ),
        ({**VMDK, "format-specific": {"data": {"create-type": "streamOptimized"}}}, None),
        (
            {**VMDK, "format-specific": {"data": {"create-type": "monolithicFlat"}}},
            "The VMDK should be streamOptimized or monolithicSparse, found monolithicFlat.",
        ),
        (VMDK, "The VMDK should be streamOptimized or monolithicSparse, found None."),
    ],
)
def test_images_that_name_other_files(program, found, sentence):
    assert program.refused_reference(found) == sentence


class Programs:
    """The part of oslo_concurrency.processutils that the plugin uses."""

    LOG_ALL_ERRORS = 1

    def __init__(self, found, errors=""):
        self.found, self.errors, self.called = found, errors, []

    def trycmd(self, *command, **options):
        self.called.append((command[1], options))
        return (json.dumps(self.found), self.errors) if command[1] == "info" else ("", "")


def conversion(program, replace, found, errors="", **members):
    kind = type("Convert", (Task,), members)
    programs = Programs(found, errors)
    plugin = types.SimpleNamespace(_ConvertImage=kind, putils=types.ModuleType("processutils"))
    vars(plugin.putils).update(trycmd=programs.trycmd, LOG_ALL_ERRORS=programs.LOG_ALL_ERRORS)
    shared = plugin.putils
    for _time in range(2):
        program.guard_conversion(plugin, lambda: GIB, lambda: "raw", replace)
    # Others use that module, too.
    assert shared.trycmd == programs.trycmd
    assert plugin.putils.LOG_ALL_ERRORS == 1
    return plugin, programs


NEW = {"_inspect_path": unguarded}


def convert(plugin):
    """Look and convert as the plugin does (image_conversion.py, _execute)."""
    plugin.putils.trycmd("qemu-img", "info", "--output=json", "/staging/x", log_errors=1)
    plugin.putils.trycmd("qemu-img", "convert", "/staging/x", "/staging/x.raw")


@pytest.mark.parametrize(
    ("found", "members", "called"),
    [
        ({"format": "qcow2", "virtual-size": GIB}, NEW, ["info", "convert"]),
        ({"format": "qcow2", "virtual-size": GIB}, {}, ["info", "convert"]),
        ({"format": "qcow2", "virtual-size": GIB * 3000}, NEW, ["info"]),
        ({"format": "qcow2", "virtual-size": GIB * 3000}, {}, ["info"]),
        # Newer releases look at these themselves, by the options of the operator.
        ({**VMDK, "format-specific": {"data": {"create-type": "vmfs"}}}, NEW, ["info", "convert"]),
        ({**VMDK, "format-specific": {"data": {"create-type": "vmfs"}}}, {}, ["info"]),
        ({"format": "qcow2", "backing-filename": "/etc/x"}, {}, ["info"]),
    ],
)
def test_what_is_refused_is_not_converted(program, replace, found, members, called):
    plugin, programs = conversion(program, replace, found, **members)
    if "convert" in called:
        convert(plugin)
    else:
        with pytest.raises(program.RefusedImageError):
            convert(plugin)
    assert [name for name, _options in programs.called] == called
    assert programs.called[0][1] == {"log_errors": 1}


def test_what_qemu_img_says_is_left_to_the_plugin(program, replace):
    plugin, _programs = conversion(program, replace, {"virtual-size": 9 * GIB}, "qemu-img: broken", **NEW)
    assert plugin.putils.trycmd("qemu-img", "info", "x")[1] == "qemu-img: broken"


def test_a_conversion_that_was_undone_leaves_a_queued_image_in_ussuri(program, replace, staging):
    plugin, _programs = conversion(program, replace, {})
    for result in (FAILURE, f"file://{staging}/{ID}.raw"):
        repository = Repository()
        assert reverted(plugin._ConvertImage, staging, repository, result, ".raw") == []
        assert repository.saved == [("queued", "importing")]


def test_newer_releases_undo_a_conversion_themselves(program, replace, staging):
    plugin, _programs = conversion(program, replace, {}, **NEW)
    repository = Repository()
    assert reverted(plugin._ConvertImage, staging, repository, FAILURE, ".raw") == [ID]
    assert repository.saved == []
