"""What unit tests share: run a module for real in this process, and a Glance on loopback that can misbehave."""

import contextlib
import http.server
import importlib
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse

import pytest
from ansible.module_utils import basic

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:

    @contextlib.contextmanager
    def patch_module_args(args):
        """Do for ansible-core before 2.19 what its testing helper does since."""
        before, basic._ANSIBLE_ARGS = basic._ANSIBLE_ARGS, json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode()
        try:
            yield
        finally:
            basic._ANSIBLE_ARGS = before


@pytest.fixture
def run_module(capsys, tmp_path):
    """Call main() of a module of this collection with options, and return the JSON it prints."""

    def run(name, check_mode=False, /, **options):
        module = importlib.import_module(f"ansible_collections.glanceops.image_service.plugins.modules.{name}")
        internal = {"_ansible_check_mode": check_mode, "_ansible_remote_tmp": str(tmp_path)}
        capsys.readouterr()
        with patch_module_args({**options, **internal}), pytest.raises(SystemExit) as ended:
            module.main()
        result = json.loads(capsys.readouterr().out)
        assert bool(ended.value.code) == bool(result.get("failed"))
        return result

    return run


class FakeGlance:
    """The part of the v2 API that lists images, with its rules on filters, pages and hidden images, over real HTTP."""

    def __init__(self):
        self.images = []
        self.tasks = {}
        self.asked = []
        self.headers = []
        self.before = {}
        self.trouble = {}
        self.page = 1000
        self.longest = self.longest_whole = 1 << 20
        self.token = None
        self.legacy = False
        self.redirect = None
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with contextlib.suppress(ConnectionError):
                    fake.answer(self)

            def log_message(self, *dummy):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def use_tls(self, certificate, clients=None):
        """Speak TLS from now on; with clients, only to who shows a certificate of that authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if clients:
            context.load_verify_locations(clients)
            context.verify_mode = ssl.CERT_REQUIRED
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def add(self, status="active", **facts):
        number = len(self.images)
        image = {"id": f"{number:08x}-0000-4000-8000-000000000000", "name": f"image-{number}", "status": status}
        self.images.append({**image, "visibility": "public", "os_hidden": False, **facts})
        return self.images[-1]

    def on_request(self, number, action):
        """Before request `number` (from 1) is answered, call the action, or cause the trouble of that name."""
        (self.before if callable(action) else self.trouble)[number] = action

    def answer(self, handler):
        path, _dummy, query = handler.path.partition("?")
        self.headers.append(dict(handler.headers))
        self.asked.append((path, dict(urllib.parse.parse_qsl(query, keep_blank_values=True))))
        number = len(self.asked)
        self.before.get(number, lambda: None)()
        trouble = self.trouble.get(number, self.trouble.get("always"))
        if len(handler.path) > self.longest:
            trouble = trouble or 414
        if len(handler.path) > self.longest_whole:
            query = ""
        if trouble is None and self.token and handler.headers["X-Auth-Token"] != self.token:
            trouble = 401
        status, answer = (200, None) if isinstance(trouble, int) else self.answer_to(path, urllib.parse.parse_qs(query))
        body = json.dumps(answer).encode() if status == 200 else b"<html><title>x</title><body>" + answer + b"</body>"
        self.send(handler, trouble, status, body)

    def send(self, handler, trouble, status, body):
        if trouble == "reset":
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
            return
        if isinstance(trouble, int):
            status, body = trouble, f"<html><head><title>no</title></head><h1>{trouble}</h1>not today</html>".encode()
        other = {"not json": b"<html>hello</html>", "json list": b"[]", "other json": b'{"versions": []}'}
        body = other.get(trouble, body)
        if trouble == "silent":
            time.sleep(1.5)
        if self.redirect:
            status, body = 302, b""
        handler.send_response(status)
        if self.redirect:
            handler.send_header("Location", self.redirect + handler.path)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if trouble == "slow":
            for byte in range(40):
                handler.wfile.write(body[byte : byte + 1])
                time.sleep(0.05)
        else:
            handler.wfile.write(body[: len(body) // 2] if trouble == "cut" else body)

    def answer_to(self, path, query):
        query = {key: values[-1] for key, values in query.items()}
        task = re.fullmatch(r"/v2/images/([^/]+)/tasks", path)
        if task:
            found = self.tasks.get(task[1], [])
            return (found, b"no tasks for you") if isinstance(found, int) else (200, {"tasks": found})
        if path != "/v2/images":
            return 404, b"nothing here"
        if self.legacy and query.get("visibility") == "all":
            return 400, b"Invalid visibility value: all"
        filters = {key: matcher(query[key]) for key in ("id", "name") if key in query}
        hits = [image for image in self.images if self.listed(image, query, filters)]
        at = 0
        if "marker" in query:
            places = [place for place, image in enumerate(self.images) if image["id"] == query["marker"]]
            if not places:
                return 400, b"No image found with ID " + query["marker"].encode()
            at = sum(self.listed(image, query, filters) for image in self.images[: places[0] + 1])
        size = min(self.page, int(query.get("limit", 25)))
        shown = hits[at : at + size]
        answer = {"images": shown, "first": self.link(query, None)}
        if len(shown) == size:
            answer["next"] = self.link(query, shown[-1]["id"])
        return 200, answer

    @staticmethod
    def link(query, marker):
        query = {key: value for key, value in query.items() if key != "marker"} | ({"marker": marker} if marker else {})
        return "/v2/images" + ("?" + urllib.parse.urlencode(query) if query else "")

    @staticmethod
    def listed(image, query, filters):
        visibility = query.get("visibility")
        if visibility != "all" and (image["visibility"] == "community") != (visibility == "community"):
            return False
        if image["os_hidden"] != (query.get("os_hidden") == "true"):
            return False
        return all(fits(image[key]) for key, fits in filters.items())


def matcher(wanted):
    """Tell what Glance's filter takes: a list after in:, with quotes, or one value after eq:."""
    operator, _dummy, rest = wanted.partition(":")
    if operator == "eq":
        return rest.__eq__
    assert operator == "in"
    members, member, inside = [], "", False
    for at, char in enumerate(rest):
        if char == '"' and not (at and rest[at - 1] == "\\"):
            inside = not inside
        elif char == "," and not inside:
            members.append(member)
            member = ""
        else:
            member += char
    assert not inside, f"quote is not closed: {rest}"
    return {*members, member}.__contains__


@pytest.fixture
def new_glance():
    """Start a FakeGlance with each call."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(contextlib.closing(FakeGlance()))


@pytest.fixture
def glance(new_glance):
    return new_glance()
