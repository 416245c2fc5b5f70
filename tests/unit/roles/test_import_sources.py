"""How downloads of imports end when their source is silent, slow, endless or cut off, against real connections."""

import contextlib
import errno
import functools
import http.client
import importlib
import importlib.util
import io
import itertools
import pathlib
import socket
import ssl
import threading
import time
import traceback
import types
import urllib.error
import urllib.request

import pytest
from parties import Party

FILES = pathlib.Path(__file__).parents[3] / "roles/api/files"
# Longer than any limit of a test, and how long a source stays that nobody leaves.
PATIENCE = 10
# Between the bytes of a slow source.
PAUSE = 0.02
BLOCK = 65536
BODY = bytes(range(256)) * 1024
OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: %d\r\n\r\n" % len(BODY)
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def guards():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FILES)
        yield importlib.import_module("glance_guards")


@pytest.fixture
def sources(guards, monkeypatch):
    """Give the module with limits that no test reaches unless it makes them smaller."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    module = importlib.import_module("import_sources")
    for name in ("SILENT_SECONDS", "SLOW_SECONDS", "LONGEST_SECONDS"):
        monkeypatch.setattr(module, name, PATIENCE)
    return module


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Source:
    """A server on loopback, each of whose connections a function *serve* has for itself."""

    def __init__(self, serve, address="127.0.0.1", port=0):
        self.listener = socket.create_server((address, port))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://{address}:{self.port}/image"
        self.serve = serve
        self.threads = []
        self.ended = False
        self.begin(self.accept)

    def begin(self, talk, *connection):
        self.threads.append(threading.Thread(target=talk, args=connection, daemon=True))
        self.threads[-1].start()

    def accept(self):
        while True:
            connection, _address = self.listener.accept()
            if self.ended:
                connection.close()
                return
            self.begin(self.talk, connection)

    def talk(self, connection):
        connection.settimeout(PATIENCE)
        # The client may leave at any time.
        with connection, contextlib.suppress(OSError):
            self.serve(connection)

    def close(self):
        """End; every client must have left by now."""
        self.ended = True
        socket.create_connection(self.listener.getsockname()).close()
        begun = time.monotonic()
        for thread in self.threads:
            thread.join(PATIENCE)
        self.listener.close()
        assert time.monotonic() - begun < PATIENCE / 2, "a client has not left"


@pytest.fixture
def source():
    """Start a Source with each call."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(contextlib.closing(Source(*arguments, **options)))


def hold(connection):
    """Wait until the client leaves."""
    while connection.recv(BLOCK):
        pass


def dribble(connection, data):
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(PAUSE)


def asked(connection):
    """Read a request; gives its first line."""
    text = b""
    while not text.endswith(b"\r\n\r\n"):
        text += connection.recv(1)
    return text.split(b"\r\n")[0].decode()


def sending(*blocks, then=None, slowly=b""):
    """Make a source that sends *blocks*, then *slowly* by the byte, and does *then*."""

    def serve(connection):
        asked(connection)
        for block in blocks:
            connection.sendall(block)
        dribble(connection, slowly)
        if then:
            then(connection)

    return serve


class Pinned(http.client.HTTPConnection):
    def __init__(self, address, host, **options):
        super().__init__(host, **options)
        self.address = address

    def connect(self):
        self.sock = self._create_connection((self.address, self.port), self.timeout, self.source_address)


class PinnedTLS(http.client.HTTPSConnection):
    def __init__(self, address, host, **options):
        super().__init__(host, **options)
        self.address = address

    def connect(self):
        sock = self._create_connection((self.address, self.port), self.timeout, self.source_address)
        self.sock = self._context.wrap_socket(sock, server_hostname=self.host)


def pinning(addresses):
    """Stand for glance.common.scripts.utils of 2026.2, as far as it opens connections."""

    def handler(base, name, connection):
        def opening(self, req):
            for address in scripts._pinned_ip_for_request(req):
                with contextlib.suppress(Exception):
                    return self.do_open(functools.partial(connection, address), req)
            raise RuntimeError("Exhausted allowed addresses when importing image.")

        return type("Handler", (base,), {name: opening})

    scripts = types.SimpleNamespace(
        _pinned_ip_for_request=lambda _request: addresses,
        _ValidatedExternalHTTPHandler=handler(urllib.request.HTTPHandler, "http_open", Pinned),
        _ValidatedExternalHTTPSHandler=handler(urllib.request.HTTPSHandler, "https_open", PinnedTLS),
    )
    return scripts


