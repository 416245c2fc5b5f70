#!/usr/bin/python

# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_import
short_description: Have an image with its data in the Image service
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Makes an image unless it is there, brings its data into it, and waits until it can be used, through the v2 REST API
    of the Image service (Glance). It needs no SDK.
  - An image is there when one of the name, or the id, is active and its data has the wanted hash, or any when no hash
    is known. Its other facts are then brought to what is asked for, and its data into the stores that lack it. One that
    is deactivated counts as there, and is left so.
  - An image of the name whose data has another hash is left as it is, beside a new one; see O(hide_others).
  - When several images of the name may be meant, none is taken. The module fails with their ids, unless O(hide_others)
    says that the newest is meant.
  - A run that was cut off is gone on with. An image of the name that is still queued is used, and one whose upload or
    import is at work is waited for.
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.api_connection
  - glanceops.image_service.waiting
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - With neither O(src) nor O(os_hash_value), an image of the name is taken for the wanted one, whatever its data.
options:
  method:
    description:
      - How the data comes into the image.
      - V(web-download) has Glance fetch it from O(uri). V(glance-direct) sends O(src) to Glance, which then imports it.
        V(upload) sends O(src) in the classic way, which also works where imports are off, or without authentication,
        where Glance refuses to import. V(copy-image) brings the data of an image that is there into further stores.
      - A method other than V(upload) must be among the service's C(enabled_import_methods).
    type: str
    required: true
    choices: [web-download, glance-direct, copy-image, upload]
  name:
    description:
      - Name of the image. Needed unless O(method=copy-image) with O(id).
      - An image of another project of the name does not count; see O(owner).
    type: str
  id:
    description:
      - Id of the image, which is then looked for by its id alone, and made with it.
    type: str
  uri:
    description: Address from which Glance fetches the data, for O(method=web-download).
    type: str
  src:
    description:
      - File with the data, on the host that runs the module, for O(method=glance-direct) and O(method=upload). It is
        sent in blocks and never held in memory. See O(remote_src) for one of the control machine.
      - When an image of the name and of the same size is there, the file is read to compare its hash, unless
        O(os_hash_value) is given.
    type: path
  remote_src:
    description:
      - Whether O(src) is a file of the host that runs the module.
      - With V(false), it is one of the control machine. It is copied to the host only when its data is to be sent, and
        removed from there afterwards. Until then the host's folder for temporary files needs room for it.
      - Without O(os_hash_value), such a file is read in each run for its SHA-512. With O(os_hash_value), it need not be
        there any more once the image is.
      - A relative path is looked for below the folder of the playbook, then below that of the inventory, each time in
        C(files) first. Not together with C(async).
    type: bool
    default: true
    version_added: "0.3.0"
  os_hash_value:
    description:
      - Hash that the data must have, by the algorithm that the service uses (C(hashing_algorithm)), by default SHA-512.
      - Hexadecimal digits, 32 (MD5), 40 (SHA-1), 56, 64 (SHA-256), 96 or 128 (SHA-512) of them. Anything else is
        refused before any request. Which algorithm the service uses shows only after the data has come.
      - Data with another hash ends in failure. With O(method=web-download), the image that this run has made for it is
        then deleted again, unless O(id) was given, and is not public or community before its hash is known to be
        right.
      - Where the service converts or decompresses what it imports, this is the hash of what comes of it. Without it,
        such an image is known again by its name alone (O(method=web-download)) or not at all (O(src)).
    type: str
  disk_format:
    description:
      - Format of the data, such as V(qcow2) or V(raw). Needed unless O(method=copy-image). Glance lets nobody change it
        once there is data, so an image that is there with another one is refused; see O(allow_changed_formats).
    type: str
  container_format:
    description:
      - Container of the data, such as V(bare) or V(ova). Without it, V(bare) for an image that is made, and any for one
        that is there.
    type: str
  allow_changed_formats:
    description:
      - Whether the image may have another O(disk_format) or O(container_format) than is asked for, as where the service
        converts or decompresses what it imports (C(image_conversion), C(image_decompression)).
      - With V(false), an image that is there with other formats is refused before anything is changed, and one to which
        Glance gives other formats while its data comes ends in failure and is left there, not public or community when
        O(os_hash_value) is given.
      - With V(true), both are taken as they are, and the second with a warning.
    type: bool
    default: false
  visibility:
    description: Who sees the image. Without it, what Glance gives a new image, which is V(shared).
    type: str
    choices: [public, community, shared, private]
  owner:
    description:
      - Id of the project that owns the image; only images of this project count. Giving another project's takes an
        administrator.
      - With O(id), the image of that id is given to the project, such as one that has no owner.
      - Without it, the project for which Keystone gives the token. Where Keystone is not asked for one, the images that
        the caller's ordinary listing shows count, which for an administrator are those of all projects.
    type: str
  protected:
    description:
      - Whether the image cannot be deleted. A new image becomes so once its data is known to be right.
    type: bool
  hidden:
    description: Whether the image is left out of ordinary listings.
    type: bool
  min_disk:
    description: Disk in GB that a server needs for the image.
    type: int
  min_ram:
    description: Memory in MB that a server needs for the image.
    type: int
  properties:
    description: Properties of the image, by name. Other ones that it has are left as they are.
    type: dict
  tags:
    description: All tags of the image. Without it, they are left as they are.
    type: list
    elements: str
  stores:
    description:
      - Stores that are to hold the data, by their ids. Without O(stores) and O(all_stores), the service's default
        store. An image that is there is copied into those that lack it.
      - When data is to go there, the service is asked for its stores first, which is one more request. One that it does
        not have, or that is read-only, is refused before anything is changed.
      - One at most for O(method=upload).
    type: list
    elements: str
  all_stores:
    description:
      - Whether all stores of the service that can be written are to hold the data. Not together with O(stores).
    type: bool
    default: false
  all_stores_must_succeed:
    description:
      - Whether the import fails when one store fails. With V(false), the image is waited for until it can be used, and
        not until all stores hold it.
    type: bool
    default: true
  hide_others:
    description:
      - Whether other active images of the name and the owner are hidden once the image can be used, which itself is
        then shown unless O(hidden) says otherwise. Of several that may be meant, it is the newest.
      - A hidden image goes on working for whoever knows its id, and is no longer found by its name in ordinary
        listings. Has no effect with O(id).
    type: bool
    default: false
  keep_others:
    description:
      - How many hidden images of the name and the owner are kept, those that O(hide_others) has just hidden included.
        All but the newest ones are deleted once the image can be used, and after the others are hidden. Without it, all
        of them are kept.
      - Counted and deleted are active images only. One that is protected counts, and is left there with a warning. One
        that cannot be deleted, such as one whose data is in use, is a failure after all else was done.
      - Needs O(hide_others=true). Has no effect with O(id).
    type: int
    version_added: "0.3.0"
  wait:
    description:
      - Whether to wait until the image can be used. What depends on that (O(hide_others), O(keep_others),
        O(protected), and O(visibility) where it waits for O(os_hash_value)) is otherwise left to a later run, and the
        hash of what was imported and its formats are not looked at.
    type: bool
    default: true
  timeout:
    description: Seconds to wait in total, once all data is sent.
    type: int
    default: 1800
