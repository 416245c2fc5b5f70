# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host can take a service, and what it lacks."""

from __future__ import annotations

import glob
import grp
import ipaddress
import os
import pathlib
import pwd
import re
import socket
from collections.abc import Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import foreign_files, haproxy, mounts
from ansible_collections.glanceops.image_service.plugins.module_utils.releases import installed_release
from ansible_collections.glanceops.image_service.plugins.module_utils.sockets import collide

OPTIONS: dict[str, Any] = {
    "service": {"type": "str", "required": True},
    "units": {"type": "list", "elements": "str", "default": []},
    "listen": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "variable": {"type": "str", "required": True},
        },
    },
    "packages": {"type": "list", "elements": "str", "default": []},
    "user": {"type": "str", "default": "glance"},
    "user_id": {"type": "int", "default": 0},
    "home": {"type": "path", "default": "/var/lib/glance"},
    "haproxy_config": {"type": "path"},
    "release": {"type": "str", "default": ""},
    "newer_releases": {"type": "list", "elements": "str", "default": []},
    "read_beside": {"type": "list", "elements": "str"},
    "named_files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"option": {"type": "str", "required": True}, "path": {"type": "str", "required": True}},
    },
    "link": {"type": "path", "default": "/opt/glance/current"},
    "record_directory": {"type": "path", "default": "/etc/glance/.sets"},
    **mounts.OPTIONS,
}
"""Options of M(glanceops.image_service.host_check)."""

_LISTENING = "0A"
_NO_SHELL = "/usr/sbin/nologin"


class HostError(Exception):
    """The host can't take the service; the text holds every reason."""


def decode_address(text: str) -> str:
    """Return the address that C(/proc/net/tcp*) writes as little-endian 32-bit words in hexadecimal."""
    raw = bytes.fromhex(text)
    words = [raw[start : start + 4][::-1] for start in range(0, len(raw), 4)]
    return str(ipaddress.ip_address(b"".join(words)))


