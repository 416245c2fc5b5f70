import pytest
from ansible_collections.glanceops.image_service.plugins.filter import status_table as t

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
        ({"failed": True, "msg": "GET http://127.0.0.1 got 500"}, "GET http://127.0.0.1 got 500"),
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
def test_row(results, expected):
    assert t.row("h", results) == expected


def test_columns_are_as_wide_as_their_widest_cell():
    found = {"a": {}, "long-name.example.com": {"__glance_service": RUNS, "__glance_images": images(active=1)}}
    assert t.status_table(["long-name.example.com", "a"], found) == [
        "HOST                   RELEASE  UNIT     ADDRESS                HEALTH       IMAGES",
        "long-name.example.com  2026.2   active   http://127.0.0.1:9292  200 OK       1 (1 active)",
        "a                      unknown  unknown  unknown                not reached  unknown",
    ]


def test_no_host_gives_the_headings():
    assert t.status_table([], {}) == ["HOST  RELEASE  UNIT  ADDRESS  HEALTH  IMAGES"]


def test_ansible_finds_the_filter():
    assert t.FilterModule().filters() == {"status_table": t.status_table}
