"""Downloads of imports end in every release as its own plugins begin them, when their source fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

testinfra_hosts = ["ansible://glance_api"]
TABLE = Path(__file__).parents[3] / "roles/common/vars/main/releases.yml"
RELEASES = yaml.safe_load(TABLE.read_text())["__glance_releases"]

# Loads the guards as the server does, and downloads as web-download and glance-download do, with smaller limits.
PROBE = """
import json, socket, subprocess, sys, types
if sys.argv[3] == "eventlet":
    import eventlet
    eventlet.monkey_patch()
from oslo_config import cfg
import glance_guards, import_sources
from glance.async_.flows._internal_plugins import web_download
try:
    from glance.async_.flows._internal_plugins import glance_download
except ImportError:
    # Ussuri has none.
    glance_download = None

server = subprocess.Popen([sys.executable, "-c", sys.argv[2]], stdout=subprocess.PIPE)
port = int(server.stdout.readline())
with socket.socket() as unused:
    unused.bind(("127.0.0.1", 0))
    closed = unused.getsockname()[1]

cfg.CONF(["--config-file=" + sys.argv[1]], project="glance")
glance_guards.install()
cfg.CONF.set_override("image_size_cap", 100000)
for name, value in {"allowed_hosts": ["127.0.0.1"], "disallowed_hosts": [], "allowed_ports": [port, closed]}.items():
    cfg.CONF.set_override(name, value, "import_filtering_opts")
import_sources.SILENT_SECONDS, import_sources.SLOW_SECONDS = 1, 1

def add(_image_id, data, _size):
    count = 0
    while True:
        block = data.read(1000)
        if not block:
            return "file", count
        count += len(block)
        store.added = count

def ended(execute, task, *arguments):
    store.added = 0
    try:
        execute(task, *arguments)
        return store.added
    except Exception as error:
        return import_sources.reason_of(error) or repr(error)

def web(path, port=port):
    uri = "http://127.0.0.1:%s/%s" % (port, path)
    return ended(web_download._WebDownload.execute, types.SimpleNamespace(uri=uri, **common))

def glance(path):
    endpoint = {"region": "R", "publicURL": "http://127.0.0.1:%s/%s?" % (port, path)}
    context = types.SimpleNamespace(
        auth_token="t", service_catalog=[{"type": "image", "endpoints": [endpoint]}])
    task = types.SimpleNamespace(
        context=context, glance_region="R", glance_image_id="i", glance_service_interface="public", **common)
    return ended(glance_download._DownloadGlanceImage.execute, task, 50000)

store = types.SimpleNamespace(add=add)
common = {"store": store, "image_id": "i", "task_id": "t"}
paths = ["sized", "chunked", "missing", "silent", "slow", "half", "half-chunked", "to/silent"]
print(json.dumps({
    "web": {path: web(path) for path in paths}, "refused": web("sized", closed),
    "glance": {path: glance(path) for path in paths} if glance_download else None}))
server.kill()
"""

# Sends 50,000 bytes, or what the path says in place of them.
SERVER = """
import socket, threading, time
def talk(connection):
    request = b""
    while b"\\r\\n\\r\\n" not in request:
        request += connection.recv(1000)
    path = request.split()[1].decode().split("?")[0].strip("/")
    sized, chunked = b"Content-Length: 50000\\r\\n\\r\\n", b"Transfer-Encoding: chunked\\r\\n\\r\\n"
    size = b"%x\\r\\n" % 50000
    answer = b"HTTP/1.1 200 OK\\r\\n" + {
        "sized": sized + bytes(50000),
        "chunked": chunked + size + bytes(50000) + b"\\r\\n0\\r\\n\\r\\n",
        "silent": sized + bytes(10),
        "slow": b"X: ",
        "half": sized + bytes(25000),
        "half-chunked": chunked + size + bytes(25000),
    }.get(path, b"\\r\\n")
    if path == "missing":
        answer = b"HTTP/1.1 404 Not Found\\r\\n\\r\\n"
    if path.startswith("to/"):
        answer = b"HTTP/1.1 302 Found\\r\\nLocation: /%s\\r\\n\\r\\n" % path[3:].encode()
    connection.sendall(answer)
    if path == "silent":
        connection.recv(1)
    if path == "slow":
        while True:
            connection.sendall(b"x")
            time.sleep(0.1)
    connection.close()
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()
"""

ENDS = {
    "sized": 50000,
    "chunked": 50000,
    "missing": "The source has no such file (404).",
    "silent": "The source sent no data for 60 seconds.",
    "slow": "The source sent less than 1 KiB per second for a minute.",
    "half": "The source ended after 25000 of 50000 bytes.",
    "half-chunked": "The source ended in the midst of its data.",
    "to/silent": "The source sent no data for 60 seconds.",
}


@pytest.fixture(scope="module")
def probed(host):
    variables = host.ansible.get_variables()
    packaged = variables.get("glance_install_method") == "package"
    python = "/usr/bin/python3" if packaged else "/opt/glance/current/bin/python"
    server = RELEASES[variables["glance_release"]]["server"]
    command = "runuser -u glance -- env PYTHONPATH=/opt/glance/libexec PYTHONWARNINGS=ignore %s -c %s %s %s %s"
    output = host.check_output(command, python, PROBE, "/etc/glance/glance-api.conf", SERVER, server)
    return json.loads(output.splitlines()[-1])


def test_web_download_ends_with_the_reason(probed):
    assert probed["web"] == ENDS
    assert probed["refused"] == "The source refuses connections."


def test_glance_download_ends_with_the_reason(probed):
    assert probed["glance"] in (ENDS, None)
