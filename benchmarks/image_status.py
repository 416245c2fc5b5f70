"""Measure what the module image_status costs a host, beside two modules of Ansible's own, and print it as Markdown.

Run it with `make benchmark-modules`. A Glance of its own on loopback, one process for each number of images, answers
from memory. A module runs as on a host with pipelining: the file that Ansible would send goes to a Python that has
seen none of it before. Each figure is the median of five runs.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, MutableSequence, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from ansible.executor.module_common import modify_module
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, module_loader
from ansible.template import Templar

MODULE = "glanceops.image_service.image_status"
PYTHON = "/usr/bin/python3"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
RUNS = 5
SIZES = (1_000, 5_000, 10_000, 100_000)
ONE, TEN = 2_510, range(2_510, 2_520)
LOOKS = 4
# Glance's default of limit_param_default and of api_limit_max.
PAGE, LONGEST_PAGE = 25, 1000

# Linux counts into a process's peak what it was before its exec, so a small process has to start what is measured.
LAUNCHER = """
import os, sys, time
began = time.monotonic()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_child, status, usage = os.wait4(child, 0)
seconds = time.monotonic() - began
print(status, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=sys.stderr)
"""


def image_id(number: int) -> str:
    """A UUID of version 4 for the number."""
    return str(uuid.UUID(int=number + (4 << 76) + (8 << 60)))


def record(number: int) -> dict[str, Any]:
    """Image as Glance shows it: of a hundred, one is queued and two are deactivated."""
    own = image_id(number)
    return {
        "name": f"debian-13-genericcloud-{number:06}",
        "disk_format": "qcow2",
        "container_format": "bare",
        "visibility": "public",
        "size": 344_064_000 + number,
        "virtual_size": 3_221_225_472,
        "status": {0: "queued", 1: "deactivated", 2: "deactivated"}.get(number % 100, "active"),
        "checksum": f"{number:032x}",
        "protected": False,
        "min_ram": 512,
        "min_disk": 3,
        "owner": "0f2c4b6d8e1a4c3f9b7d5e6a1c2b3d4e",
        "os_hidden": False,
        "os_hash_algo": "sha512",
        "os_hash_value": f"{number:0128x}",
        "id": own,
        "created_at": "2026-11-26T05:00:00Z",
        "updated_at": "2026-11-26T05:00:09Z",
        "hw_disk_bus": "scsi",
        "hw_scsi_model": "virtio-scsi",
        "os_distro": "debian",
        "stores": "files",
        "tags": ["base"],
        "self": f"/v2/images/{own}",
        "file": f"/v2/images/{own}/file",
        "schema": "/v2/schemas/image",
    }


class Catalogue:
    """Images of a Glance, as JSON, and what it answers to a listing of them."""

    def __init__(self, size: int) -> None:
        images = [record(number) for number in range(size)]
        self.texts = [json.dumps(image).encode() for image in images]
        self.places = {image[key]: place for place, image in enumerate(images) for key in ("id", "name")}

    def page(self, query: dict[str, list[str]]) -> bytes:
        """JSON of one page; ids and names are looked up, all other filters but os_hidden let everything pass."""
        limit = min(int(query.get("limit", [str(PAGE)])[0]), LONGEST_PAGE)
        texts = self.chosen(query, limit)
        following = {}
        if len(texts) == limit:
            marker = json.loads(texts[-1])["id"]
            following = {"next": f"/v2/images?{urlencode({**query, 'marker': [marker]}, doseq=True)}"}
        rest = {"first": f"/v2/images?{urlencode(query, doseq=True)}", **following, "schema": "/v2/schemas/images"}
        return b'{"images": [' + b", ".join(texts) + b"], " + json.dumps(rest).encode()[1:]

    def chosen(self, query: dict[str, list[str]], limit: int) -> list[bytes]:
        """JSON of each image of a page."""
        if query.get("os_hidden") == ["true"]:
            return []
        for key in ("id", "name"):
            if key in query:
                asked = query[key][0].removeprefix("in:").split(",")
                return [self.texts[self.places[one]] for one in asked if one in self.places][:limit]
        begin = self.places[query["marker"][0]] + 1 if "marker" in query else 0
        return self.texts[begin : begin + limit]


class Glance(NamedTuple):
    """A Glance that runs. seen: how many requests it has had, and how many bytes its answers had without headers."""

    url: str
    seen: MutableSequence[int]


def serve(size: int, seen: Any, ready: Any, looks: int) -> None:
    """Answer until the process is ended; every image is importing for all but the last of so many looks."""
    catalogue = Catalogue(size)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen[0] += 1
            body = catalogue.page(parse_qs(urlsplit(self.path).query))
            if seen[0] < looks:
                body = body.replace(b'"status": "active"', b'"status": "importing"')
            seen[1] += len(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    ready.send(f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


@contextlib.contextmanager
def glance(size: int, looks: int = 0) -> Iterator[Glance]:
    """Have a Glance with so many images in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    seen = multiprocessing.Array("q", 2)
    process = multiprocessing.Process(target=serve, args=(size, seen, theirs, looks), daemon=True)
    process.start()
    try:
        yield Glance(ours.recv(), seen)
    finally:
        process.terminate()
        process.join()


