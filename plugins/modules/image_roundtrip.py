#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: image_roundtrip
short_description: Verify that an image can be uploaded, downloaded and deleted
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Uploads an image of random data, sees it become active, downloads it, compares the bytes, deletes it, and sees that
    it is gone. Fails at the first step that goes wrong, with the service's own answer.
  - The image is deleted in any case. Where the service deletes with delay, its data stays until it is scrubbed.
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.api_connection
  - glanceops.image_service.waiting
attributes:
  check_mode:
    support: full
    details:
      - In check mode nothing is asked.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  name:
    description: Name of the image while it is there.
    type: str
    default: glanceops verification
  size:
    description: Bytes of the image.
    type: int
    default: 262144
"""

EXAMPLES = r"""
- name: Verify that users can store images
  glanceops.image_service.image_roundtrip:
    api_url: http://192.0.2.100:9292
    auth_type: none
"""

RETURN = r"""
id:
  description: Id that the image had.
  returned: success, but not in check mode
  type: str
size:
  description: Bytes that were uploaded and came back.
  returned: success, but not in check mode
  type: int
  sample: 262144
elapsed:
  description: Seconds that it all took.
  returned: success, but not in check mode
  type: float
requests:
  description: Number of HTTP requests that were made.
  returned: always, unless an option is wrong
  type: int
  sample: 6
reason:
  description:
    - Kind of failure. V(mismatch) is other data than what was uploaded, or an image that is not as it should be;
      V(unreachable), V(unauthorised) and V(unhealthy) are as of M(glanceops.image_service.image_status).
  returned: on failure, unless an option is wrong
  type: str
  sample: unhealthy
"""

import contextlib
import os
import tempfile
import time
import typing as t

from ansible_collections.glanceops.image_service.plugins.module_utils.client import (
    Client,
    GlanceError,
    connect,
    finish,
    image_module,
    patient,
)


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


def roundtrip(client: Client, params: dict[str, t.Any]) -> dict[str, t.Any]:
    """Upload, compare and delete an image; GlanceError, MismatchError, or OSError for a temporary file."""
    began, data = time.monotonic(), os.urandom(params["size"])
    body = {"name": params["name"], "disk_format": "raw", "container_format": "bare", "visibility": "private"}
    image = patient(lambda: client.call("POST", "/v2/images", body, expected=201), params["grace"])
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


def main() -> None:
    """Run the module."""
    module = image_module(
        {
            "name": {"type": "str", "default": "glanceops verification"},
            "size": {"type": "int", "default": 262144},
        }
    )
    size = module.params["size"]
    client = connect(module, "" if size > 0 else f"size should be 1 or more, found {size}.")
    result: dict[str, t.Any] = {"changed": False}
    try:
        result |= {} if module.check_mode else roundtrip(client, module.params)
    except GlanceError as error:
        result |= {"failed": True, "reason": error.reason, "msg": str(error)}
    except MismatchError as error:
        result |= {"failed": True, "reason": "mismatch", "msg": str(error)}
    finish(module, client, result)


if __name__ == "__main__":
    main()
