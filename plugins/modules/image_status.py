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
  - Reads images from the v2 REST API of the Image service (Glance), by id, by name, by what else is known of them, or
    all of them, and returns their status and what else an operator asks about them. It never reads image data, never
    changes anything, and needs no SDK.
  - With O(wait_for) it waits until every image has one of these statuses, or as many as O(how_many) says. It fails at
    once, with Glance's own reason where there is one, when that can no longer come.
  - Up to a thousand images take one request, if the service accepts a URL that long. If it does not, the module finds
    out and splits the question into as few requests as the service accepts. With uWSGI and the largest buffer it has,
    one request holds about 800 ids.
  - Images that are asked for and not found take one more request, because the API lists hidden images only apart.
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.api_connection
  - glanceops.image_service.waiting
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
  name_pattern:
    description:
      - Shell pattern that the whole name must match, such as V(debian-*), of which the case counts.
      - Glance knows no patterns, so all images that the other options let pass are listed, a thousand at a time.
    type: str
    version_added: "0.3.0"
  tags:
    description: Tags that an image must have, all of them.
    type: list
    elements: str
    version_added: "0.3.0"
  owner:
    description: Id of the project that must own an image.
    type: str
    version_added: "0.3.0"
  visibility:
    description: Visibility that an image must have.
    type: str
    choices: [public, community, shared, private]
    version_added: "0.3.0"
  hidden:
    description: Whether only hidden images are meant (V(true)), or only others (V(false)). Without it, both.
    type: bool
    version_added: "0.3.0"
  counts_only:
    description:
      - Return RV(counts) alone and no RV(images). However many images there are, no more than a thousand of them are in
        memory at a time. Not together with O(wait_for).
    type: bool
    default: false
    version_added: "0.3.0"
  wait_for:
    description:
      - Statuses to wait for, of V(queued), V(saving), V(uploading), V(importing), V(active), V(deactivated) and
        V(absent). Each image must have one of them at the same look. Without it, the module only reports.
      - V(absent) means that the API does not show the image. It never shows images that are deleted, pending_delete or
        killed, and does not tell these apart from one that never was or that the caller may not read. These three are
        therefore refused.
      - Waiting ends in failure at once for an image that is absent (by O(ids), or after it was seen) when V(absent)
        is not waited for; for one whose status can never change to one of these, such as an V(active) one when
        V(queued) is waited for; and, unless V(queued) or V(absent) is waited for, for one whose import has failed, or
        whose upload has failed and has not begun again by the next look.
      - A failed import is told by the stores that failed, by a status that falls back from V(uploading) or
        V(importing) to V(queued), or by the task that ends while the status stays V(importing). A store that failed
        does not count while the task still runs, nor once the image is V(active). A Glance before 21.0.0 does not
        show the task, so there a store that failed counts at once.
      - With neither O(ids) nor O(names), those images count that O(name_pattern), O(tags), O(owner), O(visibility) and
        O(hidden) let pass at that look, and the module goes on waiting while there is none, unless V(absent) is waited
        for.
    type: list
    elements: str
  how_many:
    description:
      - How many of the images must get there, V(all), V(any), or a number from V(1). With V(any) or a number, an
        image that can no longer get there matters only when too few others are left.
    type: str
    default: all
    version_added: "0.3.0"
  stores:
    description:
      - Stores that must hold the data of an image besides, all of them. Needs O(wait_for).
      - The service is asked for its stores first, which is one more request. One that it does not have is a failure at
        once, in check mode as well.
      - Waiting ends in failure at once when Glance notes that the import into one of them failed, or when the import
        has ended without it.
    type: list
    elements: str
    version_added: "0.3.0"
  expected:
    description:
      - What an image must have besides. Needs O(wait_for).
      - Data never changes, so an V(active) or V(deactivated) image with another size or hash ends in failure at once.
    type: dict
    version_added: "0.3.0"
    suboptions:
      size:
        description: Size of the data in bytes.
        type: int
      checksum:
        description: MD5 of the data, 32 hexadecimal digits.
        type: str
      os_hash_value:
        description:
          - Hash of the data, by the algorithm that Glance uses, which is SHA-512 by default.
          - Hexadecimal digits, 32 (MD5), 40 (SHA-1), 56, 64 (SHA-256), 96 or 128 (SHA-512) of them.
        type: str
      visibility:
        description: Who sees the image.
        type: str
        choices: [public, community, shared, private]
  timeout:
    description:
      - Seconds to wait in total. The last look is taken when they are over, so V(0) is a single look.
    type: int
    default: 300
notes:
  - Without O(wait_for), and in check mode, there is one look, which must succeed.
  - Glance's own reason for a failed import is in the task of the image, which needs Glance 21.0.0 or newer and a
    caller who may read it. It is read for at most five images.
