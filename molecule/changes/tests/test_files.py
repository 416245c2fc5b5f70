"""Files of the operator's own: what they do for users, and that they come, change and go with the configuration."""

from __future__ import annotations

import json
import secrets
from urllib.parse import quote

import pytest

testinfra_hosts = ["ansible://glance_api"]

PROTECTIONS = """
[x_billing_.*]
create = admin
read = admin
update = admin
delete = admin

[.*]
create = admin,member
read = admin,member,reader
update = admin,member
delete = admin,member
"""
LOGGING = """
[loggers]
keys = root
[handlers]
keys = journal
[formatters]
keys = own
[logger_root]
level = INFO
handlers = journal
[handler_journal]
class = StreamHandler
args = (sys.stderr,)
formatter = own
[formatter_own]
format = {word} %(levelname)s %(name)s %(message)s
"""
NAMESPACE = "OS::Glanceops::Rack"


def done(run, changed=True):
    assert run.rc == 0, run.output
    assert bool(run.changed) is changed, run.output
    return run


def test_a_protected_property_is_for_those_alone_whom_the_file_names(site, api, as_user):
    done(
        site(
            {
                "glance_files": [{"path": "/etc/glance/property-protections.conf", "content": PROTECTIONS}],
                "glance_api_config": {
                    "DEFAULT": {
                        "property_protection_file": "/etc/glance/property-protections.conf",
                        "property_protection_rule_format": "roles",
                    }
                },
            }
        )
    )
    member, image = as_user("u1"), {"disk_format": "raw", "container_format": "bare"}
    refused = member.request("POST", "/v2/images", {**image, "name": "protected", "x_billing_code": "7"})
    assert refused.status == 403, refused
    assert "x_billing_code" in refused.text
    made = member.create(name="protected", x_other="free")
    patch = [{"op": "add", "path": "/x_billing_code", "value": "7"}]
    json_patch = "application/openstack-images-v2.1-json-patch"
    assert member.request("PATCH", f"/v2/images/{made}", patch, json_patch).status == 403
    assert api.request("PATCH", f"/v2/images/{made}", patch, json_patch).status == 200
    assert api.show(made)["x_billing_code"] == "7"
    seen = member.show(made)
    assert (seen.get("x_other"), "x_billing_code" in seen) == ("free", False)


def test_the_schema_of_images_has_the_properties_of_the_file(site, as_user):
    schema = {"rack": {"type": ["null", "string"], "description": "Rack of the image", "enum": [None, "a1", "a2"]}}
    done(site({"glance_files": [{"path": "/etc/glance/schema-image.json", "content": json.dumps(schema)}]}))
    member = as_user("u1")
    shown = member.request("GET", "/v2/schemas/image")
    assert (shown.status, shown.json["properties"].get("rack", {}).get("description")) == (200, "Rack of the image")
    image = {"disk_format": "raw", "container_format": "bare", "name": "racked"}
    assert member.request("POST", "/v2/images", {**image, "rack": "elsewhere"}).status == 400
    assert member.show(member.create(name="racked", rack="a1"))["rack"] == "a1"


def test_logs_are_written_as_the_file_says_and_a_broken_one_changes_nothing(site, host, service, api):
    word = f"own{secrets.token_hex(4)}"
    named = {"DEFAULT": {"log_config_append": "/etc/glance/logging.conf"}}

    def logging(text):
        return {
            "glance_files": [{"path": "/etc/glance/logging.conf", "content": text, "services": ["api"]}],
            "glance_api_config": named,
        }

    before = service.main_pid
    refused = site(logging(LOGGING.replace("keys = journal", "keys = nobody")))
    assert refused.rc != 0
    assert "was not changed" in refused.failures
    assert service.main_pid == before
    assert not host.file("/etc/glance/logging.conf").exists

    done(site(logging(LOGGING.format(word=word))))
    api.create(name="logged")
    lines = host.check_output("journalctl --quiet --output=cat --unit=glance-api").splitlines()
    assert [line for line in lines if line.startswith(f"{word} INFO ")]


@pytest.fixture
def rack(api):
    """Give what asks for the namespace as a user; it is taken away after the test."""
    address = f"/v2/metadefs/namespaces/{quote(NAMESPACE, safe='')}"
    yield lambda user: user.request("GET", address)
    shown = api.request("GET", address).json
    kept = {key: shown[key] for key in ("namespace", "display_name", "visibility", "owner") if key in shown}
    api.request("PUT", address, {**kept, "protected": False})
    assert api.request("DELETE", address).status == 204


