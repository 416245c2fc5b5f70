# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking one Image service, as whoever the options say.

With Python's own urllib: ansible.module_utils.urls costs a module half as much again before its first request, in time
and memory (docs/performance.md), and reads the host's authorities anew for each.
"""

from __future__ import annotations

import html
import http.client
import io
import json
import os
import re
import ssl
import time
import typing as t
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils.login import (
    LOOPBACK,
    checks,
    endpoint_of,
    login_of,
    options,
)

SHOWN_URL = 200
"""Characters of a URL that a message repeats."""

LONGEST_REASON = 4000
"""Characters of a reason that a message repeats: more than any of Glance's, less than the page of a proxy may have."""

TRANSIENT = (-1, 429, 502, 503, 504)
"""HTTP statuses (-1: no answer) after which the same request may well succeed in a moment, as during a restart."""

RENEWED_BEFORE = 60
"""Seconds before its end at which a token is not used any more: a request that has begun with it must end in time."""

BACKOFF = 1.5
"""How many times as long as the one before a pause is."""

Json = dict[str, t.Any]


class GlanceError(Exception):
    """A request that did not bring the answer asked for.

    reason: see reason_of; status: the HTTP status, -1 without an answer; text: what the server wrote, as one line,
    never with a secret in it; retry_after: seconds that it asks to wait, or 0.
    """

    def __init__(self, message: str, status: int, text: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.text = text
        self.retry_after = retry_after
        self.reason = reason_of(status)

    @property
    def transient(self) -> bool:
        """Whether the same request may well succeed in a moment."""
        return self.status in TRANSIENT


def reason_of(status: int) -> str:
    """Class of a failed request by its HTTP status (-1: no answer at all)."""
    if status == -1:
        return "unreachable"
    return "unauthorised" if status in (401, 403) else "unhealthy"


def backoff(first: float, longest: float) -> t.Iterator[float]:
    """Seconds of each pause: half as long again as the one before, up to the longest, or the first if that is more."""
    pause = first
    while True:
        yield pause
        pause = min(pause * BACKOFF, max(longest, first))


Result = t.TypeVar("Result")


def retry(
    ask: t.Callable[[], Result],
    seconds: float,
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], None] = time.sleep,
) -> Result:
    """Result of ask(), which is called again, for so many seconds, after each GlanceError of the kind that passes.

    Pauses grow, and are as long as the service asks for with Retry-After if that is longer. Raises the last error.
    """
    end, pauses = clock() + seconds, backoff(0.5, 5.0)
    while True:
        try:
            return ask()
        except GlanceError as error:
            left = end - clock()
            if not error.transient or left <= 0:
                raise
            sleep(min(max(next(pauses), error.retry_after), left))


WAITING = {"interval": {"type": "float", "default": 1.0}, "grace": {"type": "int", "default": 60}}
"""Options of the doc fragment waiting."""


def image_module(spec: dict[str, dict[str, t.Any]], **rules: t.Any) -> AnsibleModule:
    """AnsibleModule with these options, those that say how the service is reached and waited for, and their rules."""
    joined = checks()
    for name, rule in rules.items():
        joined[name] = {**joined.get(name, {}), **rule} if isinstance(rule, dict) else [*joined.get(name, []), *rule]
    return ImageModule(argument_spec={**options(), **WAITING, **spec}, **joined, supports_check_mode=True)


class ImageModule(AnsibleModule):
    """A module whose login does not get into the journal of its host."""

    def _log_invocation(self) -> None:
        """Note which options were given; AnsibleModule notes their values.

        It prints the dict "auth" for that, in which it does not find a password with a quote or a backslash again to
        mask it.
        """
        self.log(f"Invoked with {', '.join(name for name, value in self.params.items() if value is not None)}")


