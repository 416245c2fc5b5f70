#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_schema
short_description: Bring Glance's database to the schema of the installed release, and its metadata definitions into it
version_added: "0.1.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Asks C(glance-manage db check) and runs C(glance-manage db sync) only when that says so, hence an honest C(changed).
  - A database that is seen to have no schema yet, through O(python), is not asked.
  - With O(python) and O(head), the revision is first read from the database itself, as C(db check) does, but without
    loading Glance. When it is O(head) or one of O(newer), that is all; when anything else is found, C(glance-manage) is
    asked.
  - Exit codes of C(db check), from Glance's source C(glance/cmd/manage.py), are 0 up to date, 3 expand needed,
    4 migrate needed, 5 contract needed.
  - With O(until), only the first of the three steps are taken, by commands of their own, so that a release before goes
    on working with the database meanwhile.
  - C(db check) refuses PostgreSQL, and so do the commands of the three steps. There C(glance-manage db sync) does all
    of them, whatever O(until), and itself tells whether there was anything to do; in check mode
    C(glance-manage db version) is compared with O(head). A warning says so when steps beyond O(until) were taken.
  - With O(own_metadefs), each of these files is loaded that has changed since it was loaded last, or whose namespace is
    not in the database, by C(glance-manage db load_metadefs --merge --overwrite).
  - With O(metadefs), C(glance-manage db load_metadefs) is run when a namespace of that folder is not in the database,
    and the module fails when one is not there after it either. The command itself succeeds whether or not it has
    loaded anything.
options:
  manage:
    description: Path of C(glance-manage).
    type: path
    required: true
  config_file:
    description: Configuration file with the C([database]) section.
    type: path
    required: true
  user:
    description: User that the commands run as.
    type: str
    default: glance
  head:
    description: Revision that the schema of the release ends with.
    type: str
    default: ""
    version_added: "0.2.0"
  newer:
    description:
      - Revisions that the schemas of newer releases end with. A database that has one of them, since such a release was
        in use or still is beside this one, is left as it is. C(glance-manage) of the release does not know them, and
        would try to take steps that were taken long ago.
    type: list
    elements: str
    default: []
    version_added: "0.3.0"
  python:
    description: Path of an interpreter that has the libraries of the release.
    type: path
    version_added: "0.3.0"
  until:
    description:
      - Last step to take. V(expand) adds what the release needs and takes nothing away that a release before uses,
        V(migrate) brings the records over, V(contract) removes what only a release before used.
    type: str
    choices: [expand, migrate, contract]
    default: contract
    version_added: "0.3.0"
  metadefs:
    description:
      - Folder on the host with metadata definitions, a namespace in each file whose name ends with C(.json). A
        namespace that is in the database already stays as it is there. A file that is not JSON is passed over, as
        Glance does; C(compute-vmware.json) of Ussuri is one.
      - Until a load has succeeded, a file C(.loading-metadefs) lies beside O(config_file). Where it is found, a load
        was cut off, and C(--merge) makes up for what a namespace may lack.
      - Needs O(python).
    type: path
    version_added: "0.3.0"
  own_metadefs:
    description:
      - Files on the host with a namespace of metadata definitions each, which is in the database as the file says. It
        may be none that a file of O(metadefs) defines.
      - What was loaded is noted in a file C(.sets/own-metadefs) beside O(config_file).
      - Needs O(python).
    type: list
    elements: path
    default: []
    version_added: "0.3.0"
  timeout:
    description: Seconds that a command may take.
    type: int
    default: 3600
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
- name: Bring the database to the schema of the release
  glanceops.image_service.database_schema:
    manage: /opt/glance/current/bin/glance-manage
    config_file: /etc/glance/glance-api.conf
    python: /opt/glance/current/bin/python
    head: 2024_1_contract01
    metadefs: /opt/glance/current/etc/glance/metadefs
"""

RETURN = r"""
needed:
  description: What C(db check) asked for.
  returned: success
  type: str
  choices: [nothing, expand, migrate, contract, sync, everything]
left:
  description: What C(db check) asks for after this run, V(nothing) when the schema is that of the release.
  returned: success, unless the database is yet to be made
  type: str
  choices: [nothing, expand, migrate, contract, sync]
namespaces:
  description: How many namespaces of metadata definitions are in the database.
  returned: success with O(metadefs) or O(own_metadefs), unless the database is yet to be made
  type: int
  sample: 32
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import database_schema
from ansible_collections.glanceops.image_service.plugins.module_utils.manage import ManageError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=database_schema.OPTIONS,
        required_by={"metadefs": ["python"]},
        supports_check_mode=True,
    )
    try:
        module.exit_json(**database_schema.run(module.params, module.check_mode, module.warn))
    except ManageError as error:
        module.fail_json(**error.result)


if __name__ == "__main__":
    main()
