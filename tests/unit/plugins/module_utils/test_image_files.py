import hashlib

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils.image_files import (
    Image,
    Place,
    connection_of,
    fault_of,
    file_stores,
    images_in,
    read_options,
)

CONFIG = """\
# enabled_backends = no:file
[DEFAULT]
enabled_backends = fast:file, many : file,s3:s3
[database]
connection = mysql://glance:a$$b=c:d@h/glance?x=y
[fast]
filesystem_store_datadir = /srv/fast/
[many]
filesystem_store_datadir =
filesystem_store_datadirs = /srv/a:100
filesystem_store_datadirs: /srv/b
[other]
text = one
  two
quoted = " x "
"""
STORES = {"fast": ["/srv/fast"], "many": ["/srv/a", "/srv/b"]}


def test_options_are_read_as_the_service_does():
    options = read_options(CONFIG)
    assert options["many"]["filesystem_store_datadirs"] == ["/srv/a:100", "/srv/b"]
    assert options["other"] == {"text": ["one\ntwo"], "quoted": [" x "]}
    assert connection_of(options) == "mysql://glance:a$b=c:d@h/glance?x=y"
    assert file_stores(options) == STORES


def test_a_file_store_without_a_directory_has_that_of_glance():
    options = read_options("[DEFAULT]\nenabled_backends = file:file\n")
    assert file_stores(options) == {"file": ["/var/lib/glance/images"]}
    assert connection_of(options) == ""
    assert file_stores(read_options("")) == {}


def image(status="active", **more):
    return {"id": "i", "status": status, "size": "3", "checksum": "m", "deleted": "0", **more}


def location(value="file:///srv/fast/i", status="active", deleted="0", meta_data='{"store": "fast"}'):
    return {"image_id": "i", "value": value, "status": status, "deleted": deleted, "meta_data": meta_data}


FAST, OPTIONAL = Place("fast", "/srv/fast/i", True), Place("fast", "/srv/fast/i", False)
SEVERAL = [location(), location("file:///srv/b/i")]
# What is in the tables: (image, its locations), the places that are wanted and the other stores.
CASES = {
    "active": ((image(), [location()]), [FAST], []),
    "deactivated": ((image("deactivated"), [location()]), [FAST], []),
    "active in PostgreSQL": ((image(deleted="f"), [location(deleted="f")]), [FAST], []),
    "waits for the scrubber": (
        (image("pending_delete"), [location(status="pending_delete", deleted="1")]),
        [OPTIONAL],
        [],
    ),
    "one of its locations waits": ((image(), [location(status="pending_delete", deleted="1")]), [OPTIONAL], []),
    "a location that is gone": ((image(), [location(status="deleted", deleted="1")]), [], []),
    "a location that was taken away": ((image(), [location(deleted="t")]), [], []),
    "in two stores": ((image(), SEVERAL), [FAST, Place("many", "/srv/b/i", True)], []),
    "the same twice": ((image(), [location(), location()]), [FAST], []),
    "in another store": ((image(), [location("s3://k@h/i", meta_data='{"store": "s3"}')]), [], ["s3"]),
    "in a store without a name": ((image(), [location("swift://h/i", meta_data="{}")]), [], ["swift"]),
    "a file of the host": ((image(), [location("file:///etc/shadow", meta_data="no")]), [], ["file"]),
    "a file beside the store": ((image(), [location("file:///srv/fast/../i", meta_data=None)]), [], ["file"]),
    "a file below the store": ((image(), [location("file:///srv/fast/x/i", meta_data="[]")]), [], ["file"]),
    "encrypted": ((image(), [location("Zm9v")]), [FAST], []),
    "encrypted, in the second directory": (
        (image(), [location("Zm9v", meta_data='{"store": "many"}')]),
        [Place("many", "/srv/b/i", True)],
        [],
    ),
    "without data": ((image(), []), [], []),
}
NO_IMAGE = ["queued", "saving", "uploading", "importing", "deleted", "killed"]


def tables(row, locations):
    return {"alembic_version": [], "images": [row], "image_locations": locations}


@pytest.mark.parametrize(("given", "places", "elsewhere"), CASES.values(), ids=CASES)
def test_a_dump_says_what_data_there_is(given, places, elsewhere):
    (found,) = images_in(tables(*given), STORES, lambda path: path == "/srv/b/i")
    assert (found.places, found.elsewhere) == (places, elsewhere)
    assert (found.size, found.hashed_by) == (3, ("md5", "m"))


@pytest.mark.parametrize("status", NO_IMAGE)
def test_an_image_that_is_not_there_yet_or_any_more_has_no_data(status):
    assert images_in(tables(image(status), [location()]), STORES) == []


def hashed(data, algorithm="sha512", size=True):
    value = hashlib.new(algorithm, data).hexdigest()
    return Image("i", "active", len(data) if size else None, hashlib.md5(data).hexdigest(), algorithm, value)


FAULTS = {
    "whole": (hashed(b"data"), b"data", ""),
    "by another hash": (hashed(b"data", "sha256"), b"data", ""),
    "without a size": (hashed(b"data", size=False), b"data", ""),
    "a flipped bit": (hashed(b"data"), b"dat`", "has another sha512 hash"),
    "cut": (hashed(b"data"), b"dat", "has 3 bytes, not 4"),
    "gone": (hashed(b"data"), None, "no such file or directory"),
    "by MD5 alone": (
        Image("i", "active", 4, hashlib.md5(b"data").hexdigest(), None, None),
        b"dat`",
        "has another md5 hash",
    ),
    "a hash that is not known": (Image("i", "active", 4, None, "none", "0"), b"data", ""),
}


@pytest.mark.parametrize(("record", "data", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_file_is_held_against_its_record(tmp_path, record, data, fault):
    if data is not None:
        (tmp_path / "i").write_bytes(data)
    assert fault_of(str(tmp_path / "i"), record) == fault
