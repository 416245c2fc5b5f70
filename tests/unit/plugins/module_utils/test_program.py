import getpass
import json
import os
import pathlib
import time

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import program as p

# Running a program as a user, even the same one, needs the right to drop groups.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as a user")
ME = getpass.getuser()


@pytest.fixture(autouse=True)
def units(monkeypatch):
    """Have units with an environment; gives what systemd shows of it."""
    shown = [
        "Environment=PYTHONPATH=/x REQUESTS_CA_BUNDLE=/etc/glance/ca.pem",
        'Environment=http_proxy=http://p "no_proxy=a b"',
    ]
    monkeypatch.setattr(p.service, "systemctl", lambda *_arguments: "\n\n".join(shown))


@pytest.fixture
def script(tmp_path):
    """Write a shell script that stands for a program, and return its path."""

    def write(text, name="pending_images.py"):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    return write


def pending(program, **options):
    return p.PendingImages({"program": program, "user": ME}, **options)


# --------------------------------------------------------------------------------------------------------------- run_as


@pytest.fixture
def in_more_groups():
    """Be in groups that a program must not be in."""
    before = os.getgroups()
    os.setgroups([0, 1])
    yield
    os.setgroups(before)


@pytest.fixture
def something_to_read():
    """Have something on standard input, as a module has itself when Ansible sends it that way."""
    before, (read, write) = os.dup(0), os.pipe()
    os.write(write, b"not for programs\n")
    os.close(write)
    os.dup2(read, 0)
    yield
    os.dup2(before, 0)
    os.close(before)
    os.close(read)


@pytest.mark.usefixtures("in_more_groups")
def test_a_program_runs_as_the_user_with_the_users_group_alone():
    done = p.run_as("nobody", ["id"], 10)
    assert done.returncode == 0
    assert done.stdout.split() == ["uid=65534(nobody)", "gid=65534(nogroup)", "groups=65534(nogroup)"]


@pytest.mark.usefixtures("something_to_read")
def test_a_program_gets_an_environment_of_its_own(monkeypatch):
    monkeypatch.setenv("OS_PASSWORD", "hunter2")
    monkeypatch.setenv("LC_ALL", "C")
    done = p.run_as(ME, ["/bin/sh", "-c", "env; pwd; cat; echo ended"], 10)
    assert "OS_PASSWORD" not in done.stdout
    assert "LC_ALL" not in done.stdout
    assert {"LANG=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"} <= set(done.stdout.splitlines())
    assert done.stdout.splitlines()[-2:] == ["/", "ended"]


@pytest.mark.parametrize("code", [0, 1, 75])
def test_a_program_may_end_as_it_likes(script, code):
    done = p.run_as(ME, [script(f"echo out; echo err >&2; exit {code}")], 10)
    assert (done.returncode, done.stdout, done.stderr) == (code, "out\n", "err\n")


def test_options_of_subprocess_are_passed_on(script):
    done = p.run_as(ME, [script("umask; echo err >&2")], 10, umask=0o027, stderr=p.subprocess.STDOUT)
    assert (done.stdout, done.stderr) == ("0027\nerr\n", None)


def test_bytes_that_are_no_text(script):
    done = p.run_as(ME, [script(r"printf 'caf\303\251 \377 end'")], 10)
    assert done.stdout.startswith("café ")
    assert done.stdout.endswith(" end")


@pytest.mark.parametrize(
    ("command", "user", "text"),
    [
        (["/none/x"], ME, f"/none/x can't be run as {ME}: No such file or directory"),
        (["/etc/passwd"], ME, f"/etc/passwd can't be run as {ME}: Permission denied"),
        (["id"], "no-such-user", "there is no user named no-such-user on this host: run site.yml first"),
    ],
)
def test_a_program_that_can_not_be_run_gives_a_sentence(command, user, text):
    with pytest.raises(p.ProgramError) as error:
        p.run_as(user, command, 10)
    assert str(error.value) == text


def test_a_program_that_takes_too_long_is_ended_and_named_without_its_options(script, tmp_path):
    program = script(f"echo $$ > {tmp_path}/pid; exec sleep 30")
    began = time.monotonic()
    with pytest.raises(p.ProgramError) as error:
        p.run_as(ME, [program, "--config-file=/x?password=hunter2", "db", "sync"], 1)
    assert str(error.value) == "'pending_images.py db sync' did not end within 1 s"
    assert time.monotonic() - began < 5
    assert not pathlib.Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


