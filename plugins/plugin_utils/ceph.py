# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a Ceph client, made of the variables C(glance_ceph_monitors) and C(glance_ceph_key)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.drivers import drivers

RBD = "rbd"
CONF, USER = "rbd_store_ceph_conf", "rbd_store_user"
SERVICES = ["api", "scrubber"]


def users(stores: Mapping[str, Any]) -> list[str]:
    """Return the users of Ceph whose stores read the configuration file that is Ceph's own default; each once."""
    defaults = drivers()[RBD]["defaults"]
    options = [{**defaults, **(store.get("options") or {})} for store in stores.values() if store.get("driver") == RBD]
    return list(dict.fromkeys(each[USER] for each in options if each[CONF] == defaults[CONF]))


def keyring(user: str) -> str:
    """Return where the key of a user lies, as Ceph itself looks for it."""
    return f"/etc/ceph/ceph.client.{user}.keyring"


def files(stores: Mapping[str, Any], monitors: Sequence[str], key: str) -> list[dict[str, Any]]:
    """Return the files as entries of C(glance_files): none without *monitors*, or if no store reads them."""
    named = users(stores) if monitors else []
    if not named:
        return []
    clients = "".join(f"\n[client.{user}]\nkeyring = {keyring(user)}\n" for user in named)
    conf = f"# Managed by Ansible.\n[global]\nmon_host = {','.join(monitors)}\n{clients}"
    keyrings = [
        {"path": keyring(user), "content": f"[client.{user}]\nkey = {key}\n", "secret": True, "services": SERVICES}
        for user in named
    ]
    path = drivers()[RBD]["defaults"][CONF]
    return [{"path": path, "content": conf, "mode": "0644", "services": SERVICES}, *keyrings]