def definition(name, *properties):
    about = {"namespace": name, "display_name": "Racks", "visibility": "public", "protected": True}
    described = {each: {"title": each, "type": "string"} for each in properties}
    return {
        "glance_files": [
            {"path": "/etc/glance/metadefs/rack.json", "content": json.dumps({**about, "properties": described})}
        ]
    }


def test_own_metadata_definitions_are_there_for_users_as_the_file_says(site, host, service, rack, as_user):
    member = as_user("u1")
    done(site(definition(NAMESPACE, "row", "height")))
    assert rack(member).json["properties"].keys() == {"row", "height"}
    done(site(definition(NAMESPACE, "row", "height")), changed=False)
    done(site(definition(NAMESPACE, "row", "depth")))
    assert rack(member).json["properties"].keys() == {"row", "depth"}

    before = service.main_pid
    taken = site(definition("OS::Compute::Watchdog", "row"))
    assert taken.rc != 0
    assert (
        "should define a namespace of its own, found OS::Compute::Watchdog, which the release ships" in taken.failures
    )
    assert service.main_pid == before

    done(site())
    assert not host.file("/etc/glance/metadefs").exists
    # What is in the database stays.
    assert rack(member).status == 200
    done(site(), changed=False)


def test_secret_files_show_nowhere_and_go_with_their_entries(site, host, service, tmp_path):
    old, new, other = (secrets.token_hex(12) for _number in range(3))
    keyring, source = host.file("/etc/ceph/ceph.client.glance.keyring"), tmp_path / "own.conf"
    source.write_text(f"[any]\nname = {other}\n")

    def files(key):
        return {
            "glance_files": [
                {"path": keyring.path, "content": f"[client.glance]\n\tkey = {key}\n", "services": ["scrubber"]},
                {"path": "/etc/glance/own.conf", "src": str(source), "secret": True, "services": ["scrubber"]},
            ]
        }

    def shown_in(text):
        return [name for name in (old, new, other) if name in text]

    before = service.main_pid
    first = done(site(files(old), "--diff", "-vvv"))
    assert f"key = {old}" in keyring.content_string
    assert (keyring.user, keyring.group, keyring.mode) == ("root", "glance", 0o640)
    assert host.file("/etc/glance/own.conf").content_string == source.read_text()
    assert old in host.check_output("runuser -u glance -- cat %s", keyring.path)
    assert keyring.path in first.output
    assert shown_in(first.output) == []
    done(site(files(old)), changed=False)

    second = done(site(files(new), "--diff", "-vvv"))
    assert f"key = {new}" in keyring.content_string
    assert "******** (changed)" in second.output
    assert shown_in(second.output) == []

    gone = done(site(None, "--diff", "-vvv"))
    assert not keyring.exists
    assert not host.file("/etc/ceph").exists
    assert not host.file("/etc/glance/own.conf").exists
    assert shown_in(gone.output) == []
    # The API has none of them, and was left alone.
    assert service.main_pid == before
    assert shown_in(host.check_output("journalctl --quiet --output=cat")) == []


def test_a_file_of_several_services_is_a_restart_of_each_and_others_files_stay(site, host, service):
    host.check_output("install -d -m 0755 /etc/ceph && touch /etc/ceph/theirs")

    def starts(unit):
        started = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf"
        return len(host.check_output("journalctl --quiet --output=cat %s UNIT=%s", started, unit).splitlines())

    def both(text):
        return {
            "glance_scrubber_mode": "daemon",
            "glance_files": [{"path": "/etc/ceph/ceph.conf", "content": text, "mode": "0644"}],
        }

    try:
        done(site(both("[global]\n")))
        before = (service.starts(), starts("glance-scrubber.service"))
        done(site(both("[global]\nfsid = 1\n")))
        assert (service.starts(), starts("glance-scrubber.service")) == (before[0] + 1, before[1] + 1)
        done(site(both("[global]\nfsid = 1\n")), changed=False)
        done(site())
        assert host.check_output("ls /etc/ceph") == "theirs"
    finally:
        host.check_output("rm -r /etc/ceph")
