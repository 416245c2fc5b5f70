"""Guards of this collection around the image API, for faults that the releases of Glance still have.

The filter of the paste file (``glance_guards:filter_factory``) loads this module into the server, which loads
import_plugins.py beside it. It then wraps the functions of Glance named in `install`. A release that lacks one of them
does not start: unguarded is worse.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import http.client
import inspect
import ipaddress
import json
import logging
import os
import select
import socket
import threading
import time
import types
import urllib.parse
import urllib.request

import import_sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
    from typing import Any

# Metadata services of clouds that are not on a link-local address: AWS by IPv6, Alibaba, Oracle.
METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))
# IPv6 networks that stand for the IPv4 address in their last 32 bits: mapped, compatible, NAT64.
EMBEDDING = tuple(map(ipaddress.ip_network, ("::ffff:0:0/96", "::/96", "64:ff9b::/96")))
# Linux takes every address of the first one for this host.
THIS_HOST = ipaddress.ip_network("0.0.0.0/8")
# What a PATCH may name, beside properties of the user's own. A name that the image object has and this set has not is
# one of Glance's internals.
ATTRIBUTES = frozenset(
    (
        "checksum",
        "container_format",
        "created_at",
        "disk_format",
        "id",
        "locations",
        "min_disk",
        "min_ram",
        "name",
        "os_hash_algo",
        "os_hash_value",
        "os_hidden",
        "owner",
        "protected",
        "size",
        "status",
        "tags",
        "updated_at",
        "virtual_size",
        "visibility",
    )
)


# Where imported data waits (glance/common/store_utils.py, RESERVED_STORES).
RESERVED_STORES = ("os_glance_staging_store", "os_glance_tasks_store")
# Bytes of JSON that are read into memory: 128 properties of 64 KiB, and room.
JSON_LIMIT = 16 * 1024 * 1024
# What a deserializer of Glance raises on a body or parameter of a shape that it did not expect.
MISUNDERSTOOD = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)

LOG = logging.getLogger("glance.guards")


class GuardError(RuntimeError):
    """A function of Glance that should be guarded is not there."""


# ---- Who may change what of an image -------------------------------------------------------------------------------


def refused_change(name: str, is_admin: bool, is_attribute: bool) -> str | None:
    """Return why a PATCH may not change the part *name* of an image, or None if Glance may judge.

    *is_attribute* says that Glance's image object has an attribute of that name.
    """
    if name == "owner" and not is_admin:
        return "Owner can't be updated by non admin."
    if is_attribute and name not in ATTRIBUTES:
        return f"Attribute '{name}' is reserved."
    return None


def guard_changes(controller: type, forbidden: Callable[[str], Exception]) -> None:
    """Have *controller*, glance.api.v2.images.ImagesController, judge each change of a PATCH before it is made.

    Only ``_do_replace`` asks whether a member may change the owner: with ``add``, a member gives an image away. And all
    of them set any attribute of the image object, such as ``image_id``, ``base`` or ``extra_properties``: then another
    image is overwritten, or the answer is 500.
    """

    def guarded(change_image: Callable) -> Callable:
        @functools.wraps(change_image)
        def change_if_allowed(self: Any, req: Any, image: Any, *args: Any, **kwargs: Any) -> Any:
            # Ussuri hands over no policy before the change.
            (name, *_rest) = (kwargs["change"] if "change" in kwargs else args[-1])["path"]
            reason = refused_change(name, bool(req.context.is_admin), hasattr(image, name))
            if reason:
                raise forbidden(reason)
            return change_image(self, req, image, *args, **kwargs)

        return change_if_allowed

    for name in ("_do_add", "_do_replace", "_do_remove"):
        replace(controller, name, guarded)


# How long an import may show no sign of life, by the status of its task.
IMPORT_SECONDS = {"pending": 7200, "processing": 3600}


def guard_stores_in_use(controller: type, conflict: Callable[[str], Exception]) -> None:
    """Have *controller*, glance.api.v2.images.ImagesController, take no store from an image that is being imported.

    The import ends with saving the image as it was found, and a location that was removed meanwhile is there again,
    without data. What Glance refuses to a user for another reason stays its own; ussuri does not mark such images. An
    import that shows no sign of life for IMPORT_SECONDS has died, as for Glance's own `_enforce_import_lock`, which
    would take its mark away.
    """

    def runs(self: Any, context: Any, number: str) -> bool:
        task = self.gateway.get_task_repo(context.elevated()).get(number)
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        age = (now - task.updated_at.replace(tzinfo=None)).total_seconds()
        return age < IMPORT_SECONDS.get(task.status, 0)

    def deleting(delete: Callable) -> Callable:
        @functools.wraps(delete)
        def delete_after_imports(self: Any, req: Any, store_id: str, image_id: str) -> Any:
            try:
                image = self.gateway.get_repo(req.context).get(image_id)
                may = req.context.is_admin or image.owner == req.context.owner
                number = image.extra_properties.get("os_glance_import_task")
                held = may and number and runs(self, req.context, number)
            except Exception as error:
                LOG.debug("What %s is refused for is left to Glance: %r", image_id, error)
                held = False
            if held:
                raise conflict("An import of the image is running: try again when it has ended.")
            return delete(self, req, store_id=store_id, image_id=image_id)

        return delete_after_imports

    replace(controller, "delete_from_store", deleting)


def refused_import(body: Any) -> str | None:
    """Return why the *body* of a request for an import can't be taken, or None if Glance may judge.

    With an address that begins with ``file:///``, glance-direct imports that file of the host and removes it afterwards
    (glance/async_/flows/api_image_import.py, get_flow), be it an image of another project.
    """
    method = body.get("method") if isinstance(body, dict) else None
    if isinstance(method, dict) and "uri" in method and method.get("name") != "web-download":
        return "Only the import method web-download takes a uri."
    return None


def guard_import_requests(deserializer: type, bad_request: Callable[[str], Exception]) -> None:
    """Have *deserializer*, glance.api.v2.images.RequestDeserializer, take an address for web-download alone."""

    def validating(validate: Callable) -> Callable:
        @functools.wraps(validate)
        def validate_method(self: Any, body: Any) -> Any:
            if reason := refused_import(body):
                raise bad_request(reason)
            return validate(self, body)

        return validate_method

    replace(deserializer, "_validate_import_body", validating)


# ---- Which addresses the server may ask for a user -----------------------------------------------------------------


def embedded(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """Give the IPv4 addresses that the IPv6 *address* leads to."""
    if address.version == 6:
        if address.sixtofour:
            yield address.sixtofour
        if any(address in network for network in EMBEDDING):
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def local_networks(trie: str) -> Iterator[ipaddress.IPv4Network]:
    """Give the IPv4 networks whose addresses are this host's, from the text of /proc/net/fib_trie."""
    address = ""
    for line in trie.splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            address = words[1]
        elif words[1:] == ["host", "LOCAL"]:
            yield ipaddress.ip_network(address + words[0])


