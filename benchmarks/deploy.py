"""Measure what deploying 1, 3, 6 and 12 hosts takes, and print the figures as Markdown.

Run it with `make benchmark`, or for some sizes with `make benchmark HOSTS='3 12'`. It makes throw-away hosts of its
own, one lab after the other, and takes them away again. All figures of one print are from one run, so their ratios
hold; the seconds are those of the machine at hand.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
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
    # As 3, with nine API hosts more: many names of one host would differ in its files, and no run would be a no-op.
    12: Size(
        [*(f"api{number}" for number in range(1, 12)), "database1"],
        ["benchmarks/inventories/3", "benchmarks/inventories/12"],
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


class NoOp(NamedTuple):
    """No-op runs of site.yml and runs of the floor, by turns, so that what else the machine does meets both."""

    site: list[Run]
    floor: list[Run]

    def wall(self) -> tuple[float, float]:
        """Return the median seconds of both."""
        return statistics.median(run.seconds for run in self.site), statistics.median(run.seconds for run in self.floor)

    def cpu(self) -> tuple[float, float]:
        """Return the median seconds of the control machine's processor that both take."""
        return statistics.median(run.cpu for run in self.site), statistics.median(run.cpu for run in self.floor)


def no_op_runs(size: Size) -> NoOp:
    """Return several pairs of runs on hosts that have nothing to do.

    The first one computes the desired state, with the others the hosts know it.
    """
    pairs = [
        (playbook(size, "playbooks/site.yml"), playbook(size, "benchmarks/floor.yml")) for _number in range(NO_OP_RUNS)
    ]
    return NoOp([site for site, _floor in pairs], [floor for _site, floor in pairs])


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


def show_first(first: Run, cold: float, bare: float) -> None:
    """Print what the first run took, and for one host (*bare* is not 0) beside the seconds of two other ways."""
    rows = [("first run, wheels fetched before", first.seconds)]
    if bare:
        script = "the same steps as a bare script on the host (`benchmarks/bare_install.sh`)"
        rows = [("first run, wheels not yet fetched", cold), *rows, (script, bare)]
    print("\n| what | seconds | of the bare script |\n| --- | ---: | ---: |")
    for what, seconds in rows:
        print(f"| {what} | {seconds:.1f} | {f'{seconds / bare:.2f}' if bare else ''} |")


def measure(number: int, cold: float, bare: float) -> NoOp:
    """Measure a deployment of that many hosts and print it; returns the runs that change nothing."""
    size = SIZES[number]
    with fresh_hosts(size):
        first = playbook(size, "playbooks/site.yml")
        no_op = no_op_runs(size)
        modules = playbook(size, "playbooks/site.yml", "-vvv").modules()
    print(f"\n## {number} host{'s' if number > 1 else ''}: {', '.join(size.hosts)}")
    show_first(first, cold, bare if number == 1 else 0)
    print("\nA no-op run, by host:\n")
    print("| host | task results | of the first one | module runs |\n| --- | ---: | ---: | ---: |")
    for host, first_results in no_op.site[0].results().items():
        print(f"| {host} | {no_op.site[-1].results()[host]} | {first_results} | {modules.get(host, 0)} |")
    show_tasks("Where the time of the first run goes:", first, 0.5)
    show_tasks("Where the time of the no-op run goes:", sorted(no_op.site)[NO_OP_RUNS // 2], 0.15)
    return no_op


def comparison(found: Mapping[int, NoOp]) -> list[str]:
    """Return the rows of what a no-op run takes beside the floor, by number of hosts.

    The last column is what each host more than in the row before it, or than in the row of 3 for 12, takes of the
    control machine's processor: those of 12 are all API hosts.
    """
    rows = []
    for number, no_op in found.items():
        (cpu, least_cpu), (wall, least_wall) = no_op.cpu(), no_op.wall()
        smaller = 3 if number == 12 else max((other for other in found if other < number), default=0)
        further = (cpu - found[smaller].cpu()[0]) / (number - smaller) if smaller in found else None
        cells = [
            *(f"{cpu:.1f} s", f"{least_cpu:.1f} s", f"{cpu / least_cpu:.2f}"),
            *(f"{wall:.1f} s", f"{least_wall:.1f} s", f"{wall / least_wall:.2f}"),
            "" if further is None else f"{further:.2f} s over {smaller}",
        ]
        rows.append(f"| {number} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Measure and print."""
    os.environ["ANSIBLE_FORCE_COLOR"] = "false"
    # Its output is what is measured.
    os.environ["ANSIBLE_STDOUT_CALLBACK"] = "ansible.builtin.default"
    # Else the lines that time the tasks come in blocks.
    os.environ["PYTHONUNBUFFERED"] = "1"
    lab("install")
    lab("base", "bookworm")
    numbers = sorted(int(given) for given in sys.argv[1:]) or list(SIZES)
    # Fetches the wheels for the runs after it.
    cold = without_wheels()
    bare = bare_script() if 1 in numbers else 0
    found = {number: measure(number, cold, bare) for number in numbers}
    print(f"\n## A no-op run beside the floor (facts and one module), medians of {NO_OP_RUNS}\n")
    print("| hosts | CPU | floor | ratio | wall | floor | ratio | CPU of a further host |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    print("\n".join(comparison(found)))


if __name__ == "__main__":
    main()
