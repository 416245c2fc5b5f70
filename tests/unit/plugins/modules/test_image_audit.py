"""The module that compares stores with the database, with a program in the place of that which asks them."""

import getpass
import json
import os
import sys

import pytest

# Running a program as a user, even the same one, needs the right to drop groups.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as a user")

COUNTS = {"images": 2, "locations": 1, "files": 3, "hashed": 0}
FOUND = {
    "kind": "refused data",
    "image": "a-1",
    "store": "file",
    "detail": "is still there",
    "action": "wait",
    "mend": "queued",
    "locations": [1],
    "files": [],
}
# Answers each audit from a list, and keeps what it was asked.
PROGRAM = """
import json, pathlib, sys
import image_audit
image_audit.judge
folder = pathlib.Path({folder!r})
with open(folder / "calls", "a") as calls:
    print(*sys.argv[1:], file=calls)
if "mend" in sys.argv:
    print(json.dumps({{"mended": ["image a-1: done"], "failed": []}}))
else:
    answers = json.loads((folder / "answers").read_text())
    (folder / "answers").write_text(json.dumps(answers[1:]))
    print(json.dumps({{"findings": answers[0], "counts": {counts!r}, "notes": ["nothing of S3 was looked at"]}}))
"""


@pytest.fixture
def audit(run_module, tmp_path):
    """Run the module with these answers; gives its result and what the program was asked."""
    (tmp_path / "glance-api.conf").write_text("[database]\nconnection = mysql+pymysql://u:p@h/glance\n")

    def audit(*answers, check_mode=False, **options):
        (tmp_path / "answers").write_text(json.dumps(answers))
        (tmp_path / "calls").write_text("")
        given = {
            "source": PROGRAM.format(folder=str(tmp_path), counts=COUNTS),
            "python": sys.executable,
            "user": getpass.getuser(),
            "config_directory": str(tmp_path),
            **options,
        }
        return run_module("image_audit", check_mode, **given), (tmp_path / "calls").read_text().splitlines()

    return audit


def test_agreement_is_one_line(audit, tmp_path):
    result, calls = audit([])
    assert not result["changed"]
    assert result["findings"] == result["table"] == []
    assert result["msg"] == (
        "2 images, 1 location with data and 3 files: the database and the stores agree. Nothing of S3 was looked at."
    )
    assert calls == [f"--config-file={tmp_path}/glance-api.conf audit --late=600 --stuck-after=86400"]


def test_options_reach_the_program(audit):
    _result, calls = audit([], checksums=True, only_host=True, stuck_after=7200, late=5)
    assert calls[0].endswith("audit --late=5 --stuck-after=7200 --only-host --checksums")


def test_findings_are_a_table(audit):
    result, _calls = audit([FOUND, {**FOUND, "kind": "ghost", "store": ""}])
    assert not result["changed"]
    assert [line.split()[0] for line in result["table"]] == ["kind", "refused", "ghost"]
    assert "2 findings" in result["msg"]
    columns = {line.index("a-1") for line in result["table"][1:]}
    assert len(columns) == 1


@pytest.mark.parametrize(
    ("found", "check_mode", "verbs"),
    [
        ([FOUND], False, ["audit", "mend", "audit"]),
        ([FOUND], True, ["audit"]),
        ([{**FOUND, "mend": ""}], False, ["audit"]),
        ([], False, ["audit"]),
    ],
)
def test_only_what_can_be_is_repaired(audit, found, check_mode, verbs):
    result, calls = audit(found, [], check_mode=check_mode, repair=True)
    assert [call.split()[1] for call in calls] == verbs
    assert result["changed"] == ("mend" in verbs)
    assert result["mended"] == (["image a-1: done"] if "mend" in verbs else [])


def test_host_without_a_login_to_the_database_is_refused(audit, tmp_path):
    (tmp_path / "glance-api.conf").write_text("[DEFAULT]\ndata_api = glance.db.registry.api\n")
    result, calls = audit([])
    assert result["failed"]
    assert "a login to the database" in result["msg"]
    assert calls == []


def test_program_that_fails_is_told(audit):
    result, _calls = audit([], source="import sys; sys.exit('pending_images: no such database')")
    assert result["failed"]
    assert "no such database" in result["msg"]
