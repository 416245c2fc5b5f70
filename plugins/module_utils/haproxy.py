# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HAProxy tells of its servers on its statistics socket, and which it is configured with."""

from __future__ import annotations

import csv
import pathlib
import socket

SOCKET = "/run/haproxy/admin.sock"
_ASK_SECONDS = 5
# Rows of "show stat" that are not about a server.
_SUMS = ("FRONTEND", "BACKEND")
# Words that begin a section which may follow a backend.
_SECTIONS = (
    *("backend", "frontend", "listen", "defaults", "global", "userlist", "peers", "mailers", "resolvers", "cache"),
    *("program", "ring", "http-errors", "fcgi-app", "log-forward", "crt-store"),
)


class HAProxyError(Exception):
    """HAProxy does not answer; the text is a sentence."""


class NotRunningError(HAProxyError):
    """There is no HAProxy behind the socket."""


def ask(path: str, command: str) -> str:
    """Return what HAProxy answers to *command* on the socket *path*; raises HAProxyError."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ASK_SECONDS)
            connection.connect(path)
            connection.sendall(f"{command}\n".encode())
            answer = b""
            while block := connection.recv(65536):
                answer += block
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise NotRunningError(f"no HAProxy answers at {path} ({error.strerror})") from error
    except OSError as error:
        raise HAProxyError(f"HAProxy does not answer '{command}' at {path}: {error}") from error
    return answer.decode()


def servers(statistics: str) -> dict[str, dict[str, str]]:
    """Return the status of each server by backend, from the CSV of ``show stat``."""
    found: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(statistics.removeprefix("# ").splitlines()):
        if row["svname"] not in _SUMS:
            found.setdefault(row["svname"], {})[row["pxname"]] = row["status"]
    return found


def takes_requests(status: str) -> bool:
    """Whether a server of that *status* gets new requests; "UP 1/2" is on its way down and still does."""
    return status.startswith(("UP", "no check"))


def arrived(status: dict[str, str], state: str) -> bool:
    """Whether a server with that *status* by backend is ``up`` or ``down``; one that is in no backend is either."""
    return all(takes_requests(each) is (state == "up") for each in status.values())


def configured_servers(path: str) -> dict[str, list[str]]:
    """Return (name, address and port) of the servers in each backend of a configuration, none if it is not there."""
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    found: dict[str, list[str]] = {}
    servers: list[str] = []
    for words in map(str.split, text.splitlines()):
        if words[:1] and words[0] in _SECTIONS:
            servers = found.setdefault(words[1], []) if words[0] == "backend" and len(words) > 1 else []
        elif words[:1] == ["server"] and len(words) > 2:
            servers.append(f"{words[1]} {words[2]}")
    return found
