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

from ansible_collections.glanceops.image_service.plugins.module_utils import image_roundtrip
from ansible_collections.glanceops.image_service.plugins.module_utils.client import connect, finish, image_module


def main() -> None:
    """Run the module."""
    module = image_module(
        {
            "name": {"type": "str", "default": "glanceops verification"},
            "size": {"type": "int", "default": 262144},
        }
    )
    client = connect(module, image_roundtrip.fault(module.params))
    finish(module, client, image_roundtrip.run(client, module.params, module.check_mode))


if __name__ == "__main__":
    main()
