"""What the guards around Glance refuse, and that they stand around the functions that they name."""

import concurrent.futures
import configparser
import contextlib
import datetime
import http.server
import importlib.util
import io
import ipaddress
import json
import pathlib
import socket
import sys
import threading
import types
import urllib.parse
import urllib.request

import pytest

PROGRAM = pathlib.Path(__file__).parents[3] / "roles/api/files/glance_guards.py"


@pytest.fixture(scope="module")
def guards():
    spec = importlib.util.spec_from_file_location("glance_guards", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    # It imports what lies beside it.
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROGRAM.parent)
        spec.loader.exec_module(module)
    return module


def filters(allowed=(), disallowed=()):
    return types.SimpleNamespace(allowed_hosts=list(allowed), disallowed_hosts=list(disallowed))


@pytest.mark.parametrize(
    ("name", "is_admin", "is_attribute", "refused"),
    [
        ("owner", False, True, True),
        ("owner", True, True, False),
        ("name", False, True, False),
        ("tags", False, True, False),
        ("locations", False, True, False),
        ("my_property", False, False, False),
        ("base", False, False, False),
        ("base", False, True, True),
        ("base", True, True, True),
        ("image_id", False, True, True),
        ("extra_properties", True, True, True),
        ("__class__", False, True, True),
    ],
)
def test_changes(guards, name, is_admin, is_attribute, refused):
    assert bool(guards.refused_change(name, is_admin, is_attribute)) == refused


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"method": {"name": "glance-direct"}}, False),
        ({"method": {"name": "web-download", "uri": "https://h/x"}}, False),
        ({"method": {"name": "glance-direct", "uri": "file:///var/lib/glance/images/x"}}, True),
        ({"method": {"name": "copy-image", "uri": "file:///etc/passwd"}}, True),
        ({"method": {"name": "glance-download", "uri": None}}, True),
        ({"method": {"uri": "file:///x"}}, True),
        ({"method": "x"}, False),
        ({}, False),
        ([], False),
    ],
)
def test_only_a_download_takes_an_address(guards, body, refused):
    class Deserializer:
        def _validate_import_body(self, body):
            return "judged by Glance"

    guards.guard_import_requests(Deserializer, ValueError)
    if refused:
        with pytest.raises(ValueError, match="Only the import method web-download takes a uri"):
            Deserializer()._validate_import_body(body)
    else:
        assert Deserializer()._validate_import_body(body) == "judged by Glance"


FORBIDDEN = """
    0.0.0.0 0.1.2.3 127.0.0.1 127.8.9.1 169.254.169.254 169.254.0.9 224.0.0.1 255.255.255.255 100.100.100.200 192.0.2.7
    :: ::1 fe80::1 fe80::1%eth0 ff02::1 ::ffff:0.0.0.0 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1
    64:ff9b::7f00:1 2002:7f00:1:: fd00:ec2::254 ::ffff:192.0.2.7 64:ff9b::c000:207 2001:db8::7
"""
ALLOWED = "10.0.0.1 192.168.1.1 172.16.0.1 198.51.100.1 2001:db8::8 fd00::1 ::ffff:10.0.0.1 64:ff9b::a00:1"
OWN = {ipaddress.ip_address("192.0.2.7"), ipaddress.ip_address("2001:db8::7")}


@pytest.mark.parametrize("address", FORBIDDEN.split())
def test_addresses_that_are_never_asked(guards, address):
    assert guards.is_forbidden(address, own=OWN.__contains__)


@pytest.mark.parametrize("address", ALLOWED.split())
def test_addresses_of_other_hosts(guards, address):
    assert not guards.is_forbidden(address, own=OWN.__contains__)


def test_disallowed_addresses_count_in_every_spelling(guards):
    for address in ("10.0.0.1", "::ffff:10.0.0.1"):
        assert guards.is_forbidden(address, ["example.com", "10.0.0.1"], own=OWN.__contains__)
    assert guards.is_forbidden("2001:db8::8", ["2001:0db8:0::8"], own=OWN.__contains__)


def test_second_addresses_of_a_network_are_found_in_the_routes(guards):
    trie = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.0.0.0
        /24 link UNICAST
Local:
  +-- 10.0.0.0/24 2 0 2
     |-- 10.0.0.7
        /32 host LOCAL
     |-- 10.0.0.100
        /32 host LOCAL
     |-- 127.0.0.0
        /8 host LOCAL
     |-- 10.0.0.255
        /32 link BROADCAST
