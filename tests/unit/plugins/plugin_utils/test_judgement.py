"""Which judges a host has, by its groups, and what they wait for; what they say is in test_judge.py."""

import copy

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.glanceops.image_service.plugins.plugin_utils import judgement, specs


@pytest.mark.parametrize(
    ("groups", "deploys"),
    [
        (["glance", "glance_loadbalancer"], False),
        (["glance_database", "glance_identity"], False),
        (["glance_database", "glance_scrubber"], True),
        (["glance_registry"], True),
        # A host that stands in no group of ours, and what a role is called for besides.
        ([], True),
        (["glance_purge"], True),
    ],
)
def test_options_are_held_against_the_release_of_hosts_that_have_one(groups, deploys):
    assert judgement.deploys_release(groups) is deploys


@pytest.mark.parametrize(
    ("groups", "role", "services"),
    [
        ([], "", set()),
        (["all", "glance", "glance_api", "images"], "", {"glance_api"}),
        (["images"], "glance-registry", {"glance_registry"}),
        (["glance_api", "glance_scrubber"], "glance-scrubber", {"glance_api", "glance_scrubber"}),
        (["glance_api"], "glance-purge", {"glance_api", "glance_purge"}),
    ],
)
def test_services_of_a_host_are_those_of_its_groups_and_of_the_role(groups, role, services):
    assert judgement.services_of(groups, role) == services


@pytest.mark.parametrize(
    ("services", "given", "facts", "unknown"),
    [
        (set(), {}, False, []),
        ({"glance_registry"}, {}, False, []),
        ({"glance_scrubber"}, {}, False, ["glance_deployment_hosts"]),
        ({"glance_api"}, {}, False, ["glance_api_hosts", "glance_deployment_hosts"]),
        ({"glance_api"}, {"glance_api_hosts": [], "glance_deployment_hosts": []}, False, []),
        ({"glance_registry"}, {"glance_install_method": "package"}, False, ["ansible_facts"]),
        ({"glance_registry"}, {"glance_install_method": "package"}, True, []),
        ({"glance_database"}, {"glance_database_users_in_use": []}, False, []),
        ({"glance_identity"}, {"glance_identity_users_in_use": []}, False, ["ansible_facts"]),
        ({"glance_identity"}, {}, True, ["glance_identity_users_in_use"]),
        ({"glance_loadbalancer"}, {}, True, ["glance_loadbalancer_addresses", "glance_loadbalancer_services"]),
    ],
)
def test_what_judges_will_ask_for_is_waited_for(services, given, facts, unknown):
    assert judgement.unknown_yet(services, given, facts) == unknown


def test_what_playbooks_hand_over_are_variables():
    known = specs.operator_options(specs.read(DataLoader()))
    assert judgement.HANDED.keys() - known.keys() == set()


def test_a_judgement_leaves_what_all_have_in_common_as_it_is():
    known = specs.operator_options(specs.read(DataLoader()))
    before = copy.deepcopy(known)
    given = {"glance_database_install": True, "glance_mounts": [{"path": "/srv", "src": "nas:/x"}]}
    told = judgement.judge(given, known)
    assert known == before
    # A second one, when facts are known, says the same.
    assert judgement.judge(given, known) == told
