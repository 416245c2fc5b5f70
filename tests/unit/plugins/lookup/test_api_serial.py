import pytest
from ansible_collections.glanceops.image_service.plugins.lookup.api_serial import LookupModule


@pytest.mark.parametrize(
    ("hosts", "topology", "serial"),
    [
        (["a", "b"], {"api_serial": "30%"}, "30%"),
        (["a"], {"api_serial": 2}, 2),
        # A play of one's own, without the playbooks of the collection.
        (["a"], None, 1),
        ([], None, 1),
        (None, None, 1),
    ],
)
def test_the_value_of_the_topology_counts(hosts, topology, serial):
    registered = {} if topology is None else {"__glance_topology": topology}
    variables = {"ansible_play_hosts_all": hosts, "hostvars": {"a": registered, "b": {}}}
    assert LookupModule().run([], variables) == [serial]
