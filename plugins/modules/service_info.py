#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: service_info
short_description: Tell which release of a service is installed, and whether it runs and answers
version_added: "0.1.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Looks at the systemd unit O(name), asks O(health_url) once, and reads which release the O(link) points to.
  - A service that does not run or answer is a result, not a failure.
options:
  name:
    description: Name of the unit without C(.service).
    type: str
    required: true
  health_url:
    description: URL that answers 200 when the service is healthy.
    type: str
    required: true
  link:
    description: Link to the release in use.
    type: path
    default: /opt/glance/current
  jobs:
    description:
      - Full names of units with C(Type=oneshot) that belong to the service, such as C(glance-purge.service). One that
        does not exist is passed over.
    type: list
    elements: str
    default: []
    version_added: "0.3.0"
  directories:
    description:
      - Directories besides those that the unit of the service may write to. Of each file system that one of them is on,
        the free space is told.
    type: list
    elements: path
    default: []
    version_added: "0.3.0"
  free_space_percent:
    description: Free space of a file system, in percent, below which RV(space_warnings) has a sentence about it.
    type: int
    default: 10
    version_added: "0.3.0"
extends_documentation_fragment:
  - glanceops.image_service.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Look at the image API
  glanceops.image_service.service_info:
    name: glance-api
    health_url: http://127.0.0.1:9292/healthcheck
  register: api
"""

RETURN = r"""
address:
  description: Where the service answers, O(health_url) without its path.
  returned: success
  type: str
  sample: http://127.0.0.1:9292
release:
  description: Release that the link points to, C(package) if the unit is there without a link, C(none) without both.
  returned: success
  type: str
  sample: "2026.2"
state:
  description: State of the unit as systemd names it, C(not-found) if there is none.
  returned: success
  type: str
  sample: active
healthy:
  description: Whether O(health_url) answered 200.
  returned: success
  type: bool
health:
  description: What O(health_url) answered, or why it did not.
  returned: success
  type: str
  sample: 200 OK
failed_jobs:
  description: Those of O(jobs) whose last run did not succeed, with the last line that each of them wrote.
  returned: success
  type: dict
  sample: {}
  version_added: "0.3.0"
space_warnings:
  description: A sentence for each file system with too little free space.
  returned: success
  type: list
  elements: str
  sample: ["/var/lib/glance/images should have 10 % of its space free, found 1.0 GiB of 100.0 GiB (1 %)"]
  version_added: "0.3.0"
full_directories:
  description: Those of O(directories), one for each file system, where there is no room left.
  returned: success
  type: list
  elements: str
  sample: []
  version_added: "0.3.0"
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import service_info
from ansible_collections.glanceops.image_service.plugins.module_utils.service import ServiceError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "health_url": {"type": "str", "required": True},
            "link": {"type": "path", "default": "/opt/glance/current"},
            "jobs": {"type": "list", "elements": "str", "default": []},
            "directories": {"type": "list", "elements": "path", "default": []},
            "free_space_percent": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**service_info.run(module.params))
    except ServiceError as error:
        module.fail_json(msg=f"{module.params['name']} can't be looked at: {error}.")


if __name__ == "__main__":
    main()
