"""Passwords of users show in no output and in no file but the one that HAProxy reads."""

from __future__ import annotations

import re

testinfra_hosts = ["ansible://glance_api"]


def test_passwords_show_nowhere(site, playbook, host, users_password, as_user):
    shown = site({"glance_api_config": {"DEFAULT": {"limit_param_default": 20}}}, "--diff", "-vvv")
    assert shown.rc == 0, shown.output
    sample, status = playbook("sample_image.yml", None, "-vvv"), playbook("status.yml", None, "-vvv")
    as_user("admin").made += re.findall(r"sample is active: .*id ([0-9a-f-]{36})", sample.output)[:1]
    assert (sample.rc, status.rc) == (0, 0), sample.output + status.output
    assert re.search(r'"glance1 .* active .* 200 OK .*\(\d+ active', status.output), status.output
    assert site().rc == 0
    config = host.file("/etc/glance-proxy/haproxy.cfg")
    (digest,) = re.findall(r"user u1 password (\S+)", config.content_string)
    assert digest.startswith("$6$")
    encoded = host.check_output("printf admin:%s | base64 --wrap=0", users_password)
    places = [run.output for run in (shown, status, sample)]
    places += [host.check_output("journalctl --quiet --output=cat"), host.check_output("ps -eo args")]
    for secret in (users_password, digest, encoded):
        assert [place for place in places if secret in place] == []
    # The control: the hash is found in the one file that holds it, and the password in none.
    assert host.check_output("grep -rlF -e %s /etc /var/lib/glance /run /opt/glance/current/etc", digest).split() == [
        "/etc/glance-proxy/haproxy.cfg"
    ]
    assert host.run("grep -rqF -e %s /etc /var/lib/glance /run", users_password).rc == 1
