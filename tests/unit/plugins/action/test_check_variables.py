import pytest
from ansible_collections.glanceops.image_service.plugins.action import check_variables as c

SPECS = [
    {
        "argument_specs": {
            "install": {"options": {"glance_release": {"type": "str", "description": "x"}, "glance_common_x": {}}},
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
        ("glance_common_service", []),
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
        (["images"], True),
        ([], True),
    ],
)
def test_options_are_held_against_the_release_of_hosts_that_have_one(groups, deploys):
    assert c.deploys_release(groups) is deploys
