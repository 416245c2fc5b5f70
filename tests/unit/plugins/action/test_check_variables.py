import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.glanceops.image_service.plugins.action import check_variables as c

SPECS = [
    {
        "argument_specs": {
            "install": {"options": {"glance_release": {"type": "str", "description": "x"}}},
            "stop": {"options": None},
        }
    },
    {"argument_specs": {"main": {"options": {"glance_api_port": {"type": "int"}}}}},
]


def test_operators_options_of_all_entry_points_are_collected():
    assert c.operator_options(SPECS) == {"glance_release": {"type": "str"}, "glance_api_port": {"type": "int"}}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("glance_release", []),
        (
            "glance_relase",
            ["glance_relase is not a variable of glanceops.image_service (did you mean glance_release?)"],
        ),
        ("glance_zzzzzzzzzzzz", ["glance_zzzzzzzzzzzz is not a variable of glanceops.image_service"]),
        ("glance_lab_suite", []),
        ("__glance_x", []),
        ("other", []),
    ],
)
def test_a_name_that_nobody_knows_is_told(name, expected):
    assert c.unknown([name], ["glance_release", "glance_api_port"]) == expected


@pytest.mark.parametrize(
    ("value", "refused"),
    [("{}", True), ("[]", True), ({}, False), ([], True)],
    ids=["text", "list text", "dict", "list"],
)
def test_a_dictionary_given_as_text_is_refused(value, refused):
    assert bool(c.misshapen({"glance_config": value}, {"glance_config": {"type": "dict"}})) is refused


@pytest.mark.parametrize(
    ("value", "empty"),
    [
        ("{{ hostvars[groups.glance_database | first].ansible_host }}", ["glance_database"]),
        ("{{ groups['glance_registry'] | join(',') }}", ["glance_registry"]),
        ("{{ groups.glance_api | first }}", []),
        ("{{ mygroups.glance_database }}", []),
        ("plain", []),
    ],
)
def test_a_group_without_hosts_that_a_variable_needs_is_found(value, empty):
    variables = {"v": value, "groups": {"glance_api": ["a"], "glance_database": []}}
    assert c.empty_groups("v", variables) == empty


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
    assert c.deploys_release(groups) is deploys


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
    assert c.services_of(groups, role) == services


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
    assert c.unknown_yet(services, given, facts) == unknown


def test_what_playbooks_hand_over_are_variables():
    known = c.operator_options(c.specs.read(DataLoader()))
    assert c.HANDED.keys() - known.keys() == set()