"""
    assert [str(network) for network in guards.local_networks(trie)] == ["10.0.0.7/32", "10.0.0.100/32", "127.0.0.0/8"]


def test_addresses_of_this_machine_are_its_own(guards):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        own = probe.getsockname()[0]
    assert guards.is_own(ipaddress.ip_address(own))
    assert guards.is_own(ipaddress.ip_address("127.3.4.5"))
    assert not guards.is_own(ipaddress.ip_address("192.0.2.1"))


@pytest.mark.parametrize(
    ("uri", "options", "allowed"),
    [
        ("http://127.0.0.1/", filters(), False),
        ("http://2130706433/", filters(), False),
        ("http://0x7f000001/", filters(), False),
        ("http://017700000001/", filters(), False),
        ("http://127.1/", filters(), False),
        ("http://localhost/", filters(), False),
        ("http://[::ffff:0.0.0.0]/", filters(), False),
        ("http://[", filters(), False),
        ("http:///x", filters(), False),
        ("http://a:b/", filters(), False),
        ("http://198.51.100.1/", filters(), True),
        ("http://198.51.100.1/", filters(disallowed=["198.51.100.1"]), False),
        ("http://name.invalid/", filters(), True),
        # What the operator names.
        ("http://127.0.0.1/", filters(allowed=["127.0.0.1"]), True),
        ("http://127.0.0.1/", filters(allowed=["127.0.0.1"], disallowed=["127.0.0.1"]), True),
        ("http://localhost/", filters(allowed=["127.0.0.1"]), False),
    ],
)
def test_urls(guards, uri, options, allowed):
    assert guards.uri_allowed(uri, options) == allowed


@pytest.mark.parametrize(
    ("path", "query", "refused"),
    [
        ("/v2/images", "name=%C3%A9&a=%F0%9F%98%80", False),
        ("/v2/\xc3\xa9", "", False),
        ("/v2/\xff", "", True),
        ("/v2/a\0b", "", True),
        ("/v2", "name=%ff", True),
        ("/v2", "%ED%A0%80=1", True),
        ("/v2", "name=%00", True),
        ("/v2", "name=\xff", True),
    ],
)
def test_paths_and_queries(guards, path, query, refused):
    assert bool(guards.refused_url({"PATH_INFO": path, "QUERY_STRING": query})) == refused


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        ({"name": "é \U0001f600"}, False),
        ({"name": "\\u0000"}, False),
        ({"name": "\\\\u0000"}, False),
        ({"name": "\x00"}, True),
        ({"name": "\\\x00"}, True),
        ({"\x00": 1}, True),
        ([["\ud800"]], True),
        ({"\udfff": 1}, True),
    ],
)
def test_texts_that_no_database_takes(guards, value, refused):
    assert bool(guards.refused_json(value)) == refused


def test_bodies_of_requests_are_judged_and_answers_of_a_registry_are_not(guards):
    class Deserializer:
        def default(self, request):
            return {"body": self.from_json(request.body)} if request.body else {}

        def from_json(self, text):
            return json.loads(text)

    class OfRegistry(Deserializer):
        def from_json(self, text):
            return {"created_at": datetime.datetime.fromisoformat(json.loads(text))}

    def nothing(*_arguments):
        pass

    wsgi = types.SimpleNamespace(
        Resource=type("Resource", (), {"dispatch": nothing}),
        JSONRequestDeserializer=Deserializer,
        Request=type("Request", (), {"get_range_from_request": nothing}),
    )
    guards.guard_requests(wsgi, ValueError, OverflowError, IndexError, nothing)

    def read(body, length=1):
        return Deserializer().default(types.SimpleNamespace(content_length=length, body=body))

    assert (read('{"name": "x"}'), read("")) == ({"body": {"name": "x"}}, {})
    with pytest.raises(ValueError, match="holds a NUL"):
        read(r'{"name": "\u0000"}')
    with pytest.raises(OverflowError, match="bytes at most"):
        read("{}", guards.JSON_LIMIT + 1)
    assert OfRegistry().from_json('"2026-11-29"') == {"created_at": datetime.datetime(2026, 11, 29)}


class Server(http.server.BaseHTTPRequestHandler):
    """Answers, or redirects what asks for /to/URL."""

    def do_GET(self):
        self.server.seen.append(self.path)
        target = self.path.partition("/to/")[2]
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "2" if not target else "0")
        self.end_headers()
        self.wfile.write(b"" if target else b"ok")

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.seen = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield server
        server.shutdown()


def test_a_connection_goes_to_allowed_addresses_only(guards, server, monkeypatch):
    monkeypatch.delenv("http_proxy", raising=False)

    def fetch(url, options, allowed=lambda _url: True):
        handler = guards.redirect_handler(urllib.request.HTTPRedirectHandler, options, allowed)
        with contextlib.closing(urllib.request.build_opener(handler).open(url, timeout=10)) as answer:
            return answer.read()

    with pytest.raises(OSError, match="no address that may be asked"):
        fetch(server.url, filters())
    assert server.seen == []
    assert fetch(server.url, filters(allowed=["127.0.0.1"])) == b"ok"
    port = server.url.rpartition(":")[2]
    # The name passed the check, and leads to the host only when it is asked.
    with pytest.raises(OSError, match="no address that may be asked"):
        fetch(f"{server.url}/to/http://localhost:{port}/secret", filters(allowed=["127.0.0.1"]))
    with pytest.raises(OSError, match="Redirect to disallowed URL"):
        fetch(f"{server.url}/to/{server.url}/secret", filters(allowed=["127.0.0.1"]), lambda _url: False)
    assert "/secret" not in server.seen


@pytest.mark.parametrize("form", [list, "".join], ids=["a list, as 2026.2", "one address, as Debian's packages"])
def test_what_glance_has_resolved_is_judged_in_the_form_that_it_gave(guards, form):
    utils = types.SimpleNamespace(resolve_pinned_address=lambda hostname, _port: form([hostname]))
    scripts = types.SimpleNamespace(_pinned_ip_for_request=lambda _request: None)
    guards.guard_downloads(utils, scripts, filters, lambda: 0)
    assert utils.resolve_pinned_address("192.0.2.1", 80) == form(["192.0.2.1"])
    with pytest.raises(ValueError, match="no allowed addresses for external host"):
        utils.resolve_pinned_address("127.0.0.1", 80)


@pytest.fixture
def proxied(monkeypatch):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    monkeypatch.setenv("no_proxy", "inside.example.com")


@pytest.mark.usefixtures("proxied")
@pytest.mark.parametrize("form", [list, "".join], ids=["a list, as 2026.2", "one address, as Debian's packages"])
def test_a_proxy_is_connected_to_in_place_of_the_host(guards, form):
    def pinned_ip_for_request(request):
        return utils.resolve_pinned_address(urllib.parse.urlsplit(request.full_url).hostname, 80)

    utils = types.SimpleNamespace(resolve_pinned_address=lambda hostname, _port: form([hostname]))
    scripts = types.SimpleNamespace(_pinned_ip_for_request=pinned_ip_for_request)
    guards.guard_downloads(utils, scripts, filters, lambda: 0)
    # What the host itself can't ask, the proxy isn't asked for either.
    with pytest.raises(ValueError, match="no allowed addresses"):
        scripts._pinned_ip_for_request(urllib.request.Request("http://127.0.0.1/x"))
    direct = urllib.request.Request("http://192.0.2.1/x")
    assert scripts._pinned_ip_for_request(direct) == form(["192.0.2.1"])
    for scheme in ("http", "https"):
        request = urllib.request.Request(f"{scheme}://192.0.2.1/x")
        request.set_proxy("127.0.0.1:3128", scheme)
        found = scripts._pinned_ip_for_request(request)
        assert (list(found), bool(found)) == ([None], False)


@pytest.mark.usefixtures("proxied")
def test_the_proxy_may_be_on_the_host_itself(guards, monkeypatch):
    asked = []
    monkeypatch.setattr(guards.socket, "create_connection", lambda address, *_rest, **_options: asked.append(address))
    connect = guards.connector(filters())
    connect(("127.0.0.1", 3128))
    with pytest.raises(OSError, match="no address that may be asked"):
        connect(("127.0.0.1", 3129))
    assert asked == [("127.0.0.1", 3128)]


def call(application, **environ):
    """Ask a WSGI application; gives the status and the body."""
    statuses = []
    body = application({"PATH_INFO": "/", **environ}, lambda status, headers: statuses.append(status))
    return statuses[-1], b"".join(body).decode()


def test_the_filter_answers_what_glance_lets_fall(guards, caplog):
    def failing(error):
        def application(_environ, _start_response):
            raise error

        return guards.Guard(application)

    status, text = call(failing(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no")))
    assert (status, "can't be read" in text) == ("400 Bad Request", True)
    status, text = call(failing(KeyError("a secret of the server")))
    assert (status, "secret" in text) == ("500 Internal Server Error", False)
    assert "a secret of the server" in caplog.text
    status, _text = call(failing(AssertionError("never asked")), PATH_INFO="/\xff")
    assert status == "400 Bad Request"
    long = guards.Guard(failing(AssertionError("never asked")).application, lambda: 64)
    assert call(long, HTTP_X_OPENSTACK_REQUEST_ID="x" * 65)[0].startswith("431 ")


@pytest.fixture
def uwsgi(monkeypatch):
    """Have a server whose connection has data; gives the data and the other end of the connection."""
    source, (ours, theirs) = io.BytesIO(bytes(200_000)), socket.socketpair()
    theirs.sendall(b"x")
    module = types.SimpleNamespace(chunked_read=lambda _idle: source.read(1000), connection_fd=ours.fileno)
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    with ours, theirs:
        yield types.SimpleNamespace(source=source, module=module, ours=ours)


def refusing(guards, status="404 Not Found"):
    """Give an application that reads ten bytes and answers."""

    def application(environ, start_response):
        environ["wsgi.input"].read(10)
        environ["wsgi.input"] = None
        return guards.answer(start_response, status, "said")

    return guards.Guard(application)


@pytest.mark.parametrize("coding", [{"CONTENT_LENGTH": "200000"}, {"HTTP_TRANSFER_ENCODING": "Chunked"}])
@pytest.mark.parametrize(("status", "read"), [("503 Service Unavailable", True), ("201 Created", False)])
def test_the_rest_of_a_refused_body_is_read_before_the_answer(guards, uwsgi, coding, status, read):
    said = call(refusing(guards, status), **coding, **{"wsgi.input": uwsgi.source})
    assert said == (status, f"{status}\n\nsaid\n")
    assert uwsgi.source.tell() == (200_000 if read else 10)


@pytest.mark.parametrize("environ", [{"CONTENT_LENGTH": ""}, {}, {"CONTENT_LENGTH": "10"}])
def test_a_refused_request_with_nothing_left_is_answered_at_once(guards, uwsgi, environ):
    uwsgi.module.connection_fd = None
    assert call(refusing(guards), **environ, **{"wsgi.input": uwsgi.source})[0] == "404 Not Found"
    assert uwsgi.source.tell() == 10


def test_a_body_that_does_not_come_or_does_not_end_is_not_waited_for(guards, monkeypatch, uwsgi):
    monkeypatch.setattr(guards, "REST_IDLE", 0.05)
    monkeypatch.setattr(guards, "REST_SECONDS", 0.05)
    uwsgi.ours.recv(1)
    assert call(refusing(guards), CONTENT_LENGTH="200000", **{"wsgi.input": uwsgi.source})[0] == "404 Not Found"
    assert uwsgi.source.tell() == 10
    uwsgi.module.chunked_read = lambda _idle: b"x"
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": uwsgi.source}
    assert call(refusing(guards), **chunked)[0] == "404 Not Found"

    def gone(_idle):
        raise OSError("unable to receive chunked part")

    uwsgi.module.chunked_read = gone
    assert call(refusing(guards), **chunked)[0] == "404 Not Found"


def test_a_release_without_a_guarded_function_does_not_start(guards):
    class Controller:
        def _do_add(self):
            pass

    with pytest.raises(guards.GuardError, match="Controller should have _do_replace"):
        guards.guard_changes(Controller, ValueError)


def test_functions_are_wrapped_once(guards):
    class Controller:
        def _do_add(self, req, image, change):
            image.changed = change["path"]

        _do_replace = _do_remove = _do_add

    guards.guard_changes(Controller, PermissionError)
    wrapped = Controller._do_add
    guards.guard_changes(Controller, PermissionError)
    assert Controller._do_add is wrapped
    request = types.SimpleNamespace(context=types.SimpleNamespace(is_admin=False))
    image = types.SimpleNamespace(owner="p1")
    with pytest.raises(PermissionError):
        Controller()._do_add(request, image, {"path": ["owner"]})
    Controller()._do_add(request, image, {"path": ["mark"]})
    assert image.changed == ["mark"]


@pytest.mark.parametrize(
    ("size", "by_keystone", "limit"), [(None, False, 70), (30, False, 70), (None, True, None), (80, False, "full")]
)
def test_an_upload_of_unknown_size_is_limited_to_what_is_left(guards, size, by_keystone, limit):
    def check_quota(_context, image_size, _db_api, image_id=None):
        if by_keystone or image_size is None:
            return None
        if image_size > 70:
            raise OverflowError
        return 70

    common = types.SimpleNamespace(check_quota=check_quota, get_remaining_quota=lambda *_given, image_id: 70)
    guards.guard_quota(common, lambda: by_keystone)
    if limit == "full":
        with pytest.raises(OverflowError):
            common.check_quota("context", size, "db")
    else:
        assert common.check_quota("context", size, "db", image_id="i") == limit


@pytest.mark.parametrize("failures", [0, 1, 4, 5])
def test_a_change_is_begun_anew_when_a_row_is_gone(guards, failures):
    calls = []

    def image_update(context, image, purge_props=False):
        calls.append((context, image, purge_props))
        if len(calls) <= failures:
            raise LookupError("0 were matched")
        return "updated"

    api = types.SimpleNamespace(image_update=image_update)
    guards.guard_updates(api, (LookupError,))
    if failures == 5:
        with pytest.raises(LookupError):
            api.image_update("context", "image", purge_props=True)
    else:
        assert api.image_update("context", "image", purge_props=True) == "updated"
    assert calls == [("context", "image", True)] * min(failures + 1, 5)


def test_what_can_be_deleted_can_be_deleted_later(guards):
    states = {"deactivated": ("active", "deleted"), "queued": ["deleted"], "pending_delete": ["deleted"]}
    image = types.SimpleNamespace(valid_state_targets=states)
    for _time in range(2):
        guards.guard_transitions(image)
        assert {status: sorted(others) for status, others in image.valid_state_targets.items()} == {
            "deactivated": ["active", "deleted", "pending_delete"],
            "queued": ["deleted", "pending_delete", "queued"],
            "pending_delete": ["deleted"],
        }


def error(name, base=Exception, module=__name__):
    def begin(self, message):
        base.__init__(self, message)

    return type(name, (base,), {"__module__": module, "__init__": begin})


# Those of glance_store.
Backend, NotSupported = error("BackendException"), error("StoreGetNotSupported")
STORE_ERRORS = types.SimpleNamespace(
    BackendException=Backend,
    UnsupportedBackend=error("UnsupportedBackend", Backend),
    StoreGetNotSupported=NotSupported,
    StoreRandomGetNotSupported=error("StoreRandomGetNotSupported", NotSupported),
    **{
        name: error(name)
        for name in ("BadStoreConfiguration", "NotFound", "StoreAddDisabled", "RemoteServiceUnavailable")
    },
)


class UnavailableError(Exception):
    """An answer 503."""


class UserLeftError(OSError):
    """A client that closed its connection."""


AWAY = [
    error("TimedOut", module="rados"),
    error("ConnectionClosedError", module="botocore.exceptions"),
    ConnectionResetError,
    STORE_ERRORS.BackendException,
    STORE_ERRORS.BadStoreConfiguration,
]
NO_FAILURE = [STORE_ERRORS.NotFound, STORE_ERRORS.UnsupportedBackend, ValueError]


@pytest.fixture
def store(guards):
    """Return a guarded glance_store whose functions raise `error`, and read `data` first."""
    found = types.SimpleNamespace(error=None, capable=True)

    def act(*_arguments, **_options):
        if found.error:
            raise found.error
        return "done"

    def add(_image_id, data, *_more):
        return [*data] or act() if hasattr(data, "data") and isinstance(data.data, list) else (data.read(1), act())[1]

    found.multi_backend = types.SimpleNamespace(store_add_to_backend_with_multihash=add)
    found.get = found.delete = act
    guards.guard_stores(found, STORE_ERRORS, lambda _store: found.capable, UnavailableError)
    found.add = lambda data: found.multi_backend.store_add_to_backend_with_multihash(
        "id", data, 1, "sha512", types.SimpleNamespace(backend_group="far"), None
    )
    return found


class Data:
    def __init__(self, error=None):
        self.error = error

    def read(self, *_size):
        if self.error:
            raise self.error
        return b"x"


@pytest.mark.parametrize("kind", [*AWAY, STORE_ERRORS.StoreAddDisabled])
def test_a_store_that_is_away_is_told_to_who_uploads(store, kind, caplog):
    store.error = kind("secret address")
    with pytest.raises(UnavailableError, match=r"^The store far can't be used at present\. Try again later\.$"):
        store.add(Data())
    assert "secret address" in caplog.text


@pytest.mark.parametrize("kind", AWAY)
def test_a_store_that_is_away_is_told_to_who_downloads_or_deletes(store, kind):
    store.error = kind("secret address")
    with pytest.raises(STORE_ERRORS.RemoteServiceUnavailable, match="The store far can't be used"):
        store.get("rbd://x", "far", offset=0)
    with pytest.raises(UnavailableError, match="The store far can't be used"):
        store.delete("rbd://x", "far", context=None)


@pytest.mark.parametrize("kind", NO_FAILURE)
def test_other_errors_of_a_store_stay_what_they_are(store, kind):
    store.error = kind("as it was")
    for use in (lambda: store.add(Data()), lambda: store.get("u", "far"), lambda: store.delete("u", "far")):
        with pytest.raises(kind, match="as it was"):
            use()


def test_what_a_user_fails_in_is_no_fault_of_the_store(store):
    with pytest.raises(UserLeftError):
        store.add(Data(UserLeftError("gone")))
    store.error = STORE_ERRORS.StoreRandomGetNotSupported("parts")
    with pytest.raises(STORE_ERRORS.StoreRandomGetNotSupported):
        store.get("u", "far", offset=1)
    # A driver that takes no data at all is another matter.
    store.error, store.capable = STORE_ERRORS.StoreAddDisabled("reads"), False
    with pytest.raises(STORE_ERRORS.StoreAddDisabled):
        store.add(Data())


def test_a_store_that_works_is_left_alone(store):
    assert (store.add(Data()), store.get("u", "far"), store.delete("u", "far")) == ("done", "done", "done")
    assert store.add([]) == "done"


class RefusedError(Exception):
    """An answer 400."""


@pytest.mark.parametrize(
    ("fails", "expected"),
    [(None, 206), (STORE_ERRORS.StoreRandomGetNotSupported, 200), (STORE_ERRORS.NotFound, 0)],
)
def test_a_part_that_a_store_can_not_read_is_given_as_the_whole(guards, fails, expected):
    def get():
        if fails:
            raise fails("no")

    class Serializer:
        def download(self, response, _image):
            if "Range" in response.request.headers:
                response.status_int = 206
                try:
                    get()
                except Exception as found:
                    raise RefusedError from found

    guards.guard_ranges(Serializer, RefusedError, STORE_ERRORS.StoreRandomGetNotSupported)
    response = types.SimpleNamespace(status_int=200, request=types.SimpleNamespace(headers={"Range": "bytes=1-2"}))
    if expected:
        Serializer().download(response, None)
        assert response.status_int == expected
    else:
        with pytest.raises(RefusedError):
            Serializer().download(response, None)


@pytest.mark.parametrize(("size", "told"), [(0, 0), (9, 9), (10, 0), (15, 0)])
def test_a_large_image_is_read_to_its_end(guards, size, told):
    class Driver:
        large_object_size = 10

        def add(self, image_id, data, size, algorithm, context=None, verifier=None):
            return image_id, data, size, algorithm, context, verifier

    guards.guard_segments(Driver)
    assert Driver().add("x", "data", size, "sha512", verifier="v") == ("x", "data", told, "sha512", None, "v")


def test_accounts_are_read_alone_and_each_file_by_itself(guards, tmp_path):
    class Parser(configparser.ConfigParser):
        pass

    class Params:
        def __init__(self, path):
            self.path = path

        def _load_config(self):
            utils.CONFIG.read(self.path)
            return {name: dict(utils.CONFIG[name]) for name in utils.CONFIG.sections()}

    utils = types.SimpleNamespace(
        CONFIG=Parser(defaults={"domain": "default"}), SwiftConfigParser=Parser, SwiftParams=Params
    )
    (tmp_path / "a").write_text("[ref1]\nuser = a\nkey = a\n")
    (tmp_path / "b").write_text("[ref1]\napplication_credential_id = b\n")
    guards.guard_accounts(utils)
    expected = {
        "a": {"ref1": {"domain": "default", "user": "a", "key": "a"}},
        "b": {"ref1": {"domain": "default", "application_credential_id": "b"}},
    }
    found = {name: Params(tmp_path / name)._load_config() for name in ("a", "b", "a")}
    assert found == expected
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        names = ["a", "b"] * 50
        assert (
            list(pool.map(lambda name: Params(tmp_path / name)._load_config() == expected[name], names)) == [True] * 100
        )


def test_s3_is_sent_checksums_where_they_are_required_or_wanted(guards):
    environment = {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_supported"}
    guards.guard_checksums(environment)
    assert environment == {
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_supported",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }


def test_images_in_s3_of_a_newer_release_are_read_with_the_keys_of_the_store(guards):
    class Store:
        access_key, secret_key, bucket = "k", "s", "glance"

        def _create_s3_client(self, location):
            return location.accesskey, getattr(location, "secretkey", None)

    guards.guard_s3_keys(Store)
    locations = [
        types.SimpleNamespace(accesskey=None, bucket="glance"),
        types.SimpleNamespace(accesskey=None, bucket="of-a-user"),
        types.SimpleNamespace(accesskey="former", secretkey="f", bucket="glance"),
    ]
    assert [Store()._create_s3_client(each) for each in locations] == [("k", "s"), (None, None), ("former", "f")]


def test_a_driver_of_s3_that_reads_no_keys_stays_as_it_is(guards):
    class Store:
        def _create_s3_client(self):
            return "client"

    guards.guard_s3_keys(Store)
    assert Store()._create_s3_client() == "client"


@pytest.fixture
def boto(monkeypatch):
    """Stand for botocore, which the tests need not have, as far as the guard asks it."""

    class Core:
        def set_default_client_config(self, config):
            self.config = config

        def register(self, event, handler):
            self.handlers = {event: handler}

    kinds = {name: type(name, (Exception,), {}) for name in ("ConnectTimeoutError", "ReadTimeoutError")}
    modules = {
        "botocore": {},
        "botocore.config": {"Config": dict},
        "botocore.exceptions": kinds,
        "botocore.session": {"get_session": Core},
    }
    for name, names in modules.items():
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(**names))
    return types.SimpleNamespace(**kinds)


def s3_driver(upload=None):
    session = types.SimpleNamespace(Session=lambda **options: options)
    return types.SimpleNamespace(boto_session=session, run_upload=upload or (lambda *_arguments: None))


@pytest.mark.parametrize(
    ("event", "kind", "ends"),
    [
        ("needs-retry.s3.HeadObject", "ReadTimeoutError", True),
        ("needs-retry.s3.HeadBucket", "ConnectTimeoutError", True),
        ("needs-retry.s3.PutObject", "ReadTimeoutError", False),
        ("needs-retry.s3.UploadPart", "ReadTimeoutError", False),
        ("needs-retry.s3.CompleteMultipartUpload", "ReadTimeoutError", False),
        ("needs-retry.s3.HeadObject", None, False),
    ],
)
def test_an_s3_that_does_not_answer_is_waited_for_once(guards, boto, event, kind, ends):
    driver = s3_driver()
    guards.guard_s3_answers(driver)
    options = driver.boto_session.Session(aws_access_key_id="k")
    core = options.pop("botocore_session")
    assert (options, core.config) == ({"aws_access_key_id": "k"}, {"connect_timeout": 30, "read_timeout": 30})
    error = getattr(boto, kind)() if kind else ValueError()
    with pytest.raises(type(error)) if ends else contextlib.nullcontext():
        assert core.handlers["needs-retry.s3"](event_name=event, caught_exception=error, attempts=1) is None


@pytest.mark.usefixtures("boto")
def test_an_image_is_given_up_when_a_part_did_not_reach_s3(guards, caplog):
    sent = []

    def upload(_client, _bucket, _key, part):
        sent.append(part.partnum)
        if part.partnum == 2:
            raise OSError("no answer")

    driver = s3_driver(upload)
    guards.guard_s3_answers(driver)
    shared = {"UploadId": "u"}
    parts = [types.SimpleNamespace(partnum=number, success=True, mpu=shared) for number in (1, 2, 3)]
    for part in parts:
        driver.run_upload("client", "bucket", "image", part)
    assert [part.success for part in parts] == [True, False, False]
    assert sent == [1, 2]
    assert "Part 2 of image did not reach the store" in caplog.text


@pytest.fixture
def swift(monkeypatch):
    """Stand for swiftclient and requests, as far as the guard asks them."""

    timeout, client_error = error("Timeout"), error("ClientException")

    class Connection:
        def __init__(self, url, timeout=None):
            self.url, self.timeout, self.asked = url, timeout, 0

        def _retry(self, _reset, ask, *args, **options):
            while True:
                self.asked += 1
                with contextlib.suppress(OSError, timeout):
                    return ask(*args, **options)

    monkeypatch.setitem(sys.modules, "requests", types.SimpleNamespace())
    monkeypatch.setitem(sys.modules, "requests.exceptions", types.SimpleNamespace(Timeout=timeout))
    library = types.SimpleNamespace(Connection=Connection, ClientException=client_error)
    keystone = types.SimpleNamespace(Session=lambda **options: options)
    return types.SimpleNamespace(swiftclient=library, Timeout=timeout, ks_session=keystone)


def test_a_swift_that_does_not_answer_is_waited_for_once(guards, swift):
    guards.guard_swift_answers(swift)
    connection = swift.swiftclient.Connection("http://swift")
    assert (connection.url, connection.timeout) == ("http://swift", 30)
    answers = [OSError("refused"), swift.Timeout("late")]

    def ask(container):
        raise answers.pop(0)

    with pytest.raises(swift.swiftclient.ClientException, match="no answer within 30 s"):
        connection._retry(None, ask, "glance")
    assert connection.asked == 2
    with pytest.raises(swift.swiftclient.ClientException, match="no answer within 30 s"):
        connection._retry(None, lambda container: container, "glance")
    assert swift.swiftclient.Connection("x")._retry(None, lambda container: container, "glance") == "glance"
    assert swift.ks_session.Session(auth="a", verify=True) == {"auth": "a", "verify": True, "timeout": 30}


@pytest.mark.parametrize("guard", ["guard_s3_answers", "guard_swift_answers"])
def test_a_store_whose_library_is_not_installed_is_left_alone(guards, guard):
    getattr(guards, guard)(types.SimpleNamespace(boto_session=None, swiftclient=None))


@pytest.mark.parametrize(
    ("properties", "owner", "status", "minutes", "refused"),
    [
        ({}, "p1", "processing", 0, False),
        ({"os_glance_import_task": "t"}, "p1", "processing", 59, True),
        ({"os_glance_import_task": "t"}, "p1", "processing", 61, False),
        ({"os_glance_import_task": "t"}, "p1", "pending", 119, True),
        ({"os_glance_import_task": "t"}, "p1", "success", 0, False),
        ({"os_glance_import_task": "gone"}, "p1", "processing", 0, False),
        ({"os_glance_import_task": "t"}, "p2", "processing", 0, False),
        (None, "p1", "processing", 0, False),
    ],
    ids=["none", "a running one", "a dead one", "one that waits", "one that ended", "no task", "of others", "no image"],
)
@pytest.mark.parametrize("zone", [None, datetime.timezone.utc])
def test_an_image_keeps_its_stores_while_it_is_imported(guards, properties, owner, status, minutes, refused, zone):
    updated = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=minutes)
    task = types.SimpleNamespace(status=status, updated_at=updated.replace(tzinfo=zone))
    image = types.SimpleNamespace(extra_properties=properties, owner=owner)

    def found(record, there):
        if not there:
            raise LookupError
        return record

    class Controller:
        gateway = types.SimpleNamespace(
            get_repo=lambda _context: types.SimpleNamespace(get=lambda _id: found(image, properties is not None)),
            get_task_repo=lambda context: types.SimpleNamespace(
                get=lambda number: found(task, (context, number) == ("administrator", "t"))
            ),
        )

        def delete_from_store(self, req, store_id, image_id):
            return "left to Glance"

    guards.guard_stores_in_use(Controller, RefusedError)
    user = types.SimpleNamespace(is_admin=False, owner="p1", elevated=lambda: "administrator")
    request = types.SimpleNamespace(context=user)
    if refused:
        with pytest.raises(RefusedError, match="An import of the image is running: try again when it has ended"):
            Controller().delete_from_store(request, "s3", "i")
    else:
        assert Controller().delete_from_store(request, store_id="s3", image_id="i") == "left to Glance"
