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
        ("swift+config://main/c/x", "swift", ""),
        ("swift+config://other/c/x", "swift", "the account other of the store swift"),
        ("swift+config://main/c/x", "fast", "the account main of the store fast"),
        # Of a release before stores had names.
        ("swift+config://main/c/x", "", ""),
        ("swift+config://other/c/x", "", "the account other"),
        # Encrypted.
        ("bm90IGEgVVJJ", "fast", ""),
        ("bm90IGEgVVJJ", "gone", "the store gone"),
    ],
)
def test_data_is_out_of_reach_without_its_store_or_directory(program, disk, uri, store, place):
    found = program.unreached(
        [(uri.format(disk), store)], {"fast", "objects", "swift"}, {str(disk / "images")}, {"swift": {"main": {}}}
    )
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


WANTED = """
[DEFAULT]
enabled_backends = a:s3, b:s3, f:file, w:swift, m:swift
[a]
s3_store_access_key = one
s3_store_secret_key = A$$B
[b]
s3_store_access_key = two
s3_store_secret_key = A$$B
[w]
swift_store_config_file = {folder}/account
default_swift_reference = w
[m]
swift_store_multi_tenant = true
[database]
connection = mysql://h/glance
"""
ACCOUNT = '[w]\nauth_address = "https://k/v3"\nuser = "p:swift"\nkey = "H%%@ "\n'
LOCATIONS = [
    ("s3://one:A$B@h/b/1", "a"),
    ("s3+https://one:A$B@h/b/2", "a"),
    ("s3+https://h/b/3", "a"),
    ("file:///var/lib/glance/images/x", "f"),
    ("swift+https://p%3Aswift:H%25%40%20@h/v3/c/1", "w"),
    ("swift+config://w/c/2", "w"),
    ("swift+https://h/v1/AUTH_x/c/2", "m"),
]


class NotFoundError(Exception):
    """What glance_store raises."""


@pytest.fixture
def storage(program, monkeypatch):
    """Stores, as glance_store reads them: by URI, the error that it raises."""
    errors = {}

    def get(uri, store):
        if error := errors.get(uri):
            raise error
        return iter([b"x"]), 1

    conf = types.SimpleNamespace(import_opt=lambda *_names: None)
    known = types.SimpleNamespace(CONF=conf, parse_args=lambda args: None)
    modules = {
        "glance": types.ModuleType("glance"),
        "glance.common": types.SimpleNamespace(config=known),
        "glance_store": types.SimpleNamespace(
            exceptions=types.SimpleNamespace(NotFound=NotFoundError),
            multi_backend=types.SimpleNamespace(get=get),
            register_store_opts=lambda conf: None,
            create_multi_stores=lambda conf: None,
        ),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return errors


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ({}, []),
        ({1: NotFoundError}, []),
        (dict.fromkeys(range(1, 6), NotFoundError), ["the store s", "none of the last 3", "glance_abandon_images"]),
        # The oldest ones are not asked for.
        (dict.fromkeys(range(3), NotFoundError), []),
        # It can't be asked, which another check tells.
        ({5: ValueError, 4: NotFoundError, 3: NotFoundError}, []),
    ],
)
def test_a_store_with_none_of_its_images_is_refused(program, storage, tmp_path, capsys, errors, told):
    (tmp_path / "new.conf").write_text(
        "[DEFAULT]\nenabled_backends = s:s3\n[database]\nconnection = mysql://h/glance\n"
    )
    program.read = lambda _connection: [(f"s3://h/b/{number}", "s") for number in range(1, 6)]
    storage.update({f"s3://h/b/{number}": error("no") for number, error in errors.items()})
    assert program.main(f"{tmp_path}/new.conf", "2026.2", "") == bool(told)
    said = capsys.readouterr().err
    assert [part for part in told if part not in said] == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("", "", []),
        ("key = one", "key = three", ["the store a", "2 images:", "s3 is asked"]),
        ("key = A$$B", "key = OTHER", ["the store a", "2 images:", "glance_scrubber"]),
        ("H%%@ ", "OTHER", ["the store w", "1 image:", "swift is asked"]),
        ("p:swift", "p:other", ["the store w"]),
        # Nothing lies there.
        ("key = two", "key = three", []),
        # Another store, or another kind of it: told as one that has gone, where images lie.
        ("a:s3", "c:s3", ["in the store a (3)"]),
    ],
)
@pytest.mark.usefixtures("storage")
def test_other_keys_are_refused_while_images_need_those_of_now(program, tmp_path, capsys, before, after, told):
    (tmp_path / "new.conf").write_text(WANTED.replace("{folder}", str(tmp_path)).replace(before, after, 1))
    (tmp_path / "account").write_text(ACCOUNT.replace(before, after, 1))
    program.read = lambda _connection: LOCATIONS
    wrong = program.main(f"{tmp_path}/new.conf", "2025.1", "s3,swift")
    said = capsys.readouterr().err
    assert wrong == bool(told)
    assert [part for part in told if part not in said] == []
    assert len(said.splitlines()) == bool(told)
    assert not any(secret in said for secret in ("A$", "OTHER", "H%"))
    # With a scrubber, and with a release that goes by the keys of the configuration.
    if "keys" in said:
        assert program.main(f"{tmp_path}/new.conf", "2026.2", "") == 0


def test_keys_are_looked_for_in_encrypted_locations(program, tmp_path, capsys, monkeypatch):
    crypt = types.SimpleNamespace(urlsafe_decrypt=lambda key, text: f"s3://{text}:{key}@h/b/1")
    monkeypatch.setitem(sys.modules, "glance", types.ModuleType("glance"))
    monkeypatch.setitem(sys.modules, "glance.common", types.SimpleNamespace(crypt=crypt))
    monkeypatch.setattr(program, "is_elsewhere", lambda *_asked: False)
    text = WANTED.replace("[DEFAULT]", "[DEFAULT]\nmetadata_encryption_key = A$$B").replace("{folder}", str(tmp_path))
    (tmp_path / "new.conf").write_text(text)
    (tmp_path / "account").write_text(ACCOUNT)
    program.read = lambda _connection: [("one", "a"), ("two", "b"), ("three", "b")]
    assert program.main(f"{tmp_path}/new.conf", "2025.1", "s3") == 1
    assert "the store b" in capsys.readouterr().err


def test_sentence_counts_and_holds_no_secret(program):
    places = program.unreached([("s3://k:SECRET@h/b/1", "gone"), ("s3://k:SECRET@h/b/2", "gone")], [], set(), {})
    said = program.sentence(places)
    assert "the store gone (2)" in said
    assert "SECRET" not in said
