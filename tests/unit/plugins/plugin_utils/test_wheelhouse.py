import base64
import concurrent.futures
import functools
import http.server
import os
import pathlib
import tarfile
import threading

import fake_wheels
import pytest
import uv
from ansible.errors import AnsibleActionFail
from ansible_collections.glanceops.image_service.plugins.plugin_utils import wheelhouse
from ansible_collections.glanceops.image_service.plugins.plugin_utils.pins import Pin
from ansible_collections.glanceops.image_service.plugins.plugin_utils.pip_download import Source
from fake_wheels import PLATFORM


@pytest.fixture
def wheels(tmp_path):
    return fake_wheels.make_wheelhouse(tmp_path / "wheelhouse")


@pytest.fixture
def index(wheels, tmp_path):
    """Serve the wheels as a package index on loopback; what was asked for stands in `asked`."""
    root = tmp_path / "index"
    for wheel in wheels.iterdir():
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


def pins_of(*requirements, sdist=()):
    return [Pin(requirement, requirement in sdist) for requirement in requirements]


def names_in(archive):
    with tarfile.open(archive) as tar:
        return {name.partition("-")[0] for name in tar.getnames() if name != wheelhouse.MANIFEST}


def test_room_that_lacks_is_told_in_units():
    sentence = wheelhouse.no_room("api1", "/opt/glance/2026.2-abc", 300 << 20, 450_000_000)
    assert "api1: the file system of /opt/glance/2026.2-abc should have 429.2 MiB free" in sentence
    assert "found 300.0 MiB: make room there." in sentence


def test_wheels_from_a_directory_are_cached(wheels, tmp_path):
    source, cache = Source(directory=str(wheels)), tmp_path / "cache"
    wanted = pins_of("alpha==1.0", "beta==2.0", sdist=["alpha==1.0"])
    archive, manifest, fetched = wheelhouse.provide(wanted, PLATFORM, source, str(cache))
    assert names_in(archive) == {"alpha", "beta", "uv"}
    assert fetched == manifest["wheels"] == 3
    assert manifest["unpacked"] > os.path.getsize(uv.find_uv_bin())
    gone = Source(directory=str(tmp_path / "gone"))
    assert wheelhouse.provide(wanted, PLATFORM, gone, str(cache)) == (archive, manifest, 0)
    with pytest.raises(AnsibleActionFail, match="expected a directory of wheels"):
        wheelhouse.provide(wanted, PLATFORM._replace(glibc=(2, 41)), gone, str(cache))


def test_a_wheel_for_a_newer_glibc_is_missing_and_nothing_stays(wheels, tmp_path):
    old = PLATFORM._replace(glibc=(2, 27))
    with pytest.raises(AnsibleActionFail, match=f"expected a wheel of beta==2.0 for {old} in the directory"):
        wheelhouse.provide(pins_of("beta==2.0"), old, Source(directory=str(wheels)), str(tmp_path / "cache"))
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_what_a_killed_run_left_is_cleared_and_half_a_tar_fetched_again(wheels, tmp_path):
    source, cache = Source(directory=str(wheels)), tmp_path / "cache"
    archive = pathlib.Path(wheelhouse.provide(pins_of("alpha==1.0"), PLATFORM, source, str(cache))[0])
    archive.write_bytes(archive.read_bytes()[:100])
    left = cache / f".{archive.stem}.abc"
    left.mkdir()
    assert wheelhouse.provide(pins_of("alpha==1.0"), PLATFORM, source, str(cache))[2] == 2
    assert not left.exists()


def test_one_download_serves_hosts_that_come_at_the_same_time(index, tmp_path):
    source = Source(index_url=f"http://user:word@127.0.0.1:{index.server_port}/simple")
    wanted = pins_of("alpha==1.0", "beta==2.0", sdist=["alpha==1.0"])
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = [
            pool.submit(wheelhouse.provide, wanted, PLATFORM, source, str(tmp_path / "cache")) for dummy in range(3)
        ]
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
    source = Source(index_url=f"http://user:word@127.0.0.1:{port}/simple")
    with pytest.raises(
        AnsibleActionFail, match=rf"from http://\*\*\*@127.0.0.1:{port}/simple, but .* index_url"
    ) as error:
        wheelhouse.provide(pins_of("alpha==1.0"), PLATFORM, source, str(tmp_path / "cache"))
    assert "word" not in str(error.value)
