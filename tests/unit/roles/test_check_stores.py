"""What the program that looks for images out of reach takes for that."""

import importlib.util
import pathlib
import sys
import types

import pytest

PROGRAM = pathlib.Path(__file__).parents[3] / "roles/api/files/check_stores.py"


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("check_stores", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # Judging needs no database.
        patch.setitem(sys.modules, "sqlalchemy", types.ModuleType("sqlalchemy"))
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "images")
    return tmp_path


@pytest.mark.parametrize(
    ("uri", "store", "place"),
    [
        ("file://{}/images/x", "fast", ""),
        # Glance goes by the directory, whatever the record calls the store.
        ("file://{}/images/x", "gone", ""),
        ("file://{}/images/x", "", ""),
        ("filesystem://{}/images/x", "fast", ""),
        # The old path of what was moved leads to the new one.
        ("file://{}/link/x", "fast", ""),
        ("file://{}/old/x", "fast", "the directory {}/old"),
        ("file://{}/images/below/x", "fast", "the directory {}/images/below"),
        ("s3+https://key:secret@host/bucket/x", "objects", ""),
        ("s3+https://key:secret@host/bucket/x", "gone", "the store gone"),
        ("swift://host/c/x", "", ""),
        # Encrypted.
        ("bm90IGEgVVJJ", "fast", ""),
        ("bm90IGEgVVJJ", "gone", "the store gone"),
    ],
)
def test_data_is_out_of_reach_without_its_store_or_directory(program, disk, uri, store, place):
    found = program.unreached([(uri.format(disk), store)], {"fast", "objects"}, {str(disk / "images")})
    assert found == ([place.format(disk)] if place else [])


def test_directories_are_those_of_file_stores(program, disk, tmp_path):
    config = program.configparser.RawConfigParser(
        strict=False, interpolation=None, delimiters="=", dict_type=program.Repeated
    )
    config.read_string(
        "[DEFAULT]\nenabled_backends = a:file, b:file ,c:s3\n[c]\nfilesystem_store_datadir = /not/this\n"
        f"[a]\nfilesystem_store_datadirs = {disk}/link:10\nfilesystem_store_datadirs = /y\n"
    )
    drivers = program.drivers_of(config.get("DEFAULT", "enabled_backends"))
    assert drivers == {"a": "file", "b": "file", "c": "s3"}
    assert program.folders(config, drivers) == {str(disk / "images"), "/y", "/var/lib/glance/images"}


PRESENT = """
[DEFAULT]
enabled_backends = a:s3, b:s3, f:file, w:swift, c:swift
[a]
s3_store_access_key = one
s3_store_secret_key = SECRET
[b]
s3_store_access_key = two
s3_store_secret_key = SECRET
[f]
filesystem_store_datadir = /srv
[w]
swift_store_user = p:swift
swift_store_key = HIDDEN
[c]
swift_store_config_file = /etc/glance/swift.conf
swift_store_key = unused
[database]
connection = mysql://h/glance
"""


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("", "", []),
        ("one", "three", ["the store a", "2 images:"]),
        ("= SECRET", "= OTHER", ["the store a", "2 images:", "it asks s3", "2026.2 first"]),
        ("= HIDDEN", "= OTHER", ["the store w", "1 image:", "it asks swift", "copy-image"]),
        ("p:swift", "p:other", ["the store w"]),
        ("unused", "other", []),
        # Nothing lies there.
        ("two", "three", []),
        # Another store, or another kind of it: told as one that has gone, where images lie.
        ("a:s3", "c:s3", ["in the store a (2)"]),
        ("filesystem_store_datadir = /srv", "filesystem_store_datadir = /srv/", []),
    ],
)
def test_other_keys_of_s3_are_refused_while_images_need_those_of_now(program, tmp_path, capsys, before, after, told):
    (tmp_path / "now.conf").write_text(PRESENT)
    (tmp_path / "new.conf").write_text(PRESENT.replace(before, after, 1) if before else PRESENT)
    program.read = lambda _connection: [
        ("s3://one:SECRET@h/b/1", "a"),
        ("bm90IGEgVVJJ", "a"),
        ("swift+https://p%3Aswift:HIDDEN@h/v3/c/1", "w"),
        ("swift+config://ref/c/2", "c"),
    ]
    wrong = program.main(f"{tmp_path}/new.conf", f"{tmp_path}/now.conf", "2025.1", "s3,swift")
    said = capsys.readouterr().err
    assert wrong == bool(told)
    assert [part for part in told if part not in said] == []
    assert len(said.splitlines()) == bool(told)
    assert "SECRET" not in said
    assert "OTHER" not in said
    assert "HIDDEN" not in said
    # A host that is new, and a release that goes by the keys of the configuration.
    if "keys" in said:
        assert program.main(f"{tmp_path}/new.conf", f"{tmp_path}/nothing", "2025.1", "s3,swift") == 0
        assert program.main(f"{tmp_path}/new.conf", f"{tmp_path}/now.conf", "2026.2", "") == 0


def test_sentence_counts_and_holds_no_secret(program):
    places = program.unreached([("s3://k:SECRET@h/b/1", "gone"), ("s3://k:SECRET@h/b/2", "gone")], [], set())
    said = program.sentence(places)
    assert "the store gone (2)" in said
    assert "SECRET" not in said
