# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading images from Glance's v2 REST API: few requests, never image data, no other library than ansible-core."""

from __future__ import annotations

import base64
import html
import http.client
import json
import re
import time
import typing as t
import zlib
from urllib.parse import parse_qs, quote, urlsplit

from ansible.module_utils.urls import fetch_url
from ansible_collections.glanceops.image_service.plugins.module_utils.image_status import GlanceError

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

PAGE = 1000
"""Images in one answer: the default of api_limit_max, and so what Glance cuts any larger limit to."""

URL_LENGTHS = (60_000, 30_000, 7_500, 1_500)
"""Longest URL in bytes, tried in turn. Python's own servers take 64 KiB; uWSGI keeps a URL twice in its buffer-size,
so 65535 of that hold 30,000 and the default of 4096 holds 1,500; Apache, nginx and gunicorn take 8 KiB."""

SHOWN_URL = 200
"""Characters of a URL that a message repeats."""

MODERN = ({"visibility": "all"}, {"visibility": "all", "os_hidden": "true"})
LEGACY = ({}, {"visibility": "community"}, {"os_hidden": "true"}, {"visibility": "community", "os_hidden": "true"})
"""Filters that together list every image the caller may read; visibility=all is a 400 before Glance 18.0.0."""


def argument_spec() -> dict[str, dict[str, t.Any]]:
    """Options of the doc fragment api_connection; fetch_url reads the TLS ones from the module by these names."""
    return {
        "api_url": {"type": "str", "default": "http://127.0.0.1:9292"},
        "token": {"type": "str", "no_log": True},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "request_timeout": {"type": "int", "default": 30},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path"},
    }


def argument_checks() -> dict[str, t.Any]:
    """What AnsibleModule checks of these options beside each of them."""
    return {"mutually_exclusive": [("token", "username")], "required_together": [("username", "password")]}


def credentials(options: dict[str, t.Any]) -> dict[str, str]:
    """Headers that say who asks; none without a token and a user name."""
    if options["token"]:
        return {"X-Auth-Token": options["token"]}
    if options["username"]:
        # fetch_url's own way would ask without a password first and look into .netrc.
        pair = f"{options['username']}:{options['password']}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


