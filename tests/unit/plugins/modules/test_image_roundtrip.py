import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import image_roundtrip


@pytest.fixture
def roundtrip(run_module, glance):
    def run(check_mode=False, **options):
        return run_module("image_roundtrip", check_mode, **{"api_url": glance.url, "grace": 0, "size": 1000, **options})

    return run


def test_an_image_comes_back_and_is_gone(glance, roundtrip):
    result = roundtrip()
    assert (result["changed"], result["size"], result["requests"]) == (False, 1000, 6)
    assert [(method, path.split("/")[-1]) for method, path, _body in glance.sent] == [
        ("POST", "images"),
        ("PUT", "file"),
        ("DELETE", result["id"]),
    ]
    assert glance.images == []
    assert glance.sent[0][2]["visibility"] == "private"


def test_other_data_is_told_and_deleted(glance, roundtrip):
    def spoil():
        (image_id,) = glance.files
        glance.files[image_id] = b"x" * 1000

    glance.on_request(4, spoil)
    result = roundtrip()
    assert (result["failed"], result["reason"]) == (True, "mismatch")
    assert "should be the 1000 bytes that were uploaded, found 1000 bytes that differ" in result["msg"]
    assert glance.images == []


@pytest.mark.parametrize(
    ("number", "trouble", "reason", "said", "left"),
    [
        (1, 401, "unauthorised", "POST", 0),
        (2, 413, "unhealthy", "PUT", 0),
        (4, 500, "unhealthy", "/file: expected 200, got 500: ", 0),
        (5, 403, "unauthorised", "DELETE", 0),
        ("always", 503, "unhealthy", "POST", 0),
    ],
)
def test_a_step_that_fails_is_told_with_the_answer(glance, roundtrip, number, trouble, reason, said, left):
    glance.on_request(number, trouble)
    result = roundtrip()
    assert (result["failed"], result["reason"], len(glance.images)) == (True, reason, left)
    assert said in result["msg"]
    assert str(trouble) in result["msg"]


def test_an_image_that_is_not_active_is_told(glance, roundtrip):
    glance.on_request(3, lambda: glance.images[-1].update(status="saving"))
    result = roundtrip()
    assert "should be active with 1000 bytes, found saving with 1000" in result["msg"]
    assert glance.images == []


def test_an_image_that_does_not_go_is_told(glance, roundtrip):
    glance.on_request(6, lambda: glance.images.append({"id": glance.sent[-1][1].split("/")[-1], "status": "active"}))
    assert "should be gone after its deletion" in roundtrip()["msg"]


def test_check_mode_asks_nothing(glance, roundtrip):
    assert roundtrip(check_mode=True)["changed"] is False
    assert glance.asked == []


def test_an_image_without_data_proves_nothing(roundtrip):
    assert roundtrip(size=0)["msg"] == "size should be 1 or more, found 0."


@pytest.mark.parametrize("size", [1, 511, 512, 4096])
def test_random_data_is_no_boot_record(monkeypatch, size):
    """Glance would judge its partitions, and refuse one upload of 65,536."""
    monkeypatch.setattr(
        image_roundtrip.os, "urandom", lambda length: b"\x55\xaa" * (length // 2) + b"\x55" * (length % 2)
    )
    data = image_roundtrip.random_disk(size)
    assert (len(data), data[510:512]) == (size, bytes(max(min(size, 512) - 510, 0)))
