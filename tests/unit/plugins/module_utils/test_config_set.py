import base64
import json
import os
import signal
import stat
import subprocess
import sys

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import config_set as c

OWN = {"uid": os.geteuid(), "gid": os.getegid()}


def file(path, text, mode=0o640):
    return {
        "path": str(path),
        "kind": "file",
        "content": base64.b64encode(text.encode()).decode(),
        **OWN,
        "mode": mode,
    }


def directory(path, mode=0o750):
    return {"path": str(path), "kind": "directory", **OWN, "mode": mode}


def link(path, target):
    return {"path": str(path), "kind": "link", "target": str(target)}


def absent(path):
    return {"path": str(path), "kind": "absent"}


@pytest.fixture
def place(tmp_path):
    """A folder for the files of a set; the record lies outside of it."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


@pytest.fixture
def record(tmp_path):
    return str(tmp_path / "sets" / "glance-api.json")


def tree(place):
    """Everything below a folder, with what a configuration set is to keep of it."""
    return {item["path"]: item for item in (c.read_item(str(path)) for path in sorted(place.rglob("*")))}


def texts(place):
    return {path.name: path.read_text() for path in sorted(place.iterdir())}


def deploy(record, *wanted):
    wanted = list(wanted)
    c.swap(wanted, c.compare(wanted, c.load_record(record)), record)


@pytest.mark.parametrize(
    "items",
    [
        lambda p: [file(p / "a", "text = é\n")],
        lambda p: [file(p / "a", "", 0o600)],
        lambda p: [link(p / "a", "nowhere")],
        lambda p: [link(p / "a", "/usr")],
        lambda p: [directory(p / "deep" / "er" / "a", 0o1770)],
        lambda p: [directory(p / "d"), file(p / "d" / "f", "x"), link(p / "d" / "l", "f")],
    ],
    ids=["file", "empty file", "dangling link", "link to a directory", "deep directory", "all kinds"],
)
def test_what_is_put_is_what_is_found(place, items):
    wanted = items(place)
    nothing = {"state": None, "paths": [], "previous": None}
    found, changed = c.compare(wanted, nothing)
    assert (found, changed) == ([absent(item["path"]) for item in wanted], wanted)
    c.put(wanted)
    assert c.compare(wanted, nothing) == ([], [])
    assert not list(place.rglob("*.new"))


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        (lambda p: file(p, "a"), lambda p: file(p, "b")),
        (lambda p: file(p, "a", 0o644), lambda p: file(p, "a", 0o640)),
        (lambda p: file(p, "a"), lambda p: link(p, "a")),
        (lambda p: link(p, "a"), lambda p: file(p, "a")),
        (lambda p: link(p, "a"), lambda p: link(p, "b")),
        (lambda p: link(p, "/usr"), lambda p: link(p, "/etc")),
        (directory, lambda p: directory(p, 0o700)),
        (lambda p: file(p, "a"), absent),
        (lambda p: link(p, "/usr"), absent),
        (directory, absent),
    ],
)
def test_a_difference_is_seen_and_mended(place, there, wanted):
    there, wanted = there(str(place / "x")), wanted(str(place / "x"))
    c.put([there])
    record = {"state": c.RUNNING, "paths": [], "previous": None}
    found, changed = c.compare([wanted], record)
    assert changed == [wanted]
    c.put(changed)
    assert c.compare([wanted], record) == ([], [])
    c.put(found)
    assert c.same(there, c.read_item(there["path"]))


def test_a_socket_is_refused(place):
    os.mkfifo(place / "x")
    with pytest.raises(c.ConfigSetError, match=r"x is neither a file, a directory nor a link: move it away"):
        c.compare([file(place / "x", "")], c.load_record(str(place / "none")))


def test_removal_spares_data_and_clears_nested_folders(place):
    c.put([directory(place / "a"), directory(place / "a" / "b"), directory(place / "kept")])
    (place / "kept" / "image").write_text("data")
    c.put([absent(place / "kept"), absent(place / "a" / "b"), absent(place / "a")])
    assert sorted(tree(place)) == [str(place / "kept"), str(place / "kept" / "image")]
    c.put([directory(place / "a"), directory(place / "a" / "b")])
    c.put([absent(place / "a"), absent(place / "a" / "b")])
    assert not (place / "a").exists()


def folder_behind(path):
    """The wanted directory that a link leads to already."""
    found = os.stat(path)
    owner = {"uid": found.st_uid, "gid": found.st_gid, "mode": stat.S_IMODE(found.st_mode)}
    return {"path": str(path), "kind": "directory", **owner}


def test_roots_link_in_place_of_a_directory_is_accepted():
    path = next(path for path in ("/bin", "/var/run", "/dev/fd") if os.path.islink(path) and os.path.isdir(path))
    wanted = folder_behind(path)
    assert c.same(wanted, c.read_item(path))
    assert not c.same({**wanted, "mode": wanted["mode"] ^ 0o001}, c.read_item(path))
    c.put([wanted])
    assert os.path.islink(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes links of root")
def test_the_directory_behind_roots_link_is_made_right_and_undone(place, record, monkeypatch):
    (place / "disk").mkdir(mode=0o700)
    os.symlink(place / "disk", place / "data")
    deploy(record, directory(place / "data", 0o751))
    assert os.path.islink(place / "data")
    assert stat.S_IMODE((place / "disk").stat().st_mode) == 0o751
    fail_at(monkeypatch, "replace", place / "a")
    with pytest.raises(c.ConfigSetError):
        deploy(record, directory(place / "data", 0o700), file(place / "a", ""))
    assert os.path.islink(place / "data")
    assert stat.S_IMODE((place / "disk").stat().st_mode) == 0o751


def test_a_link_that_another_made_in_place_of_a_directory_is_refused(place):
    (place / "victim").mkdir(mode=0o700)
    os.symlink(place / "victim", place / "data")
    if os.geteuid() == 0:
        os.lchown(place / "data", 65534, 65534)
    wanted = {**folder_behind(place / "victim"), "path": str(place / "data"), "mode": 0o755}
    assert c.compare([wanted], c.load_record("/nowhere/x"))[1] == [wanted]
    with pytest.raises(c.ConfigSetError, match=r"data should be a directory but is a link that is not root's"):
        c.put([wanted])
    assert stat.S_IMODE((place / "victim").stat().st_mode) == 0o700


def fail_at(monkeypatch, name, path, number=28):
    """Make os.replace or os.unlink fail when it comes to a path."""
    real = getattr(os, name)

    def failing(*arguments):
        if str(arguments[-1]) == str(path):
            raise OSError(number, os.strerror(number), *map(str, [arguments[0], None, arguments[-1]]))
        return real(*arguments)

    monkeypatch.setattr(c.os, name, failing)


def full_set(place, text):
    return [
        directory(place / "dir", 0o750 if text == "one" else 0o700),
        file(place / "dir" / "a", text),
        file(place / "b", text, 0o640 if text == "one" else 0o600),
        link(place / "l", text),
        file(place / text, "only in this set"),
    ]


@pytest.mark.parametrize("failing", ["dir/a", "b", "l", "two"])
@pytest.mark.parametrize("trouble", ["replace fails", "a full directory is in the way"])
def test_all_or_none(place, record, monkeypatch, failing, trouble):
    deploy(record, *full_set(place, "one"))
    c.confirm(record)
    if trouble == "replace fails":
        fail_at(monkeypatch, "replace", place / failing)
    else:
        c._remove(str(place / failing))
        (place / failing / "data").mkdir(parents=True)
    files, kept = tree(place), c.load_record(record)
    reason = "No space left" if trouble == "replace fails" else "Is a directory"
    with pytest.raises(c.ConfigSetError, match=rf"^{place / failing} can't be written: {reason}"):
        deploy(record, directory(place / "new"), *full_set(place, "two"))
    assert tree(place) == files
    assert c.load_record(record) == kept


def test_a_failed_removal_brings_everything_back(place, record, monkeypatch):
    deploy(record, file(place / "a", "1"), file(place / "b", "1"))
    c.confirm(record)
    files = tree(place)
    fail_at(monkeypatch, "unlink", place / "b", 1)
    with pytest.raises(c.ConfigSetError, match="b can't be written: Operation not permitted"):
        deploy(record, file(place / "a", "2"))
    assert tree(place) == files


def test_a_first_set_that_fails_leaves_nothing(place, record):
    (place / "b" / "data").mkdir(parents=True)
    files = tree(place)
    with pytest.raises(c.ConfigSetError):
        deploy(record, directory(place / "d"), file(place / "d" / "a", ""), file(place / "b", ""))
    assert tree(place) == files
    assert not os.path.exists(record)


def test_a_file_dropped_by_a_set_that_failed_is_dropped_by_the_next(place, record, monkeypatch):
    deploy(record, file(place / "a", "1"), file(place / "b", "1"))
    c.confirm(record)
    with monkeypatch.context() as patched:
        fail_at(patched, "replace", place / "a")
        with pytest.raises(c.ConfigSetError):
            deploy(record, file(place / "a", "2"))
    deploy(record, file(place / "a", "2"))
    assert texts(place) == {"a": "2"}


@pytest.mark.parametrize(
    ("sets", "restored"),
    [
        # Each step: contents of a (b, n) in the set, then whether the service answered.
        ([("1", True), ("2", False)], "1"),
        ([("1", True), ("2", True), ("3", False)], "2"),
        ([("1", True), ("2", False), ("3", False)], "1"),
        ([("1", True), ("2", False), ("3", False), ("4", False)], "1"),
        ([("1", True), ("2", False), ("3", True), ("4", False)], "3"),
        ([("1", True), ("2", False), ("1", False)], "1"),
        ([("1", True), ("2", True)], None),
        ([("1", False)], None),
        ([("1", False), ("2", False)], None),
        ([("1", False), ("2", False), ("3", False)], None),
        ([("1", False), ("2", True), ("3", False)], "2"),
    ],
)
def test_the_set_before_is_the_last_that_ran(place, record, sets, restored):
    for content, answered in sets:
        deploy(record, file(place / "a", content), file(place / f"only-{content}", ""))
        if answered:
            c.confirm(record)
    assert c.restore(record) is (restored is not None)
    shown = restored or content
    assert texts(place) == {"a": shown, f"only-{shown}": ""}


def test_restore_brings_back_dropped_files_and_takes_added_ones_but_no_directory(place, record):
    deploy(record, file(place / "a", "1", 0o600), file(place / "dropped", "x"), link(place / "l", "1"))
    c.confirm(record)
    before = tree(place)
    deploy(record, directory(place / "d"), file(place / "a", "2"), link(place / "l", "2"), link(place / "added", place))
    assert sorted(path.name for path in place.iterdir()) == ["a", "added", "d", "l"]
    (place / "d" / "image").write_text("data")
    assert c.restore(record)
    after = tree(place)
    assert after.pop(str(place / "d"))["kind"] == "directory"
    assert after.pop(str(place / "d" / "image"))["kind"] == "file"
    assert after == before
    # What came back belongs to the set again: the next one drops it, and forgetting removes it.
    c.confirm(record)
    assert sorted(os.path.basename(path) for path in c.load_record(record)["paths"]) == ["a", "dropped", "l"]
    c.forget(record)
    assert sorted(path.name for path in place.iterdir()) == ["d"]


def test_untouched_files_stay_in_the_set_after_a_restore(place, record):
    deploy(record, file(place / "a", "1"), file(place / "same", ""))
    c.confirm(record)
    deploy(record, file(place / "a", "2"), file(place / "same", ""))
    c.restore(record)
    c.confirm(record)
    deploy(record, file(place / "a", "1"))
    assert texts(place) == {"a": "1"}


def test_restoring_twice_is_restoring_once(place, record):
    deploy(record, file(place / "a", "1"))
    c.confirm(record)
    deploy(record, file(place / "a", "2"))
    assert c.restore(record)
    assert c.restore(record)
    assert texts(place) == {"a": "1"}
    c.confirm(record)
    assert c.restore(record) is False


def test_an_untouched_set_needs_a_restart_until_it_is_confirmed(place, record):
    wanted = file(place / "a", "1")
    deploy(record, wanted)
    assert c.compare([wanted], c.load_record(record)) == ([], [])
    assert c.load_record(record)["state"] == c.SWAPPED
    deploy(record, wanted)
    assert c.load_record(record)["state"] == c.SWAPPED
    c.confirm(record)
    assert c.load_record(record)["state"] == c.RUNNING


def test_forget_removes_files_and_record_and_spares_directories(place, record):
    deploy(record, directory(place / "d"), file(place / "d" / "a", ""), link(place / "l", "d"))
    c.forget(record)
    assert sorted(tree(place)) == [str(place / "d")]
    assert not os.path.exists(record)
    c.forget(record)


def test_forget_spares_what_another_set_has_too(place, record, tmp_path):
    other = str(tmp_path / "sets" / "glance-scrubber.json")
    deploy(record, file(place / "api", "a"), link(place / "current", "release"))
    deploy(other, file(place / "scrubber", "s"), link(place / "current", "release"))
    c.forget(other)
    assert sorted(path.name for path in place.iterdir()) == ["api", "current"]
    c.forget(record)
    assert list(place.iterdir()) == []


def test_confirming_without_a_record_makes_none(record):
    c.confirm(record)
    assert not os.path.exists(record)
    assert c.restore(record) is False


def test_the_record_is_for_its_owner_alone(place, record):
    mask = os.umask(0)
    try:
        deploy(record, file(place / "a", "secret"))
        c.confirm(record)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(os.stat(record).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(record)).st_mode) == 0o700
    assert os.listdir(os.path.dirname(record)) == ["glance-api.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", "{}", '{"state": "running"}', "\udcff"])
def test_a_broken_record_gives_a_sentence(record, text):
    os.makedirs(os.path.dirname(record))
    with open(record, "w", encoding="utf-8", errors="surrogateescape") as handle:
        handle.write(text)
    for verb in (c.load_record, c.confirm, c.restore, c.forget):
        with pytest.raises(c.ConfigSetError, match=rf"^{record} is not a record of a configuration set: remove it"):
            verb(record)


def test_a_record_that_can_not_be_written_changes_nothing(place, record):
    os.makedirs(record)
    with pytest.raises(c.ConfigSetError, match=rf"^{record} can't be read: Is a directory"):
        deploy(record, file(place / "a", ""))
    with pytest.raises(c.ConfigSetError, match=rf"^{record} can't be written: Is a directory"):
        c.save_record(record, {})
    assert os.listdir(os.path.dirname(record)) == ["glance-api.json"]
    assert texts(place) == {}


KILLED = """
import json, os, signal, sys
from ansible_collections.glanceops.image_service.plugins.module_utils import config_set as c
wanted, record, after = json.load(sys.stdin)
real, count = os.replace, 0
def replace(source, target):
    global count
    if not target.endswith(".json"):
        count += 1
        if count > after:
            os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)
