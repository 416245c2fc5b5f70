"""Eight users at once, none of whom notices the others."""

from __future__ import annotations

from testing.crowd import ROUNDS, USERS, work

testinfra_hosts = ["ansible://glance_api"]


def test_eight_users_at_once_get_what_they_ask_for(as_user):
    members = work([as_user("u1"), as_user("u2"), as_user("admin")])
    assert [fault for member in members for fault in member.faults] == []
    made = {image for member in members for image in member.images}
    assert len(made) == 2 * USERS * ROUNDS
    left = [image["id"] for image in as_user("admin").request("GET", "/v2/images?name=crowd&limit=1000").json["images"]]
    assert left == []
