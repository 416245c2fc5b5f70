import shutil
import subprocess

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import mounts as m

MOUNTINFO = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /srv/two\040words rw shared:2 - nfs4 nas:/export/two\040words rw,vers=4.2,hard
31 22 0:41 / /srv/images rw - nfs4 old:/images rw
32 31 0:42 / /srv/images rw,nosuid shared:9 master:3 - fuse.sshfs images@nas:/images rw,user_id=0
""".strip()
SHARE = {"path": "/srv/images", "src": "nas:/images", "fstype": "nfs4", "options": "hard,_netdev"}
PATHS = [
    "/var/lib/glance/images",
    "/srv/a-b",
    "/srv//a/",
    "/.hidden/.x",
    "/srv/a b",
    "/srv/ü",
    "/",
    r"/a\x",
    "/a:b_c.d",
]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/var/lib/glance/images", "var-lib-glance-images.mount"), ("/srv/a-b", r"srv-a\x2db.mount"), ("/", "-.mount")],
)
def test_unit_name(path, name):
    assert m.unit_name(path) == name


@pytest.mark.skipif(not shutil.which("systemd-escape"), reason="no systemd on this machine")
@pytest.mark.parametrize("path", PATHS)
def test_unit_name_agrees_with_systemd(path):
    command = ["systemd-escape", "--path", "--suffix=mount", "--", path]
    assert m.unit_name(path) == subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_unit_text_says_what_is_given_and_nothing_is_a_specifier():
    text = m.unit_text({**SHARE, "src": "nas:/50%n"})
    assert text.startswith(m.MARK)
    assert "\nWhat=nas:/50%%n\nWhere=/srv/images\nType=nfs4\nOptions=hard,_netdev\n" in text


def test_the_last_mount_at_a_path_is_the_one_that_is_seen():
    assert m.sources_in(MOUNTINFO) == {
        "/": "/dev/vda",
        "/srv/two words": "nas:/export/two words",
        "/srv/images": "images@nas:/images",
    }


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("/var/lib/glance", ["/var/lib/glance", "/var/lib/glance/images"]),
        ("/var/lib/glance/", ["/var/lib/glance", "/var/lib/glance/images"]),
        ("/srv", []),
    ],
)
def test_below(directory, expected):
    assert m.below(directory, ["/var/lib/glance", "/var/lib/glance2", "/var/lib/glance/images", "/var"]) == expected


@pytest.fixture
def now(monkeypatch):
    """Have something mounted."""
    found = {}
    monkeypatch.setattr(m, "mounted", lambda: found)
    return found


def write(folder, mount, text=None):
    (folder / m.unit_name(mount["path"])).write_text(text or m.unit_text(mount))


def test_pending_is_what_is_not_mounted_has_another_unit_or_is_wanted_no_longer(now, tmp_path):
    gone = {**SHARE, "path": "/srv/gone"}
    assert m.pending([SHARE], str(tmp_path)) == ["/srv/images"]
    write(tmp_path, SHARE)
    assert m.pending([SHARE], str(tmp_path)) == ["/srv/images"]
    now["/srv/images"] = SHARE["src"]
    assert m.pending([SHARE], str(tmp_path)) == []
    assert m.pending([{**SHARE, "options": "soft"}], str(tmp_path)) == ["/srv/images"]
    write(tmp_path, gone)
    assert m.pending([SHARE], str(tmp_path)) == ["/srv/gone"]
    # A unit of another hand is nobody's to remove.
    write(tmp_path, gone, "[Mount]\nWhere=/srv/gone\n")
    assert m.pending([SHARE], str(tmp_path)) == []


def test_a_mount_that_can_be_made_or_is_right_has_no_problem(now, tmp_path):
    fresh, empty = {**SHARE, "path": str(tmp_path / "none")}, {**SHARE, "path": str(tmp_path)}
    assert m.problems([fresh, empty], str(tmp_path)) == []
    now[str(tmp_path)] = SHARE["src"] + "/"
    assert m.problems([empty], str(tmp_path)) == []
    now[str(tmp_path)] = "/dev/vda"
    assert m.problems([{**empty, "options": "bind"}], str(tmp_path)) == []


def test_what_is_wrong_is_told_in_a_sentence(now, tmp_path, monkeypatch):
    units, full, file = tmp_path / "units", tmp_path / "full", tmp_path / "file"
    units.mkdir()
    full.mkdir()
    (full / "image").touch()
    file.touch()

    def problem(path):
        (found,) = m.problems([{**SHARE, "path": str(path)}], str(units))
        return found

    assert problem(full).startswith(f"{full} should be empty before nas:/images is mounted there, found files")
    assert problem(file).startswith(f"{file} should be a directory to mount nas:/images at, found something else")
    now[str(full)] = "other:/images"
    assert problem(full).startswith(f"{full} should be mounted from nas:/images, found other:/images there")
    now[str(full)] = SHARE["src"]
    monkeypatch.setenv("PATH", str(tmp_path))
    for script, said in (
        ("echo 'stat: x: Transport endpoint is not connected' >&2; exit 1", "Transport endpoint is not connected"),
        ("exec /bin/sleep 60", "it does not answer within 0.2 s"),
    ):
        monkeypatch.setattr(m, "_ANSWER_SECONDS", 0.2)
        (tmp_path / "stat").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "stat").chmod(0o755)
        if "echo" in script:
            monkeypatch.setattr(m, "_ANSWER_SECONDS", 20)
        assert f"what is mounted at {full} should be of use, found: {said}" in problem(full)


def test_a_unit_of_another_hand_is_refused(now, tmp_path):
    write(tmp_path, SHARE, "[Mount]\nWhere=/srv/images\n")
    (found, *_others) = m.problems([{**SHARE}], str(tmp_path))
    assert found.startswith(f"{tmp_path}/srv-images.mount should be a unit of glance_mounts, found")


@pytest.mark.parametrize(
    ("fstype", "options", "mounted_with", "packages"),
    [
        ("nfs4", None, "nosuid,nodev,noexec,_netdev,hard,retry=5", ["nfs-common"]),
        ("nfs", None, "nosuid,nodev,noexec,_netdev,hard,retry=5", ["nfs-common"]),
        ("nfs4", "soft", "soft", ["nfs-common"]),
        ("fuse.sshfs", None, "nosuid,nodev,noexec,_netdev", ["sshfs"]),
        ("glusterfs", "", "", ["glusterfs-client"]),
        ("none", "bind", "bind", []),
    ],
)
def test_a_mount_has_the_options_and_packages_of_its_file_system(fstype, options, mounted_with, packages):
    given = [{"path": "/srv", "src": "nas:/x", "fstype": fstype, "options": options}]
    assert [mount["options"] for mount in m.whole(given)] == [mounted_with]
    assert m.packages(given) == packages
