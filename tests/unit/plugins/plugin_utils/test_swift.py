"""Accounts of Swift in files: what glance_store reads there is what the options say."""

import configparser

import pytest
from ansible_collections.glanceops.image_service.plugins.filter.store_files import FilterModule
from ansible_collections.glanceops.image_service.plugins.filter.store_options import store_options
from ansible_collections.glanceops.image_service.plugins.plugin_utils import swift
from ansible_collections.glanceops.image_service.plugins.plugin_utils.drivers import drivers

PASSWORD = {"swift_store_auth_address": "https://k/v3", "swift_store_user": "service:glance", "swift_store_key": "k"}
APPLICATION = {
    "swift_store_auth_address": "https://k/v3",
    "swift_store_application_credential_id": "i",
    "swift_store_application_credential_secret": "s",
    "swift_store_project_name": "service",
}


def store(**options):
    return {"driver": "swift", "options": options}


class Reader(configparser.ConfigParser):
    """Reads as glance_store/_drivers/swift/utils.py, SwiftConfigParser, does."""

    def get(self, *args, **kwargs):
        value = super().get(*args, **kwargs)
        return value[1:-1] if value[:1] in ('"', "'") else value


def read(text):
    reader = Reader()
    reader.read_string(text)
    return {
        section: {option: reader.get(section, option) for option in reader[section]} for section in reader.sections()
    }


@pytest.mark.parametrize(
    "key", ["k", "100%", "%(x)s", "a$b", "$$", "#;=[]:", '"', "'", '"quoted"', " in blanks ", "ünï", "\\"]
)
def test_a_key_is_read_as_it_is_given(key):
    (made,) = swift.files({"objects": store(**{**PASSWORD, "swift_store_key": key})})
    account = {"auth_version": "3", "auth_address": "https://k/v3", "user": "service:glance", "key": key}
    assert read(made["content"]) == {"ref1": account}
    assert (made["path"], made["secret"], made["services"]) == (
        "/etc/glance/swift-objects.conf",
        True,
        ["api", "scrubber"],
    )


def test_an_application_credential_is_an_account():
    (made,) = swift.files({"objects": store(**APPLICATION)})
    assert read(made["content"])["ref1"] == {
        "auth_version": "3",
        "auth_address": "https://k/v3",
        "application_credential_id": "i",
        "application_credential_secret": "s",
        "project_name": "service",
    }


def test_no_option_of_the_store_has_a_key_any_more():
    options = store_options({"objects": store(**PASSWORD, swift_store_container="c")})
    assert options == {
        "objects": {
            "swift_store_config_file": "/etc/glance/swift-objects.conf",
            "default_swift_reference": "ref1",
            "swift_store_container": "c",
            "swift_store_use_trusts": True,
        }
    }


def test_a_reference_of_the_operators_own_stays_the_name():
    given = {"objects": store(**PASSWORD, default_swift_reference="main")}
    assert store_options(given)["objects"]["default_swift_reference"] == "main"
    assert list(read(swift.files(given)[0]["content"])) == ["main"]


@pytest.mark.parametrize(
    "options",
    [
        {"swift_store_config_file": "/etc/glance/own.conf", "default_swift_reference": "r"},
        *({**PASSWORD, "swift_store_multi_tenant": value} for value in (True, "true", "yes", "True")),
    ],
)
def test_a_file_of_the_operators_own_and_accounts_of_projects_stay_as_they_are(options):
    assert swift.files({"objects": store(**options)}) == []
    assert {**store_options({"objects": store(**options)})["objects"], **options} == {
        **drivers()["swift"]["defaults"],
        **options,
    }


def test_files_of_all_stores_are_in_one_list():
    make = FilterModule().filters()["store_files"]
    stores = {"a": {"driver": "rbd"}, "b": store(**PASSWORD), "c": store(**PASSWORD, swift_store_multi_tenant=False)}
    paths = [entry["path"] for entry in make(stores, ["10.0.0.1"], "AQ==")]
    assert paths == [
        "/etc/ceph/ceph.conf",
        "/etc/ceph/ceph.client.glance.keyring",
        "/etc/glance/swift-b.conf",
        "/etc/glance/swift-c.conf",
    ]
