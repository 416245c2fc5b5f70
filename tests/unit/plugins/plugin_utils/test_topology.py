import ipaddress

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import topology as t
from parties import Party

DEFAULTS = {
    "glance_release": "2026.2",
    "glance_api_bind_address": "127.0.0.1",
    "glance_api_port": 9292,
    "glance_api_backend_port": 9293,
    "glance_registry_bind_address": "127.0.0.1",
    "glance_registry_port": 9191,
    "glance_loadbalancer_bind_address": "0.0.0.0",
    "glance_loadbalancer_api_port": 9292,
    "glance_tls_certificate": "",
}
RELEASES = {"2026.2": {"server": "uwsgi"}, "2025.1": {"server": "eventlet"}, "ussuri": {"registry": True}}
FACTS = {
    "default_ipv4": {"address": "10.0.0.5", "interface": "eth0.7"},
    "eth0_7": {
        "ipv4": {"address": "10.0.0.5", "netmask": "255.255.255.0"},
        "ipv4_secondaries": [{"address": "10.9.0.5", "netmask": "255.255.0.0"}],
    },
}


def inventory(groups, **of_hosts):
    """Return a topology of *groups*, in which each host has the defaults and what *of_hosts* gives it."""
    hosts = {host for members in groups.values() for host in members}
    return t.Topology(groups, {host: {**DEFAULTS, **of_hosts.get(host, {})} for host in hosts})


def together(*groups, **variables):
    """Return what is said of the ports of one host that is in all *groups*."""
    return list(t.port_conflicts(inventory({group: ["h"] for group in groups}, h=variables), RELEASES))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("glance_loadbalancers", "glance_loadbalancer"),
        ("glance_load_balancer", "glance_loadbalancer"),
        ("glance-api", "glance_api"),
        ("Glance_API", "glance_api"),
        ("glance_apis", "glance_api"),
        ("glance_scrub", "glance_scrubber"),
        ("glance_databse", "glance_database"),
        ("glance_retire", "glance_retired"),
    ],
)
def test_a_slip_in_the_name_of_a_group_is_told(name, meant):
    (sentence,) = t.misnamed(t.Topology({name: ["b"], "glance_api": ["a"]}))
    assert sentence == (
        f"The inventory has a group {name} with b, which is none of glanceops.image_service (did you mean {meant}?): "
        "rename it."
    )


@pytest.mark.parametrize(
    "groups",
    [
        {"glance_api": ["a"]},
        # Without hosts it does no harm.
        {"glance_loadbalancers": []},
        # A part of one of ours.
        {"glance_api": ["a", "b"], "glance_api1": ["a"]},
        {"glance_api_steady": ["a"]},
        {"glance_lab_apis": ["a"]},
        {"loadbalancer": ["a"], "web": ["b"], "all": ["a"], "ungrouped": ["a"]},
    ],
)
def test_other_groups_are_let_be(groups):
    assert list(t.misnamed(t.Topology(groups))) == []


@pytest.mark.parametrize(
    ("groups", "selected", "said"),
    [
        ({"glance_api": ["a"]}, ["a", "b"], None),
        ({"glance_api": ["a", "b"]}, ["b"], None),
        ({}, ["localhost"], "The inventory should have at least one host in the group glance_api, found none: see inv"),
        ({"glance_api": []}, ["b"], "The inventory should have at least one host in the group glance_api, found none"),
        (
            {"glance_api": ["a1", "a2"]},
            ["d"],
            "The run should have at least one of a1, a2 (of glance_api), found none with --limit d: name one of them",
        ),
    ],
)
def test_a_run_without_hosts_is_refused(groups, selected, said):
    found = list(t.absent(t.Topology(groups), ["glance_api"], selected, "d"))
    assert [sentence.startswith(said or "") for sentence in found] == [True] * bool(said)


def test_any_of_several_groups_will_do():
    groups = t.Topology({"glance_scrubber": ["s"]})
    assert list(t.absent(groups, ["glance_api", "glance_scrubber"], ["s"], "")) == []
    (sentence,) = t.absent(groups, ["glance_api", "glance_registry"], ["s"], "")
    assert "in the groups glance_api, glance_registry, found none" in sentence


@pytest.mark.parametrize("group", ["glance_scrubber", "glance_database", "glance_identity"])
def test_a_second_host_is_refused_unless_each_stands_alone(group):
    (sentence,) = t.crowded(inventory({group: ["a", "b"]}))
    assert sentence.startswith(f"The group {group} should have one host, found a, b: ")
    alone = {"glance_standalone_hosts": "true"}
    assert list(t.crowded(inventory({group: ["a", "b"]}, a=alone, b=alone))) == []
    assert list(t.crowded(inventory({group: ["a", "b"]}, a=alone)))
    assert list(t.crowded(inventory({group: ["a"]}))) == []