def opener_of(scripts):
    return urllib.request.build_opener(
        urllib.request.HTTPRedirectHandler,
        scripts._ValidatedExternalHTTPHandler,
        scripts._ValidatedExternalHTTPSHandler,
    )


@pytest.fixture(params=["ussuri to 2026.1", "2026.2"])
def opened(request, guards, sources):
    """Open a URL as a release does."""
    if request.param == "2026.2":
        scripts = pinning(["127.0.0.1"])
        sources.guard_sources(scripts, guards.replace)
        return lambda url: opener_of(scripts).open(url)
    options = types.SimpleNamespace(allowed_hosts=["127.0.0.1", "localhost"], disallowed_hosts=[])
    kind = guards.redirect_handler(urllib.request.HTTPRedirectHandler, options, lambda _url: True)
    return lambda url: urllib.request.build_opener(kind).open(url)


@pytest.fixture
def fetch(opened):
    """Download a URL in blocks, as drivers of stores do."""

    def read(url):
        answer = opened(url)
        return b"".join(iter(lambda: answer.read(10_000), b""))

    return read


RIGHT = {
    "with a length": [SIZED, BODY],
    "in chunks": [CHUNKED, chunk(BODY[:1]), chunk(BODY[1:70_001]), chunk(BODY[70_001:]), b"0\r\n\r\n"],
    "in chunks with a trailer": [CHUNKED, chunk(BODY), b"0\r\nChecksum: 1\r\n\r\n"],
    "in chunks without the last line": [CHUNKED, chunk(BODY), b"0\r\n"],
    "to the end of the connection": [OK, b"\r\n", BODY],
    "after an interim answer": [b"HTTP/1.1 100 Continue\r\n\r\n", SIZED, BODY],
}


@pytest.mark.parametrize("blocks", RIGHT.values(), ids=RIGHT)
def test_a_right_download_is_whole(source, fetch, blocks):
    assert fetch(source(sending(*blocks)).url) == BODY


@pytest.mark.parametrize("blocks", RIGHT.values(), ids=RIGHT)
def test_an_iteration_gives_the_same(source, opened, blocks):
    assert b"".join(opened(source(sending(*blocks)).url)) == BODY


def test_no_body_is_none(source, fetch):
    assert fetch(source(sending(OK, b"Content-Length: 0\r\n\r\n")).url) == b""
    assert fetch(source(sending(CHUNKED, b"0\r\n\r\n")).url) == b""


def test_a_length_that_is_not_there_is_a_key_error(source, opened):
    with contextlib.closing(opened(source(sending(CHUNKED, b"0\r\n\r\n")).url)) as answer, pytest.raises(KeyError):
        answer.headers["content-length"]
    with contextlib.closing(opened(source(sending(SIZED, BODY)).url)) as answer:
        assert (int(answer.headers["content-length"]), answer.headers.get("x")) == (len(BODY), None)


SILENT = {
    "before the status": hold,
    "in the status": sending(OK[:5], then=hold),
    "in the headers": sending(SIZED[:-3], then=hold),
    "before the body": sending(SIZED, then=hold),
    "in the body": sending(SIZED, BODY[:99_999], then=hold),
    "in a body without a length": sending(OK, b"\r\n", BODY, then=hold),
    "in a size of a chunk": sending(CHUNKED, chunk(BODY), b"1", then=hold),
    "in a chunk": sending(CHUNKED, chunk(BODY)[:-9], then=hold),
    "before the last chunk": sending(CHUNKED, chunk(BODY), then=hold),
}


@pytest.mark.parametrize("serve", SILENT.values(), ids=SILENT)
def test_a_silent_source_is_given_up(source, sources, fetch, monkeypatch, serve):
    monkeypatch.setattr(sources, "SILENT_SECONDS", 0.2)
    with pytest.raises(sources.SourceError, match=r"^The source sent no data for 60 seconds\.$"):
        fetch(source(serve).url)


def test_a_source_that_takes_no_connection_is_given_up(sources, fetch, monkeypatch):
    monkeypatch.setattr(sources, "SILENT_SECONDS", 0.2)
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # The kernel keeps some connections in the queue; the others get no answer.
        for _number in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        with pytest.raises(sources.SourceError, match="no data for 60 seconds"):
            fetch(f"http://127.0.0.1:{full.getsockname()[1]}/")


