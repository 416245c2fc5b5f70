import hashlib
import json

import pytest

DATA = b"of the web"
HASH = hashlib.sha512(DATA).hexdigest()
DISK = {"method": "web-download", "name": "disk", "uri": "http://web/disk", "disk_format": "raw"}


@pytest.fixture
def image_import(run_module, glance):
    def run(check_mode=False, **options):
        given = {"api_url": glance.url, "interval": 0.05, "timeout": 10, **options}
        return run_module("image_import", check_mode, **given)

    return run


@pytest.fixture
def file(tmp_path):
    (tmp_path / "disk").write_bytes(DATA)
    return {"method": "glance-direct", "name": "disk", "src": str(tmp_path / "disk"), "disk_format": "raw"}


def changes(glance):
    return [(method, path.rpartition("/")[2]) for method, path, _body in glance.sent]


def test_downloads_once(glance, image_import):
    facts = {"tags": ["base"], "properties": {"os_distro": "debian"}, "min_disk": 2, "stores": ["fast"]}
    first = image_import(**DISK, **facts)
    assert (first["changed"], first["steps"], first["task_id"]) == (True, ["create", "web-download"], "import-1")
    assert first["image"]["status"] == "active"
    assert first["image"]["stores"] == ["fast"]
    (record,) = glance.images
    assert (record["os_distro"], record["tags"], record["min_disk"]) == ("debian", ["base"], 2)
    assert record["container_format"] == "bare"
    assert glance.sent[1][2] == {
        "method": {"name": "web-download", "uri": "http://web/disk"},
        "stores": ["fast"],
        "all_stores_must_succeed": True,
    }

    again = image_import(**DISK, **facts)
    assert (again["changed"], again["steps"], again["requests"]) == (False, [], 1)
    assert again["image"] == first["image"]
    assert len(glance.images) == 1


@pytest.mark.parametrize("method", ["glance-direct", "upload"])
def test_a_file_is_sent_once(glance, image_import, file, method):
    given = {**file, "method": method}
    first = image_import(**given)
    assert (first["changed"], first["steps"]) == (True, ["create", method])
    assert (first["image"]["size"], first["image"]["os_hash_value"]) == (len(DATA), HASH)
    again = image_import(**given)
    assert (again["changed"], again["requests"]) == (False, 1)
    assert len(glance.images) == 1


def test_a_changed_file_is_another_image_and_hides_the_one_before(glance, image_import, file, tmp_path):
    old = image_import(**file)["image"]["id"]
    (tmp_path / "disk").write_bytes(b"another disk")
    result = image_import(**file, hide_others=True)
    assert result["steps"] == ["create", "glance-direct", "hide_others"]
    assert {image["id"]: image["os_hidden"] for image in glance.images} == {old: True, result["image"]["id"]: False}
    assert image_import(**file, hide_others=True)["changed"] is False


def test_a_run_that_was_cut_off_after_staging_goes_on(glance, image_import, file):
    image = glance.add("uploading", name="disk", disk_format="raw", container_format="bare")
    glance.staged[image["id"]] = DATA
    image["size"] = len(DATA)
    result = image_import(**file)
    assert result["steps"] == ["glance-direct"]
    assert result["image"]["status"] == "active"
    assert changes(glance) == [("POST", "import")]


def test_an_import_at_work_is_waited_for(glance, image_import):
    image = glance.add("importing", name="disk", disk_format="raw", container_format="bare", os_glance_import_task="t")
    glance.on_request(4, lambda: (glance.fill(image, DATA, ["files"]), image.pop("os_glance_import_task")))
    result = image_import(**DISK)
    assert (result["changed"], result["steps"], result["image"]["status"]) == (False, [], "active")


def test_facts_of_an_image_that_is_there_are_brought_to_what_is_asked_for(glance, image_import):
    image_import(**DISK)
    result = image_import(**DISK, tags=["b", "a"], visibility="private", hidden=True, protected=True)
    assert (result["changed"], result["steps"]) == (True, ["update"])
    (record,) = glance.images
    assert (record["tags"], record["visibility"]) == (["a", "b"], "private")
    assert (record["os_hidden"], record["protected"]) == (True, True)