os.replace = replace
c.swap(wanted, c.compare(wanted, c.load_record(record)), record)
"""


def killed_swap(record, wanted, after):
    """Swap in a process that is killed when so many files are in their place."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED],
        input=json.dumps([wanted, record, after]),
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == -signal.SIGKILL
    assert c.load_record(record)["state"] == c.SWAPPING


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("then", ["the same set", "the set before", "another set", "restore", "forget"])
def test_a_killed_swap_is_ended_by_the_next_run(place, record, after, then):
    def wanted(text):
        return [file(place / name, text) for name in ("a", "b", "c", f"only-{text}")]

    deploy(record, *wanted("1"))
    c.confirm(record)
    killed_swap(record, wanted("2"), after)
    c.confirm(record)
    assert c.load_record(record)["state"] == c.SWAPPING, "half a set was taken for one that runs"
    text = {"the same set": "2", "the set before": "1", "another set": "3"}.get(then)
    if then == "forget":
        c.forget(record)
        assert texts(place) == {}
        return
    if text:
        deploy(record, *wanted(text))
        assert texts(place) == {"a": text, "b": text, "c": text, f"only-{text}": text}
        assert c.load_record(record)["state"] == c.SWAPPED
    assert c.restore(record)
    assert texts(place) == {"a": "1", "b": "1", "c": "1", "only-1": "1"}


