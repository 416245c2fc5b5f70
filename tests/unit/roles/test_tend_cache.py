"""What the program that tends the image cache takes away before Glance does, and what it says."""

import importlib.util
import os
import pathlib
import sys
import time
import types

import pytest

PROGRAM = pathlib.Path(__file__).parents[3] / "roles/api/files/tend_cache.py"
IDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(4)]


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("tend_cache", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Glance:
    """Knows some images, and removes some files when it is told to prune."""

    def __init__(self, known, pruned=()):
        self.known = lambda: set(known)
        self.pruned = pruned

    def tend(self):
        for path in self.pruned:
            path.unlink()


@pytest.fixture
def cache(tmp_path):
    """Make files of 10 bytes, two minutes old unless their age is given."""

    def make(*names, age=120):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(bytes(10))
            os.utime(path, (time.time() - age,) * 2)
        return [tmp_path / name for name in names]

    make.conf = types.SimpleNamespace(image_cache_dir=str(tmp_path), image_cache_max_size=20)
    make.names = lambda: sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    return make


def test_only_settled_images_without_a_record_are_removed(program, cache, capsys):
    kept = [IDS[0], "cache.db", f"{IDS[1]}.tmp", f"incomplete/{IDS[1]}", f"queue/{IDS[1]}"]
    cache(*kept, IDS[1])
    cache(IDS[2], age=30)
    program.tend(cache.conf, Glance([IDS[0]]))
    assert cache.names() == sorted([*kept, IDS[2]])
    assert capsys.readouterr().err.splitlines() == [
        "tend_cache: removed 1 file that Glance had no record of",
        "tend_cache: removed 10 bytes, 10 are left",
    ]


def test_nothing_is_said_when_there_is_nothing_to_do(program, cache, capsys):
    cache(*IDS[:2])
    program.tend(cache.conf, Glance(IDS))
    assert capsys.readouterr().err == ""


def test_a_cache_that_stays_too_large_is_a_failure(program, cache):
    paths = cache(*IDS)
    with pytest.raises(program.RefusalError, match=r"should take 20 bytes at most, found 30$"):
        program.tend(cache.conf, Glance(IDS, paths[:1]))


def test_what_came_during_the_run_does_not_count(program, cache):
    cache(*IDS[:2])
    cache(*IDS[2:], age=0)
    program.tend(cache.conf, Glance(IDS))


@pytest.mark.parametrize("verb", ["probe", "tend"])
def test_a_cache_that_is_not_there_is_an_error(program, verb):
    conf = types.SimpleNamespace(image_cache_dir="/nonexistent", image_cache_max_size=1)
    with pytest.raises(FileNotFoundError):
        getattr(program, verb)(conf, Glance([]))


def test_probe_changes_nothing(program, cache):
    cache(*IDS)
    program.probe(cache.conf, Glance([]))
    assert cache.names() == IDS


def test_nobody_at_the_server_is_told(program, tmp_path):
    for server in (str(tmp_path / "socket"), "127.0.0.1:1"):
        with pytest.raises(program.RefusalError, match=f"^Glance should answer at {server}, found: "):
            program.Api(server, "none", None).known()


@pytest.fixture
def keystone(program, monkeypatch):
    """Stand in for keystoneauth, whose sessions meet one *errors* after the other and then get a token."""
    names = ("ConnectFailure", "DiscoveryFailure", "HttpServerError", "Unauthorized")
    exceptions = types.SimpleNamespace(**{name: type(name, (Exception,), {}) for name in names})
    now, errors = [0], []

    def get_token():
        if errors:
            raise getattr(exceptions, errors.pop(0))("no luck")
        return "a token"

    loading = types.SimpleNamespace(
        register_auth_conf_options=lambda *_: None,
        register_session_conf_options=lambda *_: None,
        load_auth_from_conf_options=lambda *_: None,
        load_session_from_conf_options=lambda *_, **__: types.SimpleNamespace(get_token=get_token),
    )
    monkeypatch.setitem(sys.modules, "keystoneauth1", types.SimpleNamespace(exceptions=exceptions, loading=loading))
    monkeypatch.setattr(program.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(program.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return types.SimpleNamespace(now=now, errors=errors)


def test_a_keystone_that_is_being_restarted_is_waited_for(program, keystone):
    keystone.errors += ["DiscoveryFailure", "ConnectFailure", "HttpServerError"]
    assert program.token_headers(None, 600) == {"X-Auth-Token": "a token"}
    assert keystone.now == [30]


@pytest.mark.parametrize(
    ("error", "patience", "waited"), [("ConnectFailure", 60, 60), ("Unauthorized", 60, 0), ("ConnectFailure", 0, 0)]
)
def test_waiting_for_keystone_ends(program, keystone, error, patience, waited):
    keystone.errors += [error] * 100
    with pytest.raises(program.RefusalError, match=r"^Keystone should give Glance's user a token, found: no luck$"):
        program.token_headers(None, patience)
    assert keystone.now == [waited]


def test_tools_that_fail_are_told(program, tmp_path, monkeypatch, capsys):
    tool = tmp_path / "glance-cache-cleaner"
    tool.write_text("#!/bin/sh\necho no such option >&2\nexit 3\n")
    tool.chmod(0o755)
    monkeypatch.setattr(program.sys, "executable", str(tmp_path / "python3"))
    with pytest.raises(program.RefusalError, match=r"^glance-cache-cleaner should end with 0, found 3"):
        program.Tools("/etc/glance/glance-cache.conf").tend()
    assert "no such option" in capsys.readouterr().err