def payload(module: str, arguments: dict[str, Any]) -> bytes:
    """The file that Ansible sends to a host to run the module with these arguments."""
    found = module_loader.find_plugin_with_context(module)
    variables = {"ansible_python_interpreter": PYTHON}
    # What an action plugin adds to the arguments of every module, as far as modules need it.
    own = {"_ansible_remote_tmp": tempfile.gettempdir(), "_ansible_keep_remote_files": False}
    built = modify_module(
        module_name=found.resolved_fqcn,
        module_path=found.plugin_resolved_path,
        module_args={**arguments, **own, "_ansible_selinux_special_fs": []},
        templar=Templar(DataLoader(), variables=variables),
        task_vars=variables,
    )
    return built.b_module_data


class Case(NamedTuple):
    """Something to measure: a module with its arguments, and the Glance that it asks."""

    title: str
    glance: Glance
    payload: bytes


class Run(NamedTuple):
    """What one run took: requests and bytes as the server counts them, bytes of the result, seconds, and KiB at most.

    elapsed: what the module says of itself, 0 for one that does not.
    """

    requests: int
    received: int
    returned: int
    cpu: float
    wall: float
    elapsed: float
    peak: int


def measured(case: Case) -> Run:
    """Run a case once; a run that fails ends the program."""
    case.glance.seen[:] = [0, 0]
    with tempfile.TemporaryFile() as file:
        file.write(case.payload)
        file.seek(0)
        launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, PYTHON]
        done = subprocess.run(launcher, stdin=file, capture_output=True, check=True, env=ENVIRONMENT)
    status, wall, cpu, peak = done.stderr.splitlines()[-1].split()
    if int(status):
        sys.exit(f"{case.title}: {done.stderr.decode()}{done.stdout[:2000].decode()}")
    elapsed = json.loads(done.stdout).get("elapsed", 0)
    return Run(*case.glance.seen, len(done.stdout), float(cpu), float(wall), float(elapsed), int(peak))


def median(runs: Sequence[Run]) -> Run:
    """Median of each figure for itself."""
    return Run(*(statistics.median(figures) for figures in zip(*runs)))


def cases(glances: dict[int, Glance], waiting: Glance) -> Iterator[Case]:
    """Everything that is measured, the floor first."""
    some = glances[5_000]
    one, ten = record(ONE)["name"], [record(number)["name"] for number in TEN]

    def status(title: str, asked: Glance, **options: Any) -> Case:
        return Case(title, asked, payload(MODULE, {"api_url": asked.url, **options}))

    yield Case("`ansible.builtin.ping`: the floor", some, payload("ansible.builtin.ping", {}))
    uri = {"url": f"{some.url}/v2/images?name=in:{one}", "return_content": True}
    yield Case("`ansible.builtin.uri`, one name of 5,000", some, payload("ansible.builtin.uri", uri))
    yield status("one name of 5,000", some, names=[one])
    yield status("all of 5,000", some)
    yield status(f"ten names waited for, {LOOKS} looks", waiting, names=ten, wait_for=["active"])
    for size, asked in glances.items():
        yield status(f"`counts_only` of {size:,}", asked, counts_only=True)
    yield status("all of 100,000", glances[100_000])


def show(title: str, run: Run, floor: Run) -> None:
    """Print a line of the table."""
    volume = " | ".join(f"{size / 1000:,.1f}" for size in (run.received, run.returned))
    cpu = f"{run.cpu:.2f} | {run.cpu / floor.cpu:.1f}"
    print(
        f"| {title} | {run.requests} | {volume} | {cpu} | {run.wall:.2f} | {run.elapsed:.2f} | {run.peak / 1024:.1f} |"
    )


def load() -> str:
    """Processes at work on this machine, on average of the last minute and of the last five."""
    return " and ".join(f"{number:.1f}" for number in os.getloadavg()[:2])


def main() -> None:
    """Measure and print."""
    init_plugin_loader()
    version = subprocess.run([PYTHON, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{PYTHON} is {version}; {os.cpu_count()} cores, {platform.machine()}; load before {load()}", flush=True)
    with contextlib.ExitStack() as stack:
        waiting = stack.enter_context(glance(5_000, looks=LOOKS))
        glances = {size: stack.enter_context(glance(size)) for size in SIZES}
        todo = list(cases(glances, waiting))
        # Case by case in each round, so that other work on the machine is spread over all of them.
        rounds = [[measured(case) for case in todo] for _number in range(RUNS)]
    runs = [median(of_case) for of_case in zip(*rounds)]
    print("\n| what | requests | kB received | kB returned | CPU s | to floor | s | `elapsed` | peak MiB |")
    print("| --- |" + " ---: |" * 8)
    for case, run in zip(todo, runs):
        show(case.title, run, runs[0])
    print(f"\nLoad after: {load()}")


if __name__ == "__main__":
    main()
