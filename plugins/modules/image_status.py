#!/usr/bin/python

# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_status
short_description: Report the status of images, and wait for it
version_added: "0.1.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Reads images by id or name, or all of them, from the v2 REST API of the Image service (Glance), and returns their
    status and what else an operator asks about them. It never reads image data, never changes anything, and needs no
    SDK.
  - With O(wait_for) it waits until every image has one of these statuses. It fails at once, with Glance's own reason
    where there is one, when an image can no longer get there.
  - Up to a thousand images take one request, if the service accepts a URL that long. If it does not, the module finds
    out and splits the question into as few requests as the service accepts. With uWSGI and the largest buffer it has,
    one request holds about 800 ids.
  - Images that are asked for and not found take one more request, because the API lists hidden images only apart.
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.api_connection
attributes:
  check_mode:
    support: full
    details:
      - In check mode the module looks once, does not wait, and does not fail for what it finds of the images.
  diff_mode:
    support: none
    details:
      - There is never a change to show.
  idempotent:
    support: full
options:
  ids:
    description:
      - Images to look at, by id.
      - An id that is not found has the status V(absent). A list that is empty asks for no image at all.
      - With O(ids) and O(names) both, every image that either of them names. With neither, all images that the caller
        may read, hidden ones and other owners' community images included.
    type: list
    elements: str
  names:
    description:
      - Images to look at, by their exact name, of which the case counts. A name with a comma must be in a YAML list,
        since Ansible splits a single string at its commas.
      - All images of a name are reported, and with O(wait_for) all of them must get there. Hidden images count for a
        name only when no other image has it.
      - A name that no image has is reported once, with the status V(absent) and no id. With O(wait_for), the module
        goes on waiting for such an image to appear, but fails when the last image of the name disappears.
    type: list
    elements: str
  wait_for:
    description:
      - Statuses to wait for. Each image must have one of them at the same look. Without it, the module only reports.
      - V(absent) means that the API does not show the image. It never shows images that are deleted, pending_delete or
        killed, and does not tell these apart from one that never was or that the caller may not read.
      - Waiting ends in failure at once for an image that is absent (by O(ids), or after it was seen) when V(absent)
        is not waited for; for one whose status can never change to one of these, such as an V(active) one when
        V(queued) is waited for; and, unless V(queued) or V(absent) is waited for, for one whose import has failed, or
        whose upload has failed and has not begun again by the next look.
      - A failed import is told by the stores that failed, by a status that falls back from V(uploading) or
        V(importing) to V(queued), or by the task that ends while the status stays V(importing). A store that failed
        does not count while the task still runs, nor once the image is V(active). A Glance before 21.0.0 does not
        show the task, so there a store that failed counts at once.
    type: list
    elements: str
    choices: [queued, saving, uploading, importing, active, deactivated, absent]
  timeout:
    description:
      - Seconds to wait in total. The last look is taken when they are over, so V(0) is a single look.
    type: int
    default: 300
  interval:
    description:
      - Seconds between the first two looks. Each following pause is half as long again, up to 15 seconds or this
        value, whichever is greater.
    type: float
    default: 1.0
notes:
  - The first request must succeed. While it waits, the module puts up with a service that cannot be reached or
    answers 429, 502, 503 or 504, until O(timeout) is over.
  - Glance's own reason for a failed import is in the task of the image, which needs Glance 21.0.0 or newer and a
    caller who may read it. It is read for at most five images.
seealso:
  - name: Image service API, image statuses
    description: What each status means.
    link: https://docs.openstack.org/glance/latest/user/statuses.html
"""

EXAMPLES = r"""
- name: Report every image of a service without authentication
  glanceops.image_service.image_status:
  register: images

- name: Wait until two images can be used
  glanceops.image_service.image_status:
    api_url: https://image.example.com
    token: "{{ token }}"
    ids:
      - 5c3d4e6f-0a1b-4c2d-8e9f-1a2b3c4d5e6f
      - 9f8e7d6c-5b4a-4938-8271-605f4e3d2c1b
    wait_for: [active]
    timeout: 1800

- name: Wait until no image has this name any more
  glanceops.image_service.image_status:
    names: [debian-11]
    wait_for: [absent]

