"""Have ClamAV's daemon look for malware in an image: a check of imports, which run_import_check.py runs.

Exit code 0: nothing was found. 1: malware was, and standard output names it. 2: the image could not be scanned, and
standard error says why. Without an image, it tells whether one could be scanned.

ClamAV takes less than 2 GiB at a time, so the image is sent in windows that overlap. By the first bytes of a window
ClamAV takes it for a file of some type, and there are types that it does not look into. So a window begins with bytes
of no type. A small image, or the beginning of a larger one, is sent as it is, too: what is known by its type, its first
bytes or its hash is found so. Holes and long runs of zeros are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import errno
import functools
import os
import re
import socket
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Extent = tuple[int, int]

# Bytes of an image that is sent as a whole, too; StreamMaxLength of clamd.conf is above.
WHOLE = 512 << 20
# Bytes of a window. Of each, ClamAV looks into ten embedded files, and into as many entries of zip archives as MaxFiles
# says (libclamav/matcher-ac.c, ac_addtype).
WINDOW = 16 << 20
# Longer than signatures and most embedded files are.
OVERLAP = 2 << 20
# Before the data of a window, and in place of zeros that are left out, so that data from two places does not touch.
LEAD = bytes(4096)
# Bytes of a run of zeros that is left out, at least; of what is read and sent at a time, at most.
ZEROS = bytes(1 << 16)
PART = 1 << 20
# Seconds for which a daemon that is being restarted is waited for, and between two tries.
PATIENCE = 300
PAUSE = 0.5
# Times that a window is sent to a daemon that ends: a restart is one, a file that it can't stand would end it for ever.
TRIES = 3
# Longest answer.
ANSWER_BYTES = 4096
_FOUND = re.compile(r"stream: (.+) FOUND")
# What AlertExceedsMax has the daemon say of data that it has not scanned to its end.
_LIMITS = "Heuristics.Limits.Exceeded"


class ScanError(Exception):
    """The image could not be scanned; the text is a sentence for the operator."""


class LimitError(ScanError):
    """The daemon has left out a part of what it was sent."""


class GoneError(Exception):
    """The daemon is not there, or ended before it answered; the text says how that showed."""


# ---- The daemon ---------------------------------------------------------------------------------------------------


class Daemon:
    """The daemon behind the Unix socket at *path*, asked until so many *seconds* from now."""

    def __init__(self, path: str, seconds: float) -> None:
        self.path, self.seconds, self.end = path, seconds, time.monotonic() + seconds

    def ask(self, command: str, parts: Callable[[], Iterable[bytes]] | None = None) -> str:
        """Return what the daemon says to *command*, or to the data *parts*. Raises ScanError.

        One that ends or is away is asked again once it is there.
        """
        for left in reversed(range(TRIES)):
            try:
                return self._once(command, parts)
            except GoneError as error:
                if not left:
                    raise ScanError(f"ClamAV's daemon should answer, found {TRIES} times: {error}") from error
            self.wait()
        raise AssertionError

    def wait(self) -> None:
        """Wait until the daemon answers, for PATIENCE seconds at most; raises ScanError."""
        patient_until = min(self.end, time.monotonic() + PATIENCE)
        while True:
            try:
                found = self._once("PING")
            except GoneError as error:
                found = str(error)
            if found == "PONG":
                return
            if time.monotonic() + PAUSE > patient_until:
                should = f"ClamAV's daemon should answer at {self.path}, found: {found}"
                raise ScanError(f"{should}. See 'journalctl -u glance-clamd -u glance-scan-proxy'")
            time.sleep(PAUSE)

    def _once(self, command: str, parts: Callable[[], Iterable[bytes]] | None = None) -> str:
        """Return the answer to *command*, or to the data *parts*; raises GoneError and ScanError."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                self._limit(connection)
                connection.connect(self.path)
                # One that closes the connection has said why before.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(f"z{command}\0".encode())
                    if parts:
                        self._send(connection, parts())
                return self._answer(connection)
        except socket.timeout as error:
            raise ScanError(f"the scan should end within {self.seconds:.0f} s, found that it did not") from error
        except OSError as error:
            raise GoneError(error.strerror or str(error)) from error

    def _limit(self, connection: socket.socket) -> None:
        connection.settimeout(max(0.01, self.end - time.monotonic()))

    def _send(self, connection: socket.socket, parts: Iterable[bytes]) -> None:
        for part in parts:
            self._limit(connection)
            connection.sendall(struct.pack(">I", len(part)))
            connection.sendall(part)
        connection.sendall(struct.pack(">I", 0))

    def _answer(self, connection: socket.socket) -> str:
        said = b""
        while not said.endswith(b"\0"):
            self._limit(connection)
            part = connection.recv(ANSWER_BYTES)
            if not part:
                raise GoneError("it closed the connection")
            said += part
            if len(said) > ANSWER_BYTES:
                raise ScanError("ClamAV's daemon should give a short answer, found a long one")
        return said.rstrip(b"\0").decode("utf-8", "replace")


def finding(said: str) -> str:
    """Return the name in an answer to INSTREAM, "" if nothing was found; raises ScanError if that is unknown."""
    if said == "stream: OK":
        return ""
    if not (found := _FOUND.fullmatch(said)):
        raise ScanError(f"ClamAV's daemon should say what it found, found: {said}")
    if found[1].startswith(_LIMITS):
        raise LimitError(f"ClamAV's daemon should scan all of the image, found that it did not: {found[1]}")
    return found[1]


