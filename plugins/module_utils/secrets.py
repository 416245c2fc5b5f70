# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be shown: secrets in configuration files, in URLs and in what programs print."""

from __future__ import annotations

import re

MASK = "********"

# Names of options whose value is a secret. Held against every option that Glance and its libraries mark as secret
# by a test on a deployed host.
_SECRET_OPTION = re.compile(
    r"(passw(or)?d|secret|credential|hmac_keys|encryption_key|access_key|transport_url"
    r"|connection(_string)?$|(^|_)token(_id)?$|(^|_)auth_key$|role_id$|backend_argument|swift_store_(key|user)$|^key$)",
    re.IGNORECASE,
)
_ASSIGNMENT = re.compile(r"^(?P<lead>[\s#;]*(?P<option>[\w.-]+)\s*[=:]\s*)(?P<value>.*)$")
# A user of HAProxy with the hash of a password.
_HAPROXY_USER = re.compile(r"^(?P<lead>\s*user (?P<option>\S+) password )(?P<value>\S+)$")
# Where the lines of a private key, in the form PEM, begin and end.
_KEY_BEGINS, _KEY_ENDS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"-----END [A-Z ]*PRIVATE KEY-----"),
)
# Up to the last @: a transport_url names several hosts with a password each, and a password may hold / and @.
_USERINFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)\S*@", re.IGNORECASE)
# A URL that holds no secret.
_ADDRESS = re.compile(r"\bhttps?://[\w.\[\]:/-]+(?=[\s\"']|\Z)")
# As in password=x, password="x y" and {'password': 'x'}.
_INLINE = re.compile(
    r"(?P<name>\b\w*(?:passw(?:or)?d|secret|token)\w*(?:\s*=\s*|[\"']\s*:\s*))(?:\"[^\"]*\"|'[^']*'|\S+)", re.IGNORECASE
)


def is_secret_option(name: str) -> bool:
    """Whether the value of the option *name* must not be shown."""
    return _SECRET_OPTION.search(name) is not None


def mask_text(text: str) -> str:
    """Return *text* (a message, a log) without the user information of URLs and without ``password=...`` values."""
    return _INLINE.sub(rf"\g<name>{MASK}", _USERINFO.sub(rf"\g<scheme>{MASK}@", text))


def _walk(text: str) -> list[tuple[str, str, str]]:
    """Split a file into lines of (key, visible part, secret part); the key is ``section/option``, "" elsewhere."""
    section, secret_key, in_key = "", "", False
    lines = []
    # Not splitlines(): what else it takes for the end of a line may be in the middle of a secret.
    for line in text.removesuffix("\n").split("\n") if text else []:
        stripped = line.strip()
        in_key = in_key and not _KEY_ENDS.search(line)
        if in_key:
            lines.append(("private key", "", line))
            continue
        in_key = _KEY_BEGINS.search(line) is not None
        user = _HAPROXY_USER.match(line)
        match = user or _ASSIGNMENT.match(line)
        if secret_key and line[:1].isspace() and stripped:
            lines.append((secret_key, line[: len(line) - len(line.lstrip())], stripped))
            continue
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1]
        secret_key = ""
        if not match or not (user or is_secret_option(match["option"])):
            lines.append(("", mask_text(line), ""))
        elif stripped.startswith(("#", ";")):
            lines.append(("", f"{match['lead']}{MASK}" if match["value"] else line, ""))
        else:
            key = f"{section}/{match['option']}"
            lines.append((key, match["lead"], match["value"]))
            # All lines of a section of HAProxy are indented; none goes on with the one before.
            secret_key = "" if user else key
    return lines


def mask_pair(before: str, after: str) -> tuple[str, str]:
    """Mask the secrets of two versions of a configuration file; a secret that changed still shows as a change."""

    def secrets_of(lines: list[tuple[str, str, str]]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key, _visible, secret in lines:
            if key:
                found.setdefault(key, []).append(secret)
        return found

    old_lines, new_lines = _walk(before), _walk(after)
    old, new = secrets_of(old_lines), secrets_of(new_lines)

    def render(lines: list[tuple[str, str, str]], changed_note: str) -> str:
        shown = []
        for key, visible, secret in lines:
            note = changed_note if key in old and key in new and old[key] != new[key] else ""
            shown.append(f"{visible}{MASK}{note}" if secret else visible)
        return "".join(f"{line}\n" for line in shown)

    return render(old_lines, ""), render(new_lines, " (changed)")


def mask_whole(before: str, after: str) -> tuple[str, str]:
    """Hide two versions of a text that is a secret as a whole; that it changed still shows."""
    note = " (changed)" if before and after and before != after else ""
    return f"{MASK}\n" if before else "", f"{MASK}{note}\n" if after else ""


def mask_words(text: str, secret: str) -> str:
    """Return *text*, such as what a program says of a file, without the longer words of the *secret* text.

    Addresses of servers stay, if they name no user.
    """
    words = re.findall(r"[^\s\"'=:,;]{6,}", _ADDRESS.sub("", secret))
    for word in sorted(set(words), key=len, reverse=True):
        text = text.replace(word, MASK)
    return text
