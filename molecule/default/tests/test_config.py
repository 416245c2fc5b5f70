"""What becomes of a configuration that is wrong: it is refused or rolled back."""

from __future__ import annotations

import pytest

testinfra_hosts = ["ansible://glance_api"]

FILES = {"filesystem_store_datadir": "/var/lib/glance/images", "filesystem_store_datdir": "/srv"}
# What each step of a run finds, all of it at once; tests/unit/plugins has the rest of what the variables alone show.
REFUSALS = {
    "the variables": (
        {
            "glance_api_config": {"DEFAULT": {"debgu": True, "bind_host": "0.0.0.0"}},
            "glance_api_bind_address": "127.0.0.1 ssl",
            "glance_stores": {"file": {"driver": "file", "options": FILES}},
            "glance_default_store": "attic",
        },
        [
            "did you mean debug?",
            "[DEFAULT] bind_host should be set by glance_api_bind_address",
            "127.0.0.1 ssl",
            "did you mean filesystem_store_datadir?",
            "found attic",
        ],
    ),
    "the host": (
        {
            "glance_api_port": 22,
            "glance_api_config": {"DEFAULT": {"property_protection_file": "/etc/glance/nothing.conf"}},
        },
        [
            "sshd",
            "[DEFAULT] property_protection_file should name a file of this host, found no /etc/glance/nothing.conf",
        ],
    ),
    "option of a plugin that does not log in": (
        {"glance_api_config": {"keystone_authtoken": {"application_credential_secret": "hidden"}}},
        ["[keystone_authtoken] application_credential_secret is no option of Glance"],
    ),
    "value of a type that the host knows": (
        {"glance_api_config": {"oslo_reports": {"file_event_handler_interval": "$nothing"}}},
        ["[oslo_reports] file_event_handler_interval should hold $ only before the name of another option"],
    ),
    "unknown option of uWSGI": ({"glance_api_uwsgi": {"no-such-option": True}}, ["no-such-option"]),
    "database that does not answer": (
        {"glance_api_config": {"database": {"connection_parameters": "unix_socket=/run/nothing"}}},
        ["the database at 127.0.0.1 should let glance in, found: "],
    ),
}


# What Glance itself finds out when a user comes, and says in its log alone.
SILENT = {
    "glance_stores": {
        "file": {"driver": "file", "options": {"filesystem_store_datadir": "/var/lib/glance/images"}},
        "away": {
            "driver": "s3",
            "options": {
                "s3_store_host": "http://127.0.0.1:9",
                "s3_store_access_key": "a",
                "s3_store_secret_key": "b",
                "s3_store_bucket": "c",
            },
        },
        "read": {"driver": "http"},
    },
    "glance_api_config": {
        "DEFAULT": {
            "hashing_algorithm": "sha513",
        },
    },
}
SAID = (
    "the store away should take data, found Could not connect to the endpoint",
    "hashing_algorithm should be one that Python's hashlib has, found sha513",
)


def test_what_glance_would_find_when_a_user_comes_is_found_before(site, service):
    before = service.state()
    run = site(SILENT)
    assert run.rc != 0
    assert [sentence for sentence in SAID if sentence not in run.failures] == [], run.output
    assert run.changed == 0
    assert service.state() == before


def test_files_that_glance_would_read_beside_are_refused(site, host, service):
    before, names = service.state(), ("glance-image-import.conf", "glance-api.conf.d/10-old.conf", "policy.d/old.yaml")
    paths = [f"/etc/glance/{name}" for name in names]
    for path in paths:
        host.check_output(f"mkdir --parents $(dirname {path}) && printf '[DEFAULT]\nimage_size_cap = 5\n' > {path}")
    try:
        run = site()
    finally:
        for path in paths:
            host.check_output(f"rm {path} && rmdir --ignore-fail-on-non-empty $(dirname {path})")
    assert run.rc != 0
    for path in paths:
        assert f"{path} should hold no options, found image_size_cap" in run.failures, run.output
    assert (run.changed, service.state()) == (0, before)


@pytest.mark.parametrize(("variables", "named"), REFUSALS.values(), ids=REFUSALS)
def test_refusal_names_the_fault_and_leaves_the_service_alone(site, service, poller, variables, named):
    before = service.state()
    with poller() as seen:
        run = site(variables)
    assert run.rc != 0
    assert [words for words in named if words not in run.failures] == [], run.output
    assert run.changed == 0
    assert service.state() == before
    assert seen.answers
    assert not seen.failures


def test_full_disk_is_told_and_leaves_the_service_alone(site, service, host):
    before, full = service.state(), "/run/full"
    host.check_output(f"mkdir {full} && mount -t tmpfs -o size=1m tmpfs {full} && cp -a /etc/glance/. {full}/")
    host.check_output(f"mount --bind {full} /etc/glance")
    host.run("head --bytes=2M /dev/zero > /etc/glance/filler")
    try:
        run = site({"glance_config": {"DEFAULT": {"limit_param_default": 20}}})
    finally:
        host.check_output(f"umount /etc/glance && umount {full} && rmdir {full}")
    assert run.rc != 0
    assert "no file can be written in /etc/glance: No space left on device" in run.failures, run.output
    assert run.changed == 0
    assert service.state() == before


def test_user_who_can_not_become_root_is_told_before_any_change(playbook, service, host):
    before = service.state()
    host.check_output(
        "useradd --create-home guest && install -D -o guest /root/.ssh/authorized_keys ~guest/.ssh/authorized_keys"
    )
    try:
        run = playbook("site.yml", {"ansible_user": "guest"})
    finally:
        # Its login session may still be on its way out.
        host.run("loginctl terminate-user guest; userdel --force --remove guest")
    assert run.rc != 0
    assert "sudo password" in run.failures, run.output
    assert run.changed == 0
    assert service.state() == before


def test_configuration_that_cannot_run_is_rolled_back(site, service, api):
    before, starts = service.state(), service.starts()
    process = service.main_pid
    run = site({"glance_api_unit": {"Service": {"ExecStartPost": "/bin/false"}}})
    assert run.rc != 0
    assert "previous configuration is restored" in run.failures, run.output
    assert api.request("GET", "/v2/images").status == 200
    assert service.main_pid not in (0, process)
    assert service.starts() == starts + 1
    assert files(service.state()) == files(before)
    again = site()
    assert again.rc == 0, again.output
    assert again.changed == 0, again.output


def files(state):
    """Return the part of a state that says nothing about the process, nor about the record of the set before."""
    return [
        line
        for line in state.splitlines()
        if not line.startswith(("MainPID=", "InvocationID=")) and ".sets" not in line
    ]
