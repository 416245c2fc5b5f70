import hashlib

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import image_plan as i

DATA = b"a disk"
HASH = hashlib.sha512(DATA).hexdigest()


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "disk").write_bytes(DATA)
    return str(tmp_path / "disk")


def params(**given):
    names = (
        "name id uri src os_hash_value disk_format container_format visibility owner protected hidden min_disk min_ram"
    )
    defaults = {**dict.fromkeys(names.split()), "properties": None, "tags": None, "stores": None, "all_stores": False}
    defaults |= {"all_stores_must_succeed": True, "hide_others": False, "method": "web-download"}
    defaults |= {"allow_changed_formats": False, "keep_others": None, "remote_src": True}
    return {**defaults, "name": "n", "disk_format": "raw", "uri": "http://web/disk", **given}


def target(**given):
    return i.target_of(params(**given))


def image(status="active", image_id="1", **facts):
    record = {
        "id": image_id,
        "name": "n",
        "status": status,
        "disk_format": "raw",
        "container_format": "bare",
        "tags": [],
    }
    if status == "active":
        record |= {"size": len(DATA), "os_hash_algo": "sha512", "os_hash_value": HASH, "stores": "files"}
    return {**record, **facts}


def shown(**facts):
    return image(os_hidden=False, **facts)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"uri": None}, "uri should be given for web-download, found none"),
        ({"src": "/x"}, "src should not be given for web-download"),
        ({"method": "upload", "uri": None}, "src should be given for upload"),
        ({"method": "upload"}, "uri should not be given for upload"),
        ({"method": "upload", "uri": None, "src": "/no/where"}, "src is '/no/where': expected a file that can be read"),
        ({"disk_format": None}, "name and disk_format should be given for web-download"),
        ({"name": None, "id": "1"}, "name and disk_format should be given"),
        ({"method": "copy-image", "uri": None}, "stores or all_stores should be given for copy-image"),
        ({"properties": {"visibility": "public"}}, "properties has visibility: expected no attribute"),
        ({"stores": ["a"], "all_stores": True}, "stores is given with all_stores"),
        ({"os_hash_value": "xyz"}, "os_hash_value should be the hexadecimal digits of a hash"),
        ({"os_hash_value": ""}, "os_hash_value should be the hexadecimal digits of a hash"),
        ({"os_hash_value": HASH[:-1]}, "os_hash_value should be the hexadecimal digits of a hash"),
        ({"keep_others": 1}, "hide_others should be true with keep_others"),
        ({"keep_others": -1, "hide_others": True}, "keep_others should be 0 or more, found -1: leave it out to keep"),
    ],
)
def test_wrong_options(given, message):
    with pytest.raises(ValueError, match=message.replace("(", ".")):
        target(**given)


def test_upload_takes_one_store(disk):
    with pytest.raises(ValueError, match="stores should be one at most for upload"):
        target(method="upload", uri=None, src=disk, stores=["a", "b"])


