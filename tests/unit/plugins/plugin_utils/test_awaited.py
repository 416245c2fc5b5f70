"""Variables that can't be worked out: what they wait for, and why else."""

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import awaited


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
    assert awaited.empty_groups("v", variables) == empty


@pytest.mark.parametrize(
    ("variables", "awaits"),
    [
        ({"a": "{{ ansible_facts.x }}"}, True),
        ({"a": {"b": ["{{ ansible_facts.x }}"]}}, True),
        ({"a": "{{ b }}", "b": "{{ c }}", "c": "{{ ansible_facts.x }}"}, True),
        ({"a": "{{ b }}", "b": "{{ a }}"}, False),
        ({"a": "b", "b": "{{ ansible_facts.x }}"}, False),
        ({"a": "{{ bb }}", "b": "{{ ansible_facts.x }}"}, False),
        ({"a": None}, False),
    ],
)
def test_a_variable_that_is_made_of_facts_waits_for_them(variables, awaits):
    assert awaited.awaits_facts("a", variables) is awaits


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("object of type 'dict' has no attribute 'ab'.", "there is no 'ab' in what it names"),
        ("Recursive loop detected in template: maximum recursion depth exceeded", "it is made of itself"),
        ("maximum recursion depth exceeded", "it is made of itself"),
        (
            "Attempt to use undecryptable variable: Decryption failed",
            "its vault can't be opened: Decryption failed",
        ),
        ("can only concatenate str (not 'int') to str", "it puts values of different types together"),
        ("'<' not supported between instances of 'str' and 'int'", "it puts values of different types together"),
        (
            "'ansible_hostname' is undefined",
            "'ansible_hostname' is undefined; facts are in ansible_facts, without ansible_ before their names",
        ),
        ("'ansible_facts' is undefined", "'ansible_facts' is undefined"),
        ("'other' is undefined.\nand more", "'other' is undefined"),
        ("", ""),
    ],
)
def test_why_a_template_can_t_be_worked_out(said, reason):
    assert awaited.reason(ValueError(said)) == reason
