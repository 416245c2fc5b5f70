import json
import os

import pytest

# Running a program as a user, even the same one, needs the right to drop groups.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as a user")

UNIT = "glance-scrubber.service"
SHOW = "pending_images show"
START = f"systemctl start {UNIT}"
RESTART = f"systemctl restart {UNIT}"
SCRUBBED = "cp backlog-after backlog"
DUE = {"count": 3, "bytes": 15, "due": 2, "due_ids": ["a", "b"]}
EXPECTED = "The images that are due should be scrubbed, found: "


CHECK_UNIT = "glance-scrubber-check.service"


@pytest.fixture
def host(scrubber):
    scrubber.unit(UNIT)
    scrubber.unit(CHECK_UNIT, ActiveState="inactive")
    return scrubber


def run(host, check_mode=False, **options):
    return host.run("scrubber_run", check_mode, **{"timeout": 10, **options})


def journal_says(host, text, code=75):
    """Let the next run write to the journal and fail as systemd tells it."""
    host.write("text", text)
    host.on(
        "systemctl start",
        f"cat text >> journal; put {UNIT} ExecMainStatus {code}\n"
        f"echo 'Job for {UNIT} failed because the control process exited.' >&2; exit 1",
    )


# ------------------------------------------------------------------------------------------------------- nothing is due


CHECK = "pending_images check --wait=10"


@pytest.mark.parametrize(
    ("mode", "check_mode", "calls"),
    [
        ("timer", True, [SHOW]),
        ("daemon", True, [SHOW]),
        ("timer", False, [SHOW, START, SHOW]),
        # A daemon is not restarted for it.
        ("daemon", False, [SHOW, CHECK, SHOW]),
    ],
)
@pytest.mark.parametrize(
    ("waiting", "msg"),
    [
        ({}, "No image was due; none waits."),
        ({"count": 1, "bytes": 5}, "No image was due; 1 image with 5 bytes can still be restored."),
        ({"count": 2, "bytes": 10}, "No image was due; 2 images with 10 bytes can still be restored."),
    ],
)
def test_a_run_with_nothing_due_changes_nothing(host, mode, check_mode, calls, waiting, msg):
    host.waiting(waiting, **waiting)
    host.unit(UNIT, ActiveState="active" if mode == "daemon" else "inactive")
    host.on("check", "true")
    result = run(host, check_mode, mode=mode)
    assert (result["changed"], result["removed"], result["waiting"]) == (False, 0, waiting.get("count", 0))
    assert result["msg"] == msg
    assert host.calls == calls


@pytest.mark.parametrize("mode", ["timer", "daemon"])
def test_images_that_were_deleted_without_their_data_are_taken_up_though_nothing_is_due(host, mode):
    host.waiting({"count": 2, "bytes": 10})
    host.unit(UNIT, ActiveState="active" if mode == "daemon" else "inactive")
    host.on("check", SCRUBBED)
    result = run(host, mode=mode)
    assert (result["changed"], result["removed"], result["waiting"]) == (True, 0, 2)
    assert result["msg"] == "No image was due; 2 images with 10 bytes can still be restored."


# --------------------------------------------------------------------------------------------------------- a run, timer


@pytest.mark.parametrize(
    ("before", "after", "msg"),
    [
        ({"count": 1, "bytes": 5, "due": 1}, {}, "Scrubbed 1 image; none waits."),
        (DUE, {"count": 1, "bytes": 5}, "Scrubbed 2 images; 1 image with 5 bytes can still be restored."),
        (
            {"count": 4, "due": 2},
            {"count": 2, "bytes": 7},
            "Scrubbed 2 images; 2 images with 7 bytes can still be restored.",
        ),
    ],
)
def test_what_is_due_is_scrubbed_once(host, before, after, msg):
    host.waiting(after, **before)
    result = run(host)
    assert (result["changed"], result["removed"], result["waiting"]) == (True, before["due"], after.get("count", 0))
    assert result["msg"] == msg
    assert host.calls == [SHOW, START, SHOW]
    assert run(host)["changed"] is False


