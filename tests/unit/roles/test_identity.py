"""The role identity against a Keystone on loopback, as a playbook runs it."""

import contextlib
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml
from fake_keystone import FakeKeystone

PROJECT = pathlib.Path(__file__).parents[3]
SECRET = " \"$1'hushed%$ "
URL = "http://image.example.com:9292"
PLAY = [
    {"ansible.builtin.import_role": {"name": "glanceops.image_service.identity", "tasks_from": "check"}},
    {"ansible.builtin.import_role": {"name": "glanceops.image_service.identity"}},
    {"ansible.builtin.import_role": {"name": "glanceops.image_service.identity", "tasks_from": "revoke"}},
]


@pytest.fixture
def keystone():
    with contextlib.closing(FakeKeystone()) as fake:
        yield fake


@pytest.fixture
def deploy(keystone, tmp_path):
    """Run the entry points check, main and retire, with -vvv; gives return code, number of changes and output."""

    def run(*arguments, **variables):
        host = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "glance_auth": "keystone",
            "glance_keystone_url": keystone.url,
            "glance_keystone_password": SECRET,
            "glance_identity_admin": {"user": "admin", "password": "adm'in\"\\"},
            "glance_identity_public_url": URL,
            "glance_allow_untested_platform": True,
            **variables,
        }
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"keystone1": host}}}))
        tasks = [{"name": "Run an entry point", **task} for task in PLAY]
        (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        command = ["ansible-playbook", "-vvv", "-i", tmp_path / "hosts.yml", tmp_path / "play.yml", *arguments]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        output = ended.stdout + ended.stderr
        assert [word for word in ("hushed%", "adm'in", "gAAAA") if word in output] == []
        changed = re.search(r"^keystone1 .*changed=(\d+)", output, re.MULTILINE)
        assert changed, output
        return ended.returncode, int(changed[1]), output

    return run


def asks(output):
    return len(re.findall(r"Using module file \S+/keystone_service\.py", output))


def test_check_mode_tells_what_lacks_and_a_run_makes_it_once(keystone, deploy):
    code, changed, output = deploy("--check")
    assert (code, changed, keystone.sent) == (0, 1, []), output
    assert f"Keystone lacks a token for glance, the role service, the role admin, public endpoint {URL}" in " ".join(
        output.split()
    )
    code, changed, output = deploy()
    assert (code, changed) == (0, 1), output
    assert keystone.only("users", name="glance")["password"] == SECRET
    assert [one["interface"] for one in keystone.things["endpoints"]] == ["public", "internal"]
    keystone.logins.clear()
    code, changed, output = deploy()
    assert (code, changed, asks(output), keystone.logins) == (0, 0, 1, [("glance", "service")]), output


def test_a_retired_user_is_removed_when_no_host_waits(keystone, deploy):
    keystone.put("users", name="old", domain_id="default", password="x")
    retired = {"glance_identity_retired_users": ["old"]}
    code, changed, output = deploy(**retired, glance_identity_waiting_hosts=["api1"])
    assert (code, changed) == (0, 1), output
    assert "old: left in Keystone, since these hosts were not deployed in this run: api1" in output
    code, changed, output = deploy("--check", **retired)
    assert (code, changed) == (0, 1), output
    assert keystone.named("users", name="old")
    code, changed, output = deploy(**retired)
    assert (code, changed) == (0, 1), output
    assert "old: removed from Keystone." in output
    assert keystone.named("users", name="old") is None


def test_what_keystone_can_not_have_is_refused_before_any_change(keystone, deploy):
    keystone.put("users", name="glance", domain_id="default", password="another")
    code, changed, output = deploy(glance_identity_region="Nowhere")
    assert (code != 0, changed, keystone.sent) == (True, 0, []), output
    output = " ".join(output.split())
    assert "glance_identity_region should be a region that Keystone has, found Nowhere" in output
    assert "glance_keystone_password should be the one that Keystone has for glance" in output
