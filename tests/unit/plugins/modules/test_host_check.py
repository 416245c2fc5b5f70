import ipaddress
import os
import socket

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import host_check as h

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:244C 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 23456 1 0000 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11111 1 0000 100 0 0 10 0
   2: 0100007F:244C 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 33333 1 0000 20 4 30 10 -1
   3: 0A01A8C0:244C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 44444 1 0000 100 0 0 10 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
   0: 00000000000000000000000001000000:244C 00000000000000000000000000000000:0000 0A 0:0 00:0 0   0        0 55555 1
   1: 00000000000000000000000000000000:244C 00000000000000000000000000000000:0000 0A 0:0 00:0 0   0        0 66666 1
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000", "0.0.0.0"),
        ("0A01A8C0", "192.168.1.10"),
        ("00000000000000000000000000000000", "::"),
        ("00000000000000000000000001000000", "::1"),
        ("B80D0120000000000000000001000000", "2001:db8::1"),
        ("0000000000000000FFFF00000100007F", str(ipaddress.ip_address("::ffff:127.0.0.1"))),
    ],
)
def test_decode_address(text, expected):
    assert h.decode_address(text) == expected


@pytest.mark.parametrize(
    ("table", "port", "expected"),
    [
        (TCP, 9292, [("127.0.0.1", "23456"), ("192.168.1.10", "44444")]),
        (TCP, 22, [("0.0.0.0", "11111")]),
        (TCP, 80, []),
        (TCP6, 9292, [("::1", "55555"), ("::", "66666")]),
        (TCP.splitlines()[0], 9292, []),
        ("", 9292, []),
    ],
)
def test_listeners(table, port, expected):
    assert h.listeners(table, port) == expected


