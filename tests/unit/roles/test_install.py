"""What a host is asked for before anything is installed on it."""

import pathlib

import yaml
from ansible_collections.glanceops.image_service.plugins.filter import store_files
from ansible_collections.glanceops.image_service.plugins.filter.named_files import named_files
from jinja2.nativetypes import NativeEnvironment

ROLE = pathlib.Path(__file__).parents[3] / "roles/common"
ITEMS = yaml.safe_load((ROLE / "vars/main/files.yml").read_text())
CONFIG = yaml.safe_load((ROLE / "vars/main/config.yml").read_text())
TLS = yaml.safe_load((ROLE / "vars/main/tls.yml").read_text())


def asked_for(**given):
    jinja = NativeEnvironment()
    jinja.filters["glanceops.image_service.named_files"] = named_files
    jinja.filters["glanceops.image_service.store_files"] = store_files.store_files

    def made(expression, **more):
        return jinja.from_string(expression).render({**variables, **more})

    variables = {
        "__glance_service": {"reaches_stores": True, "overrides": {}},
        "glance_config": {},
        "glance_ceph_key": "",
        "glance_ceph_monitors": [],
        "glance_files": [],
        "glance_install_method": "venv",
        "glance_tls_ca": "",
        **given,
    }
    tls = {"file": {"path": made(TLS["__glance_tls"]["authorities"])}}
    tls["files"] = made(TLS["__glance_tls"]["files"], __glance_tls=tls)
    used = made(CONFIG["__glance_used_stores"])
    own = made(ITEMS["__glance_own_files"])
    wanted = made(ITEMS["__glance_named_files"], __glance_tls=tls, __glance_used_stores=used, __glance_own_files=own)
    return [entry["path"] for entry in wanted]


def test_the_authorities_that_the_role_writes_need_not_be_there():
    stores = {"far": {"driver": "swift", "options": {"swift_store_cacert": "/etc/glance/ca.pem"}}}
    assert asked_for(glance_stores=stores) == ["/etc/glance/ca.pem"]
    assert asked_for(glance_stores=stores, glance_tls_ca="PEM") == []
    assert asked_for(glance_stores=stores, __glance_service={"reaches_stores": False}) == []
    assert asked_for(glance_stores=stores, glance_install_method="package") == []


def test_the_files_of_ceph_need_not_be_there_when_variables_make_them():
    stores = {"a": {"driver": "rbd"}}
    assert asked_for(glance_stores=stores) == ["/etc/ceph/ceph.conf"]
    assert asked_for(glance_stores=stores, glance_ceph_monitors=["10.0.0.1"], glance_ceph_key="AQ==") == []
