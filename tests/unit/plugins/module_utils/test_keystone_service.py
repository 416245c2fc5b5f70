"""What lacks, what can't be and what differs, judged without a request."""

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import keystone_service as k

GLANCE = k.Account("glance", "hidden", "Default", "service", "Default")
URLS = {"public": "https://image", "internal": "http://image"}
WANTED = k.Wanted("http://keystone", GLANCE, k.Account("admin", "hidden", "Default", "admin", "Default"), "One", URLS)
ROLES = ["the role service", "the role admin"]
ENDPOINTS = ["public endpoint https://image", "internal endpoint http://image"]


def token(roles=("service", "admin"), name="glance", kind="image", region="One", urls=None):
    there = [{"interface": key, "url": url, "region_id": region} for key, url in (urls or URLS).items()]
    return {
        "roles": [{"name": role} for role in roles],
        "catalog": [{"type": "identity"}, {"type": kind, "name": name, "endpoints": there}],
    }


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (None, ["a token for glance", *ROLES, *ENDPOINTS]),
        (token(), []),
        (token(roles=("service", "admin", "reader")), []),
        (token(roles=("admin",)), ["the role service"]),
        (token(roles=()), ROLES),
        (token(name="images"), ENDPOINTS),
        (token(kind="compute"), ENDPOINTS),
        (token(region="Two"), ENDPOINTS),
        (token(urls={**URLS, "admin": "http://further"}), []),
        (token(urls={**URLS, "internal": "http://image/"}), ["internal endpoint http://image"]),
        (token(urls={"public": URLS["public"]}), ["internal endpoint http://image"]),
        ({"roles": None, "catalog": None}, [*ROLES, *ENDPOINTS]),
    ],
)
def test_missing(token, expected):
    assert k.missing(WANTED, token) == expected


def test_an_endpoint_that_is_not_wanted_does_not_lack():
    wanted = k.Wanted("http://keystone", GLANCE, WANTED.admin, "One", {"public": "https://image"})
    assert k.missing(wanted, token(urls={"public": "https://image"})) == []


def found(**facts):
    return k.Found(**{"user_domain": "default", "project_domain": "default", "region": True, **facts})


def endpoints(*urls):
    return [{"interface": "public", "url": url} for url in urls]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (found(), []),
        (found(services=[{"name": "glance"}], endpoints=endpoints("http://a")), []),
        (
            found(user_domain=None),
            ["glance_keystone_user_domain should be the name of a domain that Keystone has, found Default"],
        ),
        (
            found(project_domain=None),
            ["glance_keystone_project_domain should be the name of a domain that Keystone has, found Default"],
        ),
        (
            found(region=False),
            [
                "glance_identity_region should be a region that Keystone has, found One: correct it or "
                "glance_keystone_region, or make the region first"
            ],
        ),
        (
            found(services=[{"name": "images"}, {"name": "glance"}]),
            [
                "the service of the type image should be named glance in Keystone, found images, glance: rename or "
                "remove it there"
            ],
        ),
        (
            found(services=[{"name": "glance"}, {"name": "glance"}]),
            [
                "one service of the type image should be named glance in Keystone, found 2: remove the others there",
            ],
        ),
        (
            found(endpoints=endpoints("http://a", "http://b")),
            [
                "the service glance should have one public endpoint in One, found http://a, http://b: remove the "
                "others in Keystone",
            ],
        ),
        (
            found(password_refused=True),
            [
                "glance_keystone_password should be the one that Keystone has for glance, found that Keystone refuses "
                "it (401): give another glance_keystone_user with the new password and name glance in "
                "glance_identity_retired_users, or set glance_identity_allow_outage to true to change it in place, "
                "with requests that fail until every host has it"
            ],
        ),
    ],
)
def test_faults(found, expected):
    assert k.faults(WANTED, found) == expected


def test_every_fault_is_told_and_an_outage_that_is_allowed_is_none():
    assert len(k.faults(WANTED, k.Found())) == 3
    allowed = k.Wanted("http://keystone", GLANCE, WANTED.admin, "One", URLS, allow_outage=True)
    assert k.faults(allowed, found(password_refused=True)) == []


@pytest.mark.parametrize(
    ("there", "wanted", "expected"),
    [
        (None, {"enabled": True, "url": "a"}, {"enabled": True, "url": "a"}),
        (None, {}, {}),
        ({"enabled": True, "url": "a", "more": 1}, {"enabled": True, "url": "a"}, {}),
        ({"enabled": False, "url": "a"}, {"enabled": True, "url": "a"}, {"enabled": True}),
        ({"enabled": True}, {"enabled": True, "password": "new"}, {"password": "new"}),
        ({"url": "a"}, {}, {}),
    ],
)
def test_differing(there, wanted, expected):
    assert k.differing(there, wanted) == expected


def test_no_account_shows_its_password():
    assert "hidden" not in repr(WANTED)