def listen(address, port=0):
    """Listen as servers do: with SO_REUSEADDR, and on :: for IPv4 too."""
    mapped = address.startswith("::ffff:")
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if address == "::" or mapped:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    try:
        listening.bind((address, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


ADDRESSES = ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"]


@pytest.mark.parametrize("one", ADDRESSES)
@pytest.mark.parametrize("other", ADDRESSES)
def test_collide_agrees_with_the_kernel(one, other):
    try:
        first = listen(one)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with first:
        try:
            listen(other, first.getsockname()[1]).close()
            refused = False
        except OSError:
            refused = True
    assert h.collide(one, other) is refused


def test_an_address_of_another_interface_does_not_collide():
    assert not h.collide("192.0.2.1", "192.0.2.2")
    assert h.collide("0.0.0.0", "192.0.2.2")


@pytest.fixture
def problems(run_module):
    """Run the module; return its message without what it says of this machine as a whole."""

    def run(*listen, **options):
        entries = [{"address": address, "port": port, "variable": "glance_api_port"} for address, port in listen]
        result = run_module("host_check", service="glance-api", listen=entries, **options)
        sentences = result.get("msg", "").partition(" can't be deployed here: ")[2].rstrip(".").split("; ")
        return [each for each in sentences if each and not each.startswith(("this needs root", "this host is not run"))]

    return run


def own_name():
    with open("/proc/self/comm", encoding="utf-8") as handle:
        return f"{handle.read().strip()} (process {os.getpid()})"


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_held_port_is_refused_and_its_program_named(problems, address):
    with listen("127.0.0.1") as listening:
        port = listening.getsockname()[1]
        assert problems((address, port)) == [
            f"port {port} should be free for glance-api but {own_name()} listens there: "
            f"stop it or set glance_api_port to another port"
        ]
        # Only that address, and only as long as somebody listens.
        assert problems(("127.0.0.2", port)) == []
    assert problems((address, port)) == []


def test_every_held_port_is_named_at_once(problems):
    with listen("127.0.0.1") as one, listen("127.0.0.1") as other:
        ports = [listening.getsockname()[1] for listening in (one, other)]
        found = problems(*(("127.0.0.1", port) for port in ports))
    assert [sentence.split(" should")[0] for sentence in found] == [f"port {port}" for port in ports]


def test_a_port_that_the_service_itself_holds_is_free_for_it(monkeypatch):
    with listen("127.0.0.1") as listening:
        given = {"address": "127.0.0.1", "port": listening.getsockname()[1], "variable": "x"}
        monkeypatch.setattr(h, "holder", lambda _inode: ("uwsgi", "0::/system.slice/glance-api.service\n"))
        assert h.port_problems("glance-api", ["glance-proxy.service", "glance-api.service"], given) == []
        assert len(h.port_problems("glance-registry", ["glance-registry.service"], given)) == 1
        assert len(h.port_problems("api", ["api.service"], given)) == 1


def test_a_socket_of_nobody_has_a_holder_without_a_name():
    assert h.holder("0") == ("another program", "")


@pytest.mark.parametrize("address", ["no such name", "a..b", "host.invalid"])
def test_an_address_that_is_none_gives_a_sentence(problems, address):
    (found,) = problems((address, 9292))
    assert found.startswith(f"the address {address} can't be looked up on this host: ")


@pytest.fixture
def good_host(monkeypatch):
    """Make this machine one that is run by systemd and by root, which a test can't bring about."""
    monkeypatch.setattr(h.os, "geteuid", lambda: 0)
    real = os.path.isdir
    monkeypatch.setattr(h.os.path, "isdir", lambda path: path == "/run/systemd/system" or real(path))


def test_a_good_host_passes(run_module, good_host):
    result = run_module("host_check", service="glance-api")
    assert (result["changed"], result["missing_packages"]) == (False, [])


@pytest.mark.parametrize(
    ("root", "systemd", "expected"),
    [(False, True, "this needs root: "), (True, False, "this host is not run by systemd: ")],
)
def test_a_host_that_can_not_take_a_service_is_refused(run_module, good_host, monkeypatch, root, systemd, expected):
    monkeypatch.setattr(h.os, "geteuid", lambda: 0 if root else 1000)
    if not systemd:
        monkeypatch.setattr(h.os.path, "isdir", lambda path: path != "/run/systemd/system")
    message = run_module("host_check", service="glance-api")["msg"]
    assert message.startswith(f"glance-api can't be deployed here: {expected}")
    assert ";" not in message


DEBIAN = pytest.mark.skipif(not os.path.exists("/var/lib/dpkg/status"), reason="no Debian packages on this machine")


@DEBIAN
def test_missing_packages(run_module, good_host):
    names = ["dpkg", "no-such-package", "libc6", "dpk", "dpkg-no"]
    result = run_module("host_check", service="glance-api", packages=names)
    assert result["missing_packages"] == ["no-such-package", "dpk", "dpkg-no"]


@pytest.mark.parametrize(
    ("status", "missing"),
    [
        ("install ok installed", False),
        ("hold ok installed", False),
        ("deinstall ok config-files", True),
        ("install ok unpacked", True),
        ("install ok half-configured", True),
        ("install reinstreq half-installed", True),
    ],
)
def test_only_installed_packages_count(tmp_path, monkeypatch, status, missing):
    text = (
        f"Package: qemu-utils\nStatus: {status}\nPriority: optional\nArchitecture: amd64\nDescription: x\n"
        " Status: install ok installed\n\nPackage: other\nStatus: install ok installed\nProvides: qemu-utils\n"
    )
    (tmp_path / "status").write_text(text)
    monkeypatch.setattr("builtins.open", lambda _path, real=open, **options: real(tmp_path / "status", **options))
    found = h.missing_packages(["qemu-utils", "other"])
    monkeypatch.undo()
    assert found == (["qemu-utils"] if missing else [])


def test_what_a_host_has_is_told_by_its_records(run_module, good_host, tmp_path):
    for name in ("glance-scrubber.json", "glance-api.json", "tmp1234"):
        (tmp_path / name).touch()
    assert run_module("host_check", service="glance-api", record_directory=str(tmp_path))["deployed"] == [
        "glance-api",
        "glance-scrubber",
    ]
    none = run_module("host_check", service="glance-api", record_directory=str(tmp_path / "none"))
    assert none["deployed"] == []


class Accounts:
    """Stands for pwd and grp: accounts by name and number."""

    def __init__(self, **numbers):
        self.numbers = numbers

    def by_name(self, name):
        return (name, "x", self.numbers[name])

    def by_number(self, number):
        return next((name, "x", number) for name, other in self.numbers.items() if other == number)


@pytest.mark.parametrize(
    ("users", "groups", "said"),
    [
        ({}, {}, []),
        ({"glance": 790}, {"glance": 790}, []),
        ({"glance": 998}, {"glance": 790}, ["the user glance should have the number 790, found 998"]),
        ({"glance": 790}, {"glance": 998}, ["the group glance should have the number 790, found 998"]),
        ({"backup": 790}, {}, ["the number 790 should be free for the user glance, found backup with it"]),
        ({}, {"backup": 790}, ["the number 790 should be free for the group glance, found backup with it"]),
    ],
)
def test_a_number_that_is_not_the_users_is_refused(monkeypatch, users, groups, said):
    for module, known, kind in ((h.pwd, Accounts(**users), "pw"), (h.grp, Accounts(**groups), "gr")):

        def by_number(number, known=known):
            try:
                return known.by_number(number)
            except StopIteration:
                raise KeyError(number) from None

        monkeypatch.setattr(module, f"get{kind}nam", known.by_name)
        monkeypatch.setattr(module, "getpwuid" if kind == "pw" else "getgrgid", by_number)
    assert [sentence.partition(": ")[0] for sentence in h.user_problems("glance", 790)] == said


@pytest.mark.parametrize(("name", "home", "pending"), [("nobody", "/nonexistent", False), ("nobody", "/x", True)])
def test_a_user_that_is_right_is_left_alone(name, home, pending):
    assert h.user_pending(name, home) is pending
    assert h.user_pending("no such user", home) is True


def test_mounts_are_looked_at_only_if_given(run_module, good_host, tmp_path):
    assert "pending_mounts" not in run_module("host_check", service="glance-api")
    units = str(tmp_path)
    assert run_module("host_check", service="glance-api", mounts=[], unit_directory=units)["pending_mounts"] == []
    mount = {"path": str(tmp_path / "x"), "src": "nas:/x", "fstype": "nfs4"}
    found = run_module("host_check", service="glance-api", mounts=[mount], unit_directory=units)
    assert found["pending_mounts"] == [mount["path"]]


@pytest.mark.parametrize(
    ("link", "newer", "refused"),
    [
        ("2026.2-0123456789ab", ["2026.2", "2026.1"], True),
        ("2025.2-0123456789ab", ["2026.2", "2026.1"], False),
        ("2025.1-0123456789ab", ["2026.2", "2026.1"], False),
        ("ussuri-0123456789ab", ["2026.2", "2026.1"], False),
        ("2026.2-0123456789ab", [], False),
        (None, ["2026.2", "2026.1"], False),
    ],
)
def test_release_that_is_older_than_the_deployed_one_is_refused(tmp_path, link, newer, refused):
    current = tmp_path / "current"
    if link:
        current.symlink_to(tmp_path / link)
    (*problems,) = h.release_problems("2025.2", newer, str(current))
    assert len(problems) == refused
    if refused:
        assert "glance_release should be 2026.2 or newer, found 2025.2" in problems[0]


def test_module_refuses_an_older_release(run_module, tmp_path):
    (tmp_path / "current").symlink_to(tmp_path / "2026.2-0123456789ab")
    given = {"service": "glance-api", "release": "2025.2", "link": str(tmp_path / "current")}
    refused = run_module("host_check", **given, newer_releases=["2026.2"])
    assert refused["failed"]
    assert "glance_release should be 2026.2 or newer, found 2025.2" in refused["msg"]
    assert "glance_release" not in run_module("host_check", **given).get("msg", "")


def test_a_file_that_an_option_names_has_to_be_there(good_host, run_module, tmp_path):
    there, absent = tmp_path / "there.conf", tmp_path / "absent.conf"
    there.write_text("")
    named = [
        {"option": "[DEFAULT] property_protection_file", "path": str(there)},
        {"option": "x", "path": "there.conf"},
    ]
    assert not run_module("host_check", service="glance-api", home=str(tmp_path), named_files=named)["changed"]
    named[0]["path"] = str(absent)
    message = run_module("host_check", service="glance-api", named_files=named[:1])["msg"]
    assert (
        f"[DEFAULT] property_protection_file should name a file of this host, found no {absent}: have it made by "
        "glance_files"
    ) in message


def test_a_file_on_a_mount_is_looked_for_once_that_is_there_and_answers(good_host, run_module, tmp_path, monkeypatch):
    place = tmp_path / "shared"
    named = [{"option": "[DEFAULT] property_protection_file", "path": str(place / "p.conf")}]
    given = {
        "mounts": [{"path": str(place), "src": "nas:/x", "fstype": "nfs4"}],
        "unit_directory": str(tmp_path),
        "named_files": named,
    }
    assert run_module("host_check", service="glance-api", **given)["pending_mounts"] == [str(place)]
    monkeypatch.setattr(h.mounts, "pending", lambda *_: [])
    assert f"found no {place}/p.conf" in run_module("host_check", service="glance-api", **given)["msg"]
    monkeypatch.setattr(h.mounts, "problems", lambda *_: ["it does not answer"])
    message = run_module("host_check", service="glance-api", **given)["msg"]
    assert message == "glance-api can't be deployed here: it does not answer."
