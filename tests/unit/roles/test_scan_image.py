"""The malware scan of an image, against a daemon on a Unix socket that speaks ClamAV's protocol."""

import contextlib
import datetime
import importlib.util
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import threading

import pytest
import yaml

ROLE = pathlib.Path(__file__).parents[3] / "roles/api"
PROGRAM = ROLE / "files/scan_image.py"
MARK = b"lab malware"
KIB = 1 << 10
NOW = datetime.datetime(2026, 3, 9, 12, tzinfo=datetime.timezone.utc)


class Clamd:
    """Finds MARK in what it is sent, but for what begins as a type that ClamAV does not look into."""

    def __init__(self, path):
        self.path, self.streams, self.version = path, [], "ClamAV 1.4.3/27800/Sun Mar  8 09:00:00 2026"
        # What becomes of the next streams, before it answers as usual: an answer, or None for a closed connection.
        self.mishaps, self.most = [], 1 << 30
        self.listener = None

    def start(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, args=(self.listener,), daemon=True)
        self.thread.start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.path.unlink()
        self.thread.join()

    def serve(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection = listener.accept()[0]
                with connection, connection.makefile("rb") as said, contextlib.suppress(OSError):
                    answer = self.answer(said)
                    if answer is not None:
                        connection.sendall(answer.encode() + b"\0")

    def answer(self, said):
        command = b"".join(iter(lambda: said.read(1), b"\0"))
        if command == b"zPING":
            return "PONG"
        if command == b"zVERSION":
            return self.version
        if command != b"zINSTREAM":
            return "UNKNOWN COMMAND"
        stream = b""
        while (length := struct.unpack(">I", said.read(4))[0]) > 0:
            stream += said.read(length)
            if len(stream) > self.most:
                return "INSTREAM size limit exceeded. ERROR"
        if self.mishaps:
            return self.mishaps.pop(0)
        self.streams.append(stream)
        found = MARK in stream and not stream.startswith(b"OggS")
        return "stream: Test.Lab.UNOFFICIAL FOUND" if found else "stream: OK"


@pytest.fixture
def module(monkeypatch):
    spec = importlib.util.spec_from_file_location("scan_image", PROGRAM)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    for name, value in {
        "WHOLE": 1024 * KIB,
        "WINDOW": 1024 * KIB,
        "OVERLAP": 64 * KIB,
        "PART": 128 * KIB,
        "PATIENCE": 0.2,
        "PAUSE": 0.01,
    }.items():
        monkeypatch.setattr(found, name, value)
    return found


@pytest.fixture
def clamd(tmp_path):
    daemon = Clamd(tmp_path / "clamd.sock")
    daemon.start()
    yield daemon
    with contextlib.suppress(OSError):
        daemon.stop()


@pytest.fixture
def make(tmp_path):
    """Return what makes an image of so many bytes, sparse but for the data at some places."""

    def make(size, places):
        path = tmp_path / "image"
        with open(path, "wb") as handle:
            handle.truncate(size)
            for place, text in places.items():
                handle.seek(place)
                handle.write(text)
        return path

    return make


def scan(module, clamd, path, seconds=30):
    with open(path, "rb") as handle:
        return module.scan(module.Daemon(str(clamd.path), seconds), handle.fileno(), module.WHOLE)


def dense(size):
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


# ---- What is sent --------------------------------------------------------------------------------------------------


def test_small_image_is_sent_as_it_is_and_with_a_lead(module, clamd, make):
    assert scan(module, clamd, make(3, {0: b"abc"})) == ""
    assert clamd.streams == [b"abc", module.LEAD + b"abc"]


@pytest.mark.parametrize(("size", "first"), [(1500, 1500), (1501, 1024)])
def test_image_that_is_not_small_is_sent_as_a_whole_no_more(module, clamd, make, monkeypatch, size, first):
    monkeypatch.setattr(module, "WHOLE", 1500 * KIB)
    scan(module, clamd, make(size * KIB, {0: dense(size * KIB)}))
    assert len(clamd.streams[0]) == first * KIB
    assert [len(stream) < 1024 * KIB + 1 for stream in clamd.streams[1:]] == [True, True]


def test_image_without_data_is_sent_as_it_is_alone(module, clamd, make):
    assert scan(module, clamd, make(100 * KIB, {})) == ""
    assert clamd.streams == [bytes(100 * KIB)]
    assert scan(module, clamd, make(0, {})) == ""
    assert len(clamd.streams) == 1


def test_lead_is_of_no_type_and_windows_are_below_the_limits_of_the_daemon():
    """The real one takes zeros for data of no type, other bytes for a text."""
    spec = importlib.util.spec_from_file_location("scan_image", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert len(module.LEAD) == 4096
    assert not any(module.LEAD)
    lines = [line.split() for line in (ROLE / "templates/clamd.conf.j2").read_text().splitlines()]
    limits = {line[0]: int(line[1][:-1]) << 20 for line in lines if len(line) == 2 and line[1].endswith("M")}
    assert min(limits.values()) > module.WHOLE > module.WINDOW > module.OVERLAP + len(module.LEAD)
    assert limits.keys() == {"StreamMaxLength", "MaxFileSize", "MaxScanSize", "MaxEmbeddedPE", "PCREMaxFileSize"}
    # 2 GiB is the most that ClamAV takes as a file.
    assert limits["MaxFileSize"] < 2 << 30


def test_malware_is_found_behind_a_beginning_that_clamav_does_not_look_into(module, clamd, make):
    assert scan(module, clamd, make(200 * KIB, {0: b"OggS" + MARK})) == "Test.Lab.UNOFFICIAL"
    assert len(clamd.streams) == 2


@pytest.mark.parametrize("place", [1024 * KIB - 5, 1024 * KIB * 2 - 4096 * 2 - 64 * KIB - 5, 2500 * KIB - 11])
def test_malware_is_found_where_windows_meet_and_at_the_end(module, clamd, make, place):
    path = make(2500 * KIB, {0: dense(2500 * KIB), place: MARK})
    assert scan(module, clamd, path) == "Test.Lab.UNOFFICIAL"
    # Not in what is sent as it is: it is cut off there.
    assert MARK not in clamd.streams[0]
    assert all(len(stream) <= module.WINDOW for stream in clamd.streams)


def test_each_byte_of_data_is_sent_behind_a_lead(module, clamd, make):
    text = os.urandom(2300 * KIB)
    scan(module, clamd, make(2300 * KIB, {0: text}))
    first, *others = clamd.streams
    assert first == text[: 1024 * KIB]
    assert all(stream.startswith(module.LEAD) for stream in others)
    bodies = [stream[len(module.LEAD) :] for stream in others]
    joined = bodies[0] + b"".join(body[module.OVERLAP :] for body in bodies[1:])
    assert joined == text


def test_holes_and_zeros_are_left_out(module, clamd, make):
    # One hole, and as many zeros that are written.
    path = make(
        1 << 30, {0: b"a", 100 << 20: dense(200 * KIB), 200 << 20: bytes(300 * KIB), (200 << 20) + 300 * KIB: MARK}
    )
    assert scan(module, clamd, path) == "Test.Lab.UNOFFICIAL"
    assert len(clamd.streams) == 2
    assert sum(map(len, clamd.streams[1:])) < 1024 * KIB
    # What lay apart does not touch.
    assert clamd.streams[1].count(module.LEAD) >= 3


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ({}, []),
        ({0: b"x"}, [(0, 65536)]),
        ({70000: b"x"}, [(65536, 131072)]),
        ({60000: b"x" * 10000}, [(0, 131072)]),
        ({0: b"x", 200000: b"x"}, [(0, 65536), (196608, 262144)]),
        # To the end, which is in the middle of a block.
        ({299999: b"x"}, [(262144, 300000)]),
    ],
)
def test_where_data_lies(module, make, places, found):
    with open(make(300000, places), "rb") as handle:
        assert list(module.extents(handle.fileno(), 300000)) == found


