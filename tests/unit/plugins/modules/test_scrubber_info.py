import json
import os

import pytest

# Running a program as a user, even the same one, needs the right to drop groups.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as a user")

SCRUB, TIMER = "glance-scrubber.service", "glance-scrubber.timer"
CHECK, CHECK_TIMER = "glance-scrubber-check.service", "glance-scrubber-check.timer"
DAEMON = {"mode": "daemon", "running_units": [SCRUB, CHECK_TIMER], "run_unit": CHECK}
RAN = {"InvocationID": "one"}
LEFT = {**RAN, "ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": 75}
FAILED = {**LEFT, "ExecMainStatus": 1}
WAITING = {"count": 3, "bytes": 15, "oldest": "2026-11-22T01:02:03Z"}
DUE = {**WAITING, "due": 2, "due_ids": ["a", "b"]}


@pytest.fixture
def host(scrubber):
    scrubber.unit(TIMER, ActiveState="active")
    scrubber.unit(SCRUB, **RAN)
    return scrubber


def run(host, check_mode=False, **options):
    result = host.run("scrubber_info", check_mode, **options)
    assert result["changed"] is False
    return result


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("waiting", [{}, WAITING, DUE])
def test_a_scrubber_that_is_well(host, check_mode, waiting):
    host.waiting(**waiting)
    result = run(host, check_mode)
    assert {key: result[key] for key in ("mode", "state", "last_run", "healthy", "health")} == {
        "mode": "timer",
        "state": "active",
        "last_run": "succeeded",
        "healthy": True,
        "health": "ok",
    }
    assert result["backlog"] == json.loads((host.folder / "backlog").read_text())
    assert host.calls == ["pending_images show"]


@pytest.mark.parametrize(
    ("run_unit", "last_run"),
    [
        ({}, "none yet"),
        (RAN, "succeeded"),
        ({**RAN, "ActiveState": "activating"}, "under way"),
        ({"ActiveState": "activating"}, "under way"),
        ({**RAN, "ActiveState": "deactivating"}, "under way"),
        # Of the run before.
        ({**LEFT, "ActiveState": "activating"}, "under way"),
        (LEFT, "left images behind"),
        # The unit file counts this exit code as success.
        ({**RAN, "ExecMainStatus": 75}, "left images behind"),
        (FAILED, "failed"),
        ({**FAILED, "ExecMainStatus": 0, "Result": "timeout"}, "failed"),
        ({**FAILED, "ExecMainStatus": 226}, "failed"),
    ],
)
def test_last_run(host, run_unit, last_run):
    host.unit(SCRUB, **run_unit)
    result = run(host)
    assert result["last_run"] == last_run
    assert result["healthy"] is (last_run in ("none yet", "succeeded", "under way"))


