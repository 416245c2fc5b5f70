# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image that goes to the service, comes back with the same bytes, and is deleted."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import typing as t

from ansible_collections.glanceops.image_service.plugins.module_utils.client import GlanceError, retry

if t.TYPE_CHECKING:
    from ansible_collections.glanceops.image_service.plugins.module_utils.client import Client


class MismatchError(Exception):
    """An image that is not what was uploaded, in a sentence."""


def absent(client: Client, path: str) -> bool:
    """Whether the service does not know the image at *path*; GlanceError for any other failure."""
    try:
        client.get(path)
    except GlanceError as error:
        if error.status != 404:
            raise
        return True
    return False


def compare(client: Client, path: str, data: bytes) -> None:
    """See that the image at *path* is active and holds *data*; GlanceError or MismatchError."""
    image = client.get(path)
    if (image.get("status"), image.get("size")) != ("active", len(data)):
        raise MismatchError(
            f"{client.base}{path} should be active with {len(data)} bytes, found {image.get('status')} with "
            f"{image.get('size')}: look into the log of the service."
        )
    found = client.data(f"{path}/file")
    if found != data:
        raise MismatchError(
            f"{client.base}{path}/file should be the {len(data)} bytes that were uploaded, found {len(found)} bytes "
            "that differ: look at the store, and at the proxies in front of the service."
        )


def random_disk(size: int) -> bytes:
    """Return random bytes without the signature of a boot record, whose partitions Glance would judge (2026.2)."""
    data = bytearray(os.urandom(size))
    data[510:512] = bytes(len(data[510:512]))
    return bytes(data)


def roundtrip(client: Client, params: dict[str, t.Any]) -> dict[str, t.Any]:
    """Upload, compare and delete an image; GlanceError, MismatchError, or OSError for a temporary file."""
    began, data = time.monotonic(), random_disk(params["size"])
    body = {"name": params["name"], "disk_format": "raw", "container_format": "bare", "visibility": "private"}
    image = retry(lambda: client.call("POST", "/v2/images", body, expected=201), params["grace"])
    path = f"/v2/images/{image['id']}"
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            client.send_file(f"{path}/file", file.name, {})
        compare(client, path, data)
        client.call("DELETE", path, expected=204)
    except (GlanceError, MismatchError, OSError):
        # What went wrong before is what is told.
        with contextlib.suppress(GlanceError):
            client.call("DELETE", path, expected=204)
        raise
    if not absent(client, path):
        raise MismatchError(
            f"{client.base}{path} should be gone after its deletion, found it: look into the service's log."
        )
    return {"id": image["id"], "size": len(data), "elapsed": round(time.monotonic() - began, 3)}


def fault(params: dict[str, t.Any]) -> str:
    """What is wrong with the module's own options beyond their types, or ""."""
    return "" if params["size"] > 0 else f"size should be 1 or more, found {params['size']}."


def run(client: Client, params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Do one run of the module with its options *params*; return what it answers, with "failed" where it fails."""
    try:
        return {"changed": False, **({} if check_mode else roundtrip(client, params))}
    except GlanceError as error:
        return {"changed": False, "failed": True, "reason": error.reason, "msg": str(error)}
    except MismatchError as error:
        return {"changed": False, "failed": True, "reason": "mismatch", "msg": str(error)}
