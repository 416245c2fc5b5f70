import getpass
import json
import os
import shutil

import pytest
from ansible.module_utils.basic import AnsibleModule

# Running a command as a user, even the same one, needs the right to drop groups.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs commands as a user")


@pytest.fixture
def database(tmp_path, run_module):
    """Run the module against a glance-manage that ends as told and notes how it was called."""

    def run(check=0, sync=0, version=0, output="", said=None, check_mode=False, **options):
        manage = tmp_path / "glance-manage"
        manage.write_text(
            f'#!/bin/sh\ncd {tmp_path}\necho "$*" >> calls\nenv > environment\numask > umask\n'
            'for verb; do :; done\ncat output\n[ ! -e "said-$verb" ] || cat "said-$verb" >&2\n'
            f"case $verb in check) exit {check} ;; sync) exit {sync} ;; *) exit {version} ;; esac\n"
        )
        manage.chmod(0o755)
        (tmp_path / "output").write_text(output)
        for verb, text in (said or {}).items():
            (tmp_path / f"said-{verb}").write_text(f"{text}\n")
        (tmp_path / "conf").touch()
        (tmp_path / "calls").write_text("")
        options = {
            "manage": str(manage),
            "config_file": str(tmp_path / "conf"),
            "user": getpass.getuser(),
            **options,
        }
        result = run_module("database_schema", check_mode, **options)
        calls = [line.split(" db ")[1] for line in (tmp_path / "calls").read_text().splitlines()]
        return result, calls

    return run


@pytest.mark.parametrize(("code", "needed"), [(0, "nothing"), (3, "expand"), (4, "migrate"), (5, "contract")])
@pytest.mark.parametrize("check_mode", [False, True])
def test_syncs_only_what_the_check_asks_for(database, code, needed, check_mode):
    result, calls = database(check=code, check_mode=check_mode)
    assert (result["needed"], result["changed"]) == (needed, needed != "nothing")
    assert calls == ["check"] + (["sync"] if code and not check_mode else [])


@pytest.mark.parametrize("code", [1, 2, 6, 127])
def test_a_check_that_fails_is_not_followed_by_a_sync(database, code):
    result, calls = database(check=code, output="first\nCRITICAL: no such host\n\n")
    assert result["msg"] == (f"'glance-manage db check' should succeed, found exit code {code}: CRITICAL: no such host")
    assert result["output"] == ["first", "CRITICAL: no such host"]
    assert calls == ["check"]


@pytest.mark.parametrize(
    ("output", "last"),
    [
        ("", "no output"),
        (
            "Access denied for mysql+pymysql://glance:hunter2@db/glance\n",
            "Access denied for mysql+pymysql://********@db/glance",
        ),
        ("password=hunter2\nbye\n", "bye"),
        ("".join(f"{number}\n" for number in range(40)), "39"),
    ],
)
def test_a_sync_that_fails_gives_its_last_line_without_secrets(database, output, last):
    result, calls = database(check=3, sync=1, output=output)
    assert result["msg"] == f"'glance-manage db sync' should succeed, found exit code 1: {last}"
    assert len(result["output"]) <= 15
    assert "hunter2" not in json.dumps(result)
    assert calls == ["check", "sync"]


@pytest.mark.parametrize("missing", ["manage", "config_file"])
def test_what_an_earlier_task_makes_is_a_change_in_check_mode(database, tmp_path, missing):
    result, calls = database(check=1, check_mode=True, **{missing: str(tmp_path / "none")})
    assert (result["changed"], result["needed"], calls) == (True, "everything", [])


def test_a_missing_program_gives_a_sentence(database, tmp_path):
    path = str(tmp_path / "none")
    result, _calls = database(manage=path)
    assert result["msg"] == f"{path} can't be run as {getpass.getuser()}: No such file or directory."


def test_a_command_that_takes_too_long_gives_a_sentence(database):
    result, _calls = database(check="$(sleep 30)", timeout=0)
    assert result["msg"] == "'glance-manage db check' did not end within 0 s."


def test_the_command_gets_a_clean_environment(database, tmp_path, monkeypatch):
    monkeypatch.setenv("OS_PASSWORD", "hunter2")
    database()
    assert "OS_PASSWORD" not in (tmp_path / "environment").read_text()
    assert (tmp_path / "umask").read_text() == "0027\n"


def test_a_host_without_the_user_gives_a_sentence(database):
    result, calls = database(user="nobody-here")
    assert result["msg"] == "there is no user named nobody-here on this host: run site.yml first."
    assert calls == []


