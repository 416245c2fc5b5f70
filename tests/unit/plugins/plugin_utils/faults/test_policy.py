import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import policy

READABLE = [
    "",
    "@",
    "!",
    "role:admin",
    "role:admin or project_id:%(owner)s",
    "not role:reader and (role:member or rule:context_is_admin)",
    "(role:a and role:b) or (not (role:c))",
    "'member':%(role)s",
    "role:a AND role:b",
    "http://policy.example.com/%(target)s",
]
UNREADABLE = [
    "admin",
    "role admin",
    "role:a or",
    "or role:a",
    "role:a role:b",
    "(role:a",
    "role:a)",
    '"role:a"',
    "not",
    "()",
]


@pytest.mark.parametrize("rule", READABLE)
def test_a_rule_that_oslo_policy_reads_is_let_through(rule):
    assert policy.faults({"glance_api_policy": {"get_image": rule}}) == {}


@pytest.mark.parametrize("rule", UNREADABLE)
def test_a_rule_that_it_takes_for_nobody_is_refused(rule):
    (sentence,) = policy.faults({"glance_api_policy": {"get_image": rule}})["glance_api_policy"]
    assert sentence == (
        "get_image of glance_api_policy should be a rule that oslo.policy can read, such as role:admin or "
        f"project_id:%(owner)s, found {rule}: correct it"
    )


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"get_image": "rule:default", "mine": "@", "add_image": "rule:mine"}, []),
        (
            {"get_imag": "@"},
            ["get_imag of glance_api_policy should be a rule of Glance 2026.2, or one that another rule"],
        ),
        ({"zzz": "@"}, ["found neither: take it away"]),
        ({"get_image": "rule:nobody"}, ["found rule:nobody without one: add it, or name another"]),
    ],
)
def test_names_are_those_of_the_release_or_of_other_rules(rules, said):
    found = policy.faults({"glance_release": "2026.2", "glance_api_policy": rules}).get("glance_api_policy", [])
    assert len(found) == len(said)
    assert all(words in sentence for words, sentence in zip(said, found, strict=True))


def test_names_are_left_to_the_host_without_a_table():
    given = {"glance_api_policy": {"get_imag": "@"}, "glance_release": "2026.2", "glance_install_method": "package"}
    assert policy.faults(given) == {}


@pytest.mark.parametrize(
    ("rules", "config"),
    [
        # As in Glance's own documentation of property protections.
        (
            {"glance_creator": "role:admin or role:spl_role"},
            {"DEFAULT": {"property_protection_file": "/etc/glance/p", "property_protection_rule_format": "policies"}},
        ),
        ({"nobody": "!"}, {"oslo_policy": {"policy_default_rule": "nobody"}}),
        ({"nobody": "!"}, {"DEFAULT": {"policy_default_rule": "nobody"}}),
        ({"shared": "@"}, {"oslo_policy": {"policy_dirs": ["/etc/glance/rules"]}}),
        ({"get_image": "rule:shared"}, {"oslo_policy": {"policy_dirs": "/etc/glance/rules"}}),
    ],
)
def test_rules_may_be_named_or_held_elsewhere(rules, config):
    given = {"glance_release": "2026.2", "glance_api_policy": rules}
    assert len(policy.faults(given)["glance_api_policy"]) == 1
    assert policy.faults({**given, "glance_config": config}) == {}
    assert policy.faults({**given, "glance_api_config": config}) == {}
