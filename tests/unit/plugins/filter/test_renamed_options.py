import copy

import pytest
from ansible_collections.glanceops.image_service.plugins.filter import renamed_options as r

RENAMED = [
    {"section": "DEFAULT", "option": "lock_path", "new_section": "oslo_concurrency", "new_option": "lock_path"},
    {"section": "DEFAULT", "option": "sql_idle", "new_section": "database", "new_option": "recycle"},
    {"section": "database", "option": "idle", "new_section": "database", "new_option": "recycle"},
]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {}),
        ({"DEFAULT": {"debug": True}}, {"DEFAULT": {"debug": True}}),
        ({"database": {"idle": 60}}, {"database": {"recycle": 60}}),
        (
            {"DEFAULT": {"lock_path": "/x", "debug": True}},
            {"DEFAULT": {"debug": True}, "oslo_concurrency": {"lock_path": "/x"}},
        ),
        (
            {"DEFAULT": {"lock_path": "/x"}, "oslo_concurrency": {"a": 1}},
            {"DEFAULT": {}, "oslo_concurrency": {"a": 1, "lock_path": "/x"}},
        ),
        # The new name wins, whatever its value.
        ({"database": {"idle": 60, "recycle": 30}}, {"database": {"recycle": 30}}),
        ({"database": {"idle": 60, "recycle": None}}, {"database": {"recycle": None}}),
        ({"database": {"idle": 60, "recycle": 0}}, {"database": {"recycle": 0}}),
        # Of two old names, the one that is first in the table.
        ({"DEFAULT": {"sql_idle": 1}, "database": {"idle": 2}}, {"DEFAULT": {}, "database": {"recycle": 1}}),
        # A null removes an option, under its old name too.
        ({"database": {"idle": None}}, {"database": {"recycle": None}}),
        ({"database": {"idle": False}}, {"database": {"recycle": False}}),
        # The same name in another section is another option.
        ({"oslo_concurrency": {"lock_path": "/x"}}, {"oslo_concurrency": {"lock_path": "/x"}}),
        ({"fast": {"lock_path": "/x", "idle": 1}}, {"fast": {"lock_path": "/x", "idle": 1}}),
    ],
)
def test_options_get_their_new_names(config, expected):
    before = copy.deepcopy(config)
    assert r.renamed_options(config, RENAMED) == expected
    assert config == before


@pytest.mark.parametrize("values", [None, "text", True, ["lock_path"]])
@pytest.mark.parametrize("section", ["DEFAULT", "database", "other"])
def test_a_section_that_holds_no_options_is_left_as_it_is(section, values):
    assert r.renamed_options({section: values}, RENAMED) == {section: values}


@pytest.mark.parametrize("values", [None, "text", True, ["lock_path"]])
def test_a_new_section_that_holds_no_options_is_left_as_it_is(values):
    config = {"DEFAULT": {"lock_path": "/x"}, "oslo_concurrency": values}
    assert r.renamed_options(config, RENAMED)["oslo_concurrency"] == values


def test_without_a_table_nothing_changes():
    assert r.renamed_options({"a": {"b": 1}}, []) == {"a": {"b": 1}}


def test_ansible_finds_the_filter():
    assert r.FilterModule().filters() == {"renamed_options": r.renamed_options}
