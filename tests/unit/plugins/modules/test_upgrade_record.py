"""The note of the release that a host leaves, over all the ways in which upgrades and rollbacks follow each other."""

import json

import pytest


@pytest.fixture
def host(tmp_path, run_module):
    """A host that runs a release: ``host(running, wanted)`` runs the module and returns its result."""

    def run(running, wanted=None, check_mode=False, **options):
        link = tmp_path / "current"
        link.unlink(missing_ok=True)
        if running:
            link.symlink_to(f"/opt/glance/{running}-1a2b3c4d5e6f")
        given = {"path": str(tmp_path / "upgrade.json"), "link": str(link), **options}
        return run_module("upgrade_record", check_mode, **given, **({"release": wanted} if wanted else {}))

    return run


def test_a_host_notes_what_it_leaves_and_keeps_the_note_when_it_is_there(host):
    first = host("2025.1", "2026.2", backup="before")
    assert (first["changed"], first["record"]) == (True, {"from": "2025.1", "to": "2026.2", "backup": "before"})
    # A run that was cut off and goes on, before and after the host was switched.
    assert (again := host("2025.1", "2026.2"))["changed"] is False, again
    after = host("2026.2", "2026.2")
    assert (after["changed"], after["back_to"], after["record"]) == (False, "2025.1", first["record"])


def test_after_a_rollback_the_next_upgrade_has_a_note_of_its_own(host):
    host("2025.1", "2026.2", backup="before")
    assert host("2025.1")["back_to"] == "2025.1"
    # Back, then somewhere else, then there again.
    assert host("2025.2", "2026.2")["record"] == {"from": "2025.2", "to": "2026.2", "backup": ""}


def test_a_note_of_another_upgrade_is_no_way_back(host):
    host("2025.1", "2025.2")
    assert host("2026.2")["back_to"] == ""
    assert host("2025.2")["back_to"] == "2025.1"


@pytest.mark.parametrize("running", ["", "2026.2"])
def test_a_host_that_leaves_no_release_notes_none(host, tmp_path, running):
    result = host(running, "2026.2")
    assert (result["changed"], result["record"], result["back_to"], result["running"]) == (False, {}, "", running)
    assert not (tmp_path / "upgrade.json").exists()


def test_check_mode_and_a_look_write_nothing(host, tmp_path):
    assert host("2025.1", "2026.2", check_mode=True)["changed"] is True
    assert host("2025.1")["record"] == {}
    assert not (tmp_path / "upgrade.json").exists()


@pytest.mark.parametrize("content", ["", "[]", json.dumps({"from": "2025.1"})])
def test_what_is_no_note_is_named_and_kept(host, tmp_path, content):
    (tmp_path / "upgrade.json").write_text(content)
    result = host("2025.1", "2026.2")
    assert result["failed"] is True
    assert result["msg"].startswith(f"{tmp_path}/upgrade.json should hold the note of an upgrade, found: ")
    assert (tmp_path / "upgrade.json").read_text() == content