seealso:
  - module: glanceops.image_service.image_status
  - name: Interoperable image import
    description: What the methods do, and how a service allows them.
    link: https://docs.openstack.org/glance/latest/admin/interoperable-image-import.html
"""

EXAMPLES = r"""
- name: Have Glance fetch a disk, and publish it when its hash is right
  glanceops.image_service.image_import:
    cloud: admin
    method: web-download
    name: debian-13
    uri: "{{ mirror }}/disk.qcow2"
    os_hash_value: "{{ disk_sha512 }}"
    disk_format: qcow2
    visibility: public
    tags: [base]
    properties:
      os_distro: debian
      os_version: "13"
    hide_others: true
    keep_others: 2

- name: Have a file of the control machine, which is sent once
  glanceops.image_service.image_import:
    method: upload
    name: appliance
    src: images/appliance.qcow2
    remote_src: false
    disk_format: qcow2

- name: Import a file of the host into two stores
  glanceops.image_service.image_import:
    cloud: admin
    method: glance-direct
    name: appliance
    src: /srv/disk.qcow2
    disk_format: qcow2
    stores: [file, fast]

- name: Have an image in every store
  glanceops.image_service.image_import:
    cloud: admin
    method: copy-image
    name: debian-13
    all_stores: true
"""

RETURN = r"""
image:
  description:
    - The image, as M(glanceops.image_service.image_status) returns it. In check mode, the image that is there, or none.
    - On failure, as it was last seen.
  returned: always, unless an option is wrong
  type: dict
  sample:
    id: 5c3d4e6f-0a1b-4c2d-8e9f-1a2b3c4d5e6f
    name: debian-13
    status: active
    size: 344064000
    stores: [file]