@pytest.mark.parametrize(
    ("given", "images", "stores", "steps", "image_id"),
    [
        # nothing of the name
        ({}, [], (), ["create", "web-download"], None),
        ({"visibility": "public"}, [], (), ["create", "web-download"], None),
        # public only once its hash is known to be right
        ({"visibility": "public", "os_hash_value": HASH}, [], (), ["create", "web-download", "publish"], None),
        ({"visibility": "private", "os_hash_value": HASH}, [], (), ["create", "web-download"], None),
        # there: by name, by name and hash
        ({}, [image()], (), [], "1"),
        ({"os_hash_value": HASH.upper()}, [image()], (), [], "1"),
        ({}, [image("deactivated")], (), [], "1"),
        ({"os_hash_value": "0" * 128}, [image()], (), ["create", "web-download"], None),
        ({"os_hash_value": HASH}, [image(os_hash_value="x"), image(image_id="2")], (), [], "2"),
        # facts that differ
        ({"tags": ["b", "a"]}, [image(tags=["a", "b"])], (), [], "1"),
        ({"tags": ["a"]}, [image(tags=["a", "b"])], (), ["update"], "1"),
        ({"properties": {"os_distro": "debian"}}, [image()], (), ["update"], "1"),
        ({"properties": {"os_version": 13}}, [image(os_version="13")], (), [], "1"),
        ({"visibility": "public", "min_disk": 3}, [image(visibility="public", min_disk=3)], (), [], "1"),
        # stores that lack it
        ({"stores": ["files", "fast"]}, [image()], ("files", "fast"), ["copy-image"], "1"),
        ({"stores": ["files"]}, [image()], ("files",), [], "1"),
        ({"method": "copy-image", "uri": None, "stores": ["fast"]}, [image()], ("fast",), ["copy-image"], "1"),
        # of a run that was cut off
        ({}, [image("queued")], (), ["web-download"], "1"),
        ({"disk_format": "qcow2"}, [image("queued")], (), ["update", "web-download"], "1"),
        ({}, [image("importing")], (), [], "1"),
        ({}, [image("queued", os_glance_import_task="t")], (), [], "1"),
        ({}, [image("uploading")], (), ["create", "web-download"], None),
        ({"os_hash_value": "0" * 128}, [image(), image("saving", "2")], (), [], "2"),
        # others of the name
        ({"hide_others": True}, [shown(), shown(image_id="2", os_hash_value="x")], (), ["hide_others"], "1"),
        ({"hide_others": True}, [shown(), image(image_id="2", os_hidden=True)], (), [], "1"),
        ({"hide_others": True}, [shown(owner="p1"), shown(image_id="2", owner="p2")], (), [], "1"),
        ({"hide_others": True}, [shown(), image("deactivated", "2", os_hidden=False)], (), [], "1"),
        ({"hide_others": True}, [image("deactivated", os_hidden=False)], (), [], "1"),
        # back to the one before: it is shown again
        (
            {"hide_others": True, "os_hash_value": HASH},
            [shown(os_hash_value="x"), image(image_id="2", os_hidden=True)],
            (),
            ["update", "hide_others"],
            "2",
        ),
        ({"hidden": True}, [image(os_hidden=True)], (), [], "1"),
        # protected once its data is known to be right
        ({"protected": True}, [], (), ["create", "web-download", "publish"], None),
        ({"protected": True}, [image(protected=True)], (), [], "1"),
        # one that is deactivated does not go before one that can be used
        ({}, [image("deactivated"), image(image_id="2")], (), [], "2"),
        # a copy at work is waited for, and none is begun beside it
        ({"stores": ["fast"]}, [image(os_glance_import_task="t")], ("fast",), [], "1"),
        # what the service made of it has another format, and may have it
        ({"disk_format": "qcow2", "allow_changed_formats": True}, [image()], (), [], "1"),
        ({"container_format": "ova", "allow_changed_formats": True, "tags": ["a"]}, [image()], (), ["update"], "1"),
        ({"disk_format": "qcow2", "allow_changed_formats": True}, [image("importing")], (), [], "1"),
        # of several, one alone may be meant
        ({"os_hash_value": HASH}, [image(image_id="2", os_hash_value="x"), image()], (), [], "1"),
        ({}, [image("queued", "2"), image()], (), [], "1"),
        ({}, [image("queued", "2"), image("saving", "1")], (), [], "1"),
        ({"os_hash_value": "0" * 128}, [image(), image(image_id="2")], (), ["create", "web-download"], None),
        ({"hide_others": True}, [shown(), image("deactivated", "2")], (), [], "1"),
        (
            {"hide_others": True, "os_hash_value": "0" * 128},
            [shown()],
            (),
            ["create", "web-download", "hide_others"],
            None,
        ),
    ],
)
def test_plan(given, images, stores, steps, image_id):
    wanted = target(**given)
    work = i.plan(wanted, images, stores)
    assert work.steps(wanted.method) == steps
    assert work.image.get("id") == image_id


