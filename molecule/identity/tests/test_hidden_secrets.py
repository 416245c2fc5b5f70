"""What shows of Glance's password and of tokens: nothing."""

from __future__ import annotations

import re

import pytest

testinfra_hosts = ["ansible://glance_api"]


@pytest.fixture(scope="module")
def password(lab):
    """The part of Glance's password that no escaping changes."""
    return (lab / "glance_password").read_text().strip()


def test_password_and_tokens_show_nowhere(site, playbook, host, password, as_user):
    shown = site({"glance_config": {"DEFAULT": {"limit_param_default": 20}}}, "--diff", "-vvv")
    assert shown.rc == 0, shown.output
    assert "+limit_param_default = 20" in shown.output
    # For the host of the API alone: the one that registers the service would refuse it before.
    other = "{{ ('x' ~ lab_password) if inventory_hostname == 'api1' else lab_password }}"
    new = site({"glance_keystone_password": other, "lab_password": f" \"$1'{password}%$ "}, "--diff", "-vvv")
    assert new.rc != 0
    assert "401" in new.failures
    status = playbook("status.yml", None, "-vvv")
    sample = playbook("sample_image.yml", None, "-vvv")
    assert (status.rc, sample.rc) == (0, 0), status.output + sample.output
    as_user("admin").made += re.findall(r"sample is active: .*id ([0-9a-f-]{36})", sample.output)[:1]
    # The control: that is where it stands, for the service alone.
    config = host.file("/etc/glance/glance-api.conf")
    assert password in config.content_string
    assert (config.user, config.group, config.mode) == ("root", "glance", 0o640)
    places = [run.output for run in (shown, new, status, sample)]
    places += [host.check_output("journalctl --quiet --output=cat"), host.check_output("ps -eo args")]
    assert [place for place in places if password in place] == []
    # Keystone's tokens begin so.
    assert [place for place in places if "gAAAA" in place] == []
