import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import status as s

SCRUBS = {
    "mode": "timer",
    "state": "active",
    "last_run": "succeeded",
    "backlog": {"count": 2, "bytes": 1610612736, "oldest": "2026-11-22T01:02:03Z", "due": 0, "due_ids": []},
    "healthy": True,
    "health": "ok",
}
RUNS = {"release": "2026.2", "state": "active", "address": "http://127.0.0.1:9292", "healthy": True, "health": "200 OK"}


def images(**counts):
    return {"counts": counts}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (images(), "0"),
        (images(active=0), "0"),
        (images(active=1), "1 (1 active)"),
        (images(queued=1, active=2, killed=0), "3 (2 active, 1 queued)"),
        ({"reason": "unhealthy", "msg": "GET http://127.0.0.1 got 500", "counts": {}}, "unknown"),
        ({"failed": True}, "unknown"),
    ],
)
def test_image_counts(result, expected):
    assert s.image_counts(result) == expected


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({}, ("h", "unknown", "unknown", "unknown", "not reached", "unknown")),
        (
            {"__glance_api_found": {"unreachable": True}},
            ("h", "unknown", "unknown", "unknown", "not reached", "unknown"),
        ),
        ({"__glance_api_found": RUNS}, ("h", "2026.2", "active", "http://127.0.0.1:9292", "200 OK", "unknown")),
        (
            {"__glance_api_found": RUNS, "__glance_images": images(active=2)},
            ("h", "2026.2", "active", "http://127.0.0.1:9292", "200 OK", "2 (2 active)"),
        ),
        (
            {"__glance_api_found": RUNS, "__glance_images": {"skipped": True, "changed": False}},
            (
                *("h", "2026.2", "active", "http://127.0.0.1:9292", "200 OK"),
                "not counted: no user has the role admin and a password",
            ),
        ),
        (
            {
                "__glance_api_found": {
                    "release": "none",
                    "state": "not-found",
                    "address": "http://[::1]:1",
                    "health": "Connection refused",
                },
                "__glance_images": {"skipped": True, "changed": False},
            },
            ("h", "none", "not-found", "http://[::1]:1", "Connection refused", "unknown"),
        ),
    ],
)
def test_api_row(results, expected):
    assert s.api_row("h", results) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, ("h", "unknown", "unknown", "unknown", "not reached")),
        ({"failed": True, "msg": "no systemd"}, ("h", "unknown", "unknown", "unknown", "no systemd")),
        ({"skipped": True, "changed": False}, ("h", "none", "not-found", "none", "this release has no registry")),
        (RUNS, ("h", "2026.2", "active", "http://127.0.0.1:9292", "200 OK")),
    ],
)
def test_registry_row(found, expected):
    assert s.registry_row("h", {"__glance_registry": found} if found else {}) == expected


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({}, "unknown"),
        ({"count": 0, "bytes": 0, "oldest": None, "due": 0, "due_ids": []}, "none"),
        (SCRUBS["backlog"], "2 images, 1.5 GiB, 0 due, oldest deleted 2026-11-22T01:02:03Z"),
        (
            {"count": 1, "bytes": 5, "oldest": "2026-11-22T01:02:03Z", "due": 1, "due_ids": ["a"]},
            "1 image, 5 bytes, 1 due, oldest deleted 2026-11-22T01:02:03Z",
        ),
    ],
)
def test_backlog(found, text):
    assert s.backlog(found) == text


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({}, ("h", "unknown", "not reached", "unknown", "unknown")),
        ({"__glance_scrubber": {"unreachable": True}}, ("h", "unknown", "not reached", "unknown", "unknown")),
        (
            {"__glance_scrubber": SCRUBS},
            ("h", "timer", "active", "succeeded", "2 images, 1.5 GiB, 0 due, oldest deleted 2026-11-22T01:02:03Z"),
        ),
        (
            {
                "__glance_scrubber": {
                    **SCRUBS,
                    "mode": "daemon",
                    "state": "not deployed",
                    "last_run": "none yet",
                    "backlog": {},
                }
            },
            ("h", "daemon", "not deployed", "none yet", "unknown"),
        ),
        # What was found of the API says nothing about the scrubber.
        ({"__glance_api_found": RUNS}, ("h", "unknown", "not reached", "unknown", "unknown")),
    ],
)
def test_scrubber_row(results, expected):
    assert s.scrubber_row("h", results) == expected


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ({"failed": True, "msg": "The scrubber can't be looked at: x."}, "The scrubber can't be looked at: x."),
        ({"failed": True}, "failed"),
        ({"unreachable": True, "msg": "Connection timed out"}, "not reached"),
    ],
)
def test_a_host_without_an_answer(result, shown):
    assert s.scrubber_row("h", {"__glance_scrubber": result}) == ("h", "unknown", shown, "unknown", "unknown")
    api = ("h", "unknown", "unknown", "unknown", shown, "unknown")
    assert s.api_row("h", {"__glance_api_found": result}) == api


