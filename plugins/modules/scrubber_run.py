#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: scrubber_run
short_description: Scrub the images that are due now, or wait for the end of a run
version_added: "0.2.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Runs the scrubber of this host once and fails, with their ids, when images that are due are not removed.
  - The run also takes up images that Glance deleted without their data, which wait for their time from then on.
  - Or waits until no run is under way any more that began earlier.
  - Or writes the present keys of stores into the records of images, and fails if those keys do not show the images.
  - Glance's daemon does not tell when a run is over, so with O(mode=daemon) it is restarted, which begins a run, and
    what is left when none goes for 60 seconds is taken to be left behind. It is not restarted when nothing is due.
options:
  mode:
    description: How the scrubber runs on this host, by a timer or as a daemon.
    type: str
    choices: [timer, daemon]
    default: timer
  state:
    description:
      - With V(scrubbed), the images that are due now are removed.
      - With V(settled), no run is under way that began before.
      - With V(rekeyed), no record of an image holds former keys of its store (S3, Swift), those of images that wait for
        the scrubber included.
    type: str
    choices: [scrubbed, settled, rekeyed]
    default: scrubbed
  timeout:
    description: Seconds to wait for the end of a run.
    type: int
    default: 1800
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
- name: Remove the data of deleted images now
  glanceops.image_service.scrubber_run:
"""

RETURN = r"""
removed:
  description: Number of images that were due and are gone; in check mode, of those that are due.
  returned: O(state=scrubbed)
  type: int
waiting:
  description: Number of images that wait for their time.
  returned: O(state=scrubbed)
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import scrubber_run
from ansible_collections.glanceops.image_service.plugins.module_utils.program import PendingImages


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "mode": {"type": "str", "choices": ["timer", "daemon"], "default": "timer"},
            "state": {"type": "str", "choices": ["scrubbed", "settled", "rekeyed"], "default": "scrubbed"},
            "timeout": {"type": "int", "default": 1800},
            **PendingImages.OPTIONS,
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**scrubber_run.run(module.params, module.check_mode))
    except scrubber_run.ScrubError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
