"""Measure what slow transfers and guessed passwords do to the users of a host: make benchmark-slow.

Runs on the control machine and, by SSH, on the throw-away host of `make deploy`, with nothing but Python there. Prints
the times of quick requests alone, beside slow transfers, and beside wrong passwords; ends with an error when they are
worse than LIMITS say.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import time
from typing import Any

# What a host is asked at; of several, the address that the load balancers share.
HOST, PORT = os.environ.get("ADDRESS", "127.0.0.1"), 9292
MIB = 1 << 20
# Times that quick requests may take beside others, to those that they take alone; seconds of a health check.
LIMITS = {"list": 2.0, "health": 0.2}


class AnswerError(Exception):
    """An answer that was not expected."""


def head(method: str, path: str, password: str, **headers: str) -> bytes:
    """Return the head of a request of the administrator."""
    login = base64.b64encode(f"admin:{password}".encode()).decode()
    given = {"Host": f"{HOST}:{PORT}", "Authorization": f"Basic {login}", **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode()


async def ask(method: str, path: str, password: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """Send one request over a connection of its own; returns status and body."""
    reader, writer = await asyncio.open_connection(HOST, PORT)
    try:
        length = {"Content_Length": str(len(body))} if body or method in ("POST", "PUT") else {}
        writer.write(head(method, path, password, Connection="close", **length, **headers) + body)
        answer = await reader.read()
    finally:
        writer.close()
    status, _line_end, rest = answer.partition(b"\r\n")
    if not status:
        raise AnswerError(f"{method} {path}: the connection was closed")
    return int(status.split()[1]), rest.partition(b"\r\n\r\n")[2]


async def create(password: str, size: int = 0) -> str:
    """Make an image, with *size* bytes of data if there are to be any; returns its id."""
    record = json.dumps({"name": "benchmark-slow", "disk_format": "raw", "container_format": "bare"}).encode()
    status, body = await ask("POST", "/v2/images", password, record, Content_Type="application/json")
    if status != 201:
        raise AnswerError(f"POST /v2/images: {status} {body[:200]!r}")
    image = json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])["id"]
    if size:
        await upload(image, password, size)
    return image


async def upload(image: str, password: str, size: int) -> None:
    """Upload *size* bytes."""
    kind = {"Content_Type": "application/octet-stream"}
    status, body = await ask("PUT", f"/v2/images/{image}/file", password, os.urandom(size), **kind)
    if status != 204:
        raise AnswerError(f"PUT file: {status} {body[:200]!r}")


async def quick(password: str, path: str, seconds: float, pause: float) -> tuple[list[float], list[str]]:
    """Ask for *path* over and over; returns times and failures."""
    times, failures = [], []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            status, _body = await asyncio.wait_for(ask("GET", path, password), 30)
            if status != 200:
                failures.append(f"GET {path}: {status}")
        except (OSError, AnswerError, asyncio.TimeoutError) as error:
            failures.append(f"GET {path}: {error!r}")
        times.append(time.monotonic() - began)
        await asyncio.sleep(pause)
    return times, failures


async def quick_transfers(password: str, seconds: float) -> tuple[int, list[str]]:
    """Upload, download and delete an image of 1 MiB over and over; returns how often, and failures."""
    done, failures = 0, []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            image = await create(password, MIB)
            status, body = await ask("GET", f"/v2/images/{image}/file", password)
            if status != 200 or len(body) < MIB:
                failures.append(f"GET file: {status}, {len(body)} bytes")
            await ask("DELETE", f"/v2/images/{image}", password)
            done += 1
        except (OSError, AnswerError) as error:
            failures.append(repr(error))
        await asyncio.sleep(1)
    return done, failures


async def slow_upload(password: str, image: str, begun: asyncio.Semaphore) -> None:
    """Send one byte each five seconds until cancelled."""
    _reader, writer = await asyncio.open_connection(HOST, PORT)
    try:
        kind = {"Content_Type": "application/octet-stream", "Content_Length": str(MIB)}
        writer.write(head("PUT", f"/v2/images/{image}/file", password, **kind))
        begun.release()
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(5)
    finally:
        writer.close()


async def slow_download(password: str, image: str, begun: asyncio.Semaphore) -> None:
    """Ask for data and read next to none of it until cancelled."""
    reader, writer = await asyncio.open_connection(HOST, PORT, limit=1024)
    try:
        writer.write(head("GET", f"/v2/images/{image}/file", password))
        await reader.readexactly(16)
        begun.release()
        await asyncio.sleep(3600)
    finally:
        writer.close()


async def guess(seconds: float) -> int:
    """Try one wrong password after another; returns how many."""
    tried, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, AnswerError):
            await ask("GET", "/v2/images", f"wrong-{tried}")
        tried += 1
    return tried


async def measure(password: str, seconds: float) -> dict[str, Any]:
    """Ask for lists, health checks and transfers for *seconds*."""
    (lists, lists_failed), (health, health_failed), (transfers, transfers_failed) = await asyncio.gather(
        quick(password, "/v2/images", seconds, 0.05),
        quick(password, "/healthcheck", seconds, 0.25),
        quick_transfers(password, seconds),
    )

    def at(times: list[float], share: float) -> float:
        return round(statistics.quantiles(times, n=100)[int(share) - 1], 4)

    return {
        "lists": len(lists),
        "list_p50": at(lists, 50),
        "list_p99": at(lists, 99),
        "health_p99": at(health, 99),
        "transfers": transfers,
        "failed": lists_failed + health_failed + transfers_failed,
    }


async def on_host(password: str, seconds: float, slow: int, guessing: int) -> None:
    """Print what was measured, one JSON object."""
    made = [await create(password, MIB) for _number in range(20)]
    large = await create(password, 64 * MIB)
    found = {"alone": await measure(password, seconds)}
    begun = asyncio.Semaphore(0)
    uploads = [await create(password) for _number in range(slow)]
    tasks = [asyncio.create_task(slow_upload(password, image, begun)) for image in uploads]
    tasks += [asyncio.create_task(slow_download(password, large, begun)) for _number in range(slow)]
    for _task in tasks:
        await begun.acquire()
    found["slow transfers"] = await measure(password, seconds)
    for task in tasks:
        task.cancel()
    ended = [each for each in await asyncio.gather(*tasks, return_exceptions=True) if isinstance(each, Exception)]
    found["slow transfers"]["ended"] = [repr(each) for each in ended]
    # Twice, since what else the machine does changes what it can do.
    found["alone again"] = await measure(password, seconds)
    if guessing:
        guesses = [asyncio.create_task(guess(seconds)) for _number in range(guessing)]
        found["wrong passwords"] = await measure(password, seconds)
        print(f"Wrong passwords tried: {sum(await asyncio.gather(*guesses))}", file=sys.stderr)
    for image in [*made, *uploads, large]:
        await ask("DELETE", f"/v2/images/{image}", password)
    print(json.dumps(found))


def report(found: dict[str, Any]) -> list[str]:
    """Print a table; returns one sentence for each limit that was not kept."""
    broken = []
    base = {key: (found["alone"][key] + found["alone again"][key]) / 2 for key in ("list_p50", "list_p99")}
    print("| beside | lists | p50 ms | p99 ms | p99 to alone | health p99 ms | transfers of 1 MiB | failed |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, each in found.items():
        ratio = each["list_p99"] / base["list_p99"]
        shown = [each["list_p50"], each["list_p99"], each["health_p99"]]
        p50, p99, health = (f"{value * 1000:.0f}" for value in shown)
        failed = len(each["failed"])
        print(f"| {name} | {each['lists']} | {p50} | {p99} | {ratio:.1f} | {health} | {each['transfers']} | {failed} |")
        if ratio > LIMITS["list"]:
            broken.append(
                f"{name}: the list's p99 should be {LIMITS['list']} times that alone at most, found {ratio:.1f}"
            )
        if each["health_p99"] > LIMITS["health"]:
            broken.append(f"{name}: the health check's p99 should be {LIMITS['health']} s at most, found {health} ms")
        broken += (
            [f"{name}: no quick request should fail, found {failed}, such as {each['failed'][0]}"] if failed else []
        )
        broken += (
            [f"{name}: {len(each['ended'])} slow ones ended early, such as {each['ended'][0]}"]
            if each.get("ended")
            else []
        )
    return broken


def main() -> None:
    """Run the program on the host with itself as its input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ssh-config", default=".lab/deploy/ssh_config")
    parser.add_argument("--host", default="glance1")
    parser.add_argument("--address", default="127.0.0.1", help="that the host asks")
    parser.add_argument("--password-file", default="inventories/single/.credentials/admin")
    parser.add_argument("--seconds", type=float, default=60, help="of each part")
    parser.add_argument("--slow", type=int, default=100, help="uploads, and as many downloads")
    parser.add_argument("--guessing", type=int, default=16, help="connections with wrong passwords; 0 for none")
    given = parser.parse_args()
    program = pathlib.Path(__file__).read_text(encoding="utf-8")
    password = pathlib.Path(given.password_file).read_text(encoding="utf-8").split()[0]
    numbers = f"{given.seconds} {given.slow} {given.guessing}"
    # The shell reads the first line, Python all others.
    command = f"read -r PASSWORD; export PASSWORD ADDRESS={shlex.quote(given.address)}; exec python3 - {numbers}"
    done = subprocess.run(
        ["ssh", "-F", given.ssh_config, given.host, command],
        input=f"{password}\n{program}",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    broken = report(json.loads(done.stdout))
    if broken:
        sys.exit("\n".join(broken))


if __name__ == "__main__":
    if "PASSWORD" in os.environ and len(sys.argv) == 4:
        asyncio.run(on_host(os.environ["PASSWORD"], float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
    else:
        main()
