import subprocess
import time

import pytest


@pytest.fixture
def image_status(run_module, glance):
    def run(check_mode=False, **options):
        return run_module("image_status", check_mode, **{"api_url": glance.url, "interval": 0.05, **options})

    return run


def test_reports_all_images(glance, image_status):
    glance.add("active", size=7, checksum="c", stores="a,b")
    glance.add("queued")
    result = image_status()
    assert result["changed"] is False
    assert result["counts"] == {"active": 1, "queued": 1}
    assert result["requests"] == 2
    first = result["images"][0]
    assert (first["status"], first["size"], first["checksum"], first["stores"]) == ("active", 7, "c", ["a", "b"])


def test_one_request_for_many_images(glance, image_status):
    ids = [glance.add()["id"] for dummy in range(1000)]
    result = image_status(ids=ids, wait_for=["active"])
    assert result["requests"] == len(glance.asked) == 1
    assert result["counts"] == {"active": 1000}


def test_one_request_for_each_look(glance, image_status):
    images = [glance.add("saving") for dummy in range(10)]
    glance.on_request(4, lambda: [image.update(status="active") for image in images])
    result = image_status(ids=[image["id"] for image in images], wait_for=["active"], timeout=10)
    assert result["requests"] == len(glance.asked) == 4
    assert result["counts"] == {"active": 10}


def test_waits_for_a_name_to_appear_and_become_active(glance, image_status):
    glance.on_request(3, lambda: glance.add("queued", name="later, maybe"))
    glance.on_request(5, lambda: glance.images[0].update(status="active"))
    result = image_status(names=["later, maybe"], wait_for=["active"], timeout=10)
    assert result["counts"] == {"active": 1}


def test_waits_until_an_image_is_gone(glance, image_status):
    image = glance.add()
    glance.on_request(2, glance.images.clear)
    result = image_status(ids=[image["id"]], wait_for=["absent"], timeout=10)
    assert result["counts"] == {"absent": 1}


def test_a_failed_import_ends_at_once_with_glances_reason(glance, image_status):
    image = glance.add("importing", os_glance_import_task="t")

    def fail():
        image.update(status="queued", os_glance_failed_import="fast")
        del image["os_glance_import_task"]

    glance.on_request(2, fail)
    glance.tasks[image["id"]] = [{"status": "failure", "message": "HTTP Error 404: Not Found", "updated_at": "1"}]
    started = time.monotonic()
    result = image_status(ids=[image["id"]], wait_for=["active"], timeout=60)
    assert time.monotonic() - started < 5
    assert (result["failed"], result["reason"], result["requests"]) == (True, "impossible", 3)
    assert "Glance says: HTTP Error 404: Not Found" in result["msg"]
    assert result["counts"] == {"queued": 1}


def test_a_failed_import_whose_reason_is_not_readable(glance, image_status):
    image = glance.add("queued", os_glance_failed_import="fast")
    glance.tasks[image["id"]] = 403
    result = image_status(ids=[image["id"]], wait_for=["active"], timeout=60)
    assert result["reason"] == "impossible"
    assert "not readable, its tasks answered 403" in result["msg"]


def test_gone_by_id_ends_at_once(glance, image_status):
    result = image_status(ids=["not-there"], wait_for=["active"], timeout=60)
    assert (result["reason"], result["counts"], result["requests"]) == ("impossible", {"absent": 1}, 2)


def test_timeout(glance, image_status):
    glance.add("saving", name="slow")
    result = image_status(names=["slow"], wait_for=["active"], timeout=1, interval=0.4)
    assert result["reason"] == "timeout"
    assert "'slow'" in result["msg"]
    assert 1 <= result["elapsed"] < 3
    assert result["requests"] == 3


def test_check_mode_looks_once(glance, image_status):
    image = glance.add("saving")
    result = image_status(check_mode=True, ids=[image["id"], "not-there"], wait_for=["active"], timeout=60)
    assert result["skipped_wait"] is True
    assert result["counts"] == {"saving": 1, "absent": 1}
    assert "failed" not in result