def test_a_sync_that_takes_too_long_gives_a_sentence(database):
    result, calls = database(check=3, sync="$(sleep 30)", timeout=1)
    assert result["msg"] == "'glance-manage db sync' did not end within 1 s."
    assert calls == ["check", "sync"]


# -------------------------------------------------------------------------- a database that "db check" does not support

REFUSED = "Rolling upgrades are currently supported only for MySQL and Sqlite"
UP_TO_DATE = "Database is up to date. No migrations needed."
SYNCED = (
    "INFO  [alembic] Running upgrade\nUpgraded database to: head01, current revision(s): head01\nDatabase is synced."
)


@pytest.mark.parametrize(("said", "needed"), [(UP_TO_DATE, "nothing"), (SYNCED, "sync"), ("", "sync")])
def test_where_there_is_no_check_the_sync_tells_what_was_needed(database, said, needed):
    result, calls = database(check=1, said={"check": REFUSED, "sync": said}, head="head01")
    assert (result["needed"], result["changed"]) == (needed, needed != "nothing")
    assert calls == ["check", "sync"]


@pytest.mark.parametrize(
    ("said", "until", "warned"),
    [(SYNCED, "expand", 1), (SYNCED, "migrate", 1), (SYNCED, "contract", 0), (UP_TO_DATE, "expand", 0)],
)
def test_steps_beyond_the_last_that_was_wanted_are_told(database, monkeypatch, said, until, warned):
    warnings = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: warnings.append(text))
    result, calls = database(check=1, said={"check": REFUSED, "sync": said}, head="head01", until=until)
    assert (result["left"], calls) == ("nothing", ["check", "sync"])
    assert len([text for text in warnings if f"as far as '{until}'" in text]) == warned


@pytest.mark.parametrize(
    ("version", "options", "needed"),
    [
        ("head01", {"head": "head01"}, "nothing"),
        ("INFO x\nhead01", {"head": "head01"}, "nothing"),
        ("head00", {"head": "head01"}, "sync"),
        # A part of a name is another revision.
        ("head010", {"head": "head01"}, "sync"),
        ("", {"head": "head01"}, "sync"),
        ("head01", {}, "sync"),
    ],
)
def test_in_check_mode_the_revision_tells_what_is_needed(database, version, options, needed):
    result, calls = database(check=1, check_mode=True, said={"check": REFUSED, "version": version}, **options)
    assert (result["needed"], result["changed"]) == (needed, needed != "nothing")
    assert calls == ["check", "version"]


@pytest.mark.parametrize(("check_mode", "verb"), [(False, "sync"), (True, "version")])
def test_a_database_without_check_that_fails_gives_the_last_line(database, check_mode, verb):
    said = {"check": REFUSED, verb: "OperationalError: postgresql://glance:hunter2@db/glance: no route"}
    result, calls = database(check=1, said=said, check_mode=check_mode, **{verb: 2})
    assert result["msg"] == (
        f"'glance-manage db {verb}' should succeed, found exit code 2: "
        "OperationalError: postgresql://********@db/glance: no route"
    )
    assert calls == ["check", verb]


@pytest.mark.parametrize("code", [0, 3, 2])
def test_only_a_refused_check_is_done_without(database, code):
    result, calls = database(check=code, said={"check": REFUSED})
    assert result.get("needed") == {0: "nothing", 3: "expand"}.get(code)
    assert calls == ["check"] + (["sync"] if code == 3 else [])


# ---------------------------------------------------------------------------------- the revision, without glance-manage


@pytest.fixture
def look(database, tmp_path):
    """Run the module with an interpreter that prints and ends as told; what it was called with is in C(looked)."""

    def run(prints, code=0, check_mode=False, **options):
        python = tmp_path / "python"
        (tmp_path / "prints").write_text(prints)
        python.write_text(f'#!/bin/sh\ncd {tmp_path}\necho "$3" >> looked\ncat prints\nexit {code}\n')
        python.chmod(0o755)
        return database(check_mode=check_mode, python=str(python), **options)

    return run


def found(*revisions, namespaces=()):
    return json.dumps({"revisions": revisions, "namespaces": namespaces})


@pytest.mark.parametrize("prints", [found("head01"), found("head00", "head01")])
@pytest.mark.parametrize("check_mode", [False, True])
def test_a_database_with_the_last_revision_is_left_alone_and_glance_is_not_loaded(look, tmp_path, prints, check_mode):
    result, calls = look(prints, head="head01", check_mode=check_mode)
    assert (result["needed"], result["changed"], calls) == ("nothing", False, [])
    assert (tmp_path / "looked").read_text() == f"{tmp_path}/conf\n"


