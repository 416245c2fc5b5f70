import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import image_status as s
from ansible_collections.glanceops.image_service.plugins.module_utils.client import GlanceError


def image(status="queued", image_id="i", name="n", failed="", importing="", task=None, **facts):
    return s.summary(
        {
            "id": image_id,
            "name": name,
            "status": status,
            **facts,
            "os_glance_failed_import": failed,
            "os_glance_importing_to_stores": importing,
            "os_glance_import_task": task,
        }
    )


def steps(text):
    """Former looks: "importing+ queued" is importing with its task, then queued without."""
    return [(word.rstrip("+"), word.endswith("+")) for word in text.split()]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("queued", "queued saving uploading importing active deactivated absent"),
        ("saving", "queued saving uploading importing active deactivated absent"),
        ("uploading", "queued saving uploading importing active deactivated absent"),
        ("importing", "queued saving uploading importing active deactivated absent"),
        ("active", "active deactivated absent"),
        ("deactivated", "active deactivated absent"),
        ("killed", "absent"),
        ("pending_delete", "active deactivated absent"),
        ("deleted", ""),
        ("of a later release", "queued saving uploading importing active deactivated absent"),
    ],
)
def test_reachable(status, expected):
    assert s.reachable(status) == set(expected.split())


@pytest.mark.parametrize(
    ("wanted", "before", "now", "verdict", "why"),
    [
        ("active", "", {"status": "active"}, s.REACHED, ""),
        ("active deactivated", "", {"status": "deactivated"}, s.REACHED, ""),
        ("absent", "", {"status": "absent"}, s.REACHED, ""),
        ("active", "", {"status": "active", "failed": "slow"}, s.REACHED, ""),
        ("queued", "importing+", {"status": "queued", "failed": "fast"}, s.REACHED, ""),
        # still on the way
        ("active", "", {"status": "queued"}, s.WAITING, ""),
        ("active", "", {"status": "saving"}, s.WAITING, ""),
        ("active", "queued queued", {"status": "queued"}, s.WAITING, ""),
        ("active", "queued", {"status": "uploading"}, s.WAITING, ""),
        ("active", "uploading", {"status": "importing", "task": "t"}, s.WAITING, ""),
        ("active", "active", {"status": "deactivated"}, s.WAITING, ""),
        ("deactivated", "", {"status": "active"}, s.WAITING, ""),
        ("absent", "", {"status": "active"}, s.WAITING, ""),
        ("active", "", {"status": "of a later release"}, s.WAITING, ""),
        # by name, never seen: it may still be created
        ("active", "", {"status": "absent", "image_id": None}, s.WAITING, ""),
        # gone
        ("active", "", {"status": "absent"}, s.IMPOSSIBLE, "is not there"),
        ("active", "queued", {"status": "absent"}, s.IMPOSSIBLE, "was there, and is gone"),
        ("active", "queued", {"status": "absent", "image_id": None}, s.IMPOSSIBLE, "was there, and is gone"),
        # out of reach by the table
        ("queued", "", {"status": "active"}, s.IMPOSSIBLE, "is active, and no image comes from there to queued"),
        ("importing saving", "", {"status": "deactivated"}, s.IMPOSSIBLE, "to importing or saving"),
        ("active", "", {"status": "killed"}, s.IMPOSSIBLE, "is killed"),
        ("active queued", "", {"status": "killed"}, s.IMPOSSIBLE, "is killed"),
        ("absent", "", {"status": "killed"}, s.WAITING, ""),
        # failed imports
        ("active", "", {"status": "queued", "failed": "a,b"}, s.IMPOSSIBLE, "after its import into a, b failed"),
        ("deactivated", "", {"status": "queued", "failed": "a"}, s.IMPOSSIBLE, "import into a failed"),
        ("active", "", {"status": "importing", "failed": "a"}, s.IMPOSSIBLE, "import into a failed"),
        ("active", "", {"status": "importing", "failed": "a", "importing": "b"}, s.IMPOSSIBLE, "into a failed"),
        ("active", "importing", {"status": "queued"}, s.IMPOSSIBLE, "fell back from importing to queued"),
        ("active", "uploading", {"status": "queued"}, s.IMPOSSIBLE, "fell back from uploading to queued"),
        ("active", "importing+ queued+ queued+", {"status": "queued"}, s.IMPOSSIBLE, "fell back from importing"),
        ("active", "importing+", {"status": "importing"}, s.IMPOSSIBLE, "without the task"),
        ("active", "importing+ importing", {"status": "importing"}, s.IMPOSSIBLE, "without the task"),
        # not failed: the task still runs, or the failure belongs to an attempt before this one
        ("active", "", {"status": "importing", "failed": "a", "importing": "b", "task": "t"}, s.WAITING, ""),
        ("active", "importing+", {"status": "queued", "failed": "a", "task": "t"}, s.WAITING, ""),
        ("active", "queued", {"status": "uploading", "failed": "a"}, s.WAITING, ""),
        ("active", "queued", {"status": "saving", "failed": "a"}, s.WAITING, ""),
        ("active", "importing", {"status": "importing"}, s.WAITING, ""),
        # a failed upload may begin again at once
        ("active", "saving", {"status": "queued"}, s.WAITING, ""),
        ("active", "saving queued", {"status": "queued"}, s.IMPOSSIBLE, "fell back from saving to queued"),
        ("active", "saving queued saving", {"status": "queued"}, s.WAITING, ""),
        ("active", "importing queued saving", {"status": "saving"}, s.WAITING, ""),
        # failing is the way to queued, and a failed image can still be deleted
        ("queued", "", {"status": "importing", "failed": "a"}, s.WAITING, ""),
        ("absent", "importing", {"status": "queued", "failed": "a"}, s.WAITING, ""),
        ("absent active", "importing", {"status": "queued", "failed": "a"}, s.WAITING, ""),
    ],
)
def test_judge(wanted, before, now, verdict, why):
    found, reason = s.judge(s.WaitCondition(frozenset(wanted.split())), steps(before), image(**now))
    assert found == verdict
    assert (why in reason) if why else (reason == "")