@pytest.mark.parametrize("mode", ["timer", "daemon"])
@pytest.mark.parametrize(("due", "msg"), [(1, "1 image would be scrubbed."), (2, "2 images would be scrubbed.")])
def test_check_mode_tells_what_is_due_and_touches_nothing(host, mode, due, msg):
    host.unit(UNIT, ActiveState="active")
    host.waiting(count=3, due=due)
    result = run(host, check_mode=True, mode=mode)
    assert (result["changed"], result["removed"], result["waiting"], result["msg"]) == (True, due, 3, msg)
    assert set(host.calls) == {SHOW}


# ----------------------------------------------------------------------------------------------------- a run that fails


def test_images_that_are_left_behind_are_named(host):
    host.waiting(**DUE)
    journal_says(
        host,
        "pending_images: image a, 5 bytes, deleted 2026-11-22T01:02:03Z, is still there\n"
        "pending_images: should be scrubbed and is still there, 2 in all: a, b\n"
        "glance-scrubber.service: Failed with result 'exit-code'.\n",
    )
    result = run(host)
    assert result["failed"] is True
    assert result["msg"] == f"{EXPECTED}should be scrubbed and is still there, 2 in all: a, b."
    assert host.calls == [SHOW, START]


def test_the_dots_after_twenty_ids_stay(host):
    ids = ", ".join(f"id-{number}" for number in range(20))
    host.waiting(count=25, due=25)
    journal_says(host, f"pending_images: should be scrubbed and is still there, 25 in all: {ids}, ...\n")
    assert run(host)["msg"] == f"{EXPECTED}should be scrubbed and is still there, 25 in all: {ids}, ..."


@pytest.mark.parametrize(
    ("journal", "found"),
    [
        (
            "pending_images: OperationalError: mysql://glance:hunter2@db/glance can't be reached\n",
            "OperationalError: mysql://********@db/glance can't be reached",
        ),
        (
            "Traceback\n  File x\nImportError: libpython3.so: no such file\n",
            "ImportError: libpython3.so: no such file",
        ),
        (
            "glance-scrubber.service: Failed to set up mount namespacing: /x: No such file\n",
            "Failed to set up mount namespacing: /x: No such file",
        ),
        ("", f"'systemctl start {UNIT}' failed: Job for {UNIT} failed because the control process exited"),
    ],
)
def test_why_a_run_failed_is_told_without_secrets(host, journal, found):
    host.waiting(**DUE)
    journal_says(host, journal, code=1)
    result = run(host)
    assert result["msg"] == f"{EXPECTED}{found}."
    assert "hunter2" not in json.dumps(result)


def test_the_reason_is_of_this_run_alone(host):
    host.waiting(**DUE)
    host.on("systemctl start", f"echo 'Failed to start {UNIT}: Unit {UNIT} is masked.' >&2; exit 1")
    assert run(host)["msg"] == (
        f"{EXPECTED}'systemctl start {UNIT}' failed: Failed to start {UNIT}: Unit {UNIT} is masked."
    )


def test_a_run_that_takes_too_long_gives_a_sentence(host):
    host.waiting(**DUE)
    host.on("systemctl start", "exec sleep 30")
    assert run(host, timeout=1)["msg"] == f"{EXPECTED}'systemctl start {UNIT}' did not end within 1 s."


@pytest.mark.parametrize("state", ["scrubbed", "settled"])
def test_a_systemd_that_does_not_answer_gives_its_words(host, state):
    host.waiting(**DUE)
    host.on("systemctl show", "echo 'Failed to connect to bus: Host is down' >&2; exit 1")
    result = run(host, state=state)
    assert result["failed"] is True
    assert "Failed to connect to bus: Host is down" in result["msg"]