def test_where_data_lies_on_a_file_system_that_does_not_tell_holes(module, make, monkeypatch):
    def untold(*_arguments):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(module.os, "lseek", untold)
    with open(make(300000, {70000: b"x"}), "rb") as handle:
        assert list(module.extents(handle.fileno(), 300000)) == [(65536, 131072)]


def test_windows_of_many_small_extents_are_full(module):
    extents = [(place, place + 64 * KIB) for place in range(0, 8192 * KIB, 128 * KIB)]
    found = list(module.windows(extents))
    assert [place for window in found for place in window] == extents
    sizes = [sum(end - start + len(module.LEAD) for start, end in window) for window in found]
    assert max(sizes) <= module.WINDOW
    assert len(found) == 5


def test_an_extent_that_does_not_fit_in_what_is_left_is_cut_with_an_overlap(module):
    wide, long = (0, 1000 * KIB), (1100 * KIB, 1900 * KIB)
    # Too little is left for a part of it.
    assert list(module.windows([wide, long])) == [[wide], [long]]
    short = (0, 800 * KIB)
    cut = 1100 * KIB + 224 * KIB - 2 * len(module.LEAD)
    assert list(module.windows([short, long])) == [[short, (1100 * KIB, cut)], [(cut - module.OVERLAP, 1900 * KIB)]]