SLOW = {
    "in the status": sending(slowly=OK + b" " * 999),
    "in the headers": sending(OK, slowly=b"X: " + b"x" * 999),
    "in the body": sending(SIZED, slowly=BODY[:999]),
    "in a body without a length": sending(OK, b"\r\n", slowly=BODY[:999]),
    "in the size of a chunk": sending(CHUNKED, slowly=b"0" * 999),
    "in the extension of a chunk": sending(CHUNKED, b"9;", slowly=b"x" * 999),
    "in chunks": sending(CHUNKED, slowly=chunk(b"x") * 99),
}


@pytest.mark.parametrize("serve", SLOW.values(), ids=SLOW)
def test_a_slow_source_is_given_up(source, sources, fetch, monkeypatch, serve):
    monkeypatch.setattr(sources, "SLOW_SECONDS", 0.3)
    with pytest.raises(sources.SourceError, match=r"^The source sent less than 1 KiB per second for a minute\.$"):
        fetch(source(serve).url)


def test_a_source_is_judged_by_each_minute(source, sources, fetch, monkeypatch):
    monkeypatch.setattr(sources, "SLOW_SECONDS", 0.3)
    with pytest.raises(sources.SourceError, match="less than 1 KiB per second"):
        fetch(source(sending(SIZED, BODY[:-999], slowly=BODY[-999:])).url)


def test_a_source_that_is_fast_enough_is_waited_for(source, sources, fetch, monkeypatch):
    monkeypatch.setattr(sources, "SLOW_SECONDS", 0.1)

    def serve(connection):
        asked(connection)
        connection.sendall(SIZED)
        for begin in range(0, len(BODY), 4096):
            connection.sendall(BODY[begin : begin + 4096])
            time.sleep(PAUSE / 2)

    assert fetch(source(serve).url) == BODY


def test_a_store_that_takes_its_time_makes_no_source_slow(source, sources, opened, monkeypatch):
    monkeypatch.setattr(sources, "SLOW_SECONDS", 0.2)
    go_on = threading.Event()

    def serve(connection):
        asked(connection)
        connection.sendall(OK + b"Content-Length: 10\r\n\r\n01234")
        go_on.wait(PATIENCE)
        dribble(connection, b"56789")

    answer = opened(source(serve).url)
    assert answer.read(5) == b"01234"
    # The store writes.
    time.sleep(0.4)
    go_on.set()
    assert answer.read(5) == b"56789"


def test_an_endless_source_is_given_up(source, sources, fetch, monkeypatch):
    monkeypatch.setattr(sources, "LONGEST_SECONDS", 0.3)

    def serve(connection):
        asked(connection)
        connection.sendall(OK + b"\r\n")
        while True:
            connection.sendall(BODY)

    with pytest.raises(sources.SourceError, match=r"^The source took longer than a day\.$"):
        fetch(source(serve).url)


def test_a_day_is_one_for_a_source_that_is_never_waited_for(source, sources, opened, monkeypatch):
    monkeypatch.setattr(sources, "LONGEST_SECONDS", 0.3)
    answer = opened(source(sending(OK, b"Content-Length: 60000\r\n\r\n", BODY[:60_000], then=hold)).url)
    time.sleep(0.4)
    with pytest.raises(sources.SourceError, match="longer than a day"):
        answer.read(60_000)


def test_a_day_is_one_with_all_redirects(source, sources, fetch, monkeypatch):
    monkeypatch.setattr(sources, "LONGEST_SECONDS", 0.4)
    count = itertools.count()

    def serve(connection):
        asked(connection)
        time.sleep(0.1)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /%d\r\n\r\n" % next(count))

    with pytest.raises(sources.SourceError, match="longer than a day"):
        fetch(source(serve).url)
    assert next(count) < 7


