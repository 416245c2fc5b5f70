"""The checks of imported images: what the API asks, what the unit answers, and what becomes of the image."""

import contextlib
import importlib.util
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import types

import pytest

FILES = pathlib.Path(__file__).parents[3] / "roles/api/files"
CHECK = {
    "name": "labels",
    "argv": ["/bin/true"],
    "timeout": 5,
    "refused_codes": [1],
    "on_error": "refuse",
    "exempt_roles": ["admin"],
}
FACTS = {"id": "i", "name": "n", "properties": {}}


def load(name):
    spec = importlib.util.spec_from_file_location(name, FILES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checks(monkeypatch, tmp_path):
    module = load("import_checks")
    monkeypatch.setattr(module, "CHECKS", str(tmp_path / "checks.json"))
    monkeypatch.setattr(module, "SOCKET", str(tmp_path / "socket"))
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    monkeypatch.setattr(module, "PAUSE", 0.01)
    return module


@pytest.fixture
def runner():
    return load("run_import_check")


@contextlib.contextmanager
def units(checks, tmp_path, *found):
    """Have each connection to the socket answered as systemd would: by a process with it as standard input."""
    program = (FILES / "run_import_check.py").read_text().replace("/etc/glance/import-checks", str(tmp_path))
    (tmp_path / "program.py").write_text(program)
    (tmp_path / "checks.json").write_text(json.dumps(found))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(checks.SOCKET)
        listener.listen()

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection = listener.accept()[0]
                    with connection:
                        argv = [sys.executable, str(tmp_path / "program.py")]
                        subprocess.run(argv, stdin=connection, stdout=connection, check=False)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def script(tmp_path, text):
    path = tmp_path / "check.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return {**CHECK, "argv": [str(path), "--strict"]}


@pytest.fixture
def staged(tmp_path):
    path = tmp_path / "staged"
    path.write_text("data")
    return str(path)


def nothing():
    pass


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("exit 0", None),
        ("echo; echo ' It has no label. '; echo more; exit 1", "It has no label."),
        ("exit 1", "The check labels of this cloud could not be made."),
        ("echo broken; exit 2", "The check labels of this cloud could not be made."),
        ("kill -9 $$", "The check labels of this cloud could not be made."),
        ('test "$1" = --strict && test "$(cat "$2")" = data || exit 1', None),
        ('grep -q \'"name": "n"\' || exit 1', None),
    ],
)
def test_a_program_judges_the_data_and_says_why(checks, tmp_path, staged, text, refused):
    check = script(tmp_path, text)
    with units(checks, tmp_path, check):
        if refused is None:
            checks.run_checks([check], staged, FACTS, nothing)
        else:
            with pytest.raises(checks.ImportRefusedError) as told:
                checks.run_checks([check], staged, FACTS, nothing)
            assert str(told.value).startswith(refused)


def test_the_first_refusal_ends_the_checks(checks, tmp_path, staged):
    refusing = {**script(tmp_path, "echo No.; exit 1"), "name": "first"}
    second = {**CHECK, "argv": ["/usr/bin/touch", str(tmp_path / "made"), "--"]}
    with units(checks, tmp_path, refusing, second), pytest.raises(checks.ImportRefusedError, match="No"):
        checks.run_checks([refusing, second], staged, FACTS, nothing)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("text", "wrong"), [("sleep 30", "did not end within 1 s"), (None, "can't be run: No such file")]
)
@pytest.mark.parametrize("on_error", ["refuse", "accept"])
def test_a_check_that_can_not_be_made_is_told_in_the_journal(checks, tmp_path, staged, caplog, text, wrong, on_error):
    check = {**(script(tmp_path, text) if text else CHECK), "timeout": 1, "on_error": on_error}
    check["argv"] = check["argv"] if text else ["/nowhere/check"]
    with units(checks, tmp_path, check):
        if on_error == "accept":
            checks.run_checks([check], staged, FACTS, nothing)
        else:
            with pytest.raises(checks.ImportRefusedError, match="could not be made"):
                checks.run_checks([check], staged, FACTS, nothing)
    assert wrong in caplog.text


def test_without_a_unit_a_check_is_waited_for_and_then_not_made(checks, tmp_path, staged, caplog):
    with pytest.raises(checks.ImportRefusedError, match="could not be made"):
        checks.run_checks([CHECK], staged, FACTS, nothing)
    assert "no answer of the unit" in caplog.text


def test_a_unit_that_comes_back_is_waited_for(checks, tmp_path, staged, monkeypatch):
    monkeypatch.setattr(checks, "PATIENCE", 30)
    waited = threading.Event()
    ended = []
    check = script(tmp_path, "exit 0")
    run = threading.Thread(target=lambda: ended.append(checks.run_checks([check], staged, FACTS, waited.set)))
    run.start()
    # The first sign of life may be one of before the connection; that one is tried at once.
    assert waited.wait(30)
    with units(checks, tmp_path, check):
        run.join(30)
    assert ended == [None]


