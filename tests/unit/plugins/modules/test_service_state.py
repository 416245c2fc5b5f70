import base64
import http.server
import json
import os
import threading

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import config_set

# Keeps the state of one unit in files beside itself; a "start" runs with the configuration that it finds.
SYSTEMCTL = """#!/bin/sh
cd "$(dirname "$0")"
[ "$1" = show ] || echo "$*" >> calls
case "$*" in *--now*|restart*) [ ! -e refuses ] || { cat refuses >&2; exit 1; } ;; esac
case "$*" in
    show*) cat unit ;;
    daemon-reload) sed -i s/NeedDaemonReload=yes/NeedDaemonReload=no/ unit ;;
    reset-failed*) sed -i s/ActiveState=failed/ActiveState=inactive/ unit ;;
    disable*) sed -i -e s/ActiveState=.*/ActiveState=inactive/ -e s/UnitFileState=.*/UnitFileState=disabled/ unit ;;
    enable*|restart*) sed -i -e s/UnitFileState=.*/UnitFileState=enabled/ unit ;;
esac
case "$*" in
    disable*) : > running ;;
    *--now*|restart*) sed -i s/ActiveState=.*/ActiveState=active/ unit; cp etc/conf running ;;
esac
"""
JOURNALCTL = """#!/bin/sh
cd "$(dirname "$0")"
case "$*" in *--show-cursor*) echo '-- cursor: s=1' ;; *after-cursor=s=1*) cat journal ;; esac
"""


class Host:
    """A host with one service that answers according to the configuration that it was last started with."""

    def __init__(self, folder, url, run_module):
        self.folder, self.url, self.run_module = folder, url, run_module
        (folder / "etc").mkdir()
        for name, text in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        self.record = str(folder / "sets" / "glance-api.json")
        self.unit()
        self.write("journal", "")

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def unit(self, load="loaded", active="active", enabled="enabled", reload="no", restarts=0):
        self.write(
            "unit",
            f"LoadState={load}\nActiveState={active}\nUnitFileState={enabled}\nNRestarts={restarts}\n"
            f"Result=exit-code\nNeedDaemonReload={reload}\n",
        )

    def configure(self, text):
        """Put a configuration in place as config_files does."""
        path = str(self.folder / "etc" / "conf")
        owner = {"uid": os.geteuid(), "gid": os.getegid(), "mode": 0o600}
        content = base64.b64encode(text.encode()).decode()
        wanted = [{"path": path, "kind": "file", "content": content, **owner}]
        config_set.swap(wanted, config_set.compare(wanted, config_set.load_record(self.record)), self.record)

    @property
    def calls(self):
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def state(self):
        return config_set.load_record(self.record)["state"]

    def run(self, state, check_mode=False, **options):
        defaults = {"health_url": self.url, "health_timeout": 0 if state == "restarted" else 5}
        options = {**defaults, "record_directory": os.path.dirname(self.record), **options}
        options = {key: value for key, value in options.items() if value is not None}
        return self.run_module("service_state", check_mode, name="glance-api", state=state, **options)


ANSWERS = {"good": (200, b"OK"), "drained": (503, b"DISABLED BY FILE"), "bad": (500, b""), "": (502, b"")}


@pytest.fixture
def host(tmp_path, monkeypatch, run_module):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            running = tmp_path / "running"
            status, body = ANSWERS[running.read_text().split("=")[0] if running.exists() else ""]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *dummy):
            pass

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        host = Host(tmp_path, f"http://127.0.0.1:{server.server_port}/healthcheck", run_module)
        host.configure("good=1")
        config_set.confirm(host.record)
        host.write("running", "good=1")
        yield host
        server.shutdown()
        thread.join()


def test_a_service_that_runs_and_answers_is_left_alone(host):
    result = host.run("started")
    assert (result["changed"], result["health"], result["drained"]) == (False, "200 OK", False)
    assert host.calls == []


@pytest.mark.parametrize(
    ("unit", "calls"),
    [
        ({"active": "inactive", "enabled": "disabled"}, ["enable --now glance-api.service"]),
        ({"active": "failed"}, ["enable --now glance-api.service"]),
        ({"active": "active", "enabled": "disabled"}, ["enable --now glance-api.service"]),
        ({"active": "inactive", "reload": "yes"}, ["daemon-reload", "enable --now glance-api.service"]),
    ],
)
def test_a_service_that_does_not_run_is_started(host, unit, calls):
    host.unit(**unit)
    host.write("running", "")
    assert host.run("started", check_mode=True)["changed"] is True
    assert host.calls == []
    result = host.run("started")
    assert (result["changed"], result["health"]) == (True, "200 OK")
    assert host.calls == calls
    assert host.run("started")["changed"] is False


def test_a_changed_unit_file_of_a_running_service_is_read_anew(host):
    host.unit(reload="yes")
    assert host.run("started")["changed"] is False
    assert host.calls == ["daemon-reload"]


def test_a_service_out_of_rotation_counts_as_one_that_answers(host):
    host.write("running", "drained")
    result = host.run("started")
    assert (result["changed"], result["drained"], result["health"]) == (False, True, "503 Service Unavailable")


def test_a_service_that_does_not_answer_is_named_with_the_way_to_its_journal(host):
    host.write("running", "bad")
    result = host.run("started", health_timeout=0)
    assert result["msg"] == (
        f"glance-api should run and answer, found: GET {host.url} should answer 200 within 0 s, "
        "found: 500 Internal Server Error. See 'journalctl -u glance-api' on this host."
    )
    assert result["restored"] is False


