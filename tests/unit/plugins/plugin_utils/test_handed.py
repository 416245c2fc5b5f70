"""What roles are told of other hosts."""

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import topology as t

RELEASES: dict = {"2026.2": {}, "2026.1": {}, "2025.1": {}, "ussuri": {"registry": True}}
DEFAULTS = {
    "glance_release": "2026.2",
    "glance_database_user": "glance",
    "glance_database_password": "p",
    "glance_database_url": "",
    "glance_keystone_user": "glance",
    "glance_standalone_hosts": False,
    "glance_purge_age_days": 0,
    "glance_cache_max_bytes": 0,
    "glance_api_port": 9292,
    "glance_api_bind_address": "192.0.2.1",
    "glance_loadbalancer_api_port": 9292,
    "glance_tls_certificate": "",
}
CLUSTER = {
    "glance_api": ["a1", "a2", "a3"],
    "glance_scrubber": ["s"],
    "glance_database": ["d"],
    "glance_identity": ["s"],
    "glance_loadbalancer": ["b1", "b2"],
}
REGISTRY = {"glance_api": ["a1", "a2"], "glance_registry": ["r1", "r2"], "glance_database": ["d"]}
# What only hosts of the API have, and what makes a host have the other timers.
IMPORTS = ["glance-scan", "glance-import-checks"]
ON = {"glance_purge_age_days": 9, "glance_cache_max_bytes": 5}


def inventory(groups, everywhere=None, **of_hosts):
    hosts = dict.fromkeys(host for members in groups.values() for host in members)
    return t.Topology(groups, {host: {**DEFAULTS, **(everywhere or {}), **of_hosts.get(host, {})} for host in hosts})


def handed(found, host, selected=None, facts=None, deployed=None):
    return t.handed(found, host, selected or list(found.variables), RELEASES, facts or {}, deployed or {})


def parts(told, *names):
    return {name: told[f"glance_{name}"] for name in names}


def test_one_host_knows_itself():
    one = inventory({"glance_api": ["h"], "glance_database": ["h"]})
    told = handed(one, "h")
    assert parts(told, "api_hosts", "api_balancers", "deployment_hosts", "releases_in_use") == {
        "api_hosts": ["h"],
        "api_balancers": [],
        "deployment_hosts": ["h"],
        "releases_in_use": ["2026.2"],
    }
    assert parts(told, "database_login_hosts", "database_users_in_use", "database_waiting_hosts") == {
        "database_login_hosts": ["h"],
        "database_users_in_use": ["glance"],
        "database_waiting_hosts": ["h"],
    }
    assert told["schema_hosts"]["glance-api"] == "h"
    assert (told["acts_for_all"], told["glance_registry_wanted"]) == (True, False)


def test_a_cluster_knows_its_hosts():
    cluster = inventory(CLUSTER, a2={"glance_database_user": "other", "glance_keystone_user": "other"})
    facts = {"b1": {"default_ipv4": {"address": "10.0.0.1"}}, "b2": {"default_ipv4": {}}}
    told = handed(cluster, "a1", facts=facts)
    assert parts(told, "api_balancers", "registry_balancers", "deployment_hosts", "loadbalancer_addresses") == {
        "api_balancers": ["b1", "b2"],
        "registry_balancers": ["b1", "b2"],
        "deployment_hosts": ["a1", "a2", "a3", "s"],
        "loadbalancer_addresses": ["10.0.0.1"],
    }
    assert "glance_database_login_hosts" not in told
    assert handed(cluster, "d")["glance_database_login_hosts"] == ["a1", "a2", "a3", "s"]
    assert handed(cluster, "d")["glance_database_users_in_use"] == ["glance", "other"]
    assert handed(cluster, "s")["glance_identity_users_in_use"] == ["glance", "other"]
    services = handed(cluster, "b1", facts=facts)["glance_loadbalancer_services"]
    assert services["glance_api"]["server_ports"] == {"a1": 9292, "a2": 9292, "a3": 9292}
    # Addresses may be facts, so what is served is not known before them.
    assert "glance_loadbalancer_services" not in handed(cluster, "b1")


