"""The lock of a run, with real programs and the real kernel, on this machine in place of a host."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest
from ansible_collections.glanceops.image_service.plugins.action import run_lock as r

TEXT = (r.PROGRAMS / "lock_holder.py").read_text().replace("PATIENCE = 5", "PATIENCE = 1")


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "lock")


@pytest.fixture
def hold(folder):
    """Start programs that hold the lock, each for the run of a name; all end with the test."""
    with contextlib.ExitStack() as stack:

        def start(run, since="noon"):
            command = [sys.executable, "-c", TEXT, folder, run, since]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def keep(folder):
    """Start a run of its own with a keeper beside it; gives the run, the keeper and what it says."""
    with contextlib.ExitStack() as stack:

        def start(name, seconds="60"):
            run = subprocess.Popen(["sleep", seconds])
            program = [sys.executable, "-c", TEXT, folder, name, "noon"]
            command = [sys.executable, str(r.PROGRAMS / "lock_keeper.py"), str(run.pid), *program]
            keeper = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            for process in (run, keeper):
                stack.enter_context(process)
                stack.callback(process.kill)
            return run, keeper, keeper.stdout.readline()

        yield start


def test_a_second_run_is_told_who_is_at_work(hold):
    assert hold("a@one (process 1)").stdout.readline() == "held\n"
    assert hold("b@two (process 2)").communicate()[0] == "busy\ta@one (process 1)\tnoon\n"


def test_a_run_that_has_the_lock_gets_it_again(hold):
    assert hold("a").stdout.readline() == "held\n"
    assert hold("a", since="later").communicate()[0] == "held\n"


def test_the_next_run_gets_the_lock_of_one_that_has_just_ended(hold):
    first = hold("a")
    assert first.stdout.readline() == "held\n"
    second = hold("b")
    first.stdin.close()
    assert second.stdout.readline() == "held\n"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_goes_with_its_run_however_that_ends(keep, how):
    run, keeper, said = keep("a")
    assert said == "held\n"
    assert keep("b")[2] == "busy\ta\tnoon\n"
    # Nobody has waited for it yet, so it is there as a zombie.
    run.send_signal(how)
    assert keeper.wait(10) == 0
    assert keep("b")[2] == "held\n"


def test_a_killed_keeper_takes_the_lock_with_it(keep):
    _run, keeper, said = keep("a")
    assert said == "held\n"
    keeper.kill()
    assert keep("b")[2] == "held\n"


def test_a_run_that_is_refused_leaves_nothing_at_work(keep):
    keep("a")
    _run, keeper, said = keep("b")
    assert said.startswith("busy")
    assert keeper.wait(10) == 0


def test_what_a_run_is_called(monkeypatch):
    pid, name = r.this_run()
    assert pid == os.getppid()
    assert name.endswith(f"(process {pid})")


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("held", ""),
        ("", ""),
        (
            "busy\ta@one (process 1)\t2026-11-28 20:05 UTC",
            "h: one run at a time should change a host, found a@one (process 1) at work since 2026-11-28 20:05 UTC: "
            "wait until it has ended, or end it, then run again.",
        ),
        (
            "busy\t",
            "h: one run at a time should change a host, found another run at work since a time that is not known",
        ),
    ],
)
def test_who_is_at_work_is_told(verdict, said):
    assert r.refusal("h", verdict).startswith(said)
    assert bool(r.refusal("h", verdict)) is bool(said)


@pytest.mark.parametrize(
    ("variables", "python"),
    [
        ({}, "/usr/bin/python3"),
        ({"ansible_python_interpreter": "auto_silent"}, "/usr/bin/python3"),
        ({"ansible_python_interpreter": "/opt/python"}, "/opt/python"),
        ({"ansible_facts": {"discovered_interpreter_python": "/usr/bin/python3.11"}}, "/usr/bin/python3.11"),
    ],
)
def test_the_python_of_the_host(variables, python):
    assert r.interpreter(variables) == python