steps:
  description:
    - What was done, and in check mode what would be, in order, of V(create), V(update), the method, V(copy-image),
      V(publish) for what a new image gets last, V(hide_others), V(delete_others), and V(delete) for one with other
      data than it should have. Empty when all was as it should be.
  returned: always, unless an option is wrong
  type: list
  elements: str
  sample: [create, web-download, publish]
task_id:
  description: Id of the import task. Empty when none was begun, or the service does not show it.
  returned: when something was done
  type: str
  sample: 1f0e7c55-4d5c-4a0d-9a53-1d8f6b1f1c0e
requests:
  description: How many HTTP requests were made, those to Keystone included.
  returned: always, unless an option is wrong
  type: int
  sample: 7
reason:
  description:
    - Kind of failure, as of M(glanceops.image_service.image_status), or V(mismatch) when the data has another hash or
      another format than it should, or V(refused) when what is there stands in the way, such as several images of the
      name, or lacks, such as a store.
  returned: on failure, unless an option is wrong
  type: str
  sample: impossible
"""

from ansible_collections.glanceops.image_service.plugins.module_utils import image_import, image_plan
from ansible_collections.glanceops.image_service.plugins.module_utils.client import connect, finish, image_module
from ansible_collections.glanceops.image_service.plugins.module_utils.image_status import VISIBILITIES


def main() -> None:
    """Check the options, look, do what is to be done, and return it."""
    module = image_module(
        {
            "method": {"type": "str", "required": True, "choices": list(image_plan.METHODS)},
            "name": {"type": "str"},
            "id": {"type": "str"},
            "uri": {"type": "str"},
            "src": {"type": "path"},
            "os_hash_value": {"type": "str"},
            "disk_format": {"type": "str"},
            "container_format": {"type": "str"},
            "visibility": {"type": "str", "choices": VISIBILITIES},
            "owner": {"type": "str"},
            "protected": {"type": "bool"},
            "hidden": {"type": "bool"},
            "min_disk": {"type": "int"},
            "min_ram": {"type": "int"},
            "properties": {"type": "dict"},
            "tags": {"type": "list", "elements": "str"},
            "stores": {"type": "list", "elements": "str"},
            "all_stores": {"type": "bool", "default": False},
            "all_stores_must_succeed": {"type": "bool", "default": True},
            "hide_others": {"type": "bool", "default": False},
            "keep_others": {"type": "int"},
            "remote_src": {"type": "bool", "default": True},
            "allow_changed_formats": {"type": "bool", "default": False},
            "wait": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 1800},
        },
        required_one_of=[("name", "id")],
    )
    target, wrong = image_plan.checked(module.params)
    client = connect(module, wrong, module.params["uri"])
    finish(module, client, image_import.run(client, module.params, target, module.check_mode, module._diff))


if __name__ == "__main__":
    main()
