import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import mounting
from ansible_collections.glanceops.image_service.plugins.module_utils import mounts as u

# A systemd that mounts by writing a line: start and stop take the unit, whose path is in its text.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> {folder}/calls
for unit; do :; done
path=$(sed -n 's/^Where=//p' {folder}/units/$unit 2>/dev/null)
case $1 in
    show) echo InactiveExitTimestamp=now ;;
    start) [ ! -e {folder}/broken ] || {{ echo 'Job failed. See more.' >&2; exit 1; }}; echo "$path" >> {folder}/now ;;
    stop) grep -vx "$path" {folder}/now > {folder}/rest; mv {folder}/rest {folder}/now ;;
esac
"""
JOURNALCTL = """#!/bin/sh
echo 'mount.nfs4: Connection refused for nas:/images'
"""


@pytest.fixture
def host(tmp_path, monkeypatch, run_module):
    """Run the module on a host of which nothing is real but its files."""
    (tmp_path / "units").mkdir()
    (tmp_path / "now").touch()
    (tmp_path / "calls").touch()
    for name, text in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)):
        (tmp_path / name).write_text(text.format(folder=tmp_path) if name == "systemctl" else text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(u, "mounted", lambda: dict.fromkeys((tmp_path / "now").read_text().split(), "nas:/images"))
    monkeypatch.setattr(mounting.os, "chown", lambda *_arguments: None)

    class Host:
        folder = tmp_path
        path = str(tmp_path / "data" / "images")
        mount = {"path": path, "src": "nas:/images", "fstype": "nfs4", "options": "hard"}  # noqa: RUF012
        unit = tmp_path / "units" / u.unit_name(path)

        def run(self, check_mode=False, /, **options):
            return run_module("mounts", check_mode, unit_directory=str(tmp_path / "units"), **options)

        def calls(self):
            return (tmp_path / "calls").read_text().splitlines()

    return Host()


def test_it_is_mounted_once_over_a_directory_that_nobody_else_can_write(host):
    assert host.run(mounts=[host.mount])["changed_paths"] == [host.path]
    assert host.unit.read_text() == u.unit_text(host.mount)
    assert host.calls() == ["daemon-reload", f"start -- {host.unit.name}"]
    assert (host.folder / "data/images").stat().st_mode & 0o777 == 0o755
    assert host.run(mounts=[host.mount])["changed"] is False


def test_check_mode_changes_nothing(host):
    assert host.run(True, mounts=[host.mount])["changed_paths"] == [host.path]
    assert host.calls() == []
    assert not host.unit.exists()


def test_other_options_wait_for_the_next_mount(host):
    host.run(mounts=[host.mount])
    assert host.run(mounts=[{**host.mount, "options": "soft"}])["changed"] is True
    assert "Options=soft" in host.unit.read_text()
    assert [call for call in host.calls() if not call.startswith("daemon")] == [f"start -- {host.unit.name}"]


def test_what_is_wanted_no_longer_loses_its_unit_and_stays_mounted(host):
    host.run(mounts=[host.mount])
    assert host.run(mounts=[])["changed_paths"] == [host.path]
    assert not host.unit.exists()
    assert not [call for call in host.calls() if call.startswith("stop")]


def test_a_failure_is_told_in_the_words_of_the_mount_program(host):
    (host.folder / "broken").touch()
    result = host.run(mounts=[host.mount])
    assert result["msg"].startswith(
        f"nas:/images should be mounted at {host.path}, found: mount.nfs4: Connection refused for nas:/images. Look"
    )
    assert f"stop --no-block -- {host.unit.name}" in host.calls()


def test_absent_unmounts_what_is_ours_even_if_nobody_names_it_any_more(host):
    host.run(mounts=[host.mount])
    assert host.run(True, state="absent", directory=str(host.folder / "data"))["changed"] is True
    assert host.unit.exists()
    assert host.run(state="absent", directory=str(host.folder / "data"))["changed_paths"] == [host.path]
    assert not host.unit.exists()
    assert u.mounted() == {}
    assert host.run(state="absent", directory=str(host.folder / "data"))["changed"] is False


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_folder_with_somebody_elses_mount_is_not_to_be_removed(host, check_mode):
    (host.folder / "now").write_text(f"{host.folder}/data/other\n")
    result = host.run(check_mode, state="absent", directory=str(host.folder / "data"))
    assert f"found nas:/images at {host.folder}/data/other: unmount it" in result["msg"]
    assert host.run(check_mode, state="absent", directory=str(host.folder / "elsewhere"))["changed"] is False