def connect(module: AnsibleModule, wrong: str = "", address: str | None = None) -> Client:
    """Client of the module; ends the module when something is wrong with its options, before any request.

    address: URL that the module passes on, of which a password is not to show.
    """
    try:
        secret = urlsplit(address or "").password
        module.no_log_values.update([secret] if secret else [])
        if not wrong:
            return Client(module)
    except ValueError as error:
        wrong = str(error)
    return module.fail_json(msg=wrong)


def finish(module: AnsibleModule, client: HttpClient, result: Json) -> t.NoReturn:
    """End the module with a result, which tells with "failed" whether it is a failure; "warnings" are told apart."""
    for text in result.pop("warnings", []):
        module.warn(text)
    end = module.fail_json if result.pop("failed", False) else module.exit_json
    end(**result, requests=client.requests)


def base_url(api_url: str, name: str = "api_url") -> str:
    """Address of the service without a version: a trailing slash, /v2 and /v2/ are cut off.

    ValueError, which calls it by the name, when it is no http or https URL with a host, has a query, or carries a user
    name or a password.
    """
    parts = urlsplit(api_url)
    if "@" in parts.netloc:
        raise ValueError(f"{name} has a user name in it: expected no secret there, give username and password.")
    try:
        # Looked at for the ValueError that a port which is none raises.
        _port = parts.port
    except ValueError as error:
        raise ValueError(f"{name} is '{api_url}': {error}.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{name} is '{api_url}': expected a URL such as {LOOPBACK}, without a query.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v2').rstrip('/')}"


def plain(body: bytes | str | None) -> str:
    """One line of text, at most LONGEST_REASON characters and "...", from HTML or text."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
    text = re.sub(r"(?is)<(head|style|script)\b.*?</\1>|<[^>]*>", " ", text)
    return _line(html.unescape(text))


def _line(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."


def told(body: bytes, title: str = "") -> str:
    """Reason in the body of an error answer, as one line: whole, up to LONGEST_REASON characters.

    Glance and Keystone tell it as "message" of a JSON object (generate_response in webob/exc.py, keystone's "error"),
    proxies in a page, which may begin with the status again: title, such as "400 Bad Request", is left out.
    """
    answer = _parsed(body)
    answer = answer.get("error", answer) if isinstance(answer, dict) else None
    message = answer.get("message") if isinstance(answer, dict) else None
    if isinstance(message, str) and message.strip():
        # It is no HTML but for the line ends that webob adds: what stands in "<>" belongs to the reason.
        return _line(re.sub(r"<br */?>", " ", message))
    text = plain(body)
    return text.removeprefix(title).strip() or text


def shown(url: str) -> str:
    """The URL as a message repeats it."""
    return url if len(url) <= SHOWN_URL else f"{url[:SHOWN_URL]}..."


def _body(response: t.Any, seconds: float) -> bytes:
    """Everything the response holds; OSError or HTTPException when it is cut off or takes longer than that."""
    deadline = time.monotonic() + seconds
    chunks = []
    while chunk := response.read1(1 << 16):
        chunks.append(chunk)
        if time.monotonic() > deadline:
            raise TimeoutError(f"the answer was not complete within {seconds} s")
    if getattr(response, "length", None):
        raise ConnectionError(f"the connection was cut {response.length} bytes before the end of the answer")
    return b"".join(chunks)


class _EarlyResponseMixin:
    """A connection on which an answer that comes before the whole body is sent is still read.

    A service that refuses an upload, such as one beyond a quota, may answer at once and close.
    """

    connected = False

    def connect(self) -> None:
        """Note that from now on an error is one of sending."""
        super().connect()  # type: ignore[misc]
        self.connected = True

    def request(self, *given: t.Any, **more: t.Any) -> None:
        """Send the request as far as the service takes it."""
        try:
            super().request(*given, **more)  # type: ignore[misc]
        except (BrokenPipeError, ConnectionResetError):
            if not self.connected:
                raise


class _PlainConnection(_EarlyResponseMixin, http.client.HTTPConnection):
    pass


class _TlsConnection(_EarlyResponseMixin, http.client.HTTPSConnection):
    pass


class _Plain(HTTPHandler):
    def http_open(self, req: Request) -> t.Any:
        """Open plain HTTP."""
        return self.do_open(_PlainConnection, req)


class _Tls(HTTPSHandler):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self.trust = context

    def https_open(self, req: Request) -> t.Any:
        """Open HTTP over TLS."""
        return self.do_open(_TlsConnection, req, context=self.trust)


@dataclass(frozen=True)
class HttpRequest:
    """One request.

    data: gives its body, anew for each time it is sent: bytes, an open file, or None; login: headers that do not go
    along to another address after a redirect; content: other headers; expected: HTTP status of success; advice: what to
    do when the service knows the asker too little; ca_path: authorities to trust, None for those of the host;
    parsed: whether the answer is JSON, and not data as it is.
    """

    method: str
    url: str
    data: t.Callable[[], t.Any]
    login: dict[str, str]
    content: dict[str, str]
    expected: int
    advice: str
    ca_path: str | None
    parsed: bool = True


class HttpClient:
    """Requests to services, and what they answer; requests: how many have been made.

    Secrets that it has been told to hide are masked in whatever the module prints.
    """

    def __init__(
        self,
        module: AnsibleModule,
        verify: bool = True,
        client_cert: str | None = None,
        client_key: str | None = None,
        ca_certs: str | None = None,
    ) -> None:
        """The module has an option request_timeout, in seconds.

        verify: whether certificates must be valid; client_cert and client_key: files of what to show to a service;
        ca_certs: authorities in the form PEM, for requests without a ca_path; None for those of the host.
        """
        self.module = module
        self.requests = 0
        self._verify, self._client_cert, self._client_key = verify, client_cert, client_key
        # Text around certificates may be of any language, and ssl takes ASCII alone.
        self._ca_certs = ca_certs.encode("ascii", "ignore").decode() if ca_certs else None
        self._openers: dict[str | None, OpenerDirector] = {}

    def read_certificates(self, option: str, path: str | None) -> None:
        """Read the authorities at a path, which the option names; ValueError when that can't be done."""
        try:
            self._opener(path)
        except OSError as error:
            given = f"{option} {path}" if path else option if self._ca_certs else "the host's own"
            pair = f", client_cert {self._client_cert}" if self._client_cert else ""
            raise ValueError(f"expected certificates in {given}{pair}, found: {error}.") from error

    def hide(self, *secrets: str) -> None:
        """Have AnsibleModule mask these in whatever the module prints."""
        self.module.no_log_values.update(secret for secret in secrets if secret)

    def _opener(self, ca_path: str | None) -> OpenerDirector:
        """What sends requests that trust these authorities, made once: reading them takes longer than a request."""
        if ca_path not in self._openers:
            context = ssl.create_default_context(cafile=ca_path, cadata=None if ca_path else self._ca_certs)
            if not self._verify:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if self._client_cert:
                context.load_cert_chain(self._client_cert, self._client_key)
            self._openers[ca_path] = build_opener(_Plain, _Tls(context=context))
        return self._openers[ca_path]

    def _open(self, asked: HttpRequest, body: t.Any) -> t.Any:
        """Response of any status; OSError, ValueError or HTTPException when there is none."""
        headers = {"Accept": "application/json", **asked.content}
        # base_url and login_of let http and https pass alone.
        request = Request(asked.url, body, headers, method=asked.method)  # noqa: S310
        for name, value in asked.login.items():
            request.add_unredirected_header(name, value)
        if hasattr(body, "fileno"):
            # Without a length urllib would send chunks, which not every proxy passes on as they come.
            request.add_header("Content-Length", str(os.fstat(body.fileno()).st_size))
        try:
            return self._opener(asked.ca_path).open(request, timeout=self.module.params["request_timeout"])
        except HTTPError as error:
            return error

    def exchange(self, asked: HttpRequest) -> tuple[t.Any, t.Mapping[str, str]]:
        """The JSON object of the answer, or its bytes where no JSON is asked for, and its headers; GlanceError."""
        seconds = self.module.params["request_timeout"]
        body = asked.data()
        self.requests += 1
        status, headers, text = -1, {}, ""
        try:
            with self._open(asked, body) as response:
                status, headers = response.code, response.headers
                content = _body(response, seconds)
        except (OSError, ValueError, http.client.HTTPException) as error:
            status, text = -1, str(error) or type(error).__name__
            # A certificate may have been renewed since.
            self._openers.clear()
        finally:
            if hasattr(body, "close"):
                body.close()
        if status == asked.expected and not asked.parsed:
            return content, headers
        if status == asked.expected:
            answer = _parsed(content)
            if isinstance(answer, dict) and (content or asked.expected != 200):
                return answer, headers
            text = f"{headers.get('content-type', 'content without a type')} that is not a JSON object"
        elif 200 <= status < 300:
            text = "an answer to another question"
        elif status != -1:
            text = (told(content, f"{status} {response.reason}") or response.reason).rstrip(".")
        got = f"no answer: {text}" if status == -1 else f"{status}: {text}"
        wanted = "200 and JSON" if asked.expected == 200 and asked.parsed else str(asked.expected)
        advice = _advice(status, urlsplit(asked.url).path, asked.advice)
        raise GlanceError(
            f"{asked.method} {shown(asked.url)}: expected {wanted}, got {got}. {advice}",
            status,
            text,
            _retry_after(headers),
        )


class Client(HttpClient):
    """One Image service; requests to Keystone count as well."""

    def __init__(self, module: AnsibleModule) -> None:
        """The module brings the options of login.options(); ValueError when they are not usable."""
        self.login = login_of(module.params, os.environ, Path.home(), Path.cwd())
        super().__init__(module, self.login.verify, self.login.client_cert, self.login.client_key)
        self.hide(*self.login.secrets)
        self._token = ""
        self._token_ends = 0.0
        self._token_worked = False
        self._project: str | None = None
        self._base = base_url(self.login.endpoint) if self.login.endpoint else ""
        self.read_certificates("ca_path", self.login.ca_path)
        self.read_certificates("auth_ca_path", module.params["auth_ca_path"])

    @property
    def base(self) -> str:
        """Address of the Image service without a version; logs in when only Keystone's catalogue has it."""
        if not self._base:
            self._headers()
        return self._base

    @property
    def project(self) -> str | None:
        """Id of the project that Keystone's token is for; None where Keystone is not asked, or it is for none."""
        self._headers()
        return self._project

    def get(self, path: str) -> Json:
        """JSON object at a path of the service; GlanceError, which names the URL, what was expected and what came."""
        return self.call("GET", path)

    def call(
        self, method: str, path: str, body: Json | list[Json] | None = None, kind: str = "", expected: int = 200
    ) -> Json:
        """Answer to a request with a JSON body, or none; an answer without content is {}.

        kind: content type of the body, application/json if not given; expected: HTTP status of success.
        Raises GlanceError.
        """
        data = None if body is None else json.dumps(body).encode()
        content = {"Content-Type": kind or "application/json"} if data else {}
        return self._with_token(method, path, lambda: data, content, expected)

    def send_file(self, path: str, file: str, headers: dict[str, str]) -> None:
        """PUT a file, block by block, and expect 204; GlanceError, or OSError when the file cannot be read."""
        content = {"Content-Type": "application/octet-stream", **headers}
        self._with_token("PUT", path, lambda: io.FileIO(file), content, 204)

    def data(self, path: str) -> bytes:
        """Bytes at a path of the service, such as the data of an image; GlanceError."""
        return self._with_token("GET", path, lambda: None, {"Accept": "*/*"}, 200, parsed=False)

    def _with_token(
        self,
        method: str,
        path: str,
        data: t.Callable[[], t.Any],
        content: dict[str, str],
        expected: int,
        parsed: bool = True,
    ) -> t.Any:
        def ask() -> t.Any:
            login, advice = self._headers(), "Give the login of a user who may do this."
            url, trusted = self.base + path, self.login.ca_path
            asked = HttpRequest(method, url, data, login, content, expected, advice, trusted, parsed)
            answer, _headers = self.exchange(asked)
            self._token_worked = bool(self._token)
            return answer

        try:
            return ask()
        except GlanceError as error:
            # A token that has worked has ended before its time, as one does with a changed password.
            if error.status != 401 or not self._token_worked:
                raise
        self._token, self._token_worked = "", False
        return ask()

    def _headers(self) -> dict[str, str]:
        """What says who asks; a token of Keystone is asked for at first, and again when it has nearly ended."""
        if self.login.auth_type != "keystone":
            return self.login.headers
        if not self._token or time.monotonic() > self._token_ends:
            self._log_in()
        return {"X-Auth-Token": self._token}

    def _log_in(self) -> None:
        url, body = self.login.tokens_url, json.dumps(self.login.request).encode()
        advice = "Check user, password, project and their domains, and that the user has a role there."
        trusted = self.module.params["auth_ca_path"] or self.login.ca_path
        answer, headers = self.exchange(
            HttpRequest("POST", url, lambda: body, {}, {"Content-Type": "application/json"}, 201, advice, trusted)
        )
        token = answer.get("token")
        self._token = headers.get("x-subject-token", "")
        if not isinstance(token, dict) or not self._token:
            raise GlanceError(
                f"POST {url}: expected a token of Keystone v3, got other JSON. "
                "Check that auth_url is the address of the Identity service.",
                200,
            )
        self.hide(self._token)
        self._token_worked = False
        self._project = (token.get("project") or {}).get("id")
        self._token_ends = time.monotonic() + max(_lifetime(token) - RENEWED_BEFORE, 0.0)
        if not self._base:
            try:
                found = endpoint_of(token.get("catalog") or [], self.login.region_name, self.login.interface)
                self._base = base_url(found, "the image service's address in Keystone's catalogue")
            except ValueError as error:
                raise GlanceError(str(error), 200) from error


def _parsed(content: bytes) -> t.Any:
    """The JSON in it, {} for no content, None for what is no JSON."""
    try:
        return json.loads(content) if content else {}
    except ValueError:
        return None


def _lifetime(token: Json) -> float:
    """Seconds between the beginning and the end of a token, by Keystone's clock; an hour when it does not say."""
    try:
        # Python before 3.11 does not know the Z of "2026-11-26T06:00:00.000000Z".
        began, end = (datetime.fromisoformat(token[key].rstrip("Z")) for key in ("issued_at", "expires_at"))
    except (KeyError, ValueError, AttributeError, TypeError):
        return 3600.0
    return (end - began).total_seconds()


def _retry_after(headers: t.Mapping[str, str]) -> float:
    """Seconds in the header Retry-After; 0 without it, and for its other form, a date, which OpenStack never sends."""
    value = headers.get("retry-after", "")
    return float(value) if value.isdigit() else 0.0


def _advice(status: int, path: str, login: str) -> str:
    """What to do next about such an answer; login: what to do when the service knows the asker too little.

    What the asker can mend, which is any status from 400 to 499, is in the reason that the answer gives, and in no log.
    """
    if status == -1:
        return "Check that the service runs there, and the address, the network and the TLS options."
    if status < 400 or (status == 404 and path.endswith(("/v2/images", "/auth/tokens"))):
        return "Check that this is the address of the service."
    if status == 401:
        return login
    if status == 403:
        return f"Change what was asked for, or {login[0].lower()}{login[1:]}"
    if status == 404:
        return "Check that it is there, and that the service knows how to do this."
    if status in (408, 429):
        return "Ask again later."
    if status < 500:
        return "Change what was asked for, or what stands in its way."
    return "Look into the log of the service, and of the proxy in front of it."
