"""Two registries behind a load balancer, one of which is always there, and what becomes of its virtual address."""

from __future__ import annotations

import os

import pytest
import testinfra

REGISTRIES = ("registry1", "api1")
BALANCER = "keystone1"


@pytest.fixture(scope="module")
def hosts():
    return {name: testinfra.get_host(f"ansible://{name}") for name in (*REGISTRIES, BALANCER)}


@pytest.fixture(scope="module")
def balanced_site(playbook, project):
    """Run site.yml with the balancer in the inventory; without it again at the end."""
    inventories = [*os.environ["ANSIBLE_INVENTORY"].split(","), project / "molecule/legacy/balanced"]

    def run(variables, *options):
        return playbook("site.yml", variables, *(f"--inventory={path}" for path in inventories), *options)

    done = run(None)
    assert done.rc == 0, done.output
    yield run
    done = playbook("site.yml")
    assert done.rc == 0, done.output


@pytest.fixture
def api(balanced_site, api_at, hosts):
    """Give the API, which now listens on the network alone."""
    api = api_at(hosts["api1"].ansible.get_variables()["ansible_host"], 9292)
    yield api
    api.remove_made()


def invocations(hosts):
    show = "systemctl show --value --property=InvocationID glance-registry"
    return [hosts[name].check_output(show) for name in REGISTRIES]


@pytest.fixture
def registries(hosts, server_statuses):
    """Tell what the balancer says of the registries."""
    return lambda: server_statuses(hosts[BALANCER])["glance_registry"]


def test_registries_are_restarted_one_at_a_time_and_the_api_does_not_notice(
    balanced_site, api, hosts, registries, poller
):
    assert registries() == dict.fromkeys(REGISTRIES, "UP")
    before = invocations(hosts)
    with poller() as seen:
        run = balanced_site({"glance_registry_config": {"DEFAULT": {"backlog": 128}}}, "--tags=glance_registry")
    assert run.rc == 0, run.output
    assert not set(invocations(hosts)) & set(before)
    assert registries() == dict.fromkeys(REGISTRIES, "UP")
    assert seen.answers > 50
    assert seen.failures == []


def test_api_does_not_need_the_registry_that_is_down(api, hosts, registries, wait_until):
    hosts["registry1"].check_output("systemctl stop glance-registry")
    try:
        wait_until(lambda: registries()["registry1"] == "DOWN")
        assert api.request("GET", "/v2/images").status == 200
    finally:
        hosts["registry1"].check_output("systemctl start glance-registry")
    wait_until(lambda: registries()["registry1"] == "UP")


def test_address_that_is_no_longer_wanted_goes_with_its_keepalived(balanced_site, hosts):
    balancer = hosts[BALANCER]
    address = balancer.ansible.get_variables()["ansible_host"].rpartition(".")[0] + ".200"
    assert f" {address}/" in balancer.check_output("ip -4 address show")
    run = balanced_site({"glance_loadbalancer_virtual_address": ""}, f"--limit={BALANCER}")
    assert run.rc == 0, run.output
    assert f" {address}/" not in balancer.check_output("ip -4 address show")
    assert not balancer.file("/etc/keepalived/keepalived.conf").exists
    assert not balancer.service("keepalived").is_running
    assert balancer.service("haproxy").is_running
