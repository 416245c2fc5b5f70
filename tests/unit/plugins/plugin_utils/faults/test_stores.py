import pathlib
import re
import string

import pytest
import yaml
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import stores as s

ROLES = pathlib.Path(__file__).parents[5] / "roles"
RELEASES = yaml.safe_load((ROLES / "common/vars/main/releases.yml").read_text())["__glance_releases"]
FILE = {"driver": "file", "options": {"filesystem_store_datadir": "/srv/images"}}
KEYS = {"s3_store_access_key": "user", "s3_store_secret_key": "hidden"}
S3 = {"driver": "s3", "options": {**KEYS, "s3_store_host": "https://h", "s3_store_bucket": "b"}}
# Found by having glance_store of each release read such an address back.
UNFIT = {"ussuri": "#:?@[]", "2025.1": "#:?@[]", "2025.2": "#:?@[]/", "2026.1": "#:?@[]", "2026.2": ""}
SWIFT = {
    "driver": "swift",
    "options": {"swift_store_auth_address": "https://h/v3", "swift_store_user": "p:u", "swift_store_key": "hidden"},
}
APPLICATION = {
    "swift_store_auth_address": "https://h/v3",
    "swift_store_application_credential_id": "x",
    "swift_store_application_credential_secret": "hidden",
}


def given(*, release="2026.2", default="a", method="venv", files=(), monitors=(), **stores):
    return {
        "glance_files": list(files),
        "glance_ceph_monitors": list(monitors),
        "glance_stores": {"a": FILE, **stores},
        "glance_default_store": default,
        "glance_release": release,
        "glance_install_method": method,
        "__glance_releases": RELEASES,
    }


def options(store, **changed):
    kept = {key: value for key, value in {**store["options"], **changed}.items() if value is not None}
    return {**store, "options": kept}


