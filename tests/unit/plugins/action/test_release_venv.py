import base64
import concurrent.futures
import functools
import hashlib
import http.server
import json
import os
import pathlib
import platform as this_machine
import subprocess
import sys
import tarfile
import threading
import zipfile

import pytest
import uv
from ansible.errors import AnsibleActionFail
from ansible_collections.glanceops.image_service.plugins.action import release_venv as action

COLLECTIONS = pathlib.Path(action.__file__).parents[5]
MACHINE = this_machine.machine()
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
HOST = {"python": f"{PYTHON}.1", "implementation": "cpython", "libc": "glibc 2.36", "machine": MACHINE}
PLATFORM = action.Platform(PYTHON, MACHINE, (2, 36))
UV_VERSION = action.UV.partition("==")[2]


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


@pytest.fixture
def wheelhouse(tmp_path):
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    make_wheel(folder, "alpha")
    make_wheel(folder, "beta", "2.0", f"cp{PYTHON.replace('.', '')}-abi3-manylinux_2_28_{MACHINE}")
    program = pathlib.Path(uv.find_uv_bin()).read_bytes()
    files = {f"uv-{UV_VERSION}.data/scripts/uv": program}
    make_wheel(folder, "uv", UV_VERSION, f"py3-none-manylinux_2_17_{MACHINE}", files)
    return folder


@pytest.fixture
def index(wheelhouse, tmp_path):
    """Serve the wheelhouse as a package index on loopback; what was asked for stands in `asked`."""
    root = tmp_path / "index"
    for wheel in wheelhouse.iterdir():
        page = root / "simple" / wheel.name.partition("-")[0]
        page.mkdir(parents=True)
        (page / wheel.name).symlink_to(wheel)
        (page / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *dummy):
            server.asked.append((self.path, self.headers["Authorization"]))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=root))
    server.asked = []
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def pins(*requirements, sdist=()):
    return [action.Pin(requirement, requirement in sdist) for requirement in requirements]


def names_in(archive):
    with tarfile.open(archive) as tar:
        return {name.partition("-")[0] for name in tar.getnames() if name != action.MANIFEST}


def test_a_list_is_pins_comments_and_sdists():
    text = "# head\n\nZeta_One==1.0\nalpha.two==2.0.post1  # sdist\nb==1!3+x  # a word about it\n"
    assert action.parse_pins(text, "list") == [
        action.Pin("alpha-two==2.0.post1", True),
        action.Pin("b==1!3+x", False),
        action.Pin("zeta-one==1.0", False),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a>=1\n", "line 1: expected one pin 'name==version', found 'a>=1'"),
        ("a==1\nb==1 ; python_version < '3.12'\n", "line 2"),
        ("--index-url=https://x/\n", "line 1"),
        ("a==1.*\n", "line 1"),
        ("a-b==1\nA_B==2\n", "line 2: expected every distribution once, found a-b again"),
        ("# nothing\n", "found none"),
    ],
)
def test_what_is_no_list(text, said):
    with pytest.raises(AnsibleActionFail, match=r"^list") as error:
        action.parse_pins(text, "list")
    assert said in str(error.value)


@pytest.mark.parametrize(
    "path",
    sorted((COLLECTIONS / "ansible_collections/glanceops/image_service").glob("roles/common/files/wheels-*.txt")),
    ids=lambda path: path.stem,
)
def test_lists_of_the_collection(path):
    found = {pin.requirement.partition("==")[0] for pin in action.parse_pins(path.read_text(), path.name)}
    assert found >= {
        "glance",
        "pymysql",
        "psycopg2-binary",
        "python-memcached",
        "boto3",
        "python-swiftclient",
    }