def test_a_killed_first_swap_has_no_set_before(place, record):
    wanted = [file(place / "a", "1"), file(place / "b", "1")]
    killed_swap(record, wanted, 1)
    deploy(record, *wanted)
    assert texts(place) == {"a": "1", "b": "1"}
    assert c.restore(record) is False


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (file("/x", "debug = true\n"), "debug = true\n"),
        ({**file("/x", ""), "content": base64.b64encode(b"\xff").decode()}, "\ufffd"),
        (link("/x", "/y"), "-> /y\n"),
        (directory("/x", 0o750), "directory, mode 0750\n"),
        (absent("/x"), ""),
    ],
)
def test_text_for_a_diff(item, expected):
    assert c.text_of(item) == expected


@pytest.mark.parametrize("mask", [0o077, 0o027, 0o000])
@pytest.mark.parametrize("end", ["", "/"])
def test_directories_above_a_new_one_let_others_through_whatever_the_umask(place, mask, end):
    before = os.umask(mask)
    try:
        c.put([directory(f"{place}/a/b/c{end}", 0o750)])
    finally:
        os.umask(before)
    assert [stat.S_IMODE(os.stat(place / each).st_mode) for each in ("a", "a/b", "a/b/c")] == [0o755, 0o755, 0o750]


def test_a_file_above_a_new_directory_is_named(place):
    (place / "a").write_text("")
    with pytest.raises(c.ConfigSetError, match=r"/a can't be written: "):
        c.put([directory(f"{place}/a/b/c")])