def test_deployments_of_their_own_know_nothing_of_each_other():
    groups = {"glance_api": ["h1", "h2"], "glance_database": ["h1", "h2"], "glance_identity": ["h1", "h2"]}
    found = inventory(groups, {"glance_standalone_hosts": "yes"}, h2={"glance_release": "2025.1"})
    told = handed(found, "h1")
    assert parts(told, "deployment_hosts", "releases_in_use", "releases_to_stay", "identity_users_in_use") == {
        "deployment_hosts": [],
        "releases_in_use": [],
        "releases_to_stay": [],
        "identity_users_in_use": [],
    }
    assert told["glance_database_login_hosts"] == ["h1"]
    assert [handed(found, host)["schema_hosts"]["glance-api"] for host in ("h1", "h2")] == ["h1", "h2"]


def test_a_limited_run_brings_the_schema_by_a_host_that_it_has():
    cluster = inventory(CLUSTER)
    told = handed(cluster, "a3", selected=["a3", "a2"])
    assert told["schema_hosts"] == {"glance-api": "a2", "glance-registry": ""}
    assert told["glance_api_hosts"] == ["a1", "a2", "a3"]


def test_the_newest_release_brings_the_schema_and_retired_hosts_keep_theirs_in_use():
    groups = {**CLUSTER, "glance_retired": ["old"]}
    mixed = inventory(
        groups, a1={"glance_release": "2025.1"}, a2={"glance_release": 2026.1}, old={"glance_release": "ussuri"}
    )
    told = handed(mixed, "a1")
    assert told["schema_hosts"]["glance-api"] == "a3"
    assert told["glance_releases_in_use"] == ["2026.2", "2026.1", "2025.1", "ussuri"]
    assert told["glance_releases_to_stay"] == ["2026.2", "2026.1", "2025.1"]


def test_a_registry_has_a_schema_host_of_its_own():
    told = handed(inventory(REGISTRY, {"glance_release": "ussuri"}), "r2")
    assert told["schema_hosts"] == {"glance-api": "a1", "glance-registry": "r1"}
    assert told["glance_registry_wanted"] is True


def test_one_host_acts_for_a_deployment():
    def acting(found, selected=None):
        return [host for host in found.variables if handed(found, host, selected)["acts_for_all"]]

    assert acting(inventory(CLUSTER)) == ["a1"]
    assert acting(inventory(CLUSTER), ["s", "a3", "a2"]) == ["a2"]
    assert acting(inventory({"glance_api": ["h1", "h2"]}, {"glance_standalone_hosts": True})) == ["h1", "h2"]


ALL = {"glance_api": ["a1", "a2", "a3"], "glance_registry": [], "glance_scrubber": ["s"]}


@pytest.mark.parametrize(
    ("deployed", "variables", "pending"),
    [
        (ALL, {}, []),
        ({}, {}, ["a1", "a2", "a3", "s"]),
        # One has failed, or the run is limited away from it.
        ({**ALL, "glance_api": ["a1", "a3"]}, {}, ["a2"]),
        # The run's tags leave the scrubber out.
        ({"glance_api": ALL["glance_api"]}, {}, ["s"]),
        (ALL, {"a2": {"glance_database_password": "q"}}, ["a2"]),
        (ALL, {"a2": {"glance_database_user": "other"}, "s": {"glance_database_url": "mysql://x"}}, ["a2", "s"]),
        # A number in the inventory is the password that a text with it is.
        (
            ALL,
            {
                "d": {"glance_database_password": 1},
                **{key: {"glance_database_password": "1"} for key in ("a1", "a2", "a3", "s")},
            },
            [],
        ),
    ],
)
def test_hosts_that_may_log_in_as_before_keep_their_credentials(deployed, variables, pending):
    assert handed(inventory(CLUSTER, **variables), "d", deployed=deployed)["glance_database_waiting_hosts"] == pending


def test_of_keystone_only_those_that_log_in_there_count():
    deployed = {"glance_api": ["a1", "a2"]}
    assert handed(inventory(CLUSTER), "s", deployed=deployed)["glance_identity_waiting_hosts"] == ["a3"]


@pytest.mark.parametrize(
    ("only", "skip", "groups"),
    [
        (["all"], [], ["glance_api", "glance_registry", "glance_scrubber"]),
        (["tagged"], [], ["glance_api", "glance_registry", "glance_scrubber"]),
        (["glance"], [], ["glance_api", "glance_registry", "glance_scrubber"]),
        (["glance_api", "glance_database"], [], ["glance_api"]),
        (["glance_database"], [], []),
        (["all"], ["glance_scrubber"], ["glance_api", "glance_registry"]),
        (["all"], ["glance"], []),
        (["untagged"], [], []),
    ],
)
def test_tags_tell_which_services_were_deployed(only, skip, groups):
    assert list(t.deployed(inventory(CLUSTER), ["a1"], only, skip)) == groups
    assert t.deployed(inventory(CLUSTER), ["a1"], ["all"], [])["glance_api"] == ["a1"]