@pytest.mark.parametrize(
    ("change", "floor", "said"),
    [
        ({}, None, None),
        ({"python": "3.11.0"}, "3.11", None),
        ({"python": "3.9.18"}, "3.11", "h1: expected Python 3.11 or newer, found 3.9.18"),
        ({"python": "3.9.18"}, None, None),
        ({"python": "3.13.1"}, "3.9", None),
        ({"implementation": "pypy"}, None, "h1: expected CPython, found pypy"),
        ({"libc": ""}, None, "h1: expected glibc 2.17 or newer, which wheels are built for, found another C library"),
        ({"libc": "glibc 2.12"}, None, "found glibc 2.12"),
        ({"libc": "glibc 2.17"}, None, None),
    ],
)
def test_hosts_that_are_refused(change, floor, said):
    sentence = action.refusal("h1", {**HOST, **change}, floor)
    assert said in sentence if said else sentence is None


@pytest.mark.parametrize(("python", "below"), [("3.10.0", "3.10"), ("3.11.2", "3.10"), ("3.10.1", "3.10.1")])
def test_host_whose_python_is_too_new_is_refused(python, below):
    said = f"h1: expected a Python older than {below}, found {python}: deploy a newer release there"
    assert said in action.refusal("h1", {**HOST, "python": python}, "3.9", below)


@pytest.mark.parametrize(("python", "below"), [("3.9.18", "3.10"), ("3.9.18", None), ("3.10.0", "3.10.1")])
def test_host_whose_python_is_old_enough_is_taken(python, below):
    assert action.refusal("h1", {**HOST, "python": python}, "3.9", below) is None


def test_tags_go_from_the_hosts_glibc_down_to_2_17():
    host = {"python": "3.11.2", "libc": "glibc 2.19", "machine": "x86_64"}
    assert action.platform_tags(action.platform_of(host)) == [
        "manylinux_2_19_x86_64", "manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64",
        "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64",
    ]  # fmt: skip
    arm = action.platform_of({**host, "machine": "aarch64"})
    assert action.platform_tags(arm)[2:] == ["manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"]
    assert (arm.abi, str(arm)) == ("cp311", "cp311-glibc2.19-aarch64")


def test_without_options_pips_own_configuration_applies():
    environment = {"PIP_INDEX_URL": "https://a/", "PIP_CONFIG_FILE": "/x", "HOME": "/h"}
    assert action.pip_environment(action.Source(), environment) == environment


def test_an_index_of_the_tasks_own_is_the_only_one():
    inherited = {
        "PIP_INDEX_URL": "https://a/",
        "PIP_EXTRA_INDEX_URL": "https://b/",
        "PIP_FIND_LINKS": "/w",
        "HOME": "/h",
    }
    source = action.Source("https://u:p@c/", ("https://d/", "https://e/"), "/ca.pem", "http://proxy:1")
    assert action.pip_environment(source, inherited) == {
        "HOME": "/h",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "https://u:p@c/",
        "PIP_EXTRA_INDEX_URL": "https://d/ https://e/",
        "PIP_CERT": "/ca.pem",
        "PIP_PROXY": "http://proxy:1",
    }


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("ERROR: No matching distribution found for alpha==9", f"a wheel of alpha==9 for {PLATFORM} in https://***@c/"),
        ("WARNING: Retrying (Retry(total=4)) after ...\nERROR: No matching distribution found for a==9",
         "but it cannot be used: WARNING: Retrying"),
        ("ERROR: HTTP error 403 while getting https://u:secret@c/x", "cannot be used: ERROR: HTTP error 403"),
        ("OSError: [Errno 28] No space left on device", "expected room for the wheels"),
        ("one\nERROR: something new", "one / ERROR: something new"),
    ],
)  # fmt: skip
def test_pips_failures_in_one_sentence(output, said):
    sentence = action.explain(output, action.Source("https://u:secret@c/"), PLATFORM)
    assert said in sentence
    assert "secret" not in sentence


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["alpha-1-py3-none-any.whl", "beta_x-1-py3-none-any.whl"], None),
        (["alpha-1-py3-none-any.whl", "beta_x-1.tar.gz"], "expected a wheel of beta-x==1 from pip, found none"),
        (["alpha-1-py3-none-any.whl", "beta_x-1-cp311-cp311-linux_x86_64.whl"], "a wheel for every platform"),
    ],
)
def test_every_pin_needs_its_wheel(names, said):
    if said is None:
        action.check_wheels(names, ["alpha==1"], ["beta-x==1"])
        return
    with pytest.raises(AnsibleActionFail, match=said):
        action.check_wheels(names, ["alpha==1"], ["beta-x==1"])


