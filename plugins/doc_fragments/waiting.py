# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  interval:
    description:
      - Seconds between the first two looks. Each following pause is half as long again, up to 15 seconds or this
        value, whichever is greater.
    type: float
    default: 1.0
  grace:
    description:
      - Seconds for which a service that cannot be reached, or answers 429, 502, 503 or 504, is put up with each time
        while the module looks again and again. V(0) fails at the first such answer. The pause that the service asks for
        with C(Retry-After) is kept.
      - A request that changes something is never sent again.
    type: int
    default: 60
    version_added: "0.3.0"
"""