def test_a_host_that_is_wanted_and_decommissioned_is_refused():
    (sentence,) = t.kept(inventory({"glance_retired": ["b", "a", "c"], "glance_loadbalancer": ["a"], "x": ["c"]}))
    assert "found a in another one" in sentence


@pytest.mark.parametrize(
    ("groups", "delayed", "refused"),
    [
        ({"glance_api": ["a"]}, True, True),
        ({"glance_api": ["a"]}, "yes", True),
        ({"glance_api": ["a"]}, False, False),
        ({"glance_api": ["a"], "glance_scrubber": ["b"]}, True, False),
    ],
)
def test_delayed_delete_needs_a_scrubber(groups, delayed, refused):
    assert bool(list(t.unscrubbed(inventory(groups, a={"glance_delayed_delete": delayed})))) is refused


MARIADB = {"glance_database_engine": "mariadb", "glance_database_bind_address": "127.0.0.1"}


@pytest.mark.parametrize(
    ("groups", "variables", "said"),
    [
        (["glance_api"], {}, None),
        (
            ["glance_api", "glance_loadbalancer"],
            {},
            "h: the image API and the load balancer should listen at two ports, found 9292 for both: set "
            "glance_loadbalancer_api_port or glance_api_port to another port.",
        ),
        (["glance_api", "glance_loadbalancer"], {"glance_loadbalancer_api_port": 80}, None),
        (["glance_api", "glance_loadbalancer"], {"glance_api_port": "9393"}, None),
        # One has an address that is not known yet, the other has all of them.
        (["glance_api", "glance_loadbalancer"], {"glance_api_bind_address": None}, "h: the image API and the load bal"),
        (
            ["glance_api", "glance_loadbalancer"],
            {"glance_api_bind_address": None, "glance_loadbalancer_bind_address": "10.0.0.1"},
            None,
        ),
        (
            ["glance_api", "glance_loadbalancer"],
            {"glance_api_bind_address": "10.0.0.1", "glance_loadbalancer_bind_address": "10.0.0.2"},
            None,
        ),
        (["glance_api", "glance_database"], {**MARIADB, "glance_api_port": 3306}, "h: the image API and the database"),
        (
            ["glance_api", "glance_database"],
            {**MARIADB, "glance_api_port": 3306, "glance_database_install": False},
            None,
        ),
        (["glance_api", "glance_database"], {"glance_database_engine": "mariadb", "glance_api_port": 3306}, None),
        (["glance_loadbalancer", "glance_database"], {**MARIADB, "glance_loadbalancer_api_port": 3306}, "set glance_l"),
        # The registry is there with its release alone.
        (["glance_api", "glance_registry"], {"glance_registry_port": 9292}, None),
        (
            ["glance_api", "glance_registry"],
            {"glance_registry_port": 9292, "glance_release": "ussuri"},
            "set glance_registry_port or glance_api_port to another port",
        ),
        (
            ["glance_registry", "glance_loadbalancer"],
            {"glance_loadbalancer_registry": True, "glance_release": "ussuri"},
            "found 9191 for both: give the balancers hosts of their own",
        ),
        (
            ["glance_api", "glance_loadbalancer"],
            {"glance_release": "2025.1", "glance_loadbalancer_api_port": 9293},
            "set glance_loadbalancer_api_port or glance_api_backend_port",
        ),
        (["glance_api", "glance_loadbalancer"], {"glance_loadbalancer_api_port": 9293}, None),
    ],
)
def test_two_services_at_one_port_are_refused(groups, variables, said):
    found = together(*groups, **variables)
    assert [said in sentence for sentence in found] == ([True] if said else [])


def test_balancers_that_share_an_address_have_one_port():
    virtual = {"glance_loadbalancer_virtual_address": "10.0.0.9"}
    groups = {"glance_loadbalancer": ["a", "b"]}
    other = {**virtual, "glance_loadbalancer_api_port": 80}
    (sentence,) = t.balancer_ports(inventory(groups, a=virtual, b=other))
    assert "found 9292 on a and 80 on b" in sentence
    assert list(t.balancer_ports(inventory(groups, a=virtual, b=virtual))) == []
    assert list(t.balancer_ports(inventory(groups, b={"glance_loadbalancer_api_port": 80}))) == []


