"""What is listed and removed in stores without a folder; the real ones are asked by the scenarios."""

import contextlib
import datetime
import sys
import types

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import stored_objects as s

A, B, C = (f"{digit * 8}-1111-2222-3333-444444444444" for digit in "abc")
NOON = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.timezone.utc)


class Ceph:
    """A pool with images, as rados, rbd and a driver see it at once."""

    pool, conf_file, user = "images", "/etc/ceph/ceph.conf", "glance"

    def __init__(self, *names):
        self.images = list(names)
        self.removed = []

    @contextlib.contextmanager
    def get_connection(self, conffile, rados_id):
        assert (conffile, rados_id) == (self.conf_file, self.user)
        yield types.SimpleNamespace(open_ioctx=lambda _pool: types.SimpleNamespace(close=lambda: None))

    def _delete_image(self, pool, name, snapshot):
        self.removed.append((pool, name, snapshot))
        self.images.remove(name)

    def module(self):
        class ImageNotFoundError(Exception):
            pass

        @contextlib.contextmanager
        def image(_context, name, read_only):
            assert read_only
            if name not in self.images:
                raise ImageNotFoundError
            yield types.SimpleNamespace(size=lambda: 7, modify_timestamp=lambda: NOON.replace(tzinfo=None))

        lister = types.SimpleNamespace(list=lambda _context: self.images)
        return types.SimpleNamespace(ImageNotFound=ImageNotFoundError, Image=image, RBD=lambda: lister)


@pytest.fixture
def ceph(monkeypatch):
    made = Ceph(A, "volume-1", B, f"{A}_disk")
    monkeypatch.setitem(sys.modules, "rbd", made.module())
    return made


def test_images_of_a_pool_are_asked_for_one_by_one(ceph):
    listed = s.DRIVERS["rbd"].list(ceph)
    assert listed == {A: None, B: None}
    assert s.look("rbd", ceph, A, listed) == s.Stored(7, NOON.timestamp())
    assert s.look("rbd", ceph, C, listed) is None
    assert s.remove("rbd", ceph, A, s.Stored(7, 0.0)) is False
    assert s.remove("rbd", ceph, A, s.Stored(7, NOON.timestamp())) is True
    assert ceph.removed == [("images", A, "snap")]


class Bucket:
    """A bucket of two pages, as a driver of S3 and boto see it at once."""

    access_key, secret_key, bucket, scheme = "key", "secret", "glance", "s3+https"

    def __init__(self):
        self.pages = [{"Contents": [self.entry(A, 5), self.entry("logo.png", 1)]}, {}, {"Contents": [self.entry(B, 6)]}]
        self.removed = []

    @staticmethod
    def entry(key, size):
        return {"Key": key, "Size": size, "LastModified": NOON}

    def _create_s3_client(self, location):
        assert (location.accesskey, location.secretkey) == ("key", "secret")
        assert (location.bucket, location.scheme) == ("glance", "s3+https")
        return self

    def get_paginator(self, operation):
        assert operation == "list_objects_v2"
        return types.SimpleNamespace(paginate=lambda **_bucket: self.pages)

    def delete_object(self, **given):
        self.removed.append(given)


class NewerBucket(Bucket):
    """The driver of 2026.2, which knows no other keys than its own."""

    def _create_s3_client(self):
        return self


@pytest.mark.parametrize("driver", [Bucket, NewerBucket])
def test_objects_of_a_bucket(driver):
    bucket = driver()
    listed = s.DRIVERS["s3"].list(bucket)
    assert listed == {A: s.Stored(5, NOON.timestamp()), B: s.Stored(6, NOON.timestamp())}
    assert s.look("s3", bucket, B, listed) == listed[B]
    assert s.look("s3", bucket, C, listed) is None
    assert [s.remove("s3", bucket, B, s.Stored(size, NOON.timestamp())) for size in (5, 6)] == [False, True]
    assert bucket.removed == [{"Bucket": "glance", "Key": B}]


class Account:
    """Containers of an account, as a driver of Swift and its client see them at once."""

    container, backend_group = "glance", "objects"

    def __init__(self, several=2):
        self.conf = types.SimpleNamespace(objects=types.SimpleNamespace(swift_store_multiple_containers_seed=several))
        self.containers = {
            "glance": [(A, 0, 0), (f"{A}-00001", 4, 1), (f"{A}-00002", 3, 2), ("other", 9, 0)],
            "glance_3f": [(f"{B}-00001", 2, 0)],
            "glance-backup": [(C, 1, 0)],
        }
        self.removed = []

    def create_location(self, image_id):
        return image_id

    def get_connection(self, _location):
        return self

    def get_account(self, prefix, full_listing):
        assert full_listing
        return {}, [{"name": name} for name in self.containers if name.startswith(prefix)]

    def get_container(self, name, full_listing):
        assert full_listing
        return {}, [
            {"name": entry, "bytes": size, "last_modified": f"2026-11-30T12:00:0{second}.000000"}
            for entry, size, second in self.containers[name]
        ]

    def delete_object(self, container, name):
        self.removed.append((container, name))


