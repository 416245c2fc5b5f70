# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that look after mounts have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that say what is to be mounted, and where its units lie."""

    DOCUMENTATION = r"""
options:
  mounts:
    description: What hosts share and where it is mounted.
    type: list
    elements: dict
    suboptions:
      path:
        description: Absolute path that it is mounted at.
        type: str
        required: true
      src:
        description: What is mounted, in the form that the file system takes, V(nas.example.com:/images) for one.
        type: str
        required: true
      fstype:
        description: Type of the file system.
        type: str
        default: nfs4
      options:
        description:
          - Mount options, separated by commas. Not a place for secrets.
          - When not given, V(nosuid,nodev,noexec,_netdev), and for NFS V(hard,retry=5) too.
        type: str
  unit_directory:
    description: Folder of the systemd units.
    type: path
    default: /etc/systemd/system
"""
