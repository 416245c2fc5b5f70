import base64
import hashlib
import io
import os
import pathlib
import stat
import subprocess
import sys
import tarfile
import zipfile

import pytest
import uv
from ansible_collections.glanceops.image_service.plugins.module_utils import release_venv

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


def wheel(name, files=None, requires=""):
    info = f"{name}-1.0.dist-info"
    content = {
        **({f"{name}.py": b"ANSWER = 42\n"} if files is None else files),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in content.items()
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for path, data in {**content, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}.items():
            member = zipfile.ZipInfo(path)
            member.external_attr = (stat.S_IFREG | 0o6777) << 16
            zipped.writestr(member, data)
    return f"{name}-1.0-py3-none-any.whl", buffer.getvalue()


def uv_wheel():
    return wheel("uv", {"uv-1.0.data/scripts/uv": pathlib.Path(uv.find_uv_bin()).read_bytes()})


@pytest.fixture
def archive(tmp_path):
    def make(*wheels):
        path = tmp_path / "wheels.tar"
        with tarfile.open(path, "w") as tar:
            for name, content in wheels:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return str(path)

    return make


@pytest.fixture
def release(run_module, tmp_path):
    def run(check_mode=False, **options):
        usual = {"release": "r1", "wheels": "list", "root": str(tmp_path / "root"), "python": sys.executable}
        return run_module("release_venv", check_mode, **{**usual, "pins": ["alpha==1.0"], **options})

    return run


@pytest.mark.parametrize(
    ("pins", "minor", "same"),
    [
        (["a==1", "b==2"], "3.11", True),
        (["b==2", "a==1"], "3.11", True),
        (["a==1", "b==3"], "3.11", False),
        (["a==1"], "3.11", False),
        (["a==1", "b==2"], "3.13", False),
    ],
)
def test_digest(pins, minor, same):
    assert (release_venv.digest(pins, minor) == release_venv.digest(["a==1", "b==2"], "3.11")) is same


def test_a_raised_format_is_another_digest(monkeypatch):
    before = release_venv.digest(["a==1"], "3.11")
    monkeypatch.setattr(release_venv, "FORMAT", release_venv.FORMAT + 1)
    assert release_venv.digest(["a==1"], "3.11") != before


def test_looking_changes_nothing(release, tmp_path):
    found = release()
    assert (found["changed"], found["complete"]) == (False, False)
    assert found["path"] == f"{tmp_path}/root/r1-{release_venv.digest(['alpha==1.0'], MINOR)}"
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["free_bytes"] > 0
    assert not (tmp_path / "root").exists()


def test_builds_once(release, archive, tmp_path):
    umask = os.umask(0o077)
    try:
        built = release(archive=archive(wheel("alpha"), uv_wheel()))
    finally:
        os.umask(umask)
    assert (built["changed"], built["complete"]) == (True, True)
    python = f"{built['path']}/bin/python"
    assert subprocess.check_output([python, "-c", "import alpha; print(alpha.ANSWER)"], text=True) == "42\n"
    assert list(pathlib.Path(built["path"]).rglob("alpha.*.pyc"))
    assert [path.name for path in (tmp_path / "root").iterdir()] == [os.path.basename(built["path"])]
    for path in pathlib.Path(built["path"]).rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert path.is_symlink() or mode in ((0o755,) if path.is_dir() else (0o644, 0o755)), path
    assert release()["complete"] is True
    assert release(archive="/nowhere.tar")["changed"] is False


def test_check_mode_builds_nothing(release, archive, tmp_path):
    release(check_mode=True, archive=archive(wheel("alpha"), uv_wheel()))
    assert not (tmp_path / "root").exists()


def test_what_a_killed_run_left_is_built_anew(release, archive, tmp_path):
    half = pathlib.Path(release()["path"])
    (half / "bin").mkdir(parents=True)
    (half / "bin/python").symlink_to(sys.executable)
    (half / "lib.half").touch()
    (tmp_path / "root/.build-old").mkdir()
    assert release(archive=archive(wheel("alpha"), uv_wheel()))["changed"] is True
    assert not (half / "lib.half").exists()
    assert not (tmp_path / "root/.build-old").exists()


def test_other_releases_are_left_alone(release, archive, tmp_path):
    other = tmp_path / "root/r0-abc"
    other.mkdir(parents=True)
    release(archive=archive(wheel("alpha"), uv_wheel()))
    assert other.is_dir()


@pytest.mark.parametrize("broken", ["marker", "digest", "python"])
def test_what_is_broken_is_not_complete(release, archive, broken):
    path = pathlib.Path(release(archive=archive(wheel("alpha"), uv_wheel()))["path"])
    assert release()["complete"] is True
    if broken == "python":
        (path / "bin/python").unlink()
        (path / "bin/python").symlink_to("/nowhere/python3")
    else:
        (path / release_venv.MARKER).write_text('{"digest": "other"}' if broken == "digest" else "{")
    assert release()["complete"] is False


@pytest.mark.parametrize(
    ("wheels", "pins", "said"),
    [
        ([wheel("alpha")], ["alpha==1.0"], "expected one uv wheel"),
        ([wheel("beta")], ["alpha==1.0"], "alpha"),
        ([wheel("alpha", requires="Requires-Dist: gamma\n")], ["alpha==1.0"], "gamma"),
        ([("../alpha", b"")], ["alpha==1.0"], "expected only wheels at the top"),
        ([wheel("uv", {"other": b""})], ["alpha==1.0"], "expected the uv program inside"),
    ],
    ids=["no uv", "no wheel", "incomplete list", "not a wheel", "not uv"],
)
def test_a_failed_build_says_why_and_leaves_nothing(release, archive, tmp_path, wheels, pins, said):
    with_uv = [] if "uv" in said else [uv_wheel()]
    failed = release(archive=archive(*wheels, *with_uv), pins=pins)
    assert failed["failed"] is True
    assert said in failed["msg"]
    assert list((tmp_path / "root").iterdir()) == []


@pytest.mark.parametrize("python", ["/nowhere/python3", "/", "/bin/true"])
def test_what_is_no_interpreter(release, python):
    failed = release(python=python)
    assert failed["failed"] is True
    assert f"expected a Python interpreter at {python}" in failed["msg"]


@pytest.fixture
def built(release, archive):
    return release(archive=archive(wheel("alpha"), uv_wheel()))


def imported(venv, name):
    ask = f"import {name}; print({name}.__file__)"
    return subprocess.run([f"{venv}/bin/python", "-I", "-c", ask], capture_output=True, text=True, check=False).stdout


@pytest.fixture
def host_module(tmp_path, monkeypatch):
    """Have the interpreter find a module as one of the host's own."""
    (tmp_path / "own.py").touch()
    found = {"own": str(tmp_path / "own.py")}
    monkeypatch.setattr(
        release_venv, "find_modules", lambda _python, names: {name: found[name] for name in names if name in found}
    )
    return "own"


def test_a_new_venv_has_the_modules_of_the_host(release, archive, host_module):
    done = release(archive=archive(wheel("alpha"), uv_wheel()), link=True, host_modules=[host_module])
    assert (done["changed"], done["complete"], done["linked"]) == (True, True, True)
    assert imported(done["path"], host_module).endswith("site-packages/own.py\n")


def test_a_complete_venv_gets_them_once(release, built, host_module):
    assert (built["linked"], release(host_modules=[host_module])["linked"]) == (True, False)
    assert imported(built["path"], host_module) == ""
    assert release(True, host_modules=[host_module], link=True)["changed"] is False
    assert [release(host_modules=[host_module], link=True)["changed"] for _run in range(2)] == [True, False]
    assert release(host_modules=[host_module])["linked"] is True
    assert imported(built["path"], host_module)


def test_a_link_to_another_file_is_made_anew(release, built, host_module, tmp_path):
    path = pathlib.Path(built["path"], "lib", f"python{MINOR}", "site-packages/own.py")
    path.symlink_to("/gone/own.py")
    assert release(host_modules=[host_module])["linked"] is False
    release(host_modules=[host_module], link=True)
    assert os.readlink(path) == str(tmp_path / "own.py")


@pytest.mark.parametrize("acts", [{"link": True}, {"link": True, "archive": "/nowhere.tar", "pins": ["beta==1.0"]}])
def test_a_module_that_the_host_lacks(release, built, acts):
    assert release(host_modules=["rados"])["linked"] is False
    failed = release(host_modules=["json", "rados"], **acts)
    assert "expected the modules rados for " in failed["msg"]
    assert "install the packages that bring them, such as python3-rados" in failed["msg"]


def test_modules_are_looked_for_in_the_interpreter():
    found = release_venv.find_modules(release_venv.find_interpreter(sys.executable), ["json", "uv", "nosuch"])
    # Those of a venv are none of the host's own.
    assert found.keys() == {"json"}
    assert pathlib.Path(found["json"]).is_dir()
    assert release_venv.find_modules(release_venv.Interpreter("/nowhere", (3, 11, 0), "cpython"), []) == {}
    with pytest.raises(release_venv.VenvError, match="expected /nowhere to tell where its modules are"):
        release_venv.find_modules(release_venv.Interpreter("/nowhere", (3, 11, 0), "cpython"), ["json"])
