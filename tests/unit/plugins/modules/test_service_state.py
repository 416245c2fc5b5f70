import base64
import http.server
import json
import os
import threading

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import config_set

# Keeps the state of units in files beside itself; a "start" runs with the configuration that it finds. File on-start
# says how a run of a one-shot unit ends, on-show and on-restart what else happens.
SYSTEMCTL = """#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> asked
[ "$1" = show ] || echo "$*" >> calls
case "$*" in *--now*|restart*|reload-or-restart*) [ ! -e refuses ] || { cat refuses >&2; exit 1; } ;; esac
put() { [ ! -e "units/$unit" ] || sed -i "s/^$1=.*/$1=$2/" "units/$unit"; }
ends() {
    put ExecMainStatus "$1"; put Result "$2"; put ActiveState "$3"; put InvocationID "$(wc -l < asked)"
    [ "$3" != failed ] || { echo "Job for $unit failed." >&2; exit 1; }
}
verb=$1
shift
[ "$verb" != daemon-reload ] || sed -i s/NeedDaemonReload=yes/NeedDaemonReload=no/ units/*
[ "$verb" != show ] || . ./on-show
case "$*" in *--now*) now=yes ;; *) now= ;; esac
for unit; do
    case $verb$now:$unit in
        *:-*) continue ;;
        show:*) [ -z "$second" ] || echo; second=yes; cat "units/$unit" 2>/dev/null || cat not-found ;;
        reset-failed:*) put ActiveState inactive ;;
        start:*) [ -e "units/$unit" ] || { echo "Unit $unit not found." >&2; exit 5; }; . ./on-start ;;
        stop:*) ! grep -q ActiveState=inactive "units/$unit" || exit 5; put ActiveState inactive ;;
        disable:*) echo "Unit file $unit does not exist." >&2; exit 1 ;;
        disableyes:*) put ActiveState inactive; put UnitFileState disabled; : > running ;;
        enable:*) put UnitFileState enabled ;;
        enableyes:*|restart:*|reload-or-restart:*)
            put UnitFileState enabled; put ActiveState active; put NRestarts 0; cp etc/conf running; . ./on-restart ;;
    esac
done
"""
JOURNALCTL = """#!/bin/sh
cd "$(dirname "$0")"
case "$*" in
    *--show-cursor*) echo '-- cursor: s=1' ;;
    *--sync*) : > synced ;;
    *"--since=Sun 2026-11-22 01:02:03 UTC _SYSTEMD_UNIT=$(cat checker)") cat said ;;
    *"-u $(cat checker)"*after-cursor=s=1*) cat journal said ;;
    *after-cursor=s=1*) cat journal ;;
esac
"""


class Host:
    """A host with one service that answers according to the configuration that it was last started with."""

    def __init__(self, folder, url, run_module):
        self.folder, self.url, self.run_module, self.warnings = folder, url, run_module, []
        (folder / "etc").mkdir()
        (folder / "units").mkdir()
        for name, text in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        self.record = str(folder / "sets" / "glance-api.json")
        self.unit()
        self.unit("../not-found", load="not-found", active="inactive", enabled="")
        for name in ("journal", "said", "on-show", "on-restart"):
            self.write(name, "")
        self.write("checker", "no-unit")
        self.write("on-start", "ends 0 success inactive")

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def unit(self, name="glance-api.service", load="loaded", active="active", enabled="enabled", reload="no", **more):
        others = {"NRestarts": 0, "Result": "exit-code", "ExecMainStatus": 0, "InvocationID": "", "Type": "simple"}
        others["FragmentPath"] = self.folder / "units" / name
        others |= {"InactiveExitTimestamp": "Sun 2026-11-22 01:02:03 UTC", **more}
        self.write(
            f"units/{name}",
            f"LoadState={load}\nActiveState={active}\nUnitFileState={enabled}\nNeedDaemonReload={reload}\n"
            + "".join(f"{key}={value}\n" for key, value in others.items()),
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
    def asked(self):
        return (self.folder / "asked").read_text().splitlines()

    @property
    def state(self):
        return config_set.load_record(self.record)["state"]

    def run(self, state, check_mode=False, **options):
        by_url = {"health_url": self.url, "health_timeout": 0 if state == "restarted" else 5}
        defaults = {"name": "glance-api", **({"health_timeout": 60} if "health_unit" in options else by_url)}
        options = {**defaults, "record_directory": os.path.dirname(self.record), **options}
        options = {key: value for key, value in options.items() if value is not None}
        return self.run_module("service_state", check_mode, state=state, **options)


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
        monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: host.warnings.append(text))
        yield host
        server.shutdown()
        thread.join()


