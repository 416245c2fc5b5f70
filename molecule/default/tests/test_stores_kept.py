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


def test_directory_that_moved_with_a_link_at_the_old_path_is_taken(as_user, host, site):
    user = as_user("u1")
    image = user.create()
    assert user.upload(image, [b"data"]).status == 204
    images, other = "/var/lib/glance/images", "/srv/glance"
    host.check_output(f"mkdir -p {other} && chown glance: {other} && cp -a {images}/. {other}/")
    host.check_output(f"mv {images} {images}.before && ln -s {other} {images}")
    try:
        run = site(
            {"glance_stores": {"file": {"driver": "file", "options": {"filesystem_store_datadir": other}}}}, "--check"
        )
        assert run.rc == 0, run.output
    finally:
        host.check_output(f"rm {images} && mv {images}.before {images}")
    assert user.request("GET", f"/v2/images/{image}/file").body == b"data"
