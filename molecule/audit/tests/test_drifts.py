"""What somebody changed on a host by hand."""

from __future__ import annotations

import pytest

testinfra_hosts = ["ansible://glance_api"]


def sql(statement):
    """Return the command by which the administrator of MariaDB runs a statement."""
    return f'mariadb --execute "{statement}"'


ACCOUNT = "glance@'127.0.0.0/255.0.0.0'"
DRIFTS = {
    "a file was changed": "echo '# by hand' >> /etc/glance/glance-api.conf",
    "a file is gone": "rm /etc/systemd/system/glance-scrubber.service",
    "a mode was changed": "chmod 0777 /etc/glance/policy.yaml",
    "a unit is off": "systemctl disable glance-proxy",
    "another release is in use": "ln -sfn /opt/glance/none /opt/glance/current",
    "the database lets nobody in": sql(f"DROP USER {ACCOUNT}"),
    "the database gives fewer rights": sql(f"REVOKE DROP ON glance.* FROM {ACCOUNT}"),
    "the database lets somebody else in": sql("CREATE USER glance@'%' IDENTIFIED BY 'x'"),
    "a setting of the database is gone": "rm /etc/mysql/mariadb.conf.d/90-glance.cnf",
}


@pytest.mark.parametrize("command", DRIFTS.values(), ids=DRIFTS)
def test_what_differs_on_a_host_is_mended_by_the_next_run(site, host, api, command):
    host.check_output(command)
    mended = site()
    assert mended.rc == 0, mended.output
    assert mended.changed > 0, mended.output
    assert api.request("GET", "/v2/images").status == 200
    # This run computes the desired state and finds nothing to do; so the host keeps it, and the next run is short.
    again = site()
    assert again.rc == 0, again.output
    assert again.changed == 0, again.output
    known = site()
    assert sum(counts["ok"] + counts["skipped"] for counts in known.recap.values()) <= 10, known.output


def test_all_that_differs_is_mended_by_one_run(site, host, api):
    host.check_output("echo '# by hand' >> /etc/glance/glance-api.conf; systemctl disable glance-proxy")
    host.check_output("mariadb --execute \"REVOKE DROP ON glance.* FROM glance@'127.0.0.0/255.0.0.0'\"")
    mended = site()
    assert mended.rc == 0, mended.output
    # The account, the files, the restart with the proxy.
    assert mended.changed == 3, mended.output
    assert api.request("GET", "/v2/images").status == 200