def test_each_server_is_asked_at_its_own_port():
    groups = {"glance_api": ["a", "b"], "glance_registry": ["r"], "glance_loadbalancer": ["l"]}
    found = inventory(
        groups,
        a={"glance_api_bind_address": "10.0.0.1", "glance_tls_certificate": "PEM"},
        b={"glance_api_bind_address": "10.0.0.2", "glance_api_port": "9393"},
        r={"glance_registry_bind_address": "10.0.0.3", "glance_registry_port": 9292},
        l={"glance_loadbalancer_registry": True, "glance_loadbalancer_api_port": 80},
    )
    assert t.backends(found, "l") == {
        "glance_api": {
            "port": 80,
            "servers": {"a": "10.0.0.1", "b": "10.0.0.2"},
            "server_ports": {"a": 9292, "b": 9393},
            "server_certificates": {"a": "PEM", "b": ""},
        },
        "glance_registry": {
            "port": 9191,
            "tls": False,
            "servers": {"r": "10.0.0.3"},
            "server_ports": {"r": 9292},
        },
    }


def test_a_server_without_an_address_is_refused():
    groups = {"glance_api": ["a", "b"], "glance_loadbalancer": ["l"]}
    found = inventory(groups, b={"glance_api_bind_address": None})
    (sentence,) = t.unaddressed(found, ["l"])
    assert "found none for b" in sentence
    assert list(t.unaddressed(found, [])) == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("10.0.0.100", None),
        ("10.9.200.1", None),
        (None, None),
        (
            "10.0.1.100",
            "b: glance_loadbalancer_virtual_address should be in a network of the interface eth0.7 (10.",
        ),
        (
            "10.0.0.5",
            "b: glance_loadbalancer_virtual_address should be an address that no host has, found 10.0.0.5",
        ),
        ("image.lan", "b: glance_loadbalancer_virtual_address should be an IPv4 address, found image.lan."),
    ],
)
def test_a_virtual_address_lies_in_a_network_of_its_balancer(address, said):
    found = inventory({"glance_loadbalancer": ["b"]}, b={"glance_loadbalancer_virtual_address": address})
    told = list(t.virtual_addresses(found, {"b": FACTS}))
    assert [sentence.startswith(said or "") for sentence in told] == [True] * bool(said)


def test_a_host_whose_address_stands_alone_says_nothing_of_its_network():
    alone = {**FACTS, "eth0_7": {"ipv4": {"address": "10.0.0.5", "netmask": "255.255.255.255"}}}
    found = inventory({"glance_loadbalancer": ["b"]}, b={"glance_loadbalancer_virtual_address": "10.7.7.7"})
    assert list(t.virtual_addresses(found, {"b": alone})) == []
    # Nor does one that was not looked at.
    assert list(t.virtual_addresses(found, {})) == []


def certificate(*names):
    """Return a certificate of these names."""
    return Party("x", names=list(names)).variables["glance_tls_certificate"]


VIRTUAL = {"glance_loadbalancer_virtual_address": "10.0.0.100"}
ADDRESS = ipaddress.ip_address("10.0.0.100")


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://10.0.0.5:9292"),
        ({"glance_loadbalancer_bind_address": "10.0.0.6", "glance_loadbalancer_api_port": 80}, "http://10.0.0.6:80"),
        (VIRTUAL, "http://10.0.0.100:9292"),
        ({"glance_loadbalancer_virtual_address": "fd00::1"}, "http://[fd00::1]:9292"),
        ({**VIRTUAL, "glance_tls_certificate": ("image.lan", ADDRESS)}, "https://10.0.0.100:9292"),
        ({**VIRTUAL, "glance_tls_certificate": ("*.lan", "image.lan")}, "https://image.lan:9292"),
        ({**VIRTUAL, "glance_tls_certificate": ("*.lan",)}, "https://10.0.0.100:9292"),
    ],
)
def test_users_come_in_at_the_balancers(variables, url):
    if names := variables.get("glance_tls_certificate"):
        variables = {**variables, "glance_tls_certificate": certificate(*names)}
    groups = {"glance_api": ["a"], "glance_loadbalancer": ["b", "c"]}
    assert t.entrance(inventory(groups, b=variables), {"b": FACTS}) == url


def test_without_balancers_users_come_to_the_api_itself():
    assert t.entrance(inventory({"glance_api": ["a"]}), {}) == ""


def test_nothing_is_said_of_an_inventory_without_anything():
    assert t.deployment_faults(t.Topology({}), RELEASES) == []
