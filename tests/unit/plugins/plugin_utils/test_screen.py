import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.screen import (
    failure_reason,
    failure_summary,
    message_lines,
    unreachable_reason,
)

LOST = "Failed to connect to the host via ssh: "


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        ({"msg": "one"}, ["one"]),
        ({"msg": "one\ntwo"}, ["one", "two"]),
        ({"msg": ["HOST  UNIT", "api1  active"]}, ["HOST  UNIT", "api1  active"]),
        ({"msg": {"a": 1}}, None),
        ({"msg": [1, 2]}, None),
        ({"some_variable": 3}, None),
    ],
)
def test_messages_stand_as_they_are(result, lines):
    assert message_lines(result) == lines


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"msg": "X should be Y, found Z: do W."}, "X should be Y, found Z: do W."),
        ({"msg": ["first.", "second."]}, "first.\nsecond."),
        ({"msg": "non-zero return code", "rc": 1, "stderr": "no such user\n", "stdout": "x"},
         "non-zero return code\nno such user"),
        ({"msg": "non-zero return code", "rc": 1, "stderr": "", "stdout": "half\ndone"},
         "non-zero return code\nhalf\ndone"),
        ({"msg": "'apt-get' failed: E: no package", "rc": 100, "stderr": "E: no package\n"},
         "'apt-get' failed: E: no package"),
        ({"msg": "MODULE FAILURE", "rc": 1, "module_stderr": "Traceback:\nboom"}, "MODULE FAILURE\nTraceback:\nboom"),
        ({"msg": "the answer was 503", "stdout": "not of a program"}, "the answer was 503"),
        ({"msg": "One or more items failed", "results": [
            {"failed": True, "msg": "a"}, {"msg": "well"}, {"failed": True, "msg": "b"}, {"failed": True, "msg": "a"}]},
         "a\nb"),
        ({"censored": "hidden by no_log"}, "hidden by no_log"),
        ({}, "The task gave no reason: run again with -v."),
    ],
)  # fmt: skip
def test_a_failure_is_its_message_and_what_that_leaves_out(result, reason):
    assert failure_reason(result) == reason


def test_of_a_long_output_the_end_is_the_reason():
    printed = [f"line {number}" for number in range(100)]
    reason = failure_reason({"msg": "non-zero return code", "rc": 1, "stderr": "\n".join(printed)})
    assert reason.splitlines() == ["non-zero return code", *printed[-20:]]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (f"{LOST}ssh: connect to host 192.0.2.1 port 22: No route to host", "found 'ssh: connect to host 192.0.2.1"),
        (f"{LOST}@@@@@@@\nsomebody listens\nHost key verification failed.\n", "'Host key verification failed.'"),
        ('Data could not be sent. Make sure this host can be reached over ssh: kex: closed', "'kex: closed'"),
        ("The connection plugin has no route", "The connection plugin has no route"),
        ("", "The host was not reached"),
    ],
)  # fmt: skip
def test_an_unreachable_host_has_the_last_words_of_ssh(message, said):
    assert said in unreachable_reason({"msg": message})
    assert "somebody" not in unreachable_reason({"msg": message})


def test_a_reason_is_said_once_for_all_hosts_that_have_it():
    reasons = {
        "api2": "api2: the port should be free.",
        "api1": "api1: the port should be free.",
        "db1": "no route",
        "db2": "db2 should have come by upgrade.yml.",
        "localhost": "The inventory should have a host.",
    }
    assert failure_summary(reasons) == [
        "api1, api2: the port should be free.",
        "db1: no route",
        "db2 should have come by upgrade.yml.",
        "The inventory should have a host.",
    ]
    assert failure_summary({}) == []
