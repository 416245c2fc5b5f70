"""A Glance on loopback, with a Keystone at the same address, that can misbehave: real HTTP, images in memory."""

import contextlib
import datetime
import hashlib
import http.server
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse


class FakeGlance:
    """The part of the v2 API that modules use, with its rules on filters, pages, hidden images and imports.

    asked: (path, query) of each request; sent: (method, path, body) of those that are no GET; headers: of each request.
    """

    def __init__(self):
        self.images = []
        self.tasks = {}
        self.task_list = []
        self.staged = {}
        self.files = {}
        self.asked = []
        self.sent = []
        self.headers = []
        self.before = {}
        self.trouble = {}
        self.page = 1000
        self.longest = self.longest_whole = 1 << 20
        self.token = None
        self.tokens_made = 0
        self.lifetime = 3600
        self.catalog = None
        # Id of the project that tokens are for, and that owns what is made.
        self.project = None
        self.legacy = False
        self.redirect = None
        self.retry_after = None
        self.stores = ["files", "fast"]
        self.store_limit = None
        # What web-download finds at any address.
        self.web = b"of the web"
        self.import_ends = "active"
        # Ids of images whose data is in use.
        self.in_use = set()
        # How many images were ever made.
        self.made = 0
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def __getattr__(self, name):
                if name.startswith("do_"):
                    return self.respond
                raise AttributeError(name)

            def respond(self):
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
        number = self.made
        image = {"id": f"{number:08x}-0000-4000-8000-000000000000", "name": f"image-{number}", "status": status}
        # Each is made a second after the one before.
        made = datetime.datetime(2026, 11, 26) + datetime.timedelta(seconds=self.made)
        self.made += 1
        image["created_at"] = f"{made.isoformat()}Z"
        self.images.append({**image, "visibility": "public", "os_hidden": False, **facts})
        return self.images[-1]

    def on_request(self, number, action):
        """Before request `number` (from 1) is answered, call the action, or cause the trouble of that name.

        Trouble may also be a status, or a status and the body of the answer.
        """
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
        if (
            trouble is None
            and self.token
            and path != "/v3/auth/tokens"
            and handler.headers["X-Auth-Token"] != self.token
        ):
            trouble = 401
        if trouble == "early":
            # The answer comes before the body is read, and the connection is closed at once.
            self.send(handler, 413, 413, b"")
            handler.close_connection = True
            return
        body = self.read(handler)
        if handler.command != "GET":
            self.sent.append((handler.command, path, body))
        if isinstance(trouble, (int, tuple)):
            status, answer = 200, None
        elif handler.command == "GET":
            status, answer = self.answer_to(path, urllib.parse.parse_qs(query))
        else:
            status, answer = self.change(handler.command, path, body)
        if status == 204:
            body = b""
        elif status < 300:
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        else:
            body = b"<html><title>x</title><body>" + answer + b"</body>"
        self.send(handler, trouble, status, body)

    def read(self, handler):
        data = handler.rfile.read(int(handler.headers["Content-Length"] or 0))
        return json.loads(data) if "json" in (handler.headers["Content-Type"] or "") else data

    def change(self, method, path, body):
        """Answer what is no GET: (status, JSON)."""
        if path == "/v3/auth/tokens":
            self.tokens_made += 1
            self.token = f"token-{self.tokens_made}"
            times = {"issued_at": "2026-11-26T05:00:00.000000Z"}
            end = 5 * 3600 + self.lifetime
            times["expires_at"] = f"2026-11-26T{end // 3600:02}:{end // 60 % 60:02}:{end % 60:02}.000000Z"
            endpoint = {"interface": "public", "region_id": "one", "region": "one", "url": self.url}
            catalog = [{"type": "image", "endpoints": [endpoint]}] if self.catalog is None else self.catalog
            return 201, {"token": {**times, "catalog": catalog, "project": self.project and {"id": self.project}}}
        if (method, path) == ("POST", "/v2/images"):
            image = self.add("queued", size=None, tags=[], container_format=None, disk_format=None, owner=self.project)
            image.update(body)
            return 201, image
        if (method, path) == ("POST", "/v2/tasks"):
            task = {"id": f"task-{len(self.task_list)}", "status": "pending", "message": "", "result": None, **body}
            self.task_list.append({**task, "owner": self.project})
            return 201, task
        _root, _v2, _images, image_id, *action = path.split("/")
        image = next((image for image in self.images if image["id"] == image_id), None)
        if image is None:
            return 404, b"no such image"
        if method == "DELETE" and image.get("protected"):
            return 403, f"Image {image_id} is protected and cannot be deleted.".encode()
        if method == "DELETE" and image_id in self.in_use:
            return 409, f"Image {image_id} could not be deleted because it is in use".encode()
        if method == "DELETE":
            self.images.remove(image)
            return 204, None
        return self.change_image(image, method, action, body)

    def change_image(self, image, method, action, body):
        if method == "PATCH":
            for change in body:
                image[change["path"][1:].replace("~1", "/").replace("~0", "~")] = change["value"]
            return 200, image
        if action == ["stage"]:
            image["status"] = "uploading"
            self.staged[image["id"]] = body
            return 204, None
        if action == ["file"]:
            self.files[image["id"]] = body
            self.fill(image, body, ["files"])
            return 204, None
        name = body["method"]["name"]
        wanted = {"web-download": "queued", "glance-direct": "uploading", "copy-image": "active"}[name]
        if image["status"] != wanted:
            return 409, f"image is {image['status']}".encode()
        stores = body.get("stores") or ["files"]
        if name == "copy-image":
            image["stores"] = ",".join([*image["stores"].split(","), *stores])
        elif self.import_ends == "active":
            self.fill(image, self.web if name == "web-download" else self.staged.pop(image["id"]), stores)
        self.tasks.setdefault(image["id"], []).append(
            {"id": f"import-{len(self.tasks)}", "status": "success", "created_at": "1", "message": ""}
        )
        if name != "copy-image" and self.import_ends != "active":
            image["status"] = self.import_ends
            self.tasks[image["id"]][-1] |= {"status": "failure", "message": "HTTP Error 404", "updated_at": "2"}
        return 202, {}

    def succeed(self, **found):
        """Have the last task succeed: its image has no owner but one that its properties name, and what was found."""
        task = self.task_list[-1]
        properties = {"owner": None, "visibility": "shared", **task["input"]["image_properties"]}
        image = self.add("queued", **properties)
        self.fill(image, self.web, ["files"])
        image.update(found)
        task.update(status="success", result={"image_id": image["id"]})

    @staticmethod
    def fill(image, data, stores):
        hashes = {"checksum": hashlib.md5(data).hexdigest(), "os_hash_value": hashlib.sha512(data).hexdigest()}
        image.update(status="active", size=len(data), os_hash_algo="sha512", stores=",".join(stores), **hashes)

    def send(self, handler, trouble, status, body):
        if trouble == "reset":
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
            return
        if isinstance(trouble, tuple):
            status, body = trouble
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
        if self.retry_after is not None and status in (429, 503):
            handler.send_header("Retry-After", str(self.retry_after))
        if status == 201 and handler.path == "/v3/auth/tokens":
            handler.send_header("X-Subject-Token", self.token)
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
        tags = query.pop("tag", [])
        query = {key: values[-1] for key, values in query.items()} | ({"tag": tags} if tags else {})
        task = re.fullmatch(r"/v2/images/([^/]+)/tasks", path)
        if task:
            found = self.tasks.get(task[1], [])
            return (found, b"no tasks for you") if isinstance(found, int) else (200, {"tasks": found})
        if path == "/v2/info/stores" and self.stores is None:
            return 404, b"Multi backend is not supported at this site."
        if path == "/v2/info/stores":
            return 200, {"stores": [{"id": store} for store in self.stores] + [{"id": "web", "read-only": "true"}]}
        if path == "/v2/tasks":
            return 200, {"tasks": [task for task in self.task_list if query.get("status") in (None, task["status"])]}
        file = re.fullmatch(r"/v2/images/([^/]+)/file", path)
        if file:
            return (200, self.files[file[1]]) if file[1] in self.files else (404, b"no such data")
        one = re.fullmatch(r"/v2/(images|tasks)/([^/]+)", path)
        if one:
            things = self.images if one[1] == "images" else self.task_list
            found = [thing for thing in things if thing["id"] == one[2]]
            return (200, found[0]) if found else (404, b"no such thing")
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
        return "/v2/images" + ("?" + urllib.parse.urlencode(query, doseq=True) if query else "")

    @staticmethod
    def listed(image, query, filters):
        visibility = query.get("visibility")
        if visibility in ("public", "private", "shared"):
            if image["visibility"] != visibility:
                return False
        elif visibility != "all" and (image["visibility"] == "community") != (visibility == "community"):
            return False
        if image["os_hidden"] != (query.get("os_hidden") == "true"):
            return False
        if not set(query.get("tag", [])) <= set(image.get("tags", [])):
            return False
        if query.get("owner", image.get("owner")) != image.get("owner"):
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
