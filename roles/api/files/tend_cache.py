"""Have Glance clean this host's image cache and prune it to its size.

Runs on a host with Glance's own libraries, as the service user, with a configuration that has the cache. Where the
release's API can do it, the API is asked at --server; else Glance's tools do. The verbs:

probe    Look whether that can be done; changes nothing.
tend     Do it, and see that the cache is as small as it should be.

Ends with 0, or with 1 and a last line on stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

CONFIG_FILE = "/etc/glance/glance-cache.conf"
KEYSTONE = "keystone_authtoken"
IMAGE_FILE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Seconds after its last byte in which Glance has written the record of a file (centralized_db.py, commit).
SETTLED = 60
# What HAProxy would say of an administrator; Glance believes whoever reaches its socket.
TRUSTED = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "glance",
    "X-Project-Id": "glance",
    "X-Roles": "admin",
}
# Seconds that a call may take: the longest is to remove as many files as are too many.
PATIENCE = 3000
# Seconds for which a run waits for a Keystone that is being restarted, and between two tries. The next run is far away.
KEYSTONE_PATIENCE = 600
KEYSTONE_PAUSE = 10


class RefusalError(Exception):
    """What was asked for can't be done; the text is one sentence for the operator."""


def say(text: str) -> None:
    """Print a line for the journal."""
    print(f"tend_cache: {text}", file=sys.stderr, flush=True)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the socket that only Glance and the HAProxy before it can open."""

    def connect(self) -> None:
        """Open the socket whose path is the host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.host)


def token_headers(conf: Any, patience: float) -> dict[str, str]:
    """Return what tells the API that Glance's own user asks.

    Waits up to *patience* seconds for a Keystone that can't be reached; raises RefusalError if it gives no token.
    """
    from keystoneauth1 import exceptions, loading

    # A Keystone that refuses connections fails the discovery of its versions.
    away = (exceptions.ConnectFailure, exceptions.DiscoveryFailure, exceptions.HttpServerError)
    until = time.monotonic() + patience
    loading.register_auth_conf_options(conf, KEYSTONE)
    loading.register_session_conf_options(conf, KEYSTONE)
    while True:
        try:
            auth = loading.load_auth_from_conf_options(conf, KEYSTONE)
            session = loading.load_session_from_conf_options(conf, KEYSTONE, auth=auth, timeout=60)
            return {"X-Auth-Token": session.get_token()}
        except Exception as error:
            if not isinstance(error, away) or time.monotonic() >= until:
                raise RefusalError(f"Keystone should give Glance's user a token, found: {error}") from error
        time.sleep(KEYSTONE_PAUSE)


class Api:
    """A Glance that tends the cache itself."""

    def __init__(self, server: str, auth: str, conf: Any, patience: float = 0) -> None:
        """Log in, if there is something to log in to, which may take *patience* seconds."""
        self.server = server
        self.headers = {"none": {}, "basic": TRUSTED}[auth] if auth != "keystone" else token_headers(conf, patience)

    def ask(self, method: str, path: str) -> Any:
        """Return what the API answers, if that is JSON; raises RefusalError unless it did what it was asked to."""
        kind = UnixConnection if self.server.startswith("/") else http.client.HTTPConnection
        try:
            with contextlib.closing(kind(self.server, timeout=PATIENCE)) as connection:
                # The path of a socket is no name of a host.
                connection.request(method, path, headers={"Host": "localhost", **self.headers})
                answer = connection.getresponse()
                text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise RefusalError(f"Glance should answer at {self.server}, found: {error}") from error
        if answer.status != http.client.OK:
            why = ": its user needs the role admin" if answer.status == http.client.FORBIDDEN else ""
            found = f"{answer.status} {answer.reason}{why}"
            raise RefusalError(f"Glance should answer 200 to {method} {path}, found {found}")
        return json.loads(text) if text.startswith(b"{") else None

    def known(self) -> set[str]:
        """Return the ids of the images that Glance knows to be in the cache of this host."""
        return {image["image_id"] for image in self.ask("GET", "/v2/cache")["cached_images"]}

    def tend(self) -> None:
        """Have the cache cleaned and pruned."""
        self.ask("POST", "/v2/cache/clean")
        self.ask("POST", "/v2/cache/prune")


