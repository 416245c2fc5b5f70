import subprocess

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import database_schema, manage

NO_CHECK = (1, "Rolling upgrades are currently supported only for MySQL and Sqlite")


class Manage(manage.GlanceManage):
    """A glance-manage of which each verb ends as told, one answer after the other; what was run is in *calls*."""

    def __init__(self, **answers):
        self.answers, self.calls = {verb: list(given) for verb, given in answers.items()}, []

    def run(self, verb, *_options):
        self.calls.append(verb)
        code, said = self.answers[verb].pop(0) if verb in self.answers else (0, "")
        return subprocess.CompletedProcess([], code, said)


def migrate(fake, check_mode=False, until="contract", head="head01"):
    warnings = []
    result = database_schema.migrate(fake, {"until": until, "head": head}, check_mode, warnings.append)
    return (result["changed"], result["needed"], result["left"]), fake.calls, len(warnings)


@pytest.mark.parametrize(
    ("codes", "until", "expected", "calls"),
    [
        ([0], "contract", (False, "nothing", "nothing"), ["check"]),
        ([3], "contract", (True, "expand", "nothing"), ["check", "sync"]),
        ([3, 4], "expand", (True, "expand", "migrate"), ["check", "expand", "check"]),
        ([4, 0], "migrate", (True, "migrate", "nothing"), ["check", "migrate", "check"]),
        ([5], "migrate", (False, "contract", "contract"), ["check"]),
    ],
)
def test_migrate_takes_the_steps_that_are_needed_and_wanted(codes, until, expected, calls):
    assert migrate(Manage(check=[(code, "") for code in codes]), until=until) == (expected, calls, 0)


@pytest.mark.parametrize(
    ("until", "check_mode", "calls"),
    [("contract", False, ["sync"]), ("contract", True, []), ("expand", False, ["check", "expand", "check"])],
)
def test_an_empty_database_needs_everything(until, check_mode, calls):
    fake = Manage(check=[(3, ""), (4, "")])
    result = database_schema.migrate(fake, {"until": until, "head": "head01"}, check_mode, [].append, empty=True)
    assert (result["changed"], result["needed"], fake.calls) == (True, "expand", calls)


@pytest.mark.parametrize("code", [0, 3, 4, 5])
def test_migrate_only_asks_in_check_mode(code):
    (changed, needed, left), calls, _warnings = migrate(Manage(check=[(code, "")]), check_mode=True)
    assert (changed, left, calls) == (code != 0, needed, ["check"])


@pytest.mark.parametrize(
    ("verb", "said", "check_mode", "until", "expected", "warnings"),
    [
        ("sync", "Database is up to date. No migrations needed.", False, "expand", (False, "nothing", "nothing"), 0),
        ("sync", "Database is synced.", False, "contract", (True, "sync", "nothing"), 0),
        ("sync", "Database is synced.", False, "expand", (True, "sync", "nothing"), 1),
        ("version", "head01", True, "contract", (False, "nothing", "nothing"), 0),
        ("version", "head00", True, "contract", (True, "sync", "nothing"), 0),
    ],
)
def test_migrate_where_there_is_no_check(verb, said, check_mode, until, expected, warnings):
    fake = Manage(check=[NO_CHECK], **{verb: [(0, said)]})
    assert migrate(fake, check_mode, until) == (expected, ["check", verb], warnings)


def test_a_failed_command_gives_the_reason_and_the_last_lines():
    with pytest.raises(manage.ManageError) as error:
        migrate(Manage(check=[(3, "")], sync=[(2, "one\nE: mysql://glance:hunter2@db/glance\n")]))
    assert error.value.result == {
        "msg": "'glance-manage db sync' should succeed, found exit code 2: E: mysql://********@db/glance",
        "output": ["one", "E: mysql://********@db/glance"],
    }


def test_a_fault_that_no_command_has_shown_has_no_output():
    assert manage.ManageError("a sentence.").result == {"msg": "a sentence."}
