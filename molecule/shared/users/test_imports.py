"""Images that Glance fetches or takes over by itself, which it does for somebody with a project only."""

from __future__ import annotations

import hashlib
import random

import pytest
import testinfra

testinfra_hosts = ["ansible://glance_api"]
DATA = random.Random(3).randbytes(100_000)


@pytest.fixture(scope="module")
def web(wait_until):
    """Serve a disk over HTTP at the address of another host; gives its URL."""
    (other,) = testinfra.get_hosts(["ansible://web"])
    address = other.ansible.get_variables()["ansible_host"]
    other.check_output("mkdir -p /srv/web")
    write = "import pathlib, random; pathlib.Path('/srv/web/disk').write_bytes(random.Random(3).randbytes(100_000))"
    other.check_output("python3 -c %s", write)
    serve = f"python3 -m http.server --directory /srv/web --bind {address} 80"
    other.check_output(f"systemd-run --quiet --unit=lab-web {serve}")
    wait_until(
        lambda: other.run(f"python3 -c 'import urllib.request as r; r.urlopen(\"http://{address}/disk\")'").rc == 0
    )
    try:
        yield f"http://{address}/disk"
    finally:
        other.check_output("systemctl stop lab-web")


@pytest.fixture
def imported(as_user, host, wait_until):
    """Import an image as a member; gives the answer to it and, if that was no refusal, the image at its end."""

    def journal():
        return host.check_output("journalctl --quiet --output=cat --lines=20 --unit=glance-api")

    def imported(method, disk_format="raw", data=None):
        api = as_user("u1")
        image = api.create(disk_format=disk_format)
        if data is not None:
            path = f"/v2/images/{image}/stage"
            assert api.request("PUT", path, data, "application/octet-stream").status == 204
        answer = api.request("POST", f"/v2/images/{image}/import", {"method": method})
        if answer.status != 202:
            return answer, api.show(image), ""

        def ended():
            (task,) = api.request("GET", f"/v2/images/{image}/tasks").json["tasks"]
            assert task["status"] in ("success", "failure"), (task, api.show(image), journal())
            return task

        task = wait_until(ended, 60)
        if task["status"] == "failure":
            # The image is told a moment after its task.
            wait_until(lambda: api.show(image).get("os_glance_failed_import") == task["message"])
        shown = api.show(image)
        if shown["status"] == "active":
            assert api.download(image) == hashlib.sha256(DATA).hexdigest()
        return answer, shown, task["message"]

    return imported


def test_staged_data_becomes_an_image(imported):
    answer, image, message = imported({"name": "glance-direct"}, data=DATA)
    assert (answer.status, image["status"]) == (202, "active"), message


def test_data_is_fetched_from_a_server(imported, web, wait_until):
    answer, image, message = imported({"name": "web-download", "uri": web})
    assert (answer.status, image["status"]) == (202, "active"), message


def test_administrator_imports_with_a_task(as_user, web, wait_until):
    api = as_user("admin")
    properties = {"name": "by a task", "disk_format": "raw", "container_format": "bare"}
    task = {"import_from": web, "import_from_format": "raw", "image_properties": properties}
    answer = api.request("POST", "/v2/tasks", {"type": "import", "input": task})
    assert answer.status == 201, answer

    def ended():
        shown = api.request("GET", f"/v2/tasks/{answer.json['id']}").json
        return shown if shown["status"] in ("success", "failure") else None

    shown = wait_until(ended, 60)
    assert shown["status"] == "success", shown
    image = shown["result"]["image_id"]
    api.made.append(image)
    assert api.show(image)["status"] == "active"
    assert api.download(image) == hashlib.sha256(DATA).hexdigest()


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:22/", "http://127.0.0.1/", "http://169.254.169.254/", "file:///etc/passwd"]
)
def test_forbidden_address_is_refused_with_a_reason(imported, uri):
    answer, image, _message = imported({"name": "web-download", "uri": uri})
    assert (answer.status, image["status"]) == (400, "queued")
    assert "web-download does not pass filtering" in answer.text


def test_a_file_of_the_host_is_no_source(as_user, imported):
    victim = as_user("u2")
    other = victim.create()
    assert victim.upload(other, [DATA]).status == 204
    method = {"name": "glance-direct", "uri": f"file:///var/lib/glance/images/{other}"}
    answer, image, _message = imported(method, data=b"x")
    assert (answer.status, image["status"]) == (400, "uploading")
    assert "Only the import method web-download takes a uri." in answer.text
    assert victim.download(other) == hashlib.sha256(DATA).hexdigest()


def test_what_is_no_disk_is_refused_with_a_reason(as_user, imported, host):
    refused = "Image disk_format qcow2 does not match stream data raw"
    api = as_user("u1")
    image = api.create(disk_format="qcow2")
    answer = api.upload(image, [DATA])
    assert (answer.status, refused in answer.text) == (415, True), answer
    assert api.show(image)["status"] == "queued"

    answer, image, message = imported({"name": "glance-direct"}, disk_format="qcow2", data=DATA)
    assert answer.status == 202
    assert message == "The image names the disk_format qcow2, and its data is raw: name that, or send other data."
    assert (image["status"], image["os_glance_failed_import"]) == ("queued", message)
    assert refused in host.check_output("journalctl --quiet --output=cat --unit=glance-api")
