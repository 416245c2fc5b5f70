import getpass
import json
import os

import pytest

# Running a program as a user, even the same one, needs the right to drop groups.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as a user")


@pytest.fixture
def purge(tmp_path, run_module):
    """Run the module with an interpreter that notes how it was called and ends as told."""

    def run(prints="{}", says="", code=0, check_mode=False, **options):
        python = tmp_path / "python3"
        python.write_text(
            f'#!/bin/sh\ncd {tmp_path}\nfor each; do echo "$each"; done > call\n'
            f"echo '{prints}'\ncat says >&2\n{code if isinstance(code, str) else f'exit {code}'}\n"
        )
        python.chmod(0o755)
        (tmp_path / "says").write_text(says)
        (tmp_path / "call").write_text("")
        given = {"program": "the program", "python": str(python), "user": getpass.getuser(), "age_days": 30, **options}
        return run_module("database_purge", check_mode, **given), (tmp_path / "call").read_text().splitlines()

    return run


@pytest.mark.parametrize(("check_mode", "verb", "did"), [(False, "purge", "Purged"), (True, "check", "Would purge")])
def test_tells_what_went(purge, check_mode, verb, did):
    rows = {"tasks": 1, "image_tags": 0, "image_locations": 12}
    result, call = purge(json.dumps(rows), check_mode=check_mode, images_age_days=60)
    assert (result["changed"], result["rows"]) == (True, rows)
    assert result["msg"] == f"{did} 12 records of image_locations, 1 of tasks."
    config = "--config-file=/etc/glance/glance-api.conf"
    assert call == ["-c", "the program", config, "--age=30", "--images-age=60", verb]


def test_one_record_is_one(purge):
    result, _call = purge('{"tasks": 1}')
    assert result["msg"] == "Purged 1 record of tasks."


def test_nothing_old_is_no_change(purge):
    result, _call = purge('{"tasks": 0}')
    assert (result["changed"], result["msg"]) == (False, "No record was old enough.")


@pytest.mark.parametrize("code", [1, 75])
def test_a_refusal_is_told_in_its_own_words(purge, code):
    result, _call = purge(says="INFO glance began\npurge_records: images wait, 1 in all: a\n", code=code)
    assert result["msg"] == "The records of what was deleted should be purged, found: images wait, 1 in all: a."
    assert result["output"][-1] == "purge_records: images wait, 1 in all: a"


def test_a_failure_is_told_with_its_reason_and_without_secrets(purge):
    says = "oslo_db.exception.DBError: mysql://glance:hunter2@db/glance\npurge_records: glance-manage should succeed\n"
    result, _call = purge(says=says, code=1)
    assert result["msg"] == (
        "The records of what was deleted should be purged, found: glance-manage should succeed "
        "(oslo_db.exception.DBError: mysql://********@db/glance)."
    )
    assert "hunter2" not in json.dumps(result)


def test_a_program_that_says_nothing_is_told(purge):
    result, _call = purge(code=3)
    assert result["msg"] == "The records of what was deleted should be purged, found: exit code 3."


def test_one_that_takes_too_long_is_told_without_its_text(purge):
    result, _call = purge(code="sleep 30", timeout=0)
    assert result["msg"] == "'python3 purge_records.py purge' did not end within 0 s."


@pytest.mark.parametrize("age", [0, -1])
def test_nothing_is_purged_that_was_deleted_just_now(purge, age):
    result, call = purge(age_days=age)
    assert (result["msg"], call) == (f"age_days should be 1 or more, found {age}.", [])
