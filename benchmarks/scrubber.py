"""Let the scrubber run a thousand times while images come, go and come back; fail if one is lost or left behind.

Run it with `python benchmarks/scrubber.py`. It makes throw-away hosts of its own and takes them away again. Upstream's
daemon ends after 991 runs, so 1,200 rounds are more than one of its lives. The table is Markdown.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import random
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

PROJECT = pathlib.Path(__file__).parents[1]
LAB = PROJECT / "molecule/shared/lab.sh"
NAME = "rounds"
DATA = "/var/lib/glance"
STORES = ("fast", "slow")
DATABASE_PASSWORD = secrets.token_hex(16)

# Long enough for a restore to come before the scrubber.
SCRUB_TIME = 6
SECONDS_BETWEEN_RESTORES = 40
# By how much a restore comes later after one that was in time, and earlier after one that was too late.
PAUSE_STEP = 0.5
# A restore starts a daemon again, so there is none before the daemon has come to its own end once.
DAEMON_ROUNDS = 991

BYTES = (16 << 10, 256 << 10)
# Of the rounds of a timer that never waits, most find nothing to do then, as with a longer wake-up time.
SECONDS_BETWEEN_IMAGES = {"timer": 5, "daemon": 1}
# What bounds the disk: images beyond these are looked at once more and deleted.
KEPT_AT_MOST = 400
SPARE_AT_MOST = 10

SECONDS_BETWEEN_LOOKS = 5
SECONDS_BETWEEN_TELLS = 60
# Without a round for so long, the scrubber does not run any more.
STALLED_SECONDS = 180
# The check beside a daemon finishes what a killed one left halfway; it runs every 300 s, for what is 300 s late.
SETTLE_SECONDS = 900

# By systemd.journal-fields(7) and sd-messages.h.
STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
START_FAILED = "be02cf6855d2428ba40df7e9d022f03d"
RESTART_SCHEDULED = "5eb03494b6584870a536b337290809b3"
LINES_DROPPED = "a596d6fe7bfa4994828e72309e95d61e"
UNIT = "glance-scrubber.service"
CONFIG = "/etc/glance/glance-scrubber.conf"
CHECK = "glance-scrubber-check.service"
# Goes on behind the last line that the call before has printed.
JOURNAL = f"""
    journalctl --quiet --cursor-file=/run/rounds.cursor --output=json --output-fields=MESSAGE,MESSAGE_ID,UNIT \
        UNIT={UNIT} + _SYSTEMD_UNIT={UNIT} + UNIT={CHECK} + _SYSTEMD_UNIT={CHECK} + MESSAGE_ID={LINES_DROPPED}
"""
ROWS = f"""
import configparser, json, sys
import sqlalchemy
config = configparser.RawConfigParser(strict=False)
config.read("{CONFIG}")
with sqlalchemy.create_engine(config["database"]["connection"]).connect() as database:
    found = database.exec_driver_sql(sys.argv[1], tuple(sys.argv[2:])).mappings()
    print(json.dumps([dict(row) for row in found], default=str))
"""


def lab(*arguments: str) -> None:
    """Run the lab's script."""
    subprocess.run([LAB, *arguments], check=True, stdout=subprocess.DEVNULL)


