"""What takes a service away goes by its units alone: addresses and certificates may be gone before."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

PROJECT = pathlib.Path(__file__).parents[3]
# Answers as systemd does, of units that run, and notes what it was asked.
SYSTEMCTL = """#!/bin/sh
echo "$@" >> {folder}/asked
shift
for unit; do
  case $unit in --*) continue ;; esac
  printf '%s\\n' ActiveState=active UnitFileState=enabled FragmentPath=/ NeedDaemonReload=no ''
done
"""
GONE = "{{ lookup('ansible.builtin.file', '/nonexistent/of-the-host.pem') }}"
STOPS = [
    ("api", "uninstall", ["glance-api.service", "glance-proxy.service"]),
    ("api", "stop", ["glance-api.service", "glance-proxy.service"]),
    ("api", "cache_uninstall", ["glance-cache.service", "glance-cache.timer"]),
    ("api", "staging_uninstall", ["glance-staging.service", "glance-staging.timer"]),
    ("purge", "uninstall", ["glance-purge-check.service", "glance-purge.service", "glance-purge.timer"]),
    ("registry", "uninstall", ["glance-registry.service"]),
    (
        "scrubber",
        "uninstall",
        [
            "glance-scrubber-check.service",
            "glance-scrubber-check.timer",
            "glance-scrubber.service",
            "glance-scrubber.timer",
        ],
    ),
    ("loadbalancer", "uninstall", ["haproxy.service", "keepalived.service"]),
]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Run what takes each service away, as a dry run on this machine; gives the units of each."""
    folder = tmp_path_factory.mktemp("stops")
    program = folder / "systemctl"
    program.write_text(SYSTEMCTL.format(folder=folder))
    program.chmod(0o755)
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "glance_api_bind_address": "{{ ansible_facts.default_ipv4.address }}",
        "glance_registry_bind_address": "{{ ansible_facts.default_ipv4.address }}",
        "glance_tls_ca": GONE,
        "glance_tls_certificate": GONE,
        "glance_tls_key": GONE,
    }
    plays = [
        {
            "hosts": "all",
            "gather_facts": False,
            "environment": {"PATH": f"{folder}:{os.environ['PATH']}"},
            "tasks": [
                {"ansible.builtin.import_role": {"name": f"glanceops.image_service.{role}", "tasks_from": entry}}
            ],
        }
        for role, entry, _units in STOPS
    ]
    (folder / "plays.json").write_text(json.dumps(plays))
    done = subprocess.run(
        [
            "ansible-playbook",
            "--inventory=host,",
            "--check",
            f"--extra-vars={json.dumps(variables)}",
            str(folder / "plays.json"),
        ],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".ansible/collections")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(set(re.findall(r"\S+\.(?:service|timer)", (folder / "asked").read_text())))


def test_a_service_is_stopped_whatever_became_of_its_addresses_and_certificates(stopped):
    assert stopped == sorted({unit for _role, _entry, units in STOPS for unit in units})