def test_a_service_that_runs_and_answers_is_left_alone(host):
    result = host.run("started")
    assert (result["changed"], result["health"], result["drained"]) == (False, "200 OK", False)
    assert host.calls == []
    assert len(host.asked) == 1


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
        "The previous configuration is restored and the service answers with it."
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
        "glance-api.service' failed: Job for glance-api.service failed. The previous configuration is restored, but "
        "the service does not answer with it either: 'systemctl restart glance-api.service' failed: Job for "
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
    assert result["msg"].endswith("There is no previous configuration to restore.")
    assert (host.folder / "etc" / "conf").read_text() == "bad"


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ("bad", "The previous configuration could not be restored: {} is not a record"),
        ("good=1", "glance-api runs and answers, but that could not be noted: {} is not a record"),
    ],
)
def test_a_broken_record_gives_a_sentence(host, conf, expected):
    host.write("sets/glance-api.json", "{")
    host.write("etc/conf", conf)
    result = host.run("restarted")
    assert result["restored"] is False
    assert expected.format(host.record) in result["msg"]


def test_a_reload_confirms_the_new_configuration(host):
    host.configure("good=2")
    result = host.run("reloaded")
    assert (result["changed"], result["health"]) == (True, "200 OK")
    assert host.calls[-1] == "reload-or-restart glance-api.service"
    assert (host.folder / "running").read_text() == "good=2"
    assert host.state == config_set.RUNNING


def test_a_reload_without_an_answer_brings_the_configuration_before_back(host):
    host.configure("bad")
    result = host.run("reloaded", health_timeout=0)
    assert result["msg"].startswith("glance-api should reload with its new configuration and answer, found: GET ")
    assert result["restored"] is True
    assert (host.folder / "running").read_text() == "good=1"
    assert host.calls.count("reload-or-restart glance-api.service") == 2


@pytest.mark.parametrize("text", ["good=2", "bad"])
def test_a_restart_puts_the_service_into_rotation_again(host, text):
    host.write("healthcheck_disable", "")
    host.configure(text)
    result = host.run("restarted", drain_file=str(host.folder / "healthcheck_disable"))
    assert bool(result.get("failed")) == (text == "bad")
    assert not (host.folder / "healthcheck_disable").exists()


def test_a_service_that_was_in_rotation_is_restarted_as_well(host):
    assert host.run("restarted", drain_file=str(host.folder / "none"))["changed"] is True


def test_a_start_leaves_a_drained_service_alone(host):
    host.write("healthcheck_disable", "")
    host.run("started", drain_file=str(host.folder / "healthcheck_disable"))
    assert (host.folder / "healthcheck_disable").exists()


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
@pytest.mark.parametrize(
    ("health", "expected"),
    [
        ({"health_url": None}, "state is {} but any of the following are missing: health_url, health_unit"),
        (
            {"health_url": "http://127.0.0.1/", "health_unit": "x.service"},
            "parameters are mutually exclusive: health_url|health_unit",
        ),
    ],
)
def test_either_a_health_url_or_a_health_unit_is_needed(host, state, health, expected):
    assert host.run(state, **health)["msg"] == expected.format(state)
    assert host.calls == []


def test_each_unit_of_a_service_with_a_url_is_started_and_watched(host):
    host.unit("glance-api.timer", enabled="disabled", active="inactive")
    host.write("etc/conf", "bad")
    host.write("on-restart", "put ActiveState failed")
    assert host.run("started", units=["glance-api.service", "glance-api.timer"])["msg"] == (
        "glance-api should run and answer, found: glance-api.timer ended while starting (exit-code). "
        "See 'journalctl -u glance-api -u glance-api.timer' on this host."
    )
    assert host.calls == ["enable --now glance-api.timer"]


@pytest.mark.parametrize(("proxy", "restarted"), [("active", "x.service"), ("inactive", "x.service p.service")])
def test_a_restart_leaves_a_kept_unit_alone_if_it_runs(host, proxy, restarted):
    host.unit("x.service")
    host.unit("p.service", active=proxy)
    result = host.run("restarted", units=["x.service", "p.service"], kept_units=["p.service"])
    assert result["changed"] is True
    assert f"restart {restarted}" in host.calls