CUT = {
    "in the body": (sending(SIZED, BODY[:99_999]), "The source ended after 99999 of 262144 bytes."),
    "before the body": (sending(SIZED), "The source ended after 0 of 262144 bytes."),
    "before the last byte": (sending(SIZED, BODY[:-1]), "The source ended after 262143 of 262144 bytes."),
    "between chunks": (sending(CHUNKED, chunk(BODY)), "The source ended in the midst of its data."),
    "in a chunk": (sending(CHUNKED, chunk(BODY)[:-9]), "The source ended in the midst of its data."),
    "in a size that is 0 so far": (sending(CHUNKED, chunk(BODY), b"0"), "The source ended in the midst of its data."),
    "before the status": (asked, "The source closed the connection without an answer."),
    "in the headers": (sending(SIZED[:-3]), "The source closed the connection without an answer."),
}


@pytest.mark.parametrize(("serve", "said"), CUT.values(), ids=CUT)
def test_a_source_that_ends_half_way_gives_no_image(source, sources, fetch, serve, said):
    with pytest.raises(sources.SourceError) as raised:
        fetch(source(serve).url)
    assert str(raised.value) == said


BROKEN = {
    "no number": sending(CHUNKED, chunk(BODY), b"size\r\n", BODY),
    "a negative number": sending(CHUNKED, chunk(BODY), b"-1\r\n", BODY),
    "no size": sending(CHUNKED, chunk(BODY), b"\r\n", BODY),
}


@pytest.mark.parametrize("serve", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("how", ["read", "iterated"])
def test_broken_chunks_are_no_end(source, sources, fetch, opened, serve, how):
    with pytest.raises(sources.SourceError, match=r"^The source sent chunks that can't be read\.$"):
        fetch(source(serve).url) if how == "read" else list(opened(source(serve).url))


def test_a_failed_download_stays_failed(source, sources, opened):
    answer = opened(source(sending(CHUNKED, chunk(BODY), b"size\r\n")).url)
    for _time in range(3):
        with pytest.raises(sources.SourceError, match="chunks that can't be read"):
            list(answer)


NO_HTTP = {
    "another protocol": sending(b"220 mail.example.com ESMTP\r\n", then=hold),
    "endless headers": sending(OK, b"X: x\r\n" * 200, then=hold),
    "a line without end": sending(OK, b"x" * 70_000, then=hold),
    "endless interim answers": sending(b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000, then=hold),
}


@pytest.mark.parametrize("serve", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_http_is_told(source, sources, fetch, serve):
    with pytest.raises(sources.SourceError, match=r"^The source sent an answer that can't be read as HTTP\.$"):
        fetch(source(serve).url)


def test_a_connection_that_is_reset_is_told(source, sources, fetch):
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with pytest.raises(sources.SourceError, match=r"^The source closed the connection\.$"):
        fetch(source(sending(SIZED, BODY[:99], then=reset)).url)


def redirect(target, *more, then=None):
    return sending(b"HTTP/1.1 302 Found\r\nLocation: %s\r\n\r\n" % target.encode(), *more, then=then)


def test_a_redirect_is_followed_and_watched(source, sources, fetch, monkeypatch):
    assert fetch(source(redirect(source(sending(SIZED, BODY)).url)).url) == BODY
    monkeypatch.setattr(sources, "SILENT_SECONDS", 0.2)
    with pytest.raises(sources.SourceError, match="no data for 60 seconds"):
        fetch(source(redirect(source(hold).url)).url)


def test_the_body_of_a_redirect_is_not_read(source, fetch):
    target = source(sending(SIZED, BODY)).url
    assert fetch(source(redirect(target, BODY, then=hold)).url) == BODY


def test_answers_that_are_no_file_are_told(source, sources, fetch):
    with pytest.raises(urllib.error.HTTPError) as raised:
        fetch(source(sending(b"HTTP/1.1 404 Look elsewhere\r\n\r\n", then=hold)).url)
    assert sources.reason_of(raised.value) == "The source has no such file (404)."
    count = itertools.count()

    def circle(connection):
        asked(connection)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /%d\r\n\r\n" % next(count))

    with pytest.raises(urllib.error.HTTPError) as raised:
        fetch(source(circle).url)
    assert sources.reason_of(raised.value) == "The source redirects too often."


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_refused_connection_is_told(sources, fetch):
    with pytest.raises(sources.SourceError, match=r"^The source refuses connections\.$"):
        fetch(f"http://127.0.0.1:{unused_port()}/")


def test_a_password_in_a_url_is_told_nowhere(sources, fetch, caplog):
    with pytest.raises(sources.SourceError, match=r"^The URL of the source can't be used\.$") as raised:
        fetch("http://user:secret@127.0.0.1/")
    assert "secret@" not in "".join([caplog.text, *traceback.format_exception(raised.type, raised.value, None)])


def test_the_log_has_what_the_user_is_not_told(sources, fetch, caplog):
    with pytest.raises(sources.SourceError):
        fetch(f"http://127.0.0.1:{unused_port()}/")
    assert "The source refuses connections. " in caplog.text
    assert "ConnectionRefusedError" in caplog.text


def test_a_name_that_is_not_found_is_told(guards, sources):
    options = types.SimpleNamespace(allowed_hosts=["name.invalid"], disallowed_hosts=[])
    kind = guards.redirect_handler(urllib.request.HTTPRedirectHandler, options, lambda _url: True)
    with pytest.raises(sources.SourceError, match=r"^The name of the source can't be found\.$"):
        urllib.request.build_opener(kind).open("http://name.invalid/")


# ------------------------------------------------------------------------------------------------------- of 2026.2


def filtering(_request):
    raise ValueError("URI does not pass filtering: http://x/")


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("http://name.invalid/", "SourceError", "The name of the source can't be found."),
        ("http://127.0.0.1/", "ValueError", "URI does not pass filtering: http://x/"),
    ],
)
def test_a_name_that_is_not_found_is_told_apart_from_one_that_is_refused(guards, sources, url, error, said):
    scripts = pinning([])
    scripts._pinned_ip_for_request = filtering
    sources.guard_sources(scripts, guards.replace)
    with pytest.raises((sources.SourceError, ValueError)) as raised:
        opener_of(scripts).open(url)
    assert (type(raised.value).__name__, str(raised.value)) == (error, said)


