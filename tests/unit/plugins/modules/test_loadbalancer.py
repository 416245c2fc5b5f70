"""Both modules that ask HAProxy, against a socket that answers as HAProxy 2.6 does."""

import contextlib
import pathlib
import shutil
import socket
import tempfile
import threading

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import haproxy

HEAD = "# pxname,svname,qcur,status,weight,\n"
FRONT = "glance_api,FRONTEND,,OPEN,,\n"
BACK = "glance_api,BACKEND,0,UP,1,\n"


def row(server, status, backend="glance_api"):
    return f"{backend},{server},0,{status},1,\n"


def table(*rows):
    return HEAD + FRONT + "".join(rows) + BACK + "\n"


class HAProxy:
    """Answers each connection with the next of *answers*, and all further ones with the last."""

    def __init__(self, path):
        self.path, self.answers, self.asked = path, [table()], []
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(path)
        self.listening.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        # A thread that still waits for connections would get those of the next server whose socket has the same number.
        self.listening.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listening.close()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self.listening.accept()
                with connection:
                    self.asked.append(connection.recv(1024).decode())
                    answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    connection.sendall(answer.encode())


@pytest.fixture
def folder():
    # The path of a socket may have 107 bytes at most.
    path = tempfile.mkdtemp()
    yield pathlib.Path(path)
    shutil.rmtree(path)


@pytest.fixture
def proxy(folder):
    proxy = HAProxy(str(folder / "s"))
    yield proxy
    proxy.close()


@pytest.mark.parametrize(
    ("status", "taken"),
    [
        ("UP", True),
        ("UP 1/2", True),
        ("no check", True),
        ("DOWN", False),
        ("DOWN 1/2", False),
        ("DRAIN", False),
        ("MAINT", False),
        ("NOLB", False),
    ],
)
def test_takes_requests(status, taken):
    assert haproxy.takes_requests(status) is taken


@pytest.mark.parametrize(
    ("status", "up", "down"),
    [
        ({}, True, True),
        ({"a": "UP"}, True, False),
        ({"a": "DOWN"}, False, True),
        ({"a": "UP", "b": "DOWN"}, False, False),
        ({"a": "UP 1/2"}, True, False),
    ],
)
def test_arrived(status, up, down):
    assert (haproxy.arrived(status, "up"), haproxy.arrived(status, "down")) == (up, down)


def test_a_server_that_is_down_is_not_waited_for(proxy, run_module):
    proxy.answers = [table(row("api1", "DOWN"), row("api2", "UP"))]
    result = run_module("loadbalancer_server", server="api1", state="down", socket=proxy.path)
    assert (result["changed"], result["status"]) == (False, {"glance_api": "DOWN"})
    assert proxy.asked == ["show stat\n"]


@pytest.mark.parametrize(("state", "last"), [("down", "DOWN"), ("up", "UP")])
def test_a_server_is_waited_for(proxy, run_module, state, last):
    other = "UP 1/2" if state == "down" else "DOWN 1/2"
    proxy.answers = [table(row("api1", other)), table(row("api1", other)), table(row("api1", last))]
    result = run_module("loadbalancer_server", server="api1", state=state, socket=proxy.path)
    assert result["status"] == {"glance_api": last}
    assert len(proxy.asked) == 3


def test_a_server_has_to_be_up_in_every_backend(proxy, run_module):
    proxy.answers = [table(row("api1", "UP"), row("api1", "DOWN", "glance_other"))]
    result = run_module("loadbalancer_server", server="api1", state="up", socket=proxy.path, timeout=0)
    assert result["msg"] == (
        "HAProxy should send requests to api1 within 0 s, found: UP in glance_api, DOWN in glance_other."
    )


def test_the_wait_ends(proxy, run_module):
    proxy.answers = [table(row("api1", "UP"))]
    result = run_module("loadbalancer_server", server="api1", state="down", socket=proxy.path, timeout=0)
    assert result["msg"] == "HAProxy should send no more requests to api1 within 0 s, found: UP in glance_api."


@pytest.mark.parametrize("state", ["up", "down"])
def test_an_unknown_server_is_not_waited_for(proxy, run_module, state):
    proxy.answers = [table(row("api10", "UP"))]
    result = run_module("loadbalancer_server", server="api1", state=state, socket=proxy.path, timeout=0)
    assert result["status"] == {}


@pytest.mark.parametrize("state", ["up", "down"])
def test_nothing_is_waited_for_where_no_haproxy_runs(folder, run_module, state):
    assert not run_module("loadbalancer_server", server="api1", state=state, socket=str(folder / "no")).get("failed")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(folder / "stale"))
    stale.close()
    assert not run_module("loadbalancer_server", server="a", state=state, socket=str(folder / "stale")).get("failed")


def test_a_socket_that_can_not_be_asked_is_told(folder, run_module):
    result = run_module("loadbalancer_server", server="api1", state="down", socket=f"{folder}/{'x' * 200}")
    assert result["msg"].startswith("HAProxy should tell of api1, found: HAProxy does not answer 'show stat' at /")


def test_check_mode_does_not_wait(proxy, run_module):
    proxy.answers = [table(row("api1", "UP"))]
    result = run_module("loadbalancer_server", True, server="api1", state="down", socket=proxy.path)
    assert result["changed"] is False
    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    ("rows", "health"),
    [
        ([row("api1", "UP"), row("api2", "DOWN")], "healthy"),
        ([row("api1", "DOWN"), row("api2", "MAINT")], "no server of glance_api takes requests"),
        (
            [row("api1", "DOWN"), row("r1", "DOWN", "glance_registry")],
            "no server of glance_api, glance_registry takes requests",
        ),
        ([row("api1", "DOWN"), row("api2", "UP"), row("r1", "UP", "glance_registry")], "healthy"),
    ],
)
def test_a_balancer_is_well_while_each_backend_has_a_server(proxy, run_module, rows, health):
    proxy.answers = [table(*rows)]
    result = run_module("loadbalancer_info", socket=proxy.path)
    assert (result["healthy"], result["health"]) == (health == "healthy", health)
    assert set(result["servers"]) == {each.split(",")[1] for each in rows}


def test_a_balancer_that_does_not_run_is_a_result(folder, run_module):
    result = run_module("loadbalancer_info", socket=str(folder / "none"))
    assert result["healthy"] is False
    assert result["health"] == f"no HAProxy answers at {folder}/none (No such file or directory)"
    assert result["servers"] == {}


@pytest.mark.parametrize(("address", "has"), [("127.0.0.1", True), ("192.0.2.1", False), ("::1", True), ("", False)])
def test_virtual_address(folder, run_module, address, has):
    result = run_module("loadbalancer_info", socket=str(folder / "none"), virtual_address=address)
    assert result["has_virtual_address"] is has


def test_servers_of_a_configuration_are_told_by_backend(tmp_path):
    path = tmp_path / "haproxy.cfg"
    assert haproxy.configured_servers(str(path)) == {}
    path.write_text(
        "# server a 192.0.2.9:1\n"
        "backend api\n    balance leastconn\n    default-server check\n"
        "    server api1 192.0.2.11:9292 verifyhost api1.example.com\n    server api2 192.0.2.12:9292\n"
        "listen stats\n    server other 192.0.2.13:9292\n"
        "backend\nbackend registry\n\tserver api1 192.0.2.11:9191\n"
        "\nfrontend api\n    default_backend api\n    server x\n"
    )
    assert haproxy.configured_servers(str(path)) == {
        "api": ["api1 192.0.2.11:9292", "api2 192.0.2.12:9292"],
        "registry": ["api1 192.0.2.11:9191"],
    }