@pytest.mark.parametrize(
    ("condition", "before", "now", "verdict", "why"),
    [
        ({"stores": ("a",)}, "", {"stores": "a,b"}, s.REACHED, ""),
        ({"stores": ("a", "b")}, "", {"stores": "b,a"}, s.REACHED, ""),
        # the copy has not begun, or is at work
        ({"stores": ("a", "b")}, "", {"stores": "a"}, s.WAITING, ""),
        ({"stores": ("b",)}, "", {"stores": "a", "importing": "b", "task": "t"}, s.WAITING, ""),
        ({"stores": ("b",)}, "active+", {"stores": "a", "importing": "b"}, s.WAITING, ""),
        ({"stores": ("b",)}, "", {"stores": "a", "failed": "b", "task": "t"}, s.WAITING, ""),
        ({"stores": ("b",)}, "", {"stores": "a", "failed": "c"}, s.WAITING, ""),
        # it has ended without the store
        ({"stores": ("b",)}, "", {"stores": "a", "failed": "b,c"}, s.IMPOSSIBLE, "its import into b failed"),
        ({"stores": ("b", "c")}, "", {"stores": "c", "failed": "b"}, s.IMPOSSIBLE, "its import into b failed"),
        ({"stores": ("b",)}, "active+", {"stores": "a"}, s.IMPOSSIBLE, "its import has ended without b"),
        # facts
        ({"expected": {"size": 3}}, "", {"size": 3}, s.REACHED, ""),
        ({"expected": {"size": 3}}, "", {"size": 4}, s.IMPOSSIBLE, "has size 4, and data never changes"),
        ({"expected": {"os_hash_value": "x"}}, "", {"os_hash_value": "y"}, s.IMPOSSIBLE, "has os_hash_value y"),
        ({"expected": {"checksum": "x"}}, "", {"checksum": "x"}, s.REACHED, ""),
        # Glance is still at work on it
        ({"expected": {"os_hash_value": "x"}}, "", {"os_hash_value": None}, s.WAITING, ""),
        ({"expected": {"visibility": "public"}}, "", {"visibility": "private"}, s.WAITING, ""),
        ({"expected": {"visibility": "public"}}, "", {"visibility": "public"}, s.REACHED, ""),
        ({"expected": {"size": 3}, "statuses": {"queued"}}, "", {"status": "queued", "size": None}, s.WAITING, ""),
        # another status is judged by itself
        ({"stores": ("a",)}, "", {"status": "queued", "failed": "a"}, s.IMPOSSIBLE, "after its import into a failed"),
        ({"stores": ("a",), "statuses": {"absent"}}, "", {"status": "absent"}, s.REACHED, ""),
    ],
)
def test_judge_facts(condition, before, now, verdict, why):
    condition = s.WaitCondition(**{"statuses": frozenset(condition.pop("statuses", {"active"})), **condition})
    found, reason = s.judge(condition, steps(before), image(**{"status": "active", **now}))
    assert found == verdict
    assert (why in reason) if why else (reason == "")