def test_a_check_that_is_gone_refuses(checks, tmp_path, staged, caplog):
    with units(checks, tmp_path), pytest.raises(checks.ImportRefusedError):
        checks.run_checks([CHECK], staged, FACTS, nothing)
    assert "there is no check labels" in caplog.text


def test_signs_of_life_are_shown_while_a_check_runs(checks, tmp_path, staged, monkeypatch):
    monkeypatch.setattr(checks, "HEARTBEAT", 0.1)
    go = tmp_path / "go"
    shown = []

    def beat():
        shown.append(1)
        if len(shown) > 3:
            go.touch()

    check = script(tmp_path, f"until test -e {go}; do sleep 0.05; done")
    with units(checks, tmp_path, check):
        checks.run_checks([check], staged, FACTS, beat)
    assert len(shown) > 3


def test_a_place_is_waited_for_and_given_back(checks, tmp_path, staged, monkeypatch):
    monkeypatch.setattr(checks, "HEARTBEAT", 0.05)
    monkeypatch.setattr(checks, "places", threading.BoundedSemaphore(1))
    checks.places.acquire()
    shown = []

    def beat():
        shown.append(1)
        if len(shown) == 3:
            checks.places.release()

    check = script(tmp_path, "exit 1")
    with units(checks, tmp_path, check), pytest.raises(checks.ImportRefusedError):
        checks.run_checks([check], staged, FACTS, beat)
    assert checks.places.acquire(blocking=False)


def test_data_that_is_still_being_sent_is_refused(checks, staged):
    with open(staged, "a"), pytest.raises(checks.ImportRefusedError, match="still being sent"):
        checks.run_checks([], staged, FACTS, nothing)
    with open(staged):
        checks.run_checks([], staged, FACTS, nothing)


def test_data_that_changes_while_it_is_checked_is_refused(checks, tmp_path, staged):
    check = script(tmp_path, f"echo more >> {staged}")
    with units(checks, tmp_path, check), pytest.raises(checks.ImportRefusedError, match="changed while it was checked"):
        checks.run_checks([check], staged, FACTS, nothing)


@pytest.mark.parametrize(("roles", "number"), [(["member"], 1), (["admin"], 0), ([], 1)])
def test_who_is_exempt(checks, roles, number):
    assert len(checks.wanted([CHECK], roles)) == number


@pytest.mark.parametrize(("text", "found"), [(None, []), ("[]", []), (json.dumps([CHECK]), [CHECK])])
def test_the_list_is_read_for_each_import(checks, text, found):
    if text is not None:
        pathlib.Path(checks.CHECKS).write_text(text)
    assert checks.checks() == found


def test_a_list_that_can_not_be_read_refuses(checks):
    pathlib.Path(checks.CHECKS).write_text("[")
    with pytest.raises(checks.ImportRefusedError, match="could not be made"):
        checks.checks()


# ---- In the flow ---------------------------------------------------------------------------------------------------


class Image(types.SimpleNamespace):
    def __init__(self, status="importing"):
        super().__init__(
            image_id="i",
            status=status,
            disk_format="raw",
            container_format="bare",
            name="n",
            owner="p",
            visibility="private",
            extra_properties={"os_glance_import_task": "t", "os_distro": "debian"},
        )


class Wrapper:
    """What api_image_import.ImportActionWrapper has of that which is used."""

    def __init__(self, status="importing", lost=False):
        self.image_status, self.calls, self.lost = status, [], lost

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None

    def assert_task_lock(self):
        if self.lost:
            raise RuntimeError("Task was aborted externally")

    def set_image_attribute(self, status):
        self.calls.append(status)

    def remove_importing_stores(self, stores):
        self.calls.append(("not importing", stores))

    def add_failed_stores(self, stores):
        self.calls.append(("failed", stores))


class Task:
    def __init__(self, name):
        self.name = name


def step(checks, folder, **options):
    image = options.pop("image", None) or Image()
    task = types.SimpleNamespace(message="")
    options = {
        "task_id": "t",
        "task_type": "api_image_import",
        "context": types.SimpleNamespace(roles=["member"]),
        "image_id": "i",
        "image_repo": types.SimpleNamespace(get=lambda _id: image, save=lambda saved, from_state: None),
        "task_repo": types.SimpleNamespace(get=lambda _id: task, save=lambda saved: None),
        "backend": ["fast"],
        "import_req": {},
        **options,
    }
    return checks.task_class(Task, lambda: [str(folder)])(options), image, task


def test_a_step_tells_the_program_what_the_image_is(checks, tmp_path, staged):
    check = script(tmp_path, f"cat > {tmp_path}/facts; exit 1")
    made, _image, task = step(checks, tmp_path)
    with units(checks, tmp_path, check), pytest.raises(checks.ImportRefusedError):
        made.execute(f"file://{staged}")
    facts = json.loads((tmp_path / "facts").read_text())
    assert (facts["id"], facts["disk_format"], facts["properties"]) == ("i", "raw", {"os_distro": "debian"})
    assert task.message == "The data is being checked."
    assert made.name == "api_image_import-CheckImage-t"


