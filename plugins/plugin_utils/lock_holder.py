# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Program that holds the lock of a run on a host: C(python -c TEXT FOLDER RUN SINCE).

It is sent over the connection as text, so it needs nothing but Python. It prints C(held), or C(busy) with who holds the
lock, and holds it for as long as bytes come. The kernel releases the lock however the program ends.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
from types import FrameType

# The end of a run releases its lock within moments: the next one waits so long for it.
PATIENCE = 5
# The other end writes more often. With a network that is cut, nobody says that the run is over.
SILENCE = 90


def holder(descriptor: int) -> list[str]:
    """Return the run that holds the lock and since when, as its program was called; empty when none is seen."""
    status = os.fstat(descriptor)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with open("/proc/locks", encoding="ascii") as table:
        lines = [line.split() for line in table]
    for fields in lines:
        # One that waits has an arrow before it.
        if fields[1] == "FLOCK" and fields[5] == place:
            try:
                with open(f"/proc/{fields[4]}/cmdline", encoding="utf-8", errors="replace") as handle:
                    return handle.read().rstrip("\0").split("\0")[-2:]
            except OSError:
                break
    return []


def too_late(_signal: int, _frame: FrameType | None) -> None:
    """End the wait for the lock."""
    raise TimeoutError


def take(descriptor: int, run: str) -> list[str] | None:
    """Take the lock; returns who holds it when that is another run, or this run already, and None when it is taken."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if run in holder(descriptor):
            return [run]
        signal.signal(signal.SIGALRM, too_late)
        signal.alarm(PATIENCE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except TimeoutError:
            return holder(descriptor)
        finally:
            signal.alarm(0)
    return None


def main() -> None:
    """Take the lock and hold it."""
    folder, run, _since = sys.argv[1:]
    os.makedirs(folder, mode=0o755, exist_ok=True)
    # A folder can be locked by any user, and needs no file that another user could not open (fs.protected_regular).
    descriptor = os.open(folder, os.O_RDONLY)
    found = take(descriptor, run)
    if found is not None:
        print("held" if found == [run] else "busy\t" + "\t".join(found), flush=True)
        return
    print("held", flush=True)
    while select.select([0], [], [], SILENCE)[0] and os.read(0, 4096):
        pass


if __name__ == "__main__":
    main()
