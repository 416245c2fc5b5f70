"""Metadata definitions that the release ships."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

testinfra_hosts = ["ansible://glance_api"]

NAMESPACES = "/v2/metadefs/namespaces"
DELETED, CHANGED, CUT_OFF = "OS::Compute::XenAPI", "OS::Compute::Watchdog", "OS::Compute::VMwareQuotaFlavor"


@pytest.fixture
def shipped(host):
    """Namespaces by the files of the release."""
    files = host.check_output("cat /opt/glance/current/etc/glance/metadefs/*.json")
    found, end = set(), 0
    while end < len(files.rstrip()):
        content, end = json.JSONDecoder().raw_decode(files, end + len(files[end:]) - len(files[end:].lstrip()))
        found.add(content["namespace"])
    return found


@pytest.fixture
def namespaces(api):
    """Ask for the namespaces by name, with all that is in one of them."""

    def ask():
        listed = api.request("GET", f"{NAMESPACES}?limit=100").json["namespaces"]
        return {each["namespace"]: each for each in listed}

    return ask


def show(api, name):
    answer = api.request("GET", f"{NAMESPACES}/{quote(name, safe='')}")
    assert answer.status == 200, answer
    return answer.json


def change(api, name, **facts):
    shown = show(api, name)
    kept = ("namespace", "display_name", "description", "visibility", "owner")
    body = {key: shown[key] for key in kept if key in shown} | facts
    answer = api.request("PUT", f"{NAMESPACES}/{quote(name, safe='')}", body)
    assert answer.status == 200, answer


def delete(api, name):
    change(api, name, protected=False)
    answer = api.request("DELETE", f"{NAMESPACES}/{quote(name, safe='')}")
    assert answer.status == 204, answer


def test_api_has_all_that_the_release_ships(namespaces, shipped):
    assert len(shipped) > 30
    assert namespaces().keys() == shipped


def test_what_was_deleted_or_cut_off_comes_back_whole_and_what_was_changed_stays(site, api, host, namespaces, shipped):
    whole, own, cut = show(api, DELETED), show(api, CHANGED)["description"], show(api, CUT_OFF)
    delete(api, DELETED)
    change(api, CHANGED, description="changed by an operator", protected=True)
    try:
        away = site({"glance_metadefs": False})
        assert (away.rc, away.changed) == (0, 0), away.output
        # As a host that goes down between a namespace and its properties leaves them.
        change(api, CUT_OFF, protected=False)
        for lost in cut["properties"]:
            answer = api.request("DELETE", f"{NAMESPACES}/{quote(CUT_OFF, safe='')}/properties/{quote(lost, safe='')}")
            assert answer.status == 204, answer
        host.check_output("touch /etc/glance/.loading-metadefs")
        check = site(None, "--check")
        assert (check.rc, check.changed) == (0, 1), check.output
        assert DELETED not in namespaces()
        run = site()
        assert (run.rc, run.changed) == (0, 1), run.output
        assert namespaces().keys() == shipped
        assert show(api, DELETED)["properties"] == whole["properties"]
        assert show(api, CUT_OFF)["properties"] == cut["properties"]
        assert not host.file("/etc/glance/.loading-metadefs").exists
        assert show(api, CHANGED)["description"] == "changed by an operator"
        again = site()
        assert (again.rc, again.changed) == (0, 0), again.output
    finally:
        change(api, CHANGED, description=own, protected=True)
        change(api, CUT_OFF, protected=True)