def test_a_service_of_which_only_a_part_was_started_does_not_confirm_what_came_since(host):
    host.unit("glance-api.timer", active="inactive")
    host.configure("good=2")
    assert host.run("started", units=["glance-api.service", "glance-api.timer"])["changed"] is True
    assert host.state == config_set.SWAPPED


SCRUB, TIMER, CHECK, CHECK_TIMER = (
    "glance-scrubber.service",
    "glance-scrubber.timer",
    "glance-scrubber-check.service",
    "glance-scrubber-check.timer",
)
MODES = {
    "timer": {"units": [TIMER], "stopped_units": [SCRUB, CHECK_TIMER], "health_unit": SCRUB},
    "daemon": {"units": [SCRUB, CHECK_TIMER], "stopped_units": [TIMER], "health_unit": CHECK},
}
ONE_SHOT = {"active": "inactive", "enabled": "static", "Type": "oneshot", "Result": "success"}


@pytest.fixture(params=list(MODES))
def scrubber(request, host):
    """A service without URL in one of the ways to run it, well and with the check run once."""
    return set_up(host, request.param)


def set_up(host, mode):
    host.record = host.record.replace("glance-api", "glance-scrubber")
    host.configure("good=1")
    config_set.confirm(host.record)
    host.options = {"name": "glance-scrubber", **MODES[mode]}
    host.check = MODES[mode]["health_unit"]
    for name in MODES[mode]["units"]:
        host.unit(name, Result="success")
    host.unit(host.check, **ONE_SHOT, InvocationID="1")
    host.write("checker", host.check)
    return host


def test_a_well_service_without_url_is_left_alone_with_one_question(scrubber):
    result = scrubber.run("started", **scrubber.options)
    assert (result["changed"], result["health"], result["drained"]) == (False, "succeeded", False)
    assert scrubber.warnings == []
    assert scrubber.calls == []
    assert len(scrubber.asked) == 1


@pytest.mark.parametrize(
    ("check", "health"),
    [
        ({}, "has not run yet"),
        ({"InvocationID": 1, "active": "activating", "Result": "exit-code", "ExecMainStatus": 1}, "runs at the moment"),
        ({"InvocationID": 1, "active": "failed", "Result": "exit-code", "ExecMainStatus": 75}, "left"),
        ({"InvocationID": 1, "ExecMainStatus": 75}, "left"),
        # The API was being restarted when the timer started it.
        ({"InvocationID": 1, "Result": "exec-condition"}, "was skipped"),
    ],
)
def test_the_last_run_of_the_check_counts(scrubber, check, health):
    scrubber.unit(scrubber.check, **{**ONE_SHOT, **check})
    scrubber.write("said", "looking at mysql://glance:hunter2@db\n2 images are left in mysql://glance:hunter2@db.\n")
    result = scrubber.run("started", **scrubber.options)
    left = health == "left"
    reason = "2 images are left in mysql://********@db"
    assert (result["changed"], result["health"]) == (False, f"left work behind: {reason}" if left else health)
    assert scrubber.warnings == ([f"glance-scrubber works, but left work behind: {reason}."] if left else [])
    assert scrubber.calls == []


@pytest.mark.parametrize(
    ("check", "calls"),
    [
        ({"active": "failed", "Result": "exit-code", "ExecMainStatus": 1}, ["start"]),
        ({"active": "failed", "Result": "timeout", "ExecMainStatus": 75}, ["start"]),
        ({"active": "failed", "Result": "signal", "ExecMainStatus": 15, "reload": "yes"}, ["daemon-reload", "start"]),
    ],
)
def test_a_check_that_failed_is_run_again(scrubber, check, calls):
    scrubber.unit(scrubber.check, **{**ONE_SHOT, "InvocationID": 1, **check})
    result = scrubber.run("started", **scrubber.options)
    assert (result["changed"], result["health"]) == (False, "succeeded")
    assert [call.split()[0] for call in scrubber.calls] == calls


