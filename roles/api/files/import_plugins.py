"""Guards around the import plugins of Glance, image_decompression and image_conversion, for what users import.

The plugins unpack without a limit, and under names that stand in the archive. glance_guards.py has them use what is
here. The text of a RefusedImageError says to whoever imports why the data is refused.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import stat
import time
import types
import zipfile
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

# Bytes that are read, and unpacked, at once.
PIECE = 64 * 1024
# Bytes of a zip's central directory: one entry has 46, and a name, a comment and extra fields of 64 KiB each at most.
DIRECTORY_LIMIT = 256 * 1024
# Flags of a member of a zip (APPNOTE.TXT, 4.4.4): encrypted, with strong encryption, with a masked header.
ENCRYPTED = 0x1 | 0x40 | 0x2000
# The attribute of a directory in MS-DOS.
DOS_DIRECTORY = 0x10
FILE_TYPES = {stat.S_IFDIR: "a directory", stat.S_IFLNK: "a symbolic link"}
# VMDKs that hold their data themselves: the default of [image_format] vmdk_allowed_types in newer releases.
VMDK_TYPES = ("streamOptimized", "monolithicSparse")
# What the import notes at an image (api_image_import.py, _ImportActions).
IMPORTING, FAILED, LOCK = "os_glance_importing_to_stores", "os_glance_failed_import", "os_glance_import_task"

LOG = logging.getLogger("glance.guards")


class RefusedImageError(Exception):
    """Data of a user that can't be imported; its text is one sentence for that user."""


# ---- Archives ------------------------------------------------------------------------------------------------------


class Source:
    """An archive that is open to be read. Under eventlet, other requests have their turn at each read.

    zipfile reads a whole central directory at once, so a read that is too long for that of one file is refused.
    """

    def __init__(self, file: Any) -> None:
        self.file = file

    def read(self, size: int = -1) -> bytes:
        """Read *size* bytes, as they come."""
        if size > DIRECTORY_LIMIT:
            raise RefusedImageError("The archive should hold one file, found many.")
        time.sleep(0)
        return self.file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@contextlib.contextmanager
def readable(kind: str) -> Iterator[None]:
    """Raise RefusedImageError in place of any error while an archive of *kind* is read."""
    try:
        yield
    except RefusedImageError:
        raise
    except Exception as error:
        raise RefusedImageError(f"The data is no {kind} archive, or it is damaged or incomplete.") from error


def too_large(limit: int) -> RefusedImageError:
    """Return the refusal of an archive with more than *limit* bytes in it."""
    return RefusedImageError(f"The archive unpacks to more than {limit} bytes, the limit of this cloud.")


def gunzip(source: Any, _limit: int) -> Iterator[bytes]:
    """Give the data of all members of a gzip archive in pieces; zlib compares each member with its checksum.

    The module gzip reads a name in the header byte by byte, however long it is, and nobody else has a turn.
    """
    data = source.read(PIECE)
    while data:
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        while not member.eof:
            with readable("gzip"):
                piece = member.decompress(data, PIECE)
                data = member.unconsumed_tail
                if not data and not member.eof and len(piece) < PIECE:
                    data = source.read(PIECE)
                    if not data:
                        raise EOFError
            yield piece
        # Zeros may follow, as on tapes.
        data = member.unused_data.lstrip(b"\0")
        while not data:
            more = source.read(PIECE)
            if not more:
                return
            data = more.lstrip(b"\0")


def refused_member(member: Any) -> str | None:
    """Return why *member*, a zipfile.ZipInfo, is not unpacked, or None.

    bzip2 and LZMA may give any amount of data for a few bytes at once.
    """
    kind = stat.S_IFMT(member.external_attr >> 16)
    if member.filename.endswith("/") or member.external_attr & DOS_DIRECTORY:
        kind = stat.S_IFDIR
    if kind not in (0, stat.S_IFREG):
        return f"The archive should hold one file, found {FILE_TYPES.get(kind, 'a special file')}."
    if member.flag_bits & ENCRYPTED:
        return "The archive should hold a file without a password, found an encrypted one."
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        found = zipfile.compressor_names.get(member.compress_type, f"method {member.compress_type}")
        return f"The file in the archive should be compressed with deflate or not at all, found {found}."
    return None


