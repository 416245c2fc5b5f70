# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that ask for images waiting to be scrubbed have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the program that the scrubber's role puts on its host."""

    DOCUMENTATION = r"""
options:
  program:
    description:
      - Program that looks after the images that wait to be scrubbed.
        The role C(glanceops.image_service.scrubber) puts it on the host.
    type: path
    default: /opt/glance/libexec/pending_images.py
  user:
    description: User that the program runs as.
    type: str
    default: glance
"""