def test_check_mode_without_a_wish_skips_nothing(glance, image_status):
    assert "skipped_wait" not in image_status(check_mode=True)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [("reset", "unreachable"), (401, "unauthorised"), (503, "unhealthy"), ("not json", "unhealthy")],
)
def test_kinds_of_failure_can_be_told_apart(glance, image_status, trouble, reason):
    glance.on_request(1, trouble)
    result = image_status(wait_for=["active"])
    assert (result["failed"], result["reason"], result["requests"]) == (True, reason, 1)
    assert (result["images"], result["counts"]) == ([], {})
    assert f"GET {glance.url}/v2/images?" in result["msg"]


def test_a_restart_in_between_is_put_up_with(glance, image_status):
    image = glance.add("saving")
    for number, trouble in enumerate(("reset", 503, 502), start=2):
        glance.on_request(number, trouble)
    glance.on_request(5, lambda: image.update(status="active"))
    assert image_status(ids=[image["id"]], wait_for=["active"], timeout=10)["requests"] == 5


def test_the_token_reaches_glance_and_nothing_else(glance, image_status):
    glance.token = "right-token"
    glance.add()
    assert image_status(token="right-token")["counts"] == {"active": 1}
    result = image_status(token="wrong-token")
    assert result["reason"] == "unauthorised"
    assert "wrong-token" not in str(result)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"token": "secret-token"}, "secret-token"),
        # What curl -u alice:pässword sends.
        ({"username": "alice", "password": "pässword"}, "Basic YWxpY2U6cMOkc3N3b3Jk"),
    ],
)
def test_a_redirect_does_not_take_the_credentials_along(glance, new_glance, image_status, options, sent):
    other = new_glance()
    other.add()
    glance.redirect = other.url
    assert image_status(**options)["counts"] == {"active": 1}
    assert sent in str(glance.headers[0])
    assert sent not in str(other.headers)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"username": "alice"}, "password"),
        ({"password": "hidden"}, "username"),
        ({"token": "secret", "username": "alice", "password": "hidden"}, "mutually exclusive"),
    ],
)
def test_half_credentials_are_refused(image_status, options, named):
    assert named in image_status(**options)["msg"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """File with a key and a certificate for 127.0.0.1, which is its own authority."""
    folder = tmp_path_factory.mktemp("tls")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=loopback"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key", "-out", folder / "certificate"]
    subprocess.run([*made, *names], check=True, capture_output=True)
    both = folder / "both"
    both.write_text((folder / "key").read_text() + (folder / "certificate").read_text())
    return both


def test_tls_options_take_effect(glance, image_status, certificate):
    glance.use_tls(certificate)
    distrusted = image_status()
    assert distrusted["reason"] == "unreachable"
    assert "CERTIFICATE_VERIFY_FAILED" in distrusted["msg"]
    assert "failed" not in image_status(ca_path=str(certificate.parent / "certificate"))
    assert "failed" not in image_status(validate_certs=False)


def test_client_certificates_take_effect(glance, image_status, certificate):
    glance.use_tls(certificate, clients=certificate.parent / "certificate")
    trust = {"ca_path": str(certificate.parent / "certificate")}
    assert image_status(**trust)["reason"] == "unreachable"
    assert "failed" not in image_status(**trust, client_cert=str(certificate))
    apart = {"client_cert": str(certificate.parent / "certificate"), "client_key": str(certificate.parent / "key")}
    assert "failed" not in image_status(**trust, **apart)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wait_for": ["killed"]}, "value of wait_for must be one or more of"),
        ({"ids": [""]}, "ids has an empty entry"),
        ({"timeout": -1}, "timeout is -1"),
        ({"api_url": "localhost:9292"}, "expected a URL such as"),
        ({"api_url": "http://me:pass@localhost"}, "user name"),
        ({"client_key": "/k"}, "client_cert"),
    ],
)
def test_wrong_options_are_refused_before_any_request(glance, image_status, options, message):
    result = image_status(**options)
    assert result["failed"] is True
    assert message in result["msg"]
    assert glance.asked == []
