# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in ``glance_images``, the public images that an inventory has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.glanceops.image_service.plugins.module_utils.image_plan import NO_PROPERTIES
from ansible_collections.glanceops.image_service.plugins.module_utils.image_status import HASH_DIGITS
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.numbers import Range
from ansible_collections.glanceops.image_service.plugins.plugin_utils.hosts import has
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import (
    is_dict,
    is_true,
    kind_of,
    printable,
)
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import API

IMAGES, PLUGINS = "glance_images", "glance_import_plugins"
METHODS = "glance_api_import_methods"
LONGEST_NAME = 255
"""Characters of a name (get_base_properties in glance/api/v2/images.py)."""

_RANGES = {"keep": Range(0), "min_disk": Range(0), "min_ram": Range(0), "timeout": Range(1)}
# Import plugins that store other data than they are given (glance/async_/flows/plugins).
_CONVERTING = ("image_conversion", "image_decompression")
_HASHES = {HASH_DIGITS[algorithm]: algorithm for algorithm in ("sha512", "sha256")}


def _called(image: Mapping[str, Any], option: str) -> str:
    return f"{option} of {printable(image['name'])} in {IMAGES}"


def _of_names(images: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [str(image["name"]) for image in images]
    if wrong := [name for name in names if not name.strip() or len(name) > LONGEST_NAME]:
        lengths = ", ".join(str(len(name)) for name in wrong)
        yield f"name of each entry of {IMAGES} should be a text of 1 to {LONGEST_NAME} characters, found {lengths}"
    if twice := [printable(name) for name, times in Counter(names).items() if times > 1]:
        yield (
            f"each name should be in {IMAGES} once, found several entries of {', '.join(twice)}: each of them would "
            "hide the image of the others"
        )


def _of_source(image: Mapping[str, Any]) -> Iterator[str]:
    found = [option for option in ("uri", "src") if option in image]
    if len(found) != 1:
        called = printable(image["name"])
        yield f"{called} in {IMAGES} should have either uri or src, found {' and '.join(found) or 'neither'}"
    elif found == ["uri"]:
        yield from _of_uri(image)
    elif not image["src"].strip():
        yield f"{_called(image, 'src')} should be the path of a file, found none: name one on the control machine"


def _of_uri(image: Mapping[str, Any]) -> Iterator[str]:
    """Nothing of the address is shown, which may hold a secret."""
    called = _called(image, "uri")
    try:
        address = urlsplit(str(image["uri"]))
        right = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    # Of a port that is none, and of brackets that are not closed.
    except ValueError:
        right = False
    if not right:
        yield f"{called} should be the URL of a file, such as https://images.example.com/disk.qcow2, found another text"
    elif "@" in address.netloc:
        yield (
            f"{called} should have no user name or password in it, found one: Glance keeps addresses in its database "
            "and log; have a source that needs none, or give src"
        )
    if "os_hash_value" not in image:
        yield f"{_called(image, 'os_hash_value')} should be given with uri, found none: it tells which data is meant"


def _of_hash(image: Mapping[str, Any]) -> Iterator[str]:
    value = str(image.get("os_hash_value", ""))
    strange = set(value.lower()) - set("0123456789abcdef")
    if "os_hash_value" in image and (strange or len(value) not in _HASHES):
        wanted = " or ".join(f"{digits} ({algorithm})" for digits, algorithm in _HASHES.items())
        found = f"{len(value)} characters{' that are not all hexadecimal' if strange else ''}"
        yield f"{_called(image, 'os_hash_value')} should be {wanted} hexadecimal digits, found {found}"


def _of_facts(image: Mapping[str, Any]) -> Iterator[str]:
    for option in _RANGES.keys() & image.keys():
        value, allowed = int(image[option]), _RANGES[option]
        if not allowed.lowest <= value <= allowed.highest:
            yield f"{_called(image, option)} should be {allowed.words(value)}, found {value}"
    for option, value in image.get("properties", {}).items():
        called = _called(image, f"{printable(option)} of properties")
        if option in NO_PROPERTIES:
            yield f"{called} should be no attribute that Glance keeps itself, found one: take it away"
        elif kind_of(value) != "a text":
            yield f"{called} should be a text, found {kind_of(value)}: put it in quotes"
    if image.get("stores") and is_true(image.get("all_stores")):
        yield f"{_called(image, 'stores')} should be left out with all_stores, found both: give one of them"


def _of_api(image: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    """What the API of the host can't do, by its other variables."""
    methods, nobody = given.get(METHODS, ()), given.get("glance_auth") == "none"
    stores, uri = image.get("stores") or (), _called(image, "uri")
    several = len(stores) > 1 or is_true(image.get("all_stores"))
    if "uri" in image and nobody:
        yield f"{uri} should be left out while glance_auth is none, found one: Glance imports nothing then, give src"
    elif "uri" in image and "web-download" not in methods:
        yield f"{METHODS} should hold web-download for the {uri}, found it without: add it, or give src"
    elif "src" in image and several:
        called = _called(image, "stores" if stores else "all_stores")
        if nobody:
            yield f"{called} should be one store while glance_auth is none, found several: Glance imports nothing then"
        elif "glance-direct" not in methods:
            yield f"{METHODS} should hold glance-direct for the {called}, found it without: add it, or name one store"
    if "src" in image and "os_hash_value" not in image and not nobody and "glance-direct" in methods:
        yield from _of_conversion(image, given)
    known = given.get("glance_stores")
    if is_dict(known) and (absent := [store for store in stores if store not in known]):
        found = ", ".join(map(printable, absent))
        yield f"{_called(image, 'stores')} should be of glance_stores ({', '.join(known)}), found {found}: correct it"


def _of_conversion(image: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    """Without its hash, what has become of a file is not known again, and each run would import it anew."""
    for plugin in _CONVERTING:
        if plugin in (given.get(PLUGINS) or ()):
            wanted = f"{_called(image, 'os_hash_value')} should be given while {PLUGINS} has {plugin}"
            yield f"{wanted}, found none: give the hash of what Glance stores"


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about glance_images in *given*, variables by name; none holds an address."""
    images = given.get(IMAGES) or []
    sentences = [*_of_names(images)]
    for image in images:
        sentences += [*_of_source(image), *_of_hash(image), *sorted(_of_facts(image))]
        sentences += _of_api(image, given) if has(given, API) else []
    return {IMAGES: sentences} if sentences else {}
