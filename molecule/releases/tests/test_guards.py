"""The guards stand around the functions of every release: downloads do not reach the host, archives stay in bounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

testinfra_hosts = ["ansible://glance_api"]
TABLE = Path(__file__).parents[3] / "roles/common/vars/main/releases.yml"
RELEASES = yaml.safe_load(TABLE.read_text())["__glance_releases"]

# Loads the guards as the server does, then asks for what users could have it ask.
PROBE = """
import gzip, io, ipaddress, json, os, subprocess, sys, tempfile, types, zipfile
from oslo_config import cfg
import glance_guards
from glance.api.v2 import images
from glance.async_.flows.plugins import image_decompression
from glance.common import utils
from glance.common.scripts import utils as scripts
from glance_store import exceptions
from glance_store._drivers import http as http_driver
import webob.exc

own = sys.argv[1]
# In a process of its own: eventlet, which older releases bring, would make its threads green.
server = subprocess.Popen([sys.executable, "-c", sys.argv[3]], stdout=subprocess.PIPE, text=True)
port = int(server.stdout.readline())

cfg.CONF(["--config-file=" + sys.argv[2]], project="glance")
glance_guards.install()
glance_guards.install()
cfg.CONF.set_override("image_size_cap", 6000)
options = "import_filtering_opts"
cfg.CONF.set_override("allowed_ports", [port, port + 1], options)
cfg.CONF.set_override("disallowed_hosts", [], options)

def fetched(uri):
    try:
        found = scripts.get_image_data_iter(uri)
        data = found[0] if isinstance(found, tuple) else found
        length = 0
        while True:
            block = data.read(1000)
            length += len(block)
            if not block:
                return length
    except Exception as error:
        return type(error).__name__

# What came out in bytes, or why nothing did, and what is in the folder then.
def unpacked(unpack, data):
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "source"), os.path.join(folder, "target")
        with open(source, "wb") as file:
            file.write(data)
        try:
            unpack(source, target, "id")
            return [os.path.getsize(target), sorted(os.listdir(folder))]
        except Exception as error:
            return [str(error), sorted(os.listdir(folder))]

archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as file:
    file.writestr("other", bytes(5000))
archives = [
    unpacked(image_decompression._zipfile, archive.getvalue()),
    unpacked(image_decompression._gzipfile, gzip.compress(bytes(6000))),
    unpacked(image_decompression._gzipfile, gzip.compress(bytes(6001))),
]

validate = getattr(utils, "validate_import_uri", None) or utils.validate_uri
number = int(ipaddress.ip_address(own))
hosts = [own, "127.0.0.1", "0.0.0.0", "localhost", "127.1", "0", str(number), hex(number), "[::]", "[::1]",
         "[::ffff:%s]" % own, "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]"]
uris = ["http://%s:%s/secret" % (host, port) for host in hosts]
refused = [uri for uri in uris if not validate(uri)]
direct = {uri: fetched(uri) for uri in uris}
# The host that answers with a redirect is one that the operator allows.
cfg.CONF.set_override("allowed_hosts", [own], options)
allowed = [validate("http://%s:%s/image" % (own, port)), fetched("http://%s:%s/image" % (own, port))]
cfg.CONF.set_override("image_size_cap", 4000)
too_large = fetched("http://%s:%s/image" % (own, port))
cfg.CONF.set_override("image_size_cap", 6000)
targets = [uri for uri in uris if "//%s:" % own not in uri]
redirected = {uri: fetched("http://%s:%s/to/%s" % (own, port, uri)) for uri in targets}
cfg.CONF.clear_override("allowed_hosts", options)

location = types.SimpleNamespace(get_uri=lambda: "http://%s:%s/secret" % (own, port))
try:
    http_driver.Store._get_response(None, location, "GET")
    store = "asked"
except exceptions.BadStoreUri:
    store = "refused"

request = types.SimpleNamespace(context=types.SimpleNamespace(is_admin=False))
changes = {}
for name in ("_do_add", "_do_replace", "_do_remove"):
    change = {"path": ["owner"], "value": "other", "op": name[4:]}
    try:
        getattr(images.ImagesController, name)(None, request, types.SimpleNamespace(owner="own"), "policy", change)
        changes[name] = "made"
    except webob.exc.HTTPForbidden:
        changes[name] = "refused"
print(json.dumps({
    "validated": [uri for uri in uris if uri not in refused], "direct": direct, "allowed": allowed,
    "too_large": too_large, "redirected": redirected, "store": store, "changes": changes,
    "archives": archives}))
server.kill()
"""


# Answers with 5,000 bytes, or with a redirect (/to/URL), on all addresses, and notes each path that it is asked for.
SERVER = """
import http.server, socket
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        target = self.path.partition("/to/")[2]
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "0" if target else "5000")
        self.end_headers()
        self.wfile.write(b"" if target else bytes(5000))
        with open("/tmp/lab-guards-asked", "a") as asked:
            print(self.path, file=asked)
    def log_message(self, *arguments):
        pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
server = Server(("::", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def probed(host):
    packaged = host.ansible.get_variables().get("glance_install_method") == "package"
    python = "/usr/bin/python3" if packaged else "/opt/glance/current/bin/python"
    own = host.ansible.get_variables()["ansible_host"]
    command = "runuser -u glance -- env PYTHONPATH=/opt/glance/libexec PYTHONWARNINGS=ignore %s -c %s %s %s %s"
    host.check_output("rm -f /tmp/lab-guards-asked")
    output = host.check_output(command, python, PROBE, own, "/etc/glance/glance-api.conf", SERVER)
    asked = host.check_output("cat /tmp/lab-guards-asked && rm /tmp/lab-guards-asked").split()
    return {**json.loads(output.splitlines()[-1]), "asked": asked}


def test_a_download_does_not_reach_the_host(probed):
    assert probed["validated"] == []
    assert {uri: found for uri, found in probed["direct"].items() if isinstance(found, int)} == {}


def test_a_redirect_does_not_lead_to_the_host(probed):
    assert {uri: found for uri, found in probed["redirected"].items() if isinstance(found, int)} == {}
    # The control: what is allowed was asked for.
    assert "/image" in probed["asked"]
    assert "/secret" not in probed["asked"]


def test_a_host_that_the_operator_names_may_be_asked(probed):
    assert probed["allowed"] == [True, 5000]


def test_a_download_is_as_large_as_an_image_may_be(probed):
    assert probed["too_large"] == "ImageSizeLimitExceeded"


def test_an_archive_is_as_large_as_an_image_may_be_and_names_no_file(probed):
    whole, most, more = probed["archives"]
    assert whole == [5000, ["source", "target"]]
    assert most == [6000, ["source", "target"]]
    assert more == ["The archive unpacks to more than 6000 bytes, the limit of this cloud.", ["source"]]


def test_a_location_does_not_lead_to_the_host(probed):
    assert probed["store"] == "refused"


def test_a_member_changes_no_owner(probed):
    assert probed["changes"] == {"_do_add": "refused", "_do_replace": "refused", "_do_remove": "refused"}


def test_legacy_tasks_are_off_where_they_have_a_known_fault(api, host):
    release = RELEASES[host.ansible.get_variables()["glance_release"]]
    expected = 403 if "tasks_api_access" in release.get("denied_policies", []) else 200
    assert api.request("GET", "/v2/tasks").status == expected
