"""What old secrets still open, by who was deployed and what the inventory says."""

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import rotation as r
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import Topology

GROUPS = {"glance_api": ["a1", "a2"], "glance_registry": ["a1"], "glance_identity": ["k"], "glance_database": ["d"]}
HOSTS = ["a1", "a2", "k", "d"]
DONE = {"glance_api": ["a1", "a2"], "glance_registry": ["a1"], "glance_scrubber": []}


def inventory(groups=None, **everywhere):
    given = {"glance_auth": "keystone", "glance_identity_retired_users": ["old", "older"], **everywhere}
    return Topology(GROUPS if groups is None else groups, dict.fromkeys(HOSTS, given))


@pytest.mark.parametrize(
    ("deployed", "leaving", "found"),
    [
        (DONE, {}, None),
        (DONE, {"k": ["old"]}, None),
        ({**DONE, "glance_api": ["a1"]}, {"k": ["old"]}, ("old", "a2")),
        ({**DONE, "glance_registry": []}, {"k": ["old"]}, ("old", "a1")),
        # Keystone has none of them, as in a run after the one that removed them.
        ({}, {"k": []}, None),
        # Keystone was not asked.
        ({}, {}, ("old, older", "a1, a2")),
    ],
)
def test_a_retired_user_is_refused_while_a_host_may_log_in_so(deployed, leaving, found):
    expected = (
        []
        if found is None
        else [
            f"k: Keystone should not have {found[0]} any more, found that {found[1]} may still log in so: a host that "
            "failed, or that this run was limited away from; run again for all hosts."
        ]
    )
    assert list(r.faults(inventory(), HOSTS, deployed, leaving)) == expected


def test_a_keystone_that_the_run_is_limited_away_from_is_nobodys_fault():
    assert list(r.faults(inventory(), ["a1", "a2", "d"], {}, {})) == []


def test_without_retired_users_nothing_is_refused():
    assert list(r.faults(inventory(glance_identity_retired_users=[]), HOSTS, {}, {})) == []
    assert list(r.faults(Topology(GROUPS), HOSTS, {}, {})) == []


OURS = "The database lets Glance in with the login of the inventory alone."
THEIRS = "The database is looked after elsewhere; have the old login taken away there."
GONE = "Keystone lets Glance in with the login of the inventory, and has none of glance_identity_retired_users."
ELSEWHERE = "Glance's user in Keystone is made elsewhere; have the old one removed there."
USERS = "The API lets users in with the passwords of glance_basic_users alone."
KEYS = "All hosts use the keys of glance_stores; revoke the old ones at the storage now."


@pytest.mark.parametrize(
    ("without", "everywhere", "told"),
    [
        ((), {}, [OURS, GONE]),
        (("glance_database", "glance_identity"), {}, [THEIRS, ELSEWHERE]),
        (("glance_identity",), {"glance_auth": "basic"}, [OURS, USERS]),
        ((), {"glance_auth": "none"}, [OURS]),
        ((), {"glance_auth": None}, [OURS]),
        ((), {"glance_auth": "none", "glance_stores": {"a": {"driver": "file"}}}, [OURS]),
        (
            (),
            {"glance_auth": "none", "glance_stores": {"a": {"driver": "file"}, "b": {"driver": "s3"}}},
            [OURS, KEYS],
        ),
    ],
)
def test_what_opens_nothing_any_more_and_what_is_left_to_do(without, everywhere, told):
    groups = {name: hosts for name, hosts in GROUPS.items() if name not in without}
    assert r.told(inventory(groups, **everywhere), HOSTS) == told


def test_deployments_of_their_own_that_differ_are_all_told():
    stores = {"glance_stores": {"b": {"driver": "swift"}}}
    found = Topology(GROUPS, {"a1": {"glance_auth": "basic"}, "a2": {"glance_auth": "keystone", **stores}})
    assert r.told(found, HOSTS) == [OURS, GONE, USERS, KEYS]
    assert r.told(found, ["a1"]) == [OURS, USERS]