def tell(text: str) -> None:
    """Print what happens beside the table."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# ------------------------------------------------------------------------------------------------------------ the hosts


@dataclass
class Image:
    """An image as it was uploaded, and whether it should still be there."""

    id: str
    size: int
    sha256: str
    mark: str
    deleted: bool = False


@dataclass
class Rounds:
    """What the journal of a host tells, line by line."""

    mode: str
    begun: int = 0
    working: int = 0
    scrubbed: int = 0
    restarts: int = 0
    failures: int = 0
    dropped: int = 0
    idle: bool = True

    def read(self, line: dict[str, Any]) -> None:
        """Count a line."""
        message, kind, unit = str(line.get("MESSAGE")), line.get("MESSAGE_ID"), line.get("UNIT")
        if (kind == STARTING and unit == UNIT) if self.mode == "timer" else " Running application" in message:
            self.begun += 1
            self.idle = True
        elif " has been scrubbed successfully" in message:
            self.working += self.idle
            self.scrubbed += 1
            self.idle = False
        elif message.startswith("pending_images: "):
            tell(f"{self.mode}: {message}")
        self.restarts += kind == RESTART_SCHEDULED and unit == UNIT
        self.failures += kind == START_FAILED
        self.dropped += kind == LINES_DROPPED


@dataclass
class Host:
    """A host with its API, its scrubber, and the images that were uploaded to it."""

    mode: str
    wakeup_time: int
    inventory: str
    wanted: int
    over: threading.Event
    port: int = 0
    seconds: float = 0
    pause: float = 0
    rounds: Rounds = field(init=False)
    images: list[Image] = field(default_factory=list)
    kept: collections.deque[Image] = field(default_factory=collections.deque)
    spare: collections.deque[Image] = field(default_factory=collections.deque)
    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rounds = Rounds(self.mode)

    def run(self, command: str) -> str:
        """Run a command on the host and return what it printed."""
        host = ["ssh", "-F", PROJECT / f".lab/{NAME}/ssh_config", "-o", "BatchMode=yes", self.mode]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        return subprocess.run([*host, command], check=True, timeout=300, text=True, **streams).stdout

    def rows(self, statement: str, *values: str) -> list[dict[str, Any]]:
        """Return what is found in the database."""
        return json.loads(
            self.run(shlex.join(["/opt/glance/current/bin/python", "-W", "ignore", "-c", ROWS, statement, *values]))
        )

    def read_journal(self) -> None:
        """Count what was written since the last call, before the journal forgets it."""
        for line in self.run(JOURNAL).splitlines():
            self.rounds.read(json.loads(line))

    @contextlib.contextmanager
    def tunnel(self) -> Iterator[None]:
        """Make the API, which listens on loopback, reachable as long as the context lasts."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        forward = ["-o", "ExitOnForwardFailure=yes", "-N", "-L", f"127.0.0.1:{self.port}:127.0.0.1:9292"]
        command = ["ssh", "-F", PROJECT / f".lab/{NAME}/ssh_config", "-o", "BatchMode=yes", *forward, self.mode]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as ssh:
            try:
                while not self.answers():
                    if ssh.poll() is not None:
                        raise RuntimeError(f"{self.mode}: ssh ended with {ssh.returncode}")
                    time.sleep(0.1)
                yield
            finally:
                ssh.terminate()

    def answers(self) -> bool:
        """Look whether the API can be reached."""
        try:
            return self.ask("GET", "/healthcheck")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    # ----------------------------------------------------------------------------------------------------- the images

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Return (status, body) of the API's answer."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def upload(self) -> Image:
        """Upload a small image with a property and a tag."""
        data, mark = os.urandom(random.randint(*BYTES)), f"mark-{len(self.images)}"
        record = {"disk_format": "raw", "container_format": "bare", "name": mark, "benchmark": mark, "tags": [mark]}
        status, made = self.ask("POST", "/v2/images", json.dumps(record).encode(), Content_Type="application/json")
        if status != 201:
            raise RuntimeError(f"{self.mode}: POST should be answered with 201, found {status}: {made[:500]!r}")
        image = Image(json.loads(made)["id"], len(data), hashlib.sha256(data).hexdigest(), mark)
        self.images.append(image)
        kind = {"Content_Type": "application/octet-stream", "X_Image_Meta_Store": random.choice(STORES)}
        status, body = self.ask("PUT", f"/v2/images/{image.id}/file", data, **kind)
        if status != 204:
            raise RuntimeError(f"{self.mode}: PUT should be answered with 204, found {status}: {body[:500]!r}")
        return image

    def delete(self, image: Image) -> None:
        """Delete an image; from now on it should be scrubbed."""
        image.deleted = True
        status, body = self.ask("DELETE", f"/v2/images/{image.id}")
        if status != 204:
            raise RuntimeError(f"{self.mode}: DELETE should be answered with 204, found {status}: {body[:500]!r}")

    def fault(self, image: Image, text: str) -> None:
        """Tell that an image is not as it should be, with all that is known of it."""
        self.lost.add(image.id)
        self.faults.append(f"image {image.id} {text}")
        tell(f"{self.mode}: FAULT: image {image.id} {text}")
        for table, key in (("images", "id"), ("image_locations", "image_id")):
            for row in self.rows(f"SELECT * FROM {table} WHERE {key} = %s", image.id):
                tell(f"{self.mode}: {table}: {row}")
        journal = f"journalctl --quiet --output=short-precise --unit='glance-*' --grep={image.id} | tail -n 40"
        tell(f"{self.mode}: journal:\n{self.run(journal)}")

    def expect_whole(self, image: Image) -> None:
        """See that an image has all that was uploaded."""
        status, body = self.ask("GET", f"/v2/images/{image.id}")
        if status != 200:
            return self.fault(image, f"should be there, found {status}")
        shown = json.loads(body)
        found = (shown["status"], shown.get("benchmark"), shown["tags"])
        if found != (expected := ("active", image.mark, [image.mark])):
            return self.fault(image, f"should be {expected}, found {found}")
        status, data = self.ask("GET", f"/v2/images/{image.id}/file")
        found = (status, len(data), hashlib.sha256(data).hexdigest())
        if found != (expected := (200, image.size, image.sha256)):
            return self.fault(image, f"should have data (answer, bytes, SHA-256) {expected}, found {found}")
        return None

    # ------------------------------------------------------------------------------------------------------- the load

    def step(self) -> None:
        """Upload an image and delete one, most of the time the same."""
        image, chance = self.upload(), random.random()
        if chance < 1 / 2:
            self.delete(image)
        elif chance < 5 / 6:
            self.kept.append(image)
        else:
            self.spare.append(image)
        if len(self.kept) > KEPT_AT_MOST:
            old = self.kept.popleft()
            self.expect_whole(old)
            self.delete(old)
        if len(self.spare) > SPARE_AT_MOST:
            self.delete(self.spare.popleft())

    def restore(self, image: Image) -> None:
        """Delete an image and restore it around the moment when the scrubber looks at it."""
        self.delete(image)
        time.sleep(self.pause)
        run = playbook(self.inventory, "restore_image.yml", f"--limit={self.mode},localhost", f"-eimage_id={image.id}")
        if run.returncode == 0:
            image.deleted = False
            self.outcomes["restored"] += 1
            self.pause += PAUSE_STEP
            self.expect_whole(image)
        elif "data was removed" in run.stdout or "data is being removed just now" in run.stdout:
            self.outcomes["refused"] += 1
            self.pause = max(self.pause - PAUSE_STEP, 0)
        else:
            self.faults.append(f"the restore of {image.id} failed")
            tell(f"{self.mode}: FAULT: the restore of {image.id} failed:\n{run.stdout}")

    def restore_some(self, enough: threading.Event) -> None:
        """Restore an image now and then."""
        while not enough.wait(SECONDS_BETWEEN_RESTORES):
            young = self.mode == "daemon" and self.wanted > DAEMON_ROUNDS and not self.rounds.restarts
            if self.spare and not young:
                self.restore(self.spare.popleft())

    def work(self) -> None:
        """Upload, delete and count until all rounds are over."""
        begun = looked = told = progressed = time.monotonic()
        while self.rounds.begun < self.wanted:
            self.step()
            if self.over.wait(SECONDS_BETWEEN_IMAGES[self.mode]):
                raise RuntimeError("another host has failed")
            now = time.monotonic()
            if now - looked < SECONDS_BETWEEN_LOOKS:
                continue
            before, looked = self.rounds.begun, now
            self.read_journal()
            if self.rounds.begun > before:
                progressed = now
            elif now - progressed > STALLED_SECONDS:
                raise RuntimeError(f"{self.mode}: no round for {STALLED_SECONDS} s")
            if now - told > SECONDS_BETWEEN_TELLS:
                told = now
                tell(f"{self.mode}: {len(self.images)} images, {dict(self.outcomes)}, {self.rounds}")
        self.seconds = time.monotonic() - begun
        tell(f"{self.mode}: the load is over")

    def load(self) -> None:
        """Work, and restore beside it."""
        if (self.mode, self.wakeup_time) == ("daemon", 0):
            wakeup_time = f"s/^wakeup_time = .*/wakeup_time = {self.wakeup_time}/"
            self.run(f"sed -i '{wakeup_time}' {CONFIG} && grep '^wakeup_time = ' {CONFIG} && systemctl restart {UNIT}")
        self.read_journal()
        self.rounds = Rounds(self.mode)
        enough = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            restores = pool.submit(self.restore_some, enough)
            try:
                self.work()
            finally:
                enough.set()
            restores.result()

    # -------------------------------------------------------------------------------------------------------- the end

    def settle(self) -> None:
        """Wait until the scrubber has nothing left to do, or should have."""
        begun = time.monotonic()
        while left := self.rows("SELECT id FROM images WHERE status = 'pending_delete'"):
            if time.monotonic() - begun > SETTLE_SECONDS:
                break
            if self.over.wait(5):
                raise RuntimeError("another host has failed")
        self.read_journal()
        tell(f"{self.mode}: {len(left)} images wait {time.monotonic() - begun:.0f} s after the load")

    def verify(self) -> None:
        """See that every image is what it should be, whole or gone."""
        status_of = {row["id"]: row["status"] for row in self.rows("SELECT id, status FROM images")}
        files = self.run(f"cd {DATA} && find {' '.join(STORES)} -type f -printf '%f\\n'").split()
        for image in self.images:
            if not image.deleted:
                self.expect_whole(image)
                continue
            found = (self.ask("GET", f"/v2/images/{image.id}")[0], status_of[image.id], files.count(image.id))
            if found != (404, "deleted", 0):
                self.fault(image, f"should be scrubbed, found (answer, status, files) {found}")
        if unknown := set(files) - {image.id for image in self.images}:
            self.faults.append(f"files of no image: {sorted(unknown)}")
        if self.rounds.dropped:
            self.faults.append(f"the journal has {self.rounds.dropped} gaps, so the rounds can't be counted")

    def measure(self) -> None:
        """Do all of it, and be quiet after that for the sake of the other hosts."""
        try:
            with self.tunnel():
                self.load()
                self.settle()
                self.verify()
            self.run("systemctl stop 'glance-*'")
        except BaseException:
            self.over.set()
            raise
        tell(f"{self.mode}: done, {self.rounds}")

    def cells(self) -> Sequence[str]:
        """Return the host's line of the table."""
        gone = sum(image.deleted for image in self.images)
        rounds = self.rounds
        figures = [rounds.begun, rounds.working, rounds.failures, rounds.restarts, round(self.seconds)]
        kept = len(self.images) - gone - self.outcomes["restored"]
        figures += [len(self.images), kept, gone, *(self.outcomes[name] for name in OUTCOMES), len(self.lost)]
        return [self.mode, f"{self.wakeup_time} s", *(f"{figure:,}" for figure in figures)]