seealso:
  - module: glanceops.image_service.image_import
  - module: glanceops.image_service.image_task
  - name: Image service API, image statuses
    description: What each status means.
    link: https://docs.openstack.org/glance/latest/user/statuses.html
"""

EXAMPLES = r"""
- name: Report every image, of a service without authentication or as the variables OS_* of the host say
  glanceops.image_service.image_status:
  register: images

- name: Count them by status, however many there are
  glanceops.image_service.image_status:
    counts_only: true
  register: images

- name: Wait until two images can be used
  glanceops.image_service.image_status:
    cloud: admin
    names: [debian-13, appliance]
    wait_for: [active]
    timeout: 1800

- name: Wait with a token, until an image is in two stores and public
  glanceops.image_service.image_status:
    api_url: "{{ image_url }}"
    token: "{{ token }}"
    names: [debian-13]
    wait_for: [active]
    stores: [file, fast]
    expected:
      visibility: public
      os_hash_value: "{{ disk_sha512 }}"

- name: Wait, as a user of Keystone, until one image of many can be used
  glanceops.image_service.image_status:
    auth:
      auth_url: "{{ keystone_url }}"
      username: alice
      password: "{{ alice_password }}"
      user_domain_name: Default
      project_name: research
      project_domain_name: Default
    name_pattern: debian-*
    tags: [base]
    hidden: false
    wait_for: [active]
    how_many: any

- name: Wait until no image has this name any more
  glanceops.image_service.image_status:
    cloud: admin
    names: [debian-11]
    wait_for: [absent]

- name: Tell a service that is down from one that is ill
  glanceops.image_service.image_status:
    cloud: admin
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
  returned: unless O(counts_only)
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
    container_format:
      description: Container of the data, such as V(bare).
      type: str
    visibility:
      description: Who sees the image, V(public), V(community), V(shared) or V(private).
      type: str
    owner:
      description: Id of the project that owns the image. None without authentication.
      type: str
    created_at:
      description: When the record was made, in UTC.
      type: str
    updated_at:
      description: When the record was last changed, in UTC.
      type: str
    tags:
      description: Tags of the image.
      type: list
      elements: str
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
      container_format: bare
      visibility: public
      owner: 0f2c4b6d8e1a4c3f9b7d5e6a1c2b3d4e
      created_at: "2026-11-26T05:00:00Z"
      updated_at: "2026-11-26T05:00:09Z"
      tags: [base]
      os_hidden: false
      stores: [file]
      importing_to_stores: []
      failed_import_stores: []
      import_task:
      problem: ""
counts:
  description: How many of the images have each status.
  returned: always
  type: dict
  sample:
    active: 2
    queued: 1
requests:
  description: How many HTTP requests were made, those to Keystone included.
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
      V(unhealthy) is any other answer that was not expected; V(impossible) is that too few images can still get to
      what is waited for, or that the service does not have one of O(stores); V(timeout) is that O(timeout) is over.
  returned: on failure, unless an option is wrong
  type: str
  sample: timeout
"""

from ansible_collections.glanceops.image_service.plugins.module_utils import image_watch
from ansible_collections.glanceops.image_service.plugins.module_utils.client import connect, finish, image_module
from ansible_collections.glanceops.image_service.plugins.module_utils.image_status import VISIBILITIES, complaint


def main() -> None:
    """Check the options, watch the images, and return what was found."""
    module = image_module(
        {
            "ids": {"type": "list", "elements": "str"},
            "names": {"type": "list", "elements": "str"},
            "name_pattern": {"type": "str"},
            "tags": {"type": "list", "elements": "str"},
            "owner": {"type": "str"},
            "visibility": {"type": "str", "choices": VISIBILITIES},
            "hidden": {"type": "bool"},
            "counts_only": {"type": "bool", "default": False},
            "wait_for": {"type": "list", "elements": "str"},
            "how_many": {"type": "str", "default": "all"},
            "stores": {"type": "list", "elements": "str"},
            "expected": {
                "type": "dict",
                "options": {
                    "size": {"type": "int"},
                    "checksum": {"type": "str"},
                    "os_hash_value": {"type": "str"},
                    "visibility": {"type": "str", "choices": VISIBILITIES},
                },
            },
            "timeout": {"type": "int", "default": 300},
        },
        mutually_exclusive=[("name_pattern", "ids"), ("name_pattern", "names")],
        required_by={"stores": ["wait_for"], "expected": ["wait_for"]},
    )
    client = connect(module, complaint(module.params))
    finish(module, client, image_watch.run(client, module.params, wait=not module.check_mode))


if __name__ == "__main__":
    main()
