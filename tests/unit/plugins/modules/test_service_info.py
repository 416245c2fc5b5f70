import http.server
import re
import threading

import pytest

ANSWERS = {"/ok": (200, b"OK"), "/drained": (503, b"DISABLED BY FILE"), "/bad": (500, b"")}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, body = ANSWERS[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *dummy):
        pass


@pytest.fixture
def info(tmp_path, monkeypatch, run_module):
    """Run the module against a unit in a state, a link and a server that answers by path."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def run(load="loaded", active="active", target=None, path="/ok", check_mode=False, script=None, **options):
        script = script or f"printf 'LoadState={load}\\nActiveState={active}\\n'"
        (tmp_path / "systemctl").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "systemctl").chmod(0o755)
        if target:
            (tmp_path / "current").symlink_to(target)
        url = f"http://127.0.0.1:{server.server_port}{path}"
        link = str(tmp_path / "current")
        return run_module("service_info", check_mode, name="glance-api", health_url=url, link=link, **options)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield run
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("given", "release"),
    [
        ({"target": "/opt/glance/2026.2-1a2b3c4d5e6f"}, "2026.2"),
        ({"target": "2025.1-000000000000"}, "2025.1"),
        ({}, "package"),
        ({"load": "not-found", "active": "inactive"}, "none"),
        ({"load": "not-found", "active": "inactive", "target": "/opt/glance/2026.2-1a"}, "2026.2"),
    ],
)
def test_release(info, given, release):
    assert info(**given)["release"] == release


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({}, "active"),
        ({"active": "failed"}, "failed"),
        ({"load": "not-found", "active": "inactive"}, "not-found"),
    ],
)
def test_state(info, given, state):
    assert info(**given)["state"] == state


def test_address_is_the_url_without_its_path(info):
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", info()["address"])


@pytest.mark.parametrize(
    ("path", "healthy", "health"),
    [
        ("/ok", True, "200 OK"),
        ("/drained", False, "taken out of rotation"),
        ("/bad", False, "500 Internal Server Error"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_health(info, path, healthy, health, check_mode):
    result = info(path=path, check_mode=check_mode)
    assert (result["healthy"], result["health"], result["changed"]) == (healthy, health, False)


def test_a_host_without_an_answer_from_systemd_fails_with_a_sentence(info):
    assert info(script="echo System has not been booted with systemd. >&2; exit 1")["msg"].startswith(
        "glance-api can't be looked at: 'systemctl show "
    )


def test_jobs_that_failed_are_told_with_what_they_wrote_last(info, tmp_path):
    (tmp_path / "journalctl").write_text("#!/bin/sh\necho first\necho 'purge_records: images wait.'\n")
    (tmp_path / "journalctl").chmod(0o755)
    shown = {
        "glance-api.service": "LoadState=loaded\nActiveState=active",
        "a.service": "LoadState=loaded\nActiveState=failed\nResult=exit-code\nInactiveExitTimestamp=today",
        "b.service": "LoadState=loaded\nActiveState=failed\nResult=timeout\nInactiveExitTimestamp=",
        "c.service": "LoadState=not-found\nActiveState=inactive",
        "d.service": "LoadState=not-found\nActiveState=failed\nResult=exit-code\nInactiveExitTimestamp=today",
    }
    (tmp_path / "shown").write_text("\n\n".join(shown.values()))
    result = info(script=f"cat {tmp_path}/shown", jobs=[*shown][1:])
    assert result["failed_jobs"] == {"a.service": "purge_records: images wait", "b.service": "timeout"}
    assert info()["failed_jobs"] == {}


def test_free_space_of_its_directories(info, tmp_path):
    found = info(directories=[str(tmp_path), "/nowhere"], free_space_percent=100)
    (sentence,) = found["space_warnings"]
    assert sentence.startswith(f"{tmp_path} should have 100 % of its space free, found ")
    assert info(directories=[str(tmp_path)], free_space_percent=0)["full_directories"] in ([], [str(tmp_path)])
    assert info()["space_warnings"] == []