def is_own(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether *address* is one of this host. Sends nothing.

    The sandbox of the service has no netlink, so interfaces can't be listed, and binding would succeed for every
    address where ``net.ipv4.ip_nonlocal_bind`` is on. But the kernel would send from an own address to itself; only of
    a second IPv4 address in a network it prefers the first, so that its table of routes is read too.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    # Without a way to it there is none for a download either.
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((str(address), 9))
        if ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == address:
            return True
    if address.version == 4:
        with contextlib.suppress(OSError), open("/proc/net/fib_trie") as trie:
            return any(address in network for network in local_networks(trie.read()))
    return False


def is_forbidden(text: str, disallowed: Iterable[str] = (), own: Callable[[Any], bool] = is_own) -> bool:
    """Whether the server must not connect to the address *text* for a user.

    Forbidden are this host (loopback, unspecified, its own addresses), link-local addresses, the metadata services of
    clouds, multicast, and the addresses among *disallowed*, all of them in IPv6 clothes too.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if any(is_forbidden(str(inner), disallowed, own) for inner in embedded(address)):
        return True
    if address.is_unspecified or address.is_loopback or address.is_link_local or address.is_multicast:
        return True
    if address in METADATA or address == ipaddress.ip_address("255.255.255.255"):
        return True
    if address.version == 4 and address in THIS_HOST:
        return True
    return str(address) in {normal(entry) for entry in disallowed} or own(address)


def normal(host: str) -> str:
    """Return an address in its usual spelling, and any other *host* as it is."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def may_connect(host: str, address: str, filters: Any) -> bool:
    """Whether ``[import_filtering_opts]`` (*filters*) and the rules of `is_forbidden` let the server go to *address*.

    A host that the operator names in ``allowed_hosts`` is allowed, whatever its address.
    """
    if filters.allowed_hosts:
        return host in filters.allowed_hosts or not is_forbidden(address)
    return not is_forbidden(address, filters.disallowed_hosts)


def allowed_addresses(host: str, port: int, filters: Any) -> list[str]:
    """Return the addresses of *host* that may be asked, as the resolver orders them; raises OSError without one."""
    found = [entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    allowed = [address for address in dict.fromkeys(found) if may_connect(host, address, filters)]
    if not allowed:
        raise OSError(f"{host} has no address that may be asked for a user")
    return allowed


def uri_allowed(uri: str, filters: Any) -> bool:
    """Whether the host of *uri* has an address that may be asked. What can't be resolved fails when it is asked."""
    try:
        parts = urllib.parse.urlsplit(uri)
        host, port = parts.hostname, parts.port or 443
        if not host:
            return False
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return True
    except (ValueError, UnicodeError):
        return False
    try:
        return bool(allowed_addresses(host, port, filters))
    except OSError:
        return False


def connector(filters: Any) -> Callable:
    """Return a socket.create_connection that connects to allowed addresses only, so that no name can change between
    the check and the connection."""

    def create_connection(address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
        host, port = address
        if is_proxy(host, port):
            return socket.create_connection(address, *args, **kwargs)
        *others, last = allowed_addresses(host, port, filters)
        for candidate in others:
            try:
                return socket.create_connection((candidate, port), *args, **kwargs)
            except OSError:
                continue
        return socket.create_connection((last, port), *args, **kwargs)

    return create_connection


def is_proxy(host: str, port: int) -> bool:
    """Whether *host* is the proxy, which may be this host itself."""
    urls = map(urllib.parse.urlsplit, urllib.request.getproxies().values())
    return (host, port) in [(url.hostname, url.port) for url in urls if url.scheme]


def redirect_handler(base: type, filters: Any, allowed: Callable[[str], bool]) -> type:
    """Return a handler for urllib.request.build_opener, made of *base*, that follows redirects to what *allowed* allows
    and whose connections go to allowed addresses only."""

    def connected(plain: type) -> type:
        class Connection(plain):  # type: ignore[misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self._create_connection = connector(filters)

        return Connection

    class Handler(  # type: ignore[misc]
        import_sources.SourceHandler, base, urllib.request.HTTPHandler, urllib.request.HTTPSHandler
    ):
        def http_open(self, req: Any) -> Any:
            # A proxy of the operator's connects by itself.
            plain = http.client.HTTPConnection
            return self.do_open(plain if req.has_proxy() else connected(plain), req)

        def https_open(self, req: Any) -> Any:
            plain = http.client.HTTPSConnection
            kind = plain if getattr(req, "_tunnel_host", None) else connected(plain)
            return self.do_open(kind, req, context=self._context)

        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            if not allowed(newurl):
                raise OSError(f"Redirect to disallowed URL: {newurl}")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return Handler


class Unpinned(list):
    """No address to connect to, in both forms: a list of one that is None, and nothing in place of an address."""

    def __bool__(self) -> bool:
        return False


def guard_downloads(utils: Any, scripts: Any, filters: Callable[[], Any], image_size_cap: Callable[[], int]) -> None:
    """Guard what fetches for users in *utils* (glance.common.utils) and *scripts* (glance.common.scripts.utils).

    2026.2 resolves a name, checks its addresses and connects to one of them. It looks at loopback and link-local
    addresses only, so ``0.0.0.0``, ``::ffff:0.0.0.0`` and the host's own addresses pass (resolve_pinned_address).
    Debian's packages of older releases have the same by their security updates, and give one address in place of a
    list. With a proxy, all of these connect to the host's address at the proxy's port. Other releases look at the name
    alone (validate_import_uri), and write downloads of any length into the staging area. Ussuri follows every redirect.
    """
    if hasattr(utils, "resolve_pinned_address"):

        def pinned(resolve: Callable) -> Callable:
            @functools.wraps(resolve)
            def resolve_allowed(hostname: str, port: int) -> list[str] | str:
                found = resolve(hostname, port)
                single = isinstance(found, str)
                addresses = [each for each in ([found] if single else found) if may_connect(hostname, each, filters())]
                if not addresses:
                    raise ValueError(f"no allowed addresses for external host: {hostname}")
                return addresses[0] if single else addresses

            return resolve_allowed

        def unpinned(pinned_for: Callable) -> Callable:
            @functools.wraps(pinned_for)
            def address_for(request: Any) -> Any:
                found = pinned_for(request)
                # Where urllib has made it a request to the proxy, http.client connects to that.
                return Unpinned([None]) if request.has_proxy() or request._tunnel_host else found

            return address_for

        replace(utils, "resolve_pinned_address", pinned)
        replace(scripts, "_pinned_ip_for_request", unpinned)
        return

    def validated(validate: Callable) -> Callable:
        @functools.wraps(validate)
        def validate_address(uri: str) -> bool:
            return validate(uri) and uri_allowed(uri, filters())

        return validate_address

    def limited(get_image_data_iter: Callable) -> Callable:
        @functools.wraps(get_image_data_iter)
        def get_limited_data(uri: str) -> Any:
            found = get_image_data_iter(uri)
            if uri.startswith("file://"):
                return found
            # 2026.1 gives the size too; releases before it look at the headers.
            data, *size = found if isinstance(found, tuple) else (found,)
            reader = utils.LimitingReader(data, image_size_cap())
            reader.headers = data.headers
            return (reader, *size) if size else reader

        return get_limited_data

    replace(utils, "validate_import_uri", validated)
    if hasattr(scripts, "SafeRedirectHandler"):
        replace(
            scripts, "SafeRedirectHandler", lambda base: redirect_handler(base, filters(), utils.validate_import_uri)
        )
        replace(scripts, "get_image_data_iter", limited)
        return

    def fetching(get_image_data_iter: Callable) -> Callable:
        @functools.wraps(get_image_data_iter)
        def fetch(uri: str) -> Any:
            if uri.startswith("file://"):
                return get_image_data_iter(uri)
            base = urllib.request.HTTPRedirectHandler
            handler = redirect_handler(base, filters(), utils.validate_import_uri)
            return urllib.request.build_opener(handler).open(uri)

        return fetch

    replace(scripts, "get_image_data_iter", lambda original: limited(fetching(original)))


def guard_locations(driver: Any, bad_uri: Callable[[str], Exception], filters: Callable[[], Any]) -> None:
    """Guard the store driver ``http`` (*driver*, glance_store._drivers.http), which asks the host of any location that
    a user adds, and follows its redirects.

    It resolves the name once more, so a name that changes its address in that moment gets through.
    """

    def guarded(get_response: Callable) -> Callable:
        @functools.wraps(get_response)
        def get_allowed_response(self: Any, location: Any, verb: str) -> Any:
            if not uri_allowed(location.get_uri(), filters()):
                raise bad_uri("The host of the location has no address that may be asked.")
            return get_response(self, location, verb)

        return get_allowed_response

    replace(driver.Store, "_get_response", guarded)


def guard_quota(common: Any, by_keystone: Callable[[], bool]) -> None:
    """Have *common*, glance.api.common, limit an upload of unknown size, such as one in chunks, to what is left.

    It looks at the size only when all data is in the store and the image is active. It takes the data away then, but
    the image stays ``saving`` for good. *by_keystone* tells whether the limits are Keystone's.
    """

    def guarded(check_quota: Callable) -> Callable:
        @functools.wraps(check_quota)
        def check_or_limit(context: Any, image_size: int | None, db_api: Any, image_id: str | None = None) -> Any:
            remaining = check_quota(context, image_size, db_api, image_id=image_id)
            if image_size is None and not by_keystone():
                return common.get_remaining_quota(context, db_api, image_id=image_id)
            return remaining

        return check_or_limit

    replace(common, "check_quota", guarded)


# ---- What is no request --------------------------------------------------------------------------------------------


def refused_url(environ: Mapping[str, Any]) -> str | None:
    """Return why the path and the query of a WSGI request can't be read, or None. PostgreSQL takes no NUL in a text."""
    query = environ.get("QUERY_STRING", "").encode("latin-1", "replace")
    for part, raw in {
        "path": environ.get("PATH_INFO", "").encode("latin-1", "replace"),
        "query": urllib.parse.unquote_to_bytes(query.replace(b"+", b" ")),
    }.items():
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return f"The {part} of the URL should be UTF-8."
        if "\0" in text:
            return f"The {part} of the URL should hold no NUL."
    return None


def refused_json(value: Any) -> str | None:
    """Return why the database can't hold the texts of the JSON *value*, or None."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return "Request body holds half of a surrogate pair, which is no character."
    return "Request body holds a NUL." if "\\u0000" in text.replace("\\\\", "") else None


# How long the rest of a refused body is read and waited for, in seconds, and how much is read at once, in bytes.
REST_SECONDS, REST_IDLE, REST_BLOCK = 10, 2, 16384


class Guard:
    """The filter, outermost in the pipeline: without it, an exception that nobody caught cuts the connection."""

    def __init__(self, application: Callable, longest_id: Callable[[], int] = lambda: 0) -> None:
        """*longest_id* gives the length in characters that a request's id may have; 0: any."""
        self.application = application
        self.longest_id = longest_id
        try:
            import uwsgi
        except ImportError:
            # Glance's server before uWSGI reads the rest of a body by itself.
            uwsgi = None
        self.uwsgi = uwsgi

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        """Answer, and read what is left of the body of a request that was refused."""
        if not self.uwsgi:
            return self.respond(environ, start_response)
        statuses = []
        source = environ["wsgi.input"] = Reader(environ.get("wsgi.input"))

        def begin(status: str, *rest: Any) -> Any:
            statuses.append(status)
            return start_response(status, *rest)

        body = self.respond(environ, begin)
        if statuses and statuses[-1] >= "4":
            read_rest(self.uwsgi, environ, source)
        return body

    def respond(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        """Answer 400 for a URL that is no text, and 500 for what Glance let fall."""
        reason = refused_url(environ)
        if reason:
            return answer(start_response, "400 Bad Request", reason)
        # Glance puts its refusal in the place of the user, and goes on (glance/api/middleware/context.py).
        longest = self.longest_id()
        if 0 < longest < len(environ.get("HTTP_X_OPENSTACK_REQUEST_ID", "")):
            reason = f"X-OpenStack-Request-ID should have {longest} characters at most."
            return answer(start_response, "431 Request Header Fields Too Large", reason)
        try:
            return self.application(environ, start_response)
        except ValueError as error:
            # Of headers and form data, which webob decodes when it is asked for them.
            LOG.warning("Refused a request that can't be read: %r", error)
            return answer(start_response, "400 Bad Request", "The request can't be read.")
        except Exception:
            LOG.exception("A request ended with an exception that nobody caught")
            return answer(start_response, "500 Internal Server Error", "The server has failed; its log has the reason.")


def read_rest(uwsgi: Any, environ: Mapping[str, Any], source: Reader) -> None:
    """Read what is left of a body in *source*, as long as it comes and for some seconds at most.

    uWSGI closes a connection with the data that is left there, which resets it, and a load balancer answers 502 in
    place of what Glance said (RFC 9112, 9.6). *uwsgi* is its module.
    """
    deadline = time.monotonic() + REST_SECONDS

    def read_chunk() -> bytes:
        return uwsgi.chunked_read(REST_IDLE)

    def read_sized() -> bytes:
        left = int(environ.get("CONTENT_LENGTH") or 0) - source.count
        if left <= 0 or not select.select([uwsgi.connection_fd()], [], [], REST_IDLE)[0]:
            return b""
        return source.read(min(left, REST_BLOCK))

    read = read_chunk if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower() else read_sized
    # The client may be gone, or its data late.
    with contextlib.suppress(OSError):
        while read() and time.monotonic() < deadline:
            pass


def answer(start_response: Callable, status: str, text: str) -> list[bytes]:
    """Begin a plain response of *status* and return its body."""
    body = f"{status}\n\n{text}\n".encode()
    start_response(status, [("Content-Type", "text/plain; charset=UTF-8"), ("Content-Length", str(len(body)))])
    return [body]


def guard_requests(
    wsgi: Any, bad_request: Callable, too_large: Callable, out_of_range: Callable, is_data_error: Callable
) -> None:
    """Have *wsgi*, glance.common.wsgi, answer 400 for what it can't read; it answers 500 with a traceback.

    Its deserializers take the shape of a body for granted (a list where an object belongs, a number as a path of JSON),
    and read JSON of any length into memory. *is_data_error* tells which exceptions of the database are about a value.
    """

    def understood(dispatch: Callable) -> Callable:
        @functools.wraps(dispatch)
        def dispatch_understood(self: Any, obj: Any, action: str, *args: Any, **kwargs: Any) -> Any:
            if obj is self.controller and "body" in kwargs and not takes_body(getattr(obj, action, None)):
                raise bad_request("A body is not expected with this request.")
            try:
                return dispatch(self, obj, action, *args, **kwargs)
            except UnicodeDecodeError:
                # Which Glance answers by itself.
                raise
            except Exception as error:
                if obj is self.deserializer and isinstance(error, MISUNDERSTOOD):
                    reason = "The request has an unexpected form."
                elif obj is self.controller and (isinstance(error, UnicodeEncodeError) or is_data_error(error)):
                    reason = "A value of the request is too long, or none that can be stored."
                else:
                    raise
                LOG.info("%s %r", reason, error)
                raise bad_request(reason) from None

        return dispatch_understood

    def readable(default: Callable) -> Callable:
        # Not in from_json: with that the API reads the answers of a registry too, which hold other types.
        @functools.wraps(default)
        def read_body(self: Any, request: Any) -> Any:
            if (request.content_length or 0) > JSON_LIMIT:
                raise too_large(f"A JSON body should be {JSON_LIMIT} bytes at most.")
            found = default(self, request)
            reason = refused_json(found.get("body"))
            if reason:
                raise bad_request(reason)
            return found

        return read_body

    def ranged(get_range: Callable) -> Callable:
        @functools.wraps(get_range)
        def get_valid_range(self: Any, image_size: int) -> Any:
            try:
                return get_range(self, image_size)
            except (AttributeError, TypeError, ValueError):
                # Such as "bytes=-" and "bytes */100": webob gives no start.
                raise out_of_range("Invalid range.") from None

        return get_valid_range

    replace(wsgi.Resource, "dispatch", understood)
    replace(wsgi.JSONRequestDeserializer, "default", readable)
    replace(wsgi.Request, "get_range_from_request", ranged)


def takes_body(method: Callable | None) -> bool:
    """Whether *method* of a controller has a place for a body; the default of one that has no such method has."""
    if method is None:
        return True
    parameters = inspect.signature(method).parameters
    return "body" in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def guard_filters(deserializer: type, relations: Iterable[str], bad_request: Callable) -> None:
    """Refuse filters of a list of images by what is no column; the database's mapper raises for them.

    *deserializer* is glance.api.v2.images.RequestDeserializer.
    """
    refused = frozenset(relations)

    def guarded(get_filters: Callable) -> Callable:
        @functools.wraps(get_filters)
        def get_column_filters(self: Any, filters: Any) -> Any:
            wrong = sorted(refused.intersection(filters))
            if wrong:
                raise bad_request(f"Images can't be filtered by {', '.join(wrong)}.")
            return get_filters(self, filters)

        return get_column_filters

    replace(deserializer, "_get_filters", guarded)


def guard_members(deserializer: type, bad_request: Callable) -> None:
    """Refuse a member that is no text, which the driver of the database raises for.

    *deserializer* is glance.api.v2.image_members.RequestDeserializer.
    """

    def guarded(create: Callable) -> Callable:
        @functools.wraps(create)
        def create_with_text(self: Any, request: Any) -> dict[str, Any]:
            found = create(self, request)
            if not isinstance(found["member_id"], str):
                raise bad_request("A member should be the id of a project.")
            return found

        return create_with_text

    replace(deserializer, "create", guarded)


# ---- Loading -------------------------------------------------------------------------------------------------------


# ---- Images that are changed or deleted by several at once ---------------------------------------------------------

# How often a change is begun anew. Whoever is in its way writes a few rows.
CHANGE_TRIES = 5


def guard_updates(api: Any, gone: tuple[type[Exception], ...]) -> None:
    """Have *api*, glance.db.sqlalchemy.api, begin a change anew when a row that it has read is gone as it writes.

    The task of an import removes its notes from an image that is active already. Who changed or deleted the image in
    that moment got 500. *gone* are the errors of SQLAlchemy that say so; its transaction is rolled back by then.
    """

    def guarded(image_update: Callable) -> Callable:
        @functools.wraps(image_update)
        def update_again(*args: Any, **kwargs: Any) -> Any:
            for _try in range(CHANGE_TRIES - 1):
                try:
                    return image_update(*args, **kwargs)
                except gone as error:
                    LOG.info("An image was changed by somebody else, too: %s", error)
            return image_update(*args, **kwargs)

        return update_again

    replace(api, "image_update", guarded)


def guard_transitions(image: Any) -> None:
    """Let *image*, glance.domain.Image, go to pending_delete from wherever it may go to deleted.

    With delayed_delete, Glance knows that way from active alone, and answers 400 to a deletion of a deactivated image
    by an administrator, and of one that has a location already, or still: in the midst of an import to several stores,
    or after an upload whose data was refused.

    And let it stay queued. When an import fails, several steps set it back, and the second one ended with an error in
    place of the reason.
    """

    def more(status: str, others: Iterable[str]) -> tuple[str, ...]:
        later = {"pending_delete"} if "deleted" in others and status != "pending_delete" else set()
        return tuple({*others, *later, *({"queued"} if status == "queued" else ())})

    image.valid_state_targets = {status: more(status, others) for status, others in image.valid_state_targets.items()}


# ---- Stores --------------------------------------------------------------------------------------------------------

# Libraries by which drivers reach their storage. What they raise, Glance answers with 500.
STORE_LIBRARIES = frozenset(
    ("boto3", "botocore", "keystoneauth1", "rados", "rbd", "requests", "s3transfer", "swiftclient", "urllib3")
)
# Within which S3 and Swift answer, in seconds; drivers.yml has the same for Ceph.
ANSWERS_WITHIN = 30
# What boto sends again to an S3 that does not answer: after an upload, an answer may take long.
SENT_AGAIN = (".PutObject", ".UploadPart", ".CompleteMultipartUpload")
# After which a store may be asked again, in seconds.
RETRY_AFTER = 30


class Reader:
    """Data of a user, which remembers how many bytes were read, and whether it was the user who failed."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.count = 0
        self.failed = False

    def read(self, *size: int) -> bytes:
        """Read from the data of the user."""
        try:
            found = self.data.read(*size)
        except BaseException:
            self.failed = True
            raise
        self.count += len(found)
        return found

    def __iter__(self) -> Iterator[bytes]:
        """Go through the data of the user."""
        try:
            yield from self.data
        except Exception:
            self.failed = True
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self.data, name)


def is_store_failure(error: Exception, exceptions: Any) -> bool:
    """Whether a driver says with *error* that its storage can't be used; *exceptions* are those of glance_store.

    A driver without a connection has lost its capabilities, and says that it takes no data.
    """
    lost = (exceptions.BadStoreConfiguration, exceptions.StoreAddDisabled, exceptions.StoreGetNotSupported)
    if isinstance(error, exceptions.UnsupportedBackend):
        return False
    library = type(error).__module__.partition(".")[0]
    return isinstance(error, (OSError, exceptions.BackendException, *lost)) or library in STORE_LIBRARIES


def guard_stores(package: Any, exceptions: Any, writes: Callable[[Any], bool], unavailable: Callable) -> None:
    """Have users told that a store is away; Glance answers 500, or 410 where a driver lost its connection.

    *package* is glance_store, with its module multi_backend. *writes* tells whether a driver takes data at all;
    *unavailable* makes an answer 503.
    """

    def away(name: str, error: Exception) -> str:
        LOG.warning("The store %s can't be used: %r", name, error)
        return f"The store {name} can't be used at present. Try again later."

    def adding(add: Callable) -> Callable:
        @functools.wraps(add)
        def add_or_say(
            image_id: str, data: Any, size: int, algorithm: str, store: Any, *args: Any, **kwargs: Any
        ) -> Any:
            reader = Reader(data)
            try:
                return add(image_id, reader, size, algorithm, store, *args, **kwargs)
            except Exception as error:
                if reader.failed or not writes(store) or not is_store_failure(error, exceptions):
                    raise
                raise unavailable(away(store.backend_group, error)) from error

        return add_or_say

    def getting(get: Callable) -> Callable:
        @functools.wraps(get)
        def get_or_say(uri: str, backend: str, *args: Any, **kwargs: Any) -> Any:
            try:
                return get(uri, backend, *args, **kwargs)
            except Exception as error:
                if isinstance(error, exceptions.StoreRandomGetNotSupported) or not is_store_failure(error, exceptions):
                    raise
                raise exceptions.RemoteServiceUnavailable(message=away(backend, error)) from error

        return get_or_say

    def deleting(delete: Callable) -> Callable:
        @functools.wraps(delete)
        def delete_or_say(uri: str, backend: str, *args: Any, **kwargs: Any) -> Any:
            try:
                return delete(uri, backend, *args, **kwargs)
            except Exception as error:
                if not is_store_failure(error, exceptions):
                    raise
                raise unavailable(away(backend, error)) from error

        return delete_or_say

    replace(package.multi_backend, "store_add_to_backend_with_multihash", adding)
    # By these names Glance calls them.
    replace(package, "get", getting)
    replace(package, "delete", deleting)


def guard_ranges(serializer: type, refusal: type[Exception], not_random: type[Exception]) -> None:
    """Give the whole image to who asks for a part of it, where a driver can't read parts; Glance answers 400.

    Which is what HTTP has for that (RFC 9110, 14.2). *serializer* is glance.api.v2.image_data.ResponseSerializer,
    *refusal* what it raises after *not_random* of glance_store.
    """

    def guarded(download: Callable) -> Callable:
        @functools.wraps(download)
        def download_whole(self: Any, response: Any, image: Any) -> Any:
            try:
                return download(self, response, image)
            except refusal as error:
                if not isinstance(error.__context__, not_random):
                    raise
            for name in ("Range", "Content-Range"):
                response.request.headers.pop(name, None)
            response.status_int = 200
            return download(self, response, image)

        return download_whole

    replace(serializer, "download", guarded)


def guard_segments(driver: type) -> None:
    """Have large images stored in segments of their own size; glance_store waits for more than the last one has.

    It tells Swift that each segment has the full size, and fails after a minute. *driver* is
    glance_store._drivers.swift.store.BaseStore, which reads to the end of what it is told no size of.
    """

    def adding(add: Callable) -> Callable:
        @functools.wraps(add)
        def add_to_the_end(self: Any, image_id: str, data: Any, size: int, *args: Any, **kwargs: Any) -> Any:
            return add(self, image_id, data, size if size < self.large_object_size else 0, *args, **kwargs)

        return add_to_the_end

    replace(driver, "add", adding)


def guard_accounts(utils: Any) -> None:
    """Have accounts of Swift read by one thread at a time, each file by itself; glance_store has one parser for all.

    A thread that reads a file meanwhile makes another one fail, and accounts of one name in two files mix. *utils* is
    glance_store._drivers.swift.utils.
    """
    alone = threading.Lock()

    def loading(load: Callable) -> Callable:
        @functools.wraps(load)
        def load_alone(self: Any) -> Any:
            with alone:
                utils.CONFIG = utils.SwiftConfigParser(defaults=utils.CONFIG.defaults())
                return load(self)

        return load_alone

    replace(utils.SwiftParams, "_load_config", loading)


def guard_s3_keys(driver: type) -> None:
    """Have images of a newer release read beside it, as in an upgrade: 2026.2 writes no keys into locations in S3.

    *driver* is glance_store._drivers.s3.Store. What is not in its own bucket gets no keys: a user may have given that
    location.
    """
    if not inspect.signature(driver._create_s3_client).parameters.keys() - {"self"}:
        return

    def creating(create: Callable) -> Callable:
        @functools.wraps(create)
        def create_with_keys(self: Any, location: Any) -> Any:
            if not location.accesskey and location.bucket == self.bucket:
                location.accesskey, location.secretkey = self.access_key, self.secret_key
            return create(self, location)

        return create_with_keys

    replace(driver, "_create_s3_client", creating)


def guard_checksums(environment: MutableMapping[str, str]) -> None:
    """Have boto3 send checksums to S3 only where they are required, as Glance does from 2026.1 on.

    From 1.36 on it sends more of them, in a form that many servers refuse, Ceph's of before 2024 among them. A value of
    the operator's in *environment* stays.
    """
    for name in ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"):
        environment.setdefault(name, "when_required")


def guard_s3_answers(driver: Any) -> None:
    """Have S3 answer within ANSWERS_WITHIN; boto waits for a minute, five times. *driver* is glance_store._drivers.s3.

    Requests that end an upload are sent again as before (SENT_AGAIN). After a part that got no answer the others are
    not sent, and the upload is aborted; glance_store takes that part for stored, and answers 500.
    """
    if driver.boto_session is None:
        return

    def making(library: Any) -> Any:
        from botocore.config import Config
        from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
        from botocore.session import get_session

        def ask_once(event_name: str, caught_exception: Exception | None = None, **_others: Any) -> None:
            late = isinstance(caught_exception, (ConnectTimeoutError, ReadTimeoutError))
            if late and not event_name.endswith(SENT_AGAIN):
                raise caught_exception

        def session(**options: Any) -> Any:
            core = get_session()
            core.set_default_client_config(Config(connect_timeout=ANSWERS_WITHIN, read_timeout=ANSWERS_WITHIN))
            core.register("needs-retry.s3", ask_once)
            return library.Session(botocore_session=core, **options)

        return types.SimpleNamespace(Session=session)

    def uploading(upload: Callable) -> Callable:
        @functools.wraps(upload)
        def upload_or_tell(client: Any, bucket: str, key: str, part: Any) -> None:
            # All parts of an image share this dict.
            if part.mpu.get("given_up"):
                part.success = False
                return
            try:
                upload(client, bucket, key, part)
            except Exception as error:
                LOG.warning("Part %s of %s did not reach the store: %r", part.partnum, key, error)
                part.success = False
                part.mpu["given_up"] = True

        return upload_or_tell

    replace(driver, "boto_session", making)
    replace(driver, "run_upload", uploading)


def guard_swift_answers(driver: Any) -> None:
    """Have Swift and its Keystone answer within ANSWERS_WITHIN; their clients wait for ever.

    *driver* is glance_store._drivers.swift.store. The time is that between two pieces of data, so slow transfers go on.
    After a request without an answer, those that follow on the same connection fail at once: an image may have hundreds
    of segments to ask for.
    """
    if driver.swiftclient is None:
        return

    def connecting(parent: type) -> type:
        from requests.exceptions import Timeout

        class Connection(parent):
            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **{"timeout": ANSWERS_WITHIN, **options})
                self.late = False

            def _retry(self, reset: Callable | None, ask: Callable, *args: Any, **options: Any) -> Any:
                """Ask again as swiftclient does, which has no public way to except a time-out from that."""

                @functools.wraps(ask)
                def ask_once(*args: Any, **options: Any) -> Any:
                    gone = driver.swiftclient.ClientException(f"no answer within {ANSWERS_WITHIN} s")
                    if self.late:
                        raise gone
                    try:
                        return ask(*args, **options)
                    except Timeout as error:
                        self.late = True
                        raise gone from error

                return super()._retry(reset, ask_once, *args, **options)

        return Connection

    def logging_in(library: Any) -> Any:
        return types.SimpleNamespace(Session=functools.partial(library.Session, timeout=ANSWERS_WITHIN))

    replace(driver.swiftclient, "Connection", connecting)
    replace(driver, "ks_session", logging_in)


def replace(owner: Any, name: str, wrap: Callable) -> None:
    """Put what *wrap* makes of the attribute *name* of *owner* in its place, once."""
    found = getattr(owner, name, None)
    if found is None:
        named = getattr(owner, "__name__", owner)
        raise GuardError(f"{named} should have {name}, found none: glance_guards.py can't guard this release")
    if not getattr(found, "guarded_by_us", False):
        wrapped = wrap(found)
        wrapped.guarded_by_us = True
        setattr(owner, name, wrapped)


def install() -> None:
    """Wrap the functions of the Glance of this process. Raises GuardError if one is missing."""
    import glance.async_.flows.plugins as flow_plugins
    import glance_store
    import import_checks
    import import_failures
    import import_plugins
    import sqlalchemy
    import sqlalchemy.orm.exc
    import webob.exc
    from glance import domain
    from glance.api import common
    from glance.api.v2 import image_data, image_members, images
    from glance.async_ import taskflow_executor
    from glance.async_.flows import api_image_import, base_import
    from glance.async_.flows.plugins import image_conversion, image_decompression
    from glance.common import exception, utils, wsgi
    from glance.common.scripts import utils as scripts
    from glance.db.sqlalchemy import api as records
    from glance.db.sqlalchemy import models
    from glance_store import capabilities, exceptions
    from glance_store._drivers import http as http_driver
    from glance_store._drivers import s3 as s3_driver
    from glance_store._drivers.swift import store as swift_driver
    from glance_store._drivers.swift import utils as swift_utils
    from oslo_config import cfg
    from oslo_db import exception as database

    def filters() -> Any:
        return cfg.CONF.import_filtering_opts

    def image_size_cap() -> int:
        return cfg.CONF.image_size_cap

    def http_error(kind: type) -> Callable[[str], Exception]:
        return lambda reason: kind(explanation=reason)

    def is_data_error(error: Exception) -> bool:
        return isinstance(error, (database.DBDataError, database.InvalidSortKey))

    bad_request = http_error(webob.exc.HTTPBadRequest)
    guard_requests(
        wsgi,
        bad_request,
        http_error(webob.exc.HTTPRequestEntityTooLarge),
        http_error(webob.exc.HTTPRequestRangeNotSatisfiable),
        is_data_error,
    )
    guard_members(image_members.RequestDeserializer, bad_request)
    guard_filters(images.RequestDeserializer, sqlalchemy.inspect(models.Image).relationships.keys(), bad_request)
    # Ussuri's SQLAlchemy has no class of its own for a session that was rolled back.
    rolled_back = getattr(sqlalchemy.exc, "PendingRollbackError", sqlalchemy.exc.InvalidRequestError)
    guard_updates(records, (sqlalchemy.orm.exc.StaleDataError, rolled_back))
    guard_transitions(domain.Image)
    guard_changes(images.ImagesController, http_error(webob.exc.HTTPForbidden))
    guard_import_requests(images.RequestDeserializer, bad_request)
    guard_stores_in_use(images.ImagesController, http_error(webob.exc.HTTPConflict))
    guard_downloads(utils, scripts, filters, image_size_cap)
    import_sources.guard_sources(scripts, replace)
    # Whether they are configured or not: loading them registers one group of options, and does nothing else.
    import_plugins.guard_decompression(image_decompression, image_size_cap, replace)
    import_plugins.guard_conversion(
        image_conversion, image_size_cap, lambda: cfg.CONF.image_conversion.output_format, replace
    )
    # Ussuri knows no limits of Keystone.
    guard_quota(common, lambda: getattr(cfg.CONF, "use_keystone_limits", False))
    guard_stores(
        glance_store,
        exceptions,
        lambda store: bool(store._CAPABILITIES & capabilities.BitMasks.WRITE_ACCESS),
        lambda reason: webob.exc.HTTPServiceUnavailable(explanation=reason, headers={"Retry-After": str(RETRY_AFTER)}),
    )
    guard_ranges(image_data.ResponseSerializer, webob.exc.HTTPBadRequest, exceptions.StoreRandomGetNotSupported)
    guard_segments(swift_driver.BaseStore)
    guard_accounts(swift_utils)
    guard_s3_keys(s3_driver.Store)
    guard_checksums(os.environ)
    guard_s3_answers(s3_driver)
    guard_swift_answers(swift_driver)
    judges = (import_sources.reason_of,)
    import_failures.guard_messages(domain.Task, replace, judges)
    import_failures.guard_tasks(taskflow_executor.TaskExecutor, replace, exception.ImportTaskError, judges)
    # Ussuri has no such class.
    import_failures.guard_failed_stores(getattr(api_image_import, "_ImportActions", None), replace)
    import_checks.guard_imports(
        flow_plugins,
        base_import,
        replace,
        lambda: [getattr(cfg.CONF, name).filesystem_store_datadir for name in RESERVED_STORES],
    )
    guard_locations(http_driver, lambda reason: exceptions.BadStoreUri(message=reason), filters)


def filter_factory(_global_config: Mapping[str, str], **_options: str) -> Callable[[Callable], Guard]:
    """Return the filter for a paste file, with the guards in place."""
    from oslo_config import cfg

    install()
    return lambda application: Guard(application, lambda: cfg.CONF.max_request_id_length)
