"""What tests upload."""

from __future__ import annotations

import os

# Where a boot record ends with its signature.
SIGNATURE = slice(510, 512)


def disk(size: int) -> bytes:
    """Return so many random bytes that are no boot record.

    One of 65,536 would be, and 2026.2 refuses an image whose partitions can't be right (oslo.utils,
    imageutils/format_inspector.py).
    """
    data = bytearray(os.urandom(size))
    data[SIGNATURE] = bytes(len(data[SIGNATURE]))
    return bytes(data)