def listeners(table: str, port: int) -> list[tuple[str, str]]:
    """Return (address, inode) of the listening sockets on *port* in the text of C(/proc/net/tcp) or C(tcp6)."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        address, hex_port = fields[1].split(":")
        if fields[3] == _LISTENING and int(hex_port, 16) == port:
            found.append((decode_address(address), fields[9]))
    return found


def holder(inode: str) -> tuple[str, str]:
    """Return (program and process number, cgroups) of the process that holds the socket *inode*."""
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(link) != f"socket:[{inode}]":
                continue
            process = link.split("/")[2]
            with open(f"/proc/{process}/comm", encoding="utf-8") as handle:
                program = handle.read().strip()
            with open(f"/proc/{process}/cgroup", encoding="utf-8") as handle:
                return f"{program} (process {process})", handle.read()
        except OSError:
            continue  # the process, or the file of it, is gone by now
    return "another program", ""


def missing_files(named: list[dict[str, str]], home: str, unseen: list[str]) -> list[str]:
    """Return a sentence for each file that is not there; a relative path is looked for as oslo.config does.

    Those below the paths that are *unseen*, mounts that are not there or don't answer, are not looked for.
    """
    folders = ("/etc/glance", "/etc", f"{home}/.glance", home)
    return [
        f"{each['option']} should name a file of this host, found no {each['path']}: have it made by glance_files"
        for each in named
        if not any(mounts.below(path, [each["path"]]) for path in unseen)
        and not any(os.path.isfile(os.path.join(folder, each["path"])) for folder in folders)
    ]


def port_problems(service: str, units: list[str], listen: dict[str, Any]) -> list[str]:
    """Return a sentence for each socket of none of *units* that holds the wanted address and port."""
    wanted = socket.getaddrinfo(listen["address"], None, type=socket.SOCK_STREAM)[0][4][0]
    problems = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        with open(table, encoding="ascii") as handle:
            sockets = listeners(handle.read(), listen["port"])
        for address, inode in sockets:
            if not collide(wanted, address):
                continue
            program, cgroups = holder(inode)
            if not any(f"/{unit}" in cgroups for unit in units):
                problems.append(
                    f"port {listen['port']} should be free for {service} but {program} listens there: "
                    f"stop it or set {listen['variable']} to another port"
                )
    return list(dict.fromkeys(problems))


def release_problems(wanted: str, newer: list[str], link: str) -> list[str]:
    """Return what speaks against a release: the database may hold what only the newer one that is deployed can read."""
    deployed = installed_release(link, "")
    if deployed not in newer:
        return []
    return [
        f"glance_release should be {deployed} or newer, found {wanted}: run rollback.yml to go back after an "
        "upgrade, or set glance_allow_older_release to true"
    ]


def user_problems(name: str, number: int) -> list[str]:
    """Return a sentence if the user *name* or its group has another number than *number*, or somebody else has that."""
    problems = []
    for what, by_name, by_number in (("user", pwd.getpwnam, pwd.getpwuid), ("group", grp.getgrnam, grp.getgrgid)):
        try:
            found = by_name(name)[2]
        except KeyError:
            found = number
        if found != number:
            problems.append(
                f"the {what} {name} should have the number {number}, found {found}: set glance_user_id to a number "
                f"that is right on every host, or stop Glance here and give {name} and its files that number"
            )
        try:
            holder = by_number(number)[0]
        except KeyError:
            holder = name
        if holder != name:
            problems.append(
                f"the number {number} should be free for the {what} {name}, found {holder} with it: set glance_user_id "
                f"to a number that is free on every host"
            )
    return problems


def user_pending(name: str, home: str) -> bool:
    """Whether the user *name* has to be made or changed."""
    # As for packages, one look is cheaper than a run of the module that would find nothing to do.
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        return True
    return (account.pw_dir, account.pw_shell) != (home, _NO_SHELL)


def missing_packages(names: list[str]) -> list[str]:
    """Return those of *names* that dpkg does not list as installed."""
    # One read of dpkg's status is far cheaper than a run of apt, and the apt task follows when something is missing.
    with open("/var/lib/dpkg/status", encoding="utf-8", errors="replace") as handle:
        paragraphs = handle.read().split("\n\n")
    # "hold ok installed" is the status of a package that is kept at its version.
    installed = {
        paragraph.split("\n", 1)[0].removeprefix("Package: ")
        for paragraph in paragraphs
        if re.search(r"^Status: \S+ ok installed$", paragraph, re.MULTILINE)
    }
    return [name for name in names if name not in installed]


def deployed(record_directory: str) -> list[str]:
    """Return the names of the configuration sets that have a record in *record_directory*."""
    return sorted(path.stem for path in pathlib.Path(record_directory).glob("*.json"))


def run(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of the module with its options *params*; raises HostError."""
    problems = []
    if os.geteuid() != 0:
        problems.append("this needs root: give the connecting user sudo, or set ansible_user to root")
    if not os.path.isdir("/run/systemd/system"):
        problems.append("this host is not run by systemd: use a host that is")
    if params["packages"] and not os.path.exists("/var/lib/dpkg/status"):
        problems.append("this host does not use Debian packages: use a Debian host")
    try:
        units = params["units"] or [f"{params['service']}.service"]
        for listen in params["listen"]:
            problems += port_problems(params["service"], units, listen)
    except (OSError, UnicodeError) as error:
        problems.append(f"the address {listen['address']} can't be looked up on this host: {error}")
    problems += release_problems(*(params[name] for name in ("release", "newer_releases", "link")))
    if params["user_id"]:
        problems += user_problems(params["user"], params["user_id"])
    if params["read_beside"] is not None:
        names = params["read_beside"]
        problems += foreign_files.problems(foreign_files.read_beside(params["service"], params["home"], names))
    wanted, unit_directory = mounts.whole(params["mounts"]), params["unit_directory"]
    unmounted = mounts.pending(wanted, unit_directory)
    balancing = params["haproxy_config"]
    found = mounts.problems(wanted, unit_directory)
    # A look at a server that is away would wait for ever.
    unseen = [mount["path"] for mount in wanted] if found else unmounted
    problems += [*missing_files(params["named_files"], params["home"], unseen), *found]
    if problems:
        raise HostError(f"{params['service']} can't be deployed here: {'; '.join(problems)}.")
    return {
        "changed": False,
        "missing_packages": missing_packages([*params["packages"], *mounts.packages(params["mounts"])]),
        "deployed": deployed(params["record_directory"]),
        "user_pending": user_pending(params["user"], params["home"]),
        **({} if balancing is None else {"servers": haproxy.configured_servers(balancing)}),
        **({} if params["mounts"] is None else {"pending_mounts": unmounted}),
    }
