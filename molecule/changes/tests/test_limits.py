"""How large an image and a project may get by each way that data comes in, and hosts that an operator allows."""

from __future__ import annotations

import pytest
import testinfra

testinfra_hosts = ["ansible://glance_api"]
KB = 1000
IMAGE, PROJECT = 400 * KB, 1000 * KB
STORES = {
    name: {"driver": "file", "options": {"filesystem_store_datadir": f"/var/lib/glance/{path}"}}
    for name, path in (("file", "images"), ("second", "second"))
}
# Serves as many bytes as the path says.
SERVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        size = int(self.path.strip("/"))
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(bytes(size))
http.server.ThreadingHTTPServer(("0.0.0.0", 80), Handler).serve_forever()
"""


@pytest.fixture
def web(wait_until):
    """Serve zeros over HTTP on both hosts; gives the addresses of the API's host and of the other one."""
    hosts = [testinfra.get_hosts([f"ansible://{group}"])[0] for group in ("glance_api", "web")]
    addresses = [each.ansible.get_variables()["ansible_host"] for each in hosts]
    for each in hosts:
        each.check_output("systemd-run --quiet --unit=lab-zeros python3 -c %s", SERVER)
    ask = "python3 -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1]).read()' http://%s/10"
    wait_until(lambda: all(hosts[0].run(ask % address).rc == 0 for address in addresses))
    try:
        yield addresses
    finally:
        for each in hosts:
            each.check_output("systemctl stop lab-zeros")


def test_limits_of_images_and_projects(site, as_user, host, web, wait_until):
    own, away = web
    run = site(
        {
            "glance_image_max_bytes": IMAGE,
            "glance_project_max_bytes": PROJECT,
            "glance_stores": STORES,
            # The second store goes again at the end, so nothing may wait in it.
            "glance_delayed_delete": False,
            "glance_api_config": {"import_filtering_opts": {"allowed_hosts": f"[{own},{away}]"}},
        }
    )
    assert run.rc == 0, run.output
    api = as_user("u1")

    def imported(image, method, by=api, **options):
        """Import, and return the status of the answer and of the task at its end, or its error."""
        answer = by.request("POST", f"/v2/images/{image}/import", {"method": method, **options})
        if answer.status != 202:
            return answer.status, answer.text

        def ended():
            tasks = by.request("GET", f"/v2/images/{image}/tasks").json["tasks"]
            return next((task["status"] for task in tasks if task["status"] in ("success", "failure")), None)

        return answer.status, wait_until(ended, 60)

    def staged(image, size):
        path = f"/v2/images/{image}/stage"
        return api.request("PUT", path, bytes(size), "application/octet-stream")

    def left_behind():
        """Return the files of the stores and of the staging area, by folder."""
        folders = ("images", "second", "staging")
        listed = host.check_output(f"cd /var/lib/glance && find {' '.join(folders)} -type f")
        return {folder: sorted(line for line in listed.splitlines() if line.startswith(folder)) for folder in folders}

    download = {"name": "web-download", "uri": f"http://{away}/{IMAGE + 1}"}
    before = left_behind()

    # One image: with a length, in chunks, staged, fetched.
    image = api.create()
    for length in (IMAGE + 1, None):
        answer = api.upload(image, [bytes(IMAGE + 1)], length)
        assert (answer.status, "too large" in answer.text) == (
            413,
            True,
        ), answer
        assert api.show(image)["status"] == "queued"
    answer = staged(image, IMAGE + 1)
    assert answer.status == 413, answer
    assert imported(api.create(), download) == (202, "failure")
    assert wait_until(lambda: left_behind()["staging"] == before["staging"])

    # The image is none the worse for it, and the host that the operator names may be its own.
    assert api.upload(image, [bytes(IMAGE)]).status == 204
    assert imported(api.create(), {"name": "web-download", "uri": f"http://{own}/{100 * KB}"}) == (202, "success")

    # The project: 400 and 100 of 1,000 kB are there.
    second = api.create()
    assert api.upload(second, [bytes(IMAGE)], IMAGE).status == 204
    over = 200 * KB
    rest = api.create()
    for length in (over, None):
        answer = api.upload(rest, [bytes(over)], length)
        assert (answer.status, "quota" in answer.text) == (413, True), answer
        assert api.show(rest)["status"] == "queued"
    assert staged(rest, over).status == 204
    assert imported(rest, {"name": "glance-direct"}) == (202, "failure")
    assert imported(api.create(), {"name": "web-download", "uri": f"http://{away}/{over}"}) == (202, "failure")
    # A copy in another store, which an administrator makes whatever the limit, counts for the owner.
    assert api.upload(api.create(), [bytes(50 * KB)]).status == 204
    assert imported(second, {"name": "copy-image"}, as_user("admin"), stores=["second"]) == (202, "success")
    assert api.show(second)["stores"] == "file,second"
    answer = api.upload(api.create(), [bytes(KB)])
    assert (answer.status, "quota" in answer.text) == (413, True), answer
    # Another project has its own limit.
    other = as_user("u2")
    assert other.upload(other.create(), [bytes(over)]).status == 204
    # What is deleted counts no more.
    assert api.request("DELETE", f"/v2/images/{second}").status == 204
    assert api.upload(api.create(), [bytes(over)]).status == 204