@pytest.mark.parametrize(
    ("fetched", "total", "quarters"),
    [(["a", "b", "c", "d"], 4, [1, 2, 3, 4]), (["a"], 1, [1]), (["a"] * 100, 100, [25, 50, 75, 100]), ([], 3, [])],
)
def test_quarters_of_a_download_are_told(fetched, total, quarters):
    lines = ["Looking in indexes: x\n", "Looking in links: /opt/wheels\n"]
    for number, name in enumerate(fetched):
        lines += [f"Collecting {name}==1\n", f"  Downloading {name}-1-py3-none-any.whl.metadata (1 kB)\n"]
        kind = (
            "  Downloading {}-1-py3-none-any.whl (1.4 MB)",
            "  Using cached {}-1.whl (2 kB)",
            "Processing /w/{}-1.whl",
        )
        lines.append(kind[number % 3].format(name) + "\n")
    lines += [f"Saved ./dl/{name}-1-py3-none-any.whl\n" for name in fetched]
    assert list(action.fetched_quarters(lines, total)) == quarters


def test_room_that_lacks_is_told_in_units():
    sentence = action.no_room("api1", "/opt/glance/2026.2-abc", 300 << 20, 450_000_000)
    assert "api1: the file system of /opt/glance/2026.2-abc should have 429.2 MiB free" in sentence
    assert "found 300.0 MiB: make room there." in sentence


def test_wheels_from_a_directory_are_cached(wheelhouse, tmp_path):
    source, cache = action.Source(directory=str(wheelhouse)), tmp_path / "cache"
    wanted = pins("alpha==1.0", "beta==2.0", sdist=["alpha==1.0"])
    archive, manifest, fetched = action.provide(wanted, PLATFORM, source, str(cache))
    assert names_in(archive) == {"alpha", "beta", "uv"}
    assert fetched == manifest["wheels"] == 3
    assert manifest["unpacked"] > os.path.getsize(uv.find_uv_bin())
    gone = action.Source(directory=str(tmp_path / "gone"))
    assert action.provide(wanted, PLATFORM, gone, str(cache)) == (archive, manifest, 0)
    with pytest.raises(AnsibleActionFail, match="expected a directory of wheels"):
        action.provide(wanted, PLATFORM._replace(glibc=(2, 41)), gone, str(cache))


def test_a_wheel_for_a_newer_glibc_is_missing_and_nothing_stays(wheelhouse, tmp_path):
    old = PLATFORM._replace(glibc=(2, 27))
    with pytest.raises(AnsibleActionFail, match=f"expected a wheel of beta==2.0 for {old} in the directory"):
        action.provide(pins("beta==2.0"), old, action.Source(directory=str(wheelhouse)), str(tmp_path / "cache"))
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_what_a_killed_run_left_is_cleared_and_half_a_tar_fetched_again(wheelhouse, tmp_path):
    source, cache = action.Source(directory=str(wheelhouse)), tmp_path / "cache"
    archive = pathlib.Path(action.provide(pins("alpha==1.0"), PLATFORM, source, str(cache))[0])
    archive.write_bytes(archive.read_bytes()[:100])
    left = cache / f".{archive.stem}.abc"
    left.mkdir()
    assert action.provide(pins("alpha==1.0"), PLATFORM, source, str(cache))[2] == 2
    assert not left.exists()


def test_one_download_serves_hosts_that_come_at_the_same_time(index, tmp_path):
    source = action.Source(index_url=f"http://user:word@127.0.0.1:{index.server_port}/simple")
    wanted = pins("alpha==1.0", "beta==2.0", sdist=["alpha==1.0"])
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(action.provide, wanted, PLATFORM, source, str(tmp_path / "cache")) for dummy in range(3)]
        fetched = sorted(run.result()[2] for run in runs)
    assert fetched == [0, 0, 3]
    wheels = [path for path, _login in index.asked if path.endswith(".whl")]
    assert len(wheels) == len(set(wheels)) == 3
    assert "Basic " + base64.b64encode(b"user:word").decode() in {login for _path, login in index.asked}


