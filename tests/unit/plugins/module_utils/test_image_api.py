import dataclasses
import re
import types

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import image_api as a
from ansible_collections.glanceops.image_service.plugins.module_utils.client import Client, GlanceError
from ansible_collections.glanceops.image_service.plugins.module_utils.login import options


@dataclasses.dataclass
class Asked:
    client: Client

    def __post_init__(self):
        self.api = a.ImageApi(self.client)
        self.import_message = self.api.import_message

    def find(self, ids=None, names=None, **more):
        return list(self.api.find(a.Selection(ids, names, **more)))


@pytest.fixture
def api(glance, tmp_path):
    def make(**given):
        defaults = {name: option.get("default") for name, option in options().items()}
        params = {**defaults, "api_url": glance.url, **given}
        return Asked(Client(types.SimpleNamespace(params=params, tmpdir=str(tmp_path), no_log_values=set())))

    return make


def ids(images):
    return [image["id"] for image in images]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("in:x", "in:x"),
        ("two words", "two words"),
        ("a,b", '"a,b"'),
        ("back\\slash", "back\\slash"),
        ("a,b\\c", '"a,b\\c"'),
        ('a "quoted" one', None),
        ("a,b\\", None),
        ("end\\", "end\\"),
    ],
)
def test_quoted(value, expected):
    assert a.quoted(value) == expected


@pytest.mark.parametrize(
    ("values", "room", "expected"),
    [
        (["a", "b,c"], 99, [(["a", "b,c"], 'in:a,"b,c"')]),
        (["aaaa", "bbbb", "cc"], 13, [(["aaaa", "bbbb"], "in:aaaa,bbbb"), (["cc"], "in:cc")]),
        (["ä", "b"], 8, [(["ä"], "in:ä"), (["b"], "in:b")]),
        (["too-long-for-it", "b"], 8, [(["too-long-for-it"], "in:too-long-for-it"), (["b"], "in:b")]),
        (["a", 'q"', "b"], 99, [(['q"'], 'eq:q"'), (["a", "b"], "in:a,b")]),
        ([], 99, []),
    ],
)
def test_batches(values, room, expected):
    assert a.batches(values, room) == expected


def test_batches_hold_a_page_at_most():
    assert [len(values) for values, _query in a.batches(map(str, range(2500)), 1 << 20)] == [1000, 1000, 500]


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "a,b",
        "in:a",
        "eq:b",
        '"quoted"',
        'a "b", c',
        "trailing\\",
        "a,b\\",
        "ä ö € 🙂",
        "a&b=c#d?e%f+g",
        "x" * 255,
    ],
)
def test_every_name_finds_its_image_and_no_other(glance, api, name):
    wanted = glance.add(name=name)
    for other in ("a", "b", "in", "quoted"):
        glance.add(name=other)
    assert api().find(None, [name]) == [wanted]
    assert len(glance.asked) == 1


def test_awkward_names_together(glance, api):
    names = ["a,b", 'q"q', "back\\", "plain"]
    images = [glance.add(name=name) for name in names]
    assert sorted(ids(api().find(None, names))) == sorted(ids(images))
    assert len(glance.asked) == 2


def test_a_thousand_ids_are_one_request(glance, api):
    images = [glance.add() for dummy in range(1100)]
    found = api().find(ids(images[:1000]), None)
    assert ids(found) == ids(images[:1000])
    assert len(glance.asked) == 1


def test_more_are_as_few_as_possible(glance, api):
    images = [glance.add() for dummy in range(2400)]
    assert len(api().find(ids(images), None)) == 2400
    assert len(glance.asked) == 3


def test_names_are_followed_to_the_last_page(glance, api):
    glance.page = 10
    images = [glance.add(name="same") for dummy in range(25)]
    assert ids(api().find(None, ["same"])) == ids(images)
    assert len(glance.asked) == 3


def test_ids_and_names_are_a_union(glance, api):
    images = [glance.add(name=name) for name in ("a", "b", "c")]
    assert ids(api().find([images[0]["id"]], ["a", "b"])) == ids(images[:2])
    assert len(glance.asked) == 2


def test_hidden_ones_are_asked_for_only_when_something_is_missing(glance, api):
    shown, hidden = glance.add(), glance.add(os_hidden=True)
    assert ids(api().find([shown["id"], hidden["id"]], None)) == ids([shown, hidden])
    assert [query.get("os_hidden") for dummy, query in glance.asked] == [None, "true"]
    assert glance.asked[1][1]["id"] == f"in:{hidden['id']}"


