"""Limits for the sources of imports: silent, slow, endless and truncated downloads end with an error.

Glance waits for a source for ever, and stores what came of a download that was cut off. glance_guards.py puts this
around every HTTP connection that web-download, glance-download and legacy tasks open.
"""

from __future__ import annotations

import errno
import functools
import http.client
import io
import logging
import select
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# How long a source may send nothing, in seconds; also for each address to connect to.
SILENT_SECONDS = 60
# Over how many seconds of waiting the rate is averaged, and the lowest one, in bytes per second.
SLOW_SECONDS, SLOWEST = 60, 1024
# How long a download may take with all its redirects, in seconds.
LONGEST_SECONDS = 24 * 60 * 60
# Bytes before the body: http.client skips any number of interim answers.
HEADER_BYTES = 1024 * 1024
# Bytes that an iteration gives at once.
BLOCK = 65536

SILENT = "The source sent no data for 60 seconds."
SLOW = "The source sent less than 1 KiB per second for a minute."
LONG = "The source took longer than a day."
CUT = "The source ended after {} of {} bytes."
CUT_CHUNKS = "The source ended in the midst of its data."
BROKEN_CHUNKS = "The source sent chunks that can't be read."
NO_ANSWER = "The source closed the connection without an answer."
CLOSED = "The source closed the connection."
REFUSED = "The source refuses connections."
UNREACHABLE = "The source can't be reached."
NO_NAME = "The name of the source can't be found."
NO_HTTP = "The source sent an answer that can't be read as HTTP."
NO_TLS = "The TLS connection to the source failed."
BAD_URL = "The URL of the source can't be used."
FORBIDDEN = "The source, or where it redirects to, is not allowed for imports."
REDIRECTS = "The source redirects too often."
PROXY = "The proxy does not connect to the source."

# What Glance and glance_guards.py say of a URL or an address that is not allowed.
FORBIDDING = (
    "Redirect to disallowed URL",
    "does not pass filtering",
    "has no address that may be asked",
    "no allowed addresses",
)
ANSWERS = {
    401: "The source asks for a login (401).",
    403: "The source refuses access to the file (403).",
    404: "The source has no such file (404).",
    410: "The source no longer has the file (410).",
}
# By the codes of OpenSSL (x509_vfy.h).
CERTIFICATES = {
    9: "it is not valid yet",
    10: "it has expired",
    **dict.fromkeys((2, 18, 19, 20, 21), "its authority is not trusted here"),
    **dict.fromkeys((62, 64), "it is for another name"),
}
UNREACHED = (
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ETIMEDOUT,
)
# The first kind that fits; IncompleteRead and certificates have sentences of their own.
KINDS = (
    (socket.gaierror, NO_NAME),
    (ssl.SSLError, NO_TLS),
    (socket.timeout, SILENT),
    (ConnectionRefusedError, REFUSED),
    (http.client.RemoteDisconnected, NO_ANSWER),
    (ConnectionError, CLOSED),
    (http.client.InvalidURL, BAD_URL),
    (http.client.HTTPException, NO_HTTP),
)


LOG = logging.getLogger("glance.guards")


class SourceError(Exception):
    """A source of an import has failed; its text is one sentence for the user."""


# ---- What a user is told -------------------------------------------------------------------------------------------


def reason_of(error: BaseException) -> str | None:
    """Return a sentence for the user about an error that a source has caused, or None for any other.

    It names no host, address or URL. A bare OSError may be a store's, so only time-outs of those count.
    """
    if isinstance(error, SourceError):
        return str(error)
    if any(text in str(error) for text in FORBIDDING):
        return FORBIDDEN
    if isinstance(error, urllib.error.HTTPError):
        # Of http_error_302 in urllib/request.py.
        if str(error.msg).startswith(urllib.request.HTTPRedirectHandler.inf_msg):
            return REDIRECTS
        phrase = http.client.responses.get(error.code, "")
        return ANSWERS.get(error.code, f"The source answered with an error ({error.code} {phrase}".rstrip() + ").")
    if isinstance(error, urllib.error.URLError):
        return reason_of_network(error.reason) if isinstance(error.reason, BaseException) else BAD_URL
    if isinstance(error, (socket.timeout, http.client.HTTPException)):
        return reason_of_network(error)
    return None


