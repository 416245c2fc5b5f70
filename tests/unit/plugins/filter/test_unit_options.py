import copy

import pytest
from ansible_collections.glanceops.image_service.plugins.filter import unit_options as u

UNIT = {
    "Unit": {"After": "network-online.target mariadb.service", "BindsTo": [], "Description": "API"},
    "Service": {
        "Environment": ["OS_GLANCE_CONFIG_DIR=/etc/glance", "SSL_CERT_FILE=/etc/glance/ca.pem"],
        "ReadWritePaths": "/srv/images",
        "SystemCallFilter": ["@system-service", "~@privileged @resources"],
        "RestrictAddressFamilies": "AF_UNIX AF_INET",
        "ExecStartPre": "/usr/bin/mkfifo x",
        "CapabilityBoundingSet": "",
        "ExecStart": "/usr/bin/glance-api",
        "LimitNOFILE": 16384,
    },
}
CASES = [
    ("Service", "Environment", "A=1", [*UNIT["Service"]["Environment"], "A=1"]),
    ("Service", "Environment", ["A=1", "B=2"], [*UNIT["Service"]["Environment"], "A=1", "B=2"]),
    # As systemd has it: what is empty takes away what stands before it.
    ("Service", "Environment", ["", "A=1"], [*UNIT["Service"]["Environment"], "", "A=1"]),
    ("Service", "Environment", None, None),
    ("Service", "EnvironmentFile", "-/etc/default/glance", "-/etc/default/glance"),
    ("Service", "ReadWritePaths", "/srv/other", ["/srv/images", "/srv/other"]),
    ("Service", "SystemCallFilter", "@mount", ["@system-service", "~@privileged @resources", "@mount"]),
    ("Service", "RestrictAddressFamilies", "AF_NETLINK", ["AF_UNIX AF_INET", "AF_NETLINK"]),
    ("Service", "ExecStartPre", "/bin/true", ["/usr/bin/mkfifo x", "/bin/true"]),
    ("Service", "LoadCredential", ["a:/b"], ["a:/b"]),
    ("Service", "CapabilityBoundingSet", "CAP_X", "CAP_X"),
    ("Service", "ExecStart", "/bin/other", "/bin/other"),
    ("Service", "LimitNOFILE", 1, 1),
    ("Service", "MemoryMax", "1G", "1G"),
    ("Unit", "After", "redis.service", ["network-online.target mariadb.service", "redis.service"]),
    ("Unit", "BindsTo", "x.mount", ["x.mount"]),
    ("Unit", "Description", "Other", "Other"),
    ("Install", "WantedBy", "x.target", "x.target"),
]


@pytest.mark.parametrize(("section", "option", "value", "expected"), CASES)
def test_lists_are_added_to_and_other_options_replaced(section, option, value, expected):
    before = copy.deepcopy(UNIT)
    found = u.FilterModule().filters()["unit_options"](UNIT, {section: {option: value}})
    assert found.pop(section) == {**UNIT.get(section, {}), option: expected}
    assert found == {name: options for name, options in UNIT.items() if name != section}
    assert before == UNIT


def test_nothing_given_changes_nothing():
    assert u.unit_options(UNIT, {}) == UNIT
