"""Run playbooks and modules of the collection as an operator does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from testing.api import Api
from testing.scenario import PROJECT

PLAYBOOK_SECONDS = 600
# What every run in this session has printed.
PRINTED: list[str] = []


@dataclass(frozen=True)
class Run:
    """How a run of ansible-playbook ended: *recap* by host, *failures* as the sentences that an operator reads."""

    rc: int
    output: str

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        recap = self.output.rpartition("PLAY RECAP")[2]
        lines = re.findall(r"^(\S+)\s+: (ok=.*)$", recap, re.MULTILINE)
        return {host: {key: int(n) for key, n in re.findall(r"(\w+)=(\d+)", line)} for host, line in lines}

    @property
    def changed(self) -> int:
        assert self.recap, self.output
        return sum(counts["changed"] for counts in self.recap.values())

    @property
    def failures(self) -> str:
        starts = [found.end() for found in re.finditer(r"^fatal: \[[^]]+\]: \w+! => ", self.output, re.MULTILINE)]
        results = (json.JSONDecoder().raw_decode(self.output, start)[0] for start in starts)
        return "\n".join(result.get("msg", str(result)) for result in results)

    @property
    def failed(self) -> dict[str, str]:
        """Sentences by host, for runs on several hosts."""
        found: dict[str, str] = {}
        for start in re.finditer(r"^fatal: \[([^] ]+)[^]]*\]: \w+! => ", self.output, re.MULTILINE):
            result = json.JSONDecoder().raw_decode(self.output, start.end())[0]
            found[start[1]] = f"{found.get(start[1], '')}{result.get('msg', result)}\n"
        return found


def environment() -> dict[str, str]:
    """Return an environment in which Ansible prints what `Run` can read."""
    return {
        **{key: value for key, value in os.environ.items() if key != "ANSIBLE_FORCE_COLOR"},
        "PYTHONUNBUFFERED": "true",
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".ansible/collections"),
    }


@contextlib.contextmanager
def variables_file(variables: Mapping[str, Any] | None) -> Iterator[list[str]]:
    """Give the options that pass *variables* by a file that only the caller can read."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as handle:
        json.dump(variables or {}, handle)
        handle.flush()
        try:
            yield ["-e", f"@{handle.name}"]
        finally:
            handle.close()


@contextlib.contextmanager
def started_playbook(name: str, variables: Mapping[str, Any] | None, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Start ansible-playbook; it and all its children end with the context."""
    with (
        variables_file(variables) as extra,
        subprocess.Popen(
            ["ansible-playbook", str(PROJECT / "playbooks" / name), *extra, *options],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            # It makes no further worker meanwhile; each has a session of its own.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGSTOP)
            children = subprocess.run(
                ["pgrep", "--parent", str(process.pid)], capture_output=True, text=True, check=False
            ).stdout
            for group in (process.pid, *map(int, children.split())):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)


def run_playbook(name: str, variables: Mapping[str, Any] | None = None, *options: str) -> Run:
    with started_playbook(name, variables, *options) as process:
        output, _nothing = process.communicate(timeout=PLAYBOOK_SECONDS)
    PRINTED.append(output)
    return Run(process.returncode, output)


@pytest.fixture(scope="session")
def playbook() -> Callable[..., Run]:
    """Run a playbook on the hosts of the scenario: ``playbook(name, variables, *options)``."""
    return run_playbook


@pytest.fixture(scope="session")
def killed_playbook() -> Callable[[str, Mapping[str, Any] | None, str], None]:
    """Run a playbook and kill it at the first line of its output that holds *marker*."""

    def run(name: str, variables: Mapping[str, Any] | None, marker: str) -> None:
        lines = []
        with started_playbook(name, variables) as process:
            assert process.stdout
            for line in process.stdout:
                lines.append(line)
                if marker in line:
                    return
        pytest.fail(f"the run ended before {marker!r}:\n{''.join(lines)}")

    return run


@pytest.fixture(scope="session")
def cut_playbook() -> Callable[[str, Mapping[str, Any] | None, float], None]:
    """Run a playbook and kill it, with all its children, after so many seconds if it has not ended by then."""

    def run(name: str, variables: Mapping[str, Any] | None, seconds: float) -> None:
        with started_playbook(name, variables) as process, contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=seconds)

    return run


@contextlib.contextmanager
def set_back() -> Iterator[Callable[..., Run]]:
    """Give what runs site.yml; a run with variables is set back at the end, unless it changed nothing."""
    changed = []

    def run(variables: Mapping[str, Any] | None = None, *options: str) -> Run:
        done = run_playbook("site.yml", variables, *options)
        if variables and "--check" not in options and (not done.recap or done.changed):
            changed.append(variables)
        elif not variables and done.rc == 0:
            changed.clear()
        return done

    try:
        yield run
    finally:
        if changed:
            done = run_playbook("site.yml")
            assert done.rc == 0, done.output


@pytest.fixture
def site(api: Api) -> Iterator[Callable[..., Run]]:
    """Run site.yml; what a run with variables changed is set back after the test."""
    # Requesting the API makes the set-back come before the removal of the test's images.
    assert api
    with set_back() as run:
        yield run


@pytest.fixture
def site_of_all() -> Iterator[Callable[..., Run]]:
    """Do the same for tests that are about all hosts and not run for each of them."""
    with set_back() as run:
        yield run


@pytest.fixture(scope="session")
def module() -> Callable[..., dict[str, Any]]:
    """Run a module on a host: ``module(host name, name, arguments)`` gives its result, always with ``failed``."""

    def run(host: str, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        done = subprocess.run(
            ["ansible", host, "-m", f"glanceops.image_service.{name}", "-a", json.dumps(arguments)],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PLAYBOOK_SECONDS,
            check=False,
        )
        lead, arrow, result = done.stdout.partition(" => ")
        assert arrow, done.stdout + done.stderr
        return {"failed": not lead.endswith(("SUCCESS", "CHANGED")), **json.JSONDecoder().raw_decode(result)[0]}

    return run
