import pytest

IMPORT = {"import_from": "http://web/disk", "import_from_format": "raw", "image_properties": {"name": "by a task"}}


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


def test_makes_a_task_and_waits_for_its_image(glance, image_task, ends):
    ends(4, "success", result={"image_id": "i"})
    result = image_task(**IMPORT)
    assert result["changed"] is True
    assert (result["task"]["status"], result["task"]["result"]) == ("success", {"image_id": "i"})
    assert glance.sent == [("POST", "/v2/tasks", {"type": "import", "input": IMPORT})]
    assert result["requests"] == 4


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


def test_an_outage_while_it_waits(glance, image_task, ends):
    glance.on_request(2, "reset")
    ends(4, "success")
    assert image_task(**IMPORT)["task"]["status"] == "success"


def test_who_may_not_is_told_so(glance, image_task):
    glance.on_request(1, 403)
    result = image_task()
    assert (result["reason"], "Give the login of a user" in result["msg"]) == ("unauthorised", True)
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
    ],
)
def test_wrong_options_are_refused_before_any_request(glance, image_task, options, message):
    assert message in image_task(**options)["msg"]
    assert glance.asked == []
