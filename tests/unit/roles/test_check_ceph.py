"""What the program that looks at stores in Ceph says; a real Ceph is asked by the scenario ceph."""

import errno
import importlib.util
import pathlib
import sys
import types

import pytest

PROGRAM = pathlib.Path(__file__).parents[3] / "roles/common/files/check_ceph.py"


def errors(*names):
    class Error(Exception):
        def __init__(self, text="", number=0):
            super().__init__(text)
            self.errno = number

    return types.SimpleNamespace(Error=Error, **{name: type(name, (Error,), {}) for name in names})


class Ceph:
    """A Ceph that fails as it is told to: an exception by the step that raises it."""

    def __init__(self):
        self.fails, self.steps, self.options, self.clients = {}, [], {}, []

    def step(self, name, *said):
        self.steps.append((name, *said))
        if name in self.fails:
            raise self.fails[name]
        return self

    # What both libraries are asked for, one after the other.
    def client(self, conffile, rados_id):
        self.clients.append((conffile, rados_id))
        return self.step("read")

    def conf_set(self, option, value):
        self.options[option] = value

    def conf_get(self, option):
        return {"mon_host": "10.0.0.1", "keyring": "/etc/ceph/k"}[option]

    def connect(self):
        self.step("connect")

    def open_ioctx(self, pool):
        return self.step("pool", pool)

    def create(self, _context, name, size, old_format):
        self.step("create", size, old_format)
        self.name = name

    def remove(self, _context, name):
        self.step("remove", name == self.name)

    def close(self):
        self.step("close")

    def shutdown(self):
        self.step("shutdown")


@pytest.fixture
def ceph():
    return Ceph()


@pytest.fixture
def program(monkeypatch, ceph):
    rados = errors("TimedOut", "PermissionDeniedError", "PermissionError", "ObjectNotFound")
    rbd = errors("PermissionError", "OSError")
    rados.Rados, rbd.RBD = ceph.client, lambda: ceph
    monkeypatch.setitem(sys.modules, "rados", rados)
    monkeypatch.setitem(sys.modules, "rbd", rbd)
    spec = importlib.util.spec_from_file_location("check_ceph", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def said(program, tmp_path, capsys):
    """Check the stores of a file; gives the exit code and the lines about what is wrong."""

    def run(
        text="[fast]\nrbd_store_user = glance\nrbd_store_ceph_conf = /c\nrbd_store_pool = ssd\n", backends="fast:rbd"
    ):
        path = tmp_path / "glance-api.conf"
        path.write_text(f"[DEFAULT]\nenabled_backends = {backends}\n{text}")
        code = program.main(str(path))
        return code, capsys.readouterr().err.splitlines()

    return run


def test_a_store_that_can_be_used(ceph, said):
    assert said() == (0, [])
    assert ceph.clients == [("/c", "glance")]
    expected = [
        *(("read",), ("connect",), ("pool", "ssd")),
        *(("create", 1, False), ("remove", True), ("close",), ("shutdown",)),
    ]
    assert ceph.steps == expected
    assert set(ceph.options.values()) == {"15"}


def test_stores_of_other_drivers_are_left_alone(ceph, said):
    assert said("", "a:file, b:s3") == (0, [])
    assert ceph.clients == []


WRONG = [
    (
        "read",
        "rados.ObjectNotFound",
        2,
        "rbd_store_ceph_conf of the store fast should name a configuration file of Ceph",
    ),
    (
        "connect",
        "rados.TimedOut",
        110,
        "should reach a monitor of Ceph within 15 s, found no answer from 10.0.0.1: correct",
    ),
    (
        "connect",
        "rados.PermissionDeniedError",
        13,
        "let client.glance of the store fast in, found that it refuses the key",
    ),
    ("connect", "rados.PermissionError", 1, "found that it refuses the key"),
    ("connect", "rados.ObjectNotFound", 2, "should have a key of client.glance, found none in /etc/ceph/k"),
    ("connect", "rados.Error", errno.EOPNOTSUPP, "should have a key of client.glance, found none in /etc/ceph/k"),
    ("connect", "rados.Error", errno.EINVAL, "should connect to Ceph at 10.0.0.1 as client.glance, found rados.Error"),
    ("pool", "rados.ObjectNotFound", 2, "the pool ssd of the store fast should be there, found none in Ceph"),
    (
        "create",
        "rbd.PermissionError",
        1,
        "run ceph auth caps client.glance mon 'profile rbd' osd 'profile rbd pool=ssd'",
    ),
    ("create", "rbd.OSError", 110, "the pool ssd of the store fast should take data within 15 s, found rbd.OSError"),
    ("remove", "rados.Error", 110, "should take data within 15 s"),
]


@pytest.mark.parametrize(("step", "kind", "number", "sentence"), WRONG)
def test_each_step_has_its_sentence(program, ceph, said, step, kind, number, sentence):
    library, _dot, name = kind.partition(".")
    ceph.fails[step] = getattr(getattr(program, library), name)(kind, number)
    code, lines = said()
    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith("check_ceph: ")
    assert sentence in lines[0]


def test_each_store_is_looked_at(program, ceph, said):
    ceph.fails["pool"] = program.rados.ObjectNotFound("gone", 2)
    code, lines = said("", "a:rbd,b:file, c:rbd")
    assert (code, ["store a" in lines[0], "store c" in lines[1]]) == (1, [True, True])
    assert ceph.clients == [("", "None"), ("", "None")]