# ------------------------------------------------------------------------------------------- several sets on one host


@pytest.fixture
def scrubber(record):
    return os.path.join(os.path.dirname(record), "scrubber.json")


def again(record, *wanted):
    """Do what a run does: put what differs, or have the service restarted, or nothing; returns what differed."""
    seen = c.look(list(wanted), record)
    if seen.changed or seen.restart_due:
        c.swap(list(wanted), (seen.found, seen.changed), record)
        c.confirm(record)
    return [item["path"] for item in seen.changed], seen.stale


def test_a_restart_is_due_until_the_service_answers(place, record):
    wanted = [file(place / "a", "1")]
    # What differs is a reason of its own to restart.
    assert (c.look(wanted, record).unconfirmed, c.look(wanted, record).restart_due) == (True, False)
    deploy(record, *wanted)
    assert (c.look(wanted, record).unconfirmed, c.look(wanted, record).restart_due) == (True, True)
    c.confirm(record)
    assert (c.look(wanted, record).unconfirmed, c.look(wanted, record).restart_due) == (False, False)


def test_a_file_that_another_set_changed_is_told_until_its_service_has_read_it(place, record, scrubber):
    path = str(place / "a")
    again(record, file(path, "1"))
    assert again(scrubber, file(path, "1")) == ([], [])
    assert again(record, file(path, "2")) == ([path], [])
    assert again(scrubber, file(path, "2")) == ([], [path])
    assert again(scrubber, file(path, "2")) == ([], [])
    assert again(record, file(path, "2")) == ([], [])