@pytest.mark.parametrize(
    ("selected", "asked"),
    [
        (["a1", "a2", "a3", "s", "d", "b1", "b2"], []),
        (["a1"], ["d", "b1", "b2"]),
        # A balancer has to know all servers.
        (["b1"], ["d", "b2", "a1", "a2", "a3"]),
    ],
)
def test_a_limited_run_asks_others_for_their_addresses(selected, asked):
    assert t.asked_besides(inventory(CLUSTER), selected) == asked
    assert t.asked_besides(inventory(CLUSTER, {"glance_standalone_hosts": True}), selected) == []


def test_hosts_that_a_restore_would_leave_running_are_told():
    assert t.left_out(inventory(CLUSTER), ["a1", "s", "d"]) == ["a2", "a3"]
    assert t.left_out(inventory(CLUSTER, {"glance_standalone_hosts": True}), ["a1"]) == []


def test_nothing_that_is_handed_over_is_secret():
    assert "secret" not in str(handed(inventory(CLUSTER, {"glance_database_password": "secret"}), "d"))


LOOKED = {
    "a1": ["glance-api"],
    "a2": ["glance-api"],
    "a3": ["glance-api", "glance-cache"],
    "s": ["glance-scrubber"],
    "d": ["glance-database"],
    "b1": ["haproxy", "keepalived"],
    "b2": ["haproxy"],
}
KEYSTONE = {"missing": [], "leaving": []}


def looks(**of_hosts):
    """Return results of hosts that have nothing to do, but for those that *of_hosts* have."""
    found = {host: {"__glance_compared": {"looked": names, "pending": []}} for host, names in LOOKED.items()}
    found["s"]["__glance_identity_found"] = KEYSTONE
    return {host: {**results, **of_hosts.get(host, {})} for host, results in found.items()}


def pending(found, selected, results):
    looked = t.looked(found, selected, results)
    assert looked["unknown"] == []
    return looked["pending"]


def test_nothing_is_pending_where_every_look_found_nothing():
    assert pending(inventory(CLUSTER), list(LOOKED), looks()) == []


@pytest.mark.parametrize(
    ("of_hosts", "said"),
    [
        ({"a2": {"__glance_compared": {"looked": ["glance-api"], "pending": ["x"]}}}, ["a2: x"]),
        # Its tags were left out, or the look failed.
        ({"d": {"__glance_compared": {}}}, ["d: glance_database was not looked at"]),
        (
            {"a1": {"__glance_compared": {"looked": ["glance-purge"], "pending": []}}},
            ["a1: glance_api was not looked at"],
        ),
        ({"s": {"__glance_identity_found": {}}}, ["s: Keystone is not as it should be"]),
        (
            {"s": {"__glance_identity_found": {"missing": ["role"], "leaving": []}}},
            ["s: Keystone is not as it should be"],
        ),
        ({"s": {"__glance_identity_found": {"missing": [], "leaving": ["u"]}}}, ["s: Keystone is not as it should be"]),
    ],
)
def test_what_one_look_found_is_pending(of_hosts, said):
    assert pending(inventory(CLUSTER), list(LOOKED), looks(**of_hosts)) == said


def test_a_host_that_does_not_know_its_state_is_no_reason_to_deploy():
    unknown = {"looked": [], "pending": [], "unknown": True}
    results = looks(**{host: {"__glance_compared": unknown} for host in ("a2", "d")})
    assert t.looked(inventory(CLUSTER), list(LOOKED), results) == {"pending": [], "unknown": ["a2", "d"]}
    # Another one has something to do.
    results["a1"]["__glance_compared"] = {**unknown, "pending": ["x"]}
    assert t.looked(inventory(CLUSTER), list(LOOKED), results)["pending"] == ["a1: x"]


def test_hosts_that_the_run_is_limited_away_from_have_nothing_to_do():
    assert pending(inventory(CLUSTER), ["a1"], {"a1": looks()["a1"]}) == []


