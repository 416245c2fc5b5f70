"""Wheels that are a few bytes large, with the true uv among them, and a host that they fit."""

import base64
import hashlib
import pathlib
import platform as this_machine
import sys
import zipfile

import uv
from ansible_collections.glanceops.image_service.plugins.plugin_utils.pins import INSTALLER
from ansible_collections.glanceops.image_service.plugins.plugin_utils.wheel_platform import Platform

MACHINE = this_machine.machine()
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
PLATFORM = Platform(PYTHON, MACHINE, (2, 36))
UV_VERSION = INSTALLER.partition("==")[2]


def make_wheel(folder, name, version="1.0", tag="py3-none-any", files=None, requires=()):
    info = f"{name}-{version}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {other}\n" for other in requires
    )
    content = {
        **({f"{name}.py": b"ANSWER = 42\n"} if files is None else files),
        f"{info}/METADATA": head.encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in content.items()
    )
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as zipped:
        for path, data in {**content, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}.items():
            zipped.writestr(path, data)
    return wheel


def make_wheelhouse(folder):
    """Make *folder* and put wheels of alpha, beta (for glibc 2.28) and uv into it; return it."""
    folder.mkdir()
    make_wheel(folder, "alpha")
    make_wheel(folder, "beta", "2.0", f"cp{PYTHON.replace('.', '')}-abi3-manylinux_2_28_{MACHINE}")
    program = pathlib.Path(uv.find_uv_bin()).read_bytes()
    files = {f"uv-{UV_VERSION}.data/scripts/uv": program}
    make_wheel(folder, "uv", UV_VERSION, f"py3-none-manylinux_2_17_{MACHINE}", files)
    return folder
