import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import placeholders as p

S3 = {"objects": {"driver": "s3", "options": {"s3_store_host": "https://s3.example.com", "s3_store_bucket": "glance"}}}


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("ansible_host", "192.0.2.11", ["192.0.2.11"]),
        ("ansible_host", "api1.example.org", ["api1.example.org"]),
        ("ansible_host", "2001:db8::1", ["2001:db8::1"]),
        ("ansible_host", "10.0.0.1", []),
        ("ansible_host", "api1", []),
        ("ansible_host", "example.com.mycompany.net", []),
        ("ansible_host", "myexample.com", []),
        ("glance_keystone_url", "https://keystone.example.com:5000/v3", ["keystone.example.com"]),
        ("glance_keystone_url", "https://[2001:db8::5]:5000", ["2001:db8::5"]),
        ("glance_keystone_url", "https://keystone.lan/example.com", []),
        ("glance_database_url", "mysql+pymysql://glance:example.com@db.lan/glance", []),
        ("glance_database_url", "mysql+pymysql://glance:hidden@203.0.113.7:3306/glance", ["203.0.113.7"]),
        ("glance_database_clients", "198.51.100.0/255.255.255.0", ["198.51.100.0"]),
        ("glance_database_clients", "%", []),
        ("glance_wheels_extra_index_urls", ["https://pypi.lan", "https://pypi.example"], ["pypi.example"]),
        ("glance_api_tls_name", "image.example.net.", ["image.example.net."]),
        ("glance_stores", S3, ["s3.example.com"]),
        ("glance_stores", {"x": {"options": {"swift_store_key": "example.com", "weight": 1}}}, []),
        ("glance_mounts", [{"path": "/srv/images", "src": "nfs.example.com:/images"}], ["nfs.example.com"]),
        ("glance_mounts", [{"path": "/srv/images", "src": "images@192.0.2.9:/srv"}], ["192.0.2.9"]),
        ("glance_mounts", [{"path": "/srv/example.com", "src": "/dev/sdb1"}], []),
        ("glance_mounts", [None, 1], []),
    ],
)
def test_what_is_kept_for_documentation_is_found(name, value, found):
    assert list(p.placeholders(name, value)) == found


def test_all_are_told_in_one_sentence_and_nothing_secret_is():
    variables = {
        "a": {"ansible_host": "192.0.2.1", "glance_stores": S3, "glance_keystone_password": "192.0.2.5"},
        "b": {"ansible_host": "192.0.2.2", "glance_stores": S3, "glance_database_url": "x://u:hidden@192.0.2.3/g"},
    }
    assert p.faults(variables) == [
        "The inventory should have addresses of your own, found those of documentation in ansible_host: 192.0.2.1 (a), "
        "192.0.2.2 (b); glance_stores: s3.example.com; glance_database_url: 192.0.2.3 (b): replace them."
    ]


def test_an_inventory_of_real_addresses_has_no_fault():
    assert p.faults({"a": {"ansible_host": "10.0.0.1", "glance_stores": {"file": {"driver": "file"}}}}) == []