R, W, L = s.REACHED, s.WAITING, s.IMPOSSIBLE


@pytest.mark.parametrize(
    ("least", "verdicts", "closed", "expected"),
    [
        (None, [R, R], True, R),
        (None, [R, W], True, W),
        (None, [R, L, W], True, L),
        # by ids or names, no image is an answer; by a filter, one may still come
        (None, [], True, R),
        (None, [], False, W),
        (1, [W, R, L], True, R),
        (1, [L, W], True, W),
        (1, [L, L], True, L),
        (2, [R, W, L], True, W),
        (2, [R, L, L], True, L),
        (2, [R, R, L], True, R),
        # too few yet, and none is lost
        (3, [R, R], False, W),
    ],
)
def test_overall(least, verdicts, closed, expected):
    assert s.overall(s.WaitCondition(frozenset({"active"}), least=least), verdicts, closed) == expected


def test_no_image_of_a_filter_is_what_absent_waits_for():
    assert s.overall(s.WaitCondition(frozenset({"absent"})), [], closed=False) == s.REACHED


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (s.WaitCondition(frozenset({"queued", "active"})), "active or queued"),
        (s.WaitCondition(frozenset({"active"}), ("a",)), "active in the store a"),
        (s.WaitCondition(frozenset({"active"}), ("a", "b"), {"size": 3}), "active in the stores a and b with size 3"),
    ],
)
def test_a_condition_in_words(condition, expected):
    assert str(condition) == expected


def test_summary_of_a_bare_image():
    found = s.summary({"id": "1", "name": None, "status": "queued"})
    assert found["stores"] == found["importing_to_stores"] == found["failed_import_stores"] == []
    assert (found["size"], found["os_hidden"], found["import_task"], found["problem"]) == (None, False, None, "")


def test_summary_of_a_full_image():
    raw = {"id": "1", "name": "a", "status": "active", "size": 3, "checksum": "c", "os_hash_algo": "sha512"}
    more = {"os_hash_value": "v", "disk_format": "raw", "visibility": "public"}
    found = s.summary({**raw, **more, "stores": "a,b", "os_glance_importing_to_stores": "c", "os_hidden": True})
    assert {**raw, **more}.items() <= found.items()
    assert (found["stores"], found["importing_to_stores"], found["os_hidden"]) == (["a", "b"], ["c"], True)


