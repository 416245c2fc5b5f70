import fcntl
import getpass
import grp
import json
import os
import re
import stat

import pytest
from ansible.module_utils import basic
from ansible_collections.glanceops.image_service.plugins.module_utils import config_set

# The staged files belong to root, and the validators run as a user.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root stages files")
OWN = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getegid()).gr_name}


@pytest.fixture
def place(tmp_path):
    (tmp_path / "etc").mkdir()
    return tmp_path / "etc"


@pytest.fixture
def config_files(place, monkeypatch, run_module):
    """Run the module for a set of files by name and text, with its record below their folder as in real life."""

    def run(files=None, *more, check_mode=False, **options):
        items = [{"path": str(place / name), "content": text, **OWN} for name, text in (files or {}).items()]
        options = {"name": "glance-api", "record_directory": str(place / ".sets"), **options}
        return run_module("config_files", check_mode, files=[*items, *({**OWN, **item} for item in more)], **options)

    run.confirm = lambda: config_set.confirm(str(place / ".sets" / "glance-api.json"))
    return run


def names(place):
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if ".sets" not in path.parts)


def test_a_set_is_made_then_left_alone_then_changed(place, config_files):
    result = config_files({"a": "1", "b": "1"})
    assert (result["changed"], result["changed_paths"]) == (True, [str(place / "a"), str(place / "b")])
    assert (place / "a").read_text() == "1"
    config_files.confirm()
    result = config_files({"a": "1", "b": "1"})
    assert (result["changed"], result["changed_paths"], result["restart_pending"]) == (False, [], False)
    assert config_files({"a": "1", "b": "2"})["changed_paths"] == [str(place / "b")]
    assert stat.S_IMODE((place / "b").stat().st_mode) == 0o644


def test_a_restart_that_was_never_made_is_asked_for_again(config_files):
    config_files({"a": "1"})
    for check_mode in (True, False):
        result = config_files({"a": "1"}, check_mode=check_mode)
        assert (result["changed"], result["changed_paths"], result["restart_pending"]) == (True, [], True)
    config_files.confirm()
    assert config_files({"a": "1"})["changed"] is False


def test_files_that_were_right_before_the_first_run_become_a_set(place, config_files):
    (place / "a").write_text("1")
    (place / "a").chmod(0o644)
    result = config_files({"a": "1"})
    assert (result["changed"], result["changed_paths"], result["restart_pending"]) == (True, [], True)
    config_files.confirm()
    assert config_files({"a": "1"})["changed"] is False
    assert config_files(state="absent")["changed_paths"] == [str(place / "a")]


def test_check_mode_changes_nothing(place, config_files):
    result = config_files({"a": "1"}, {"path": str(place / "d"), "kind": "directory"}, check_mode=True)
    assert result["changed_paths"] == [str(place / "a"), str(place / "d")]
    assert list(place.iterdir()) == []


def test_check_mode_on_a_host_without_the_account_yet(config_files):
    assert config_files({}, {"path": "/nowhere/a", "content": "", "owner": "no-such"}, check_mode=True)["changed"]
    result = config_files({}, {"path": "/nowhere/a", "content": "", "owner": "no-such"})
    assert result["msg"] == (
        "The configuration of glance-api was not changed: there is no user or group named 'no-such' on this host."
    )


def test_a_set_counts_as_deployed_once_it_was_there(config_files):
    assert config_files({"a": "1"}, check_mode=True)["deployed"] is False
    assert config_files({"a": "1"})["deployed"] is False
    # Whatever came of it: the service may run with it.
    assert config_files({"a": "1"})["deployed"] is True
    config_files.confirm()
    assert config_files({"a": "2"})["deployed"] is True


@pytest.mark.parametrize(
    "item",
    [{"kind": "file"}, {"kind": "staged"}, {"kind": "link"}],
)
def test_an_item_without_what_it_is_made_of_is_refused(place, config_files, item):
    message = config_files({}, {"path": str(place / "x"), **item})["msg"]
    assert ("target" if item["kind"] == "link" else "content") in message


def test_the_diff_masks_secrets_and_marks_those_that_changed(place, config_files):
    files = {"a": "[database]\nconnection = mysql://u:hunter1@h/d\nmax = 1\n", "b": "x"}
    config_files(files)
    config_files.confirm()
    files["a"] = files["a"].replace("hunter1", "hunter2").replace("max = 1", "max = 2")
    result = config_files(files, check_mode=True)
    assert result["diff"][0] == {
        "before_header": str(place / "a"),
        "after_header": str(place / "a"),
        "before": "[database]\nconnection = ********\nmax = 1\n",
        "after": "[database]\nconnection = ******** (changed)\nmax = 2\n",
    }
    assert "hunter" not in json.dumps(result)


