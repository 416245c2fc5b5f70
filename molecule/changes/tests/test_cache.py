"""A cache that can't be tended is told, and one that is no longer wanted is taken away."""

testinfra_hosts = ["ansible://glance_api"]


def test_failure_is_told_with_its_reason(host, playbook, site):
    run = site({"glance_api_policy": {"cache_prune": "!"}}, "--tags", "glance_api")
    assert run.rc == 0, run.output
    assert host.run("systemctl start glance-cache.service").rc != 0
    status = playbook("status.yml")
    assert status.rc != 0
    assert (
        "glance-cache.service on glance1 should have succeeded, found: tend_cache: Glance should answer 200 to POST "
        "/v2/cache/prune, found 403 Forbidden: its user needs the role admin. See 'journalctl -u glance-cache.service'"
    ) in status.failures
    # The next run of the unit, or of site.yml, makes up for it.
    assert site().rc == 0
    assert playbook("status.yml").rc == 0


def test_cache_goes_when_it_is_no_longer_wanted(host, site):
    run = site({"glance_cache_max_bytes": 0})
    assert run.rc == 0, run.output
    assert host.run("systemctl cat glance-cache.timer").rc != 0
    left = host.run("find /etc /opt/glance/libexec -name '*glance-cache*' -o -name tend_cache.py").stdout
    assert left == ""
    assert "image_cache" not in host.check_output("cat /etc/glance/glance-api.conf")
    again = site({"glance_cache_max_bytes": 0})
    assert (again.rc, again.changed) == (0, 0), again.output
