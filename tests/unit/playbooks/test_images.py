"""Runs of the role api that bring the images of an inventory into a Glance on loopback."""

import hashlib
import json
import os
import re
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from mistakes import PROJECT, USER

DATA = b"of a file"


def sha512(data):
    return hashlib.sha512(data).hexdigest()


def play(*arguments):
    """Run ansible-playbook as an installed collection has it run: without our ansible.cfg."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".ansible/collections"),
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
    }
    command, folder = ["ansible-playbook", *arguments], PROJECT / "tests"
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def bring(tmp_path, glance):
    """Return what runs the role for images, against the fake Glance; gives its result and how often it changed."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files/disk.raw").write_bytes(DATA)
    role = {"name": "glanceops.image_service.api", "tasks_from": "images"}
    tasks = [{"ansible.builtin.import_role": role}]
    (tmp_path / "play.json").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_remote_tmp": f"{tmp_path}/remote",
        "glance_api_port": urlsplit(glance.url).port,
        "glance_auth": "basic",
        "glance_basic_users": [{**USER, "roles": ["admin"]}],
        "glance_stores": {"files": {"driver": "file", "options": {"filesystem_store_datadir": "/srv/glance/images"}}},
        "glance_default_store": "files",
        "glance_database_password": "unused here",
    }

    def bring(*images, options=(), **more):
        given = json.dumps({**variables, "glance_images": images, **more})
        run = play("--inventory=h,", f"--extra-vars={given}", *options, f"{tmp_path}/play.json")
        (changed,) = re.findall(r"changed=(\d+)", run.stdout) or ["none"]
        # Nothing stays of what was copied.
        assert not list((tmp_path / "remote").glob("*/*"))
        return run, changed

    return bring


WEB = {"name": "web", "uri": "https://images.lan/disk", "os_hash_value": sha512(b"of the web"), "disk_format": "raw"}
FILE = {"name": "file", "src": "disk.raw", "disk_format": "raw", "tags": ["base"], "keep": 1}


def test_images_are_brought_once_and_all_but_those_that_fail(glance, bring):
    wrong = {**WEB, "name": "wrong", "os_hash_value": "0" * 128}
    absent = {**FILE, "name": "absent", "src": "no/such.raw"}
    run, _changed = bring(wrong, absent, WEB, FILE)
    assert run.returncode == 2, run.stdout + run.stderr
    failed = re.findall(r"^failed: \[h\] \(item=(\w+)\) => (.*)$", run.stdout, re.MULTILINE)
    assert [name for name, _told in failed] == ["wrong", "absent"]
    (of_wrong, of_absent) = (json.loads(told)["msg"] for _name, told in failed)
    assert "'wrong' (00000000-0000-4000-8000-000000000000) should have the sha512 hash 0000" in of_wrong
    assert of_absent.startswith(
        "src of 'absent' should be a file of the control machine that can be read, found none in "
    )
    assert [(image["name"], image["visibility"], image["owner"]) for image in glance.images] == [
        ("web", "public", USER["project"]),
        ("file", "public", USER["project"]),
    ]
    assert glance.images[1]["os_hash_value"] == sha512(DATA)

    sent = list(glance.sent)
    again, changed = bring(WEB, FILE)
    assert (again.returncode, changed, glance.sent) == (0, "0", sent), again.stdout + again.stderr


def test_another_version_hides_the_one_before_and_keeps_as_many_as_it_should(glance, bring, tmp_path):
    for version, options in ((b"1", []), (b"2", ["--check"]), (b"2", []), (b"3", [])):
        (tmp_path / "files/disk.raw").write_bytes(version)
        sent, asked = len(glance.sent), len(glance.asked)
        run, changed = bring({**FILE, "min_disk": 2}, options=options, glance_api_import_methods=["web-download"])
        assert (run.returncode, changed) == (0, "1"), run.stdout + run.stderr
        # A dry run looks for shown and for hidden images, and the file stays where it is.
        assert (len(glance.sent) == sent, len(glance.asked) == asked + 2) == (bool(options), bool(options))
    found = [(image["os_hash_value"], image["os_hidden"], image["min_disk"]) for image in glance.images]
    assert found == [(sha512(b"2"), True, 2), (sha512(b"3"), False, 2)]
    # Sent in the classic way, since nothing may be imported from a file.
    assert [path.rpartition("/")[2] for method, path, _body in glance.sent if method == "PUT"] == ["file"] * 3


def test_a_file_is_uploaded_without_users_and_need_not_stay(glance, bring):
    run, changed = bring(FILE, glance_auth="none")
    assert (run.returncode, changed) == (0, "1"), run.stdout + run.stderr
    gone = {**FILE, "src": "no/such.raw", "os_hash_value": sha512(DATA), "min_ram": 512}
    run, changed = bring(gone, glance_auth="none")
    assert (run.returncode, changed) == (0, "1"), run.stdout + run.stderr
    assert [(image["owner"], image["min_ram"]) for image in glance.images] == [(None, 512)]
    assert [path.rpartition("/")[2] for method, path, _body in glance.sent if method == "PUT"] == ["file"]


def test_wrong_images_are_refused_before_glance_is_asked(glance, bring):
    run, _changed = bring(WEB, {**FILE, "uri": "https://me:hidden@images.lan/disk"})
    assert run.returncode == 2
    assert "file in glance_images should have either uri or src, found uri and src" in run.stdout
    assert "hidden" not in run.stdout + run.stderr
    assert glance.asked == []


def test_the_playbook_refuses_wrong_images(tmp_path):
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {host: {**variables, "glance_images": [{**FILE, "keep": -1}]} for host in ("a", "b")}
    (tmp_path / "hosts.json").write_text(json.dumps({"glance_api": {"hosts": hosts}}))
    run = play(f"--inventory={tmp_path}/hosts.json", "--check", f"{PROJECT}/playbooks/images.yml")
    assert run.returncode == 2, run.stdout + run.stderr
    # One host brings them for all.
    (told,) = re.findall(r"^fatal: \[(\w)\]: (.*)$", run.stdout, re.MULTILINE)
    assert told[0] == "a"
    assert "keep of file in glance_images should be 0 or more, found -1" in told[1]
