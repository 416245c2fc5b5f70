"""The figures that `make benchmark` makes of what runs took and printed."""

import importlib.util
import json
import pathlib
import subprocess

import pytest

PROJECT = pathlib.Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("benchmark", PROJECT / "benchmarks/deploy.py")
b = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(b)

RECAP = """
PLAY RECAP *********************************************************************
api1                       : ok=10   changed=0    unreachable=0    failed=0    skipped=2    rescued=0    ignored=0
localhost                  : ok=1    changed=0    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
"""


def run(seconds, cpu, output=""):
    return b.Run(seconds, cpu, [], output)


def no_op(cpu):
    """Return three pairs of runs, two of them disturbed, of which the floor takes a quarter of the site."""
    site = [run(90.0, cpu), run(2 * cpu, 80.0), run(2 * cpu, cpu)]
    return b.NoOp(site, [run(one.seconds / 4, one.cpu / 4) for one in site])


def test_task_results_are_counted_by_host():
    assert run(1.0, 1.0, RECAP).results() == {"api1": 12, "localhost": 1}


def test_medians_of_wall_and_processor_are_each_their_own():
    assert (no_op(4.0).wall(), no_op(4.0).cpu()) == ((8.0, 2.0), (4.0, 1.0))


@pytest.mark.parametrize(
    ("found", "further"),
    [
        ({1: 4.0}, [""]),
        ({1: 4.0, 3: 5.0, 6: 8.0, 12: 9.5}, ["", "0.50 s over 1", "1.00 s over 3", "0.50 s over 3"]),
        # Hosts of 6 do other things than those of 12.
        ({6: 8.0, 12: 9.5}, ["", ""]),
    ],
)
def test_what_a_further_host_takes(found, further):
    rows = b.comparison({number: no_op(cpu) for number, cpu in found.items()})
    assert [row.strip("|").split("|")[-1].strip() for row in rows] == further
    assert rows[0].split("|")[4].strip() == rows[0].split("|")[7].strip() == "4.00"


@pytest.mark.parametrize("number", b.SIZES)
def test_the_inventories_of_a_size_have_its_hosts(number):
    size = b.SIZES[number]
    inventories = [f"--inventory={PROJECT / path}" for path in size.inventories]
    listed = subprocess.run(["ansible-inventory", *inventories, "--list"], capture_output=True, text=True, check=True)
    found = json.loads(listed.stdout)
    assert set(found["_meta"]["hostvars"]) == set(size.hosts)
    assert len(size.hosts) == number
