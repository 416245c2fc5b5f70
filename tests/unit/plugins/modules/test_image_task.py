import pytest

PROPERTIES = {"name": "by a task", "disk_format": "qcow2", "container_format": "bare"}
IMPORT = {"import_from": "http://web/disk", "import_from_format": "qcow2", "image_properties": PROPERTIES}


@pytest.fixture
def image_task(run_module, glance):
    def run(check_mode=False, **options):
        given = {"api_url": glance.url, "interval": 0.05, "timeout": 10, **options}
        return run_module("image_task", check_mode, **given)

    return run


@pytest.fixture
def ends(glance):
    """Have the task that is made next end at the given request."""

    def ends(number, status, **facts):
        glance.on_request(number, lambda: glance.task_list[-1].update(status=status, **facts))

    return ends


@pytest.fixture
def succeeds(glance):
    """Have the task that is made next succeed at the given request, with an image of these facts."""

    def succeeds(number, **found):
        glance.on_request(number, lambda: glance.succeed(**found))

    return succeeds


def test_makes_a_task_and_waits_for_its_image(glance, image_task, succeeds, warned):
    succeeds(4)
    result = image_task(**IMPORT)
    (image,) = glance.images
    assert result["changed"] is True
    assert (result["task"]["status"], result["task"]["result"]) == ("success", {"image_id": image["id"]})
    assert (result["image"]["id"], result["image"]["disk_format"]) == (image["id"], "qcow2")
    assert glance.sent == [("POST", "/v2/tasks", {"type": "import", "input": IMPORT})]
    # Without authentication nobody owns anything.
    assert (result["requests"], warned) == (5, [])


@pytest.fixture
def logins(glance):
    """Options of each login of a user of the project p1."""
    glance.project = "p1"
    auth = {"auth_url": glance.url, "username": "a", "password": "s3cr3t", "user_domain_id": "d", "project_id": "p1"}
    return {
        "keystone": {"api_url": None, "auth": auth},
        "basic": {"username": "a", "password": "s3cr3t"},
        "token": {"token": "t0ken"},
    }


# A login at Keystone is a request of its own, and one that is not there is a PATCH.
@pytest.mark.parametrize(("login", "patches"), [("keystone", 0), ("basic", 1), ("token", 1)])
def test_the_image_belongs_to_the_project_of_who_asks(glance, image_task, logins, succeeds, warned, login, patches):
    succeeds(3)
    result = image_task(**IMPORT, **logins[login])
    assert (glance.images[0]["owner"], result["image"]["owner"]) == ("p1", "p1")
    assert [method for method, _path, _body in glance.sent].count("PATCH") == patches
    assert warned == []


@pytest.mark.parametrize("login", ["keystone", "basic"])
@pytest.mark.parametrize(
    ("given", "owner"),
    [
        ({"owner": "p2"}, "p2"),
        ({"image_properties": {**PROPERTIES, "owner": "p2"}}, "p2"),
        ({"image_properties": {**PROPERTIES, "owner": "p2"}, "owner": "p2"}, "p2"),
        # What is said of the owner is kept to, and told.
        ({"image_properties": {**PROPERTIES, "owner": None}}, None),
    ],
)
def test_an_owner_that_is_named_is_kept(glance, image_task, logins, succeeds, warned, login, given, owner):
    succeeds(3)
    result = image_task(**{**IMPORT, **given}, **logins[login])
    assert (glance.images[0]["owner"], result["image"]["owner"]) == (owner, owner)
    assert "PATCH" not in [method for method, _path, _body in glance.sent]
    assert [" has no owner, so every project" in text for text in warned] == ([] if owner else [True])


@pytest.mark.parametrize(("login", "texts"), [("keystone", 0), ("basic", 1), ("token", 1)])
def test_an_image_that_nobody_waits_for(glance, image_task, logins, warned, login, texts):
    image_task(**IMPORT, **logins[login], wait=False)
    assert ["The image of task task-0 has no owner" in text for text in warned] == [True] * texts
    assert glance.task_list[0]["input"]["image_properties"].get("owner") == (None if texts else "p1")


def test_an_image_that_cannot_be_given_its_owner_is_a_failure(glance, image_task, logins, succeeds):
    succeeds(2)
    glance.on_request(4, 403)
    result = image_task(**IMPORT, **logins["basic"])
    assert (result["failed"], result["reason"], result["image"]["owner"]) == (True, "unauthorised", None)
    assert "should belong to the project p1: PATCH" in result["msg"]
    assert "tasks_api_access" not in result["msg"]


def test_an_image_that_is_gone_is_a_failure(glance, image_task, succeeds):
    succeeds(2)
    glance.on_request(3, glance.images.clear)
    result = image_task(**IMPORT)
    assert (result["failed"], result["reason"], result["image"]) == (True, "unhealthy", {})
    assert result["task"]["status"] == "success"