OUTCOMES = ("restored", "refused")
HEADINGS = (
    *("mode", "wake-up", "rounds", "that scrubbed something", "that failed", "daemon started again", "seconds"),
    *("images uploaded", "kept", "deleted", "restored", "restores that came too late", "lost or left behind"),
)


# ------------------------------------------------------------------------------------------------------------ the whole


def playbook(inventory: str, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook to its end, however it ends."""
    command = ["ansible-playbook", f"--inventory={inventory}", f"--inventory=.lab/{NAME}/inventory.yml"]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run([*command, f"playbooks/{name}", *options], cwd=PROJECT, check=False, text=True, **streams)


def variables(mode: str, wakeup_time: int) -> dict[str, Any]:
    """Return the variables of a host."""
    folders = {name: {"filesystem_store_datadir": f"{DATA}/{name}"} for name in STORES}
    return {
        "glance_stores": {name: {"driver": "file", "options": options} for name, options in folders.items()},
        "glance_default_store": STORES[0],
        "glance_delayed_delete": True,
        "glance_scrub_time": SCRUB_TIME,
        "glance_scrubber_mode": mode,
        # A daemon at 0 s comes to its end too soon to be seen to run.
        "glance_scrubber_wakeup_time": wakeup_time or int(mode == "daemon"),
        "glance_standalone_hosts": True,
        "glance_database_password": DATABASE_PASSWORD,
        # Its daemon tells of a round at this level only. Not one line may be missing.
        "glance_scrubber_config": {"DEFAULT": {"default_log_levels": "glance.scrubber=DEBUG,sqlalchemy=WARN"}},
        "glance_scrubber_unit": {"Service": {"LogRateLimitIntervalSec": 0}},
    }


def parse() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1200, help="rounds of each scrubber")
    parser.add_argument("--mode", choices=["timer", "daemon", "both"], default="both", help="scrubbers to look at")
    parser.add_argument("--daemon-wakeup-time", type=int, default=1, help="seconds between two rounds of the daemon")
    return parser.parse_args()


def measure(hosts: list[Host]) -> None:
    """Deploy to all hosts and measure them side by side."""
    lab("down", NAME)
    lab("up", NAME, *(f"{host.mode}=bookworm" for host in hosts))
    deployed = playbook(hosts[0].inventory, "site.yml")
    if deployed.returncode:
        sys.exit(deployed.stdout)
    tell("deployed")
    with concurrent.futures.ThreadPoolExecutor(len(hosts)) as pool:
        try:
            for done in concurrent.futures.as_completed([pool.submit(host.measure) for host in hosts]):
                done.result()
        finally:
            hosts[0].over.set()


def show(hosts: list[Host]) -> int:
    """Print the table and what is wrong; returns the exit code."""
    print(f"| {' | '.join(HEADINGS)} |\n| --- |{' ---: |' * (len(HEADINGS) - 1)}")
    for host in hosts:
        print(f"| {' | '.join(host.cells())} |")
    for host in hosts:
        for text in host.faults:
            print(f"{host.mode}: {text}")
    return any(host.faults for host in hosts)


def main() -> int:
    """Measure and print."""
    options = parse()
    os.environ["ANSIBLE_FORCE_COLOR"] = "false"
    # Its output is what is measured.
    os.environ["ANSIBLE_STDOUT_CALLBACK"] = "ansible.builtin.default"
    # A run that is told to end takes its hosts away, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wakeup_times = {"timer": 0, "daemon": options.daemon_wakeup_time}
    wanted = {mode: seconds for mode, seconds in wakeup_times.items() if options.mode in (mode, "both")}
    lab("install")
    lab("base", "bookworm")
    with tempfile.TemporaryDirectory() as folder:
        inventory = pathlib.Path(folder) / "hosts.json"
        members = {mode: variables(mode, seconds) for mode, seconds in wanted.items()}
        groups = {group: {"hosts": members} for group in ("glance_api", "glance_scrubber", "glance_database")}
        inventory.write_text(json.dumps(groups))
        over = threading.Event()
        hosts = [Host(mode, seconds, str(inventory), options.rounds, over) for mode, seconds in wanted.items()]
        try:
            measure(hosts)
        finally:
            lab("down", NAME)
    return show(hosts)


if __name__ == "__main__":
    sys.exit(main())
