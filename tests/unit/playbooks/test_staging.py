"""The timer of imports as the role puts it on a host: where its unit may write, and what it runs."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

PROJECT = pathlib.Path(__file__).parents[3]
# Answers as systemd does, of units that are there and run.
SYSTEMCTL = """#!/bin/sh
shift
for unit; do
  case $unit in --*) continue ;; esac
  printf '%s\\n' LoadState=loaded ActiveState=active SubState=waiting UnitFileState=enabled FragmentPath=/ \\
    NeedDaemonReload=no NRestarts=0 Result=success InvocationID= ExecMainStatus=0 ''
done
"""
PROGRAMS = ["image_audit.py", "pending_images.py", "stored_objects.py"]
UNITS = ["glance-staging.service", "glance-staging.timer"]


@pytest.fixture
def put(tmp_path):
    """Do a dry run of what manages the timer on this machine; gives the texts of files by name."""
    program = tmp_path / "systemctl"
    program.write_text(SYSTEMCTL)
    program.chmod(0o755)

    def put(**variables):
        given = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "glance_database_password": "password",
            **variables,
        }
        role = {"name": "glanceops.image_service.api", "tasks_from": "staging"}
        play = {
            "hosts": "all",
            "gather_facts": False,
            "environment": {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            # A host that site.yml has looked at, and that has no timer.
            "vars": {"__glance_host": {"deployed": []}},
            "tasks": [{"ansible.builtin.import_role": role}],
        }
        (tmp_path / "play.json").write_text(json.dumps([play]))
        done = subprocess.run(
            [
                *("ansible-playbook", "--inventory=host,", "--check", "--diff"),
                f"--extra-vars={json.dumps(given)}",
                str(tmp_path / "play.json"),
            ],
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".ansible/collections")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        texts = re.split(r"^\+\+\+ after: /\S+/", done.stdout, flags=re.MULTILINE)[1:]
        files = {}
        for text in texts:
            name, *lines = text.splitlines()
            files[name.strip()] = "\n".join(line[1:] for line in lines if line.startswith("+"))
        return files

    return put


def option(unit, name):
    (value,) = re.findall(rf"^{name} ?= ?(.*)$", unit, re.MULTILINE)
    return shlex.split(value)


def test_the_unit_writes_to_the_folders_of_imports_alone(put):
    files = put()
    assert sorted(files.keys() - {"libexec"}) == sorted(PROGRAMS + UNITS)
    unit = files["glance-staging.service"]
    assert option(unit, "ReadWritePaths") == ["-/var/lib/glance/staging", "-/var/lib/glance/tasks"]
    program, *arguments = option(unit, "ExecStart")
    assert program == "/opt/glance/libexec/pending_images.py"
    assert arguments == ["--config-file=/etc/glance/glance-api.conf", "staged"]


def test_the_unit_goes_by_the_variables_of_the_api_and_the_scrubber(put):
    staging = {"os_glance_staging_store": {"filesystem_store_datadir": "/srv/staging"}}
    unit = put(glance_api_config=staging, glance_scrubber_stuck_after=604800)["glance-staging.service"]
    assert option(unit, "ReadWritePaths") == ["-/srv/staging", "-/var/lib/glance/tasks"]
    assert option(unit, "ExecStart")[-1] == "--stuck-after=604800"


def test_an_api_that_asks_a_registry_has_no_timer(put):
    assert put(glance_release="ussuri", glance_registry_host="192.0.2.9") == {}