def test_a_start_that_systemd_refuses_gives_systemds_words(host):
    host.unit(active="inactive")
    host.write("refuses", "Failed to enable unit: Unit glance-api.service is masked.")
    assert (
        "found: 'systemctl enable --now glance-api.service' failed: Failed to enable unit: "
        in (host.run("started")["msg"])
    )


@pytest.mark.parametrize("active", ["active", "inactive", "failed"])
def test_a_restart_confirms_the_new_configuration(host, active):
    host.unit(active=active)
    host.configure("good=2")
    assert host.state == config_set.SWAPPED
    result = host.run("restarted")
    assert (result["changed"], result["health"]) == (True, "200 OK")
    assert (host.folder / "running").read_text() == "good=2"
    assert host.state == config_set.RUNNING
    reset = ["reset-failed glance-api.service"] if active != "inactive" else []
    assert host.calls == ["daemon-reload", *reset, "enable glance-api.service", "restart glance-api.service"]


def test_a_start_confirms_the_configuration_too(host):
    host.unit(active="inactive")
    host.configure("good=2")
    host.run("started")
    assert host.state == config_set.RUNNING


def test_a_service_that_ran_before_does_not_confirm_what_came_since(host):
    host.configure("good=2")
    assert host.run("started")["changed"] is False
    assert host.state == config_set.SWAPPED


def test_a_restart_without_an_answer_brings_the_configuration_before_back(host):
    host.configure("bad")
    host.write(
        "journal",
        "\n".join(f"line {number}" for number in range(20))
        + "\nconnecting to mysql://glance:hunter2@db/glance\n"
        + "sqlalchemy.exc.OperationalError: (1045, 'no') password=hunter2 on mysql://glance:hunter2@db.\n",
    )
    result = host.run("restarted")
    assert result["failed"] is True
    assert result["restored"] is True
    assert result["msg"] == (
        "glance-api should restart with its new configuration and answer, found: sqlalchemy.exc.OperationalError: "
        "(1045, 'no') password=******** on mysql://********@db. "
        "The configuration of before is back and the service answers with it."
    )
    assert result["journal"][-2] == "connecting to mysql://********@db/glance"
    assert len(result["journal"]) == 15
    assert "hunter2" not in json.dumps(result)
    assert (host.folder / "etc" / "conf").read_text() == "good=1"
    assert (host.folder / "running").read_text() == "good=1"
    assert host.state == config_set.RUNNING
    assert host.calls.count("restart glance-api.service") == 2


def test_a_service_that_does_not_answer_with_the_configuration_before_either(host):
    host.configure("bad")
    host.write("refuses", "Job for glance-api.service failed.")
    result = host.run("restarted")
    assert result["restored"] is True
    assert result["msg"] == (
        "glance-api should restart with its new configuration and answer, found: 'systemctl restart "
        "glance-api.service' failed: Job for glance-api.service failed. The configuration of before is back, but the "
        "service does not answer with it either: 'systemctl restart glance-api.service' failed: Job for "
        "glance-api.service failed."
    )
    assert host.state == config_set.SWAPPED


@pytest.mark.parametrize("record", ["none", "confirmed"])
def test_a_restart_without_a_configuration_to_go_back_to(host, record):
    if record == "none":
        config_set.forget(host.record)
    host.write("etc/conf", "bad")
    result = host.run("restarted")
    assert result["restored"] is False
    assert result["msg"].endswith("There is no configuration of before to go back to.")
    assert (host.folder / "etc" / "conf").read_text() == "bad"


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ("bad", "The configuration of before could not be brought back: {} is not a record"),
        ("good=1", "glance-api runs and answers, but that could not be noted: {} is not a record"),
    ],
)
def test_a_broken_record_gives_a_sentence(host, conf, expected):
    host.write("sets/glance-api.json", "{")
    host.write("etc/conf", conf)
    result = host.run("restarted")
    assert result["restored"] is False
    assert expected.format(host.record) in result["msg"]


def test_a_restart_in_check_mode_changes_nothing(host):
    host.configure("bad")
    result = host.run("restarted", check_mode=True)
    assert result["changed"] is True
    assert host.calls == []
    assert host.state == config_set.SWAPPED


@pytest.mark.parametrize(
    ("unit", "changed"),
    [
        ({}, True),
        ({"active": "activating", "enabled": "disabled"}, True),
        ({"active": "inactive"}, True),
        ({"active": "failed", "enabled": "disabled"}, False),
        ({"active": "inactive", "enabled": "disabled"}, False),
        ({"load": "not-found", "active": "inactive", "enabled": ""}, False),
    ],
)
def test_stopping(host, unit, changed):
    host.unit(**unit)
    assert host.run("stopped", check_mode=True)["changed"] is changed
    assert host.calls == []
    assert host.run("stopped", health_url=None)["changed"] is changed
    assert host.calls == (["disable --now glance-api.service"] if changed else [])


def test_a_stop_that_fails_gives_systemds_words(host):
    host.write("refuses", "Access denied")
    assert host.run("stopped")["msg"] == (
        "glance-api should be stopped: 'systemctl disable --now glance-api.service' failed: Access denied."
    )


@pytest.mark.parametrize("state", ["started", "restarted"])
def test_a_health_url_is_needed(host, state):
    assert "health_url" in host.run(state, health_url=None)["msg"]
    assert host.calls == []