def test_stores_that_lack_it_get_it(glance, image_import):
    image_import(**DISK)
    result = image_import(method="copy-image", name="disk", all_stores=True)
    assert (result["changed"], result["steps"]) == (True, ["copy-image"])
    # A store that cannot be written is none to copy into.
    assert glance.images[0]["stores"] == "files,fast"
    assert glance.sent[-1][2]["stores"] == ["fast"]
    assert image_import(method="copy-image", name="disk", all_stores=True)["changed"] is False


def test_nothing_to_copy(glance, image_import):
    result = image_import(method="copy-image", name="disk", stores=["fast"])
    assert (result["failed"], result["reason"], result["changed"]) == (True, "refused", False)
    assert "should be there to be copied, found: none" in result["msg"]
    assert glance.sent == []


@pytest.mark.parametrize("given", [DISK, {**DISK, "os_hash_value": HASH, "visibility": "public"}])
def test_check_mode_says_what_it_would_do_and_does_nothing(glance, image_import, given):
    result = image_import(check_mode=True, **given)
    assert result["changed"] is True
    assert result["steps"][:2] == ["create", "web-download"]
    assert (result["image"], glance.images, glance.sent) == ({}, [], [])
    image_import(**given)
    assert image_import(check_mode=True, **given)["steps"] == []


def test_diff_shows_what_changes(glance, image_import, run_module):
    image_import(**DISK, tags=["a"])
    diff = run_module("image_import", True, **DISK, tags=["b"], api_url=glance.url, _ansible_diff=True)["diff"]
    assert diff["before"]["tags"] == ["a"]
    assert diff["after"]["tags"] == ["b"]
    assert {**diff["before"], "tags": 0} == {**diff["after"], "tags": 0}


def test_data_with_the_right_hash_is_published_and_no_earlier(glance, image_import):
    seen = []
    glance.on_request(4, lambda: seen.append(glance.images[0]["visibility"]))
    result = image_import(**DISK, os_hash_value=HASH, visibility="public")
    assert result["steps"] == ["create", "web-download", "publish"]
    assert seen == ["private"]
    assert glance.images[0]["visibility"] == result["image"]["visibility"] == "public"


def test_data_with_another_hash_is_refused_and_taken_away(glance, image_import):
    result = image_import(**DISK, os_hash_value="0" * 128, visibility="public")
    assert (result["failed"], result["reason"]) == (True, "mismatch")
    assert f"found {HASH} of {len(DATA)} bytes. It was deleted again." in result["msg"]
    assert glance.images == []


def test_an_image_that_somebody_else_filled_with_other_data_is_left_there(glance, image_import):
    image = glance.add("saving", name="disk", disk_format="raw", container_format="bare")
    glance.on_request(3, lambda: glance.fill(image, b"other", ["files"]))
    result = image_import(**DISK, os_hash_value=HASH)
    assert (result["reason"], glance.images) == ("mismatch", [image])


def test_a_failed_import_tells_glances_reason_at_once(glance, image_import):
    glance.import_ends = "queued"
    result = image_import(**DISK, timeout=600)
    assert (result["failed"], result["reason"]) == (True, "impossible")
    assert "fell back from importing to queued" in result["msg"]
    assert "Glance says: HTTP Error 404" in result["msg"]
    assert (result["steps"], result["changed"]) == (["create", "web-download"], True)

    glance.import_ends = "active"
    again = image_import(**DISK)
    assert again["steps"] == ["web-download"]
    assert [image["status"] for image in glance.images] == ["active"]


def test_not_waiting_is_no_failure(glance, image_import):
    glance.import_ends = "importing"
    result = image_import(**DISK, wait=False)
    assert (result["changed"], result["image"]["status"], "failed" in result) == (True, "importing", False)


