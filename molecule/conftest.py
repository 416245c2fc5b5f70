"""What the tests of all scenarios share: playbooks, the API through SSH, and the service on its host."""

from __future__ import annotations

import base64
import contextlib
import csv
import dataclasses
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import testinfra

PROJECT = Path(__file__).resolve().parent.parent
PLAYBOOK_SECONDS = 600
MIB = 1 << 20


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the audit come after all tests but those that take the service down."""
    items.sort(key=lambda item: ("teardown" in item.nodeid, item.path.parent.name == "audit"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Show with a failed test what the last playbook in it failed with, and what the services said meanwhile.

    The hosts go when the run ends, and of a long log often only the beginning is kept.
    """
    report = yield
    config = PROJECT / ".lab" / os.environ.get("MOLECULE_SCENARIO_NAME", "none") / "ssh_config"
    if report.failed and PRINTED and (reasons := Run(1, PRINTED[-1]).failures):
        report.longrepr = f"The last playbook failed: {reasons}\n\n{report.longreprtext}"
    if report.failed and call.when == "call" and config.is_file():
        for name in re.findall(r"^Host (\S+)$", config.read_text(), re.MULTILINE):
            said = "journalctl --no-pager --output=short-iso --since=-3min --lines=60 --unit='glance-*'"
            ssh = ["ssh", "-F", str(config), "-o", "ConnectTimeout=5", "-o", "BatchMode=yes", name, said]
            with contextlib.suppress(subprocess.TimeoutExpired):
                shown = subprocess.run(ssh, capture_output=True, text=True, timeout=30, check=False)
                report.sections += [(f"journal of {name}", shown.stdout)] if shown.stdout else []
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run that skipped a test or passed none: a host that is not there must not look like success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus != pytest.ExitCode.OK or session.config.option.collectonly:
        return
    skipped, passed = (len(reporter.stats.get(outcome, [])) for outcome in ("skipped", "passed"))
    if skipped or not passed:
        reporter.write_line(f"\nEvery test should pass and none be skipped, found {passed} passed, {skipped} skipped.")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def wait_until(condition: Callable[[], Any], seconds: float = 30, every: float = 0.1) -> Any:
    """Return the first true value of *condition*; an error of it counts as false until the *seconds* are over."""
    deadline = time.monotonic() + seconds
    while True:
        found: Any = None
        try:
            if found := condition():
                return found
        except (OSError, RuntimeError, AssertionError, http.client.HTTPException) as error:
            found = error
        assert time.monotonic() < deadline, f"not within {seconds} s, last found: {found!r}"
        time.sleep(every)


# ----------------------------------------------------------------------------------------------------------- playbooks


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


# What every run in this session has printed.
PRINTED: list[str] = []


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


# ------------------------------------------------------------------------------------------------------------- the API


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
def lab() -> Path:
    """Folder with what this machine needs to reach the hosts of the scenario."""
    return PROJECT / ".lab" / os.environ["MOLECULE_SCENARIO_NAME"]


# Hosts whose journal, processes and files show nothing secret; those of a lab's Keystone and object store may.
DEPLOYED = {"glance_api", "glance_registry", "glance_scrubber", "glance_database", "glance_loadbalancer"}
LAB_SERVICES = {"keystone", "objects"}
# Written since the hosts were made; programs and lists of packages hold no secrets and take long to read.
OPEN_FILES = (
    "find /etc /home /opt/glance /root /run /srv /tmp /var -xdev -type f -perm /o=r -mmin -600 -size -1000k "
    "! -path '*/lib/python*' ! -path '/var/lib/apt/*' ! -path '/var/lib/dpkg/*' -exec cat {} +"
)


def secrets_of(lab: Path) -> dict[str, bytes]:
    """Return the passwords that the inventory of a scenario has, and a line of each private key, by their file."""
    files = [path for path in sorted(lab.rglob("*")) if path.is_file() and path.suffix != ".lock"]
    passwords = [path for path in files if path.name.endswith("password") or path.parent.name == "secrets"]
    passwords += sorted(PROJECT.glob("inventories/*/.credentials/*")) if lab.name == "default" else []
    found = {str(path): path.read_bytes().strip() for path in passwords if path.is_file()}
    # The lines after it hold the public key besides.
    return found | {str(path): path.read_bytes().split(b"\n")[1] for path in files if path.suffix == ".key"}