def hidden(image_id, **facts):
    """Return a hidden image with other data, made at the hour of its id."""
    made = f"2026-11-26T0{image_id}:00:00Z"
    return image(image_id=image_id, **{"os_hidden": True, "os_hash_value": "x", "created_at": made, **facts})


def replaced(image_id, **facts):
    """Return one that is yet to be hidden."""
    return hidden(image_id, os_hidden=False, **facts)


NEW = "0" * 128


@pytest.mark.parametrize(
    ("keep", "images", "given", "deleted"),
    [
        (None, [shown(), hidden("4"), hidden("3")], {}, []),
        (0, [shown()], {}, []),
        (0, [shown(), hidden("4"), hidden("3")], {}, ["4", "3"]),
        (1, [shown(), hidden("4"), hidden("3"), hidden("2")], {}, ["3", "2"]),
        (2, [shown(), hidden("4"), hidden("3")], {}, []),
        # whatever the order of the list
        (1, [shown(), hidden("3"), hidden("2"), hidden("4")], {}, ["3", "2"]),
        # what is just being hidden counts
        (1, [shown(), replaced("4"), hidden("3")], {}, ["3"]),
        (0, [shown(), replaced("4")], {}, ["4"]),
        # one that is brought anew takes the place of what is shown
        (1, [replaced("4"), hidden("3")], {"os_hash_value": NEW}, ["3"]),
        (1, [replaced("4"), hidden("3"), image("queued", "9")], {"os_hash_value": NEW}, ["3"]),
        (1, [replaced("4"), hidden("3"), image("saving", "9")], {"os_hash_value": NEW}, ["3"]),
        # back to one that is hidden: it stays, and what it takes the place of counts
        (1, [replaced("4"), hidden("3"), hidden("2", os_hash_value=HASH)], {"os_hash_value": HASH}, ["3"]),
        (0, [replaced("4"), hidden("3", os_hash_value=HASH)], {"os_hash_value": HASH}, ["4"]),
        # of another project
        (0, [shown(owner="p1"), hidden("4", owner="p2"), hidden("3", owner="p1")], {}, ["3"]),
        # whose the new one will be is not known: each project's are counted by themselves
        (
            1,
            [hidden("4", owner="p2"), hidden("3", owner="p1"), hidden("2", owner="p2"), hidden("1", owner="p1")],
            {"os_hash_value": NEW},
            ["2", "1"],
        ),
        # neither counted nor deleted: what is not active
        (1, [shown(), image("deactivated", "5", os_hidden=True), hidden("4"), hidden("3")], {}, ["3"]),
        (0, [shown(), image("queued", "5", os_hidden=True)], {}, []),
        # nothing is deleted for one that cannot be used
        (0, [image("deactivated", os_hidden=False), hidden("3")], {}, []),
        # one that is protected counts and stays
        (1, [shown(), hidden("4", protected=True), hidden("3")], {}, ["3"]),
        (0, [shown(), hidden("4", protected=True), hidden("3")], {}, ["3"]),
    ],
)
def test_hidden_images_that_are_not_kept_are_deleted(keep, images, given, deleted):
    wanted = target(hide_others=True, keep_others=keep, **given)
    work = i.plan(wanted, images, ())
    assert [one["id"] for one in work.delete] == deleted
    assert work.steps("upload")[-1:] == ["delete_others"] * bool(deleted) or not deleted
    assert work.image not in work.delete


@pytest.mark.parametrize(
    ("facts", "steps"),
    [
        ({}, []),
        ({"os_hash_algo": None, "os_hash_value": None, "checksum": hashlib.md5(DATA).hexdigest()}, []),
        ({"os_hash_algo": "sha256", "os_hash_value": hashlib.sha256(DATA).hexdigest()}, []),
        ({"os_hash_value": "0" * 128}, ["create", "glance-direct"]),
        ({"size": 7}, ["create", "glance-direct"]),
    ],
)
def test_a_file_is_known_by_size_and_hash(disk, facts, steps):
    wanted = target(method="glance-direct", uri=None, src=disk)
    assert i.plan(wanted, [image(**facts)], ()).steps(wanted.method) == steps