# A name that is not there is looked for twice.
@pytest.mark.parametrize(("number", "done"), [(3, []), (4, ["create"])])
def test_a_refused_step_tells_what_was_done_before(glance, image_import, number, done):
    glance.on_request(number, 403)
    result = image_import(**DISK)
    assert (result["reason"], result["steps"], result["changed"]) == ("unauthorised", done, bool(done))
    assert "or give the login of a user who may do this." in result["msg"]


def test_what_changes_something_is_not_asked_for_twice(glance, image_import):
    glance.on_request(3, 503)
    result = image_import(**DISK)
    assert result["reason"] == "unhealthy"
    assert len(glance.sent) == 1


def test_the_first_look_is_patient(glance, image_import):
    glance.on_request(1, 503)
    assert image_import(**DISK)["image"]["status"] == "active"


def test_a_password_in_the_address_does_not_show(glance, image_import):
    result = image_import(**{**DISK, "uri": "http://me:s3cr3t@web/disk"})
    assert "s3cr3t" not in str(result)
    assert glance.sent[1][2]["method"]["uri"] == "http://me:s3cr3t@web/disk"
    glance.import_ends = "queued"


def test_images_of_another_project_do_not_count_with_an_owner(glance, image_import):
    other = glance.add("queued", name="disk", owner="p2", disk_format="raw", container_format="bare")
    glance.fill(other, DATA, ["files"])
    assert image_import(**DISK)["changed"] is False
    assert image_import(**DISK, owner="p1")["steps"] == ["create", "web-download"]
    assert [image["owner"] for image in glance.images] == ["p2", "p1"]


def test_an_image_that_nobody_owns_gets_an_owner_by_its_id(glance, image_import):
    image = glance.add("queued", name="disk", owner=None, disk_format="raw", container_format="bare")
    glance.fill(image, DATA, ["files"])
    result = image_import(**DISK, id=image["id"], owner="p1")
    assert (result["steps"], image["owner"]) == (["update"], "p1")


def test_an_id_is_kept(glance, image_import):
    number = "5c3d4e6f-0a1b-4c2d-8e9f-1a2b3c4d5e6f"
    assert image_import(**DISK, id=number)["image"]["id"] == number
    assert image_import(**DISK, id=number)["changed"] is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "copy-image"}, "name, id"),
        ({"method": "web-download", "name": "n", "disk_format": "raw"}, "uri should be given"),
        ({**DISK, "timeout": -1}, "timeout is -1"),
        ({**DISK, "os_hash_value": "xyz"}, "os_hash_value should be the hexadecimal digits of a hash"),
        ({**DISK, "method": "ftp"}, "value of method must be one of"),
    ],
)
def test_wrong_options_are_refused_before_any_request(glance, image_import, options, message):
    result = image_import(**options)
    assert message in result["msg"]
    assert glance.asked == []


def test_images_of_other_projects_are_none_of_ours(glance, image_import):
    glance.project = "p1"
    auth = {"auth_url": glance.url, "username": "a", "password": "s3cr3t", "user_domain_id": "d", "project_id": "p1"}
    for visibility in ("community", "public", "private"):
        other = glance.add("queued", name="disk", owner="p2", visibility=visibility, disk_format="raw")
        glance.fill(other, b"of another project", ["files"])
    before = [dict(image) for image in glance.images]
    result = image_import(**DISK, api_url=None, auth=auth, hide_others=True)
    assert result["steps"] == ["create", "web-download"]
    assert glance.images[:3] == before
    again = image_import(**DISK, api_url=None, auth=auth, hide_others=True)
    assert (again["changed"], again["image"]["id"]) == (False, result["image"]["id"])


def test_without_keystone_community_images_do_not_count(glance, image_import):
    other = glance.add("queued", name="disk", visibility="community", disk_format="raw")
    glance.fill(other, DATA, ["files"])
    assert image_import(**DISK)["steps"] == ["create", "web-download"]


