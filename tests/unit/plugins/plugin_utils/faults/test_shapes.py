"""Values that are not of the type of their variable."""

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import shapes


@pytest.mark.parametrize(
    ("value", "refused"),
    [("{}", True), ("[]", True), ({}, False), ([], True)],
    ids=["text", "list text", "dict", "list"],
)
def test_a_dictionary_given_as_text_is_refused(value, refused):
    assert bool(shapes.misshapen({"glance_config": value}, {"glance_config": {"type": "dict"}})) is refused


USERS = {
    "type": "list",
    "elements": "dict",
    "options": {"name": {"type": "str", "required": True}, "roles": {"type": "list", "elements": "str"}},
}


@pytest.mark.parametrize(
    ("value", "option", "said"),
    [
        ("a", {"type": "str"}, []),
        ("", {"type": "str"}, []),
        (None, {"type": "str"}, ["v should be a text, found nothing: give it a value or take the line away"]),
        (83, {"type": "str"}, ["v should be a text, found a number: put it in quotes"]),
        (True, {"type": "path"}, ["v should be a path, found a boolean: put it in quotes"]),
        ("many", {"type": "int"}, ["v should be an int, found many"]),
        ("8 0", {"type": "int"}, ['v should be an int, found "8 0"']),
        ("80", {"type": "int"}, []),
        (True, {"type": "int"}, ["v should be an int, found a boolean"]),
        (float("inf"), {"type": "int"}, ["v should be an int, found a number"]),
        ("yes", {"type": "bool"}, []),
        ("perhaps", {"type": "bool"}, ["v should be a bool, found perhaps"]),
        (["a"], {"type": "dict"}, ["v should be a dict, found a list"]),
        ({"a": 1}, {"type": "raw"}, []),
        ("c", {"type": "str", "choices": ["a", "b"]}, ["v should be one of a, b, found c: correct it"]),
        (["c", "a"], {"type": "list", "choices": ["a", "b"]}, ["v should be of a, b, found c: correct it"]),
        ([{"name": "x"}], USERS, []),
        (["x"], USERS, ["an entry of v should be a dict, found a text: give it in a file, or as -e '{\"v\": ...}'"]),
        ([{}], USERS, ["an entry of v should have name, found none: add it"]),
        ([{"nam": "x"}], USERS, ["an entry of v should have name, roles, found nam: correct it"]),
        (
            [{"name": "x", "roles": [1]}],
            USERS,
            ["an entry of roles of x in v should be a text, found a number: put it in quotes"],
        ),
    ],
)
def test_each_part_of_a_value_is_held_against_its_type(value, option, said):
    assert list(shapes.faults("v", value, option)) == said
