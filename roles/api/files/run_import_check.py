"""Run a check of an imported image, in the sandbox of this program's unit, for the image API that has connected.

Standard input is the connection: a request of one line of JSON, {"check": NAME, "path": FILE, "image": FACTS}. The
answer is one, too: {"code": EXIT CODE, "line": FIRST LINE, "error": WHY THERE IS NONE}. What is run is in CHECKS; who
connects can choose one by its name, and no more. The program gets the file's path as its last argument, and the facts
of the image as JSON on its standard input.

With "probe FILE" it looks whether the checks in FILE could be run, with "try" whether the unit answers.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

CHECKS = "/etc/glance/import-checks/checks.json"
SOCKET = "/run/glance-import-checks.socket"
# Seconds that the unit may take to begin.
PATIENCE = 30
# More than all properties of an image can have (glance_guards.py, JSON_LIMIT).
REQUEST_BYTES = 32 << 20
# Characters of the line that a user reads.
LINE = 500


def first_line(output: bytes) -> str:
    """Return the first line of *output* that says something, without control characters."""
    lines = output.decode("utf-8", "replace").splitlines()
    line = next((line.strip() for line in lines if line.strip()), "")
    return "".join(character if character.isprintable() else "?" for character in line)[:LINE]


def answer(checks: list[Mapping[str, Any]], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to a request."""
    nothing = {"code": None, "line": "", "error": ""}
    # Somebody looks whether this unit works.
    if not request["check"]:
        return {**nothing, "code": 0}
    check = next((each for each in checks if each["name"] == request["check"]), None)
    if check is None:
        return {**nothing, "error": f"there is no check {request['check']}"}
    # In files, since who reads or writes too much would fill the memory of this program, too, or wait for it.
    with tempfile.TemporaryFile() as facts, tempfile.TemporaryFile() as said:
        facts.write(json.dumps(request["image"]).encode())
        facts.seek(0)
        return {**nothing, **outcome(check, request["path"], facts, said)}


def outcome(check: Mapping[str, Any], path: str, facts: IO[bytes], said: IO[bytes]) -> dict[str, Any]:
    """Return exit code and first line of a check, or why there is none; its standard error goes to the journal."""
    argv = [*check["argv"], path]
    try:
        done = subprocess.run(argv, stdin=facts, stdout=said, cwd="/", timeout=check["timeout"], check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"it did not end within {check['timeout']} s"}
    except OSError as error:
        return {"error": f"{check['argv'][0]} can't be run: {error.strerror}"}
    said.seek(0)
    return {"code": done.returncode, "line": first_line(said.read(LINE * 8))}


def faults(checks: list[Mapping[str, Any]]) -> Iterator[str]:
    """Give a sentence for each check that can't be run."""
    for check in checks:
        program = check["argv"][0]
        should = f"the program of the check {check['name']} should be a file that root alone may change, and that runs"
        try:
            found = os.stat(program)
        except OSError as error:
            yield f"{should}, found {program}: {error.strerror}"
            continue
        if not stat.S_ISREG(found.st_mode) or not found.st_mode & stat.S_IXOTH:
            yield f"{should}, found {program}, which others may not run: give it the mode 0755"
        elif found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield f"{should}, found {program}, which others may change: give it to root, with the mode 0755"


def probe(path: str) -> int:
    """Tell what is wrong with the checks in a file.

    Programs that come with them are staged beside it; they get their owner and mode when they are put in place.
    """
    with open(path, encoding="utf-8") as handle:
        checks = json.load(handle)
    folder = os.path.dirname(os.path.realpath(path))
    found = list(faults([check for check in checks if not check["argv"][0].startswith(f"{folder}/")]))
    for sentence in found:
        print(f"run_import_check: {sentence}")
    return 1 if found else 0


def try_unit() -> int:
    """Ask the unit for nothing, and tell why it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(SOCKET)
            connection.sendall(b'{"check": ""}')
            connection.shutdown(socket.SHUT_WR)
            said = connection.makefile("rb").read()
        if json.loads(said)["code"] == 0:
            return 0
        found = said.decode("utf-8", "replace")
    except (OSError, ValueError, KeyError) as error:
        found = f"{type(error).__name__}: {error}"
    print(
        "run_import_check: a check of an import should run in its unit, found "
        f"{found}: see 'journalctl -u glance-import-checks@*'",
        file=sys.stderr,
    )
    return 1


def main() -> int:
    """Answer the one request on standard input."""
    if sys.argv[1:2] == ["probe"]:
        return probe(sys.argv[2])
    if sys.argv[1:2] == ["try"]:
        return try_unit()
    with open(CHECKS, encoding="utf-8") as handle:
        checks = json.load(handle)
    request = json.loads(sys.stdin.buffer.read(REQUEST_BYTES))
    print(json.dumps(answer(checks, request)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