def test_a_name_that_a_database_takes_for_the_same_is_another(glance, image_import, monkeypatch):
    other = glance.add("queued", name="Disk", disk_format="raw", container_format="bare")
    glance.fill(other, DATA, ["files"])
    monkeypatch.setattr("fake_glance.matcher", lambda wanted: lambda value: value.lower() in wanted.lower())
    result = image_import(**DISK, visibility="private")
    assert result["steps"] == ["create", "web-download"]
    assert other["visibility"] == "public"


@pytest.mark.parametrize("facts", [{"hidden": True}, {"hide_others": True}, {"protected": True}])
def test_a_second_run_changes_nothing(glance, image_import, facts):
    other = glance.add("queued", name="disk", disk_format="raw", container_format="bare", owner=None)
    glance.fill(other, b"other", ["files"])
    given = {**DISK, "os_hash_value": HASH, **facts}
    assert image_import(**given)["changed"] is True
    assert image_import(**given)["changed"] is False
    assert len(glance.images) == 2


def test_going_back_shows_the_image_of_before(glance, image_import, file, tmp_path):
    old = image_import(**file, hide_others=True)["image"]["id"]
    (tmp_path / "disk").write_bytes(b"another disk")
    new = image_import(**file, hide_others=True)["image"]["id"]
    (tmp_path / "disk").write_bytes(DATA)
    result = image_import(**file, hide_others=True)
    assert (result["steps"], result["image"]["id"]) == (["update", "hide_others"], old)
    assert {image["id"]: image["os_hidden"] for image in glance.images} == {old: False, new: True}


@pytest.fixture
def version(glance, image_import):
    """Return what brings a version of the disk, or tells what would be done in check mode."""

    def version(number, check_mode=False, **options):
        glance.web = f"version {number}".encode()
        digest = hashlib.sha512(glance.web).hexdigest()
        return image_import(check_mode, **{**DISK, "os_hash_value": digest, "hide_others": True, **options})

    return version


def versions(glance):
    """Return what is there: each version with whether it is hidden, the newest first."""
    known = {hashlib.sha512(f"version {number}".encode()).hexdigest(): number for number in range(9)}
    return [(known[image["os_hash_value"]], image["os_hidden"]) for image in reversed(glance.images)]


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (None, [(4, False), (3, True), (2, True), (1, True)]),
        (0, [(4, False)]),
        (1, [(4, False), (3, True)]),
        (2, [(4, False), (3, True), (2, True)]),
    ],
)
def test_versions_in_a_row_leave_as_many_hidden_ones_as_are_kept(glance, version, keep, left):
    kept = {} if keep is None else {"keep_others": keep}
    steps = [version(number, **kept)["steps"] for number in (1, 2, 3, 4)]
    assert versions(glance) == left
    brought = ["create", "web-download"]
    hidden, deleted = [*brought, "hide_others"], [*brought, "hide_others", "delete_others"]
    many = 9 if keep is None else keep
    assert steps == [brought, *[hidden] * min(many, 3), *[deleted] * max(3 - many, 0)]
    sent = list(glance.sent)
    again = version(4, **kept)
    assert (again["changed"], again["steps"], glance.sent) == (False, [], sent)
    assert again["requests"] == (1 if keep is None else 2)


def test_images_are_deleted_last(glance, version):
    version(1)
    version(2, visibility="public", protected=True, keep_others=0)
    assert changes(glance)[-3:] == [
        ("PATCH", "00000001-0000-4000-8000-000000000000"),
        ("PATCH", "00000000-0000-4000-8000-000000000000"),
        ("DELETE", "00000000-0000-4000-8000-000000000000"),
    ]


def test_old_images_that_are_hidden_already_are_deleted_beside_one_that_is_there(glance, version):
    for number in (1, 2, 3):
        version(number)
    result = version(3, keep_others=1)
    assert (result["changed"], result["steps"], versions(glance)) == (True, ["delete_others"], [(3, False), (2, True)])