def test_an_image_of_a_task_is_known_to_image_import(glance, image_task, logins, succeeds, run_module):
    succeeds(3)
    made = image_task(**IMPORT, **logins["keystone"])["image"]
    given = {"method": "web-download", "name": "by a task", "uri": "http://web/disk", "disk_format": "qcow2"}
    result = run_module("image_import", **given, **logins["keystone"])
    assert (result["changed"], result["image"]["id"]) == (False, made["id"])


def test_a_picture_that_is_given_as_a_disk_is_a_failure(glance, image_task, succeeds):
    succeeds(2, disk_format="raw")
    result = image_task(**IMPORT)
    assert (result["failed"], result["reason"], result["image"]["disk_format"]) == (True, "mismatch", "raw")
    assert (
        f"'by a task' ({glance.images[0]['id']}) should have disk_format qcow2, found disk_format raw" in result["msg"]
    )
    assert "data comes from" in result["msg"]


def test_a_format_that_may_be_changed_is_said(image_task, succeeds, warned):
    succeeds(2, disk_format="raw")
    result = image_task(**IMPORT, allow_changed_formats=True)
    assert (result["image"]["disk_format"], "failed" in result) == ("raw", False)
    (text,) = warned
    assert "should have disk_format qcow2, found disk_format raw" in text


def test_the_message_of_a_failed_task_is_the_error(glance, image_task, ends):
    ends(3, "failure", message="Task failed due to Internal\n Error")
    result = image_task(**IMPORT)
    assert (result["failed"], result["reason"]) == (True, "failure")
    assert result["msg"] == "Task task-0 (import) should succeed, found: Task failed due to Internal Error"
    assert result["task"]["status"] == "failure"


def test_a_task_without_a_message_says_where_to_look(glance, image_task, ends):
    ends(2, "failure", message=None)
    assert "found: no reason, which the service's log may have" in image_task(**IMPORT)["msg"]


def test_a_task_that_takes_too_long(glance, image_task):
    result = image_task(**IMPORT, timeout=0)
    assert result["reason"] == "timeout"
    assert "should end within 0 s, but is still pending" in result["msg"]


def test_not_waiting(glance, image_task):
    result = image_task(**IMPORT, wait=False)
    assert (result["task"]["status"], result["requests"]) == ("pending", 1)


def test_check_mode_makes_none(glance, image_task):
    result = image_task(check_mode=True, **IMPORT)
    assert (result["changed"], result["task"], glance.sent, glance.asked) == (True, {}, [], [])


def test_shows_one_and_waits_for_it(glance, image_task):
    glance.task_list.append({"id": "t", "type": "import", "status": "processing", "message": ""})
    assert image_task(id="t", wait=False)["task"]["status"] == "processing"
    glance.on_request(4, lambda: glance.task_list[0].update(status="success"))
    result = image_task(id="t")
    assert (result["changed"], result["task"]["status"]) == (False, "success")


def test_one_that_is_not_there(image_task):
    result = image_task(id="t")
    assert (result["reason"], result["requests"]) == ("unhealthy", 1)
    assert "/v2/tasks/t: expected 200 and JSON, got 404" in result["msg"]


def test_lists_them(glance, image_task):
    for number, (kind, status) in enumerate(
        [("import", "success"), ("import", "failure"), ("api_image_import", "failure")]
    ):
        glance.task_list.append({"id": str(number), "type": kind, "status": status})

    def ids(**options):
        return [task["id"] for task in image_task(**options)["tasks"]]

    assert ids() == ["0", "1", "2"]
    assert ids(status="failure") == ["1", "2"]
    assert ids(type="api_image_import") == ["2"]
    assert ids(type="import", status="failure") == ["1"]


def test_an_outage_while_it_waits(glance, image_task, succeeds):
    glance.on_request(2, "reset")
    succeeds(4)
    assert image_task(**IMPORT)["task"]["status"] == "success"


def test_who_may_not_is_told_so(glance, image_task):
    glance.on_request(1, 403)
    result = image_task()
    assert (result["reason"], "give the login of a user" in result["msg"]) == ("unauthorised", True)
    assert "the policy tasks_api_access" in result["msg"]


def test_a_wrong_password_is_no_matter_of_the_policy(glance, image_task):
    glance.on_request(1, 401)
    assert "tasks_api_access" not in image_task()["msg"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"import_from": "http://web"}, "required together"),
        ({**IMPORT, "id": "t"}, "mutually exclusive"),
        ({"id": "t", "status": "failure"}, "mutually exclusive"),
        ({"status": "failed"}, "value of status must be one of"),
        ({"grace": -1}, "grace is -1"),
        ({"owner": "p1"}, "import_from"),
        ({**IMPORT, "image_properties": {"owner": "p1"}, "owner": "p2"}, "owner is p2, and p1 in image_properties"),
    ],
)
def test_wrong_options_are_refused_before_any_request(glance, image_task, options, message):
    assert message in image_task(**options)["msg"]
    assert glance.asked == []
