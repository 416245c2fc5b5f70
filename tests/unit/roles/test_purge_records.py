"""What the program that purges may not take away."""

import datetime
import importlib.util
import pathlib
from collections import namedtuple

import pytest

PROGRAM = pathlib.Path(__file__).parents[3] / "roles/purge/files/purge_records.py"
LIMIT = datetime.datetime(2026, 1, 31)
Location = namedtuple("Location", ["id", "image_id", "removed_at", "status", "deleted_at"])


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("purge_records", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def day(number):
    """Return a day of January; those up to the 30th are before the limit."""
    return number and LIMIT + datetime.timedelta(days=number - 31)


@pytest.mark.parametrize(
    ("locations", "held", "spared"),
    [
        ([], [], []),
        # Images that wait: deleted before the limit, and not before it.
        ([("a", 30, "pending_delete", 30)], ["a"], []),
        ([("a", 31, "pending_delete", 31)], [], []),
        # The scrubber is kept from one that is being restored by a deletion in the future.
        ([("a", 30, "pending_delete", 99)], ["a"], []),
        ([("a", 99, "pending_delete", 30)], ["a"], []),
        ([("a", 30, "pending_delete", None)], ["a"], []),
        # A copy that was removed long before the image does not hold anything up, and is not lost.
        ([("a", 1, "pending_delete", 32), ("a", 32, "pending_delete", 32)], [], [0]),
        ([("a", 1, "pending_delete", 30), ("a", 30, "pending_delete", 30)], ["a"], []),
        # One of an image that is in use.
        ([("a", 1, "active", None), ("a", 40, "active", None)], [], [0]),
        # One that was forgotten when delayed delete was switched off.
        ([("a", 1, "deleted", 2)], [], [0]),
        ([("b", 1, "pending_delete", 1), ("a", 1, "pending_delete", 1), ("c", 1, "active", None)], ["a", "b"], [2]),
    ],
)
def test_data_that_is_there_is_not_lost(program, locations, held, spared):
    waiting = [
        Location(number, image, day(removed), status, day(deleted))
        for number, (image, removed, status, deleted) in enumerate(locations)
    ]
    found, kept = program.judge(waiting, LIMIT)
    assert (found, [location.id for location in kept]) == (held, spared)


def test_what_is_spared_is_older_than_what_was_deleted_with_a_waiting_image(program):
    # The restoring of an image takes what is up to a minute older than its youngest location.
    assert datetime.timedelta(minutes=1) < program.AHEAD - program.SPARED
    assert datetime.timedelta(minutes=5) < program.SPARED


def test_at_most_twenty_are_named(program):
    assert program.named(["a", "b"]) == "2 in all: a, b"
    assert program.named([str(number) for number in range(30)]).endswith("18, 19, ...")