def test_a_change_of_mode_alone_shows_in_the_diff(place, config_files):
    config_files({"a": "x"})
    item = {"path": str(place / "a"), "content": "x", "mode": "0600"}
    (shown,) = config_files({}, item)["diff"]
    assert shown["after_header"] == f"{place / 'a'} (owner or mode)"
    assert stat.S_IMODE((place / "a").stat().st_mode) == 0o600


def validator(script, **more):
    return {"name": "the options", "argv": ["/bin/sh", "-c", script], **more}


@pytest.mark.parametrize(
    ("script", "more", "expected"),
    [
        ("echo first; echo last; exit 1", {}, "the options: last"),
        ("echo on stderr >&2; exit 1", {}, "the options: on stderr"),
        ("exit 3", {}, "the options: it printed nothing"),
        ("echo why; echo bye; exit 1", {"reason": "^wh"}, "the options: wh"),
        ("echo E:a; echo E:b; echo E:a; exit 1", {"reason": "^E:(.*)|^F:(.*)"}, "the options: a; b"),
        ("echo F:c; exit 1", {"reason": "^E:(.*)|^F:(.*)"}, "the options: c"),
        ("echo nothing found; exit 1", {"reason": "^x"}, "the options: nothing found"),
        ("echo bad mysql://u:hunter@h/d in @staged@/a; exit 1", {}, "the options: bad mysql://********@h/d in a"),
        ("", {"argv": ["/no/such"]}, "the options: /no/such can't be run: No such file or directory"),
    ],
)
def test_a_refusal_leaves_everything_as_it_was(place, config_files, script, more, expected):
    config_files({"a": "1", "gone": ""})
    config_files.confirm()
    before = names(place)
    directories = [{"path": str(place / name), "kind": "directory"} for name in ("d", "d/e")]
    result = config_files({"a": "2", "new": ""}, *directories, validators=[validator(script, **more)])
    assert result["msg"] == f"The configuration of glance-api was not changed: {expected}."
    assert names(place) == before
    assert (place / "a").read_text() == "1"
    assert config_files({"a": "1", "gone": ""})["changed"] is False


def test_validators_see_the_whole_new_set_beside_the_one_in_use(place, config_files):
    config_files({"a": "1", "same": "s"})
    script = (
        'cd "$FOLDER" && [ "$(cat a same staged)" = "2s@here" ] && [ "$(cat where)" = "@staged@" ] && : > tmp/x '
        f"&& [ -d {place}/d ] && [ $(cat {place}/a) = 1 ]"
    )
    more = [
        {"path": "staged", "kind": "staged", "content": "@here"},
        {"path": "where", "kind": "staged", "content": "@staged@"},
        {"path": str(place / "d"), "kind": "directory"},
    ]
    result = config_files(
        {"a": "2", "same": "s"}, *more, validators=[validator(script, environment={"FOLDER": "@staged@"})]
    )
    assert result.get("msg") is None
    assert names(place) == ["a", "d", "same"]


def test_validators_run_only_when_something_changes(place, config_files):
    config_files({"a": "1"})
    assert config_files({"a": "1"}, validators=[validator("exit 1")]).get("failed") is None
    assert names(place) == ["a"]


def test_two_validators_run_at_a_time_and_none_after_a_refusal(place, config_files, tmp_path_factory):
    pipe = tmp_path_factory.mktemp("pipe") / "pipe"
    os.mkfifo(pipe)
    # Each waits for the other to open the pipe; the second one refuses first.
    first, second = validator(f"read x < {pipe}; echo first; exit 1"), validator(f"echo > {pipe}; echo second; exit 1")
    never = validator(f"echo > {place}/ran")
    message = config_files({"a": "1"}, validators=[first, second, never])["msg"]
    assert message.endswith(": first.")
    assert names(place) == []


def test_check_mode_runs_the_validators_of_root_that_are_there(config_files):
    refuses = validator("exit 1")
    assert config_files({"a": "1"}, validators=[refuses], check_mode=True)["failed"] is True
    lacking = (validator("exit 1", needs=["/no/such"]), validator("", argv=["/no/such"]))
    for passed_over in (validator("exit 1", user="no-such"), *lacking):
        assert config_files({"a": "1"}, validators=[passed_over], check_mode=True)["changed"] is True


