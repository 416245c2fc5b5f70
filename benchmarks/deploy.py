"""Measure what deploying 1, 3 and 6 hosts takes, and print the figures as Markdown.

Run it with `make benchmark`, or for some sizes with `make benchmark HOSTS='1 6'`. It makes throw-away hosts of its own,
one lab after the other, and takes them away again. All figures of one print are from one run, so their ratios hold;
the seconds are those of the machine at hand.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

PROJECT = pathlib.Path(__file__).parents[1]
LAB = PROJECT / "molecule/shared/lab.sh"
WHEELS = PROJECT / ".cache/benchmark"
NAME = "benchmark"
NO_OP_RUNS = 5
TASK = re.compile(r"(?:TASK|RUNNING HANDLER) \[(?:glanceops\.image_service\.)?(.*?)\] \*")


class Size(NamedTuple):
    """A deployment: the hosts that the lab makes for it, and its inventories."""

    hosts: list[str]
    inventories: list[str]


SIZES = {
    1: Size(["glance1"], ["inventories/single"]),
    3: Size(["api1", "api2", "database1"], ["benchmarks/inventories/3"]),
    6: Size(
        ["api1", "api2", "scrubber1", "database1", "balancer1", "balancer2"],
        ["inventories/cluster", "benchmarks/inventories/6"],
    ),
}


class Run(NamedTuple):
    """How long a playbook took, as a whole and in (seconds, name) of each task, and what it printed.

    *cpu* are the seconds of user and system time of ansible-playbook and what it started on this machine.
    """

    seconds: float
    cpu: float
    tasks: list[tuple[float, str]]
    output: str

    def results(self) -> dict[str, int]:
        """Return the number of task results by host."""
        recap = self.output.rpartition("PLAY RECAP")[2]
        lines = re.findall(r"^(\S+)\s+: (ok=.*)$", recap, re.MULTILINE)
        return {host: sum(map(int, re.findall(r"(?:ok|skipped)=(\d+)", line))) for host, line in lines}

    def modules(self) -> dict[str, int]:
        """Return the number of module runs by host, while the hosts stand.

        Of a run with -vvv; with pipelining, each module run is one connection.
        """
        inventory = (PROJECT / f".lab/{NAME}/inventory.yml").read_text()
        hosts = re.findall(r"^    (\w+):\n      ansible_host: (\S+)$", inventory, re.MULTILINE)
        return {host: self.output.count(f"\n<{address}> ESTABLISH SSH CONNECTION") for host, address in hosts}


def lab(*arguments: str) -> None:
    """Run the lab's script."""
    subprocess.run([LAB, *arguments], check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def fresh_hosts(size: Size) -> Iterator[None]:
    """Have hosts that nothing was deployed to."""
    lab("down", NAME)
    lab("up", NAME, *(f"{host}=bookworm" for host in size.hosts))
    try:
        yield
    finally:
        lab("down", NAME)


def cpu_seconds() -> float:
    """Return the CPU seconds of what was started and has ended; those of hosts in a lab are not among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def playbook(size: Size, path: str, *options: str) -> Run:
    """Run a playbook on all hosts of a deployment."""
    inventories = [f"--inventory={each}" for each in [*size.inventories, f".lab/{NAME}/inventory.yml"]]
    begun, used = time.monotonic(), cpu_seconds()
    marks: list[tuple[float, str]] = []
    lines = []
    command = ["ansible-playbook", *inventories, f"--extra-vars=glance_wheels_cache={WHEELS}", path, *options]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as run:
        for line in run.stdout:
            lines.append(line)
            found = TASK.match(line)
            if found or line.startswith("PLAY RECAP"):
                marks.append((time.monotonic(), found[1] if found else ""))
    seconds, used = time.monotonic() - begun, cpu_seconds() - used
    if run.returncode:
        sys.exit("".join(lines))
    tasks = [(after - before, name) for (before, name), (after, _next) in zip(marks, marks[1:])]
    return Run(seconds, used, [(marks[0][0] - begun, "start of ansible-playbook"), *tasks], "".join(lines))


def median_of(size: Size, path: str) -> Run:
    """Return the run of median length out of several."""
    return sorted(playbook(size, path) for _number in range(NO_OP_RUNS))[NO_OP_RUNS // 2]


def bare_script() -> float:
    """Return the seconds that the bare script takes on a fresh host."""
    with fresh_hosts(SIZES[1]):
        host = ["ssh", "-F", PROJECT / f".lab/{NAME}/ssh_config", "glance1"]
        script = (PROJECT / "benchmarks/bare_install.sh").read_text()
        subprocess.run([*host, "cat > bare_install.sh"], input=script, text=True, check=True)
        wheels = (PROJECT / "roles/common/files/wheels-2026.2.txt").read_text()
        begun = time.monotonic()
        subprocess.run([*host, "bash bare_install.sh"], input=wheels, text=True, check=True)
        return time.monotonic() - begun


def without_wheels() -> float:
    """Return the seconds that a first run takes on one host when the wheels have to be fetched."""
    shutil.rmtree(WHEELS, ignore_errors=True)
    with fresh_hosts(SIZES[1]):
        return playbook(SIZES[1], "playbooks/site.yml").seconds


def show_tasks(title: str, run: Run, least: float) -> None:
    """Print the tasks that took at least *least* seconds, the others as a sum."""
    print(f"\n{title}\n\n| seconds | task |\n| ---: | --- |")
    for seconds, name in sorted(run.tasks, reverse=True):
        if seconds >= least:
            print(f"| {seconds:.2f} | {name} |")
    rest = [seconds for seconds, _name in run.tasks if seconds < least]
    print(f"| {sum(rest):.2f} | {len(rest)} others |")


def measure(number: int, cold: float, bare: float) -> None:
    """Measure a deployment of that many hosts and print it, for one host beside the seconds of two other ways."""
    size = SIZES[number]
    with fresh_hosts(size):
        first = playbook(size, "playbooks/site.yml")
        no_op = median_of(size, "playbooks/site.yml")
        floor = median_of(size, "benchmarks/floor.yml")
        modules = playbook(size, "playbooks/site.yml", "-vvv").modules()
    hosts = f"{number} host{'s' if number > 1 else ''}"
    rows = [
        ("first run, wheels fetched before", first.seconds, no_op.seconds, "the no-op run"),
        (f"no-op run, median of {NO_OP_RUNS}", no_op.seconds, floor.seconds, "the floor"),
        (f"the floor: facts and one module, median of {NO_OP_RUNS}", floor.seconds, floor.seconds, "the floor"),
    ]
    if number == 1:
        script = "the bare script"
        rows = [
            ("first run, wheels not yet fetched", cold, bare, script),
            ("first run, wheels fetched before", first.seconds, bare, script),
            ("the same steps as a bare script on the host (`benchmarks/bare_install.sh`)", bare, bare, script),
            *rows[1:],
        ]
    print(f"\n## {hosts}: {', '.join(size.hosts)}\n\n| what | seconds | ratio |\n| --- | ---: | ---: |")
    for what, seconds, unit, of in rows:
        print(f"| {what} | {seconds:.1f} | {f'{seconds / unit:.2f} of {of}' if seconds != unit else 1} |")
    used = f"{no_op.cpu:.1f} s in the no-op run, {floor.cpu:.1f} s in the floor: {no_op.cpu / floor.cpu:.2f} of it"
    print(f"\nCPU of ansible-playbook: {used}.")
    print("\nA no-op run, by host:\n\n| host | task results | module runs |\n| --- | ---: | ---: |")
    for host, results in no_op.results().items():
        print(f"| {host} | {results} | {modules.get(host, 0)} |")
    show_tasks("Where the time of the first run goes:", first, 0.5)
    show_tasks("Where the time of the no-op run goes:", no_op, 0.15)


def main() -> None:
    """Measure and print."""
    os.environ["ANSIBLE_FORCE_COLOR"] = "false"
    # Its output is what is measured.
    os.environ["ANSIBLE_STDOUT_CALLBACK"] = "ansible.builtin.default"
    # Else the lines that time the tasks come in blocks.
    os.environ["PYTHONUNBUFFERED"] = "1"
    lab("install")
    lab("base", "bookworm")
    cold, bare = without_wheels(), bare_script()
    for number in [int(given) for given in sys.argv[1:]] or SIZES:
        measure(number, cold, bare)


if __name__ == "__main__":
    main()
