"""Who may do what, of users that Keystone or HAProxy knows."""

from __future__ import annotations

import hashlib

testinfra_hosts = ["ansible://glance_api"]


def ids(api):
    return {image["id"] for image in api.request("GET", "/v2/images").json["images"]}


def test_nobody_gets_nothing(anonymous):
    assert anonymous.request("GET", "/v2/images").status == 401
    assert anonymous.request("POST", "/v2/images", {"disk_format": "raw", "container_format": "bare"}).status == 401
    assert anonymous.with_token("gAAAAAB-made-up").request("GET", "/v2/images").status == 401
    assert anonymous.with_password("admin", "made-up").request("GET", "/v2/images").status == 401
    # What tells that the server is well asks nobody.
    assert anonymous.request("GET", "/healthcheck").status == 200


def test_image_of_one_project_does_not_exist_for_another(as_user):
    owner, other = as_user("u1"), as_user("u2")
    image, data = owner.create(name="private"), b"of p1"
    assert owner.upload(image, [data]).status == 204
    assert owner.show(image)["visibility"] == "shared"
    assert owner.download(image) == hashlib.sha256(data).hexdigest()

    assert image in ids(owner)
    assert image not in ids(other)
    patch = [{"op": "replace", "path": "/name", "value": "taken"}]
    asked = [
        other.request("GET", f"/v2/images/{image}"),
        other.request("GET", f"/v2/images/{image}/file"),
        other.request("PATCH", f"/v2/images/{image}", patch, "application/openstack-images-v2.1-json-patch"),
        other.request("DELETE", f"/v2/images/{image}"),
        other.upload(image, [b"of p2"]),
    ]
    assert [answer.status for answer in asked] == [404] * 5
    assert owner.download(image) == hashlib.sha256(data).hexdigest()

    assert owner.request("DELETE", f"/v2/images/{image}").status == 204
    assert owner.request("GET", f"/v2/images/{image}").status == 404


def test_reader_sees_its_project_and_changes_nothing(as_user):
    owner, reader = as_user("u1"), as_user("reader1")
    image, data = owner.create(name="read"), b"to be read"
    assert owner.upload(image, [data]).status == 204
    assert image in ids(reader)
    assert reader.show(image)["checksum"] == hashlib.md5(data).hexdigest()
    # Glance's own policies keep the data itself from a reader.
    assert reader.request("GET", f"/v2/images/{image}/file").status == 403
    record = {"name": "written", "disk_format": "raw", "container_format": "bare"}
    assert reader.request("POST", "/v2/images", record).status == 403
    assert reader.request("DELETE", f"/v2/images/{image}").status == 403
    assert owner.show(image)["status"] == "active"


def test_only_an_administrator_sees_all_and_publishes(as_user):
    member, other, administrator = as_user("u1"), as_user("u2"), as_user("admin")
    images = {member.create(), other.create()}
    assert images <= ids(administrator)
    image = images.pop()
    patch = [{"op": "replace", "path": "/visibility", "value": "public"}]
    path, kind = f"/v2/images/{image}", "application/openstack-images-v2.1-json-patch"
    owner = member if image in member.made else other
    refused = owner.request("PATCH", path, patch, kind)
    assert refused.status == 403, refused
    assert owner.request("GET", "/v2/tasks").status == 403
    published = administrator.request("PATCH", path, patch, kind)
    assert published.status == 200, published
    assert image in ids(member) & ids(other)
