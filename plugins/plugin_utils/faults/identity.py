# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the variables of a host that registers the image service in Keystone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.addresses import shown
from ansible_collections.glanceops.image_service.plugins.plugin_utils.hosts import FACTS, PLATFORMS, has
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import gather, is_true
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import IDENTITY

AUTH, ADMIN, USER = "glance_auth", "glance_identity_admin", "glance_keystone_user"
PUBLIC, INTERNAL, ADMINS = "glance_identity_public_url", "glance_identity_internal_url", "glance_identity_admin_url"
REGION, RETIRED = "glance_identity_region", "glance_identity_retired_users"
UNTESTED = "glance_allow_untested_platform"
# Keystone replaces what stands after a $ or a % in the URL of an endpoint.
_URL = re.compile(r"https?://[^/?#@%$\s]+(/[^?#@%$\s]*)?\Z")


def _of_urls(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    public = given.get(PUBLIC)
    if public is not None and not _URL.match(str(public)):
        wanted = (
            f"{PUBLIC} should be the URL at which users reach the image API, such as https://image.example.com:9292"
        )
        yield PUBLIC, f"{wanted}, found {shown(public, 'none')}"
    wrong = [given[name] for name in (INTERNAL, ADMINS) if given.get(name) not in (None, "", public)]
    if wrong := [url for url in wrong if not _URL.match(str(url))]:
        yield (
            INTERNAL,
            f"{INTERNAL} and {ADMINS} should be URLs of the image API, found {', '.join(map(shown, wrong))}",
        )
    if given.get(INTERNAL) == "":
        yield INTERNAL, f"{INTERNAL} should be the URL at which other services reach the image API, found none"


def _of_users(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    admin = given.get(ADMIN)
    if admin is not None and not (admin.get("user") and admin.get("password")):
        wanted = f"{ADMIN} should have the user and the password of an administrator of Keystone"
        found = ", ".join(sorted(map(str, admin))) or "nothing"
        yield ADMIN, f"{wanted}, found {found}; keep the password in a vault"
    if given.get(USER) == "":
        yield USER, f"{USER} should be the name of a user, found none"
    retired = [str(name) for name in given.get(RETIRED) or ()]
    if any(not name.strip() for name in retired):
        yield RETIRED, f"{RETIRED} should be names of users, found an empty one"
    used = [name for name in retired if name in (given.get(USER), *(given.get("glance_identity_users_in_use") or ()))]
    if used:
        yield (
            RETIRED,
            f"{RETIRED} should be users that Glance does not log in as any more, found {', '.join(used)}: give another "
            f"{USER} to every host, or take the name off the list",
        )
    administrator = (admin or {}).get("user")
    if administrator and administrator in retired:
        yield RETIRED, f"{RETIRED} should be users of Glance, found {administrator}, the administrator of {ADMIN}"


def _of_platform(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    facts, tested = given.get(FACTS), given.get(PLATFORMS) or ()
    if facts is None or is_true(given.get(UNTESTED)):
        return
    platform = f"{facts.get('distribution')} {facts.get('distribution_major_version')}"
    if platform not in tested:
        yield (
            UNTESTED,
            f"a host that registers the image service should run {' or '.join(tested)}, found {platform}: use another "
            f"one that reaches Keystone, or set {UNTESTED} to true",
        )


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about the registration, by variable, on a host that does it; none holds a password."""
    if not has(given, IDENTITY):
        return {}
    found = []
    if given.get(AUTH, "keystone") != "keystone":
        wanted = f"{AUTH} should be keystone on a host that registers the image service there"
        found.append((AUTH, f"{wanted}, found {given[AUTH]}: set it, or take the host out of the identity hosts"))
    found += [*_of_urls(given), *_of_users(given), *_of_platform(given)]
    if given.get(REGION) == "":
        found.append((REGION, f"{REGION} should be a region of Keystone, found none"))
    return gather(found)
