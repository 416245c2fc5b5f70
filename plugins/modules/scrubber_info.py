#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: scrubber_info
short_description: Tell whether the scrubber runs, how its last run ended, and which images wait for it
version_added: "0.2.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Looks at the systemd units of the scrubber and at the database.
  - A scrubber that does not run or that leaves images behind is a result, not a failure.
options:
  mode:
    description: How the scrubber runs on this host, by a timer or as a daemon.
    type: str
    choices: [timer, daemon]
    default: timer
  running_units:
    description: Units that run when the scrubber is healthy.
    type: list
    elements: str
    default: [glance-scrubber.timer]
  run_unit:
    description: One-shot unit whose last run tells whether images were left behind.
    type: str
    default: glance-scrubber.service
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.pending_images
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Look at the scrubber
  glanceops.image_service.scrubber_info:
  register: scrubber
"""

RETURN = r"""
mode:
  description: O(mode).
  returned: success
  type: str
state:
  description: State of the first of O(running_units) that is not active, as systemd names it; C(active) if all are.
  returned: success
  type: str
  sample: active
last_run:
  description: How the last run ended, C(succeeded), C(left images behind), C(failed), C(under way) or C(none yet).
  returned: success
  type: str
backlog:
  description:
    - Images that wait to be scrubbed, C(count), C(bytes), C(oldest) (when the first was deleted, in UTC), C(due)
      (how many of them should be scrubbed by now) and C(due_ids) (up to 20 of them). Empty when they can't be counted.
  returned: success
  type: dict
healthy:
  description: Whether the units run, the last run left nothing behind, and the images can be counted.
  returned: success
  type: bool
health:
  description: What is not healthy, C(ok) if nothing is.
  returned: success
  type: str
  sample: ok
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import scrubber_info
from ansible_collections.glanceops.image_service.plugins.module_utils.program import PendingImages
from ansible_collections.glanceops.image_service.plugins.module_utils.service import ServiceError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "mode": {"type": "str", "choices": ["timer", "daemon"], "default": "timer"},
            "running_units": {"type": "list", "elements": "str", "default": ["glance-scrubber.timer"]},
            "run_unit": {"type": "str", "default": "glance-scrubber.service"},
            **PendingImages.OPTIONS,
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**scrubber_info.run(module.params))
    except ServiceError as error:
        module.fail_json(msg=f"The scrubber can't be looked at: {error}.")


if __name__ == "__main__":
    main()