def test_a_record_of_an_earlier_version_asks_for_no_restart(place, record):
    again(record, file(place / "a", "1"))
    old = {key: value for key, value in c.load_record(record).items() if key in ("state", "paths", "previous")}
    c.save_record(record, old)
    assert c.changed_by_others([file(str(place / "a"), "2")], [], c.load_record(record)) == []


def test_a_restored_file_is_known_by_what_it_says_again(place, record):
    again(record, file(place / "a", "1"))
    deploy(record, file(place / "a", "2"))
    c.restore(record)
    c.confirm(record)
    assert c.changed_by_others([file(place / "a", "1")], [], c.load_record(record)) == []


def test_a_file_that_another_set_wants_stays_until_the_last_one_drops_it(place, record, scrubber):
    both, own = file(place / "both", ""), file(place / "own", "")
    again(record, both, own)
    again(scrubber, both)
    assert again(record) == ([own["path"]], [])
    assert sorted(tree(place)) == [both["path"]]
    assert again(scrubber) == ([both["path"]], [])
    assert tree(place) == {}


def test_a_file_of_two_sets_goes_when_neither_has_anything_else_to_change(place, record, scrubber):
    both = file(place / "both", "")
    again(record, both)
    again(scrubber, both)
    assert again(record) == ([], [])
    assert again(scrubber) == ([both["path"]], [])
    assert tree(place) == {}


def adopted(path):
    return {**directory(path, 0o755), "adopt": True}


def test_an_adopted_directory_stays_as_it_is_found(place, record):
    c.put([directory(place / "ceph", 0o700)])
    wanted = [adopted(place / "ceph"), file(place / "ceph" / "a", "")]
    assert again(record, *wanted) == ([str(place / "ceph" / "a")], [])
    again(record)
    c.forget(record)
    assert tree(place).keys() == {str(place / "ceph")}
    assert c.read_item(str(place / "ceph"))["mode"] == 0o700