# ---- What the daemon says ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("stream: OK", ""),
        ("stream: Win.Test.EICAR_HDB-1 FOUND", "Win.Test.EICAR_HDB-1"),
        ("stream: Can't allocate memory ERROR", "found: stream: Can't allocate memory ERROR"),
        ("INSTREAM size limit exceeded. ERROR", "found: INSTREAM size limit exceeded. ERROR"),
        ("stream: Heuristics.Limits.Exceeded.MaxScanTime FOUND", "found that it did not: Heuristics.Limits"),
    ],
)
def test_answers(module, said, found):
    if "found" in found:
        with pytest.raises(module.ScanError, match="ClamAV's daemon should") as told:
            module.finding(said)
        assert found in str(told.value)
    else:
        assert module.finding(said) == found


def test_a_part_that_was_left_out_is_told_unless_there_is_malware(module, clamd, make):
    limit = "stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND"
    clamd.mishaps = [limit]
    with pytest.raises(module.ScanError, match="should scan all of the image"):
        scan(module, clamd, make(3, {0: b"abc"}))
    # The others were looked at all the same.
    assert len(clamd.streams) == 1
    clamd.mishaps = [limit]
    assert scan(module, clamd, make(20, {0: MARK})) == "Test.Lab.UNOFFICIAL"


def test_a_daemon_that_takes_less_than_a_window_says_so(module, clamd, make):
    clamd.most = 200 * KIB
    with pytest.raises(module.ScanError, match="INSTREAM size limit exceeded"):
        scan(module, clamd, make(1024 * KIB, {0: dense(1024 * KIB)}))


def test_a_daemon_that_is_restarted_gets_the_window_once_more(module, clamd, make):
    clamd.mishaps = [None]
    assert scan(module, clamd, make(20, {0: MARK})) == "Test.Lab.UNOFFICIAL"
    assert clamd.streams == [MARK + bytes(9)]


def test_a_daemon_that_ends_each_time_is_not_asked_for_ever(module, clamd, make):
    clamd.mishaps = [None] * 10
    with pytest.raises(module.ScanError, match="should answer, found 3 times: it closed the connection"):
        scan(module, clamd, make(20, {0: MARK}))
    assert len(clamd.mishaps) == 7


def test_a_daemon_that_comes_back_is_waited_for(module, clamd, make, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 30)
    clamd.stop()
    asked = threading.Event()

    class Watched(module.Daemon):
        def wait(self):
            asked.set()
            super().wait()

    found = []
    path = make(20, {0: MARK})

    def look():
        with open(path, "rb") as handle:
            found.append(module.scan(Watched(str(clamd.path), 30), handle.fileno(), module.WHOLE))

    thread = threading.Thread(target=look)
    thread.start()
    assert asked.wait(30)
    clamd.start()
    thread.join(30)
    assert found == ["Test.Lab.UNOFFICIAL"]


def test_a_daemon_that_does_not_answer_in_time_is_told(module, tmp_path, make):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        with open(make(3, {0: b"abc"}), "rb") as handle, pytest.raises(module.ScanError, match="within 1 s"):
            module.scan(module.Daemon(str(tmp_path / "silent"), 1), handle.fileno(), module.WHOLE)


def test_an_image_that_becomes_shorter_is_told(module, clamd, make):
    path = make(300 * KIB, {0: dense(300 * KIB)})
    with open(path, "rb") as handle:
        parts = module.data(handle.fileno(), 0, 300 * KIB)
        next(parts)
        os.truncate(path, KIB)
        with pytest.raises(module.ScanError, match="became shorter"):
            list(parts)


@pytest.mark.parametrize(
    ("said", "days", "found"),
    [
        ("ClamAV 1.4.3/27800/Sun Mar  8 09:00:00 2026", 7, None),
        ("ClamAV 1.4.3/27800/Mon Mar  2 12:00:01 2026", 7, None),
        ("ClamAV 1.4.3/27800/Mon Mar  2 11:59:59 2026", 7, "7 days old at most, found those of 2026-03-02"),
        ("ClamAV 1.4.3/27800/Tue Jun 22 00:00:00 2021", 0, None),
        ("ClamAV 1.4.3", 7, "found none with a date: ClamAV 1.4.3"),
        ("COMMAND UNAVAILABLE", 7, "found none with a date"),
        ("ClamAV 1.4.3", 0, None),
    ],
)
def test_how_old_signatures_may_be(module, said, days, found):
    if found:
        with pytest.raises(module.ScanError, match="signatures should be") as told:
            module.check_age(said, days, NOW)
        assert found in str(told.value)
    else:
        module.check_age(said, days, NOW)


# ---- The program ---------------------------------------------------------------------------------------------------