@pytest.mark.parametrize(
    ("ids", "names", "expected"),
    [
        (None, None, [("1", "a", "active"), ("2", "a", "queued"), ("3B", None, "active")]),
        (["2", "1", "2"], None, [("2", "a", "queued"), ("1", "a", "active")]),
        (["9"], None, [("9", None, "absent")]),
        (["3b"], None, [("3B", None, "active")]),
        (None, ["a"], [("1", "a", "active"), ("2", "a", "queued")]),
        (None, ["A", "b"], [(None, "A", "absent"), (None, "b", "absent")]),
        (["2"], ["a", "b"], [("2", "a", "queued"), ("1", "a", "active"), (None, "b", "absent")]),
        ([], None, []),
        ([], [], []),
        (None, [], []),
    ],
)
def test_observe(ids, names, expected):
    answer = [
        {"id": "1", "name": "a", "status": "active"},
        {"id": "2", "name": "a", "status": "queued"},
        {"id": "3B", "name": None, "status": "active"},
    ]
    assert [(one["id"], one["name"], one["status"]) for one in s.observe(ids, names, answer)] == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ""),
        ({"ids": [], "names": []}, ""),
        ({"timeout": 0}, ""),
        ({"ids": ["a", " "]}, "ids has an empty entry"),
        ({"names": [""]}, "names has an empty entry"),
        ({"timeout": -1}, "timeout is -1"),
        ({"interval": 0.0}, "interval is 0.0"),
        ({"request_timeout": 0}, "request_timeout is 0"),
        ({"grace": -1}, "grace is -1"),
        ({"wait_for": ["active", "absent"]}, ""),
        ({"wait_for": ["activ"]}, "wait_for has activ: expected one or more of queued, saving"),
        ({"wait_for": ["killed", "deleted"]}, "wait_for has deleted and killed: the API never shows an image"),
        ({"counts_only": True}, ""),
        ({"counts_only": True, "wait_for": ["active"]}, "counts_only is true"),
        ({"how_many": "any"}, ""),
        ({"how_many": "0"}, "how_many is '0': expected all, any, or a number"),
        ({"how_many": "most"}, "how_many is 'most'"),
        ({"how_many": "2", "ids": ["a", "a"]}, "how_many is 2: expected at most 1"),
        ({"how_many": "2", "ids": ["a"], "names": ["n"]}, ""),
        ({"expected": {"os_hash_value": "0" * 64, "checksum": "A" * 32}}, ""),
        ({"expected": {"os_hash_value": "xyz"}}, "expected.os_hash_value should be the hexadecimal digits of a hash"),
        ({"expected": {"checksum": "0" * 64}}, "expected.checksum should be the hexadecimal digits of a hash (32 for"),
    ],
)
def test_complaint(options, expected):
    params = {"ids": None, "names": None, "timeout": 300, "interval": 1.0, "request_timeout": 30, "grace": 60}
    params["expected"] = None
    found = s.complaint({"wait_for": None, "counts_only": False, "how_many": "all", **params, **options})
    assert found.startswith(expected)
    assert bool(found) == bool(expected)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        *((digit * length, "") for digit in "0aF" for length in s.HASH_DIGITS.values()),
        (None, ""),
        ("", "found 0 characters: give the digits alone."),
        ("xyz", "found 3 characters that are not all hexadecimal"),
        ("g" * 128, "found 128 characters that are not all hexadecimal"),
        ("0" * 127, "found 127 characters: give the digits alone."),
        ("sha512:" + "0" * 128, "found 135 characters that are not all hexadecimal"),
        ("0" * 127 + " ", "that are not all hexadecimal"),
        ("0" * 127 + "\u0661", "that are not all hexadecimal"),
    ],
)
def test_the_form_of_a_hash(value, found):
    fault = s.hash_fault("h", value)
    assert found in fault
    assert bool(fault) == bool(found)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ""),
        ({"disk_format": None, "container_format": "bare"}, ""),
        ({"disk_format": "raw"}, ""),
        ({"disk_format": "qcow2"}, "'n' (i) should have disk_format qcow2, found disk_format raw"),
        (
            {"disk_format": "iso", "container_format": "ova", "name": "other"},
            "should have disk_format iso and container_format ova, found disk_format raw and container_format bare",
        ),
    ],
)
def test_formats_that_differ(asked, found):
    fault = s.format_fault(asked, raw("active", disk_format="raw", container_format="bare"))
    assert found in fault
    assert bool(fault) == bool(found)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, "0"), (10, "0; 1; 2; 3; 4; 5; 6; 7; 8; 9"), (12, "7; 8; 9; and 2 more")]
)
def test_listing(count, expected):
    assert s.listing([str(number) for number in range(count)]).endswith(expected)


class Clock:
    """Time that passes only in pauses, and answers that come one for each look."""

    def __init__(self, *answers):
        self.now, self.pauses, self.answers = 0.0, [], list(answers)

    def sleep(self, seconds):
        self.pauses.append(round(seconds, 3))
        self.now += seconds

    def look(self):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return [answer] if isinstance(answer, dict) else answer

    def watch(self, wait_for=("active",), explain=lambda dummy: "", wait=True, trails=None, **params):
        params = {"ids": None, "names": None, "timeout": 300, "interval": 1.0, "wait_for": list(wait_for), **params}
        params = {"stores": None, "expected": None, "how_many": "all", "grace": 60, **params}
        return s.watch(self.look, explain, params, wait, trails, clock=lambda: self.now, sleep=self.sleep)


def raw(status, image_id="i", name="n", **more):
    return {"id": image_id, "name": name, "status": status, **more}


GONE = GlanceError("GET http://g/: expected 200 and JSON, got no answer: refused.", -1)
ILL = GlanceError("GET http://g/: expected 200 and JSON, got 500: oh.", 500)
BUSY = GlanceError("GET http://g/: expected 200 and JSON, got 503: oh.", 503)


def test_without_a_condition_it_looks_once():
    clock = Clock([raw("queued", "1"), raw("active", "2"), raw("queued", "3")])
    result = clock.watch(wait_for=())
    assert clock.pauses == []
    assert result["counts"] == {"queued": 2, "active": 1}
    assert "failed" not in result
    assert "skipped_wait" not in result
    assert result["changed"] is False


def test_check_mode_looks_once_and_does_not_judge():
    clock = Clock(raw("queued", os_glance_failed_import="a"))
    result = clock.watch(wait=False)
    assert result["skipped_wait"] is True
    assert clock.pauses == []
    assert "failed" not in result


