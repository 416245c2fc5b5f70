# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading images and stores from Glance's v2 REST API: few requests, in pages, never image data."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import parse_qs, quote, urlsplit

from ansible_collections.glanceops.image_service.plugins.module_utils.client import GlanceError, plain, shown

if t.TYPE_CHECKING:
    from ansible_collections.glanceops.image_service.plugins.module_utils.client import Client

PAGE = 1000
"""Images in one answer: the default of api_limit_max, and so what Glance cuts any larger limit to."""

URL_LENGTHS = (60_000, 30_000, 7_500, 1_500)
"""Longest URL in bytes, tried in turn. Python's own servers take 64 KiB; uWSGI keeps a URL twice in its buffer-size,
so 65535 of that hold 30,000 and the default of 4096 holds 1,500; Apache, nginx and gunicorn take 8 KiB."""

NOT_FOUND = 404
Raw = dict[str, t.Any]
Query = dict[str, t.Union[str, list[str]]]


@dataclass(frozen=True)
class Selection:
    """Which images are meant: those of the ids and of the names, or all when both are None, that the rest lets pass.

    name_pattern: shell pattern of which the case counts; tags: all of which an image must have; hidden: whether only
    hidden images are meant, only others, or both (None); own: unless an owner is named, only what the caller's ordinary
    listing shows, without other projects' community images and those that are shared and not accepted.
    """

    ids: list[str] | None = None
    names: list[str] | None = None
    name_pattern: str | None = None
    tags: tuple[str, ...] = ()
    owner: str | None = None
    visibility: str | None = None
    hidden: bool | None = None
    own: bool = False

    @property
    def everything(self) -> bool:
        """Whether it names no image, by id or name."""
        return self.ids is None and self.names is None

    def passes(self, legacy: bool) -> list[Query]:
        """Filters that together list every image that is meant, each once.

        legacy: the Glance is one before 18.0.0, where visibility=all is a 400.
        """
        ordinary = self.own and not self.owner
        common: Query = {} if ordinary else {"member_status": "all"}
        if self.tags:
            common["tag"] = list(self.tags)
        if self.owner:
            common["owner"] = self.owner
        if ordinary:
            seen: list[Query] = [{}]
        elif self.visibility:
            seen = [{"visibility": self.visibility}]
        else:
            seen = [{}, {"visibility": "community"}] if legacy else [{"visibility": "all"}]
        hidden: dict[bool | None, list[Query]] = {False: [{}], True: [{"os_hidden": "true"}]}
        hidden[None] = hidden[False] + hidden[True]
        return [{**one, **other, **common} for other in hidden[self.hidden] for one in seen]

    def fits(self, raw: Raw) -> bool:
        """Whether the image, which Glance's own filters let pass, has a name of the pattern."""
        return self.name_pattern is None or fnmatchcase(str(raw.get("name") or ""), self.name_pattern)


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


def query_string(query: Query) -> str:
    """The query as it stands in a URL; commas and colons stay as they are, which keeps a long "in:" filter short."""
    pairs = ((key, one) for key, value in query.items() for one in ([value] if isinstance(value, str) else value))
    return "&".join(f"{key}={_encoded(one)}" for key, one in pairs)


