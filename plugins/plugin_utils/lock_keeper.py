# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Program that keeps C(lock_holder) at work on a host while a run lives: C(python lock_keeper.py PID COMMAND...).

It runs on the control machine beside the run with the process PID, and repeats the first line of COMMAND's output.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys

# Well within lock_holder's SILENCE.
BEAT = 20


def ended(descriptor: int) -> bool:
    """Whether the process of the pidfd *descriptor* has ended; waits for that as long as a beat."""
    return bool(select.select([descriptor], [], [], BEAT)[0])


def main() -> None:
    """Keep the command at work until the process ends."""
    pid, command = int(sys.argv[1]), sys.argv[2:]
    run = os.pidfd_open(pid)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    ) as holder:
        if holder.stdin is None or holder.stdout is None:
            return
        line = holder.stdout.readline()
        os.write(1, line)
        os.close(1)
        with contextlib.suppress(BrokenPipeError):
            while line == b"held\n" and not ended(run):
                holder.stdin.write(b"\n")
        # With the end of its input, the holder ends.


if __name__ == "__main__":
    main()