def test_the_reason_of_the_first_address_is_told(source, guards, sources, monkeypatch):
    monkeypatch.setattr(sources, "SILENT_SECONDS", 0.2)
    silent = source(hold)
    scripts = pinning(["127.0.0.1", "127.0.0.2"])
    sources.guard_sources(scripts, guards.replace)
    with pytest.raises(sources.SourceError, match="no data for 60 seconds"):
        opener_of(scripts).open(silent.url)
    # The second one answers.
    source(sending(SIZED, BODY), "127.0.0.2", silent.port)
    assert opener_of(scripts).open(silent.url).read(10) == BODY[:10]


def test_what_is_no_fault_of_the_source_stays_what_it_is(guards, sources, monkeypatch):
    scripts = pinning(["127.0.0.1"])
    sources.guard_sources(scripts, guards.replace)

    def no_more(*_arguments, **_options):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "create_connection", no_more)
    with pytest.raises(RuntimeError, match="Exhausted allowed addresses"):
        opener_of(scripts).open("http://127.0.0.1/")


def test_a_release_without_the_handlers_does_not_start(guards, sources):
    scripts = pinning([])
    del scripts._ValidatedExternalHTTPSHandler
    with pytest.raises(guards.GuardError, match="should have _ValidatedExternalHTTPSHandler, found none"):
        sources.guard_sources(scripts, guards.replace)


def test_other_releases_have_nothing_to_replace(guards, sources):
    sources.guard_sources(types.SimpleNamespace(), guards.replace)


# -------------------------------------------------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority():
    return Party("An authority")