@pytest.mark.parametrize(
    ("units", "calls"),
    [
        ({TIMER: {"active": "inactive"}}, [f"enable --now {TIMER}"]),
        ({TIMER: {"enabled": "disabled"}}, [f"enable --now {TIMER}"]),
        ({SCRUB: {"enabled": "enabled"}}, [f"disable --now {SCRUB}"]),
        (
            {SCRUB: {"enabled": "enabled"}, CHECK_TIMER: {}, TIMER: {"active": "failed", "reload": "yes"}},
            [f"disable --now {SCRUB} {CHECK_TIMER}", "daemon-reload", f"enable --now {TIMER}"],
        ),
        # Started by the timer, or by hand.
        ({SCRUB: {**ONE_SHOT, "active": "activating", "InvocationID": 2}}, []),
        ({CHECK_TIMER: {"enabled": "disabled"}}, []),
    ],
)
def test_units_are_started_and_resting_ones_disabled(host, units, calls):
    set_up(host, "timer")
    for name, unit in units.items():
        host.unit(name, **unit)
    assert host.run("started", check_mode=True, **host.options)["changed"] is bool(calls)
    assert host.calls == []
    assert host.run("started", **host.options)["changed"] is bool(calls)
    assert host.calls == [*calls, *([f"start {SCRUB}"] if calls else [])]
    assert host.run("started", **host.options)["changed"] is False


def test_a_health_unit_that_does_not_exist(host):
    set_up(host, "daemon")
    (host.folder / "units" / CHECK).unlink()
    result = host.run("started", **host.options)
    assert result["msg"] == (
        f"glance-scrubber should run, found: 'systemctl start {CHECK}' failed: Unit {CHECK} not found. "
        "See 'journalctl -u glance-scrubber -u glance-scrubber-check.timer -u glance-scrubber-check' on this host."
    )


@pytest.mark.parametrize("left", [False, True])
def test_a_restart_runs_the_check(scrubber, left):
    scrubber.configure("good=2")
    scrubber.write("said", "2 images are left\n")
    scrubber.write("on-start", "ends 75 exit-code failed" if left else "ends 0 success inactive")
    result = scrubber.run("restarted", **scrubber.options)
    assert (result["changed"], result["health"]) == (
        True,
        "left work behind: 2 images are left" if left else "succeeded",
    )
    assert scrubber.warnings == (["glance-scrubber works, but left work behind: 2 images are left."] if left else [])
    assert (scrubber.folder / "synced").exists() is left
    units = " ".join(scrubber.options["units"])
    assert scrubber.calls == [
        "daemon-reload",
        f"reset-failed {units}",
        f"enable {units}",
        f"restart {units}",
        f"start {scrubber.check}",
    ]
    assert scrubber.state == config_set.RUNNING


def test_a_restart_in_check_mode_asks_nothing(scrubber):
    assert scrubber.run("restarted", check_mode=True, **scrubber.options)["changed"] is True
    assert not (scrubber.folder / "asked").exists()


@pytest.mark.parametrize(
    ("units", "calls"),
    [
        ({SCRUB: {}}, [f"disable --now {SCRUB}"]),
        ({SCRUB: {"active": "inactive"}, CHECK_TIMER: {}}, [f"disable --now {SCRUB} {CHECK_TIMER}"]),
        ({SCRUB: {**ONE_SHOT, "active": "activating"}}, [f"disable --now {SCRUB}", f"reset-failed {SCRUB}"]),
        ({SCRUB: {**ONE_SHOT, "active": "failed"}}, ["daemon-reload", f"reset-failed {TIMER} {SCRUB}"]),
        # As when their files are of another mode now, or gone.
        ({SCRUB: {"reload": "yes"}}, [f"stop {SCRUB}", f"disable --now {SCRUB}"]),
        ({CHECK_TIMER: {"FragmentPath": "/nonexistent"}}, [f"stop {CHECK_TIMER}", f"disable {CHECK_TIMER}"]),
        # A stop of what is not loaded fails.
        ({CHECK_TIMER: {"active": "inactive", "FragmentPath": "/nonexistent"}}, [f"disable {CHECK_TIMER}"]),
        (
            {SCRUB: {}, CHECK_TIMER: {"load": "not-found", "enabled": "", "FragmentPath": ""}},
            [f"stop {CHECK_TIMER}", f"disable {CHECK_TIMER}", f"disable --now {SCRUB}"],
        ),
    ],
)
def test_a_restart_puts_resting_units_to_rest(host, units, calls):
    set_up(host, "timer")
    for name, unit in units.items():
        host.unit(name, **unit)
    host.run("restarted", **host.options)
    assert host.calls[: len(calls)] == calls
    assert host.calls.count("daemon-reload") == 1


