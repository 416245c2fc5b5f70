"""Slow clients keep no quick one waiting, full places say so, and a restart holds requests instead of refusing them."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

import pytest

testinfra_hosts = ["ansible://glance_api"]

MIB = 1 << 20
# More than a Glance without HAProxy would have threads, and than quick requests have places.
SLOW = 30


@pytest.fixture
def admin(as_user):
    return as_user("admin")


@pytest.fixture
def haproxy(host, ask_haproxy):
    """Tell the HAProxy in front of Glance something."""
    return lambda command: ask_haproxy(host, command, "/run/glance-proxy/admin.sock")


@pytest.fixture
def begin(admin):
    """Send the head of a request, and part of its body; the connection stays open until the end of the test."""
    opened = []

    def begin(method, path, *headers, body=b"", buffer=None):
        connection = socket.socket()
        opened.append(connection)
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(60)
        connection.connect((admin.address, admin.port))
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{admin.port}", *headers]
        lines += [f"{name}: {value}" for name, value in admin.headers.items()]
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return connection

    yield begin
    for connection in opened:
        connection.close()


@pytest.fixture
def in_service(haproxy, wait_until):
    """Wait until Glance is at work on so many requests of a kind."""

    def current(backend):
        rows = [row.split(",") for row in haproxy("show stat").splitlines()]
        return next(int(row[4]) for row in rows if row[:2] == [backend, "glance"])

    return lambda backend, number: wait_until(lambda: current(backend) == number, 60)


def timed(ask):
    began = time.monotonic()
    answer = ask()
    return answer, time.monotonic() - began


def quick_ones_are_served(admin):
    for _number in range(5):
        for path in ("/v2/images", "/healthcheck"):
            answer, seconds = timed(lambda path=path: admin.request("GET", path))
            assert answer.status == 200, answer
            assert seconds < 5
    image = admin.create()
    assert admin.upload(image, [b"x" * MIB]).status == 204
    assert admin.show(image)["size"] == MIB
    assert admin.download(image)


def test_slow_transfers_keep_nobody_waiting(admin, begin, in_service):
    large = admin.create()
    assert admin.upload(large, (b"x" * MIB for _number in range(32))).status == 204
    uploads = [admin.create() for _number in range(SLOW)]
    senders = [
        begin(
            "PUT", f"/v2/images/{each}/file", "Content-Type: application/octet-stream", "Content-Length: 9", body=b"a"
        )
        for each in uploads
    ]
    for _number in range(SLOW):
        begin("GET", f"/v2/images/{large}/file", buffer=4096)
    in_service("glance_api_transfers", 2 * SLOW)
    quick_ones_are_served(admin)
    # They were slow, not cut.
    for connection in senders:
        connection.sendall(b"bcdefghi")
    for connection in senders:
        assert connection.recv(4096).startswith(b"HTTP/1.1 204")
    assert {admin.show(each)["size"] for each in uploads} == {9}


@pytest.mark.parametrize("path", ["/v2.2/images/{}/file", "//v2/images/{}/%66ile", "/v2/images/{}/stage"])
def test_other_spellings_of_a_transfer_are_transfers(admin, begin, in_service, path):
    begin("PUT", path.format(admin.create()), "Content-Type: application/octet-stream", "Content-Length: 9", body=b"a")
    in_service("glance_api_transfers", 1)
    in_service("glance_api", 0)


@pytest.mark.parametrize("coding", ["Content-Length: 200", "Transfer-Encoding: chunked"])
def test_slow_bodies_of_other_requests_keep_nobody_waiting(admin, begin, in_service, coding):
    for _number in range(SLOW):
        begin("POST", "/v2/images", "Content-Type: application/json", coding, body=b"2\r\n{ \r\n")
    quick_ones_are_served(admin)
    in_service("glance_api", 0)


def test_long_bodies_are_taken_or_refused_with_a_reason(admin, begin):
    record = {"disk_format": "raw", "container_format": "bare", **{f"p{number}": "x" * 250 for number in range(100)}}
    answer = admin.request("POST", "/v2/images", record)
    assert answer.status == 201, answer
    admin.made.append(answer.json["id"])
    body = json.dumps(record).encode()
    chunked = begin(
        "POST",
        "/v2/images",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
        body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
    )
    answer = chunked.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413"), answer
    assert b"Content-Length" in answer


def test_chunks_of_any_size_are_taken(admin):
    image = admin.create()
    assert admin.upload(image, [b"x" * (32 * MIB), b"y"]).status == 204
    assert admin.show(image)["size"] == 32 * MIB + 1


def test_full_places_answer_503_and_when_to_try_again(admin, begin, in_service, haproxy):
    haproxy("set maxconn server glance_api_transfers/glance 1")
    try:
        image = admin.create()
        begin(
            "PUT", f"/v2/images/{image}/file", "Content-Type: application/octet-stream", "Content-Length: 9", body=b"a"
        )
        in_service("glance_api_transfers", 1)
        waiting = begin("GET", f"/v2/images/{image}/file", "Connection: close")
        assert admin.request("GET", "/v2/images").status == 200
        answer = waiting.makefile("rb").read()
    finally:
        haproxy("set maxconn server glance_api_transfers/glance 256")
    assert answer.startswith(b"HTTP/1.1 503"), answer
    assert b"\r\nretry-after: 10\r\n" in answer.lower()
    assert b"places for uploads and downloads" in answer


def test_a_restart_holds_requests_until_it_is_over(admin, host, service, wait_until):
    before, answers, over = service.main_pid, [], threading.Event()

    def ask():
        while not over.is_set():
            answers.append(admin.request("GET", "/v2/images").status)

    threads = [threading.Thread(target=ask) for _number in range(4)]
    for thread in threads:
        thread.start()
    try:
        host.check_output("systemctl restart glance-api")
    finally:
        wait_until(lambda: admin.request("GET", "/healthcheck").status == 200, 60)
        over.set()
        for thread in threads:
            thread.join(60)
    assert service.main_pid != before
    assert len(answers) > 8
    assert set(answers) == {200}


def test_a_restart_beside_a_slow_upload_answers_503_meanwhile(admin, host, service, begin, in_service, wait_until):
    image, before = admin.create(), service.main_pid
    slow = begin(
        "PUT", f"/v2/images/{image}/file", "Content-Type: application/octet-stream", "Content-Length: 9", body=b"a"
    )
    in_service("glance_api_transfers", 1)
    host.check_output("systemctl --no-block restart glance-api")
    try:
        wait_until(lambda: service.show("ActiveState") == "deactivating")
        for path in ("/v2/images", "/healthcheck"):
            # Glance takes requests for a moment yet after systemd has begun to stop it.
            def refused(path=path):
                return (answer := admin.request("GET", path)).status != 200 and answer

            answer, seconds = timed(lambda: wait_until(refused))
            assert answer.status == 503, answer
            assert b"try again" in answer.body
            assert seconds < 45
        slow.sendall(b"bcdefghi")
        assert slow.recv(4096).startswith(b"HTTP/1.1 204")
    finally:
        with contextlib.suppress(OSError):
            slow.close()
        wait_until(lambda: service.show("ActiveState") == "active" and service.main_pid != before, 60)
    wait_until(lambda: admin.request("GET", "/healthcheck").status == 200, 60)
    assert admin.show(image)["size"] == 9
