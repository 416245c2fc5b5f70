"""A web server on a host of the lab."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from testing.waiting import wait_until


@contextlib.contextmanager
def served(host: Any, folder: str) -> Iterator[str]:
    """Serve a folder at the HTTP port of a host; gives the URL. Imports may ask no other ports than 80 and 443."""
    address = host.ansible.get_variables()["ansible_host"]
    serve = f"python3 -m http.server --directory {folder} --bind {address} 80"
    host.check_output(f"systemd-run --quiet --unit=lab-web {serve}")
    try:
        wait_until(lambda: host.socket(f"tcp://{address}:80").is_listening)
        yield f"http://{address}"
    finally:
        host.check_output("systemctl stop lab-web")
