"""HAProxy on its hosts: what its own socket tells."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def ask_haproxy() -> Callable[..., str]:
    """Tell HAProxy on a host something on its own socket: ``ask_haproxy(host, command, socket)`` gives its answer."""
    program = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[2]); "
        "s.sendall(sys.argv[1].encode() + b'\\n'); print(s.makefile().read())"
    )

    def ask(host: Any, command: str, path: str = "/run/haproxy/admin.sock") -> str:
        return host.check_output("python3 -c %s %s %s", program, command, path).strip()

    return ask


@pytest.fixture(scope="session")
def server_statuses(ask_haproxy: Callable[..., str]) -> Callable[[Any], dict[str, dict[str, str]]]:
    """Ask a host with HAProxy for the status of each server, by backend and name."""

    def statuses(host: Any) -> dict[str, dict[str, str]]:
        shown = ask_haproxy(host, "show stat").removeprefix("# ").splitlines()
        found: dict[str, dict[str, str]] = {}
        for row in csv.DictReader(shown):
            if row["svname"] not in ("FRONTEND", "BACKEND"):
                found.setdefault(row["pxname"], {})[row["svname"]] = row["status"]
        return found

    return statuses