def check_age(said: str, days: int, now: datetime.datetime) -> None:
    """Raise ScanError if the signatures that the daemon tells of with VERSION are older than so many *days*; 0: any.

    It tells their date as ctime does, in its own time zone, which is UTC (clamd/session.c, print_ver).
    """
    if not days:
        return
    should = f"signatures should be {days} days old at most"
    last = said.rpartition("/")[2]
    try:
        made = datetime.datetime.strptime(last, "%a %b %d %H:%M:%S %Y").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        raise ScanError(f"{should}, found none with a date: {said}") from None
    if now - made > datetime.timedelta(days=days):
        raise ScanError(f"{should}, found those of {made:%Y-%m-%d}: see 'journalctl -u glance-freshclam'")


# ---- The image ----------------------------------------------------------------------------------------------------


def extents(image: int, size: int) -> Iterator[Extent]:
    """Give from where to where there is data in a file of *size* bytes, without holes and blocks of zeros."""
    begun: int | None = None
    position = 0
    while position < size:
        data = _data_after(image, position, size)
        if data > position and begun is not None:
            yield begun, position
            begun = None
        position = data
        part = _read(image, position, min(PART, size - position)) if position < size else b""
        for offset in range(0, len(part), len(ZEROS)):
            block = part[offset : offset + len(ZEROS)]
            if block != ZEROS[: len(block)]:
                begun = position + offset if begun is None else begun
            elif begun is not None:
                yield begun, position + offset
                begun = None
        position += len(part)
    if begun is not None:
        yield begun, size


def _data_after(image: int, position: int, size: int) -> int:
    """Return where the next data may lie, at *position* or after it, at the beginning of a block."""
    try:
        found = os.lseek(image, position, os.SEEK_DATA)
    except OSError as error:
        # Nothing but a hole is left; a file system that knows none says otherwise.
        return size if error.errno == errno.ENXIO else position
    return max(position, found - found % len(ZEROS))


def windows(found: Iterable[Extent]) -> Iterator[list[Extent]]:
    """Give the extents that are sent at a time; one that is cut goes on in the next window, OVERLAP before the cut."""
    window: list[Extent] = []
    room = WINDOW
    for start, end in found:
        while end - start > room - len(LEAD):
            cut = start + room - len(LEAD)
            if cut - start > OVERLAP:
                window.append((start, cut))
                start = cut - OVERLAP
            yield window
            window, room = [], WINDOW
        window.append((start, end))
        room -= end - start + len(LEAD)
    if window:
        yield window


def data(image: int, start: int, end: int) -> Iterator[bytes]:
    """Give the bytes from *start* to *end*."""
    for position in range(start, end, PART):
        yield _read(image, position, min(PART, end - position))


def led(image: int, window: Iterable[Extent]) -> Iterator[bytes]:
    """Give the bytes of a window."""
    for start, end in window:
        yield LEAD
        yield from data(image, start, end)


def _read(image: int, position: int, length: int) -> bytes:
    part = b""
    while len(part) < length:
        try:
            more = os.pread(image, length - len(part), position + len(part))
        except OSError as error:
            raise ScanError(f"the image should be readable, found: {error.strerror}") from error
        if not more:
            raise ScanError("the image should stay as it is, found that it became shorter")
        part += more
    return part


def views(image: int, size: int, whole: int) -> Iterator[Callable[[], Iterable[bytes]]]:
    """Give what makes the bytes of all that is sent of an open file of *size* bytes, one after the other.

    One of *whole* bytes at most is sent as a whole, too.
    """
    if size:
        yield functools.partial(data, image, 0, size if size <= whole else WINDOW)
    for window in windows(extents(image, size)):
        yield functools.partial(led, image, window)


def scan(daemon: Daemon, image: int, whole: int) -> str:
    """Return the name of the malware in an open file, or "". One of *whole* bytes is sent as one. Raises ScanError.

    Malware counts more than a part that was left out.
    """
    left_out: LimitError | None = None
    for parts in views(image, os.fstat(image).st_size, whole):
        try:
            if name := finding(daemon.ask("INSTREAM", parts)):
                return name
        except LimitError as error:
            left_out = error
    if left_out:
        raise left_out
    return ""


def main() -> int:
    """Scan the image that the arguments name."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--max-age-days", type=int, required=True)
    parser.add_argument("--timeout", type=float, required=True)
    parser.add_argument("--whole", type=int, default=WHOLE)
    parser.add_argument("image", nargs="?")
    options = parser.parse_args()
    daemon = Daemon(options.socket, options.timeout)
    try:
        daemon.wait()
        check_age(daemon.ask("VERSION"), options.max_age_days, datetime.datetime.now(datetime.timezone.utc))
        if not options.image:
            return 0
        image = os.open(options.image, os.O_RDONLY)
        try:
            name = scan(daemon, image, options.whole)
        finally:
            os.close(image)
    except (ScanError, OSError) as error:
        print(f"scan_image: {error}", file=sys.stderr)
        return 2
    if name:
        print(f"Malware was found in the image: {name}.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
