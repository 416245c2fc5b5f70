import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import rolling
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import Topology

WANTED = "glance_api_serial should be a number of hosts from 1 to 9999, or a percentage from 1% to 100%"


@pytest.mark.parametrize(
    ("value", "hosts", "taken"),
    [
        (1, 3, 1),
        ("2", 3, 2),
        (9999, 3, 9999),
        ("30%", 10, 3),
        ("50%", 3, 1),
        # Less than a host is one.
        ("1%", 3, 1),
        ("99%", 3, 2),
        ("100%", 3, 3),
    ],
)
def test_a_number_or_a_percentage_is_taken_as_ansible_does(value, hosts, taken):
    helpers = pytest.importorskip("ansible.utils.helpers")
    assert rolling.batch(value, hosts) == taken == helpers.pct_to_int(value, hosts)
    assert rolling.faults({"glance_api_serial": value}) == {}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (0, "0"),
        (-1, "-1"),
        (10000, "10000"),
        (1.5, "1.5"),
        ("0%", '"0%"'),
        ("-5%", '"-5%"'),
        ("101%", '"101%"'),
        ("2.5%", '"2.5%"'),
        ("30 %", '"30 %"'),
        ("many", '"many"'),
        ("", '""'),
        ("1\n", '"1?"'),
        ("٣", '"٣"'),
        (True, "a boolean"),
        (None, "nothing"),
        ([1, 2], "a list"),
        ({"a": 1}, "a dict"),
    ],
)
def test_anything_else_is_refused(value, found):
    assert rolling.faults({"glance_api_serial": value}) == {"glance_api_serial": [f"{WANTED}, found {found}"]}
    assert rolling.batch(value, 3) is None
    assert list(rolling.of_all_hosts(inventory(value))) == [f"{WANTED}, found {found}: correct it."]


def test_what_is_not_there_is_not_judged():
    assert rolling.faults({}) == {}


def inventory(*values, **everywhere):
    hosts = [f"a{number}" for number, _value in enumerate(values, 1)]
    variables = {host: {"glance_api_serial": value, **everywhere} for host, value in zip(hosts, values)}
    return Topology({"glance_api": hosts, "glance_scrubber": ["s"]}, {**variables, "s": {"glance_api_serial": 7}})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        # A service on one host is away while it restarts, whatever is set.
        ([1], []),
        (["100%"], []),
        ([5], []),
        ([1, 1], []),
        (["99%", "99%"], []),
        # From the command line it comes as text.
        ([2, "2", 2], []),
        (
            [2, 2],
            [
                "glance_api_serial should leave a host of the API that serves, found 2 with 2 of them (a1, a2): take 1 "
                "or less."
            ],
        ),
        (
            ["100%", "100%", "100%"],
            [
                "glance_api_serial should leave a host of the API that serves, found 100% with 3 of them (a1, a2, a3): "
                "take 2 or less."
            ],
        ),
        (
            [1, 2, 1],
            [
                "glance_api_serial should be the same on all hosts of the group glance_api, which one play changes, "
                "found 1 on a1, a3 and 2 on a2: set it for the group."
            ],
        ),
        ([], []),
    ],
)
def test_hosts_share_one_value_that_leaves_one_of_them(values, told):
    assert list(rolling.of_all_hosts(inventory(*values))) == told


def test_deployments_of_their_own_may_all_be_changed_at_once():
    assert list(rolling.of_all_hosts(inventory(2, 2, glance_standalone_hosts=True))) == []
    assert list(rolling.of_all_hosts(inventory(2, 2, glance_standalone_hosts="false"))) != []


def test_a_value_that_waits_for_facts_is_refused():
    (sentence,) = rolling.of_all_hosts(Topology({"glance_api": ["a1", "a2"]}, {"a1": {}, "a2": {}}))
    assert sentence == f"a1: {WANTED}, found one that can't be worked out before hosts are reached: write it as it is."