# ------------------------------------------------------------------------------------------------------------ last_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one", "one"),
        ("one\ntwo\n", "two"),
        ("one\n  two  \n\n \n", "two"),
        ("pending_images: image x can't be restored: no\n", "image x can't be restored: no"),
        ("ValueError: pending_images: x", "ValueError: pending_images: x"),
        ("pending_images: mysql://glance:hunter2@db/x", "mysql://********@db/x"),
        ("password=hunter2\n", "password=********"),
        ("", ""),
        (" \n\n", ""),
    ],
)
def test_last_line(text, line):
    assert p.last_line(text) == line


# -------------------------------------------------------------------------------------------------------- PendingImages


def test_a_verb_gets_its_arguments_and_its_answer_is_read(script, tmp_path):
    (tmp_path / "answer").write_text('noise\n{"id": "ü"}\n')
    program = script(f"printf '%s\\n' \"$@\" > {tmp_path}/arguments; echo warning >&2; cat {tmp_path}/answer")
    assert pending(program).ask("restore", "an id", "--deleted-at=2026-11-22 01:02:03") == {"id": "ü"}
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert arguments == ["restore", "an id", "--deleted-at=2026-11-22 01:02:03"]


@pytest.mark.parametrize("name", ["password=x", "http://a:b@c", "pending_images: x", "x\n"])
def test_an_answer_is_read_as_it_is(script, tmp_path, name):
    (tmp_path / "answer").write_text(json.dumps({"name": name, "size": 3}) + "\n")
    assert pending(script(f"cat {tmp_path}/answer")).ask("restore", "x") == {"name": name, "size": 3}


@pytest.mark.parametrize("code", [1, 2, 75])
def test_a_verb_that_fails_gives_its_last_line(script, code):
    program = script(f"echo '{{}}'; echo first >&2; echo 'pending_images: no password=hunter2' >&2; exit {code}")
    with pytest.raises(p.ProgramError) as error:
        pending(program).ask("show")
    assert str(error.value) == "no password=********"


def test_how_a_verb_ends_is_left_to_who_runs_it(script):
    done = pending(script("echo 'pending_images: 1 image' >&2; exit 75")).run("check")
    assert (done.returncode, done.stderr) == (75, "pending_images: 1 image\n")


@pytest.mark.parametrize(("script_end", "code"), [("exit 3", "3"), ("echo out; exit 75", "75"), ("kill -9 $$", "-9")])
@pytest.mark.parametrize("run", ["run", "ask"])
def test_a_failure_without_words_names_program_and_exit_code(script, script_end, code, run):
    with pytest.raises(p.ProgramError) as error:
        getattr(pending(script(script_end)), run)("show", "--wait=1")
    assert str(error.value) == f"'pending_images.py show' ended with exit code {code} and printed nothing"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing"),
        ("\n", "nothing"),
        ("hello", "hello"),
        ("{'id': 1}", "{'id': 1}"),
        ('{"id": 1}\nbye', "bye"),
        ("mysql://glance:hunter2@db/x", "mysql://********@db/x"),
    ],
)
def test_output_without_json_gives_a_sentence(script, tmp_path, text, words):
    (tmp_path / "text").write_text(text)
    with pytest.raises(p.ProgramError) as error:
        pending(script(f"cat {tmp_path}/text")).ask("show")
    assert str(error.value) == f"'pending_images.py show' should print a line of JSON, found: {words}"


@pytest.mark.parametrize("run", ["run", "ask"])
def test_a_host_without_the_program(tmp_path, run):
    with pytest.raises(p.ProgramError) as error:
        getattr(pending(str(tmp_path / "none")), run)("show")
    assert str(error.value) == "the scrubber is not deployed to this host: run site.yml first"


def test_a_verb_has_the_time_that_it_is_given(script):
    program = script("sleep 30 & wait")
    with pytest.raises(p.ProgramError, match=r"^'pending_images.py restore x' did not end within 1 s$"):
        pending(program, timeout=1).ask("restore", "x", "--deleted-at=2026-11-22")
    assert pending(script("echo '{}'"), timeout=10).ask("show") == {}


def test_a_program_asks_stores_as_the_units_do(script):
    program = script('printf \'{"env": "%s"}\' "$(env | sort | paste -sd,)"')
    shown = pending(program).ask("audit")["env"]
    assert "REQUESTS_CA_BUNDLE=/etc/glance/ca.pem" in shown
    assert "http_proxy=http://p,no_proxy=a b" in shown
    assert "PYTHONPATH" not in shown


def test_a_program_runs_where_no_systemd_answers(script, monkeypatch):
    def failing(*_arguments):
        raise p.service.ServiceError("no answer")

    monkeypatch.setattr(p.service, "systemctl", failing)
    assert pending(script("true")).run("audit").returncode == 0