def run(clamd, *arguments, days="0", seconds="30"):
    options = [f"--socket={clamd.path}", f"--max-age-days={days}", f"--timeout={seconds}"]
    return subprocess.run(
        [sys.executable, str(PROGRAM), *options, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_program_says_what_was_found_as_a_check_does(clamd, make):
    found = run(clamd, make(20, {0: MARK}))
    assert (found.returncode, found.stdout) == (1, "Malware was found in the image: Test.Lab.UNOFFICIAL.\n")
    clean = run(clamd, make(20, {0: b"text"}))
    assert (clean.returncode, clean.stdout, clean.stderr) == (0, "", "")


def test_program_sends_no_more_as_a_whole_than_it_is_told(clamd, make):
    path = make(20 << 20, {0: dense(20 << 20)})
    run(clamd, path)
    run(clamd, "--whole=100", path)
    assert [len(stream) for stream in clamd.streams if not stream.startswith(bytes(4096))] == [20 << 20, 16 << 20]


def test_program_does_not_judge_with_old_signatures(clamd, make):
    clamd.version = "ClamAV 1.4.3/26000/Tue Jun 22 00:00:00 2021"
    old = run(clamd, make(20, {0: MARK}), days="7")
    assert (old.returncode, old.stdout) == (2, "")
    assert old.stderr.startswith("scan_image: signatures should be 7 days old at most, found those of 2021-06-22")
    assert clamd.streams == []


def test_program_says_whether_an_image_could_be_scanned(clamd):
    assert run(clamd).returncode == 0
    clamd.stop()
    away = run(clamd, seconds="0.1")
    assert away.returncode == 2
    assert "scan_image: ClamAV's daemon should answer at" in away.stderr
    assert "found: No such file or directory. See 'journalctl -u glance-clamd -u glance-scan-proxy'" in away.stderr


def test_program_says_that_there_is_no_image(clamd):
    found = run(clamd, "/no/such/image")
    assert found.returncode == 2
    assert "No such file or directory" in found.stderr


def test_the_check_calls_the_program_with_options_that_it_has(clamd, make):
    scan_of_role = yaml.safe_load((ROLE / "vars/main/scan.yml").read_text())["__glance_scan"]
    *_python, socket_option, age_option = scan_of_role["program"]
    assert [option.partition("=")[0] for option in (socket_option, age_option)] == ["--socket", "--max-age-days"]
    assert "--timeout=" in scan_of_role["check"]["argv"]
    # No window is larger than what a daemon of others takes by default.
    assert scan_of_role["kinds"]["elsewhere"]["options"] == [f"--whole={16 << 20}"]


# ---- Signatures of the operator's own ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        ("/etc/hostname: OK", 0, None),
        ("LibClamAV Error: Can't load own.ndb: Malformed database\nERROR: Malformed database", 2, "Can't load own.ndb"),
        # It ends well with these.
        ("LibClamAV Error: yyerror(): line 1 syntax error\n/etc/hostname: OK", 0, "syntax error"),
        ("LibClamAV Warning: cli_load: unknown extension - skipping own.txt", 0, "unknown extension"),
        ("ERROR: Can't allocate memory", 2, "clamscan failed"),
    ],
)
def test_signatures_that_clamav_can_not_load_are_refused(tmp_path, said, code, reason):
    (validator,) = yaml.safe_load((ROLE / "vars/main/scan.yml").read_text())["__glance_scan"]["validators"]
    program = tmp_path / "clamscan"
    program.write_text(
        f'#!/bin/sh\ntest "$2" = --database=/staged/signatures || exit 99\ncat <<"END"\n{said}\nEND\nexit {code}\n'
    )
    program.chmod(0o755)
    argv = [argument.replace("@staged@", "/staged") for argument in validator["argv"]]
    ended = subprocess.run(argv, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert (ended.returncode != 0) == (reason is not None)
    told = "; ".join(re.findall(validator["reason"], ended.stdout, re.MULTILINE))
    assert (reason or "") in told


@pytest.mark.parametrize("kind", ["own", "updated", "elsewhere"])
def test_each_kind_of_scan_runs_its_units_and_no_other(kind):
    data = yaml.safe_load((ROLE / "vars/main/scan.yml").read_text())["__glance_scan"]
    found = data["kinds"][kind]
    lists = re.findall(r"__glance_scan\.(\w*files)", found["files"])
    paths = [item["path"] for name in ("files", *lists) for item in data[name]]
    units = [path.rpartition("/")[2] for path in paths if path.startswith("/etc/systemd/system/")]
    assert sorted(units) == sorted(found["unit_files"])
    assert set(found["units"]) <= set(units)
    # What does not run is off, also where it ran before.
    assert sorted([*found["units"], *found["stopped_units"]]) == sorted(data["own_units"])