class NoSuchStoreError(GlanceError):
    """Stores that are named and that the service does not have: what waits for them waits in vain."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 200)
        self.reason = "impossible"


def store_fault(named: t.Sequence[str], found: list[Raw], written: bool) -> str:
    """What is wrong with stores that are named, by those that the service lists; written: data is to go there."""
    there = {str(store.get("id")): str(store.get("read-only")).lower() == "true" for store in found}
    usable = [store for store, read_only in there.items() if not (written and read_only)]
    wrong = [f"{store}{' (read-only)' if store in there else ''}" for store in named if store not in usable]
    if not wrong:
        return ""
    have = " and ".join(usable) or "none"
    return f"stores should be of those that the service has ({have}), found {' and '.join(wrong)}: correct stores."


class ImageApi:
    """One Glance and what has been learnt about it: how long a URL it takes, and whether it knows visibility=all."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._length = 0
        self._taken = 0
        self._legacy = False

    def stores(self) -> list[Raw]:
        """Stores of the service, with "id", and "read-only" where it is; GlanceError, of status 404 for a single one.

        Glance leaves out those that it keeps for itself, os_glance_... (get_stores in glance/api/v2/discovery.py).
        """
        found = self.client.get("/v2/info/stores").get("stores")
        return [store for store in found if isinstance(store, dict)] if isinstance(found, list) else []

    def check_stores(self, named: t.Sequence[str], written: bool = False) -> None:
        """Raise NoSuchStoreError when the service lacks one of these stores, or GlanceError when it does not tell.

        written: data is to go there, which a read-only store does not take.
        """
        try:
            wrong = store_fault(named, self.stores(), written)
        except GlanceError as error:
            if error.status != NOT_FOUND:
                raise
            wrong = (
                f"stores should be left out at a service that has no several stores, found {' and '.join(named)} "
                f"(GET {self.client.base}/v2/info/stores: 404: {error.text})."
            )
        if wrong:
            raise NoSuchStoreError(wrong)

    def find(self, meant: Selection) -> t.Iterator[Raw]:
        """JSON objects of the images that are meant, page by page, none twice. Raises GlanceError.

        Of an id or name that is not listed, the hidden images are looked through as well.
        """
        try:
            yield from self._find(meant)
        except GlanceError as error:
            # The first request tells, so nothing has been given yet.
            if self._legacy or not _refuses_visibility(error):
                raise
            self._legacy = True
            yield from self._find(meant)

    def _find(self, meant: Selection) -> t.Iterator[Raw]:
        images = self._listed(meant) if meant.everything else self._named(meant)
        return (image for image in images if meant.fits(image))

    def _listed(self, meant: Selection) -> t.Iterator[Raw]:
        for filters in meant.passes(self._legacy):
            yield from self._list(filters)

    def _named(self, meant: Selection) -> t.Iterator[Raw]:
        found: dict[str, Raw] = {}
        for filters in meant.passes(self._legacy):
            known = {image.get("name") for image in found.values()}
            lower = {image_id.lower() for image_id in found}
            pages = self._matching("id", [one for one in meant.ids or [] if one.lower() not in lower], filters)
            pages += self._matching("name", [one for one in meant.names or [] if one not in known], filters)
            found.update({image["id"]: image for image in pages})
        return iter(found.values())

    def _matching(self, key: str, values: list[str], filters: Query) -> list[Raw]:
        """Images whose id or name (key) is one of the values, in as few requests as the server lets us."""
        images: list[Raw] = []
        todo = list(dict.fromkeys(values))
        while todo:
            asked, member = batches(todo, self._room(filters))[0]
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

    def _room(self, filters: Query) -> int:
        """Bytes left for a filter's value in the longest URL the server is known, or hoped, to take."""
        fixed = len(self.client.base) + len("/v2/images?limit=1000&member_status=all&marker=&name=") + 36
        return URL_LENGTHS[self._length] - fixed - len(query_string(filters))

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

    def _list(self, filters: Query, enough: int = 0) -> t.Iterator[Raw]:
        """All images of one listing, at most until there are enough of them (0: to the end); a page is held at a time.

        Of "next" only the marker is used, so the token never follows an address that an answer names. When the image
        that is the marker was deleted in the meantime, the one before it takes its place, and what is listed again is
        known by the ids of the page before.
        """
        query: Query = {"limit": str(PAGE), **filters}
        given = 0
        markers: list[str] = []
        before: set[str] = set()
        passed: set[str] = set()
        while True:
            try:
                page = self._page(query | ({"marker": markers[-1]} if markers else {}))
            except GlanceError as error:
                if error.status not in (400, 404) or len(markers) < 2:
                    raise
                markers.pop()
                continue
            ids = [image["id"] for image in page["images"]]
            following = parse_qs(urlsplit(page.get("next") or "").query).get("marker", [""])[0]
            for image in page["images"]:
                if image["id"] not in before:
                    given += 1
                    yield image
            before = set(ids)
            # Not two pages in memory while the next one is read.
            page.clear()
            if not following or (enough and given >= enough):
                return
            if following in passed:
                raise GlanceError(
                    f"GET {self.client.base}/v2/images: expected each page once, got {following} twice.", 200
                )
            passed.add(following)
            markers = [*ids[-5:-1], following]

    def _page(self, query: Query) -> dict[str, t.Any]:
        path = f"/v2/images?{query_string(query)}"
        page = self.client.get(path)
        images = page.get("images")
        if not isinstance(images, list) or not all(_is_image(image) for image in images):
            raise GlanceError(
                f"GET {shown(self.client.base + path)}: expected a list of images, got other JSON. "
                "Check that api_url is the address of the Image service.",
                200,
            )
        first = page.get("first")
        # uWSGI drops a query that does not fit its buffer without a word; Glance repeats the query it got in "first".
        if first and not set(parse_qs(urlsplit(first).query, keep_blank_values=True)) >= query.keys() - {"marker"}:
            raise GlanceError(
                f"GET {shown(self.client.base + path)}: expected the answer to this query, got the answer to {first}.",
                414,
            )
        return page

    def import_message(self, image_id: str) -> str:
        """What Glance noted on the newest failed task of the image, or "" when it noted nothing.

        Raises GlanceError, of status 404 before Glance 21.0.0. The image reverts a moment before its task fails, so a
        task that is still running gets half a second to do so.
        """
        failed: list[dict[str, t.Any]] = []
        for pause in (0.5, 0.0):
            found = self.client.get(f"/v2/images/{quote(image_id, safe='')}/tasks").get("tasks")
            tasks = [task for task in found if isinstance(task, dict)] if isinstance(found, list) else []
            failed = [task for task in tasks if task.get("status") == "failure"]
            if not any(task.get("status") in ("pending", "processing") for task in tasks):
                break
            time.sleep(pause)
        newest = max(failed, key=lambda task: str(task.get("updated_at") or ""), default={})
        return plain(str(newest.get("message") or ""))


def _refuses_visibility(error: GlanceError) -> bool:
    return error.status == 400 and "visibility value" in error.text


def _is_image(image: t.Any) -> bool:
    return isinstance(image, dict) and isinstance(image.get("id"), str) and isinstance(image.get("status"), str)