class Tools:
    """The programs of releases whose API can't."""

    def __init__(self, config_file: str) -> None:
        """Find the programs beside the interpreter, or where Debian's package has them."""
        self.config_file = config_file
        self.folder = os.path.dirname(sys.executable)

    def known(self) -> set[str]:
        """Return the ids of the images that Glance knows to be in the cache of this host."""
        from glance import image_cache

        return {image["image_id"] for image in image_cache.ImageCache().get_cached_images()}

    def tend(self) -> None:
        """Have the cache cleaned and pruned."""
        for name in ("glance-cache-cleaner", "glance-cache-pruner"):
            command = [os.path.join(self.folder, name), f"--config-file={self.config_file}"]
            done = subprocess.run(command, capture_output=True, check=False, text=True)
            if done.returncode != 0:
                print(done.stdout + done.stderr, file=sys.stderr)
                raise RefusalError(f"{name} should end with 0, found {done.returncode}: its words are above")


def files(directory: str, before: float) -> Iterator[os.DirEntry[str]]:
    """Give the images in the cache that nobody has written to since *before*."""
    with os.scandir(directory) as found:
        for entry in found:
            # What goes meanwhile is not there.
            with contextlib.suppress(FileNotFoundError):
                if IMAGE_FILE.fullmatch(entry.name) and entry.is_file() and entry.stat().st_mtime < before:
                    yield entry


def size_of(directory: str, before: float) -> int:
    """Return the bytes that those take."""
    total = 0
    for entry in files(directory, before):
        with contextlib.suppress(FileNotFoundError):
            total += os.stat(entry.path).st_size
    return total


def remove_unknown(directory: str, before: float, glance: Api | Tools) -> int:
    """Remove files without a record, and return how many.

    They are left by a restored database, or by another URL of this host, under which its records are. Glance would look
    for the oldest record again and again until the cache is small enough (ImageCache.prune: no record is (None, 0)).
    """
    settled = {entry.name: entry.path for entry in files(directory, before)}
    unknown = sorted(set(settled) - glance.known())
    for name in unknown:
        with contextlib.suppress(FileNotFoundError):
            os.remove(settled[name])
    return len(unknown)


def tend(conf: Any, glance: Api | Tools) -> None:
    """Have the cache cleaned and pruned, and see that it is as small as it should be."""
    directory, before = conf.image_cache_dir, time.time() - SETTLED
    size = size_of(directory, before)
    unknown = remove_unknown(directory, before, glance)
    if unknown:
        say(f"removed {unknown} file{'' if unknown == 1 else 's'} that Glance had no record of")
    glance.tend()
    left = size_of(directory, before)
    if left < size:
        say(f"removed {size - left} bytes, {left} are left")
    if left > conf.image_cache_max_size:
        limit = conf.image_cache_max_size
        raise RefusalError(f"the cache in {directory} should take {limit} bytes at most, found {left}")


def probe(conf: Any, glance: Api | Tools) -> None:
    """Do once all that a run needs before it changes anything."""
    size_of(conf.image_cache_dir, time.time())
    glance.known()


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description="Have Glance clean this host's image cache and prune it to its size.")
    parser.add_argument("--config-file", default=CONFIG_FILE, help="a configuration with the cache")
    parser.add_argument("--server", default="", help="socket or address of an API that can do it; none: the tools do")
    parser.add_argument("--auth", choices=["none", "basic", "keystone"], default="none", help="how to log in there")
    parser.add_argument("verb", choices=["probe", "tend"])
    return parser.parse_args(arguments)


def main() -> int:
    """Run a verb; returns the exit code."""
    options = parse(sys.argv[1:])
    try:
        # It registers the options of the cache.
        from glance import image_cache  # noqa: F401
        from oslo_config import cfg

        conf = cfg.CONF
        conf([f"--config-file={options.config_file}"], project="glance", default_config_dirs=[])
        # An operator waits for the trial of a configuration.
        patience = KEYSTONE_PATIENCE if options.verb == "tend" else 0
        glance = Api(options.server, options.auth, conf, patience) if options.server else Tools(options.config_file)
        {"probe": probe, "tend": tend}[options.verb](conf, glance)
    except RefusalError as error:
        say(str(error))
    except Exception as error:
        say(f"{type(error).__name__}: {error}".replace("\n", " "))
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