@pytest.fixture
def trusted(authority, monkeypatch, tmp_path):
    (tmp_path / "ca.pem").write_text(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.fixture
def server_context(authority, tmp_path):
    party = Party("source", issuer=authority, names=["localhost", "source.example.com"], authority=False)
    (tmp_path / "server.pem").write_text(party.pem + party.key_pem())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


def over_tls(context, serve):
    def wrapped(connection):
        with context.wrap_socket(connection, server_side=True) as tls:
            serve(tls)

    return wrapped


def https(found, name="localhost"):
    return f"https://{name}:{found.port}/image"


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("blocks", RIGHT.values(), ids=RIGHT)
def test_a_right_download_over_tls_is_whole(source, fetch, server_context, blocks):
    assert fetch(https(source(over_tls(server_context, sending(*blocks))))) == BODY


@pytest.mark.usefixtures("trusted")
def test_a_source_with_tls_is_watched_too(source, sources, fetch, server_context, monkeypatch):
    cut = source(over_tls(server_context, sending(SIZED, BODY[:99_999])))
    with pytest.raises(sources.SourceError, match="The source ended after 99999 of 262144 bytes"):
        fetch(https(cut))
    monkeypatch.setattr(sources, "SILENT_SECONDS", 0.5)
    for serve in (hold, over_tls(server_context, sending(SIZED, BODY[:9], then=hold))):
        with pytest.raises(sources.SourceError, match="no data for 60 seconds"):
            fetch(https(source(serve)))


def test_a_slow_handshake_is_given_up(source, sources, fetch, monkeypatch):
    monkeypatch.setattr(sources, "SLOW_SECONDS", 0.3)

    def serve(connection):
        # The head of a record of 16 KiB, which never comes.
        dribble(connection, b"\x16\x03\x03\x40\x00" + bytes(999))

    with pytest.raises(sources.SourceError, match="less than 1 KiB per second"):
        fetch(https(source(serve)))


@pytest.mark.usefixtures("trusted")
def test_a_slow_record_is_given_up(source, sources, fetch, server_context, monkeypatch):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    def serve(connection):
        tls = server_context.wrap_bio(incoming, outgoing, server_side=True)

        def done(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    incoming.write(connection.recv(BLOCK))

        done(tls.do_handshake)
        done(lambda: tls.read(BLOCK))
        connection.sendall(outgoing.read())
        monkeypatch.setattr(sources, "SLOW_SECONDS", 0.3)
        tls.write(SIZED + BODY[:16_000])
        dribble(connection, outgoing.read())

    with pytest.raises(sources.SourceError, match="less than 1 KiB per second"):
        fetch(https(source(serve)))


def test_a_certificate_that_can_not_be_verified_is_told_with_the_reason(
    source, sources, fetch, server_context, authority, monkeypatch, tmp_path
):
    said = "The certificate of the source can't be verified: {}."
    with pytest.raises(sources.SourceError) as raised:
        fetch(https(source(over_tls(server_context, hold))))
    assert str(raised.value) == said.format("its authority is not trusted here")
    (tmp_path / "ca.pem").write_text(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with pytest.raises(sources.SourceError) as raised:
        fetch(https(source(over_tls(server_context, hold)), "127.0.0.1"))
    assert str(raised.value) == said.format("it is for another name")


def test_a_source_without_tls_is_told(source, sources, fetch):
    def serve(connection):
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        hold(connection)

    with pytest.raises(sources.SourceError, match=r"^The TLS connection to the source failed\.$"):
        fetch(https(source(serve)))


# ------------------------------------------------------------------------------------------------------- by a proxy


@pytest.fixture
def by_proxy(guards, sources):
    options = types.SimpleNamespace(allowed_hosts=[], disallowed_hosts=[])
    kind = guards.redirect_handler(urllib.request.HTTPRedirectHandler, options, lambda _url: True)
    # It reads the environment when it is made.
    return lambda url: urllib.request.build_opener(kind).open(url).read(BLOCK)


@pytest.mark.usefixtures("trusted")
def test_a_download_through_a_proxy_is_watched(source, sources, by_proxy, server_context, monkeypatch):
    def through(serve):
        def tunnel(connection):
            assert asked(connection).startswith("CONNECT source.example.com:443 ")
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            over_tls(server_context, serve)(connection)

        return f"http://127.0.0.1:{source(tunnel).port}"

    monkeypatch.setenv("https_proxy", through(sending(SIZED, BODY)))
    assert by_proxy("https://source.example.com/") == BODY[:BLOCK]
    monkeypatch.setenv("https_proxy", through(sending(SIZED, BODY[:99])))
    with pytest.raises(sources.SourceError, match="ended after 99 of 262144 bytes"):
        by_proxy("https://source.example.com/")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_away_is_told(sources, by_proxy, monkeypatch, scheme):
    monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(sources.SourceError, match=r"^The proxy does not connect to the source\.$"):
        by_proxy(f"{scheme}://source.example.com/")


def test_a_proxy_that_refuses_is_told(source, sources, by_proxy, monkeypatch):
    proxy = source(sending(b"HTTP/1.1 403 Forbidden\r\n\r\n"))
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
    with pytest.raises(sources.SourceError, match=r"^The proxy does not connect to the source\.$"):
        by_proxy("https://source.example.com/")


# -------------------------------------------------------------------------------------------------- what users read


def answered(code, message="as the source says"):
    return urllib.error.HTTPError("http://user:secret@inside/", code, message, http.client.HTTPMessage(), io.BytesIO())


def unverified(code):
    error = ssl.SSLCertVerificationError(1, "certificate is not valid for 'inside'")
    error.verify_code = code
    return error


def inside(error):
    return urllib.error.URLError(error)


REASONS = [
    (answered(401), "The source asks for a login (401)."),
    (answered(403), "The source refuses access to the file (403)."),
    (answered(404), "The source has no such file (404)."),
    (answered(410), "The source no longer has the file (410)."),
    (answered(503), "The source answered with an error (503 Service Unavailable)."),
    (answered(999), "The source answered with an error (999)."),
    (answered(302), "The source answered with an error (302 Found)."),
    (answered(302, urllib.request.HTTPRedirectHandler.inf_msg + "Found"), "The source redirects too often."),
    (inside(ConnectionRefusedError(111, "refused")), "The source refuses connections."),
    (inside(ConnectionResetError(104, "reset")), "The source closed the connection."),
    (inside(BrokenPipeError(32, "pipe")), "The source closed the connection."),
    (inside(OSError(errno.EHOSTUNREACH, "no route")), "The source can't be reached."),
    (inside(OSError(errno.ENETUNREACH, "no route")), "The source can't be reached."),
    (inside(OSError(errno.ETIMEDOUT, "timed out")), "The source can't be reached."),
    (inside(socket.timeout("timed out")), "The source sent no data for 60 seconds."),
    (inside(socket.gaierror(-2, "unknown")), "The name of the source can't be found."),
    (inside(ssl.SSLError(1, "wrong version")), "The TLS connection to the source failed."),
    (inside(unverified(10)), "The certificate of the source can't be verified: it has expired."),
    (inside(unverified(19)), "The certificate of the source can't be verified: its authority is not trusted here."),
    (inside(unverified(62)), "The certificate of the source can't be verified: it is for another name."),
    (inside(unverified(99)), "The certificate of the source can't be verified."),
    (inside(OSError("inside has no address that may be asked for a user")), "is not allowed for imports."),
    (inside(OSError("Tunnel connection failed: 403 Forbidden")), "The proxy does not connect to the source."),
    (inside("unknown url type: x"), "The URL of the source can't be used."),
    (OSError("Redirect to disallowed URL: http://inside/"), "is not allowed for imports."),
    (ValueError("URI does not pass filtering: http://inside/"), "is not allowed for imports."),
    (socket.timeout("timed out"), "The source sent no data for 60 seconds."),
    (http.client.IncompleteRead(b"123", 4), "The source ended after 3 of 7 bytes."),
    (http.client.IncompleteRead(b""), "The source ended in the midst of its data."),
    (http.client.RemoteDisconnected("x"), "The source closed the connection without an answer."),
    (http.client.BadStatusLine("x"), "The source sent an answer that can't be read as HTTP."),
    (http.client.InvalidURL("nonnumeric port: 'secret@inside'"), "The URL of the source can't be used."),
    # Which may be of a store, or of this host.
    (ConnectionRefusedError(111, "refused"), None),
    (OSError(errno.ENOSPC, "No space left on device"), None),
    (ssl.SSLError(1, "wrong version"), None),
    (inside(OSError(errno.EMFILE, "Too many open files")), None),
    (ValueError("x"), None),
    (KeyError("x"), None),
]


@pytest.mark.parametrize(("error", "said"), REASONS, ids=[repr(error) for error, _said in REASONS])
def test_a_user_is_told_a_reason_without_hosts_and_secrets(sources, error, said):
    found = sources.reason_of(error)
    assert (found or "").endswith(said or "")
    assert bool(found) == bool(said)
    assert not any(word in (found or "") for word in ("inside", "secret", "http:", "as the source says"))


def test_a_user_is_told_our_own_sentences(sources):
    assert sources.reason_of(sources.SourceError("A sentence.")) == "A sentence."


def test_the_sentences_are_those_of_the_limits():
    spec = importlib.util.spec_from_file_location("fresh", FILES / "import_sources.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert f"{module.SILENT_SECONDS} seconds" in module.SILENT
    assert (module.SLOW_SECONDS, module.SLOWEST, module.LONGEST_SECONDS) == (60, 1024, 86400)
