# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in C(glance_files), the files of the operator's own."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import kind_of
from ansible_collections.glanceops.image_service.plugins.plugin_utils.operator_files import (
    CEPH,
    GLANCE,
    METADEFS,
    MODE,
    SERVICES,
    is_secret,
    services,
)

KEYS = ("path", "content", "src", "mode", "services", "secret")
# The first part, below /etc/glance, of what the roles write or stage there, and who says what is in it. A unit test
# holds the list against the roles.
OWNED = {
    "glance-api.conf": "glance_api_config says what is in it",
    "glance-api-paste.ini": "give a file of your own another name, and set config_file of [paste_deploy]",
    "glance-cache.conf": "glance_cache_config says what is in it",
    "glance-guarded-paste.ini": "give a file of your own another name, and set config_file of [paste_deploy]",
    "glance-purge.conf": "glance_purge_config says what is in it",
    "glance-registry.conf": "glance_registry_config says what is in it",
    "glance-registry-paste.ini": "give a file of your own another name, and set config_file of [paste_deploy]",
    "glance-scrubber.conf": "glance_scrubber_config says what is in it",
    "glance-uwsgi.ini": "glance_api_uwsgi says what is in it",
    "policy.yaml": "glance_api_policy says what is in it",
    "policy.d": "glance_api_policy says what Glance would read there",
    "ca.pem": "glance_tls_ca says what is in it",
    "healthcheck_disable": "restarts make it and take it away",
    "import-checks": "glance_import_checks says what is in it",
    "tmp": "the check of a configuration has a folder of that name",
    "etc-ceph": "the check of a configuration has a folder of that name",
    **dict.fromkeys(
        (
            "ask_keystone.py",
            "check_ceph.py",
            "check_stores.py",
            "checks.json",
            "clamd.conf",
            "database_change.py",
            "glance-api.service",
            "glance-cache.service",
            "glance-cache.timer",
            "glance-clamd.service",
            "glance-freshclam.service",
            "glance-freshclam.timer",
            "freshclam.conf",
            "glance-import-checks.service",
            "glance-import-checks.socket",
            "glance-import-checks@.service",
            "glance-proxy.service",
            "glance-purge-check.service",
            "glance-purge.service",
            "glance-purge.timer",
            "glance-registry.service",
            "glance-scan-proxy.service",
            "glance-scan.service",
            "glance-scan.timer",
            "glance-scrubber-check.service",
            "glance-scrubber.service",
            "glance-scrubber.timer",
            "glance-staging.service",
            "glance-staging.timer",
            "glance_guards.py",
            "haproxy.cfg",
            "image_audit.py",
            "import_checks.py",
            "import_failures.py",
            "import_plugins.py",
            "import_sources.py",
            "load_application.py",
            "load_registry.py",
            "check_options.py",
            "pending_images.py",
            "purge_records.py",
            "run_import_check.py",
            "scan_image.py",
            "stored_objects.py",
            "tend_cache.py",
            "tls.pem",
            "trial.ini",
            "upgrade_check.py",
            "wait_for_server.lua",
        ),
        "the check of a configuration has a file of that name: choose another",
    ),
}
# What Glance's programs read without being told to (oslo.config, find_config_files; glance/common/wsgi_app.py).
_OPTIONS = re.compile(r"(glance|glance-(image-import|manage|control|replicator|cache-\w+)).conf|.*\.conf\.d")


# A file system takes 255, and a new file is written beside the old one with some more in its name.
_LONGEST = 200


def _path(path: str) -> Iterator[str]:
    """Give what is wrong with the *path* of a file on a host, as C(should be X, found Y)."""
    if not re.fullmatch(r"/[A-Za-z0-9_.@+=,:/-]+", path) or os.path.normpath(path) != path:
        yield (
            f"should be a plain absolute path, of letters, digits and _.@+=,:- and without . and .. as a part or / at "
            f"its end, found {json.dumps(path)}"
        )
        return
    base, first = next(
        ((base, path[len(base) + 1 :]) for base in (GLANCE, CEPH) if path.startswith(f"{base}/")), ("", "")
    )
    first = first.partition("/")[0]
    if not base:
        yield f"should be below {GLANCE} or {CEPH}, found {path}"
    elif re.search(r"/\.", path):
        yield f"should have no part that begins with a dot, found {path}: the collection keeps its own under such names"
    elif base == GLANCE and first in OWNED:
        yield f"should be no file of the collection, found {path}: {OWNED[first]}"
    elif base == GLANCE and _OPTIONS.fullmatch(first):
        yield (
            f"should be no file that Glance reads options from, found {path}: give them in glance_config, "
            "glance_api_config, glance_registry_config or glance_scrubber_config, where they are checked"
        )
    elif path.startswith(f"{METADEFS}/") and not path.endswith(".json"):
        yield f"should end with .json below {METADEFS}, found {path}: Glance loads no other"
    elif any(len(part) > _LONGEST for part in path.split("/")):
        longest = max(path.split("/"), key=len)
        yield f"should have parts of {_LONGEST} characters at most, found one of {len(longest)}: shorten it"


def _mode(entry: Mapping[str, Any], of: str, secret: bool) -> Iterator[str]:
    mode = entry.get("mode", MODE)
    if not isinstance(mode, str) or not re.fullmatch(r"0?[0-7]{3}", mode):
        # An unquoted 0640 is the number 416.
        found = json.dumps(mode) if isinstance(mode, str) else kind_of(mode)
        yield f'mode {of} should be three or four octal digits in quotes, such as "{MODE}", found {found}'
        return
    bits = int(mode, 8)
    if not bits & 0o040:
        yield f"mode {of} should let the group read, which is Glance's, found {mode}: use {MODE}"
    if bits & 0o022:
        yield f"mode {of} should let nobody but root write, found {mode}: use {MODE}"
    if bits & 0o111:
        yield f"mode {of} should let nobody execute the file, found {mode}: use {MODE}"
    if secret and bits & 0o004:
        yield f"mode {of} should keep a secret from others, found {mode}: use {MODE}, or say secret: false"