@pytest.mark.parametrize(
    ("units", "options", "state", "health"),
    [
        ({TIMER: {"ActiveState": "inactive"}}, {}, "inactive", f"{TIMER} is inactive"),
        ({TIMER: {"ActiveState": "failed"}}, {}, "failed", f"{TIMER} is failed"),
        ({TIMER: None}, {}, "not deployed", f"{TIMER} is not deployed"),
        ({SCRUB: None}, {}, "not deployed", f"{SCRUB} is not deployed"),
        (
            {TIMER: {"ActiveState": "inactive"}, SCRUB: LEFT},
            {},
            "inactive",
            f"{TIMER} is inactive; its last run left images behind",
        ),
        (
            {SCRUB: {"ActiveState": "failed"}, CHECK_TIMER: {"ActiveState": "inactive"}, CHECK: FAILED},
            DAEMON,
            "failed",
            f"{SCRUB} is failed; {CHECK_TIMER} is inactive; its last run failed",
        ),
        ({}, DAEMON, "active", "ok"),
        ({SCRUB: {"ActiveState": "failed"}}, DAEMON, "failed", f"{SCRUB} is failed"),
        ({CHECK_TIMER: {"ActiveState": "inactive"}}, DAEMON, "inactive", f"{CHECK_TIMER} is inactive"),
        ({CHECK_TIMER: None}, DAEMON, "not deployed", f"{CHECK_TIMER} is not deployed"),
        ({CHECK: None}, DAEMON, "not deployed", f"{CHECK} is not deployed"),
        # The run of the daemon itself is no one-shot unit's.
        ({SCRUB: {"ActiveState": "active", "ExecMainStatus": 75}}, DAEMON, "active", "ok"),
        ({TIMER: None}, DAEMON, "active", "ok"),
        # A unit that runs all the time and is asked for its last run, too.
        ({SCRUB: RAN}, {"running_units": [SCRUB], "run_unit": SCRUB}, "inactive", f"{SCRUB} is inactive"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_health(host, units, options, state, health):
    if options:
        host.unit(SCRUB, ActiveState="active", **RAN)
        host.unit(CHECK_TIMER, ActiveState="active")
        host.unit(CHECK, **RAN)
    for name, facts in units.items():
        if facts is None:
            (host.folder / "units" / name).unlink()
        else:
            host.unit(name, **facts)
    result = run(host, **options)
    assert result["state"] == state
    assert result["health"] == health
    assert result["healthy"] is (health == "ok")
    assert result["mode"] == options.get("mode", "timer")


@pytest.mark.parametrize(
    ("waiting", "health"),
    [
        ({}, "its last run left images behind"),
        (WAITING, "its last run left images behind"),
        ({**WAITING, "due": 1, "due_ids": ["a"]}, "its last run left images behind: a"),
        (DUE, "its last run left images behind: a, b"),
    ],
)
def test_images_left_behind_are_named(host, waiting, health):
    host.unit(SCRUB, **LEFT)
    host.waiting(**waiting)
    result = run(host)
    assert (result["healthy"], result["health"]) == (False, health)


def test_more_than_the_named_ids(host):
    ids = [f"id-{number}" for number in range(20)]
    host.unit(SCRUB, **LEFT)
    host.waiting(count=35, due=35, due_ids=ids)
    assert run(host)["health"] == f"its last run left images behind: {', '.join(ids)}, ..."


def test_a_run_that_failed_names_no_images(host):
    host.unit(SCRUB, **FAILED)
    host.waiting(**DUE)
    assert run(host)["health"] == "its last run failed"


UNREACHABLE = "echo 'pending_images: OperationalError: no host in mysql://glance:hunter2@db/glance' >&2; exit 1"
COUNT = "the images can't be counted: "


@pytest.mark.parametrize(
    ("on_show", "options", "reason"),
    [
        (UNREACHABLE, {}, "OperationalError: no host in mysql://********@db/glance"),
        ("cat backlog", {"user": "nobody-here"}, "there is no user named nobody-here on this host: run site.yml first"),
        ("cat backlog", {"program": "/none"}, "the scrubber is not deployed to this host: run site.yml first"),
        ("exit 3", {}, "'pending_images.py show' ended with exit code 3 and printed nothing"),
        ("exit 0", {}, "'pending_images.py show' should print a line of JSON, found: nothing"),
        ("echo '{'", {}, "'pending_images.py show' should print a line of JSON, found: {"),
    ],
)
def test_images_that_can_not_be_counted(host, on_show, options, reason):
    host.on("show", on_show)
    result = run(host, **options)
    assert (result["healthy"], result["health"], result["backlog"]) == (False, f"{COUNT}{reason}", {})
    assert (result["state"], result["last_run"]) == ("active", "succeeded")
    assert "hunter2" not in json.dumps(result)


def test_all_that_is_not_well_is_told(host):
    host.unit(SCRUB, **FAILED)
    host.on("show", UNREACHABLE)
    assert run(host)["health"] == (
        f"its last run failed; {COUNT}OperationalError: no host in mysql://********@db/glance"
    )


def test_a_systemd_that_does_not_answer_gives_its_words(host):
    host.on("systemctl show", "echo 'Failed to connect to bus: Host is down' >&2; exit 1")
    result = host.run("scrubber_info")
    assert result["failed"] is True
    assert result["msg"].startswith("The scrubber can't be looked at: 'systemctl show ")
    assert result["msg"].endswith("failed: Failed to connect to bus: Host is down.")