@pytest.mark.parametrize(
    ("status", "calls"),
    [
        ("importing", ["queued", ("not importing", ["fast"]), ("failed", ["fast"])]),
        ("active", [("not importing", ["fast"]), ("failed", ["fast"])]),
    ],
)
def test_a_refused_image_waits_for_other_data(checks, tmp_path, staged, status, calls):
    wrapper = Wrapper(status)
    made, _image, _task = step(checks, tmp_path, action_wrapper=wrapper)
    made.revert(f"file://{staged}", result=None, flow_failures={})
    assert wrapper.calls == calls
    assert not os.path.exists(staged)


@pytest.mark.parametrize(("status", "left"), [("importing", "queued"), ("active", "active")])
def test_a_refused_image_of_ussuri_does_so_too(checks, tmp_path, staged, status, left):
    made, image, _task = step(checks, tmp_path, image=Image(status))
    made.revert(f"file://{staged}", result=None)
    assert image.status == left
    assert not os.path.exists(staged)


def test_data_of_another_import_is_left_alone(checks, tmp_path, staged):
    wrapper = Wrapper(lost=True)
    made, _image, _task = step(checks, tmp_path, action_wrapper=wrapper)
    made.revert(f"file://{staged}", result=None)
    assert (wrapper.calls, os.path.exists(staged)) == ([], True)


def test_a_file_that_is_not_staged_is_neither_read_nor_removed(checks, tmp_path, staged):
    made, _image, _task = step(checks, tmp_path / "staging", action_wrapper=Wrapper())
    (tmp_path / "staging").mkdir()
    (tmp_path / "staging/link").symlink_to(staged)
    pathlib.Path(checks.CHECKS).write_text(json.dumps([CHECK]))
    for path in (staged, f"{tmp_path}/staging/../staged", f"{tmp_path}/staging/link"):
        with pytest.raises(checks.ImportRefusedError, match="found it elsewhere"):
            made.execute(f"file://{path}")
        made.revert(f"file://{path}", result=None)
        assert os.path.exists(path)


def test_facts_of_any_length_reach_the_program(checks, tmp_path, staged):
    check = {**script(tmp_path, "cat > /dev/null; echo No.; exit 1"), "on_error": "accept"}
    facts = {**FACTS, "properties": {f"p{number}": "\U0001f600" * 65000 for number in range(40)}}
    with units(checks, tmp_path, check), pytest.raises(checks.ImportRefusedError, match="No"):
        checks.run_checks([check], staged, facts, nothing)


def test_a_legacy_task_has_its_data_taken_away_alone(checks, tmp_path, staged):
    made, image, _task = step(checks, tmp_path)
    del made.options["import_req"], made.options["image_id"]
    made.execute(f"file://{staged}", image_id="i")
    made.revert(f"file://{staged}", image_id="i", result=None)
    assert (image.status, os.path.exists(staged)) == ("importing", False)


# ---- The program ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "owner", "found"),
    [
        (0o755, 0, None),
        (0o750, 0, "which others may not run"),
        (0o757, 0, "which others may change"),
        (0o755, 1000, "which others may change"),
        (None, 0, "No such file"),
    ],
)
def test_programs_are_roots_and_can_be_run(runner, monkeypatch, mode, owner, found):
    def of_file(_path):
        if mode is None:
            raise FileNotFoundError(2, "No such file or directory")
        return types.SimpleNamespace(st_mode=0o100000 | mode, st_uid=owner)

    monkeypatch.setattr(runner.os, "stat", of_file)
    told = list(runner.faults([{**CHECK, "argv": ["/opt/x"]}]))
    assert [found in sentence for sentence in told] == ([True] if found else [])


def test_a_program_that_is_not_there_is_told(runner, tmp_path, capsys):
    path = tmp_path / "checks.json"
    path.write_text(json.dumps([CHECK]))
    assert runner.probe(str(path)) == 0
    path.write_text(json.dumps([{**CHECK, "argv": [f"{tmp_path}/import-checks/labels"]}]))
    assert runner.probe(str(path)) == 0
    path.write_text(json.dumps([{**CHECK, "argv": ["/etc/glance/import-checks/labels"]}]))
    assert runner.probe(str(path)) == 1
    assert capsys.readouterr().out.startswith("run_import_check: the program of the check labels should be a file")


def test_whether_the_unit_answers(checks, runner, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runner, "SOCKET", checks.SOCKET)
    assert runner.try_unit() == 1
    assert "should run in its unit, found FileNotFoundError" in capsys.readouterr().err
    with units(checks, tmp_path):
        assert runner.try_unit() == 0


@pytest.mark.parametrize(
    ("output", "line"), [(b"", ""), (b"\n a\x1b[1m \nb", "a?[1m"), (b"\xff", "\ufffd"), (b"x" * 9999, "x" * 500)]
)
def test_a_line_is_one_that_can_be_shown(runner, output, line):
    assert runner.first_line(output) == line