@pytest.mark.parametrize("group", ["glance_registry", "glance_retired"])
def test_hosts_that_no_look_knows_have_something_to_do(group):
    found = inventory({"glance_api": ["a"], group: ["r"]})
    known = {"a": {"__glance_compared": {"looked": ["glance-api"], "pending": []}}}
    assert pending(found, ["a", "r"], known) == [f"r: {group} was not looked at"]


@pytest.mark.parametrize(
    ("host", "variables", "unwanted"),
    [
        ("a1", {}, ["glance-registry", "glance-scrubber", "glance-purge", "glance-cache"]),
        ("a1", {"glance_purge_age_days": 9}, ["glance-registry", "glance-scrubber", "glance-cache"]),
        # One host does it for all.
        ("a2", {"glance_purge_age_days": 9}, ["glance-registry", "glance-scrubber", "glance-purge", "glance-cache"]),
        (
            "a2",
            {"glance_purge_age_days": 9, "glance_standalone_hosts": True},
            ["glance-registry", "glance-scrubber", "glance-cache"],
        ),
        ("a2", {"glance_cache_max_bytes": 5}, ["glance-registry", "glance-scrubber", "glance-purge"]),
        # Made of facts that are not known yet.
        (
            "a1",
            {"glance_purge_age_days": None, "glance_cache_max_bytes": None},
            ["glance-registry", "glance-scrubber"],
        ),
        (
            "s",
            {"glance_cache_max_bytes": 5},
            ["glance-registry", "glance-purge", "glance-cache", "glance-staging", *IMPORTS],
        ),
        # The scan is one of the checks.
        (
            "a1",
            {**ON, "glance_import_checks": [], "glance_import_scan": "clamav"},
            ["glance-registry", "glance-scrubber"],
        ),
        (
            "a1",
            {**ON, "glance_import_checks": [{"name": "a"}], "glance_import_scan": "none"},
            ["glance-registry", "glance-scrubber", "glance-scan"],
        ),
        (
            "a1",
            {**ON, "glance_import_checks": [], "glance_import_scan": "none"},
            ["glance-registry", "glance-scrubber", *IMPORTS],
        ),
    ],
)
def test_services_that_a_host_should_not_have_are_told(host, variables, unwanted):
    assert handed(inventory(CLUSTER, variables), host)["unwanted"] == unwanted


def test_a_registry_is_wanted_in_a_release_that_has_one():
    assert "glance-registry" in handed(inventory(REGISTRY), "r1")["unwanted"]
    old = inventory(REGISTRY, {"glance_release": "ussuri", "glance_purge_age_days": 9})
    assert handed(old, "r1")["unwanted"] == ["glance-scrubber", "glance-cache", "glance-staging", *IMPORTS]
    assert handed(old, "a1")["unwanted"] == ["glance-registry", "glance-scrubber", "glance-purge", "glance-cache"]


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, True),
        # An API that asks a registry does not log in to the database.
        ({"glance_release": "ussuri", "glance_registry_host": "192.0.2.9"}, False),
        ({"glance_release": "ussuri", "glance_registry_host": ""}, True),
        ({"glance_registry_host": "192.0.2.9"}, True),
    ],
)
def test_what_imports_leave_is_removed_where_the_api_logs_in_to_the_database(variables, wanted):
    assert ("glance-staging" not in handed(inventory(REGISTRY, variables), "a1")["unwanted"]) == wanted


@pytest.mark.parametrize(
    ("groups", "everywhere", "purging", "login_of"),
    [
        (CLUSTER, {}, "a1", "glance-api"),
        # A registry that the release does not have.
        (REGISTRY, {}, "a1", "glance-api"),
        (REGISTRY, {"glance_release": "ussuri"}, "r1", "glance-registry"),
        # The same hosts in both groups.
        ({"glance_api": ["h"], "glance_registry": ["h"]}, {}, "h", "glance-api"),
    ],
)
def test_one_host_purges_for_all(groups, everywhere, purging, login_of):
    found = {host: handed(inventory(groups, everywhere), host) for host in t.Topology(groups, {}).hosts(*groups)}
    assert [host for host, told in found.items() if told["glance_purge_here"]] == [purging]
    assert {told["glance_purge_login_of"] for told in found.values()} == {login_of}


def test_each_host_purges_that_has_a_database_of_its_own():
    alone = inventory(CLUSTER, {"glance_standalone_hosts": True})
    assert [handed(alone, host)["glance_purge_here"] for host in ("a1", "a2")] == [True, True]
