"""A store or a directory that holds images can't leave the configuration by mistake."""

from __future__ import annotations

import pytest

testinfra_hosts = ["ansible://glance_api"]


@pytest.mark.parametrize("waiting", [False, True], ids=["in use", "waiting for the scrubber"])
def test_directory_that_holds_images_is_not_given_up(as_user, host, site, service, waiting):
    user = as_user("u1")
    image = user.create()
    assert user.upload(image, [b"data"]).status == 204
    if waiting:
        assert user.request("DELETE", f"/v2/images/{image}").status == 204
    before = service.state()
    other = {"file": {"driver": "file", "options": {"filesystem_store_datadir": "/var/lib/glance/other"}}}
    run = site({"glance_stores": other})
    assert run.rc != 0
    assert "found some in the directory /var/lib/glance/images (" in run.failures
    assert "glance_abandon_images" in run.failures
    assert "TASK" in run.output
    assert service.state() == before
