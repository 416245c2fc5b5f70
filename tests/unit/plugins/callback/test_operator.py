"""Real runs on this machine, and what an operator sees of them."""

import json
import os
import pathlib
import pty
import re
import subprocess
import sys

import pytest

PROJECT = pathlib.Path(__file__).parents[4]
HOSTS = "a,b"


def task(name, module, arguments, **keywords):
    return {"name": name, f"ansible.builtin.{module}": arguments, **keywords}


def play(name, *tasks, hosts="all"):
    return {"name": name, "hosts": hosts, "gather_facts": False, "tasks": list(tasks)}


WELL = task("Look", "assert", {"that": "true"})
SKIPPED = task("Skip it", "assert", {"that": "true"}, when="false")
CHANGE = task("Change it", "command", "true")
FAIL = task("Refuse it", "fail", {"msg": "{{ inventory_hostname }}: X should be Y, found Z: do W."})
TABLE = task("Show the table", "debug", {"msg": ["HOST  UNIT", "a     active"]}, run_once=True)


@pytest.fixture
def screen(tmp_path):
    """Return the function that runs plays, each list of them a playbook, and gives what stands on the screen."""

    def run(*playbooks, options=(), terminal=False):
        paths = []
        for number, plays in enumerate(playbooks):
            paths.append(tmp_path / f"{number}.yml")
            paths[-1].write_text(json.dumps(plays))
        # One fork, so that the hosts come in their order.
        here = ["--forks=1", "--connection=local", "-e", f"ansible_python_interpreter={sys.executable}"]
        command = ["ansible-playbook", f"--inventory={HOSTS},", *here, *options, *map(str, paths)]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "true",
            "TERM": "xterm",
        }
        if not terminal:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            return done.stdout + done.stderr
        ours, theirs = pty.openpty()
        with subprocess.Popen(command, env=environment, stdout=theirs, stderr=theirs, stdin=theirs) as process:
            os.close(theirs)
            shown = b""
            while True:
                try:
                    piece = os.read(ours, 4096)
                except OSError:  # Linux says so when the other end is closed
                    break
                if not piece:
                    break
                shown += piece
            process.wait()
        os.close(ours)
        return shown.decode().replace("\r\n", "\n")

    return run


def before_recap(shown):
    return shown.partition("\nPLAY RECAP")[0].splitlines()


def test_a_good_run_shows_what_changes_and_what_is_said(screen):
    shown = screen(
        [
            play("Nobody's play", WELL, hosts="glance_retired"),
            play("All is well", WELL),
            play("Skipped", SKIPPED),
            play("Skipped first", SKIPPED, CHANGE),
        ],
        [play("Say it", TABLE, task("Show more", "debug", {"var": "[1, 2]"}, run_once=True))],
    )
    assert before_recap(shown) == [
        "All is well",
        "Skipped first",
        "  changed: [a] Change it",
        "  changed: [b] Change it",
        "Say it",
        "  HOST  UNIT",
        "  a     active",
        "      '[1, 2]':",
        "      - 1",
        "      - 2",
    ]
    assert shown.count("PLAY RECAP") == 1
    assert "WARNING" not in shown
    assert "\033" not in shown


def test_the_reason_of_a_failure_comes_last_and_once(screen):
    shown = screen([play("Refuse", WELL, FAIL)], [play("Never", WELL)])
    assert before_recap(shown) == ["Refuse", "  failed: [a] Refuse it", "  failed: [b] Refuse it"]
    assert shown.splitlines()[-1] == "a, b: X should be Y, found Z: do W."
    assert shown.count("found Z") == 1


def test_what_was_rescued_or_ignored_is_no_reason(screen):
    rescued = {"block": [FAIL], "rescue": [task("Go back", "fail", {"msg": "The restart failed."})]}
    saved = {"block": [FAIL], "rescue": [WELL]}
    ignored = task("Try", "fail", {"msg": "ignored"}, ignore_errors=True)
    shown = screen([play("Restart", saved, ignored, rescued)])
    assert shown.splitlines()[-1] == "a, b: The restart failed."
    assert "found Z" not in shown
    assert "ignored\n" not in shown
    well = screen([play("Restart", saved, ignored)])
    assert "found Z" not in well
    assert "failed=0" in well.splitlines()[-2]


def test_a_host_that_is_not_reached_is_told_with_its_reason(screen):
    there = ["--limit=a", "--connection=ssh", "-e", "ansible_host=127.0.0.1", "-e", "ansible_port=1"]
    shown = screen([play("Look", CHANGE)], options=there)
    assert before_recap(shown) == ["Look", "  unreachable: [a] Change it"]
    assert re.match(r"a: the host should answer over SSH, found 'ssh: connect .*ansible_host", shown.splitlines()[-1])


def test_with_v_everything_is_shown_and_the_reason_last(screen):
    shown = screen([play("Nobody's play", WELL, hosts="glance_retired"), play("Refuse", SKIPPED, FAIL)], options=["-v"])
    assert "skipping: no hosts matched" in shown
    assert "skipping: [a]" in shown
    assert "fatal: [a]: FAILED!" in shown
    assert shown.splitlines()[-1] == "a, b: X should be Y, found Z: do W."


def test_a_diff_stands_below_its_task(screen, tmp_path):
    write = task("Write it", "copy", {"content": "new\n", "dest": str(tmp_path / "file")})
    shown = screen([play("Write", write)], options=["--diff", "--check", "--limit=a"])
    blank, dry_run, *lines = before_recap(shown)
    assert (blank, dry_run.strip("* ")) == ("", "DRY RUN")
    assert lines[:2] == ["Write", "  Write it:"]
    assert "+new" in lines
    assert lines[-1] == "  changed: [a] Write it"


def test_a_host_of_the_limit_that_is_not_there_is_a_warning(screen):
    shown = screen([play("Look", WELL)], options=["--limit=a,api9"])
    assert "[WARNING]: --limit should name hosts of the inventory, found none for api9." in shown


def test_a_terminal_shows_which_task_is_at_work(screen):
    shown = screen([play("Work", SKIPPED, CHANGE)], terminal=True)
    assert "\r\033[K  Change it ...\r" in shown
    # What stays is what a log has.
    left = [line.rpartition("\033[K")[2] for line in shown.partition("\n\nPLAY RECAP")[0].split("\n")]
    assert left[:3] == ["Work", "  changed: [a] Change it", "  changed: [b] Change it"]
