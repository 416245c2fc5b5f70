#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: image_restore
short_description: Bring back a deleted image whose data the scrubber has not removed yet
version_added: "0.2.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Makes an image that was deleted with delayed delete active again, with its data, its properties, tags and members.
    A tag or member that had been removed before it was deleted stays removed. A property does not, since Glance
    deletes it once more with the image. All of it happens in one transaction.
  - Glance's own C(glance-scrubber --restore) brings the image back without its data, properties and tags
    (C(glance/db/sqlalchemy/api.py), C(image_restore)).
  - Takes two steps, since a run of the scrubber may have made up its mind already. First the image is postponed, so
    that no new run looks at it. When every run that began earlier is over (M(glanceops.image_service.scrubber_run)
    with O(glanceops.image_service.scrubber_run#module:state=settled)), it is restored.
  - An image that was never deleted, is unknown, or has no data any more is refused, and nothing is changed.
options:
  image_id:
    description: Id of the image.
    type: str
    required: true
  state:
    description:
      - With V(postponed), the scrubber is kept from the image for an hour.
      - With V(active), a postponed image is made active.
    type: str
    choices: [postponed, active]
    default: active
  deleted_at:
    description: Time of the deletion, as O(state=postponed) returned it, which is put back if the image is refused.
    type: str
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.pending_images
attributes:
  check_mode:
    support: none
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - An active image is refused.
"""

EXAMPLES = r"""
- name: Keep the scrubber from the image
  glanceops.image_service.image_restore:
    image_id: 3fa85f64-5717-4562-b3fc-2c963f66afa6
    state: postponed
  register: postponed

- name: Wait for the end of a run that may know of the image
  glanceops.image_service.scrubber_run:
    state: settled

- name: Make the image active again
  glanceops.image_service.image_restore:
    image_id: 3fa85f64-5717-4562-b3fc-2c963f66afa6
    deleted_at: "{{ postponed.deleted_at }}"
"""

RETURN = r"""
deleted_at:
  description: When the image was deleted.
  returned: O(state=postponed)
  type: str
image:
  description:
    - The restored image, with C(id), C(name), C(size) in bytes, C(checksum), C(stores) that hold it, and C(dropped),
      stores in which its data was gone.
  returned: O(state=active)
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils.program import PendingImages, ProgramError
from ansible_collections.glanceops.image_service.plugins.module_utils.words import ended, size_of


def sentence(image: dict) -> str:
    """Return what is shown of a restored image."""
    dropped = f" (no longer in {', '.join(image['dropped'])})" if image["dropped"] else ""
    name = f"Image {image['name']}" if image["name"] else "The image"
    stores = ", ".join(image["stores"])
    return f"{name} is active again: {size_of(image['size'] or 0)} in {stores}{dropped}, id {image['id']}."


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "image_id": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["postponed", "active"], "default": "active"},
            "deleted_at": {"type": "str"},
            **PendingImages.OPTIONS,
        },
    )
    images = PendingImages(module.params)
    image_id, deleted_at = module.params["image_id"], module.params["deleted_at"]
    try:
        if module.params["state"] == "postponed":
            found = images.ask("postpone", image_id)
            module.exit_json(changed=True, deleted_at=found["deleted_at"])
        image = images.ask("restore", image_id, *([f"--deleted-at={deleted_at}"] if deleted_at else []))
    except ProgramError as error:
        module.fail_json(msg=f"Image {image_id} should be active again, found: {ended(str(error))}")
    module.exit_json(changed=True, image=image, msg=sentence(image))


if __name__ == "__main__":
    main()
