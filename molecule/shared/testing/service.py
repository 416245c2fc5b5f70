"""The units of Glance on their hosts."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from testing.api import MIB, Api
from testing.content import disk
from testing.waiting import wait_until


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
        blocks = [disk(MIB) for _number in range(8)]
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
