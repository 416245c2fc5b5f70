import base64

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import ceph as files_of
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import ceph

RBD = {"driver": "rbd"}
FILE = {"driver": "file", "options": {"filesystem_store_datadir": "/srv/images"}}


def key(length=16, said=None, kind=1):
    head = kind.to_bytes(2, "little") + bytes(8) + (length if said is None else said).to_bytes(2, "little")
    return base64.b64encode(head + b"k" * length).decode()


def given(monitors=("10.0.0.1",), secret=None, stores=None, **more):
    return {
        "glance_ceph_monitors": list(monitors),
        "glance_ceph_key": key() if secret is None else secret,
        "glance_stores": {"a": RBD} if stores is None else stores,
        **more,
    }


RIGHT = {
    "a monitor": given(),
    "names, ports and IPv6": given(["ceph1", "ceph2.cloud:6789", "[fd00::1]:3300", "v2:10.0.0.1:3300", "[fd00::2]"]),
    "both protocols of one": given(["[v2:10.0.0.1:3300/0,v1:10.0.0.1:6789]".replace("/0", "")]),
    "a key of AES-256": given(secret=key(32, kind=2)),
    "nothing": given([], ""),
    "files of the operator's own": given([], "", glance_files=[{"path": "/etc/ceph/ceph.conf"}]),
    "a second cluster": given(
        stores={
            "a": RBD,
            "b": {"driver": "rbd", "options": {"rbd_store_ceph_conf": "/etc/ceph/b.conf", "rbd_store_user": "b"}},
        },
        glance_files=[{"path": "/etc/ceph/b.conf"}],
    ),
    "two pools": given(stores={"a": RBD, "b": {"driver": "rbd", "options": {"rbd_store_pool": "slow"}}}),
    "stores that are made of facts": {"glance_ceph_monitors": ["10.0.0.1"], "glance_ceph_key": key()},
}
WRONG = {
    "a URL": (given(["http://10.0.0.1"]), "should hold addresses of Ceph's monitors, found http://10.0.0.1: write it"),
    "two in one": (given(["10.0.0.1,10.0.0.2"]), "found 10.0.0.1,10.0.0.2"),
    "half an address": (given(["10.0.0"]), "found 10.0.0:"),
    "no key": (given(secret=""), "glance_ceph_key should be set beside glance_ceph_monitors, found nothing"),
    "no monitor": (given([]), "glance_ceph_monitors should be set beside glance_ceph_key, found nothing"),
    "a short key": (given(secret=key()[:-4]), "glance_ceph_key should be a key as 'ceph auth get-key client.glance'"),
    "a key of other length": (given(secret=key(16, 20)), "found another text"),
    "a password": (given(secret="hidden"), "found another text"),
    "a keyring": (given(secret=f"[client.glance]\nkey = {key()}"), "found another text"),
    "no store": (
        given(stores={"a": FILE}),
        "should be of use to a store of the driver rbd, found none in glance_stores",
    ),
    "two users": (
        given(stores={"a": RBD, "b": {"driver": "rbd", "options": {"rbd_store_user": "other"}}}),
        "glance_ceph_key should be the key of one user of Ceph, found stores of glance, other",
    ),
}


@pytest.mark.parametrize("variables", RIGHT.values(), ids=RIGHT)
def test_a_client_that_may_work_is_let_through(variables):
    assert ceph.faults(variables) == {}


@pytest.mark.parametrize(("variables", "said"), WRONG.values(), ids=WRONG)
def test_a_client_that_can_not_work_is_refused(variables, said):
    sentences = [sentence for found in ceph.faults(variables).values() for sentence in found]
    assert any(said in sentence for sentence in sentences), sentences
    assert all("hidden" not in sentence and key()[8:] not in sentence for sentence in sentences)


def test_the_files_of_a_client():
    stores = {"a": RBD, "b": FILE, "c": {"driver": "rbd", "options": {"rbd_store_pool": "slow"}}}
    conf, keyring = files_of.files(stores, ["10.0.0.1", "[fd00::1]:3300"], "AQ==")
    assert conf["content"].splitlines()[1:] == [
        "[global]",
        "mon_host = 10.0.0.1,[fd00::1]:3300",
        "",
        "[client.glance]",
        "keyring = /etc/ceph/ceph.client.glance.keyring",
    ]
    assert (keyring["path"], keyring["content"]) == (
        "/etc/ceph/ceph.client.glance.keyring",
        "[client.glance]\nkey = AQ==\n",
    )
    assert (conf["mode"], keyring["secret"], keyring["services"]) == ("0644", True, ["api", "scrubber"])
    assert files_of.files(stores, [], "") == files_of.files({"b": FILE}, ["10.0.0.1"], "AQ==") == []
