"""What the service, and whoever takes it over, can do to its host."""

from __future__ import annotations

import json
import re

import pytest

testinfra_hosts = ["ansible://glance_api"]

ATTEMPTS = [
    "touch /etc/glance/api-paste.ini",
    "echo debug = true >>/etc/glance/glance-api.conf",
    "cp /dev/null /etc/glance/policy.yaml",
    "mv /etc/glance/glance-api.conf /etc/glance/old.conf",
    "rm -f /etc/glance/glance-uwsgi.ini",
    "ln -sfn /tmp /opt/glance/current",
    "touch /opt/glance/current/bin/python3",
    "touch $(echo /opt/glance/current/lib/python3*/site-packages)/sitecustomize.py",
    "touch /var/lib/glance/file",
    "mv /var/lib/glance/images /var/lib/glance/gone",
]
SECRET_OPTIONS = """
import json
from importlib.metadata import entry_points

names, failed = set(), []
for entry in entry_points(group="oslo.config.opts"):
    try:
        groups = entry.load()()
    except ImportError as error:
        failed.append(f"{entry.name}: {error}")
        continue
    for _group, options in groups:
        for option in options:
            if option.secret:
                names.update([option.name, option.dest, *(old.name for old in option.deprecated_opts if old.name)])
print(json.dumps({"names": sorted(names), "failed": failed}))
"""


def as_user(user, command, host):
    return host.run("runuser -u %s -- sh -c %s", user, command)


def test_service_user_can_write_neither_configuration_nor_programs(host):
    writable = host.run("runuser -u glance -- find /etc/glance /opt/glance ! -type l -writable").stdout
    assert writable == ""
    # Folders that the user can't enter are not seen above.
    owned = "-user glance -o -group glance -perm -0020 -o -perm -0002"
    assert host.check_output(f"find /etc/glance /opt/glance ! -type l '(' {owned} ')'") == ""
    # The control: the same questions have an answer where the service may write.
    assert host.run("runuser -u glance -- find /var/lib/glance/images -writable").stdout


def test_service_user_is_refused_any_attempt_to_take_over(host, service):
    before = service.state()
    tried = [as_user("glance", attempt, host) for attempt in ATTEMPTS]
    assert [each for each in tried if each.rc == 0 or not re.search(r"denied|not permitted", each.stderr)] == []
    assert service.state() == before


def test_service_user_can_write_its_data(host):
    for folder in ("images", "staging", "tasks", "locks"):
        tried = as_user("glance", f"file=$(mktemp /var/lib/glance/{folder}/XXXXXX) && rm $file", host)
        assert tried.rc == 0, tried


@pytest.mark.parametrize("path", ["/etc/glance/glance-api.conf", "/etc/glance/policy.yaml", "/etc/glance"])
def test_configuration_can_be_read_by_the_service_alone(host, path):
    assert as_user("glance", f"test -r {path}", host).rc == 0
    assert as_user("nobody", f"test -r {path}", host).rc != 0


def test_images_and_records_cannot_be_read_by_others(host):
    assert as_user("nobody", "ls /var/lib/glance/images; mariadb glance --execute 'SHOW TABLES'", host).stdout == ""


def test_secret_files_have_narrow_modes(host):
    found = host.check_output("find /etc/glance -printf '%m %u:%g %P\\n'").splitlines()
    modes = {path: (mode, owner) for mode, owner, path in (line.split(" ") for line in found)}
    assert modes.pop("") == ("750", "root:glance")
    assert modes.pop(".sets") == ("700", "root:root")
    records = {path for path in modes if path.startswith(".sets/")}
    assert records
    assert {modes.pop(path) for path in records} == {("600", "root:root")}
    assert {"glance-api.conf", "glance-uwsgi.ini", "policy.yaml"} <= set(modes)
    assert set(modes.values()) == {("640", "root:glance")}


def test_processes_run_as_the_service_user_without_capabilities(host):
    members = host.run("grep -l /glance-api.service /proc/[0-9]*/cgroup").stdout
    processes = re.findall(r"/proc/(\d+)/", members)
    assert len(processes) > 1
    uid = host.user("glance").uid
    assert uid != 0
    for process in processes:
        status = dict(re.findall(r"^(\w+):\s+(.*)$", host.check_output(f"cat /proc/{process}/status"), re.MULTILINE))
        assert status["Uid"].split() == [str(uid)] * 4
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert status["NoNewPrivs"] == "1"


def test_unit_is_hardened(host):
    output = host.check_output("systemd-analyze security --no-pager glance-api")
    exposure = re.search(r"Overall exposure level for glance-api.service: ([\d.]+)", output)
    assert exposure, output
    assert float(exposure[1]) <= 1.5


def test_every_secret_option_of_the_libraries_is_taken_for_one(host):
    from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import is_secret_option

    found = json.loads(host.check_output("/opt/glance/current/bin/python -W ignore -c %s", SECRET_OPTIONS))
    assert {"password", "metadata_encryption_key", "transport_url", "connection"} <= set(found["names"])
    assert [name for name in found["names"] if not is_secret_option(name)] == [], found["failed"]