def test_staged_files_are_closed_to_others(config_files):
    script = 'cd @staged@ && stat -c %a . tmp a | tr "\\n" " "; exit 1'
    message = config_files({"a": "1"}, validators=[validator(script)])["msg"]
    assert message.endswith("750 770 640.")


def test_files_of_the_same_name_are_refused(place, config_files):
    message = config_files({"a": "1"}, {"path": str(place / "d" / "a"), "content": ""})["msg"]
    assert message == "The configuration of glance-api was not changed: two files of the set are named a."
    assert names(place) == []


def test_previous_brings_back_what_ran_and_nothing_else(place, config_files):
    assert config_files(state="previous")["changed"] is False
    config_files({"a": "1"})
    config_files.confirm()
    config_files({"a": "2"})
    assert config_files(state="previous", check_mode=True)["changed_paths"] == [str(place / "a")]
    assert (place / "a").read_text() == "2"
    assert config_files(state="previous")["changed"] is True
    assert (place / "a").read_text() == "1"
    config_files.confirm()
    assert config_files(state="previous") == {**config_files(state="previous"), "changed": False, "changed_paths": []}


def test_absent_removes_files_and_spares_directories(place, config_files):
    config_files({"a": "1"}, {"path": str(place / "d"), "kind": "directory"})
    assert config_files(state="absent", check_mode=True)["changed_paths"] == [str(place / "a")]
    assert names(place) == ["a", "d"]
    assert config_files(state="absent")["changed"] is True
    assert names(place) == ["d"]
    assert config_files(state="absent")["changed"] is False


@pytest.mark.parametrize("state", ["present", "previous", "absent"])
def test_a_broken_record_gives_a_sentence(place, config_files, state):
    (place / ".sets").mkdir()
    (place / ".sets" / "glance-api.json").write_text("[]")
    message = config_files({"a": "1"}, state=state)["msg"]
    assert "glance-api.json is not a record of a configuration set: remove it, then run again." in message


@pytest.mark.parametrize("validators", [[], [validator("exit 1")]])
def test_the_texts_of_files_show_neither_in_the_result_nor_in_a_log(config_files, monkeypatch, validators):
    logged = []
    monkeypatch.setattr(basic.syslog, "syslog", lambda *words: logged.append(words))
    monkeypatch.setattr(basic, "has_journal", False)
    result = config_files({"a": "[s]\npassword = hunter2\n"}, validators=validators)
    assert result["invocation"]["module_args"]["name"] == "glance-api"
    assert bool(result.get("failed")) is bool(validators)
    assert "hunter2" not in json.dumps(result)
    assert "hunter2" not in str(logged)


def test_a_refused_option_does_not_show_the_texts(place, config_files):
    result = config_files({"a": "[s]\npassword = hunter2\n"}, {"path": "/x", "content": "x", "no_such": "option"})
    assert result["failed"] is True
    assert "hunter2" not in json.dumps(result)


def test_the_diff_shows_the_whole_text_of_a_file_without_secrets(config_files):
    (shown,) = config_files({"a": "debug = true\n"})["diff"]
    assert (shown["before"], shown["after"]) == ("", "debug = true\n")


def test_what_a_killed_run_staged_does_not_stay(config_files, place):
    (place / ".staged-glance-api").mkdir()
    (place / ".staged-glance-api" / "left.conf").write_text("password = hunter2")
    assert config_files({"a.conf": "x=1\n"})["changed"] is True
    assert sorted(path.name for path in place.iterdir()) == [".sets", "a.conf"]