def test_pauses_grow_by_half_up_to_fifteen_seconds_and_end_with_the_time():
    clock = Clock(raw("saving"))
    result = clock.watch(timeout=60, interval=2.0)
    assert clock.pauses == [2.0, 3.0, 4.5, 6.75, 10.125, 15.0, 15.0, 3.625]
    assert (result["reason"], result["elapsed"]) == ("timeout", 60.0)


def test_an_interval_beyond_the_greatest_pause_is_kept():
    clock = Clock(raw("saving"))
    clock.watch(timeout=60, interval=20.0)
    assert clock.pauses == [20.0, 20.0, 20.0]


def test_no_time_is_one_look():
    clock = Clock(raw("saving"))
    assert clock.watch(timeout=0)["reason"] == "timeout"
    assert clock.pauses == []


def test_it_ends_when_the_last_image_is_there():
    clock = Clock([raw("saving", "1"), raw("active", "2")], [raw("active", "1"), raw("active", "2")])
    result = clock.watch()
    assert result["counts"] == {"active": 2}
    assert clock.pauses == [1.0]


def test_all_must_be_there_at_the_same_look():
    clock = Clock(
        [raw("saving", "1"), raw("active", "2")],
        [raw("active", "1"), raw("deactivated", "2")],
        [raw("active", "1"), raw("active", "2")],
    )
    assert "failed" not in clock.watch()
    assert len(clock.pauses) == 2


def test_timeout_names_the_late_ones():
    clock = Clock([raw("saving", "1", "slow"), raw("active", "2", "done")])
    result = clock.watch(timeout=5)
    assert "within 5 s, but 1 of 2 images" in result["msg"]
    assert "'slow' (1) is still saving" in result["msg"]
    assert "done" not in result["msg"]


def test_timeout_tells_what_glance_says():
    result = Clock(raw("importing")).watch(timeout=5, explain=lambda image_id: f"disk full at {image_id}")
    assert "is still importing (Glance says: disk full at i)" in result["msg"]


def test_timeout_is_silent_on_an_unreadable_reason():
    def explain(dummy):
        raise GlanceError("m", 403)

    assert "is still importing. " in Clock(raw("importing")).watch(timeout=5, explain=explain)["msg"]


def test_impossible_ends_at_once_with_glances_words():
    other = raw("saving", "2")
    clock = Clock([raw("importing"), other], [raw("queued", os_glance_failed_import="a"), other])
    result = clock.watch(explain=lambda image_id: f"404 on {image_id}")
    assert result["reason"] == "impossible"
    assert clock.pauses == [1.0]
    assert "1 of 2 images can no longer get there" in result["msg"]
    assert "'n' (i) is queued after its import into a failed (Glance says: 404 on i)" in result["msg"]
    assert [bool(one["problem"]) for one in result["images"]] == [True, False]


def test_impossible_says_when_the_reason_is_not_readable():
    def explain(dummy):
        raise GlanceError("m", 403)

    result = Clock(raw("queued", os_glance_failed_import="a")).watch(explain=explain)
    assert "Glance's reason is not readable, its tasks answered 403" in result["msg"]


def test_reasons_are_asked_for_a_few_only():
    asked = []
    images = [raw("queued", str(number), os_glance_failed_import="a") for number in range(30)]
    result = Clock(images).watch(explain=lambda image_id: asked.append(image_id) or "x")
    assert asked == ["0", "1", "2", "3", "4"]
    assert "30 of 30" in result["msg"]
    assert "and 20 more" in result["msg"]


def test_no_reason_is_asked_for_an_image_that_is_gone():
    result = Clock([]).watch(ids=["x"], explain=lambda dummy: pytest.fail("asked"))
    assert "x is not there (the API never shows deleted, pending_delete and killed images" in result["msg"]


def test_a_name_may_appear_later():
    clock = Clock([], raw("queued"), raw("active"))
    assert clock.watch(names=["n"])["counts"] == {"active": 1}


def test_a_name_that_disappears_is_impossible():
    clock = Clock([], raw("queued"), [])
    result = clock.watch(names=["n"])
    assert result["reason"] == "impossible"
    assert "'n' was there, and is gone" in result["msg"]


def test_a_name_may_move_to_another_image():
    clock = Clock(raw("queued", "old"), [raw("queued", "old"), raw("queued", "new")], raw("active", "new"))
    assert clock.watch(names=["n"])["images"][0]["id"] == "new"


