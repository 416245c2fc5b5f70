import contextlib
import http.server
import socket
import threading

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import service as s


@contextlib.contextmanager
def server(status, body=b"", before=lambda: None):
    """An HTTP server on loopback that gives one answer; what it was asked is in its list `asked`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            before()
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *dummy):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        running.url = f"http://127.0.0.1:{running.server_port}/healthcheck"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"OK", (True, False, "200 OK")),
        (503, b"DISABLED BY FILE", (True, True, "503 Service Unavailable")),
        (503, b"<html>DISABLED BY FILE</html>", (True, True, "503 Service Unavailable")),
        (503, b"", (False, False, "503 Service Unavailable")),
        (503, b"DISABLED BY PORT", (False, False, "503 Service Unavailable")),
        (500, b"DISABLED BY FILE", (False, False, "500 Internal Server Error")),
        (404, b"", (False, False, "404 Not Found")),
    ],
)
def test_health(status, body, expected):
    with server(status, body) as running:
        assert s.health(running.url) == s.Health(*expected)
        assert running.asked == ["/healthcheck"]


def test_health_of_a_port_where_nothing_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert s.health(f"http://127.0.0.1:{port}/") == s.Health(False, False, "[Errno 111] Connection refused")


def test_health_of_a_server_that_is_too_slow(monkeypatch):
    monkeypatch.setattr(s, "_REQUEST_SECONDS", 0.1)
    asked_on = threading.Event()
    with server(200, before=asked_on.wait) as running:
        seen = s.health(running.url)
        asked_on.set()
    assert seen == s.Health(False, False, "timed out")


@pytest.mark.parametrize("words", [b"220 mail.example.com ESMTP\r\n", b"HTTP/1.1 banana\r\n\r\n", b""])
def test_health_of_a_port_that_does_not_speak_http(words):
    def answer():
        with contextlib.closing(listening.accept()[0]) as client:
            client.recv(4096)
            client.sendall(words)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer)
        thread.start()
        seen = s.health(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        thread.join()
    assert (seen.answers, seen.drained) == (False, False)
    assert seen.found


def test_health_does_not_ask_a_proxy(monkeypatch):
    with server(500) as proxy, server(200) as running:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert s.health(running.url).answers
        assert proxy.asked == []


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a shell script in place of a program; it and the tests share its folder."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def make(name, script):
        (tmp_path / name).write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return make


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo Unit not found. >&2; echo more >&2; exit 5", "'systemctl restart x' failed: Unit not found"),
        ("echo only on stdout; exit 1", "'systemctl restart x' failed: only on stdout"),
        ("exit 4", "'systemctl restart x' failed: exit code 4"),
        ("exec sleep 30", "'systemctl restart x' did not end within 0 s"),
    ],
)
def test_systemctl_fails_with_systemds_words(program, script, expected):
    program("systemctl", script)
    with pytest.raises(s.ServiceError) as refused:
        s.systemctl("restart", "x", timeout=0.2 if "sleep" in script else 10)
    assert str(refused.value) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("ActiveState=failed\nNRestarts=0\nResult=exit-code", r"^it ended while starting \(exit-code\)$"),
        (
            "ActiveState=activating\nNRestarts=$(wc -l <$0.calls)\nResult=success",
            r"^it ended while starting \(success\)$",
        ),
        (
            "ActiveState=active\nNRestarts=0\nResult=success",
            r"^GET http://127\S+ should answer 200 within 0 s, found: 500 Inter",
        ),
    ],
)
def test_waiting_ends_at_once_when_the_unit_failed_or_after_the_time(program, state, expected):
    program("systemctl", f'echo >>$0.calls; echo "{state}"')
    timeout = 0 if "ActiveState=active\n" in state else 600
    with server(500) as running, pytest.raises(s.ServiceError, match=expected):
        s.wait_until_healthy(["x.service"], running.url, timeout)


def test_the_unit_that_ended_is_named_among_several(program):
    program("systemctl", "echo 'ActiveState=active\nResult=success\n\nActiveState=failed\nNRestarts=0\nResult=signal'")
    with server(500) as running, pytest.raises(s.ServiceError, match=r"^y.service ended while starting \(signal\)$"):
        s.wait_until_healthy(["x.timer", "y.service"], running.url, 600)


def test_waiting_lasts_until_the_service_answers(program, monkeypatch):
    program("systemctl", "echo 'ActiveState=activating\nNRestarts=0\nResult=success'")
    monkeypatch.setattr(s, "_POLL_SECONDS", 0)
    answers = iter([s.Health(False, False, "refused")] * 3 + [s.Health(True, False, "200 OK")])
    monkeypatch.setattr(s, "health", lambda _url: next(answers))
    assert s.wait_until_healthy(["x.service"], "http://127.0.0.1/", 600).found == "200 OK"


def test_several_units_are_asked_for_at_once(program, tmp_path):
    program(
        "systemctl",
        """shift 2
        echo "$*" >> asked
        for unit; do echo "LoadState=loaded"; echo "Name=a=$unit"; echo "Empty="; echo; done""",
    )
    assert s.properties_of(["x.timer", "y.service", "x.timer"]) == {
        name: {"LoadState": "loaded", "Name": f"a={name}", "Empty": ""} for name in ("x.timer", "y.service")
    }
    assert s.properties("z.service")["Name"] == "a=z.service"
    assert (tmp_path / "asked").read_text() == "x.timer y.service\nz.service\n"


@pytest.mark.parametrize(
    ("said", "since", "expected"),
    [
        ("first\nlast with password=hunter2.\n\n", "Sun 2026-11-22", "last with password=********"),
        ("", "Sun 2026-11-22", ""),
        ("of a run before", "", ""),
    ],
)
def test_last_words(program, said, since, expected):
    program("journalctl", f'case "$*" in *"--since={since} _SYSTEMD_UNIT=x.service") echo "{said}" ;; esac')
    assert s.last_words("x.service", {"InactiveExitTimestamp": since}) == expected


def test_the_journal_is_read_from_its_cursor_and_masked(program):
    program(
        "journalctl",
        """case "$*" in
        *--show-cursor*) echo last line; echo '-- cursor: s=1;i=2' ;;
        *"-u x.service"*"--after-cursor=s=1;i=2"*) echo 'connecting to mysql://u:hunter2@db'; echo; echo end ;;
        esac""",
    )
    assert s.journal("x.service", cursor=s.journal_cursor()) == ["connecting to mysql://********@db", "end"]


def test_an_empty_journal_has_no_cursor(program):
    program("journalctl", "exit 1")
    assert s.journal_cursor() == ""
    assert s.journal("x.service") == []