def test_a_directory_that_was_made_goes_with_the_last_file_of_the_last_set(place, record, scrubber):
    wanted = [adopted(place / "ceph"), file(place / "ceph" / "a", "")]
    again(record, *wanted)
    again(scrubber, *wanted)
    again(record)
    assert len(tree(place)) == 2
    c.forget(scrubber)
    assert tree(place) == {}


def test_a_directory_that_was_made_stays_with_what_others_have_in_it(place, record):
    again(record, adopted(place / "ceph"), file(place / "ceph" / "a", ""))
    (place / "ceph" / "theirs").touch()
    again(record)
    assert sorted(tree(place)) == [str(place / "ceph"), str(place / "ceph" / "theirs")]
    assert again(record) == ([], [])


def test_a_directory_of_a_set_that_failed_is_still_known_as_made(place, record):
    again(record, file(place / "b", ""))
    deploy(record, adopted(place / "ceph"), file(place / "ceph" / "a", ""))
    c.restore(record)
    c.confirm(record)
    assert again(record, file(place / "b", "")) == ([str(place / "ceph")], [])
    assert sorted(tree(place)) == [str(place / "b")]


def test_what_was_secret_is_known_as_such_for_as_long_as_it_is_kept(place, record):
    secret = {**file(place / "a", "x"), "secret": True}
    again(record, secret)
    assert c.load_record(record)["secret"] == [str(place / "a")]
    again(record)
    # It may come back from there, and then go once more.
    assert c.load_record(record)["secret"] == [str(place / "a")]
    again(record, file(place / "b", "y"))
    assert c.load_record(record)["secret"] == []


def test_a_file_that_becomes_secret_is_noted_without_a_change(place, record):
    plain = file(place / "a", "x")
    again(record, plain)
    c.note_secrets([{**plain, "secret": True}], record)
    assert c.load_record(record)["secret"] == [str(place / "a")]
    assert c.load_record(record)["state"] == c.RUNNING


def secret(path, text="key"):
    return {**file(path, text), "secret": True}


def test_a_secret_that_is_dropped_stays_until_the_service_answers_without_it(place, record):
    folder, key = adopted(place / "ceph"), place / "ceph/keyring"
    again(record, folder, secret(key), file(place / "b", "1"))
    dropping = [file(place / "b", "2")]
    c.swap(dropping, c.compare(dropping, c.load_record(record)), record)
    assert key.read_text() == "key"
    assert c.load_record(record)["paths"] == [str(place / "b")]
    assert c.look(dropping, record).changed == []
    assert c.look(dropping, record).restart_due
    c.confirm(record)
    assert not key.parent.exists()
    assert c.load_record(record)["dropped"] == []
    assert not c.look(dropping, record).restart_due


def test_a_secret_that_is_dropped_is_there_for_the_set_before(place, record):
    again(record, secret(place / "a"), file(place / "b", "1"))
    dropping = [file(place / "b", "2")]
    c.swap(dropping, c.compare(dropping, c.load_record(record)), record)
    assert c.restore(record)
    c.confirm(record)
    assert texts(place) == {"a": "key", "b": "1"}


def test_a_secret_that_is_wanted_again_or_by_another_set_stays(place, record, scrubber):
    again(record, secret(place / "a"), file(place / "b", "1"))
    again(scrubber, secret(place / "a"))
    without, with_it = [file(place / "b", "2")], [secret(place / "a"), file(place / "b", "3")]
    for wanted in (without, with_it):
        c.swap(wanted, c.compare(wanted, c.load_record(record)), record)
    c.confirm(record)
    assert texts(place) == {"a": "key", "b": "3"}
    again(record, *without)
    assert texts(place) == {"a": "key", "b": "2"}


def test_a_secret_that_is_dropped_is_forgotten_with_the_set(place, record):
    again(record, secret(place / "a"), file(place / "b", "1"))
    dropping = [file(place / "b", "2")]
    c.swap(dropping, c.compare(dropping, c.load_record(record)), record)
    c.forget(record)
    assert texts(place) == {}