def test_check_mode_deletes_nothing_and_tells_it(glance, version):
    for number in (1, 2, 3):
        version(number)
    sent = list(glance.sent)
    assert version(3, check_mode=True, keep_others=0)["steps"] == ["delete_others"]
    result = version(4, check_mode=True, keep_others=0)
    assert result["steps"] == ["create", "web-download", "hide_others", "delete_others"]
    assert glance.sent == sent


def test_nothing_is_deleted_for_an_image_that_cannot_be_used(glance, version):
    version(1)
    before = [dict(image) for image in glance.images]
    wrong = version(2, os_hash_value="0" * 128, keep_others=0)
    assert (wrong["reason"], glance.images) == ("mismatch", before)
    glance.import_ends = "importing"
    assert "failed" not in version(3, keep_others=0, wait=False)
    assert glance.images[0] == before[0]


def test_a_protected_image_stays_with_a_warning(glance, version, warned):
    for number in (1, 2, 3):
        version(number)
    glance.images[0]["protected"] = True
    result = version(3, keep_others=0)
    assert (result["steps"], versions(glance)) == (["delete_others"], [(3, False), (1, True)])
    (text,) = warned
    assert f"'disk' ({glance.images[0]['id']}) should be deleted as keep_others is 0, found that it is prot" in text
    again = version(3, keep_others=0)
    assert (again["changed"], warned) == (False, [text, text])


def test_one_that_is_in_use_is_a_failure_when_all_else_is_done(glance, version):
    for number in (1, 2, 3):
        version(number)
    used, free, _current = (image["id"] for image in glance.images)
    glance.in_use = {used}
    result = version(4, keep_others=0)
    assert (result["failed"], result["reason"]) == (True, "refused")
    assert result["msg"].startswith(f"'disk' ({used}) should be deleted as keep_others is 0, found: DELETE ")
    assert "because it is in use" in result["msg"]
    assert free not in result["msg"]
    assert result["steps"] == ["create", "web-download", "hide_others", "delete_others"]
    assert versions(glance) == [(4, False), (1, True)]
    # It is tried again, and nothing else.
    again = version(4, keep_others=0)
    assert (again["failed"], again["changed"]) == (True, False)
    glance.in_use = set()
    assert version(4, keep_others=0)["steps"] == ["delete_others"]


def test_one_that_somebody_else_has_just_deleted_is_no_failure(glance, version):
    version(1)
    version(2)
    # Both lists are read before it is gone.
    glance.on_request(len(glance.asked) + 3, lambda: glance.images.pop(0))
    result = version(2, keep_others=0)
    assert ("failed" in result, result["changed"], versions(glance)) == (False, False, [(2, False)])


def test_images_of_another_project_are_not_deleted(glance, version):
    other = glance.add("queued", name="disk", owner="p2", os_hidden=True, disk_format="raw")
    glance.fill(other, b"version 5", ["files"])
    version(1)
    assert version(2, keep_others=0)["steps"][-1] == "delete_others"
    assert versions(glance) == [(2, False), (5, True)]


@pytest.mark.parametrize(
    ("number", "trouble", "called"),
    [(1, 403, "'disk': GET "), (3, 403, "'disk': POST "), (4, 403, "'disk' (00000000-0000-4000-8000-000000000000): ")],
)
def test_a_failure_names_the_image(glance, image_import, number, trouble, called):
    glance.on_request(number, trouble)
    assert image_import(**DISK)["msg"].startswith(called)


def test_a_file_of_the_control_machine_is_asked_for_before_anything_is_done(glance, image_import, file, tmp_path):
    given = {**file, "remote_src": False, "src": "/no/where", "os_hash_value": HASH}
    for check_mode in (False, True):
        asked = image_import(check_mode, **given)
        assert (asked["awaits_src"], asked["changed"], glance.sent) == (True, check_mode, [])
        assert asked["steps"] == ["create", "glance-direct"] * check_mode
    image_import(**file)
    there = image_import(**given, tags=["base"])
    assert ("awaits_src" in there, there["steps"], glance.images[0]["tags"]) == (False, ["update"], ["base"])