def base_url(api_url: str) -> str:
    """Address of the service without a version: a trailing slash, /v2 and /v2/ are cut off.

    ValueError when it is no http or https URL with a host, has a query, or carries a user name or a password.
    """
    parts = urlsplit(api_url)
    if "@" in parts.netloc:
        raise ValueError("api_url has a user name in it: expected no secret there, give a token with the option token.")
    try:
        # Looked at for the ValueError that a port which is none raises.
        _port = parts.port
    except ValueError as error:
        raise ValueError(f"api_url is '{api_url}': {error}.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"api_url is '{api_url}': expected a URL such as http://127.0.0.1:9292, without a query.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v2').rstrip('/')}"


def quoted(value: str) -> str | None:
    """The value as one member of an "in:" filter, or None if no "in:" filter can hold it.

    Glance splits at commas outside double quotes, and takes a quote after a backslash for part of the value without
    ever removing the backslash (validate_quotes and split_filter_value_for_quotes in glance/common/utils.py).
    """
    if '"' in value or ("," in value and value.endswith("\\")):
        return None
    return f'"{value}"' if "," in value else value


def batches(values: t.Iterable[str], room: int) -> list[tuple[list[str], str]]:
    """Filters that ask for all the values: ([values], "in:..." or "eq:..."), each filter at most room bytes in a URL.

    A single value that needs more than room is a filter of its own. At most PAGE values share a filter.
    """
    done: list[tuple[list[str], str]] = []
    members: list[str] = []
    asked: list[str] = []
    size = len("in:")

    def close() -> None:
        if asked:
            done.append((asked.copy(), "in:" + ",".join(members)))
            asked.clear()
            members.clear()

    for value in values:
        member = quoted(value)
        if member is None:
            done.append(([value], f"eq:{value}"))
            continue
        length = len(_encoded(member)) + 1
        if size + length > room or len(asked) == PAGE:
            close()
            size = len("in:")
        asked.append(value)
        members.append(member)
        size += length
    close()
    return done


def _encoded(value: str) -> str:
    return quote(value, safe=",:")


def query_string(query: dict[str, str]) -> str:
    """The query as it stands in a URL; commas and colons stay as they are, which keeps a long "in:" filter short."""
    return "&".join(f"{key}={_encoded(value)}" for key, value in query.items())


def plain(body: bytes | str | None) -> str:
    """One line of text, at most 300 characters, from the body of an error answer (HTML, JSON or text)."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
    text = re.sub(r"(?is)<(head|style|script)\b.*?</\1>|<[^>]*>", " ", text)
    return re.sub(r"\s+", " ", html.unescape(text)).strip()[:300]


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


class ImageApi:
    """One Glance and what has been learnt about it: how long a URL it takes, and whether it knows visibility=all.

    requests: how many HTTP requests have been made.
    """

    def __init__(self, module: AnsibleModule) -> None:
        """The module brings the options of argument_spec; ValueError when api_url is not usable."""
        self.module = module
        self.base = base_url(module.params["api_url"])
        self.requests = 0
        self._length = 0
        self._taken = 0
        self._passes: tuple[dict[str, str], ...] = MODERN

    def find(self, ids: list[str] | None, names: list[str] | None) -> list[dict[str, t.Any]]:
        """JSON objects of the images with these ids or names, or of all images when both are None; none comes twice.

        An image that is asked for by id or name and is not listed is looked for among the hidden ones as well.
        Raises GlanceError.
        """
        try:
            return self._find(ids, names)
        except GlanceError as error:
            if self._passes is LEGACY or not _refuses_visibility(error):
                raise
            self._passes = LEGACY
            return self._find(ids, names)

    def _find(self, ids: list[str] | None, names: list[str] | None) -> list[dict[str, t.Any]]:
        found: dict[str, dict[str, t.Any]] = {}
        for filters in self._passes:
            if ids is None and names is None:
                pages = self._list(filters)
            else:
                known = {image["name"] for image in found.values()}
                lower = {image_id.lower() for image_id in found}
                pages = self._matching("id", [one for one in ids or [] if one.lower() not in lower], filters)
                pages += self._matching("name", [one for one in names or [] if one not in known], filters)
            found.update({image["id"]: image for image in pages})
        return list(found.values())

    def _matching(self, key: str, values: list[str], filters: dict[str, str]) -> list[dict[str, t.Any]]:
        """Images whose id or name (key) is one of the values, in as few requests as the server lets us."""
        images: list[dict[str, t.Any]] = []
        todo = list(dict.fromkeys(values))
        while todo:
            asked, member = batches(todo, self._room())[0]
            try:
                images += self._list({**filters, key: member}, len(asked) if key == "id" else 0)
            except GlanceError as error:
                if not self._shorten(len(_encoded(member)), error):
                    raise
                continue
            self._taken = max(self._taken, len(_encoded(member)))
            answered = set(asked)
            todo = [value for value in todo if value not in answered]
        return images

    def _room(self) -> int:
        """Bytes left for a filter's value in the longest URL the server is known, or hoped, to take."""
        fixed = len(self.base) + len("/v2/images?limit=1000&visibility=community&os_hidden=true&marker=&name=") + 36
        return URL_LENGTHS[self._length] - fixed

    def _shorten(self, size: int, error: GlanceError) -> bool:
        """Take the next shorter URL if the length may have been what the server did not like, and say so.

        Servers and proxies answer a URL that is too long with 400, 413, 414, 431 or 502, lose the token (401, 403), or
        cut the connection. What has worked once is not doubted again.
        """
        if size <= self._taken or _refuses_visibility(error) or "timed out" in str(error):
            return False
        shorter = next((step for step in range(self._length + 1, len(URL_LENGTHS)) if URL_LENGTHS[step] < size), None)
        if shorter is None:
            return False
        self._length = shorter
        return True

    def _list(self, filters: dict[str, str], enough: int = 0) -> list[dict[str, t.Any]]:
        """All pages of one listing, at most until there are enough images (0: to the end).

        Of "next" only the marker is used, so the token never follows an address that an answer names. When the image
        that is the marker was deleted in the meantime, the one before it takes its place.
        """
        query = {"limit": str(PAGE), **filters, "member_status": "all"}
        images: list[dict[str, t.Any]] = []
        markers: list[str] = []
        passed: set[str] = set()
        while True:
            try:
                page = self._page(query | ({"marker": markers[-1]} if markers else {}))
            except GlanceError as error:
                if error.status not in (400, 404) or len(markers) < 2:
                    raise
                markers.pop()
                continue
            images += page["images"]
            following = parse_qs(urlsplit(page.get("next") or "").query).get("marker", [""])[0]
            if not following or (enough and len({image["id"] for image in images}) >= enough):
                return images
            if following in passed:
                raise GlanceError(f"GET {self.base}/v2/images: expected each page once, got {following} twice.", 200)
            passed.add(following)
            markers = [image["id"] for image in page["images"][-5:-1]] + [following]

    def _page(self, query: dict[str, str]) -> dict[str, t.Any]:
        url = f"{self.base}/v2/images?{query_string(query)}"
        page = self._get(url)
        images = page.get("images")
        if not isinstance(images, list) or not all(_is_image(image) for image in images):
            raise GlanceError(f"GET {_shown(url)}: expected a list of images, got other JSON. {_advice(200)}", 200)
        first = page.get("first")
        # uWSGI drops a query that does not fit its buffer without a word; Glance repeats the query it got in "first".
        if first and not set(parse_qs(urlsplit(first).query, keep_blank_values=True)) >= query.keys() - {"marker"}:
            raise GlanceError(f"GET {_shown(url)}: expected the answer to this query, got the answer to {first}.", 414)
        return page

    def import_message(self, image_id: str) -> str:
        """What Glance noted on the newest failed task of the image, or "" when it noted nothing.

        Raises GlanceError, of status 404 before Glance 21.0.0. The image reverts a moment before its task fails, so a
        task that is still running gets half a second to do so.
        """
        url = f"{self.base}/v2/images/{quote(image_id, safe='')}/tasks"
        failed: list[dict[str, t.Any]] = []
        for pause in (0.5, 0.0):
            found = self._get(url).get("tasks")
            tasks = [task for task in found if isinstance(task, dict)] if isinstance(found, list) else []
            failed = [task for task in tasks if task.get("status") == "failure"]
            if not any(task.get("status") in ("pending", "processing") for task in tasks):
                break
            time.sleep(pause)
        newest = max(failed, key=lambda task: str(task.get("updated_at") or ""), default={})
        return plain(str(newest.get("message") or ""))

    def _get(self, url: str) -> dict[str, t.Any]:
        """JSON object at the URL; GlanceError, which names the URL, what was expected and what came."""
        seconds = self.module.params["request_timeout"]
        asked_by = credentials(self.module.params)
        self.requests += 1
        response, info = fetch_url(
            self.module,
            url,
            headers={"Accept": "application/json", **asked_by},
            method="GET",
            timeout=seconds,
            ca_path=self.module.params["ca_path"],
            unredirected_headers=list(asked_by),
            use_netrc=False,
        )
        status, text = info["status"], plain(info.get("body")) or str(info.get("msg"))
        if status == 200:
            try:
                answer = json.loads(_body(response, seconds))
            except ValueError:
                answer = None
            except (OSError, EOFError, http.client.HTTPException, zlib.error) as error:
                status, text = -1, str(error) or type(error).__name__
            else:
                if isinstance(answer, dict):
                    return answer
            if status == 200:
                text = f"{info.get('content-type', 'content without a type')} that is not a JSON object"
        got = f"no answer: {text}" if status == -1 else f"{status}: {text}"
        raise GlanceError(f"GET {_shown(url)}: expected 200 and JSON, got {got}. {_advice(status)}", status, text)


def _refuses_visibility(error: GlanceError) -> bool:
    return error.status == 400 and "visibility value" in error.text


def _is_image(image: t.Any) -> bool:
    return isinstance(image, dict) and isinstance(image.get("id"), str) and isinstance(image.get("status"), str)


def _shown(url: str) -> str:
    return url if len(url) <= SHOWN_URL else f"{url[:SHOWN_URL]}..."


def _advice(status: int) -> str:
    """What an operator does next about such an answer."""
    if status == -1:
        return "Check that the service runs there, and the address, the network and the TLS options."
    if status in (401, 403):
        return "Give a valid token, or user name and password, of a user who may read images."
    if status in (200, 404):
        return "Check that api_url is the address of the Image service."
    return "Look into the log of the service, and of the proxy in front of it."
