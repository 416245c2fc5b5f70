"""What the unit of the API waits for when its server starts: all workers, or its end, whichever comes first."""

import os
import pathlib
import subprocess
import threading
import time

import pytest

UNIT = pathlib.Path(__file__).parents[3] / "roles/api/templates/glance-api.service.j2"
WORKERS = 2
SECONDS = 10


@pytest.fixture
def wait(tmp_path):
    """Give a function that runs ExecStartPost as systemd does, for a server with a process id."""
    text = next(line for line in UNIT.read_text().splitlines() if line.startswith("ExecStartPost = /bin/bash"))
    script = text.removeprefix("ExecStartPost = /bin/bash -c '").removesuffix("'").replace("$$", "$")
    script = script.replace("{{ glance_api_uwsgi.processes | default(glance_api_processes) }}", str(WORKERS))
    script = script.replace("/run/glance-api/", f"{tmp_path}/")
    assert "{{" not in script
    os.mkfifo(tmp_path / "accepting")

    def run(process):
        begun = time.monotonic()
        # As systemd has it: each word of the command in one argument.
        done = subprocess.run(
            ["/bin/bash", "-c", " ".join(script.split())],
            env={**os.environ, "MAINPID": str(process.pid)},
            capture_output=True,
            timeout=3 * SECONDS,
            check=False,
        )
        return done.returncode, time.monotonic() - begun

    return run


def server(command, fifo=""):
    return subprocess.Popen(["/bin/sh", "-c", command], env={**os.environ, "FIFO": str(fifo)})


def test_it_waits_until_every_worker_accepts_requests(wait, tmp_path):
    process = server(
        'sleep 0.3; printf x > "$FIFO"; sleep 0.3; printf x > "$FIFO"; exec sleep 60', tmp_path / "accepting"
    )
    code, seconds = wait(process)
    process.kill()
    process.wait()
    assert code == 0
    assert 0.5 < seconds < SECONDS


@pytest.mark.parametrize("command", ["exit 1", 'printf x > "$FIFO"; sleep 0.3; exit 1'])
def test_a_server_that_ends_is_noticed_at_once(wait, tmp_path, command):
    process = server(command, tmp_path / "accepting")
    # As systemd does: what has ended is no process any more.
    reaper = threading.Thread(target=process.wait)
    reaper.start()
    code, seconds = wait(process)
    reaper.join()
    assert code != 0
    assert seconds < SECONDS / 2