def test_segments_are_a_part_of_their_image():
    account = Account()
    listed = s.DRIVERS["swift"].list(account)
    assert listed == {A: s.Stored(7, NOON.timestamp() + 2), B: s.Stored(2, NOON.timestamp())}
    assert s.remove("swift", account, A, listed[A]) is True
    assert account.removed == [("glance", A), ("glance", f"{A}-00001"), ("glance", f"{A}-00002")]
    account.removed.clear()
    assert s.remove("swift", account, B, listed[B]) is True
    assert account.removed == [("glance_3f", f"{B}-00001")]


class MultiTenantStore:
    """The driver of Swift in which each user has a container of his own."""


@pytest.mark.parametrize(
    ("driver", "store", "listed"),
    [("rbd", Ceph(), True), ("swift", Account(), True), ("swift", MultiTenantStore(), False), ("http", None, False)],
)
def test_which_stores_can_be_listed(driver, store, listed):
    assert s.lists(driver, store) is listed


class Keyed:
    """A driver of S3 up to 2026.1, which reads keys in locations."""

    access_key, secret_key, bucket, s3_host = "new", "s/e=c", "bucket", "https://h:8080/"

    def _create_s3_client(self, loc):
        raise AssertionError(loc)


class Keyless(Keyed):
    """One of 2026.2."""

    def _create_s3_client(self):
        raise AssertionError


SWIFT_CONF = types.SimpleNamespace(
    objects=types.SimpleNamespace(
        swift_store_config_file="/etc/glance/swift-objects.conf", default_swift_reference="ref1"
    ),
    users=types.SimpleNamespace(swift_store_config_file=None, default_swift_reference="ref1"),
)


class Objects:
    """A driver of Swift."""

    conf, container, auth_address = SWIFT_CONF, "c", "https://k:5000/v3"

    def __init__(self, name):
        self.backend_group = name

    @staticmethod
    def get_container_name(image_id, container):
        return f"{container}_{image_id[0]}" if image_id == "seeded" else container


OBJECTS, USERS = Objects("objects"), Objects("users")


@pytest.mark.parametrize(
    ("driver", "store", "uri", "present"),
    [
        ("s3", Keyed(), "s3+https://old:key@h:8080/bucket/x", "s3+https://new:s/e=c@h:8080/bucket/x"),
        ("s3", Keyed(), "s3+https://old:a/b+c@h:8080/bucket/x", "s3+https://new:s/e=c@h:8080/bucket/x"),
        ("s3", Keyed(), "s3+https://new:s/e=c@h:8080/bucket/x", None),
        ("s3", Keyless(), "s3+https://old:key@h:8080/bucket/x", "s3+https://h:8080/bucket/x"),
        # Of 2026.2, before a rollback: the scrubber of an older release can't remove it without keys.
        ("s3", Keyed(), "s3+https://h:8080/bucket/x", "s3+https://new:s/e=c@h:8080/bucket/x"),
        ("s3", Keyless(), "s3+https://h:8080/bucket/x", None),
        ("s3", Keyed(), "s3+https://h:8080/other/x", None),
        # What a user may have given.
        ("s3", Keyed(), "s3+https://x:y@evil/bucket/x", None),
        ("s3", Keyed(), "s3+https://x:y@h:8080/other/x", None),
        ("s3", Keyed(), "s3+https://x:y@h:8080/bucket/z", None),
        ("swift", OBJECTS, "swift+https://p%3Au:a%40b@k:5000/v3/c/x", "swift+config://ref1/c/x"),
        ("swift", OBJECTS, "swift+https://p%3Au:ab@k:5000/v3/c_s/seeded", "swift+config://ref1/c_s/seeded"),
        # Of an application credential that was an option.
        ("swift", OBJECTS, "swift+https://k:5000/v3/c/x", "swift+config://ref1/c/x"),
        ("swift", OBJECTS, "swift+config://ref1/c/x", None),
        ("swift", OBJECTS, "swift+config://other/c/x", None),
        ("swift", OBJECTS, "swift+https://p%3Au:ab@evil/v3/c/x", None),
        ("swift", OBJECTS, "swift+https://p%3Au:ab@k:5000/v3/other/x", None),
        ("swift", OBJECTS, "swift+https://p%3Au:ab@k:5000/v3/c/z", None),
        ("swift", USERS, "swift+https://s:8080/v1/AUTH_1/c_x/x", None),
    ],
)
def test_the_location_of_a_stores_own_object_has_its_present_keys(driver, store, uri, present):
    image_id = "seeded" if "seeded" in uri else "x"
    assert s.present(driver, store, uri, image_id) == (present or uri)


def test_an_object_in_another_container_is_another_one():
    assert s.is_kept_as("s3", Keyed(), "s3+https://h:8080/bucket/x", "x")
    assert s.is_kept_as("swift", OBJECTS, "swift+config://ref1/c_s/seeded", "seeded")
    assert not s.is_kept_as("s3", Keyed(), "s3+https://h:8080/other/x", "x")
    assert not s.is_kept_as("swift", OBJECTS, "swift+config://ref1/c/seeded", "seeded")
    assert not s.is_kept_as("rbd", None, "rbd://f/images/x/snap", "x")
