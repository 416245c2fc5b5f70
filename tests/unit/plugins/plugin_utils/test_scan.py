from ansible_collections.glanceops.image_service.plugins.plugin_utils import scan


def test_signatures_lie_beside_those_of_clamav_and_can_be_tried_before():
    (item,) = scan.items(["files/clamav/own.ndb"])
    assert item == {
        "path": "/var/lib/glance-scan/own.ndb",
        "staged_as": "signatures/own.ndb",
        "src": "files/clamav/own.ndb",
        "mode": "0644",
    }