def test_no_images_are_nothing_to_wait_for():
    clock = Clock([])
    assert clock.watch(ids=[])["images"] == []
    assert clock.pauses == []


@pytest.mark.parametrize(("error", "reason"), [(GONE, "unreachable"), (ILL, "unhealthy"), (BUSY, "unhealthy")])
def test_a_look_without_a_condition_must_succeed(error, reason):
    clock = Clock(error, raw("active"))
    result = clock.watch(wait_for=())
    assert (result["failed"], result["reason"], result["images"], result["counts"]) == (True, reason, [], {})
    assert result["msg"] == str(error)
    assert clock.pauses == []


def test_what_passes_is_put_up_with_from_the_first_look():
    clock = Clock(GONE, raw("saving"), GONE, BUSY, raw("active"))
    assert "failed" not in clock.watch()
    assert len(clock.pauses) == 4


@pytest.mark.parametrize(("grace", "timeout", "seconds"), [(20, 300, 20.0), (0, 300, 0), (60, 5, 5.0)])
def test_an_outage_is_put_up_with_for_grace_seconds_and_no_longer_than_the_time(grace, timeout, seconds):
    clock = Clock(GONE)
    result = clock.watch(grace=grace, timeout=timeout)
    assert (result["reason"], result["elapsed"]) == ("unreachable", seconds)
    assert result["msg"] == str(GONE)


def test_each_outage_has_its_own_grace():
    clock = Clock(raw("saving"), *[GONE] * 6, raw("saving"), *[GONE] * 6, raw("active"))
    assert clock.watch(grace=15)["counts"] == {"active": 1}


def test_a_failure_that_ended_before_the_first_look_is_known_by_what_came_before():
    seen = {"i": [("importing", True)]}
    result = Clock(raw("queued")).watch(ids=["i"], trails=seen)
    assert "fell back from importing to queued" in result["msg"]
    copied = Clock(raw("active", stores="a")).watch(ids=["i"], trails={"i": [("active", True)]}, stores=["b"])
    assert "its import has ended without b" in copied["msg"]


def test_the_trail_of_a_long_wait_does_not_grow():
    trails = {}
    Clock(*[raw("saving")] * 500, raw("active")).watch(timeout=100_000, trails=trails)
    assert max(map(len, trails.values())) == 2


@pytest.mark.parametrize(("how_many", "looks"), [("all", 4), ("any", 2), ("2", 3)])
def test_how_many_are_enough(how_many, looks):
    statuses = ["saving saving saving", "active saving saving", "active active saving", "active active active"]
    clock = Clock(*[[raw(status, str(at)) for at, status in enumerate(line.split())] for line in statuses])
    result = clock.watch(how_many=how_many)
    assert result["counts"].get("active") == looks - 1
    assert len(clock.pauses) == looks - 1


def test_too_few_are_left():
    looks = [raw("importing", "1"), raw("importing", "2")], [raw("importing", "1"), raw("queued", "2")]
    result = Clock(*looks).watch(how_many="2")
    assert result["reason"] == "impossible"
    assert "Expected active for 2, but 1 of 2 images can no longer get there" in result["msg"]


def test_timeout_tells_what_a_status_lacks():
    result = Clock(raw("active", stores="a", visibility="shared")).watch(
        stores=["a", "b"], expected={"visibility": "public"}, timeout=5
    )
    assert "Expected active in the stores a and b with visibility public within 5 s" in result["msg"]
    assert "'n' (i) is still active without b with visibility shared" in result["msg"]


def test_timeout_says_that_nothing_is_found():
    assert "no image is found" in Clock([]).watch(timeout=5)["msg"]


def test_hashes_are_compared_without_case():
    assert Clock(raw("active", checksum="ab")).watch(expected={"checksum": "AB", "size": None})["counts"]


def test_what_does_not_pass_is_not():
    clock = Clock(raw("saving"), ILL, raw("active"))
    result = clock.watch()
    assert result["reason"] == "unhealthy"
    assert result["counts"] == {"saving": 1}


def test_an_outage_that_lasts_is_the_reason():
    result = Clock(raw("saving"), GONE).watch(timeout=5)
    assert result["reason"] == "unreachable"
    assert str(GONE) in result["msg"]
    assert "'n' (i) is saving" in result["msg"]


def test_an_outage_does_not_make_the_past_forgotten():
    clock = Clock(raw("importing"), GONE, raw("queued"))
    assert "fell back from importing" in clock.watch()["msg"]
