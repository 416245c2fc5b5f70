#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_venv
short_description: Have the virtual environment of one Glance release on a host
description:
  - Builds a Python virtual environment that holds exactly the distributions of a list, at
    C(ROOT/RELEASE-DIGEST). The digest stands for the pins of the list and the host's Python minor version, so that
    releases, and revisions of one release's list, lie beside each other and switching between them is a changed link.
  - The wheels are fetched once on the control machine, for the host's interpreter and platform, kept there, and
    carried to each host as one file. A host needs neither pip nor a compiler nor a way to an index.
  - A host whose virtual environment is complete costs one short run and no transfer.
  - This task does not decide which release is in use. A complete virtual environment gets the links of
    O(host_modules) that it lacks; nothing else in it is touched.
version_added: "0.1.0"
author:
  - glanceops contributors (@glanceops)
options:
  release:
    description: Name of the release; the first part of the directory's name.
    type: str
    required: true
  wheels:
    description:
      - File on the control machine with one pin C(name==version) a line, complete with all dependencies.
        A relative name is looked up in the C(files) of the role and the play.
      - Lines starting with C(#) are comments. A pin followed by C(# sdist) has no wheel on the index. It is
        built on the control machine, and only a wheel for every platform may come out of that.
    type: str
    required: true
  root:
    description: Directory on the host below which the virtual environments stand. It is created when missing.
    type: path
    default: /opt/glance
  python:
    description: The interpreter of the host that the virtual environment is made from.
    type: path
    default: /usr/bin/python3
  python_floor:
    description: The oldest Python the release runs on, as C(3.11). A host with an older one is refused.
    type: str
  python_below:
    description:
      - The oldest Python the release does not run on any more, as C(3.10). A host with it or a newer one is refused.
    type: str
    version_added: "0.3.0"
  host_modules:
    description:
      - Modules of the host's own Python packages that the virtual environment shall have too, since no wheel brings
        them, such as C(rados). They are linked into it, also into a complete one. They have to be there for O(python).
    type: list
    elements: str
    default: []
    version_added: "0.3.0"
  cache:
    description:
      - Directory on the control machine where fetched wheels are kept, one file for each list, Python and platform.
      - It may be removed at any time. Nothing on a host depends on it.
    type: path
    default: ~/.cache/glanceops/wheels
  index_url:
    description:
      - The package index to use in place of the one pip is configured for.
      - With it pip's configuration files are not read, so that no other index is asked; give O(extra_index_urls),
        O(ca_file) and O(proxy) beside it when they are needed.
      - May hold a user and a password. They are never shown and never leave the control machine.
    type: str
  extra_index_urls:
    description: Further indexes to ask.
    type: list
    elements: str
  ca_file:
    description: File on the control machine with the certificates that the indexes are checked against.
    type: path
  proxy:
    description: The proxy through which the indexes are reached, as C(scheme://[user:password@]proxy:port).
    type: str
  directory:
    description:
      - Directory on the control machine that already holds every wheel of the list, and the uv wheel.
        Nothing is downloaded then.
    type: path
  pins:
    description: The pins of O(wheels). Filled in by the action plugin; not for playbooks.
    type: list
    elements: str
    default: []
  archive:
    description: A tar of wheels on the host to build from. Filled in by the action plugin; not for playbooks.
    type: path
  link:
    description: Whether to make links that are missing. Filled in by the action plugin; not for playbooks.
    type: bool
    default: false
    version_added: "0.3.0"
requirements:
  - pip in the Python that runs Ansible on the control machine
  - CPython and glibc 2.17 or newer on the host
attributes:
  check_mode:
    description: Can tell what would be done without doing it. Nothing is downloaded either.
    support: full
  diff_mode:
    description: Shows what would change.
    support: none
notes:
  - C(uv), which does the installing, comes as a wheel with the others and is gone from the host afterwards.
"""

EXAMPLES = r"""
- name: Have Glance 2026.2 beside the release in use
  glanceops.image_service.release_venv:
    release: "2026.2"
    wheels: wheels-2026.2.txt
    python_floor: "3.11"
  register: venv

- name: The same from an index of one's own
  glanceops.image_service.release_venv:
    release: "2026.2"
    wheels: wheels-2026.2.txt
    index_url: "https://{{ index_user }}:{{ index_password }}@pypi.example.org/simple"
    ca_file: /etc/ssl/certs/example-ca.pem

- name: The same with no index at all
  glanceops.image_service.release_venv:
    release: "2026.2"
    wheels: wheels-2026.2.txt
    directory: /srv/wheels
"""

RETURN = r"""
path:
  description: The virtual environment.
  returned: success
  type: str
  sample: /opt/glance/2026.2-0a1b2c3d4e5f
digest:
  description: The last part of the path. It stands for the pins and the host's Python minor version.
  returned: success
  type: str
  sample: 0a1b2c3d4e5f
python:
  description: Full version of the host's interpreter.
  returned: success
  type: str
  sample: 3.11.2
wheels_downloaded:
  description: Number of wheels this run fetched for this host; 0 when they were in the cache, or nothing was to do.
  returned: success
  type: int
  sample: 127
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils.release_venv import VenvError, run
from ansible_collections.glanceops.image_service.plugins.module_utils.release_venv_options import OPTIONS


def main() -> None:
    """Look at the host, or build from the archive that the action plugin has put there."""
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "pins": {"type": "list", "elements": "str", "default": []},
            "archive": {"type": "path"},
            "link": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.params.update(archive=None, link=False)
    try:
        module.exit_json(**run(module.params))
    except (VenvError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
