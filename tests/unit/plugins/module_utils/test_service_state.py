"""Which units are stopped, started and restarted; what a run does with them is in the tests of the module."""

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import service_state
from ansible_collections.glanceops.image_service.plugins.module_utils.service import ServiceError

PARAMS = {
    "name": "glance-api",
    "state": "restarted",
    "units": [],
    "stopped_units": [],
    "kept_units": [],
    "health_url": "http://127.0.0.1:9292/healthcheck",
    "health_unit": None,
    "drain_file": None,
    "health_timeout": 120,
    "stop_timeout": 660,
}


def unit(active="active", enabled="enabled", reload="no", path=__file__, kind="simple"):
    return {
        "ActiveState": active,
        "UnitFileState": enabled,
        "NeedDaemonReload": reload,
        "FragmentPath": path,
        "Type": kind,
    }


@pytest.fixture
def calls(monkeypatch):
    """Collect what systemctl is asked to do, and within how many seconds."""
    made = []
    monkeypatch.setattr(
        service_state.service, "systemctl", lambda *words, timeout=60: made.append((" ".join(words), timeout))
    )
    return made


@pytest.mark.parametrize(
    ("active", "enabled", "runs", "stopping"),
    [
        ("active", "enabled", True, True),
        ("active", "disabled", True, True),
        ("activating", "static", True, True),
        ("deactivating", "disabled", True, True),
        ("inactive", "enabled", False, True),
        ("failed", "enabled", False, True),
        ("failed", "disabled", False, False),
        ("inactive", "", False, False),
    ],
)
def test_a_unit_is_stopped_when_it_runs_or_would_after_a_boot(active, enabled, runs, stopping):
    states = {"a.service": unit(active, enabled)}
    assert service_state.running(states) == ["a.service"] * runs
    assert service_state.active_or_enabled(states) == ["a.service"] * stopping


def test_a_service_without_units_has_the_one_of_its_name():
    assert service_state.units_of(PARAMS) == ["glance-api.service"]
    assert service_state.units_of({**PARAMS, "units": ["a.timer"]}) == ["a.timer"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (unit(), ["disable --now a"]),
        (unit(reload="yes"), ["stop a", "disable --now a"]),
        (unit(active="inactive", reload="yes"), ["disable --now a"]),
        (unit(path="/no/such"), ["stop a", "disable a"]),
        (unit(active="inactive", path=""), ["disable a"]),
        (unit(active="activating", kind="oneshot"), ["disable --now a", "reset-failed a"]),
        (unit(active="activating"), ["disable --now a"]),
    ],
)
def test_a_unit_is_put_to_rest_by_what_systemd_knows_of_it(calls, state, expected):
    service_state.stop_and_disable({"a": state}, ["a"], 7)
    assert [command for command, _seconds in calls] == expected
    assert all(seconds == 7 for command, seconds in calls if "now" in command or command.startswith("stop"))


def test_a_restart_has_the_time_of_a_stop_and_of_a_start_and_ends_the_draining(calls, tmp_path):
    (tmp_path / "drained").touch()
    states = {"a": unit(), "b": unit(), "old": unit(enabled="disabled")}
    params = {**PARAMS, "units": ["a", "b"], "kept_units": ["b"], "drain_file": str(tmp_path / "drained")}
    service_state.restart(params, states, ["a", "b"], ["old"])
    assert calls == [
        ("disable --now old", 660),
        ("daemon-reload", 60),
        ("reset-failed a b", 60),
        ("enable a b", 60),
        ("restart a", 780),
    ]
    assert not (tmp_path / "drained").exists()


def test_a_restart_that_fails_ends_the_draining_too(monkeypatch, tmp_path):
    def systemctl(verb, *_words, **_options):
        if verb == "restart":
            raise ServiceError("no")

    monkeypatch.setattr(service_state.service, "systemctl", systemctl)
    (tmp_path / "drained").touch()
    with pytest.raises(ServiceError):
        service_state.restart({**PARAMS, "drain_file": str(tmp_path / "drained")}, {"a": unit()}, ["a"], [])
    assert not (tmp_path / "drained").exists()
