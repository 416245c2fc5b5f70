import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import hosts
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import identity

IDENTITY = {
    "glance_auth": "keystone",
    "glance_keystone_user": "glance",
    "glance_identity_admin": {"user": "admin", "password": "hidden"},
    "glance_identity_public_url": "http://127.0.0.1:9292",
    "glance_identity_internal_url": "http://127.0.0.1:9292",
    "glance_identity_admin_url": "",
    "glance_identity_region": "RegionOne",
    "glance_identity_retired_users": [],
    "glance_identity_users_in_use": ["glance"],
    "glance_allow_untested_platform": False,
}
USED = "glance_identity_retired_users should be users that Glance does not log in as any more, found "
WRONG_URL = "glance_identity_public_url should be the URL at which users reach the image API, such as https://image."
URLS = "glance_identity_internal_url and glance_identity_admin_url should be URLs of the image API, found "
ADMIN = "glance_identity_admin should have the user and the password of an administrator of Keystone, found "


def faults(given, *services, facts=None):
    known = {} if facts is None else {hosts.FACTS: facts}
    beside = {hosts.SERVICES: set(services), hosts.PLATFORMS: ["Debian 12", "Debian 13"]}
    return identity.faults({**IDENTITY, **given, **beside, **known})


@pytest.mark.parametrize(
    ("given", "begin", "end"),
    [
        (
            {"glance_auth": "none"},
            "glance_auth should be keystone on a host that registers the image service there, found none: set it, or",
            "take the host out of the identity hosts",
        ),
        ({"glance_identity_admin": {}}, ADMIN, "found nothing; keep the password in a vault"),
        ({"glance_identity_admin": {"user": "admin"}}, ADMIN, "found user; keep the password in a vault"),
        ({"glance_identity_admin": {"user": "", "password": "hidden"}}, ADMIN, "found password, user; keep the pas"),
        ({"glance_identity_public_url": ""}, WRONG_URL, "found none"),
        ({"glance_identity_public_url": "http://me:hidden@h:9292"}, WRONG_URL, "found http://********@h:9292"),
        ({"glance_identity_internal_url": "h:9292"}, URLS, "found h:9292"),
        (
            {"glance_identity_internal_url": "h", "glance_identity_admin_url": "http://h/$(project_id)s"},
            URLS,
            "found h, http://h/$(project_id)s",
        ),
        (
            {"glance_identity_internal_url": ""},
            "glance_identity_internal_url should be the URL at which other services reach the image API, found none",
            "",
        ),
        ({"glance_identity_region": ""}, "glance_identity_region should be a region of Keystone, found none", ""),
        ({"glance_keystone_user": ""}, "glance_keystone_user should be the name of a user, found none", ""),
        (
            {"glance_identity_retired_users": ["old", " "]},
            "glance_identity_retired_users should be names of users, found an empty one",
            "",
        ),
        ({"glance_identity_retired_users": ["old", "glance"]}, USED, "found glance: give another glance_keystone_us"),
        (
            {"glance_identity_retired_users": ["old"], "glance_identity_users_in_use": ["glance", "old"]},
            USED,
            "found old: give another glance_keystone_user to every host, or take the name off the list",
        ),
        (
            {"glance_identity_retired_users": ["admin"]},
            "glance_identity_retired_users should be users of Glance, found admin, the administrator of ",
            "glance_identity_admin",
        ),
    ],
)
def test_what_can_not_be_registered_is_refused_on_the_host_that_does_it(given, begin, end):
    ((sentence,),) = list(faults(given, "glance_identity").values())
    assert sentence.startswith(begin)
    assert end in sentence
    assert "hidden" not in sentence
    assert faults(given, "glance_api", "glance_registry") == {}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"glance_identity_admin_url": "https://[2001:db8::1]/image", "glance_identity_internal_url": "http://h"},
        {"glance_identity_retired_users": ["old"]},
    ],
)
def test_what_can_be_registered_is_let_through(given):
    assert faults(given, "glance_identity") == {}
    assert faults(given, "glance_identity", facts={"distribution": "Debian", "distribution_major_version": "13"}) == {}


def test_nothing_is_said_of_what_is_not_known():
    assert identity.faults({hosts.SERVICES: {"glance_identity"}}) == {}


def test_another_platform_is_refused_when_it_is_known():
    facts = {"distribution": "Ubuntu", "distribution_major_version": "24"}
    ((sentence,),) = list(faults({}, "glance_identity", facts=facts).values())
    assert sentence == (
        "a host that registers the image service should run Debian 12 or Debian 13, found Ubuntu 24: use another one "
        "that reaches Keystone, or set glance_allow_untested_platform to true"
    )
    assert faults({"glance_allow_untested_platform": "yes"}, "glance_identity", facts=facts) == {}
    assert faults({}, "glance_api", facts=facts) == {}