def reason_of_network(error: BaseException) -> str | None:
    """Return a sentence about an error of a connection to a source, or None if it is of this host."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = CERTIFICATES.get(error.verify_code)
        return f"The certificate of the source can't be verified{': ' + why if why else ''}."
    if isinstance(error, http.client.IncompleteRead):
        count = len(error.partial)
        return CUT.format(count, count + error.expected) if error.expected else CUT_CHUNKS
    if "Tunnel connection failed" in str(error):
        return PROXY
    if getattr(error, "errno", None) in UNREACHED:
        return UNREACHABLE
    return next((sentence for kind, sentence in KINDS if isinstance(error, kind)), None)


def logged(reason: str, error: BaseException) -> SourceError:
    """Return what to raise for *error*, of which the log has the rest, but not of a URL."""
    if reason != BAD_URL:
        LOG.warning("%s %r", reason, error)
    return SourceError(reason)


# ---- How long is waited --------------------------------------------------------------------------------------------


def is_ready(sock: Any, seconds: float, writing: bool) -> bool:
    """Wait until *sock* can be read, or written to with *writing*; False if it can't within *seconds*."""
    number = sock.fileno()
    # Eventlet removes poll, and select is green then. Without eventlet, select knows no descriptor above 1023.
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(number, select.POLLOUT if writing else select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    return any(select.select([] if writing else [number], [number] if writing else [], [], seconds))


class Watch:
    """What a source has sent on one connection, and how long was waited for it.

    Only waiting counts for the rate: a store that takes its time does not make a source slow.
    """

    def __init__(self, begun: float) -> None:
        """*begun* is when the download began, by time.monotonic."""
        self.ends = begun + LONGEST_SECONDS
        self.waited = 0.0
        self.count = 0

    def wait(self, sock: Any, writing: bool = False) -> None:
        """Wait until *sock* is ready. Raises SourceError when the source has been silent, slow or busy for too long."""
        if self.waited >= SLOW_SECONDS:
            if self.count < self.waited * SLOWEST:
                raise SourceError(SLOW)
            self.waited, self.count = 0.0, 0
        begun = time.monotonic()
        ready = is_ready(sock, max(0.0, min(SILENT_SECONDS, self.ends - begun)), writing)
        now = time.monotonic()
        self.waited += now - begun
        if not ready:
            raise SourceError(LONG if now >= self.ends else SILENT)

    def add(self, count: int) -> None:
        """Count bytes. Raises SourceError when the download has taken too long."""
        self.count += count
        if time.monotonic() >= self.ends:
            raise SourceError(LONG)


class Handshakes:
    """A context of ssl, whose handshakes are watched: eventlet waits anew for each byte of them."""

    def __init__(self, context: Any, watch: Watch) -> None:
        self.context = context
        self.watch = watch

    def wrap_socket(self, sock: Any, **options: Any) -> Any:
        """Return *sock* with TLS, as ssl.SSLContext does."""
        tls = self.context.wrap_socket(sock, do_handshake_on_connect=False, **options)
        try:
            # Not by settimeout(0), which eventlet's sockets with TLS pass over.
            tls.setblocking(False)
            self.shake(tls)
            tls.setblocking(True)
            tls.settimeout(SILENT_SECONDS)
        except BaseException:
            tls.close()
            raise
        return tls

    def shake(self, tls: Any) -> None:
        """Do the handshake."""
        while True:
            try:
                return tls.do_handshake()
            except ssl.SSLWantReadError:
                self.watch.wait(tls)
            except ssl.SSLWantWriteError:
                self.watch.wait(tls, writing=True)


class Received(io.RawIOBase):
    """The bytes of a connection, each wait for which is watched, in headers and chunk sizes too."""

    def __init__(self, raw: Any, sock: Any, watch: Watch) -> None:
        """*raw* is the socket.SocketIO of *sock*, which does not block."""
        super().__init__()
        self.raw = raw
        self.sock = sock
        self.watch = watch
        self.count = 0
        self.ended = False
        # What an end of the connection means now; None where it may be right.
        self.at_end: str | None = NO_ANSWER

    def readable(self) -> bool:
        """Say so to io.BufferedReader."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what there is, at least one byte. Gives 0 at the end."""
        found = self.try_read(buffer)
        while found is None:
            found = self.try_read(buffer)
        self.count += found
        self.watch.add(found)
        if self.at_end == NO_ANSWER and self.count > HEADER_BYTES:
            raise SourceError(NO_HTTP)
        if not found:
            self.ended = True
            if self.at_end:
                raise SourceError(self.at_end)
        return found

    def try_read(self, buffer: Any) -> int | None:
        """Read without waiting; if there is nothing, wait and give None."""
        writing = False
        try:
            found = self.raw.readinto(buffer)
        except ssl.SSLWantReadError:
            found = None
        except ssl.SSLWantWriteError:
            found, writing = None, True
        if found is None:
            self.watch.wait(self.sock, writing)
        return found

    def close(self) -> None:
        """Close the connection; the socket itself closes with the last of its files."""
        self.raw.close()
        super().close()


# ---- What is read --------------------------------------------------------------------------------------------------


class Headers(http.client.HTTPMessage):
    """Headers of which a missing one is a KeyError.

    That is what 2025.1 and 2025.2 catch when a source sends no Content-Length (web_download.py); they got None.
    """

    def __getitem__(self, name: str) -> str:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found


class Response(http.client.HTTPResponse):
    """An answer that is whole or ends with a SourceError.

    http.client gives the part that came of a body with a Content-Length, as if it were all (``read`` with a size, in
    3.9 ``readinto``).
    """

    def __init__(self, sock: Any, *arguments: Any, watch: Watch, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        sock.setblocking(False)
        self.received = Received(self.fp.detach(), sock, watch)
        self.fp = io.BufferedReader(self.received)
        self.total: int | None = None
        self.failure: SourceError | None = None

    def begin(self) -> None:
        """Read the status and the headers."""
        super().begin()
        headers = Headers()
        for name, value in self.headers.items():
            headers[name] = value
        self.headers = self.msg = headers
        self.total = self.length
        self.received.at_end = CUT_CHUNKS if self.chunked else None
        if self.status >= http.client.MULTIPLE_CHOICES:
            # urllib reads the whole body of a redirect into memory.
            self.close()

    def read(self, amt: int | None = None) -> bytes:
        """Read *amt* bytes, fewer only at the end of the body. Raises SourceError."""
        return self.checked(super().read, amt)

    def readinto(self, b: Any) -> int:
        """Read as `read` does, into the buffer *b*."""
        return self.checked(super().readinto, b)

    def __next__(self) -> bytes:
        """Give a block; the lines of http.client end without a word where chunks are broken."""
        block = self.read(BLOCK)
        if not block:
            raise StopIteration
        return block

    def checked(self, reading: Callable[[Any], Any], given: Any) -> Any:
        """Return what *reading* gives. Raises SourceError now and ever after when the source has failed."""
        if self.failure:
            raise self.failure
        try:
            found = reading(given)
            self.refuse_part()
        except SourceError as error:
            self.failure = error
            self.close()
            raise
        except (OSError, http.client.HTTPException) as error:
            self.close()
            reason = reason_of_network(error)
            if reason is None:
                raise
            self.failure = logged(reason, error)
            raise self.failure from error
        return found

    def refuse_part(self) -> None:
        """Raise SourceError if the connection has ended before the body."""
        if self.received.ended and self.length:
            raise SourceError(CUT.format(self.total - self.length, self.total))

    def _read_next_chunk_size(self) -> int:
        """Refuse a negative size, which http.client takes for all that comes."""
        try:
            size = super()._read_next_chunk_size()
        except ValueError:
            size = -1
        if size < 0:
            raise SourceError(BROKEN_CHUNKS)
        return size

    def _read_and_discard_trailer(self) -> None:
        """Leave what follows the last chunk: the connection is closed, and it may have no end."""


# ---- Where it stands -----------------------------------------------------------------------------------------------


class SourceHandler:
    """What a handler of urllib.request is to inherit from first, to watch the connections that it opens."""

    # Why the first connection failed.
    failed: SourceError | None = None

    def do_open(self, http_class: Callable, req: Any, **options: Any) -> Any:
        """Open as urllib.request.AbstractHTTPHandler does. Raises SourceError for what the source is to blame for."""
        # An opener is made for each download, and its redirects come through the same.
        watch = Watch(vars(self.parent).setdefault("begun", time.monotonic()))
        req.timeout = SILENT_SECONDS

        def connection(host: str, **more: Any) -> Any:
            made = http_class(host, **more)
            made.response_class = functools.partial(Response, watch=watch)
            if hasattr(made, "_context"):
                made._context = Handshakes(made._context, watch)
            return made

        try:
            watch.add(0)
            return super().do_open(connection, req, **options)
        except SourceError as error:
            self.failed = self.failed or error
            raise
        except (OSError, http.client.HTTPException) as error:
            reason = reason_of(error) or reason_of_network(error)
            if reason in (None, FORBIDDEN):
                raise
            if reason in (NO_NAME, REFUSED, UNREACHABLE) and (req.has_proxy() or req._tunnel_host):
                reason = PROXY
            failed = logged(reason, error)
            self.failed = self.failed or failed
            # Of a URL, it may be a password that can't be used.
            raise failed from (None if reason == BAD_URL else error)


def telling(handler: type, name: str) -> type:
    """Return *handler* with watched connections, whose method *name* tells why it could connect to no address."""

    def opening(self: Any, req: Any) -> Any:
        self.failed = None
        try:
            return getattr(handler, name)(self, req)
        except Exception as error:
            if self.failed:
                raise self.failed from self.failed.__cause__
            if not has_address(req):
                raise SourceError(NO_NAME) from error
            raise

    return type(handler.__name__, (SourceHandler, handler), {name: opening})


def has_address(request: Any) -> bool:
    """Whether the name of the host of *request* can be found, if it has one."""
    host = urllib.parse.urlsplit(request.full_url).hostname
    try:
        return not host or bool(socket.getaddrinfo(host, None))
    except (socket.gaierror, UnicodeError):
        return False


def guard_sources(scripts: Any, replace: Callable) -> None:
    """Watch what *scripts*, glance.common.scripts.utils, opens where it has handlers of its own.

    2026.2 tries each address of a source, keeps why it failed for its log, and says "Exhausted allowed addresses"
    (_ValidatedExternalHTTPHandler). Debian's packages of 2025.1 have the same handlers for one address. In the other
    releases, `redirect_handler` of glance_guards.py opens the connections.
    """
    if hasattr(scripts, "_pinned_ip_for_request"):
        replace(scripts, "_ValidatedExternalHTTPHandler", lambda found: telling(found, "http_open"))
        replace(scripts, "_ValidatedExternalHTTPSHandler", lambda found: telling(found, "https_open"))
