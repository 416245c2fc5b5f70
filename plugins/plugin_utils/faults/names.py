# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that look like variables of this collection, and are none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.shapes import quoted

COLLECTION = "glanceops.image_service"
# Read by the playbooks that make throw-away hosts for tests.
LAB = "glance_lab_"
# How much alike two words, and two whole names, are that may be the same one.
_NEARLY, _SAME = 0.8, 0.9


def _is_slip(word: str) -> bool:
    """Whether the first part of a name is nearly C(glance), or that and more."""
    word = word.lower()
    return word.startswith("glance") or difflib.SequenceMatcher(None, word, "glance").ratio() >= _NEARLY


def unknown(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return a sentence for each of *names* that looks like a variable of this collection and is none.

    A name that does not begin as ours do is somebody else's, unless it is one of ours but for a slip: C(glacne_auth).
    """
    known = sorted(known)
    sentences = []
    for name in sorted(names):
        ours = name.startswith("glance_")
        if name.startswith(LAB) or name in known or not (ours or _is_slip(re.split("[_-]", name)[0])):
            continue
        plainly = name.lower().replace("-", "_")
        near = difflib.get_close_matches(plainly, known, n=1, cutoff=0.6 if ours else _SAME)
        if ours or near:
            hint = f" (did you mean {near[0]}?)" if near else ""
            sentences.append(f"{quoted(name)} is not a variable of {COLLECTION}{hint}")
    return sentences
