import pytest
from ansible_collections.glanceops.image_service.plugins.filter import gone_options as g

GONE = [
    {"section": "DEFAULT", "option": "verbose", "instead": "set debug"},
    {"section": "DEFAULT", "option": "data_api", "instead": "set glance_database_url"},
    {"section": "database", "option": "verbose", "instead": "set connection_debug"},
]
VERBOSE = "verbose of [DEFAULT], which is gone: set debug"
DATA_API = "data_api of [DEFAULT], which is gone: set glance_database_url"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, []),
        ({"DEFAULT": {}}, []),
        ({"DEFAULT": None}, []),
        ({"DEFAULT": {"debug": True}}, []),
        ({"DEFAULT": {"verbose": True}}, [VERBOSE]),
        # Some value is there all the same, only a null removes the option.
        ({"DEFAULT": {"verbose": False}}, [VERBOSE]),
        ({"DEFAULT": {"verbose": ""}}, [VERBOSE]),
        ({"DEFAULT": {"verbose": 0}}, [VERBOSE]),
        ({"DEFAULT": {"verbose": None}}, []),
        ({"DEFAULT": {"data_api": "x", "debug": 1, "verbose": 1}}, [VERBOSE, DATA_API]),
        ({"database": {"verbose": 1}}, ["verbose of [database], which is gone: set connection_debug"]),
        ({"fast": {"verbose": 1}}, []),
        ({"DEFAULT": {"verbose": None, "data_api": "x"}, "database": None}, [DATA_API]),
    ],
)
def test_what_is_gone_is_named_with_what_to_do_instead(config, expected):
    assert g.gone_options(config, GONE) == expected


def test_ansible_finds_the_filter():
    assert g.FilterModule().filters() == {"gone_options": g.gone_options}