WRONG = [
    (given(b={}), "every store of glance_stores should have a driver, found none for b"),
    (given(b={"driver": "", "options": {}}), "found none for b"),
    (given(b={**FILE, "driver": "nosuch"}), "the driver of the store b in glance_stores should be one of file, http,"),
    (given(b={"driver": "glance.store.filesystem.Store"}), "found glance.store.filesystem.Store"),
    (
        given(b={"driver": "cinder"}),
        "found cinder: it attaches volumes to this host as root, which the service may not",
    ),
    (
        given(b={"driver": "vmware"}),
        "found vmware: upstream has deprecated it, and its library oslo.vmware is in no wh",
    ),
    (given(b=options(S3, s3_store_access_key=None)), "the store b in glance_stores should have s3_store_access_key fo"),
    (given(b={"driver": "s3"}), "s3_store_host, s3_store_access_key, s3_store_secret_key, s3_store_bucket for its dri"),
    (given(b=options(S3, s3_store_bucket="")), "should have s3_store_bucket"),
    (given(b=options(SWIFT, swift_store_key=None)), "should have swift_store_key"),
    (
        given(b={"driver": "swift", "options": {**APPLICATION, "swift_store_auth_address": ""}}),
        "swift_store_auth_address",
    ),
    (
        given(b={"driver": "swift", "options": {"swift_store_application_credential_id": "x"}}),
        "should have swift_store_auth_address, swift_store_application_credential_secret for",
    ),
    *(
        (given(b=options(SWIFT, swift_store_user=user)), f"a user of Keystone, such as service:glance, found {found}")
        for user, found in (("glance", "no colon"), ("a:b:c", "several colons"))
    ),
    *(
        (given(b=options(SWIFT, swift_store_auth_address=address)), f"with its version, such as .*, found {address}")
        for address in ("https://h", "https://h:5000/v2.0/", "https://h/identity")
    ),
    (
        given(b=SWIFT, files=[{"path": "/etc/glance/swift-b.conf"}]),
        "glance_files should not have /etc/glance/swift-b.conf beside the options of the store b, of which it is made",
    ),
    (
        given(b={"driver": "rbd"}, files=[{"path": "/etc/ceph/ceph.client.glance.keyring"}], monitors=["10.0.0.1"]),
        "glance_files should not have /etc/ceph/ceph.client.glance.keyring beside glance_ceph_monitors, of which",
    ),
    (
        given(b={"driver": "swift", "options": {"swift_store_multi_tenant": False}}),
        "should have swift_store_auth_address",
    ),
    (given(b=SWIFT, c=SWIFT), "the stores b, c of glance_stores should differ in default_swift_reference, found ref1"),
    (
        given(b=options(SWIFT, default_swift_reference="x"), c=options(SWIFT, default_swift_reference="x")),
        "found x for all",
    ),
    (given(b={"driver": "file"}), "filesystem_store_datadir or filesystem_store_datadirs, found none"),
    (given(b=options(FILE, filesystem_store_datadir="")), "found none"),
    (given(b=options(FILE, filesystem_store_datadirs=["/b"])), "found both: keep one"),
    (given(b=options(FILE, s3_store_bucket="b", s3_store_host="h")), "found s3_store_bucket, s3_store_host of s3"),
    (given(b=options(S3, filesystem_store_datadir="/b")), "found filesystem_store_datadir of file"),
    *(
        (
            given(b=options(S3, **{option: f"hid{character}den"}), release=release),
            f"any of .* for Glance {release}, found o",
        )
        for option in KEYS
        for release, characters in UNFIT.items()
        for character in characters
    ),
    *(
        (given(**{name: FILE}), "should have a name of letters, digits and _.- that no section of Glance has")
        for name in (
            "DEFAULT",
            "database",
            "glance_store",
            "os_glance_staging_store",
            "os_glance_x",
            "oslo_policy",
            "a b",
        )
    ),
    *((given(**{name: FILE}), "that no section of Glance has") for name in ("x:y", "x,y", "x]y", "-x", "")),
    (given(B=FILE, b=FILE), "should differ by more than capital letters, found B, b"),
    (given(b={"driver": "http"}, default="b"), "glance_default_store should be a store that takes images, found b"),
    (given(default="attic"), "glance_default_store should be one of glance_stores (a), found attic"),
    ({"glance_stores": {}, "glance_default_store": "file"}, "glance_stores should have at least one store, found none"),
]
RIGHT = [
    given(),
    given(b=S3, c=SWIFT, d={"driver": "http"}),
    *(
        given(b=options(S3, s3_store_secret_key="".join(sorted(set(string.punctuation) - set(unfit)))), release=release)
        for release, unfit in UNFIT.items()
    ),
    given(b={"driver": "swift", "options": {"swift_store_config_file": "/etc/glance/swift.conf"}}),
    given(b={"driver": "swift", "options": {"swift_store_multi_tenant": True}}),
    given(b=options(SWIFT, swift_store_auth_address="https://h/identity/v3/")),
    given(
        b=options(SWIFT, swift_store_auth_version="1", swift_store_auth_address="https://h/auth/v1.0"), release="2025.1"
    ),
    given(b=SWIFT, files=[{"path": "/etc/glance/swift-c.conf"}, {"path": "/etc/ceph/ceph.conf"}]),
    given(b={"driver": "swift", "options": APPLICATION}),
    given(b=SWIFT, c=options(SWIFT, default_swift_reference="c")),
    given(b=SWIFT, c={"driver": "swift", "options": {"swift_store_config_file": "/etc/glance/swift.conf"}}),
    given(b={"driver": "rbd"}),
    given(b={"driver": "rbd", "options": {"rbd_store_pool": "images", "rados_connect_timeout": 5}}, method="package"),
    given(b={"driver": "file", "options": {"filesystem_store_datadirs": ["/a:1", "/b:2"], "weight": 1}}),
    given(b=options(FILE, store_description="fast")),
    # The stores are made of facts, or the default is.
    {"glance_default_store": "attic"},
    {"glance_stores": {"a": FILE}},
]


@pytest.mark.parametrize(
    ("variables", "said"), WRONG, ids=[f"{n} {said[:40]}" for n, (_given, said) in enumerate(WRONG)]
)
def test_a_store_that_can_not_work_is_refused(variables, said):
    sentences = [sentence for found in s.faults(variables).values() for sentence in found]
    assert any(re.search(said, sentence) if ".*" in said else said in sentence for sentence in sentences), sentences
    assert all("hid" not in sentence for sentence in sentences)


@pytest.mark.parametrize("variables", RIGHT)
def test_a_store_that_may_work_is_let_through(variables):
    assert s.faults(variables) == {}


@pytest.mark.parametrize("release", RELEASES)
def test_the_wheels_of_each_release_hold_the_libraries_of_all_other_drivers(release):
    wheels = (ROLES / f"common/files/wheels-{release}.txt").read_text()
    pinned = {line.partition("==")[0].lower() for line in wheels.splitlines() if re.match(r"\w", line)}
    assert {"boto3", "python-swiftclient"} <= pinned
    assert pinned & {"rados", "rbd", "python-cinderclient", "os-brick", "oslo-vmware", "oslo.vmware"} == set()
