"""One host with everything on it: users come in at the balancer's port, and the API has another one behind it."""

import os
import re
import signal

from testing.playbooks import started_playbook

DISK = b"what users store " * 4096


def test_users_reach_the_api_through_the_balancer(api_at, host, users_password):
    address = host.ansible.get_variables()["ansible_host"]
    api = api_at(address, 9292).with_password("admin", users_password)
    image = api.create()
    try:
        assert api.upload(image, [DISK]).status == 204
        assert api.show(image)["size"] == len(DISK)
    finally:
        api.remove_made()


def test_the_deployment_is_verified_where_users_come_in(playbook, host):
    run = playbook("verify.yml")
    address = host.ansible.get_variables()["ansible_host"]
    assert run.rc == 0, run.output
    assert run.changed == 0
    assert f"was uploaded through http://{address}:9292, came back with the same bytes and is deleted." in run.output
    assert "Its data is scrubbed in 3600 s" in run.output


def test_verification_fails_when_users_can_not_get_in(playbook, host):
    host.check_output("systemctl stop haproxy")
    try:
        run = playbook("verify.yml")
    finally:
        host.check_output("systemctl start haproxy")
    assert run.rc == 2
    assert "Connection refused" in run.failures


def test_one_port_for_both_is_refused_before_anything_is_done(playbook, service):
    before = service.state()
    run = playbook("site.yml", {"glance_api_port": 9292})
    assert run.rc == 2
    assert run.failures == (
        "all1: the image API and the load balancer should listen at two ports, found 9292 for both: set "
        "glance_loadbalancer_api_port or glance_api_port to another port."
    )
    assert "all1" not in run.recap
    assert service.state() == before


def test_of_two_runs_at_a_time_one_is_told_who_is_at_work(playbook, service):
    before = service.state()
    with started_playbook("site.yml", None) as first:
        # With nothing to do, it would be over before another one has waited long enough for its lock.
        assert any("Compute the desired state of the database" in line for line in first.stdout)
        os.kill(first.pid, signal.SIGSTOP)
        refused = playbook("site.yml")
        os.kill(first.pid, signal.SIGCONT)
        output = first.stdout.read()
        assert first.wait() == 0, output
    assert set(re.findall(r"changed=(\d+)", output)) == {"0"}, output
    assert refused.rc == 2
    assert "all1: one run at a time should change a host, found " in refused.failures
    assert "wait until it has ended, or end it, then run again." in refused.failures
    assert service.state() == before


def test_a_killed_run_keeps_nobody_out(killed_playbook, playbook):
    killed_playbook("site.yml", None, "Compute the desired state of the database")
    assert playbook("restart.yml").rc == 0
