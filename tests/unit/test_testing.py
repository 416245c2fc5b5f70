"""What the tests of scenarios read from the output of ansible-playbook, and what they show when they fail."""

import pytest
from testing import playbooks, reports
from testing.playbooks import Run
from testing.waiting import wait_until

FAILED = """
TASK [Check] ***
fatal: [api1]: FAILED! => {
    "changed": false,
    "msg": "glance_api_port should be a port, found 0: set one."
}
fatal: [api2 -> api1(192.0.2.1)]: UNREACHABLE! => {"msg": "no route", "unreachable": true}
fatal: [api1]: FAILED! => {"rc": 1}

PLAY RECAP ***
api1                       : ok=3    changed=1    unreachable=0    failed=2
api2                       : ok=4    changed=2    unreachable=1    failed=0
"""
SENTENCES = "glance_api_port should be a port, found 0: set one.\nno route\n{'rc': 1}"


def test_run_tells_what_its_hosts_failed_with():
    run = Run(2, FAILED)
    assert run.recap["api1"] == {"ok": 3, "changed": 1, "unreachable": 0, "failed": 2}
    assert run.changed == 3
    assert run.failures == SENTENCES
    assert run.failed == {
        "api1": "glance_api_port should be a port, found 0: set one.\n{'rc': 1}\n",
        "api2": "no route\n",
    }


@pytest.mark.parametrize(("printed", "shown"), [([], ""), ([FAILED], SENTENCES), ([FAILED, "PLAY RECAP ***\n"], "")])
def test_report_has_the_failures_of_the_last_playbook_alone(monkeypatch, printed, shown):
    monkeypatch.setattr(playbooks, "PRINTED", printed)
    monkeypatch.setattr(reports, "PRINTED", printed)
    assert reports.last_failures() == shown


def test_failed_assert_of_a_shared_module_shows_its_values():
    with pytest.raises(AssertionError, match=r"nothing printed\nassert \{\}"):
        _changed = Run(1, "nothing printed").changed


def test_wait_tells_what_it_found_last():
    found = iter([0, OSError("refused")])

    def condition():
        value = next(found, "ready")
        if isinstance(value, OSError):
            raise value
        return value

    assert wait_until(condition, every=0) == "ready"
    with pytest.raises(AssertionError, match=r"not within 0 s, last found: \[\]"):
        wait_until(list, seconds=0)


def test_the_project_is_the_folder_of_this_collection():
    from testing import scenario

    assert (scenario.PROJECT / "galaxy.yml").is_file()
