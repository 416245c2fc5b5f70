"""Measure uploads and downloads through the API against the same by each store's own library: make benchmark-stores.

Runs on a host of the scenario stores, after `molecule converge --scenario-name stores`, as root, with the libraries of
Glance's virtual environment. Both ways move the same file between the same disk and the same storage, in turn, and the
ratio is that of their medians.
"""

from __future__ import annotations

import argparse
import configparser
import http.client
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MIB = 1 << 20
CHUNK = 8 * MIB
NAME = "benchmark-stores"
STORES = ("file", "ceph", "s3", "swift")


class Native:
    """Puts a file into each storage and gets it again, as `cp` and each storage's own library do."""

    def __init__(self, options: Mapping[str, Mapping[str, str]]) -> None:
        self.options = options

    def file(self, source: str | None, target: str | None) -> None:
        """Copy to the directory of a store, or from it."""
        there = os.path.join(self.options["file"]["filesystem_store_datadir"], NAME)
        shutil.copyfile(source or there, target or there)
        if target:
            os.unlink(there)

    def ceph(self, source: str | None, target: str | None) -> None:
        """Write an image of a pool, or read it."""
        import rados
        import rbd

        options = self.options["ceph"]
        client = rados.Rados(conffile=options["rbd_store_ceph_conf"], rados_id=options["rbd_store_user"])
        with client, client.open_ioctx(options.get("rbd_store_pool", "images")) as pool:
            if source:
                rbd.RBD().create(pool, NAME, os.path.getsize(source), old_format=False)
            with rbd.Image(pool, NAME) as image:
                if source:
                    with open(source, "rb") as handle:
                        while block := handle.read(CHUNK):
                            image.write(block, handle.tell() - len(block))
                    return
                with open(str(target), "wb") as handle:
                    while handle.tell() < image.size():
                        handle.write(image.read(handle.tell(), min(CHUNK, image.size() - handle.tell())))
            rbd.RBD().remove(pool, NAME)

    def s3(self, source: str | None, target: str | None) -> None:
        """Upload an object in parts, or download it."""
        import boto3

        options = self.options["s3"]
        client = boto3.client(
            "s3",
            endpoint_url=options["s3_store_host"],
            aws_access_key_id=options["s3_store_access_key"],
            aws_secret_access_key=options["s3_store_secret_key"],
            verify=options.get("s3_store_cacert") or "/etc/glance/ca.pem",
        )
        if source:
            client.upload_file(source, options["s3_store_bucket"], NAME)
        else:
            client.download_file(options["s3_store_bucket"], NAME, target)
            client.delete_object(Bucket=options["s3_store_bucket"], Key=NAME)

    def swift(self, source: str | None, target: str | None) -> None:
        """Upload an object, or download it."""
        import swiftclient

        options = self.options["swift"]
        account = configparser.ConfigParser()
        account.read(options["swift_store_config_file"])
        found = {key: value.strip('"') for key, value in account[options["default_swift_reference"]].items()}
        project, user = found["user"].split(":")
        domains = {"project_name": project, "user_domain_id": "default", "project_domain_id": "default"}
        connection = swiftclient.Connection(
            found["auth_address"], user, found["key"], auth_version="3", os_options=domains
        )
        container = options.get("swift_store_container", "glance")
        if source:
            with open(source, "rb") as handle:
                connection.put_object(container, NAME, handle, content_length=os.path.getsize(source), chunk_size=MIB)
            return
        with open(str(target), "wb") as handle:
            for block in connection.get_object(container, NAME, resp_chunk_size=MIB)[1]:
                handle.write(block)
        connection.delete_object(container, NAME)


class Api:
    """Puts a file into a store through the API of this host, and gets it again."""

    def __init__(self, url: str, token: str, store: str) -> None:
        self.server, self.store, self.image = urllib.parse.urlsplit(url).netloc, store, ""
        self.headers = {"X-Auth-Token": token}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
        """Send a request; raises RuntimeError if it is refused."""
        connection = http.client.HTTPConnection(self.server, timeout=600, blocksize=MIB)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {**self.headers, **names})
        answer = connection.getresponse()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.read(200)!r}")
        return answer

    def __call__(self, source: str | None, target: str | None) -> None:
        """Upload *source*, or download to *target* and delete the image."""
        if source:
            record = json.dumps({"name": NAME, "disk_format": "raw", "container_format": "bare"})
            self.image = json.load(self.ask("POST", "/v2/images", record, Content_Type="application/json"))["id"]
            headers = {"Content_Type": "application/octet-stream", "Content_Length": str(os.path.getsize(source))}
            with open(source, "rb") as handle:
                self.ask("PUT", f"/v2/images/{self.image}/file", handle, X_Image_Meta_Store=self.store, **headers)
            return
        with open(str(target), "wb") as handle:
            shutil.copyfileobj(self.ask("GET", f"/v2/images/{self.image}/file"), handle, MIB)
        self.ask("DELETE", f"/v2/images/{self.image}")


