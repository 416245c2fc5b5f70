"""Both modes: what runs in them by itself, and going from one to the other; the tests need their order."""

from __future__ import annotations

import time

import pytest

GONE = {(404, "deleted", "")}
ALWAYS = {"glance-scrubber.service", "glance-scrubber-check.service"}
FILES = {"timer": {*ALWAYS, "glance-scrubber.timer"}, "daemon": {*ALWAYS, "glance-scrubber-check.timer"}}
RUNNING = {"timer": {"glance-scrubber.timer"}, "daemon": {"glance-scrubber.service", "glance-scrubber-check.timer"}}
SCRUB_TIME = 4
# Every deployment in the other mode and with short times, which leave the machine some time for the tests.
OTHER = {
    "glance_scrubber_mode": "{{ 'timer' if inventory_hostname == 'postgresql1' else 'daemon' }}",
    "glance_scrubber_wakeup_time": 4,
    "glance_scrub_time": SCRUB_TIME,
    "glance_scrubber_config": {
        "DEFAULT": {"lock_path": "/var/lib/glance/locks/scrubber"},
        "database": {"idle_timeout": 1234},
    },
}
# It reads a file of its own after the scrubber's, and reaches its 991st round in seconds.
DROP_IN = "/run/systemd/system/glance-scrubber.service.d"
WITHOUT_PAUSE = """[Service]
RuntimeDirectory=glanceops
ExecStartPre=/bin/sh -c 'echo [DEFAULT] >/run/glanceops/wakeup.conf; echo wakeup_time=0 >>/run/glanceops/wakeup.conf'
ExecStart=
ExecStart=/opt/glance/current/bin/glance-scrubber --config-file=/etc/glance/glance-scrubber.conf \\
  --config-file=/run/glanceops/wakeup.conf
"""
OTHER_MODES = {"mariadb1": "daemon", "postgresql1": "timer"}


def units(it):
    """Return the units that are there, those that are enabled, and those that run all the time."""
    found = it.units()
    files = it.host.check_output("find /etc/systemd/system -name %s -printf %s", "glance-scrubber*", "%f ").split()
    enabled, running = ({unit for unit, states in found.items() if word in states} for word in ("enabled", "active"))
    return {*found, *files}, enabled, running


def expected(modes):
    return {name: (FILES[mode], RUNNING[mode], RUNNING[mode]) for name, mode in modes.items()}


@pytest.fixture(scope="module")
def other(site):
    """Deploy the other mode everywhere."""
    run = site(OTHER)
    assert run.rc == 0, run.output
    return run


def test_other_mode_leaves_nothing_of_the_one_before(every, other, site):
    assert all(other.recap[name]["changed"] for name in every.names)
    assert every(units) == expected(OTHER_MODES)
    again = site(OTHER)
    assert again.rc == 0, again.output
    assert again.changed == 0, again.output


@pytest.mark.usefixtures("other")
def test_options_that_were_renamed_take_effect_under_their_new_names(every):
    for config in every.config().values():
        assert config["database"]["connection_recycle_time"] == "1234"
        assert config["oslo_concurrency"]["lock_path"] == "/var/lib/glance/locks/scrubber"
        assert "idle_timeout" not in config["database"]
        assert "lock_path" not in config.defaults()


@pytest.mark.usefixtures("other")
def test_image_is_scrubbed_by_itself_when_its_time_is_over(every, until):
    images = every.upload("fast", "slow")
    every.delete(images)
    until(lambda it, image: it.look(image) == GONE, images)
    for name, rows in every.rows(images).items():
        (image,) = rows["images"]
        waited = seconds(image["updated_at"]) - seconds(image["deleted_at"])
        assert SCRUB_TIME <= waited <= SCRUB_TIME + 20, (name, image)


def seconds(text):
    """Return a time of the database in whole seconds."""
    return time.mktime(time.strptime(text.split(".")[0], "%Y-%m-%d %H:%M:%S"))


@pytest.mark.usefixtures("other")
def test_mode_of_before_is_back_without_a_trace(every, site):
    run = site()
    assert run.rc == 0, run.output
    assert every(units) == expected(every.mode)


def test_stopped_scrubber_is_told_by_status_and_started_by_the_next_run(every, playbook, site):
    def stop(it):
        it.host.check_output(f"systemctl stop {' '.join(RUNNING[it.mode])}")

    every(stop)
    status = playbook("status.yml")
    assert status.rc != 0
    assert set(status.failed) == set(every.names), status.output
    run = site()
    assert run.rc == 0, run.output
    # Nothing else is left to do after the switch of modes.
    assert [run.recap[name]["changed"] for name in every.names] == [1] * len(every.names)
    assert every(units) == expected(every.mode)


def test_daemon_outlives_the_fault_that_ends_it_after_991_rounds(every, wait_until):
    (it,) = (it for it in every.deployments if it.mode == "daemon")
    it.host.check_output(f"mkdir -p {DROP_IN} && printf %s >{DROP_IN}/wakeup.conf", WITHOUT_PAUSE)
    it.host.check_output("systemctl daemon-reload && systemctl restart glance-scrubber")
    try:
        wait_until(lambda: int(it.show("NRestarts")) > 0, 120, every=1)
        told = it.host.check_output("journalctl --quiet --output=cat --unit=glance-scrubber")
        assert "maximum recursion depth exceeded" in told
        image = it.upload("fast", "slow")
        it.delete(image, ago=3600)
        wait_until(lambda: it.look(image) == GONE)
    finally:
        it.host.check_output(f"rm -r {DROP_IN} && systemctl daemon-reload && systemctl restart glance-scrubber")
