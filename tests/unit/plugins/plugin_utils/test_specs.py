"""The options of all roles that an operator sets."""

from ansible_collections.glanceops.image_service.plugins.plugin_utils import specs

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
    assert specs.operator_options(SPECS) == {"glance_release": {"type": "str"}, "glance_api_port": {"type": "int"}}