def timed(move: Callable[[str | None, str | None], None], source: str, target: str) -> Iterator[float]:
    """Give the seconds of an upload, then those of a download that gives the same bytes."""
    for ends in ((source, None), (None, target)):
        began = time.monotonic()
        move(*ends)
        os.sync()
        yield time.monotonic() - began
    if subprocess.run(["cmp", "--silent", source, target], check=False).returncode:
        raise RuntimeError("what came back should be what was sent")
    os.unlink(target)


def log_in(url: str, password: str) -> str:
    """Return a token of the user u1."""
    from keystoneauth1 import session
    from keystoneauth1.identity import V3Password

    domains = {"user_domain_id": "default", "project_domain_id": "default"}
    return session.Session(V3Password(url, username="u1", password=password, project_name="p1", **domains)).get_token()


def on_host(password: str, mebibytes: int, rounds: int) -> None:
    """Measure all stores, and print the seconds of each round as JSON."""
    # Ceph's S3 does not know the checksums that boto3 sends otherwise.
    os.environ["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_required"
    config = configparser.RawConfigParser(strict=False, interpolation=None)
    config.read("/etc/glance/glance-api.conf")
    token = log_in(f"{config['keystone_authtoken']['auth_url'].rstrip('/')}/v3", password)
    native = Native({store: dict(config[store]) for store in STORES})
    found: dict[str, dict[str, list[list[float]]]] = {}
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        source, target = os.path.join(folder, "sent"), os.path.join(folder, "received")
        with open(source, "wb") as handle:
            # Glance takes what ends like a boot sector for a disk with partitions.
            handle.write(bytes(MIB))
            for _number in range(mebibytes - 1):
                handle.write(os.urandom(MIB))
        for store in STORES:
            ways = {
                "api": Api(config["DEFAULT"]["worker_self_reference_url"], token, store),
                "native": getattr(native, store),
            }
            found[store] = {way: [] for way in ways}
            for _round in range(rounds):
                for way, move in ways.items():
                    found[store][way].append(list(timed(move, source, target)))
    print(json.dumps(found))


def report(found: Mapping[str, Mapping[str, list[list[float]]]], mebibytes: int) -> None:
    """Print the table of docs/performance.md."""
    print("| store | upload s | to its own library | download s | to its own library |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for store, ways in found.items():
        api, native = (
            [statistics.median(each[end] for each in ways[way]) for end in (0, 1)] for way in ("api", "native")
        )
        cells = [f"{api[end]:.1f} | {api[end] / native[end]:.2f}" for end in (0, 1)]
        print(f"| `{store}` | {' | '.join(cells)} |")
    print(f"{mebibytes} MiB, medians")


def main() -> None:
    """Run the program on the host with itself as its input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ssh-config", default=".lab/stores/ssh_config")
    parser.add_argument("--host", default="api1")
    parser.add_argument("--password-file", default=".lab/stores/users_password")
    parser.add_argument("--mebibytes", type=int, default=1024, help="size of the file")
    parser.add_argument("--rounds", type=int, default=3, help="of each way")
    given = parser.parse_args()
    program = pathlib.Path(__file__).read_text(encoding="utf-8")
    password = pathlib.Path(given.password_file).read_text(encoding="utf-8").strip()
    # The shell reads the first line, Python all others.
    python = f"/opt/glance/current/bin/python - {given.mebibytes} {given.rounds}"
    done = subprocess.run(
        ["ssh", "-F", given.ssh_config, given.host, f"read -r PASSWORD; export PASSWORD; exec {python}"],
        input=f"{password}\n{program}",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    report(json.loads(done.stdout), given.mebibytes)


if __name__ == "__main__":
    if "PASSWORD" in os.environ and len(sys.argv) == 3:
        on_host(os.environ["PASSWORD"], int(sys.argv[1]), int(sys.argv[2]))
    else:
        main()
