"""The API as clients use it: through SSH on a host, or at an address."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import http.client
import json
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from testing.waiting import wait_until

MIB = 1 << 20


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def connect(address: str, port: int, context: ssl.SSLContext | None, timeout: float) -> http.client.HTTPConnection:
    """Return a connection that is yet to be opened, with TLS if there is a *context*; *timeout* in seconds."""
    if context:
        return http.client.HTTPSConnection(address, port, timeout=timeout, context=context)
    return http.client.HTTPConnection(address, port, timeout=timeout)


@dataclass
class Api:
    """Image API on 127.0.0.1:9292 of a host, reached through SSH, or at an address; knows the images that it made.

    Every request has the *headers*, such as the token of a user, and comes over TLS if there is a *context*.
    """

    ssh_config: Path
    host: str
    port: int = 0
    address: str = "127.0.0.1"
    headers: Mapping[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    tunnel: subprocess.Popen[bytes] | None = None
    context: ssl.SSLContext | None = None

    def open(self) -> None:
        """Open the tunnel, anew after a reboot of the host."""
        self.close()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        forward = f"127.0.0.1:{self.port}:127.0.0.1:9292"
        options = ["-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"]
        self.tunnel = subprocess.Popen(
            ["ssh", "-F", str(self.ssh_config), *options, "-N", "-L", forward, self.host], stdin=subprocess.DEVNULL
        )

        def listens() -> bool:
            assert self.tunnel
            assert self.tunnel.poll() is None, "ssh ended"
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            return True

        wait_until(listens)

    def close(self) -> None:
        if self.tunnel:
            self.tunnel.terminate()
            self.tunnel.wait(timeout=10)

    def asked_with(self, headers: Mapping[str, str]) -> Api:
        """Return the same API as it is asked with further headers; it has made no images yet."""
        return dataclasses.replace(self, headers={**self.headers, **headers}, made=[], tunnel=None)

    def with_token(self, token: str) -> Api:
        """Return the same API as the user of a token asks it."""
        return self.asked_with({"X-Auth-Token": token})

    def with_password(self, user: str, password: str) -> Api:
        """Return the same API as a user with HTTP basic authentication asks it."""
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        return self.asked_with({"Authorization": f"Basic {pair}"})

    @contextlib.contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        with contextlib.closing(connect(self.address, self.port, self.context, 120)) as connection:
            yield connection

    def request(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Answer:
        with self.connection() as connection:
            content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            headers = {"Content-Type": content_type} if content else {}
            connection.request(method, path, content, {**self.headers, **headers})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())

    def create(self, **properties: Any) -> str:
        """Make the record of an image and return its id."""
        answer = self.request("POST", "/v2/images", {"disk_format": "raw", "container_format": "bare", **properties})
        assert answer.status == 201, answer
        self.made.append(answer.json["id"])
        return answer.json["id"]

    def show(self, image: str) -> dict[str, Any]:
        answer = self.request("GET", f"/v2/images/{image}")
        assert answer.status == 200, answer
        return answer.json

    def upload(
        self, image: str, blocks: Iterable[bytes], length: int | None = None, store: str | None = None
    ) -> Answer:
        """Upload *blocks*, each as one chunk, or with a Content-Length if *length* is given."""
        coding = {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        headers = {**self.headers, "Content-Type": "application/octet-stream", **coding}
        if store:
            headers["X-Image-Meta-Store"] = store
        with self.connection() as connection:
            # A server that refuses early closes before it has read everything, and its answer is what counts.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(
                    "PUT", f"/v2/images/{image}/file", iter(blocks), headers, encode_chunked=length is None
                )
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())

    def download(self, image: str) -> str:
        """Return the SHA-256 of the data of an image."""
        digest = hashlib.sha256()
        with self.connection() as connection:
            connection.request("GET", f"/v2/images/{image}/file", headers=dict(self.headers))
            answer = connection.getresponse()
            assert answer.status == 200, (answer.status, answer.read())
            while block := answer.read(MIB):
                digest.update(block)
        return digest.hexdigest()

    def remove_made(self) -> None:
        while self.made:
            answer = self.request("DELETE", f"/v2/images/{self.made.pop()}")
            assert answer.status in (204, 404), answer


@pytest.fixture(scope="session")
def open_api(lab: Path, tls: ssl.SSLContext | None) -> Iterator[Callable[[str], Api]]:
    """Open the API of a host by its name, until the end of all tests."""
    opened = []

    def open_api(host_name: str) -> Api:
        opened.append(Api(lab / "ssh_config", host_name, context=tls))
        opened[-1].open()
        return opened[-1]

    try:
        yield open_api
    finally:
        for api in opened:
            api.close()


@pytest.fixture(scope="session")
def api_at(lab: Path, tls: ssl.SSLContext | None) -> Callable[[str, int], Api]:
    """Reach the API at an address and a port without any tunnel."""
    return lambda address, port: Api(lab / "ssh_config", "", port, address, context=tls)


@pytest.fixture(scope="module")
def tunnel(lab: Path, host_name: str) -> Iterator[Api]:
    tunnel = Api(lab / "ssh_config", host_name)
    try:
        tunnel.open()
        yield tunnel
    finally:
        tunnel.close()


@pytest.fixture
def anonymous(tunnel: Api) -> Iterator[Api]:
    """Give the API of the host as nobody; the images that a test made are removed after it."""
    yield tunnel
    tunnel.remove_made()


@pytest.fixture
def api(anonymous: Api, host: Any, request: pytest.FixtureRequest) -> Iterator[Api]:
    """Give the API of the host as its administrator where that takes a password, else as nobody."""
    if host.ansible.get_variables().get("glance_auth") != "basic":
        yield anonymous
        return
    api = anonymous.with_password("admin", request.getfixturevalue("users_password"))
    yield api
    api.remove_made()
