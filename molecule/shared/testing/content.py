"""What tests upload."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

BLOCK = 1 << 20
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


def blocks(size: int) -> Iterator[bytes]:
    """Give so many bytes that can be made again, block after block."""
    block = hashlib.sha256(str(size).encode()).digest() * (BLOCK // 32)
    for start in range(0, size, BLOCK):
        yield block[: min(BLOCK, size - start)]


def digest(size: int) -> str:
    """Return the hash of what `blocks` gives."""
    found = hashlib.sha256()
    for block in blocks(size):
        found.update(block)
    return found.hexdigest()