@pytest.mark.parametrize(("key", "value"), [("ids", []), ("names", [])])
def test_an_empty_list_asks_nothing(glance, api, key, value):
    glance.add()
    assert api().find(**{"ids": None, "names": None, key: value}) == []
    assert glance.asked == []


def test_all_images_in_pages_hidden_and_community_too(glance, api):
    glance.page = 4
    images = [glance.add(visibility="community" if n % 2 else "private", os_hidden=n > 6) for n in range(9)]
    assert sorted(ids(api().find(None, None))) == ids(images)
    assert [query.get("marker", "")[:8] for dummy, query in glance.asked] == ["", "00000003", ""]
    assert {query["limit"] for dummy, query in glance.asked} == {"1000"}
    assert {query["member_status"] for dummy, query in glance.asked} == {"all"}


def test_an_old_glance_without_visibility_all(glance, api):
    glance.legacy = True
    images = [glance.add(), glance.add(visibility="community"), glance.add(os_hidden=True)]
    client = api()
    assert ids(client.find(ids(images), None)) == ids(images)
    before = len(glance.asked)
    client.find(ids(images[:1]), None)
    assert len(glance.asked) == before + 1
    assert sorted(ids(client.find(None, None))) == ids(images)


@pytest.mark.parametrize("limit", [40_000, 30_000, 8_190, 1_600])
@pytest.mark.parametrize("kind", ["longest", "longest_whole"])
def test_a_url_too_long_is_shortened_and_remembered(glance, api, kind, limit):
    images = [glance.add() for dummy in range(1200)]
    setattr(glance, kind, limit)
    client = api()
    assert len(client.find(ids(images), None)) == 1200
    first = len(glance.asked)
    assert len(client.find(ids(images), None)) == 1200
    again = len(glance.asked) - first
    assert first - again in (0, 1, 2, 3)
    assert again <= 1 + 1200 * 37 // (min(limit, next(n for n in a.URL_LENGTHS if n <= limit)) - 250)


@pytest.mark.parametrize("trouble", [400, 401, 403, 413, 414, 431, 502, "reset"])
def test_whatever_a_server_does_on_a_long_url(glance, api, trouble):
    images = [glance.add() for dummy in range(1000)]
    glance.on_request(1, trouble)
    assert len(api().find(ids(images), None)) == 1000
    assert len(glance.asked) == 3


def test_a_length_that_worked_is_not_doubted(glance, api):
    images = [glance.add() for dummy in range(1000)]
    client = api()
    client.find(ids(images), None)
    glance.on_request(2, 503)
    with pytest.raises(GlanceError) as caught:
        client.find(ids(images), None)
    assert caught.value.status == 503
    assert len(glance.asked) == 2
    assert len(client.find(ids(images), None)) == 1000
    assert len(glance.asked) == 3


def test_an_error_on_a_short_url_is_an_error(glance, api):
    glance.on_request("always", 400)
    with pytest.raises(GlanceError):
        api().find([glance.add()["id"]], None)
    assert len(glance.asked) == 1


def test_a_server_that_never_likes_the_url_ends(glance, api):
    glance.on_request("always", 414)
    with pytest.raises(GlanceError, match="414"):
        api().find(ids([glance.add() for dummy in range(1000)]), None)
    assert len(glance.asked) == len(a.URL_LENGTHS)


def test_a_deleted_marker_is_replaced_by_the_image_before_it(glance, api):
    glance.page = 5
    images = [glance.add() for dummy in range(12)]
    glance.on_request(2, lambda: glance.images.remove(images[4]))
    found = ids(api().find(None, None))
    assert sorted(found) == ids(images)
    assert len(set(found)) == len(found)


def test_an_id_list_is_complete_though_a_marker_was_deleted(glance, api):
    glance.page = 5
    images = [glance.add() for dummy in range(12)]
    glance.on_request(2, lambda: glance.images.remove(images[4]))
    assert sorted(ids(api().find(ids(images), None))) == ids(images)


def test_an_image_seen_twice_does_not_count_as_two(glance, api):
    glance.page = 5
    images = [glance.add() for dummy in range(10)]
    glance.on_request(2, 400)
    assert sorted(ids(api().find(ids(images), None))) == ids(images)
    assert not [query for dummy, query in glance.asked if "os_hidden" in query]


def test_pages_in_a_circle_end(glance, api):
    image = glance.add()
    glance.answer_to = lambda *dummy: (200, {"images": [image], "next": "/v2/images?marker=x"})
    with pytest.raises(GlanceError, match="expected each page once"):
        api().find(None, None)
    assert len(glance.asked) == 2