def _readers(entry: Mapping[str, Any], of: str) -> Iterator[str]:
    readers, path = services(entry), entry["path"]
    names = f"{', '.join(SERVICES[:-1])} and {SERVICES[-1]}"
    if not isinstance(readers, (list, tuple)):
        yield f"services {of} should be a list of {names}, found {kind_of(readers)}"
    elif not readers:
        yield f"services {of} should name a service that reads the file, found none: take the entry away"
    elif unknown := [each for each in readers if each not in SERVICES]:
        yield f"services {of} should be of {names}, found {', '.join(map(str, unknown))}"
    elif path.startswith(f"{METADEFS}/") and not {"api", "registry"} & set(readers):
        yield f"services {of} should have api or registry, which load metadata definitions, found {', '.join(readers)}"


def _text(entry: Mapping[str, Any], of: str, read: Callable[[str], str] | None) -> tuple[str | None, list[str]]:
    """Return the text of the file of *entry*, None if there is none or nobody reads it, and what is wrong with it."""
    given = [key for key in ("content", "src") if key in entry]
    if len(given) != 1:
        return None, [f"the entry {of} should have either content or src, found {'both' if given else 'neither'}"]
    (key,) = given
    found = kind_of(entry[key])
    if found != "a text":
        return None, [f"{key} {of} should be a text, found {found}: put it in quotes or in a block after |"]
    if key == "src" and read is None:
        return None, []
    try:
        text = read(str(entry["src"])) if key == "src" and read else str(entry["content"])
        text.encode()
    except UnicodeEncodeError:
        return None, [f"{key} {of} should be a text that UTF-8 can hold, found other characters"]
    except ValueError as error:
        return None, [f"src {of} should be a file of text, found {error}"]
    if "\0" in text:
        return None, [f"{key} {of} should be a text, found a NUL in it: only files of text can be put on hosts"]
    return text, []


def _definitions(path: str, of: str, text: str) -> tuple[str | None, list[str]]:
    """Return the namespace that a file of JSON defines, and what is wrong with it; other files define none."""
    defines = path.startswith(f"{METADEFS}/")
    if not defines and path != f"{GLANCE}/schema-image.json":
        return None, []
    try:
        content = json.loads(text)
    # One of brackets in brackets without end, too.
    except (ValueError, RecursionError) as error:
        place = f" in line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else ""
        return None, [f"the text {of} should be JSON, found an error{place}"]
    if not isinstance(content, Mapping):
        return None, [f"the text {of} should be an object of JSON, found {kind_of(content)}"]
    namespace = content.get("namespace")
    if not defines or (isinstance(namespace, str) and namespace):
        return namespace if defines else None, []
    return None, [f"the text {of} should have a namespace, which Glance loads definitions by, found none"]


def _entry(entry: Mapping[str, Any], read: Callable[[str], str] | None) -> tuple[str | None, list[str]]:
    """Return the namespace that the file of *entry* defines, if any, and what is wrong with the entry but its path."""
    path = entry["path"]
    of = f"of {path} in glance_files"
    wrong = [
        f"the keys {of} should be of {', '.join(KEYS)}, found {key}" for key in sorted(map(str, set(entry) - set(KEYS)))
    ]
    secret = False
    try:
        secret = is_secret(entry)
    except TypeError:
        wrong.append(f"secret {of} should be true or false, found {kind_of(entry['secret'])}")
    text, of_text = _text(entry, of, read)
    namespace, of_definitions = (None, []) if text is None else _definitions(path, of, text)
    return namespace, [*wrong, *of_text, *_mode(entry, of, secret), *_readers(entry, of), *of_definitions]


def _together(paths: list[str], namespaces: list[str]) -> Iterator[str]:
    """Give what is wrong with entries that are right one by one."""
    for path in sorted({path for path in paths if paths.count(path) > 1}):
        yield f"glance_files should have each path once, found {path} {paths.count(path)} times"
    for path in sorted({path for path in paths if any(other.startswith(f"{path}/") for other in paths)}):
        yield f"glance_files should have no file below another, found {path} as a file and as a folder"
    for name in sorted({name for name in namespaces if namespaces.count(name) > 1}):
        yield f"glance_files should define each namespace of metadata definitions once, found {name} in several files"


def faults(given: Mapping[str, Any], read: Callable[[str], str] | None = None) -> dict[str, list[str]]:
    """Return what is wrong with C(glance_files) of *given*, by that name; *read* gives the text of a C(src).

    *read* raises ValueError with what was found in place of a text; without it no C(src) is looked at. No sentence
    holds any of a text.
    """
    entries = given.get("glance_files", [])
    if not isinstance(entries, (list, tuple)):
        return {}  # its type is told by who calls
    sentences, paths, namespaces = [], [], []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("path"), str):
            found = kind_of(entry.get("path")) if isinstance(entry, Mapping) else kind_of(entry)
            sentences.append(f"entry {number} of glance_files should have a path that is a text, found {found}")
            continue
        path = entry["path"]
        if wrong := [f"the path of entry {number} of glance_files {each}" for each in _path(path)]:
            sentences += wrong
            continue
        namespace, wrong = _entry(entry, read)
        sentences += wrong
        paths.append(path)
        namespaces += [namespace] if namespace else []
    sentences += _together(paths, namespaces)
    return {"glance_files": sentences} if sentences else {}
