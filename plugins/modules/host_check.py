#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: host_check
short_description: Look whether a host can take a service, before anything is changed on it
version_added: "0.1.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Fails with every reason at once, one sentence each, why O(service) can't be deployed on this host.
  - Tells which of the O(packages) are missing, which spares the package manager's own slow question on every run.
  - Tells which of the O(mounts) are not as they should be, for the module M(glanceops.image_service.mounts).
  - Tells which services were deployed to the host before, so that nobody has to look for each that is no longer wanted.
options:
  service:
    description: Name of the systemd unit that is to be deployed, without C(.service).
    type: str
    required: true
  units:
    description: Full names of the units that O(service) consists of. Without any it is O(service) with C(.service).
    type: list
    elements: str
    default: []
    version_added: "0.3.0"
  listen:
    description: Addresses and ports that must be free, or be held by the O(units) of O(service) itself.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: Address that the service is to listen on.
        type: str
        required: true
      port:
        description: TCP port that the service is to listen on.
        type: int
        required: true
      variable:
        description: Name of the variable that changes the port, for the error message.
        type: str
        required: true
  packages:
    description: Debian packages that the service needs.
    type: list
    elements: str
    default: []
  user:
    description: User that the service runs as, and its group.
    type: str
    default: glance
    version_added: "0.3.0"
  user_id:
    description: Number that O(user) and its group have, or that must be free for them. With 0, any number is right.
    type: int
    default: 0
    version_added: "0.3.0"
  home:
    description: Home directory of O(user).
    type: path
    default: /var/lib/glance
    version_added: "0.3.0"
  haproxy_config:
    description: Configuration of HAProxy whose servers are told.
    type: path
    version_added: "0.3.0"
  release:
    description: Release that is to be deployed, for the error message.
    type: str
    default: ""
    version_added: "0.3.0"
  newer_releases:
    description: Releases that are newer than O(release), none of which may be deployed to the host.
    type: list
    elements: str
    default: []
    version_added: "0.3.0"
  read_beside:
    description:
      - Names of files and directories in C(/etc/glance) that the release reads beside the file of O(service).
      - When it is given, the check fails if any of these holds an option, or any file in a directory that oslo.config
        reads by itself, such as C(/etc/glance/glance-api.conf.d).
    type: list
    elements: str
    version_added: "0.3.0"
  named_files:
    description:
      - Files that options name, each of which must be there. A relative path is looked for where oslo.config does, in
        C(/etc/glance), C(/etc) and O(home). One below any of O(mounts) that is not mounted yet is not looked for.
    type: list
    elements: dict
    default: []
    version_added: "0.3.0"
    suboptions:
      option:
        description: Name of the option, with its section or its store.
        type: str
        required: true
      path:
        description: Path of the file.
        type: str
        required: true
  link:
    description: Link to the virtual environment of the release that is deployed.
    type: path
    default: /opt/glance/current
    version_added: "0.3.0"
  record_directory:
    description: Folder of the records of configuration sets.
    type: path
    default: /etc/glance/.sets
    version_added: "0.3.0"
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.mounts
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Look whether this host can take the image API
  glanceops.image_service.host_check:
    service: glance-api
    listen:
      - address: 127.0.0.1
        port: 9292
        variable: glance_api_port
    packages: [qemu-utils]
"""

RETURN = r"""
missing_packages:
  description: Those of O(packages) that are not installed.
  returned: success
  type: list
  elements: str
user_pending:
  description: Whether O(user) is not there, or not one that nobody logs in as, with O(home).
  returned: success
  type: bool
  version_added: "0.3.0"
pending_mounts:
  description:
    - Paths of O(mounts) that are not mounted or whose units are not right, and those that are among them no longer.
  returned: success, when O(mounts) is given
  type: list
  elements: str
  version_added: "0.3.0"
deployed:
  description: Names of the configuration sets that the host has, those of its services.
  returned: success
  type: list
  elements: str
  sample: [glance-api, glance-scrubber]
  version_added: "0.3.0"
servers:
  description:
    - Names of the servers in each backend of O(haproxy_config) with their address and port, none when there is no such
      file.
  returned: success, when O(haproxy_config) is given
  type: dict
  sample: {glance_api: [api1 192.0.2.11:9292]}
  version_added: "0.3.0"
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import host_check


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=host_check.OPTIONS, supports_check_mode=True)
    try:
        module.exit_json(**host_check.run(module.params))
    except host_check.HostError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