def test_a_file_of_another_size_is_not_read(disk, monkeypatch):
    wanted = target(method="upload", uri=None, src=disk)
    monkeypatch.setattr(i.hashlib, "new", lambda _name: pytest.fail("read"))
    assert i.plan(wanted, [image(size=7)], ()).fill


def test_staged_data_is_imported_and_not_sent_again(disk):
    wanted = target(method="glance-direct", uri=None, src=disk)
    work = i.plan(wanted, [image("uploading", size=len(DATA))], ())
    assert (work.fill, work.image["status"]) == (True, "uploading")
    # Somebody may still be sending it.
    assert i.plan(wanted, [image("uploading", size=None)], ()).image == {}


@pytest.mark.parametrize(
    ("images", "found"),
    [
        ([], "found: none"),
        ([image("queued")], r"found: 'n' \(1\) is queued"),
        ([image("deactivated")], r"found: 'n' \(1\) is deactivated"),
    ],
)
def test_only_what_is_there_can_be_copied(images, found):
    wanted = target(method="copy-image", uri=None, stores=["fast"])
    with pytest.raises(ValueError, match=f"An image 'n' that is active should be there to be copied, {found}"):
        i.plan(wanted, images, ("fast",))


COPY = {"method": "copy-image", "uri": None, "stores": ["fast"]}


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ({"disk_format": "qcow2"}, image()),
        ({"disk_format": "qcow2"}, image("deactivated")),
        ({"disk_format": "qcow2"}, image("saving")),
        ({"disk_format": "qcow2"}, image("importing")),
        ({"disk_format": "qcow2", "os_hash_value": HASH}, image()),
        ({"disk_format": "qcow2", "hide_others": True}, image()),
        ({"disk_format": "qcow2", **COPY}, image()),
        ({"disk_format": "raw", "container_format": "ova"}, image()),
    ],
)
def test_another_format_of_an_image_that_is_there_is_refused(given, there):
    with pytest.raises(ValueError, match=r"'n' \(1\) should have .*, which cannot be changed any more. Correct it"):
        i.plan(target(**given), [there], ())


def test_another_format_of_an_image_with_the_data_of_a_file_is_refused(disk):
    with pytest.raises(ValueError, match=r"should have disk_format raw, found disk_format qcow2, which cannot be"):
        i.plan(target(method="upload", uri=None, src=disk), [image(disk_format="qcow2")], ())


@pytest.mark.parametrize(
    ("given", "images", "found"),
    [
        ({}, [image(), image(image_id="2")], r"1 \(active\), 2 \(active\)"),
        ({}, [image("queued", "3"), image(), image(image_id="2")], r"1 \(active\), 2 \(active\)"),
        ({"os_hash_value": HASH}, [image(), image(image_id="2")], r"1 \(active\), 2 \(active\)"),
        (COPY, [image(), image(image_id="2")], r"1 \(active\), 2 \(active\)"),
        ({}, [image("deactivated"), image("deactivated", "2")], r"1 \(deactivated\), 2 \(deactivated\)"),
        ({}, [image("saving"), image("importing", "2")], r"1 \(saving\), 2 \(importing\)"),
        ({"hide_others": True}, [image("saving"), image("importing", "2")], r"1 \(saving\), 2 \(importing\)"),
        ({}, [image("queued"), image("queued", "2")], r"1 \(queued\), 2 \(queued\)"),
    ],
)
def test_several_images_that_may_be_meant_are_refused_with_their_ids(given, images, found):
    message = rf"One image should have the name 'n', found 2 that may be meant: {found}\. Give the id of one"
    with pytest.raises(ValueError, match=message):
        i.plan(target(**given), images, ())


