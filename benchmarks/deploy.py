"""Measure what deploying one host takes, and print the figures as Markdown.

Run it with `make benchmark`. It makes throw-away hosts of its own, one after the other, and takes them away again.
All figures of one print are from one run, so that their ratios hold; the seconds are those of the machine at hand.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).parents[1]
LAB = PROJECT / "molecule/shared/lab.sh"
NAME = "benchmark"
NO_OP_RUNS = 5


def lab(*arguments: str) -> None:
    """Run the lab's script."""
    subprocess.run([LAB, *arguments], check=True, stdout=subprocess.DEVNULL)


def fresh_host() -> None:
    """Make a host that nothing was deployed to."""
    lab("down", NAME)
    lab("up", NAME, "glance1=bookworm")


def playbook(path: str, *options: str) -> tuple[float, list[tuple[float, str]], str]:
    """Run a playbook; return seconds, (seconds, name) of each task, and the output."""
    command = ["ansible-playbook", "--inventory=inventories/single", f"--inventory=.lab/{NAME}/inventory.yml"]
    begun = time.monotonic()
    marks: list[tuple[float, str]] = []
    lines = []
    with subprocess.Popen([*command, path, *options], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as run:
        for line in run.stdout:
            lines.append(line)
            found = re.match(r"(?:TASK|RUNNING HANDLER) \[(?:glanceops\.image_service\.)?(.*?)\] \*", line)
            if found or line.startswith("PLAY RECAP"):
                marks.append((time.monotonic(), found[1] if found else ""))
    seconds = time.monotonic() - begun
    if run.returncode:
        sys.exit("".join(lines))
    tasks = [(after - before, name) for (before, name), (after, _next) in zip(marks, marks[1:])]
    return seconds, [(marks[0][0] - begun, "start of ansible-playbook"), *tasks], "".join(lines)


def show_tasks(title: str, tasks: list[tuple[float, str]], least: float) -> None:
    """Print the tasks that took at least *least* seconds, the others as a sum."""
    print(f"\n{title}\n\n| seconds | task |\n| ---: | --- |")
    for seconds, name in sorted(tasks, reverse=True):
        if seconds >= least:
            print(f"| {seconds:.2f} | {name} |")
    rest = [seconds for seconds, _name in tasks if seconds < least]
    print(f"| {sum(rest):.2f} | {len(rest)} others |")


def median_of(path: str) -> tuple[float, list[tuple[float, str]], str]:
    """Return the run of median length out of several."""
    return sorted(playbook(path) for _number in range(NO_OP_RUNS))[NO_OP_RUNS // 2]


def bare_script() -> float:
    """Return the seconds that the bare script takes on a fresh host."""
    fresh_host()
    host = ["ssh", "-F", PROJECT / f".lab/{NAME}/ssh_config", "glance1"]
    script = (PROJECT / "benchmarks/bare_install.sh").read_text()
    subprocess.run([*host, "cat > bare_install.sh"], input=script, text=True, check=True)
    wheels = (PROJECT / "roles/common/files/wheels-2026.2.txt").read_text()
    begun = time.monotonic()
    subprocess.run([*host, "bash bare_install.sh"], input=wheels, text=True, check=True)
    return time.monotonic() - begun


def main() -> None:
    """Measure and print."""
    os.environ["ANSIBLE_FORCE_COLOR"] = "false"
    # Else the lines that time the tasks come in blocks.
    os.environ["PYTHONUNBUFFERED"] = "1"
    lab("install")
    lab("base", "bookworm")
    fresh_host()
    with tempfile.TemporaryDirectory() as cache:
        cold, _tasks, _output = playbook("playbooks/site.yml", f"--extra-vars=glance_wheels_cache={cache}")
    fresh_host()
    first, first_tasks, _output = playbook("playbooks/site.yml")
    no_op, no_op_tasks, output = median_of("playbooks/site.yml")
    floor, _tasks, _output = median_of("benchmarks/floor.yml")
    modules = playbook("playbooks/site.yml", "-vvv")[2].count("Using module file")
    results = sum(int(number) for number in re.findall(r"(?:ok|skipped)=(\d+)", output))
    bare = bare_script()
    lab("down", NAME)

    print("| what | seconds | ratio |\n| --- | ---: | ---: |")
    print(f"| first run, wheels not yet fetched | {cold:.1f} | {cold / bare:.2f} of the bare script |")
    print(f"| first run, wheels fetched before | {first:.1f} | {first / bare:.2f} of the bare script |")
    print(f"| the same steps as a bare script on the host (`benchmarks/bare_install.sh`) | {bare:.1f} | 1 |")
    print(f"| no-op run, median of {NO_OP_RUNS} | {no_op:.1f} | {no_op / floor:.2f} of the floor |")
    print(f"| the floor: facts and one module, median of {NO_OP_RUNS} | {floor:.1f} | 1 |")
    print(f"\nThe no-op run has {results} task results, {modules} of them a module run on the host.")
    show_tasks("Where a first run's time goes (wheels fetched before):", first_tasks, 0.5)
    show_tasks("Where a no-op run's time goes:", no_op_tasks, 0.15)


if __name__ == "__main__":
    main()
