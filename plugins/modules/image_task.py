#!/usr/bin/python

# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_task
short_description: Make, show, list and wait for tasks of the Image service
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Works with the Tasks API of the Image service (Glance), which only administrators may use by default.
  - With O(import_from) it makes a task that imports an image, with O(id) it shows one, and with neither it lists them.
  - A task that fails while it is waited for is a failure of the module, with the task's own message. So is one that
    succeeds with an image of another format than was asked for; see O(allow_changed_formats).
  - Glance marks this API as deprecated. M(glanceops.image_service.image_import) imports without it, and knows an image
    that is there.
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.api_connection
  - glanceops.image_service.waiting
attributes:
  check_mode:
    support: full
    details:
      - In check mode no task is made or waited for.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - With O(import_from), each run makes another task and another image. Showing and listing change nothing.
options:
  import_from:
    description:
      - Address from which Glance fetches the data. Makes a task of the type C(import).
    type: str
  import_from_format:
    description: Format of the data at O(import_from), such as V(qcow2).
    type: str
  image_properties:
    description:
      - Attributes and properties of the image that is made. C(name), C(disk_format) and C(container_format) are what
        most images need.
    type: dict
  owner:
    description:
      - Id of the project that owns the image that is made. Needs O(import_from), and no other C(owner) in
        O(image_properties).
      - Without both, the project for which Keystone gives the token. Where Keystone is not asked for one (O(token),
        HTTP basic authentication), the image has no owner until its task has ended. It then gets the owner of the
        task, which is the project by which Glance knows the caller. Until then every project that knows the image's id
        can read it. With O(wait=false) it stays so, which is a warning.
      - Without authentication nobody owns anything.
      - An image of the project is one that M(glanceops.image_service.image_import) knows again by its name.
    type: str
  allow_changed_formats:
    description:
      - Whether the image may have another C(disk_format) or C(container_format) than O(image_properties) ask for.
      - Glance notes what C(qemu-img) finds the data to be. A picture that is given as V(qcow2) becomes V(raw), and so
        does an V(iso), which M(glanceops.image_service.image_import) keeps. It also notes what it makes of the data,
        where it converts (C(conversion_format)) or unpacks V(ova).
      - With V(false), such an image is a failure and is left there. With V(true), it is a warning.
      - It is looked at by the run that makes the task and waits for it.
    type: bool
    default: false
  id:
    description: Id of the task to show.
    type: str
  status:
    description: Status that a listed task must have.
    type: str
    choices: [pending, processing, success, failure]
  type:
    description:
      - Type that a listed task must have. V(import) are those of O(import_from), V(api_image_import) those of
        M(glanceops.image_service.image_import) and other clients.
      - Glance's own filter knows V(import) alone, so for others all tasks are listed.
    type: str
  wait:
    description: Whether to wait until the task of O(import_from) or O(id) has ended.
    type: bool
    default: true
  timeout:
    description: Seconds to wait in total. The last look is taken when they are over.
    type: int
    default: 1800
seealso:
  - module: glanceops.image_service.image_import
  - name: Tasks
    description: What a task is, and for how long Glance keeps it.
    link: https://docs.openstack.org/glance/latest/admin/tasks.html
"""

EXAMPLES = r"""
- name: Import a disk with a task
  glanceops.image_service.image_task:
    cloud: admin
    import_from: "{{ mirror }}/disk.qcow2"
    import_from_format: qcow2
    image_properties:
      name: by-a-task
      disk_format: qcow2
      container_format: bare
  register: import

- name: Show how it ended
  glanceops.image_service.image_task:
    cloud: admin
    id: "{{ import.task.id }}"

- name: List the tasks that failed
  glanceops.image_service.image_task:
    cloud: admin
    status: failure
  register: failed
"""

RETURN = r"""
task:
  description: The task that was made or shown. Empty in check mode, when it would be made.
  returned: with O(import_from) or O(id)
  type: dict
  contains: &task
    id:
      description: Id of the task.
      type: str
    type:
      description: Type of the task.
      type: str
    status:
      description: Status of the task, V(pending), V(processing), V(success) or V(failure).
      type: str
    message:
      description: What Glance notes on the task, such as why it failed.
      type: str
    owner:
      description: Id of the project that owns the task.
      type: str
    created_at:
      description: When it was made, in UTC.
      type: str
    updated_at:
      description: When it was last changed, in UTC.
      type: str
    expires_at:
      description: When Glance may forget it, in UTC. None until it has ended.
      type: str
    input:
      description: What it was asked to do. Empty in RV(tasks), where Glance leaves it out.
      type: dict
    result:
      description: What came of it, with the id of the image in C(image_id). Empty in RV(tasks).
      type: dict
image:
  description:
    - The image of the task, as M(glanceops.image_service.image_status) returns it. Empty when it could not be read.
  returned: when a task of O(import_from) was waited for and has succeeded
  type: dict
  sample:
    id: 5c3d4e6f-0a1b-4c2d-8e9f-1a2b3c4d5e6f
    name: by-a-task
    status: active
    disk_format: qcow2
    container_format: bare
    owner: 0f2c4b6d8e1a4c3f9b7d5e6a1c2b3d4e
tasks:
  description: The tasks, newest first.
  returned: with neither O(import_from) nor O(id)
  type: list
  elements: dict
  contains: *task
elapsed:
  description: Seconds for which the task was waited for.
  returned: when it was waited for
  type: float
  sample: 4.1
requests:
  description: How many HTTP requests were made, those to Keystone included.
  returned: always, unless an option is wrong
  type: int
  sample: 3
reason:
  description:
    - Kind of failure. V(failure) is a task that failed, V(mismatch) an image with another format than was asked
      for, V(timeout) that O(timeout) is over; V(unreachable), V(unauthorised) and V(unhealthy) are as of
      M(glanceops.image_service.image_status).
  returned: on failure, unless an option is wrong
  type: str
  sample: failure
"""

from ansible_collections.glanceops.image_service.plugins.module_utils import image_task
from ansible_collections.glanceops.image_service.plugins.module_utils.client import connect, finish, image_module


def main() -> None:
    """Check the options, do what they ask for, and return the task or tasks."""
    module = image_module(
        {
            "import_from": {"type": "str"},
            "import_from_format": {"type": "str"},
            "image_properties": {"type": "dict"},
            "owner": {"type": "str"},
            "allow_changed_formats": {"type": "bool", "default": False},
            "id": {"type": "str"},
            "status": {"type": "str", "choices": list(image_task.TASK_STATUSES)},
            "type": {"type": "str"},
            "wait": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 1800},
        },
        mutually_exclusive=[(one, other) for one in ("import_from", "id") for other in ("status", "type")]
        + [("import_from", "id")],
        required_together=[("import_from", "import_from_format", "image_properties")],
        required_by={"owner": ["import_from"]},
    )
    client = connect(module, image_task.fault(module.params), module.params["import_from"])
    finish(module, client, image_task.run(client, module.params, module.check_mode))


if __name__ == "__main__":
    main()
