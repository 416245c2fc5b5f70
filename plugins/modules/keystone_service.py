#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keystone_service
short_description: Register the image service in Keystone
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Has the project, the user and the roles that Glance logs in with, the service C(glance) of the type C(image), and
    its endpoints in a Keystone that is there. What else is there stays.
  - Logs in as Glance's own user first, and sees by the token what lacks. Only where something lacks, or a retired user
    may be there, is the administrator logged in, once.
  - Ends before it changes anything when Keystone does not answer, when it refuses the administrator, and when what is
    wanted can't be there, such as a region that Keystone lacks. Domains and regions are not made.
  - Messages name the variables of the role P(glanceops.image_service.identity#role). No message, result or log has a
    password or a token.
options:
  state:
    description:
      - With V(present), what Glance needs is in Keystone, and retired users are looked for, and left.
      - With V(retired), the users of O(retired_users) are removed, and nothing else is changed.
    type: str
    choices: [present, retired]
    default: present
  auth_url:
    description:
      - Address of Keystone such as V(https://keystone.example.com:5000), with or without C(/v3). All requests go there.
        A user name or password in it is refused.
    type: str
    required: true
  username:
    description: Name of the user that Glance logs in as.
    type: str
    required: true
  password:
    description:
      - Password of O(username). One that Keystone refuses for a user that is there is an error, unless O(allow_outage).
    type: str
    required: true
  user_domain_name:
    description: Name of the domain of O(username) and of O(retired_users).
    type: str
    default: Default
  project_name:
    description: Name of the project that Glance logs in to, where its user gets the roles C(service) and C(admin).
    type: str
    default: service
  project_domain_name:
    description: Name of the domain of O(project_name).
    type: str
    default: Default
  admin:
    description: How to log in to Keystone as somebody who may make users and services.
    type: dict
    required: true
    suboptions:
      user:
        description: Name of the administrator.
        type: str
        required: true
      password:
        description: Password of the administrator.
        type: str
        required: true
      user_domain:
        description: Name of the domain of the administrator.
        type: str
        default: Default
      project:
        description: Name of the project that the administrator logs in to.
        type: str
        default: admin
      project_domain:
        description: Name of the domain of that project.
        type: str
        default: Default
  region_name:
    description: Region that the endpoints are in.
    type: str
    required: true
  public_url:
    description: URL at which users reach the image API.
    type: str
    required: true
  internal_url:
    description: URL at which other services reach the image API. Without it, no endpoint of that kind is made.
    type: str
  admin_url:
    description: URL of an endpoint for administrators. Without it, no endpoint of that kind is made.
    type: str
  retired_users:
    description:
      - Names of users that Glance logged in as before. O(username), and the user of O(admin), are refused.
    type: list
    elements: str
    default: []
  allow_outage:
    description:
      - Whether the password of a user that is there may be changed. Keystone ends every token of the user then, so that
        requests to Glance fail until every host of it has been restarted with the new one.
    type: bool
    default: false
  ca_path:
    description:
      - File with the certificates of the authorities to trust, in the form PEM, on the host that runs the module.
      - Without it, O(ca_certs); else those that the host trusts.
    type: path
  ca_certs:
    description: These certificates themselves, in the form PEM.
    type: str
  request_timeout:
    description:
      - Seconds that Keystone may be silent during one request, and that the body of its answer may take. No request is
        sent twice.
    type: int
    default: 30
extends_documentation_fragment:
  - glanceops.image_service.attributes
attributes:
  check_mode:
    support: full
    details:
      - Logs in and asks, and changes nothing.
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Have the image service in Keystone
  glanceops.image_service.keystone_service:
    auth_url: https://keystone.example.com:5000
    username: glance
    password: "{{ vault_glance_keystone_password }}"
    admin: {user: admin, password: "{{ vault_keystone_admin_password }}"}
    region_name: RegionOne
    public_url: https://image.example.com:9292
    internal_url: https://image.example.com:9292
"""

RETURN = r"""
changes:
  description:
    - What has been changed, or would be in check mode, in the order of the requests. After an error, what had been
      changed before it.
  returned: when Keystone has been asked
  type: list
  elements: str
  sample: ["make the user glance", "give glance the role service in the project service"]
missing:
  description:
    - What Glance's user lacks when the module ends. In check mode, and with O(state=retired), what it lacks now.
  returned: when Keystone has been asked
  type: list
  elements: str
  sample: ["the role service", "public endpoint https://image.example.com:9292"]
leaving:
  description: Users of O(retired_users) that are in Keystone when the module ends.
  returned: when Keystone has been asked
  type: list
  elements: str
requests:
  description: HTTP requests that the module made.
  returned: when Keystone has been asked
  type: int
"""

from ansible_collections.glanceops.image_service.plugins.module_utils import keystone_service
from ansible_collections.glanceops.image_service.plugins.module_utils.client import HttpClient, ImageModule, finish

ADMIN = {
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "user_domain": {"type": "str", "default": "Default"},
    "project": {"type": "str", "default": "admin"},
    "project_domain": {"type": "str", "default": "Default"},
}
SPEC = {
    "state": {"type": "str", "choices": ["present", "retired"], "default": "present"},
    "auth_url": {"type": "str", "required": True},
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "user_domain_name": {"type": "str", "default": "Default"},
    "project_name": {"type": "str", "default": "service"},
    "project_domain_name": {"type": "str", "default": "Default"},
    "admin": {"type": "dict", "required": True, "options": ADMIN},
    "region_name": {"type": "str", "required": True},
    "public_url": {"type": "str", "required": True},
    "internal_url": {"type": "str"},
    "admin_url": {"type": "str"},
    "retired_users": {"type": "list", "elements": "str", "default": []},
    "allow_outage": {"type": "bool", "default": False},
    "ca_path": {"type": "path"},
    "ca_certs": {"type": "str"},
    "request_timeout": {"type": "int", "default": 30},
}


def main() -> None:
    """Run the module."""
    module = ImageModule(argument_spec=SPEC, supports_check_mode=True)
    http = HttpClient(module, ca_certs=module.params["ca_certs"] or None)
    try:
        result = keystone_service.run(http, module.params, module.check_mode)
    except ValueError as error:
        module.fail_json(msg=str(error))
    finish(module, http, result)


if __name__ == "__main__":
    main()
