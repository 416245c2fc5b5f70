# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules for backups have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that say where backups lie and where the service is."""

    DOCUMENTATION = r"""
options:
  directory:
    description: Folder of all backups on the host, which belongs to root alone.
    type: path
    default: /var/backups/glance
  config_directory:
    description: Folder of the service's configuration.
    type: path
    default: /etc/glance
  config_files:
    description:
      - Configuration files in O(config_directory). The first one with a login to the database is used, and the first
        one that names stores. An API that asks a registry has no login; the scrubber beside it has one.
    type: list
    elements: str
    default: [glance-api.conf, glance-scrubber.conf, glance-registry.conf]
  user:
    description:
      - User that the files of stores belong to. They are read and written as that user, since root of this host may be
        nobody on a share.
    type: str
    default: glance
  link:
    description: Link to the release that is installed, whose target is named after the release.
    type: path
    default: /opt/glance/current
  release:
    description: Release that is installed where there is no such O(link).
    type: str
    default: ""
"""