def test_what_a_run_at_work_has_staged_stays(config_files, place):
    (place / ".staged-glance-api-other").mkdir()
    descriptor = os.open(place / ".staged-glance-api-other", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert config_files({"a.conf": "x=1\n"})["changed"] is True
    os.close(descriptor)
    assert sorted(path.name for path in place.iterdir()) == [".sets", ".staged-glance-api-other", "a.conf"]
    assert config_files({"a.conf": "x=2\n"})["changed"] is True
    assert sorted(path.name for path in place.iterdir()) == [".sets", "a.conf"]


def test_a_staged_file_names_the_staged_copy_of_another_and_the_live_one_its_place(place, config_files):
    pem, longer = str(place / "pem"), str(place / "pem.old")
    text = f"crt {pem}\nold {longer}\nolder {pem}.1 {pem}-2 {pem}/x\nelsewhere /etc/pem\nlist {pem}, {pem}:{pem}.\n"
    seen = place.parent / "seen"
    copy = {"name": "copy", "argv": ["/bin/cp", "@staged@/conf", str(seen)], "user": OWN["owner"]}
    config_files({"conf": text, "pem": "1", "pem.old": "0"}, validators=[copy])
    (staged,) = set(re.findall(rf"{place}/\.staged-glance-api-[^/]+", seen.read_text()))
    assert seen.read_text() == (
        f"crt {staged}/pem\nold {staged}/pem.old\nolder {pem}.1 {pem}-2 {pem}/x\nelsewhere /etc/pem\n"
        f"list {staged}/pem, {staged}/pem:{staged}/pem.\n"
    )
    assert (place / "conf").read_text() == text


# --------------------------------------------------------------------------------------------- files of the operator's

KEYRING = "[client.glance]\n\tkey = AQBhunter2hunter2==\n\tcaps mon = allow-hunter-r\n"


def own(place, name, text, **more):
    return {"path": str(place / name), "content": text, "staged_as": f"staged/{name}", **more}


@pytest.mark.parametrize("check_mode", [False, True])
def test_nothing_of_a_secret_file_shows_when_it_comes_changes_and_goes(place, config_files, check_mode):
    for text, shown in ((KEYRING, ("", "********\n")), (f"{KEYRING}x", ("********\n", "******** (changed)\n"))):
        result = config_files({}, own(place, "a", text, secret=True), check_mode=check_mode)
        assert [(diff["before"], diff["after"]) for diff in result["diff"]] == [
            ("", "********\n") if check_mode else shown
        ]
        assert "hunter" not in json.dumps(result)
    config_files({}, own(place, "a", KEYRING, secret=True))
    config_files.confirm()
    result = config_files({}, own(place, "a", "open", secret=False), check_mode=check_mode)
    assert "hunter" not in json.dumps(result)
    config_files({}, own(place, "a", KEYRING, secret=True))
    config_files.confirm()
    result = config_files({}, check_mode=check_mode)
    assert [(diff["before"], diff["after"]) for diff in result["diff"]] == [("********\n", "")]
    assert "hunter" not in json.dumps(result)


def test_a_file_that_is_said_to_be_secret_later_goes_without_showing(place, config_files):
    config_files({}, own(place, "a", KEYRING))
    config_files.confirm()
    assert config_files({}, own(place, "a", KEYRING, secret=True))["changed"] is False
    assert "allow-hunter" not in json.dumps(config_files())


def test_what_a_validator_says_of_a_secret_file_is_masked(place, config_files):
    says = validator("cat @staged@/staged/a | tail -1; exit 1")
    result = config_files({}, own(place, "a", KEYRING, secret=True), validators=[says])
    assert result["msg"].endswith("the options: caps mon = ********.")
    assert "hunter" not in json.dumps(result)


def test_files_of_one_bare_name_are_staged_in_folders_and_named_there(place, config_files):
    (place / "ceph").mkdir()
    seen = place.parent / "seen"
    copy = validator(f"cat @staged@/conf @staged@/staged/ceph/conf > {seen}; stat -c %a @staged@/staged/ceph >> {seen}")
    nested = own(place, "ceph/conf", "nested\n")
    assert config_files({"conf": f"see {place}/ceph/conf\n"}, nested, validators=[copy])["changed"] is True
    (staged,) = set(re.findall(rf"{place}/\.staged-glance-api-[^/]+", seen.read_text()))
    assert seen.read_text() == f"see {staged}/staged/ceph/conf\nnested\n750\n"


def test_a_file_that_another_set_changed_is_checked_and_asks_for_a_restart(place, config_files):
    config_files({"a": "1"})
    config_files.confirm()
    config_files({"a": "1"}, name="other")
    config_set.confirm(str(place / ".sets" / "other.json"))
    config_files({"a": "2"}, name="other")
    refused = config_files({"a": "2"}, validators=[validator("cat @staged@/a; exit 1")])
    assert refused["msg"] == "The configuration of glance-api was not changed: the options: 2."
    for check_mode in (True, False):
        result = config_files({"a": "2"}, check_mode=check_mode)
        assert (result["changed"], result["changed_paths"], result["restart_pending"]) == (True, [], True)
    config_files.confirm()
    assert config_files({"a": "2"})["changed"] is False


def test_a_folder_that_a_file_needs_is_made_and_goes_with_it(place, config_files):
    folder = {"path": str(place / "ceph"), "kind": "directory", "adopt": True, "mode": "0755"}
    config_files({"ceph/conf": ""}, folder)
    config_files.confirm()
    assert config_files({"ceph/conf": ""}, folder)["changed"] is False
    assert config_files()["changed_paths"] == [str(place / "ceph" / "conf"), str(place / "ceph")]
    assert names(place) == []