def unzip(source: Any, limit: int) -> Iterator[bytes]:
    """Give the data of the one file in a zip archive in pieces, whatever its name; zipfile compares its CRC."""
    with readable("zip"):
        archive = zipfile.ZipFile(source)
        members = archive.infolist()
    if len(members) != 1:
        raise RefusedImageError(f"The archive should hold one file, found {len(members) or 'none'}.")
    (member,) = members
    reason = refused_member(member)
    if reason:
        raise RefusedImageError(reason)
    if member.file_size > limit:
        raise too_large(limit)
    with readable("zip"):
        file = archive.open(member)
    count = 0
    while True:
        with readable("zip"):
            piece = file.read(PIECE)
            if not piece and count != member.file_size:
                raise EOFError
        if not piece:
            return
        count += len(piece)
        yield piece


def lha(_source: Any, _limit: int) -> Iterator[bytes]:
    """Refuse an LHA archive: no release brings the library for it, which reads all of an archive into memory."""
    raise RefusedImageError("LHA archives can't be imported here: use zip or gzip.")


def limited(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Give *pieces* up to *limit* bytes in all; raises RefusedImageError above them."""
    count = 0
    for piece in pieces:
        count += len(piece)
        if count > limit:
            raise too_large(limit)
        yield piece


def write(pieces: Iterable[bytes], path: str) -> None:
    """Write *pieces* into the file *path*, which does not stay if one of them raises."""
    try:
        with open(path, "wb") as target:
            for piece in pieces:
                target.write(piece)
                time.sleep(0)
    except BaseException:
        remove([path])
        raise


def remove(paths: Iterable[str]) -> None:
    """Remove files, if they are there. What goes wrong is logged, so that it hides no other error."""
    for path in paths:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            LOG.warning("%s can't be removed: %s", path, error.strerror)


# ---- Images of disks -----------------------------------------------------------------------------------------------


def refused_disk(found: Mapping[str, Any], target: str, limit: int) -> str | None:
    """Return why the image that ``qemu-img info`` describes by *found* is not converted to *target*, or None.

    *limit* is in bytes. The result has up to the virtual size, whatever the size of the image itself.
    """
    size = found.get("virtual-size", 0)
    if found.get("format") != target and size > limit:
        return f"The image has a virtual size of {size} bytes, this cloud takes {limit} at most."
    return None


def refused_reference(found: Mapping[str, Any]) -> str | None:
    """Return why the image that ``qemu-img info`` describes by *found* may not be read, or None.

    Its data may be in other files, such as the configuration of Glance. Newer releases than ussuri look themselves
    (image_conversion.py, _execute).
    """
    details = found.get("format-specific", {}).get("data", {})
    if "backing-filename" in found:
        return "The image should have no backing file, found one."
    if details.get("data-file") is not None:
        return "The image should have no external data file, found one."
    if found.get("format") == "vmdk" and details.get("create-type") not in VMDK_TYPES:
        return f"The VMDK should be {' or '.join(VMDK_TYPES)}, found {details.get('create-type')}."
    return None


# ---- What stays after a failure ------------------------------------------------------------------------------------


def give_up(task: Any) -> None:
    """Set the image of an import back to queued, its stores to failed, and remove what is staged of it.

    *task* is that of a plugin, after its own revert. From 2025.1 on, _ConvertImage.revert does the same.
    """
    files = (task.dest_path, task.dest_path.rpartition(".")[0])
    try:
        image = task.image_repo.get(task.image_id)
        # Another import has taken the image over, with what is staged. Ussuri has no lock.
        if image.extra_properties.get(LOCK, task.task_id) != task.task_id:
            return
        # Before the image is queued, as the user may stage anew then.
        remove(files)
        requeue(image, task.image_repo)
    except Exception as error:
        # Such as an image that was deleted. Raised here, it would hide why the import failed, and keep its lock.
        LOG.warning("The image %s can't be set back to queued: %r", task.image_id, error)
        remove(files)


def requeue(image: Any, repository: Any) -> None:
    """Save *image* as queued, with the stores that it was imported to among those that failed."""
    importing, failed = (image.extra_properties.get(name, "").split(",") for name in (IMPORTING, FAILED))
    image.extra_properties[IMPORTING] = ""
    image.extra_properties[FAILED] = ",".join(sorted({*importing, *failed} - {""}))
    former = image.status
    image.status = "queued"
    repository.save(image, from_state=former)


def reverting(always: bool) -> Callable[[Callable], Callable]:
    """Return what adds `give_up` to the revert of a plugin's task: *always*, or only when that task itself failed."""

    def guarded(revert: Callable) -> Callable:
        @functools.wraps(revert)
        def revert_and_give_up(self: Any, result: Any = None, **kwargs: Any) -> None:
            revert(self, result=result, **kwargs)
            # A task that succeeded has given the path of its file.
            if always or not isinstance(result, str):
                give_up(self)

        return revert_and_give_up

    return guarded


# ---- Around the plugins --------------------------------------------------------------------------------------------


def guard_decompression(plugin: Any, image_size_cap: Callable[[], int], replace: Callable) -> None:
    """Have *plugin*, glance.async_.flows.plugins.image_decompression, unpack up to *image_size_cap* bytes.

    It has no limit of its own. Up to 2025.2 it unpacks a zip into a folder where it expects a file. Then it can neither
    go on nor clean up. From 2026.1 on it writes a zip's member by its own name among the staged images, and moves it.
    So a member with the name of another image overwrites that image's data, and takes it away.
    """

    def unpacking(pieces: Callable[[Any, int], Iterator[bytes]]) -> Callable[[Callable], Callable]:
        def guarded(unpack: Callable) -> Callable:
            @functools.wraps(unpack)
            def unpack_within_limit(src_path: str, dest_path: str, _image_id: str) -> None:
                limit = image_size_cap()
                with open(src_path, "rb") as file:
                    write(limited(pieces(Source(file), limit), limit), dest_path)

            return unpack_within_limit

        return guarded

    for name, pieces in {"_gzipfile": gunzip, "_zipfile": unzip, "_lhafile": lha}.items():
        replace(plugin, name, unpacking(pieces))
    replace(plugin._DecompressImage, "revert", reverting(always=False))


def guard_conversion(
    plugin: Any, image_size_cap: Callable[[], int], output_format: Callable[[], str], replace: Callable
) -> None:
    """Have *plugin*, glance.async_.flows.plugins.image_conversion, convert to up to *image_size_cap* bytes.

    It converts an image of any virtual size. Ussuri's also reads other files of the host for an image that names them.
    When that one fails, the image stays ``importing`` and staged.
    """
    is_trusting = not hasattr(plugin._ConvertImage, "_inspect_path")

    def limiting(library: Any) -> Any:
        def trycmd(*command: str, **options: Any) -> Any:
            output, errors = library.trycmd(*command, **options)
            if command[:2] == ("qemu-img", "info") and not errors:
                found = json.loads(output)
                reason = refused_disk(found, output_format(), image_size_cap())
                if is_trusting:
                    reason = reason or refused_reference(found)
                if reason:
                    raise RefusedImageError(reason)
            return output, errors

        return types.SimpleNamespace(**{**vars(library), "trycmd": trycmd})

    replace(plugin, "putils", limiting)
    if is_trusting:
        # It removes what it has converted, so that nothing is left for another try.
        replace(plugin._ConvertImage, "revert", reverting(always=True))
