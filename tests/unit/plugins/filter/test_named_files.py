import pytest
from ansible_collections.glanceops.image_service.plugins.filter.named_files import named_files

PROTECTION = "/etc/glance/protection.conf"


@pytest.mark.parametrize(
    ("configs", "files", "named"),
    [
        ([{}, {}], [], []),
        ([{"DEFAULT": {"property_protection_file": PROTECTION, "debug": True}}], [], [PROTECTION]),
        ([{"DEFAULT": {"property_protection_file": PROTECTION}}], [{"path": PROTECTION, "content": ""}], []),
        ([{"DEFAULT": {"property_protection_file": "protection.conf"}}], [{"path": PROTECTION}], []),
        # The last one counts, and a null takes it away.
        (
            [{"DEFAULT": {"property_protection_file": PROTECTION}}, {"DEFAULT": {"property_protection_file": None}}],
            [],
            [],
        ),
        ([{"oslo_policy": {"policy_file": "policy.yaml"}}], [], []),
        ([{"oslo_policy": {"policy_file": "own.yaml"}}], [], ["own.yaml"]),
        ([{"oslo_policy": {"policy_file": "$state_path/x"}}], [], []),
        ([{"paste_deploy": {"config_file": "/etc/glance/own.ini"}}], [], ["/etc/glance/own.ini"]),
    ],
)
def test_files_that_a_host_has_to_have(configs, files, named):
    assert [each["path"] for each in named_files(configs, {}, files)] == named


def test_those_of_stores_are_told_with_their_store():
    stores = {"far": {"driver": "s3", "options": {"s3_store_cacert": "/etc/ssl/own.pem"}}, "web": {"driver": "http"}}
    assert named_files([], stores, []) == [{"option": "s3_store_cacert of the store far", "path": "/etc/ssl/own.pem"}]