# The look takes two requests, then come the record, the import, its task, and the first look at the image.
def test_a_wait_that_fails_at_once_tells_what_was_done(glance, image_import):
    glance.on_request(6, 500)
    result = image_import(**DISK)
    assert (result["reason"], result["steps"]) == ("unhealthy", ["create", "web-download"])
    assert (result["image"]["id"], result["task_id"]) == (glance.images[0]["id"], "import-1")


def test_an_image_that_cannot_be_deleted_again_is_still_a_mismatch(glance, image_import):
    glance.on_request(7, 409)
    result = image_import(**DISK, os_hash_value="0" * 128, protected=True)
    assert result["reason"] == "mismatch"
    assert "It could not be deleted again: DELETE" in result["msg"]
    # It was never protected.
    assert glance.images[0]["protected"] is False


def test_what_the_service_converts_is_no_mismatch(glance, image_import, file, warned):
    fill = glance.fill

    def convert(image, data, stores):
        fill(image, data * 2, stores)
        image["disk_format"] = "qcow2"

    glance.fill = convert
    given = {**file, "allow_changed_formats": True}
    result = image_import(**given)
    assert (result["image"]["disk_format"], result["steps"]) == ("qcow2", ["create", "glance-direct"])
    (text,) = warned
    assert "should have disk_format raw, found disk_format qcow2, which is what the service" in text


def test_a_file_that_arrives_damaged_is_told_and_left_there(glance, image_import, file):
    fill = glance.fill
    glance.fill = lambda image, data, stores: fill(image, data[:-1], stores)
    result = image_import(**file)
    assert result["reason"] == "mismatch"
    assert "It was left there." in result["msg"]
    assert len(glance.images) == 1


def test_a_copy_at_work_is_waited_for(glance, image_import):
    image_import(**DISK)
    image = glance.images[0]
    image.update(os_glance_import_task="t", os_glance_importing_to_stores="fast")

    def end():
        image.update(stores="files,fast", os_glance_importing_to_stores="")
        del image["os_glance_import_task"]

    glance.on_request(len(glance.asked) + 4, end)
    result = image_import(method="copy-image", name="disk", stores=["fast"])
    assert (result["changed"], result["image"]["stores"]) == (False, ["files", "fast"])


def test_hiding_does_not_wait(glance, image_import):
    old = glance.add("queued", name="disk", disk_format="raw", container_format="bare", owner=None)
    glance.fill(old, b"other", ["files"])
    image_import(**DISK, os_hash_value=HASH)
    result = image_import(**DISK, os_hash_value=HASH, hide_others=True, wait=False)
    assert (result["steps"], old["os_hidden"]) == (["hide_others"], True)


def test_a_password_in_an_address_does_not_show_in_a_complaint(image_import):
    assert "s3cr3t" not in str(image_import(**{**DISK, "uri": "http://me:s3cr3t@web/disk", "method": "upload"}))


@pytest.fixture
def converting(glance):
    """Have the service make qcow2 of all it imports."""
    fill = glance.fill

    def convert(image, data, stores):
        fill(image, data, stores)
        image["disk_format"] = "qcow2"

    glance.fill = convert


@pytest.mark.parametrize("more", [{}, {"os_hash_value": HASH}])
def test_a_format_that_glance_changed_is_a_failure(glance, image_import, converting, more):
    result = image_import(**DISK, **more, visibility="public", protected=True)
    assert (result["failed"], result["reason"], result["image"]["disk_format"]) == (True, "mismatch", "qcow2")
    assert "should have disk_format raw, found disk_format qcow2, which is what the service made" in result["msg"]
    assert "It was left there." in result["msg"]
    assert result["steps"] == ["create", "web-download"]
    # What waits for the data to be right has not been done.
    assert glance.images[0]["protected"] is False
    assert glance.images[0]["visibility"] == ("private" if more else "public")
    # Nor is it taken for the wanted one from then on.
    again = image_import(**DISK, **more)
    assert (again["reason"], again["steps"], len(glance.images)) == ("refused", [], 1)