# ------------------------------------------------------------------------------------------------- the program's answer


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"program": "/none/x.py"}, "the scrubber is not deployed to this host: run site.yml first"),
        ({"user": "no-such-user"}, "there is no user named no-such-user on this host: run site.yml first"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_a_host_without_the_scrubber_is_told_so(host, check_mode, options, found):
    result = run(host, check_mode, **options)
    assert (result["failed"], result["msg"]) == (True, f"{EXPECTED}{found}.")
    assert host.calls == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_backlog_that_can_not_be_counted_gives_the_reason(host, when):
    host.waiting(**DUE)
    trouble = "echo 'pending_images: OperationalError: no route to glance:hunter2://glance:hunter2@db' >&2; exit 1"
    host.on("show", trouble if when == "before" else f"[ -e ran ] || {{ touch ran; cat backlog; exit; }}; {trouble}")
    result = run(host)
    assert result["msg"].startswith(f"{EXPECTED}OperationalError: no route to ")
    assert "hunter2@" not in json.dumps(result)
    assert (START in host.calls) is (when == "after")


# ---------------------------------------------------------------------------------------------- a run that is under way


def ends_after(host, looks, script):
    """Let something happen when systemd is asked about the unit for a number of times."""
    host.on("systemctl show", f"[ $(wc -l < looks) -ne {looks} ] || {{ {script}; }}")


@pytest.mark.parametrize("under_way", ["activating", "deactivating"])
@pytest.mark.parametrize(("state", "calls"), [("settled", []), ("scrubbed", [SHOW, START, SHOW])])
def test_waits_for_the_end_of_the_run_under_way(host, under_way, state, calls):
    host.waiting(**DUE)
    host.unit(UNIT, ActiveState=under_way, InvocationID="one")
    ends_after(host, 3, f"put {UNIT} ActiveState inactive")
    host.on("systemctl start", f"wc -l < looks > looks-at-start; {SCRUBBED}")
    result = run(host, state=state)
    assert "failed" not in result
    assert len(host.lines("looks")) == 4
    assert host.calls == calls
    if calls:
        assert host.lines("looks-at-start") == ["4"]


def test_does_not_wait_for_a_run_that_began_later(host):
    host.unit(UNIT, ActiveState="activating", InvocationID="one")
    ends_after(host, 2, f"put {UNIT} InvocationID two")
    assert "failed" not in run(host, state="settled")
    assert len(host.lines("looks")) == 3


@pytest.mark.parametrize(
    "unit", [{}, {"InvocationID": "one"}, {"ActiveState": "failed", "Result": "exit-code", "InvocationID": "one"}]
)
def test_does_not_wait_when_no_run_is_under_way(host, unit):
    host.unit(UNIT, **unit)
    result = run(host, state="settled")
    assert result["changed"] is False
    assert len(host.lines("looks")) == 1
    assert host.calls == []


def test_a_run_that_does_not_end_gives_a_sentence(host):
    host.waiting(**DUE)
    host.unit(UNIT, ActiveState="activating", InvocationID="one")
    result = run(host, timeout=1)
    assert result["msg"] == f"{EXPECTED}the run that is under way did not end within 1 s."
    assert host.calls == [SHOW]
    assert run(host, state="settled", timeout=1)["msg"] == (
        "No run of the scrubber should be under way, found: the run that is under way did not end within 1 s."
    )


@pytest.mark.parametrize("mode", ["timer", "daemon"])
def test_check_mode_does_not_wait(host, mode):
    host.unit(UNIT, ActiveState="activating" if mode == "timer" else "active", InvocationID="one")
    assert run(host, check_mode=True, state="settled", mode=mode, timeout=1)["changed"] is False
    assert host.calls == []


# ------------------------------------------------------------------------------------------------------- keys of stores


@pytest.mark.parametrize(
    ("done", "msg"),
    [
        ([], "No record of an image holds former keys of its store."),
        (
            ["the store s3: 2 locations have its keys now"],
            "No record of an image holds former keys of its store. The store s3: 2 locations have its keys now.",
        ),
    ],
)
def test_present_keys_are_written(host, done, msg):
    host.write("answer", json.dumps({"done": done, "failed": []}))
    host.on("rekey", "cat answer")
    result = run(host, state="rekeyed")
    assert (result["changed"], result["msg"]) == (bool(done), msg)
    assert host.calls == ["pending_images rekey"]


def test_keys_that_show_no_image_are_told(host):
    host.write("answer", json.dumps({"done": [], "failed": ["the store s3 should have images, found none"]}))
    host.on("rekey", "cat answer")
    result = run(host, state="rekeyed")
    assert result["failed"]
    assert result["msg"] == (
        "The records of images should hold the present keys of their stores, found: the store s3 should have images, "
        "found none."
    )


def test_check_mode_writes_no_keys(host):
    assert run(host, check_mode=True, state="rekeyed")["changed"] is False
    assert host.calls == []


# ----------------------------------------------------------------------------------------------------------- the daemon


@pytest.mark.parametrize(
    ("active", "calls"),
    [("active", [RESTART]), ("activating", [RESTART]), ("inactive", []), ("failed", []), ("deactivating", [])],
)
def test_only_a_daemon_that_runs_is_restarted(host, active, calls):
    host.unit(UNIT, ActiveState=active, InvocationID="one", Type="exec")
    # As of a daemon that is being stopped.
    ends_after(host, 2, f"put {UNIT} ActiveState inactive")
    assert "failed" not in run(host, mode="daemon", state="settled", timeout=3)
    assert host.calls == calls
    assert "ActiveState=deactivating" not in host.lines(f"units/{UNIT}")


@pytest.mark.parametrize("active", ["active", "activating"])
def test_a_daemon_is_restarted_and_watched_until_nothing_is_left(host, active):
    host.waiting({"count": 1, "bytes": 5}, **DUE)
    host.unit(UNIT, ActiveState=active, InvocationID="one", Type="exec")
    host.on("check", SCRUBBED)
    result = run(host, mode="daemon", timeout=10)
    assert result["msg"] == "Scrubbed 2 images; 1 image with 5 bytes can still be restored."
    assert host.calls[:2] == [SHOW, RESTART]
    assert host.calls[2] == "pending_images check --wait=10"
    assert host.calls[3:] == [SHOW]


def test_a_check_that_found_what_is_scrubbed_now_looks_again(host):
    host.waiting(**DUE)
    host.unit(UNIT, ActiveState="active", InvocationID="one", Type="exec")
    host.unit(CHECK_UNIT, ActiveState="failed")
    host.on("check", SCRUBBED)
    assert "failed" not in run(host, mode="daemon")
    assert f"systemctl start {CHECK_UNIT}" in host.calls


@pytest.mark.parametrize("code", [75, 1])
def test_what_a_daemon_leaves_behind_is_named(host, code):
    host.waiting(**DUE)
    host.unit(UNIT, ActiveState="active", InvocationID="one", Type="exec")
    host.on(
        "check",
        "echo 'pending_images: image a, 5 bytes' >&2\n"
        f"echo 'pending_images: should be scrubbed and is still there, 2 in all: a, b' >&2; exit {code}",
    )
    result = run(host, mode="daemon")
    assert (result["failed"], result["msg"]) == (
        True,
        f"{EXPECTED}should be scrubbed and is still there, 2 in all: a, b.",
    )


def test_the_check_has_time_to_name_what_is_left(host):
    """It can't look before it has started, and names the images when its time is over."""
    host.waiting(**DUE)
    host.unit(UNIT, ActiveState="active", InvocationID="one", Type="exec")
    host.on(
        "check",
        "sleep 0.5; wait=$(echo \"$*\" | sed 's/.*--wait=//'); sleep $wait\n"
        "echo 'pending_images: should be scrubbed and is still there, 2 in all: a, b' >&2; exit 75",
    )
    assert (
        run(host, mode="daemon", timeout=2)["msg"]
        == f"{EXPECTED}should be scrubbed and is still there, 2 in all: a, b."
    )


@pytest.mark.parametrize("active", ["inactive", "failed"])
def test_a_daemon_that_does_not_run_is_told_at_once(host, active):
    host.waiting(**DUE)
    host.unit(UNIT, ActiveState=active, Type="exec")
    host.on("check", "exit 75")
    assert run(host, mode="daemon")["msg"] == f"{EXPECTED}{UNIT} is {active}: run site.yml."
    assert host.calls == [SHOW]


def test_a_daemon_that_does_not_restart_gives_systemds_words(host):
    host.waiting(**DUE)
    host.unit(UNIT, ActiveState="active", InvocationID="one", Type="exec")
    host.on("systemctl restart", "echo 'Job for x failed.' >&2; exit 1")
    assert run(host, mode="daemon")["msg"] == f"{EXPECTED}'systemctl restart {UNIT}' failed: Job for x failed."
    assert host.calls == [SHOW, RESTART]