def test_an_index_that_is_not_there_is_named_without_its_password(index, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_RETRIES", "1")
    port = index.server_port
    index.shutdown()
    index.server_close()
    source = action.Source(index_url=f"http://user:word@127.0.0.1:{port}/simple")
    with pytest.raises(
        AnsibleActionFail, match=rf"from http://\*\*\*@127.0.0.1:{port}/simple, but .* index_url"
    ) as error:
        action.provide(pins("alpha==1.0"), PLATFORM, source, str(tmp_path / "cache"))
    assert "word" not in str(error.value)


@pytest.fixture
def play(tmp_path, wheelhouse):
    """Run the task on this machine as an operator does; return its registered result and the whole output."""
    listed = tmp_path / "wheels.txt"
    listed.write_text("alpha==1.0  # sdist\nbeta==2.0\n")
    task = {"release": "r1", "wheels": str(listed), "root": str(tmp_path / "root"), "python": sys.executable,
            "cache": str(tmp_path / "cache"), "directory": str(wheelhouse)}  # fmt: skip

    def run(*options, **changes):
        result = tmp_path / "result.json"
        result.unlink(missing_ok=True)
        write = {"ansible.builtin.copy": {"content": "{{ venv | to_json }}", "dest": str(result)}, "check_mode": False}
        book = [{"hosts": "localhost", "gather_facts": False, "tasks": [
            {"glanceops.image_service.release_venv": {**task, **changes}, "register": "venv", "ignore_errors": True},
            write]}]  # fmt: skip
        (tmp_path / "ansible.cfg").touch()
        (tmp_path / "play.yml").write_text(json.dumps(book))
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(tmp_path / "far"),
            "LC_ALL": "C.UTF-8",
            "PIP_RETRIES": "1",
        }
        command = [sys.executable, "-m", "ansible", "playbook", *options, str(tmp_path / "play.yml")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(result.read_text()), done.stdout + done.stderr

    return run


def test_a_playbook_looks_builds_and_then_has_nothing_to_do(play, tmp_path):
    looked, _dummy = play("--check")
    assert looked["changed"] is True
    assert looked["wheels_downloaded"] == 0
    assert not (tmp_path / "root").exists()
    assert not (tmp_path / "cache").exists()
    built, output = play()
    assert (built["changed"], built["path"], built["wheels_downloaded"]) == (True, looked["path"], 3)
    for said in ("localhost: fetching 3 wheels", "localhost: carrying 3 wheels"):
        assert said in output
    assert (
        subprocess.check_output([f"{built['path']}/bin/python", "-c", "import alpha; print(alpha.ANSWER)"]) == b"42\n"
    )
    again, _dummy = play()
    assert again["changed"] is False
    assert again["wheels_downloaded"] == 0
    assert list((tmp_path / "far").glob("ansible-tmp-*")) == []


def test_a_playbook_never_shows_the_index_password(play):
    result, output = play("-vvvv", "--diff", directory="", index_url="http://user:hush-hush@127.0.0.1:9/simple",
                          cache="{{ playbook_dir }}/other", proxy="http://us:hush-hush@127.0.0.1:9")  # fmt: skip
    assert result["failed"] is True
    assert "hush-hush" not in output
    assert "index_url" in result["msg"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"python_floor": "4.0"}, "localhost: expected Python 4.0 or newer, found 3."),
        ({"python_below": "3.9"}, "localhost: expected a Python older than 3.9, found 3."),
        ({"python_below": "four"}, "python_below: expected a version as 3.11, found 'four'"),
        ({"python_floor": "three"}, "expected a version as 3.11, found 'three'"),
        ({"python": "/nowhere/python3"}, "expected a Python interpreter at /nowhere/python3, found none"),
        ({"release": "../r1"}, "expected a plain name as 2026.2"),
        ({"wheels": "/nowhere.txt"}, "expected a list of wheels at /nowhere.txt"),
    ],
)
def test_a_playbook_is_told_what_is_wrong(play, changes, said):
    result, _dummy = play(**changes)
    assert result["failed"] is True
    assert said in result["msg"]