@pytest.mark.parametrize(
    ("prints", "code"), [(found("head00"), 0), (found("head010"), 0), ("", 0), (found("head01"), 1), ("", 127)]
)
def test_whatever_else_the_look_finds_glance_is_asked(look, prints, code):
    result, calls = look(prints, code, head="head01", check=3)
    assert (result["needed"], calls) == ("expand", ["check", "sync"])


@pytest.mark.parametrize("prints", [found("head02"), found("expand03", "head03")])
def test_a_database_that_a_newer_release_has_is_left_alone(look, prints):
    result, calls = look(prints, head="head01", newer=["head03", "head02"], check=3)
    assert (result["needed"], result["left"], result["changed"], calls) == ("nothing", "nothing", False, [])


def test_without_a_last_revision_there_is_no_look(look, tmp_path):
    _result, calls = look(found("head01"))
    assert calls == ["check"]
    assert not (tmp_path / "looked").exists()


# ------------------------------------------------------------------------------------------------------- step by step


@pytest.fixture
def steps(tmp_path, run_module):
    """Run the module against a glance-manage whose check asks for one step after the other, as each is taken."""

    def run(needed, check_mode=False, stuck=False, **options):
        manage = tmp_path / "glance-manage"
        state = tmp_path / "needed"
        state.write_text(needed)
        codes = "nothing) exit 0 ;; expand) exit 3 ;; migrate) exit 4 ;; contract) exit 5"
        after = "expand) echo migrate ;; migrate) echo contract ;; contract|sync) echo nothing"
        manage.write_text(
            f"#!/bin/sh\ncd {tmp_path}\nfor verb; do :; done\necho $verb >> calls\n"
            f"[ $verb != check ] || case $(cat needed) in {codes} ;; esac\n"
            + ("" if stuck else f"case $verb in {after} ;; esac > needed\n")
        )
        manage.chmod(0o755)
        (tmp_path / "conf").touch()
        (tmp_path / "calls").write_text("")
        given = {"manage": str(manage), "config_file": str(tmp_path / "conf"), "user": getpass.getuser(), **options}
        return run_module("database_schema", check_mode, **given), (tmp_path / "calls").read_text().split()

    return run