def test_a_run_in_progress_does_not_count_after_a_restart(host):
    set_up(host, "daemon")
    host.unit(CHECK, **{**ONE_SHOT, "active": "activating", "InvocationID": 5})
    # Is asked for all states, and then twice while the run lasts.
    host.write("on-show", f"unit={CHECK}; [ $(grep -c ^show asked) != 4 ] || put ActiveState inactive")
    assert host.run("restarted", **host.options)["health"] == "succeeded"
    first = [call.split()[0] for call in host.asked]
    assert first[first.index("restart") :] == ["restart", "show", "show", "show", "start", "show"]


def test_a_run_in_progress_that_does_not_end(host):
    set_up(host, "daemon")
    host.unit(CHECK, **{**ONE_SHOT, "active": "activating"})
    result = host.run("restarted", health_timeout=0, **host.options)
    said = f"found: the run of {CHECK} in progress should end within 0 s, found: it still runs. There is no previous"
    assert said in result["msg"]
    assert f"start {CHECK}" not in host.calls


SAID = "oslo.db: trying\npending_images: The database can't be reached.\n"
NAMESPACE = (
    "x: Failed before\nx.service: Failed to set up mount namespacing: /x: No such file\n"
    "x.service: Failed at step NAMESPACE spawning /bin/sh: No such file\n"
)


@pytest.mark.parametrize(
    ("on_start", "said", "found"),
    [
        (
            "ends 1 exit-code failed",
            SAID,
            "CHECK ended with exit code 1: pending_images: The database can't be reached",
        ),
        ("ends 1 exit-code failed", "", "CHECK ended with exit code 1"),
        (
            "ends 226 exit-code failed",
            NAMESPACE,
            "CHECK ended with exit code 226: Failed to set up mount namespacing: /x: No such file",
        ),
        ("ends 9 signal failed", "working", "CHECK ended badly (signal): working"),
        ("ends 75 timeout failed", "", "CHECK ended badly (timeout)"),
        # What was to run before it failed.
        ("ends 0 exit-code failed", "", "CHECK ended badly (exit-code)"),
        ("ends 0 exec-condition inactive", "", "CHECK ended badly (exec-condition)"),
        ("put ActiveState activating; exec sleep 30", "working", "CHECK should end within 3 s, found: it still ran"),
        ("echo A dependency job failed. >&2; exit 1", "", "'systemctl start CHECK' failed: A dependency job failed"),
        ("ends 0 success inactive; echo Canceled. >&2; exit 1", "", "'systemctl start CHECK' failed: Canceled"),
        (":", "", "CHECK was not run, 'systemctl status CHECK' tells which of its conditions is not met"),
        # The check does not matter when what it checks does not run.
        (f"unit={CHECK_TIMER}; ends 0 resources failed", SAID, f"{CHECK_TIMER} ended while starting (resources)"),
        (f"unit={SCRUB}; put NRestarts 1; ends 0 success active", SAID, f"{SCRUB} ended while starting (success)"),
        (f"unit={SCRUB}; put ActiveState activating; exit 1", SAID, f"{SCRUB} ended while starting (success)"),
    ],
)
def test_a_check_that_does_not_end_well_brings_the_configuration_before_back(host, on_start, said, found):
    set_up(host, "daemon")
    host.configure("bad")
    wrote = "ValueError: of no matter to a check\n" if "CHECK" in found else ""
    host.write("journal", wrote)
    host.write("said", said)
    host.write("on-start", f"case $(cat etc/conf) in bad) {on_start} ;; *) ends 0 success inactive ;; esac")
    result = host.run("restarted", **{**host.options, "health_timeout": 3 if "sleep" in on_start else 60})
    assert result["msg"] == (
        f"glance-scrubber should restart with its new configuration and run, found: {found.replace('CHECK', CHECK)}. "
        "The previous configuration is restored and the service runs with it."
    ).replace("CHECK", CHECK)
    assert result["restored"] is True
    assert result["journal"] == (wrote + said).splitlines()
    assert (host.folder / "running").read_text() == "good=1"
    assert host.state == config_set.RUNNING
    assert (f"stop {CHECK}" in host.calls) is ("sleep" in on_start)


def test_why_a_unit_ended_is_read_from_its_own_journal(host):
    set_up(host, "daemon")
    host.write("journal", "ValueError: no such store\n")
    host.write("said", "OSError: the daemon does not answer\n")
    host.write("on-start", f"unit={SCRUB}; put ActiveState failed")
    result = host.run("restarted", **host.options)
    assert "and run, found: ValueError: no such store. There is no" in result["msg"]
    assert result["journal"] == ["ValueError: no such store", "OSError: the daemon does not answer"]