def test_what_is_deactivated_cannot_be_copied():
    with pytest.raises(ValueError, match=r"'n' \(1\) should be active to be copied into fast"):
        i.plan(target(stores=["fast"]), [image("deactivated")], ("fast",))


@pytest.mark.parametrize(
    ("properties", "message"),
    [({"checksum": "x"}, "has checksum: expected no"), ({"a": None}, "has a without a value")],
)
def test_properties_that_are_none(properties, message):
    with pytest.raises(ValueError, match=message):
        target(properties=properties)


@pytest.mark.parametrize("value", [hashlib.md5(DATA).hexdigest(), "0" * 32])
def test_an_old_image_is_known_by_its_checksum(disk, value):
    old = image(os_hash_algo=None, os_hash_value=None, checksum=value)
    right = value != "0" * 32
    assert target(os_hash_value=hashlib.md5(DATA).hexdigest()).is_data_of(old) == right
    assert target(method="upload", uri=None, src=disk).is_data_of(old) == right


def test_a_copy_does_not_touch_formats():
    wanted = target(method="copy-image", uri=None, stores=["fast"], disk_format=None)
    assert i.plan(wanted, [image(container_format="ova")], ("fast",)).patch == []


def test_names_of_properties_are_escaped():
    (change,) = i.changes(target(properties={"a/b~c": "d"}), image())
    assert change == {"op": "add", "path": "/a~1b~0c", "value": "d"}


def test_diff_of_a_new_image_and_of_a_changed_one():
    wanted = target(tags=["b"], properties={"os_distro": "debian"}, stores=["fast"])
    new = i.before_and_after(wanted, i.plan(wanted, [], ("fast",)), ("fast",))
    assert new["before"] == {"stores": []}
    assert new["after"] == {"name": "n", "disk_format": "raw", "os_distro": "debian", "tags": ["b"], "stores": ["fast"]}
    there = image(tags=["b"], os_distro="debian")
    copied = i.before_and_after(wanted, i.plan(wanted, [there], ("fast",)), ("fast",))
    assert copied["before"]["stores"] == ["files"]
    assert copied["after"]["stores"] == ["files", "fast"]
    assert {**copied["before"], "stores": 0} == {**copied["after"], "stores": 0}


def test_an_id_has_no_others():
    wanted = target(id="1", hide_others=True, keep_others=0)
    assert (wanted.hide_others, wanted.keep_others) == (False, None)


def test_diff_tells_what_is_hidden_and_what_is_deleted():
    wanted = target(hide_others=True, keep_others=1)
    work = i.plan(wanted, [shown(), replaced("4"), hidden("3"), hidden("2", protected=True)], ())
    told = i.before_and_after(wanted, work, ())
    assert told["before"]["others"] == {"4": "shown", "3": "hidden"}
    assert told["after"]["others"] == {"4": "hidden", "3": "deleted"}
    all_of_them = target(hide_others=True, keep_others=0)
    told = i.before_and_after(all_of_them, i.plan(all_of_them, [shown(), replaced("4")], ()), ())
    assert (told["before"]["others"], told["after"]["others"]) == ({"4": "shown"}, {"4": "deleted"})


def test_a_file_of_the_control_machine_is_not_read():
    wanted = target(method="upload", uri=None, src="/no/where", remote_src=False, os_hash_value=HASH)
    assert (wanted.data, wanted.elsewhere) == (None, True)
    assert i.plan(wanted, [image()], ()).steps("upload") == []
    assert target(remote_src=False).elsewhere is False


def test_diff_shows_no_change_of_a_format_that_cannot_change():
    wanted = target(disk_format="qcow2", allow_changed_formats=True)
    shown = i.before_and_after(wanted, i.plan(wanted, [image()], ()), ())
    assert shown["before"] == shown["after"] == {"name": "n"}