@pytest.mark.parametrize(
    ("needed", "until", "left", "calls"),
    [
        ("expand", "expand", "migrate", ["check", "expand", "check"]),
        ("expand", "migrate", "contract", ["check", "expand", "check", "migrate", "check"]),
        ("migrate", "migrate", "contract", ["check", "migrate", "check"]),
        ("expand", "contract", "nothing", ["check", "sync"]),
        # nothing to do yet
        ("migrate", "expand", "migrate", ["check"]),
        ("contract", "migrate", "contract", ["check"]),
        ("nothing", "expand", "nothing", ["check"]),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_takes_the_steps_until_the_last_that_is_wanted(steps, needed, until, left, calls, check_mode):
    result, called = steps(needed, check_mode, until=until)
    changes = len(calls) > 1
    assert (result["needed"], result["changed"]) == (needed, changes)
    assert called == (["check"] if check_mode else calls)
    assert result["left"] == (needed if check_mode else left)


def test_a_step_that_does_nothing_is_not_taken_for_ever(steps):
    result, called = steps("expand", until="migrate", stuck=True)
    assert result["msg"] == "'glance-manage db expand' should do what 'db check' asks for, found: it asks again."
    assert called == ["check", "expand", "check"]


def test_where_there_are_no_steps_all_is_done_at_once(database):
    result, calls = database(check=1, said={"check": REFUSED, "sync": SYNCED}, head="head01", until="expand")
    assert (result["needed"], result["left"], calls) == ("sync", "nothing", ["check", "sync"])


# ------------------------------------------------------------------------------------------------- metadata definitions


class Metadefs:
    """A database and a folder of definitions; the module is run against a glance-manage that loads as told."""

    def __init__(self, folder, run_module):
        self.folder, self.run_module = folder, run_module
        self.shipped = folder / "metadefs"
        self.shipped.mkdir()
        self.note = folder / ".loading-metadefs"
        self.ship(A="a", B="b")

    def ship(self, **namespaces):
        for name, namespace in namespaces.items():
            (self.shipped / f"{name}.json").write_text(json.dumps({"namespace": namespace}))

    def program(self, name, script):
        (self.folder / name).write_text(f"#!/bin/bash\ncd {self.folder}\n{script}\n")
        (self.folder / name).chmod(0o755)
        return str(self.folder / name)

    def run(self, there, loaded=None, code=0, says="", check=0, python="cat prints", check_mode=False, **options):
        """Run with the namespaces that are *there* now, and those that are once something was loaded."""
        (self.folder / "prints").write_text(found("head01", namespaces=there))
        (self.folder / "after").write_text(found("head01", namespaces=there if loaded is None else loaded))
        for name in ("conf", "calls", "looks"):
            (self.folder / name).write_text("")
        loads = f"load_metadefs) ls -A | grep -c loading >> calls; cp after prints; echo '{says}'; exit {code} ;;"
        given = {
            "manage": self.program(
                "glance-manage", f'echo "${{@:3}}" >> calls\ncase $3 in {loads} check) exit {check} ;; esac'
            ),
            "python": python and self.program("python", f"echo x >> looks\n{python}"),
            "config_file": str(self.folder / "conf"),
            "metadefs": str(self.shipped),
            "user": getpass.getuser(),
            "head": "head01",
            **options,
        }
        result = self.run_module("database_schema", check_mode, **given)
        return result, (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def metadefs(tmp_path, run_module):
    return Metadefs(tmp_path, run_module)


def test_nothing_is_loaded_and_nobody_asked_twice_where_all_are_there(metadefs):
    result, calls = metadefs.run(["a", "b", "own"])
    assert (result["changed"], result["namespaces"], calls) == (False, 3, [])
    assert (metadefs.folder / "looks").read_text() == "x\n"


@pytest.mark.parametrize("there", [[], ["a"], ["own"]])
def test_a_missing_namespace_is_loaded_and_what_is_there_is_left_alone(metadefs, there):
    result, calls = metadefs.run(there, [*there, "a", "b"])
    assert (result["changed"], result["needed"], result["namespaces"]) == (True, "nothing", len({*there, "a", "b"}))
    # The note lies there meanwhile, and not after it.
    assert calls == [f"load_metadefs --path={metadefs.shipped}", "1"]
    assert not metadefs.note.exists()


def test_in_check_mode_nothing_is_loaded(metadefs):
    result, calls = metadefs.run(["a"], check_mode=True)
    assert (result["changed"], result["namespaces"], calls) == (True, 1, [])
    assert not metadefs.note.exists()


@pytest.mark.parametrize("check_mode", [True, False])
def test_files_of_a_release_that_is_not_there_yet_are_missed_outside_check_mode_only(metadefs, check_mode):
    shutil.rmtree(metadefs.shipped)
    result, calls = metadefs.run(["a"], check_mode=check_mode)
    assert (result.get("failed", False), calls) == (not check_mode, [])


def test_a_load_that_was_cut_off_is_made_up_for(metadefs):
    metadefs.note.touch()
    result, calls = metadefs.run(["a", "b"])
    assert (result["changed"], calls) == (True, [f"load_metadefs --path={metadefs.shipped} --merge", "1"])
    assert not metadefs.note.exists()


def test_a_load_that_loads_nothing_fails_though_it_ends_well(metadefs):
    result, _calls = metadefs.run(["a"], says="ERROR glance.db [-] Permission denied: a.json")
    assert result["msg"] == (
        f"'glance-manage db load_metadefs' should load the 2 namespaces of {metadefs.shipped}, found 1 of them then, "
        "without b: ERROR glance.db [-] Permission denied: a.json"
    )
    assert metadefs.note.exists()


def test_a_load_that_fails_is_told_and_made_up_for_later(metadefs):
    result, _calls = metadefs.run([], code=1, says="no such table")
    assert result["msg"] == "'glance-manage db load_metadefs' should succeed, found exit code 1: no such table"
    assert metadefs.note.exists()


@pytest.mark.parametrize("content", ["", "{j}", "[]", "{}", b"\xff"])
def test_files_that_glance_passes_over_are_passed_over(metadefs, content):
    (metadefs.shipped / "C.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    (metadefs.shipped / "README").write_text("none")
    result, calls = metadefs.run(["a", "b"])
    assert (result["changed"], calls) == (False, [])


def test_a_folder_without_definitions_is_told(metadefs, tmp_path):
    for path in metadefs.shipped.iterdir():
        path.unlink()
    result, _calls = metadefs.run([])
    assert result["msg"] == f"{metadefs.shipped} should hold files with metadata definitions, found none."
    result, _calls = metadefs.run([], metadefs=str(tmp_path / "none"))
    assert result["msg"] == (
        f"The files of {tmp_path}/none should be loaded, found {tmp_path}/none: No such file or directory."
    )


def test_a_database_that_can_not_be_asked_is_told_without_secrets(metadefs):
    python = "echo 'sqlalchemy.exc.ArgumentError: mysql://glance:hunter2@db/glance is none' >&2; exit 1"
    result, calls = metadefs.run([], python=python)
    assert result["msg"] == (
        "The database should tell which metadata definitions it has, found: "
        "sqlalchemy.exc.ArgumentError: mysql://********@db/glance is none."
    )
    assert calls == ["check"]


def test_a_database_that_is_yet_to_be_made_is_asked_only_after_that(metadefs):
    python = "[ -s calls ] && ! grep -q sync calls && exit 1; [ -s calls ] && cat prints"
    result, calls = metadefs.run(["a", "b"], check=3, python=python)
    assert (result["changed"], result["needed"], result["namespaces"], calls) == (True, "expand", 2, ["check", "sync"])
    result, calls = metadefs.run(["a", "b"], check=3, python=python, check_mode=True)
    assert (result["changed"], "namespaces" in result, calls) == (True, False, ["check"])


def test_definitions_need_an_interpreter(metadefs):
    result, _calls = metadefs.run([], python=None)
    assert "python" in result["msg"]


# ------------------------------------------------------------------------------------------- definitions of one's own


@pytest.fixture
def own(metadefs):
    """Run with definitions of the operator's own, beside those that the release ships."""

    def run(there, contents, **options):
        for name, content in contents.items():
            (metadefs.folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
        paths = [str(metadefs.folder / name) for name in contents]
        return metadefs.run(there, own_metadefs=paths, **options)

    run.note = metadefs.folder / ".sets" / "own-metadefs"
    run.folder = metadefs.folder
    return run


RACK = {"rack.json": {"namespace": "rack", "properties": {}}}


def test_an_own_definition_is_loaded_once_and_again_when_it_changes(own):
    load = f"load_metadefs --path={own.folder}/rack.json --merge --overwrite"
    result, calls = own(["a", "b"], RACK, loaded=["a", "b", "rack"])
    assert (result["changed"], result["namespaces"]) == (True, 3)
    assert load in calls
    result, calls = own(["a", "b", "rack"], RACK)
    assert (result["changed"], result["namespaces"], calls) == (False, 3, [])
    changed = {"rack.json": {"namespace": "rack", "properties": {"height": {}}}}
    result, calls = own(["a", "b", "rack"], changed, check_mode=True)
    assert (result["changed"], calls) == (True, [])
    result, calls = own(["a", "b", "rack"], changed)
    assert (result["changed"], load in calls) == (True, True)
    # A database that was put back to before.
    result, calls = own(["a", "b"], changed, loaded=["a", "b", "rack"])
    assert (result["changed"], load in calls) == (True, True)


def test_an_own_definition_needs_none_of_the_release(own):
    result, calls = own([], RACK, loaded=["rack"], metadefs=None)
    assert (result["changed"], result["namespaces"]) == (True, 1)
    assert [call for call in calls if call.startswith("load")] == [
        f"load_metadefs --path={own.folder}/rack.json --merge --overwrite"
    ]


def test_a_namespace_that_the_release_ships_is_refused_unless_it_is_not_loaded(own):
    taken = {"rack.json": {"namespace": "a"}}
    result, calls = own(["a", "b"], taken)
    assert result["msg"] == (
        f"{own.folder}/rack.json should define a namespace of its own, found a, which the release ships: "
        "choose another name, or set glance_metadefs to false"
    )
    assert calls == []
    assert own(["a"], taken, metadefs=None)[0]["changed"] is True


@pytest.mark.parametrize("code", [0, 1])
def test_a_load_of_an_own_definition_that_does_nothing_is_told_and_made_up_for(own, code):
    result, _calls = own(["a", "b"], RACK, code=code, says="KeyError: name")
    assert result["failed"] is True
    assert ("exit code 1: KeyError: name" if code else "should load rack, found them missing") in result["msg"]
    assert not own.note.exists()
    assert own(["a", "b", "rack"], RACK)[0]["changed"] is True


@pytest.mark.parametrize("content", ["{", "[]", "{}", '"a"'])
def test_what_is_no_definition_is_told(own, content):
    result, calls = own(["a", "b"], {"rack.json": content})
    assert result["msg"].endswith(
        "rack.json should define a namespace of metadata definitions as JSON, found something else."
    )
    assert calls == []


def test_an_own_definition_that_is_yet_to_be_written_is_a_change_in_check_mode_only(own, metadefs):
    gone = [str(metadefs.folder / "gone.json")]
    assert metadefs.run(["a", "b"], own_metadefs=gone, check_mode=True)[0]["changed"] is True
    assert "gone.json: No such file" in metadefs.run(["a", "b"], own_metadefs=gone)[0]["msg"]


def test_own_definitions_need_an_interpreter(own):
    assert "should come with python" in own([], RACK, python=None, metadefs=None)[0]["msg"]