def test_a_unit_that_ended_at_once_is_not_checked(host):
    set_up(host, "daemon")
    host.write("on-restart", "put ActiveState failed")
    assert f"{SCRUB} ended while starting" in host.run("restarted", **host.options)["msg"]
    assert f"start {CHECK}" not in host.calls


def test_a_check_that_systemd_forgets_when_it_has_ended_well(host):
    set_up(host, "daemon")
    host.unit(CHECK, **ONE_SHOT)
    host.write("on-start", ":")
    assert host.run("restarted", **host.options)["health"] == "succeeded"


def test_a_service_without_url_that_does_not_run_with_the_configuration_before_either(host):
    set_up(host, "timer")
    host.configure("bad")
    host.write("on-start", "ends 1 exit-code failed")
    result = host.run("restarted", **host.options)
    assert result["msg"].endswith(
        "The previous configuration is restored, but the service does not run with it either: "
        f"{SCRUB} ended with exit code 1."
    )
    assert host.state == config_set.SWAPPED


@pytest.mark.parametrize(("before", "after"), [("timer", "daemon"), ("daemon", "timer")])
def test_the_way_to_run_a_service_is_brought_back_too(host, before, after):
    """The unit files are part of the configuration: with the one before, the units of before have to run."""
    set_up(host, before)
    host.configure("bad")
    for name in set(MODES[before]["units"]) - set(MODES[after]["units"]):
        host.unit(name, enabled="bad", reload="yes", Result="success", FragmentPath="/nonexistent")
    for name in set(MODES[after]["units"]) - set(MODES[before]["units"]):
        host.unit(name, active="inactive", enabled="disabled", Result="success")
    host.write("checker", MODES[after]["health_unit"])
    host.unit(MODES[after]["health_unit"], **ONE_SHOT)
    if after == "timer":
        host.unit(SCRUB, **{**ONE_SHOT, "active": "active", "enabled": "enabled"})
    host.write("on-start", "ends 1 exit-code failed")
    result = host.run("restarted", **{"name": "glance-scrubber", **MODES[after]})
    assert result["msg"].endswith("is restored and the service runs with it.")
    units = " ".join(MODES[before]["units"])
    rest = " ".join(name for name in MODES[after]["units"] if name not in MODES[before]["units"])
    assert f"restart {units}" in host.calls
    assert f"disable --now {rest}" in host.calls[host.calls.index(f"start {MODES[after]['health_unit']}") :]
    assert host.calls.count(f"start {MODES[after]['health_unit']}") == 1


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ("bad", "The previous configuration could not be restored: {} is not a record"),
        ("good=1", "glance-scrubber runs, but that could not be noted: {} is not a record"),
    ],
)
def test_a_broken_record_of_a_service_without_url(host, conf, expected):
    set_up(host, "timer")
    host.write("sets/glance-scrubber.json", "{")
    host.write("etc/conf", conf)
    host.write("on-start", "case $(cat etc/conf) in bad) ends 1 exit-code failed ;; *) ends 0 success inactive ;; esac")
    assert expected.format(host.record) in host.run("restarted", **host.options)["msg"]


@pytest.mark.parametrize(
    ("units", "calls"),
    [
        ({}, [f"stop {CHECK_TIMER}", f"disable --now {SCRUB} {CHECK_TIMER}"]),
        ({TIMER: {}}, [f"stop {CHECK_TIMER} {TIMER}", f"disable --now {SCRUB} {CHECK_TIMER} {TIMER}"]),
        (
            {CHECK: {**ONE_SHOT, "active": "activating"}},
            [
                f"stop {CHECK_TIMER}",
                f"disable --now {SCRUB} {CHECK_TIMER} {CHECK}",
                f"reset-failed {CHECK}",
            ],
        ),
        ({SCRUB: {"active": "failed", "enabled": "disabled"}, CHECK_TIMER: {"active": "inactive", "enabled": ""}}, []),
    ],
)
def test_stopping_a_service_of_several_units(host, units, calls):
    set_up(host, "daemon")
    for name, unit in units.items():
        host.unit(name, **unit)
    assert host.run("stopped", check_mode=True, **host.options)["changed"] is bool(calls)
    assert host.calls == []
    assert host.run("stopped", **host.options)["changed"] is bool(calls)
    assert host.calls == calls