- name: Tell a service that is down from one that is ill
  glanceops.image_service.image_status:
    names: [debian-13]
  register: debian
  failed_when: debian.reason | default('') == 'unhealthy'
"""

RETURN = r"""
images:
  description:
    - The images in the order in which they were asked for, without repetition. Without O(ids) and O(names), in the
      order in which Glance lists them.
    - On failure, as the last look that was answered found them.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Id of the image. None for a name that no image has.
      type: str
    name:
      description: Name of the image. None for an id that is not found, and for an image without a name.
      type: str
    status:
      description: Status of the image, or V(absent).
      type: str
    size:
      description: Size of the data in bytes. None as long as there is none.
      type: int
    checksum:
      description: MD5 of the data, in hexadecimal.
      type: str
    os_hash_algo:
      description: Algorithm of RV(images[].os_hash_value).
      type: str
    os_hash_value:
      description: Hash of the data, in hexadecimal.
      type: str
    disk_format:
      description: Format of the data, such as V(qcow2).
      type: str
    visibility:
      description: Who sees the image, V(public), V(community), V(shared) or V(private).
      type: str
    os_hidden:
      description: Whether the image is left out of ordinary listings.
      type: bool
    stores:
      description: Stores that hold the data. Empty on a service that has not several stores configured.
      type: list
      elements: str
    importing_to_stores:
      description: Stores into which the data are still being imported.
      type: list
      elements: str
    failed_import_stores:
      description: Stores into which the last import did not bring the data.
      type: list
      elements: str
    import_task:
      description: Id of the import task that holds the image now.
      type: str
    problem:
      description: Why this image made the module fail. Empty for every other.
      type: str
  sample:
    - id: 5c3d4e6f-0a1b-4c2d-8e9f-1a2b3c4d5e6f
      name: debian-13
      status: active
      size: 344064000
      checksum: 2fe0f9c6a3b1e0f4f8a5c3d2b1a09f8e
      os_hash_algo: sha512
      os_hash_value: 6f1e2d
      disk_format: qcow2
      visibility: public
      os_hidden: false
      stores: [files]
      importing_to_stores: []
      failed_import_stores: []
      import_task:
      problem: ""
counts:
  description: How many of RV(images) have each status.
  returned: always
  type: dict
  sample:
    active: 2
    queued: 1
requests:
  description: How many HTTP requests were made.
  returned: always
  type: int
  sample: 1
elapsed:
  description: Seconds from the first request to the end.
  returned: always
  type: float
  sample: 0.021
skipped_wait:
  description: Always V(true). O(wait_for) was not waited for.
  returned: in check mode, with O(wait_for)
  type: bool
  sample: true
reason:
  description:
    - Kind of failure. V(unreachable) is no answer, or one that breaks off; V(unauthorised) is 401 or 403;
      V(unhealthy) is any other answer that was not expected; V(impossible) is an image that can no longer get to a
      status of O(wait_for); V(timeout) is that O(timeout) is over.
  returned: on failure, unless an option is wrong
  type: str
  sample: timeout
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils.image_api import (
    ImageApi,
    argument_checks,
    argument_spec,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.image_status import STATUSES, complaint, watch


def main() -> None:
    """Check the options, watch the images, and return what was found."""
    module = AnsibleModule(
        argument_spec={
            **argument_spec(),
            "ids": {"type": "list", "elements": "str"},
            "names": {"type": "list", "elements": "str"},
            "wait_for": {"type": "list", "elements": "str", "choices": list(STATUSES)},
            "timeout": {"type": "int", "default": 300},
            "interval": {"type": "float", "default": 1.0},
        },
        required_by={"client_key": ["client_cert"]},
        **argument_checks(),
        supports_check_mode=True,
    )
    wrong = complaint(module.params)
    if wrong:
        module.fail_json(msg=wrong)
    try:
        api = ImageApi(module)
    except ValueError as error:
        module.fail_json(msg=str(error))
    result = watch(
        lambda: api.find(module.params["ids"], module.params["names"]),
        api.import_message,
        module.params,
        wait=not module.check_mode,
    )
    finish = module.fail_json if result.pop("failed", False) else module.exit_json
    finish(**result, requests=api.requests)


if __name__ == "__main__":
    main()