def test_next_never_leads_to_another_address(glance, api):
    glance.page = 1
    images = [glance.add(), glance.add()]
    glance.link = lambda query, marker: f"http://192.0.2.1/v2/images?limit=1&marker={marker}" if marker else None
    assert sorted(ids(api(token="t").find(None, None))) == ids(images)


@pytest.mark.parametrize(
    ("trouble", "status", "message"),
    [
        (401, 401, "got 401: 401 not today. Give the login of a user"),
        (403, 403, "got 403: 403 not today. Change what was asked for, or give the login of a user"),
        (404, 404, "got 404: 404 not today. Check that this is the address"),
        (500, 500, "got 500: 500 not today. Look into the log"),
        (503, 503, "got 503: 503 not today. Look into the log"),
        ("not json", 200, "got 200: application/json that is not a JSON object"),
        ("json list", 200, "got 200: application/json that is not a JSON object"),
        ("other json", 200, "expected a list of images, got other JSON"),
        ("reset", -1, "got no answer: "),
        ("cut", -1, "got no answer: the connection was cut"),
        ("silent", -1, "got no answer: .*timed out"),
        ("slow", -1, "got no answer: the answer was not complete within 1 s"),
    ],
)
def test_errors_name_method_url_expected_and_received(glance, api, trouble, status, message):
    glance.on_request(1, trouble)
    with pytest.raises(GlanceError, match=message) as caught:
        api(request_timeout=1).find([glance.add()["id"]], None)
    assert caught.value.status == status
    assert str(caught.value).startswith(
        f"GET {glance.url}/v2/images?limit=1000&visibility=all&member_status=all&id=in:00000000-"
    )


def test_nobody_there(glance, api):
    glance.close()
    with pytest.raises(GlanceError, match=re.escape("got no answer: <urlopen error")) as caught:
        api().find(None, None)
    assert (caught.value.status, caught.value.reason) == (-1, "unreachable")


def test_a_long_url_is_shown_in_part(glance, api):
    glance.on_request("always", 500)
    with pytest.raises(GlanceError) as caught:
        api().find(ids([glance.add() for dummy in range(1000)]), None)
    assert len(str(caught.value)) < 500


def test_the_token_is_a_header_and_in_no_message(glance, api):
    glance.token = "good"
    glance.add()
    assert len(api(token="good").find(None, None)) == 1
    with pytest.raises(GlanceError) as caught:
        api(token="s3cr3t").find(None, None)
    assert caught.value.reason == "unauthorised"
    assert "s3cr3t" not in str(caught.value)


def test_passwords_lying_about_are_not_sent(glance, api, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    api().find(None, None)
    assert all("authorization" not in map(str.lower, headers) for headers in glance.headers)


def test_no_token_no_header(glance, api):
    api().find(None, None)
    assert all("X-Auth-Token".lower() not in map(str.lower, headers) for headers in glance.headers)


TASKS = [
    {"status": "failure", "message": "old", "updated_at": "2026-01-01T00:00:00.000000"},
    {"status": "failure", "message": "HTTP Error 404:\n Not Found", "updated_at": "2026-01-02T00:00:00.000000"},
    {"status": "success", "message": "", "updated_at": "2026-01-03T00:00:00.000000"},
]


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (TASKS, "HTTP Error 404: Not Found"),
        ([], ""),
        (TASKS[2:], ""),
        ([{"status": "failure", "message": None, "updated_at": None}], ""),
    ],
)
def test_import_message(glance, api, tasks, expected):
    glance.tasks["i"] = tasks
    assert api().import_message("i") == expected
    assert glance.asked == [("/v2/images/i/tasks", {})]


def test_a_task_about_to_fail_gets_a_moment(glance, api):
    glance.tasks["i"] = [{**TASKS[0], "status": "processing"}]
    glance.on_request(2, lambda: glance.tasks.update(i=TASKS[:1]))
    assert api().import_message("i") == "old"
    assert len(glance.asked) == 2


def test_a_task_that_never_ends_is_not_waited_for(glance, api):
    glance.tasks["i"] = [{**TASKS[0], "status": "processing"}]
    assert api().import_message("i") == ""
    assert len(glance.asked) == 2


@pytest.mark.parametrize("status", [403, 404])
def test_tasks_that_are_not_readable(glance, api, status):
    glance.tasks["i"] = status
    with pytest.raises(GlanceError) as caught:
        api().import_message("i")
    assert caught.value.status == status


def test_requests_are_counted(glance, api):
    client = api()
    client.find(None, None)
    client.import_message("i")
    assert client.client.requests == len(glance.asked) == 3