def test_a_format_that_may_be_changed_is_said_once(image_import, converting, warned):
    given = {**DISK, "allow_changed_formats": True}
    first = image_import(**given)
    (text,) = warned
    assert "found disk_format qcow2" in text
    assert first["image"]["disk_format"] == "qcow2"
    assert image_import(**given)["changed"] is False
    assert image_import(**given, stores=["fast"])["steps"] == ["copy-image"]
    assert warned == [text]


@pytest.mark.parametrize("check_mode", [False, True])
def test_another_format_of_an_image_that_is_there_is_refused(glance, image_import, check_mode):
    image_import(**DISK)
    sent = list(glance.sent)
    result = image_import(check_mode, **{**DISK, "disk_format": "qcow2", "tags": ["a"]})
    assert (result["failed"], result["reason"], result["steps"]) == (True, "refused", [])
    assert "should have disk_format qcow2, found disk_format raw, which cannot be changed any more" in result["msg"]
    assert glance.sent == sent


def test_two_images_of_a_name_are_refused_with_their_ids(glance, image_import):
    images = [glance.add("queued", name="disk", disk_format="raw", container_format="bare") for _number in range(2)]
    for image in images:
        glance.fill(image, DATA, ["files"])
    result = image_import(**DISK)
    assert (result["failed"], result["reason"], result["changed"]) == (True, "refused", False)
    assert all(image["id"] in result["msg"] for image in images)
    assert glance.sent == []
    # Its id says which one is meant.
    chosen = image_import(**DISK, id=images[1]["id"], tags=["base"])
    assert (chosen["steps"], chosen["image"]["id"]) == (["update"], images[1]["id"])
    # The newest is meant when the others are to be hidden.
    hidden = image_import(**DISK, hide_others=True)
    assert hidden["steps"] == ["hide_others"]
    assert [image["os_hidden"] for image in glance.images].count(True) == 1
    assert image_import(**DISK)["changed"] is False


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("there", "stores", "message"),
    [
        (["files", "fast"], ["files", "fsat"], "(files and fast), found fsat: correct stores."),
        # It cannot be written.
        (["files"], ["web"], "(files), found web (read-only): correct stores."),
        ([], ["files"], "(none), found files: correct stores."),
        (None, ["files"], "stores should be left out at a service that has no several stores, found files (GET http"),
    ],
)
def test_stores_that_are_not_there_are_refused_before_anything_is_made(
    glance, image_import, check_mode, there, stores, message
):
    glance.stores = there
    result = image_import(check_mode, **DISK, stores=stores)
    assert (result["failed"], result["reason"], result["changed"]) == (True, "refused", False)
    assert message in result["msg"]
    assert (glance.images, glance.sent) == ([], [])


def test_an_image_that_is_there_is_not_copied_into_a_store_that_is_not(glance, image_import):
    image_import(**DISK)
    sent = list(glance.sent)
    for given in (DISK, {"method": "copy-image", "name": "disk"}):
        assert image_import(**given, stores=["fsat"])["reason"] == "refused"
    assert glance.sent == sent


def test_a_hash_of_another_algorithm_is_said_to_be_one(glance, image_import):
    result = image_import(**DISK, os_hash_value=hashlib.sha256(DATA).hexdigest())
    assert result["reason"] == "mismatch"
    assert result["msg"].endswith("Give an os_hash_value of 128 digits, as sha512 has, which is what the service uses.")


def test_glances_reason_for_a_refusal_is_whole(glance, image_import):
    reason = "Provided object does not match schema 'image': " + " ".join(f"format-{number}" for number in range(99))
    glance.on_request(3, (400, json.dumps({"message": f"{reason}<br /><br />\n", "code": "400 Bad Request"}).encode()))
    result = image_import(**DISK)
    assert result["msg"].endswith(
        f"expected 201, got 400: {reason}. Change what was asked for, or what stands in its way."
    )
