import pytest
from ansible_collections.glanceops.image_service.plugins.filter import status_table as t

SCRUBS = {
    "mode": "timer",
    "state": "active",
    "last_run": "well",
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
    assert t.image_counts(result) == expected


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({}, ("h", "unknown", "unknown", "unknown", "not reached", "unknown")),
        ({"__glance_service": {"unreachable": True}}, ("h", "unknown", "unknown", "unknown", "not reached", "unknown")),
        ({"__glance_service": RUNS}, ("h", "2026.2", "active", "http://127.0.0.1:9292", "200 OK", "unknown")),
        (
            {"__glance_service": RUNS, "__glance_images": images(active=2)},
            ("h", "2026.2", "active", "http://127.0.0.1:9292", "200 OK", "2 (2 active)"),
        ),
        (
            {"__glance_service": RUNS, "__glance_images": {"skipped": True, "changed": False}},
            (
                *("h", "2026.2", "active", "http://127.0.0.1:9292", "200 OK"),
                "not counted: no user has the role admin and a password",
            ),
        ),
        (
            {
                "__glance_service": {
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
    assert t.api_row("h", results) == expected


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
    assert t.registry_row("h", {"__glance_registry": found} if found else {}) == expected


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
    assert t.backlog(found) == text


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({}, ("h", "unknown", "not reached", "unknown", "unknown")),
        ({"__glance_scrubber": {"unreachable": True}}, ("h", "unknown", "not reached", "unknown", "unknown")),
        (
            {"__glance_scrubber": SCRUBS},
            ("h", "timer", "active", "well", "2 images, 1.5 GiB, 0 due, oldest deleted 2026-11-22T01:02:03Z"),
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
        ({"__glance_service": RUNS}, ("h", "unknown", "not reached", "unknown", "unknown")),
    ],
)
def test_scrubber_row(results, expected):
    assert t.scrubber_row("h", results) == expected


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ({"failed": True, "msg": "The scrubber can't be looked at: x."}, "The scrubber can't be looked at: x."),
        ({"failed": True}, "failed"),
        ({"unreachable": True, "msg": "Connection timed out"}, "not reached"),
    ],
)
def test_a_host_without_an_answer(result, shown):
    assert t.scrubber_row("h", {"__glance_scrubber": result}) == ("h", "unknown", shown, "unknown", "unknown")
    api = ("h", "unknown", "unknown", "unknown", shown, "unknown")
    assert t.api_row("h", {"__glance_service": result}) == api


def test_the_table_of_the_scrubber():
    found = {"a": {"__glance_scrubber": SCRUBS, "__glance_service": RUNS}, "b": {"__glance_service": RUNS}}
    assert t.status_table(["a", "b"], found, service="scrubber") == [
        "HOST  SCRUBBER  STATE        LAST RUN  WAITING TO BE SCRUBBED",
        "a     timer     active       well      2 images, 1.5 GiB, 0 due, oldest deleted 2026-11-22T01:02:03Z",
        "b     unknown   not reached  unknown   unknown",
    ]
    assert t.status_table(["a"], found, service="api") == t.status_table(["a"], found)


def test_columns_are_as_wide_as_their_widest_cell():
    found = {"a": {}, "long-name.example.com": {"__glance_service": RUNS, "__glance_images": images(active=1)}}
    assert t.status_table(["long-name.example.com", "a"], found) == [
        "HOST                   RELEASE  UNIT     ADDRESS                HEALTH       IMAGES",
        "a                      unknown  unknown  unknown                not reached  unknown",
        "long-name.example.com  2026.2   active   http://127.0.0.1:9292  200 OK       1 (1 active)",
    ]


def test_no_host_gives_the_headings():
    assert t.status_table([], {}) == ["HOST  RELEASE  UNIT  ADDRESS  HEALTH  IMAGES"]
    assert t.status_table([], {}, "scrubber") == ["HOST  SCRUBBER  STATE  LAST RUN  WAITING TO BE SCRUBBED"]


def test_ansible_finds_the_filter():
    assert t.FilterModule().filters() == {"status_table": t.status_table}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({}, ("h", "not reached", "unknown", "unknown")),
        ({"__glance_balancer": {"failed": True, "msg": "no sudo"}}, ("h", "no sudo", "unknown", "unknown")),
        (
            {
                "__glance_balancer": {
                    "health": "well",
                    "has_virtual_address": True,
                    "servers": {"api2": {"a": "DOWN", "b": "DOWN"}, "api1": {"a": "UP", "b": "DOWN"}},
                }
            },
            ("h", "well", "here", "api1 UP/DOWN, api2 DOWN"),
        ),
        (
            {"__glance_balancer": {"health": "no HAProxy answers", "has_virtual_address": False, "servers": {}}},
            ("h", "no HAProxy answers", "not here", "none"),
        ),
    ],
)
def test_loadbalancer_row(results, expected):
    assert t.loadbalancer_row("h", results) == expected
