"""What becomes of a changed configuration of the registry: refused, or in force."""

from __future__ import annotations

import pytest

testinfra_hosts = ["ansible://glance_api"]
REFUSALS = {
    "unsafe": (
        {"glance_registry_allow_unauthenticated_network": False},
        ["glance_registry_allow_unauthenticated_network"],
    ),
    "flavor": ({"glance_registry_config": {"paste_deploy": {"flavor": "trusted-auth"}}}, ["set by glance_auth"]),
}


def state(registry):
    """Return the process of the registry, and all its files with their content."""
    shown = registry.host.check_output("systemctl show --property=MainPID,InvocationID,ActiveState glance-registry")
    files = "find /etc/glance /etc/systemd/system/glance-registry.service -type f -exec sha256sum {} + | sort"
    return shown, registry.host.check_output(files)


@pytest.mark.parametrize(("variables", "named"), REFUSALS.values(), ids=REFUSALS)
def test_refusal_names_the_fault_and_leaves_the_registry_alone(playbook, registry, variables, named):
    before = state(registry)
    run = playbook("site.yml", variables, "--tags", "glance_registry")
    assert run.rc != 0
    assert [words for words in named if words not in run.failures] == [], run.output
    assert run.changed == 0
    assert state(registry) == before


def test_api_whose_registry_is_not_there_is_refused(playbook, service):
    before = service.state()
    run = playbook("site.yml", {"glance_registry_host": "127.0.0.2"}, "--tags", "glance_api")
    assert run.rc != 0
    assert "no registry at 127.0.0.2" in run.failures, run.output
    assert run.changed == 0
    assert service.state() == before


def test_changed_option_restarts_the_registry_and_not_the_api(playbook, registry, service):
    def change(config):
        run = playbook("site.yml", {"glance_registry_config": config}, "--tags", "glance_registry")
        assert run.rc == 0, run.output
        return registry.host.check_output("systemctl show --value --property=InvocationID glance-registry")

    api, before = service.main_pid, state(registry)
    try:
        assert change({"DEFAULT": {"backlog": 128}}) not in before[0]
        assert registry.host.file("/etc/glance/glance-registry.conf").contains("backlog = 128")
    finally:
        change({})
    assert state(registry)[0] != before[0]
    assert service.main_pid == api