@pytest.fixture(scope="session", autouse=True)
def no_secret_shows_anywhere(lab: Path) -> Iterator[None]:
    """Look, after all tests, for the secrets of the inventory in what was printed and what all on a host can read."""
    yield
    secrets = secrets_of(lab)
    places = {"output": "\n".join(PRINTED).encode()}
    for host in testinfra.get_hosts(["ansible://all"]) if secrets else []:
        variables = host.ansible.get_variables()
        if DEPLOYED.isdisjoint(variables["group_names"]) or not LAB_SERVICES.isdisjoint(variables["group_names"]):
            continue
        for command in ("journalctl --quiet --output=cat", "ps -eo args", OPEN_FILES):
            places[f"{variables['inventory_hostname']}: {command}"] = host.run(command).stdout_bytes
    shown = [(place, name) for place, seen in places.items() for name, secret in secrets.items() if secret in seen]
    assert shown == []
    assert len(places) > 1 or not secrets


@pytest.fixture(scope="session")
def tls(lab: Path) -> ssl.SSLContext | None:
    """What a client goes by in a scenario with certificates of playbooks/certificates.yml."""
    authority = lab / "certificates/ca.pem"
    return ssl.create_default_context(cafile=str(authority)) if authority.exists() else None


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
def project() -> Path:
    """Folder of this checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def api_at(lab: Path, tls: ssl.SSLContext | None) -> Callable[[str, int], Api]:
    """Reach the API at an address and a port without any tunnel."""
    return lambda address, port: Api(lab / "ssh_config", "", port, address, context=tls)


@pytest.fixture(scope="module")
def host_name(host: Any) -> str:
    """Name of the host in the inventory."""
    return host.ansible.get_variables()["inventory_hostname"]


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


# --------------------------------------------------------------------------------------------------------- its users

# Of molecule/shared/keystone.yml and of the scenario default, with the project of each.
USERS = {"admin": "admin", "u1": "p1", "u2": "p2", "reader1": "p1"}


@dataclass(frozen=True)
class Keystone:
    """Keystone that molecule/shared/keystone.yml has made."""

    address: str
    password: str
    context: ssl.SSLContext | None = None

    def token(self, user: str) -> str:
        """Log in as a user of `USERS`."""
        domain = {"id": "default"}
        body = {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": user, "domain": domain, "password": self.password}},
                },
                "scope": {"project": {"name": USERS[user], "domain": domain}},
            }
        }
        with contextlib.closing(connect(self.address, 5000, self.context, 60)) as connection:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/v3/auth/tokens", json.dumps(body), headers)
            answer = connection.getresponse()
            assert answer.status == 201, (answer.status, answer.read())
            return str(answer.getheader("X-Subject-Token"))


@pytest.fixture(scope="session")
def users_password(lab: Path) -> str:
    """Password of all users of `USERS`."""
    return (lab / "users_password").read_text().strip()


@pytest.fixture(scope="session")
def keystone(users_password: str, tls: ssl.SSLContext | None) -> Keystone:
    (host,) = testinfra.get_hosts(["ansible://keystone"])
    return Keystone(host.ansible.get_variables()["ansible_host"], users_password, tls)


@pytest.fixture
def as_user(tunnel: Api, host: Any, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Api]]:
    """Give the API of the host as a user of `USERS` asks it; the images that a test made are removed after it."""
    opened = []
    # A scenario whose tests switch to Keystone has no glance_auth in its inventory.
    if host.ansible.get_variables().get("glance_auth") == "basic":
        password = request.getfixturevalue("users_password")

        def log_in(name: str) -> Api:
            return tunnel.with_password(name, password)
    else:
        keystone = request.getfixturevalue("keystone")

        def log_in(name: str) -> Api:
            return tunnel.with_token(keystone.token(name))

    def as_user(name: str) -> Api:
        opened.append(log_in(name))
        return opened[-1]

    yield as_user
    for api in opened:
        api.remove_made()


# --------------------------------------------------------------------------------------------------------- the poller


@dataclass
class Seen:
    answers: int = 0
    failures: list[str] = field(default_factory=list)


@pytest.fixture
def poller(api: Api) -> Callable[..., contextlib.AbstractContextManager[Seen]]:
    """Ask for the images every 0.1 s for as long as the context lasts, as nobody or as a user."""

    @contextlib.contextmanager
    def poll(asked: Api = api) -> Iterator[Seen]:
        seen, left = Seen(), threading.Event()

        def ask() -> None:
            while not left.wait(0.1):
                try:
                    answer = asked.request("GET", "/v2/images?limit=1")
                except (OSError, http.client.HTTPException) as error:
                    seen.failures.append(repr(error))
                else:
                    seen.answers += 1
                    if answer.status != 200:
                        seen.failures.append(str(answer))

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield seen
        finally:
            left.set()
            thread.join()

    return poll


# --------------------------------------------------------------------------------------------------------- the service


@dataclass(frozen=True)
class Service:
    """Unit glance-api on its host."""

    host: Any
    unit: str = "glance-api.service"

    def show(self, name: str) -> str:
        return self.host.check_output("systemctl show --value --property=%s %s", name, self.unit)

    @property
    def main_pid(self) -> int:
        return int(self.show("MainPID"))

    def starts(self) -> int:
        """Return how often systemd has told that the unit was started."""
        started = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf"
        return len(
            self.host.check_output("journalctl --quiet --output=cat %s UNIT=%s", started, self.unit).splitlines()
        )

    def state(self) -> str:
        """Return what a run that changes nothing leaves: the process, and all files with their owners and modes."""
        command = """
            systemctl show --property=MainPID,InvocationID,ActiveState {unit} glance-proxy.service
            proxy=$(ls -d /etc/glance-proxy /etc/systemd/system/glance-proxy.service 2>/dev/null || true)
            config="/etc/glance /etc/systemd/system/{unit} $proxy"
            data="/opt/glance/current /var/lib/glance"
            find $config $data -printf '%%p %%y %%u %%g %%m %%l\\n' | sort
            find $config -type f -exec sha256sum '{{}}' + | sort
            ls /opt/glance
        """
        return self.host.check_output(command.format(unit=self.unit).replace("%%", "%"))


@pytest.fixture
def service(host: Any) -> Service:
    return Service(host)


@pytest.fixture
def upload_over_restart(api: Api, host: Any, service: Service) -> Callable[[], tuple[str, str]]:
    """Restart the service in the middle of an upload; gives the image and the SHA-256 of what was sent."""

    def run() -> tuple[str, str]:
        blocks = [os.urandom(MIB) for _number in range(8)]
        image, before = api.create(), service.main_pid
        go_on, answers = threading.Event(), []

        def held() -> Iterator[bytes]:
            yield from blocks[:3]
            assert go_on.wait(60)
            yield from blocks[3:]

        thread = threading.Thread(target=lambda: answers.append(api.upload(image, held())))
        thread.start()
        try:
            wait_until(lambda: api.show(image)["status"] == "saving")
            host.check_output("systemctl --no-block restart glance-api")
            wait_until(lambda: service.show("ActiveState") == "deactivating")
            assert service.main_pid == before
            assert not answers
        finally:
            go_on.set()
            thread.join(60)
        assert [answer.status for answer in answers] == [204], answers
        wait_until(lambda: service.show("ActiveState") == "active" and service.main_pid != before, 60)
        wait_until(lambda: api.request("GET", "/healthcheck").status == 200, 60)
        return image, hashlib.sha256(b"".join(blocks)).hexdigest()

    return run


@pytest.fixture(scope="session")
def kill() -> Callable[[Any, str], None]:
    """Kill all processes of a unit on a host: ``kill(host, unit)`` returns when they have ended."""

    def processes(host: Any, unit: str) -> set[str]:
        found = (line.split() for line in host.check_output("ps -eo pid=,unit=").splitlines())
        return {pid for pid, of in found if of == unit}

    def run(host: Any, unit: str) -> None:
        before = processes(host, unit)
        assert before, f"{unit} should run, found no process of it"
        # It fails when a worker ends by itself before its turn, since its master is gone. What counts is checked below.
        host.run("systemctl kill --signal=KILL %s", unit)
        wait_until(lambda: not before & processes(host, unit))

    return run


@pytest.fixture(scope="session")
def ask_haproxy() -> Callable[..., str]:
    """Tell HAProxy on a host something on its own socket: ``ask_haproxy(host, command, socket)`` gives its answer."""
    program = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[2]); "
        "s.sendall(sys.argv[1].encode() + b'\\n'); print(s.makefile().read())"
    )

    def ask(host: Any, command: str, path: str = "/run/haproxy/admin.sock") -> str:
        return host.check_output("python3 -c %s %s %s", program, command, path).strip()

    return ask


@pytest.fixture(scope="session")
def server_statuses(ask_haproxy: Callable[..., str]) -> Callable[[Any], dict[str, dict[str, str]]]:
    """Ask a host with HAProxy for the status of each server, by backend and name."""

    def statuses(host: Any) -> dict[str, dict[str, str]]:
        shown = ask_haproxy(host, "show stat").removeprefix("# ").splitlines()
        found: dict[str, dict[str, str]] = {}
        for row in csv.DictReader(shown):
            if row["svname"] not in ("FRONTEND", "BACKEND"):
                found.setdefault(row["pxname"], {})[row["svname"]] = row["status"]
        return found

    return statuses


@pytest.fixture(name="wait_until", scope="session")
def wait_until_fixture() -> Callable[..., Any]:
    """Wait for a condition: ``wait_until(condition, seconds)`` returns its first true value."""
    return wait_until