def test_the_table_of_the_scrubber():
    found = {"a": {"__glance_scrubber": SCRUBS, "__glance_api_found": RUNS}, "b": {"__glance_api_found": RUNS}}
    assert s.table(["a", "b"], found, "scrubber") == [
        "HOST  SCRUBBER  STATE        LAST RUN   WAITING TO BE SCRUBBED",
        "a     timer     active       succeeded  2 images, 1.5 GiB, 0 due, oldest deleted 2026-11-22T01:02:03Z",
        "b     unknown   not reached  unknown    unknown",
    ]


def test_columns_are_as_wide_as_their_widest_cell():
    found = {"a": {}, "long-name.example.com": {"__glance_api_found": RUNS, "__glance_images": images(active=1)}}
    assert s.table(["long-name.example.com", "a"], found, "api") == [
        "HOST                   RELEASE  UNIT     ADDRESS                HEALTH       IMAGES",
        "a                      unknown  unknown  unknown                not reached  unknown",
        "long-name.example.com  2026.2   active   http://127.0.0.1:9292  200 OK       1 (1 active)",
    ]


def test_no_host_gives_the_headings():
    assert s.table([], {}, "api") == ["HOST  RELEASE  UNIT  ADDRESS  HEALTH  IMAGES"]
    assert s.table([], {}, "scrubber") == ["HOST  SCRUBBER  STATE  LAST RUN  WAITING TO BE SCRUBBED"]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({}, ("h", "not reached", "unknown", "unknown")),
        ({"__glance_loadbalancer_found": {"failed": True, "msg": "no sudo"}}, ("h", "no sudo", "unknown", "unknown")),
        (
            {
                "__glance_loadbalancer_found": {
                    "health": "healthy",
                    "has_virtual_address": True,
                    "servers": {"api2": {"a": "DOWN", "b": "DOWN"}, "api1": {"a": "UP", "b": "DOWN"}},
                }
            },
            ("h", "healthy", "here", "api1 UP/DOWN, api2 DOWN"),
        ),
        (
            {
                "__glance_loadbalancer_found": {
                    "health": "no HAProxy answers",
                    "has_virtual_address": False,
                    "servers": {},
                }
            },
            ("h", "no HAProxy answers", "not here", "none"),
        ),
    ],
)
def test_loadbalancer_row(results, expected):
    assert s.loadbalancer_row("h", results) == expected


WELL = {"healthy": True, "health": "ok", "failed_jobs": {}}
ILL = {"healthy": False, "health": "refused"}
SKIPPED = {"skipped": True, "changed": False}
IMAGES = {"counts": {"active": 1}}
ALL_WELL = {
    **dict.fromkeys(
        ("__glance_loadbalancer_found", "__glance_registry", "__glance_api_found", "__glance_scrubber"), WELL
    ),
    "__glance_images": IMAGES,
}


@pytest.mark.parametrize(
    "results",
    [
        {},
        {"__glance_loadbalancer_found": WELL},
        {"__glance_scrubber": WELL},
        {"__glance_registry": WELL},
        {"__glance_registry": SKIPPED},
        {"__glance_api_found": WELL, "__glance_images": SKIPPED},
        ALL_WELL,
    ],
    ids=["database", "balancer", "scrubber", "registry", "no registry", "no login", "all"],
)
def test_a_host_that_is_well_has_no_fault(results):
    assert list(s.faults("h", results)) == []


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (
            {"__glance_loadbalancer_found": ILL},
            "haproxy on h should be healthy, found: refused. See 'journalctl -u haproxy' there.",
        ),
        ({"__glance_registry": ILL}, "glance-registry on h should answer, found: refused. See 'journalctl -u glance-r"),
        (
            {"__glance_api_found": ILL, "__glance_images": SKIPPED},
            "glance-api on h should answer, found: refused. See",
        ),
        (
            {"__glance_scrubber": ILL},
            "glance-scrubber on h should be healthy, found: refused. See 'journalctl -u glance-",
        ),
        (
            {"__glance_api_found": WELL, "__glance_images": {"reason": "unauthorized", "msg": "401.", "counts": {}}},
            "glance-api on h should tell its images, found: 401.",
        ),
        (
            {"__glance_api_found": WELL, "__glance_images": {"failed": False, "msg": "no answer"}},
            "glance-api on h should tell its images, found: no answer",
        ),
        (
            {"__glance_registry": {**WELL, "failed_jobs": {"glance-purge.service": "exit-code"}}},
            "glance-purge.service on h should have succeeded, found: exit-code. See 'journalctl -u glance-purge.servi",
        ),
        (
            {
                "__glance_registry": {**WELL, "full_directories": ["/srv"]},
                "__glance_api_found": {**WELL, "full_directories": ["/srv", "/var"]},
            },
            "h should have room for images, found none in /srv and /var: delete images, or give it more space.",
        ),
        (
            {
                "__glance_registry": {**WELL, "failed_jobs": {"p": "exit-code"}},
                "__glance_api_found": {**WELL, "failed_jobs": {"p": "exit-code", "c": "signal"}},
            },
            "p and c on h should have succeeded, found: exit-code; signal. See 'journalctl -u p -u c' there.",
        ),
    ],
)
def test_each_fault_is_one_sentence(results, said):
    (sentence,) = s.faults("h", results)
    assert sentence.startswith(said)
