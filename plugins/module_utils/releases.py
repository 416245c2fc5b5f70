# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release of Glance is installed on a host."""

from __future__ import annotations

import os


def installed_release(link: str, default: str = "") -> str:
    """Return the release of the folder, such as C(/opt/glance/2026.2-1a2b3c4d5e6f), behind *link*.

    Without a link the *default*.
    """
    return os.path.basename(os.readlink(link)).rsplit("-", 1)[0] if os.path.islink(link) else default
