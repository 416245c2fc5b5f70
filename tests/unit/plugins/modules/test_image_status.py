import json
import subprocess
import time
import tracemalloc
import urllib.parse

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


def test_check_mode_without_a_condition_skips_nothing(glance, image_status):
    assert "skipped_wait" not in image_status(check_mode=True)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [("reset", "unreachable"), (401, "unauthorised"), (503, "unhealthy"), ("not json", "unhealthy")],
)
def test_kinds_of_failure_can_be_told_apart(glance, image_status, trouble, reason):
    glance.on_request(1, trouble)
    result = image_status(wait_for=["active"], grace=0)
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
        ({"wait_for": ["killed"]}, "the API never shows an image that is deleted, pending_delete or killed"),
        ({"wait_for": ["activ"]}, "wait_for has activ: expected one or more of"),
        ({"how_many": "most"}, "how_many is 'most'"),
        ({"stores": ["fast"]}, "wait_for"),
        ({"expected": {"size": 3}}, "wait_for"),
        ({"ids": ["i"], "name_pattern": "d*"}, "mutually exclusive"),
        ({"counts_only": True, "wait_for": ["active"]}, "counts_only is true"),
        ({"auth": {"auth_url": "http://k", "username": "a", "password": "hidden"}}, "user_domain"),
        ({"ids": [""]}, "ids has an empty entry"),
        ({"timeout": -1}, "timeout is -1"),
        ({"wait_for": ["active"], "expected": {"os_hash_value": "xyz"}}, "expected.os_hash_value should be the hexad"),
        ({"api_url": "localhost:9292"}, "expected a URL such as"),
        ({"api_url": "http://me:pass@localhost"}, "user name"),
        ({"client_key": "/k"}, "client_cert"),
    ],
)
def test_wrong_options_are_refused_before_any_request(glance, image_status, options, message):
    result = image_status(**options)
    assert result["failed"] is True
    assert message in result["msg"]
    assert "hidden" not in result["msg"]
    assert glance.asked == []


@pytest.fixture
def library(glance):
    """Images of which each filter lets another set pass."""
    glance.add(name="debian-12", tags=["base", "old"], owner="p1", visibility="public")
    glance.add(name="debian-13", tags=["base"], owner="p1", visibility="private")
    glance.add(name="Debian", tags=[], owner="p2", visibility="community")
    glance.add(name="debian-11", tags=["old"], owner="p2", visibility="shared", os_hidden=True)
    glance.add(name=None, tags=[], owner="p2", visibility="shared")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, [0, 1, 2, 4, 3]),
        ({"name_pattern": "debian-*"}, [0, 1, 3]),
        ({"name_pattern": "debian-1[23]"}, [0, 1]),
        ({"tags": ["base"]}, [0, 1]),
        ({"tags": ["base", "old"]}, [0]),
        ({"owner": "p2"}, [2, 4, 3]),
        ({"visibility": "shared"}, [4, 3]),
        ({"visibility": "community"}, [2]),
        ({"hidden": True}, [3]),
        ({"hidden": False}, [0, 1, 2, 4]),
        ({"hidden": False, "owner": "p2", "name_pattern": "*"}, [2, 4]),
        ({"names": ["debian-12", "debian-11"], "owner": "p1"}, [0, None]),
        ({"names": ["debian-11"], "hidden": False}, [None]),
    ],
)
def test_images_are_selected(glance, image_status, library, options, found):
    result = image_status(**options)
    numbers = [image["id"] and int(image["id"][:8], 16) for image in result["images"]]
    assert numbers == found
    counts = image_status(**options, counts_only=True)
    assert "images" not in counts
    assert counts["counts"] == ({"active": len(found) - found.count(None)} if found != [None] else {})


def test_a_filter_waits_for_an_image_to_appear(glance, image_status):
    glance.add("active", tags=["other"])
    glance.on_request(5, lambda: glance.add("active", tags=["base"]))
    result = image_status(tags=["base"], wait_for=["active"], timeout=10)
    assert result["counts"] == {"active": 1}


def test_stores_and_facts_are_waited_for(glance, image_status):
    image = glance.add("active", stores="files", size=3, visibility="private")
    # The first request is for the stores.
    glance.on_request(4, lambda: image.update(stores="files,fast"))
    glance.on_request(6, lambda: image.update(visibility="public"))
    wanted = {"stores": ["files", "fast"], "expected": {"size": 3, "visibility": "public"}}
    result = image_status(ids=[image["id"]], wait_for=["active"], timeout=10, **wanted)
    assert "failed" not in result
    assert len(glance.asked) == 6
    assert [path for path, _query in glance.asked].count("/v2/info/stores") == 1


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("stores", "message"),
    [
        (["files", "fsat"], "stores should be of those that the service has (files and fast and web), found fsat"),
        (None, "stores should be left out at a service that has no several stores, found files and fsat (GET http"),
    ],
)
def test_a_store_that_is_not_there_is_a_failure_at_once(glance, image_status, check_mode, stores, message):
    glance.add("active", name="disk", stores="files")
    if stores is None:
        glance.stores = None
    result = image_status(check_mode, names=["disk"], wait_for=["active"], stores=["files", "fsat"], timeout=60)
    assert (result["failed"], result["reason"], result["requests"]) == (True, "impossible", 1)
    assert message in result["msg"]
    assert (result["images"], result["counts"]) == ([], {})


def test_a_read_only_store_can_be_waited_for(glance, image_status):
    glance.add("active", name="disk", stores="web")
    assert "failed" not in image_status(names=["disk"], wait_for=["active"], stores=["web"])


def test_stores_that_cannot_be_asked_for_now_are_asked_for_again(glance, image_status):
    glance.add("active", name="disk", stores="files")
    glance.on_request(1, 503)
    assert image_status(names=["disk"], wait_for=["active"], stores=["files"])["requests"] == 3


def test_other_data_than_expected_ends_at_once(glance, image_status):
    glance.add("active", name="disk", size=3)
    result = image_status(names=["disk"], wait_for=["active"], expected={"size": 4}, timeout=60)
    assert (result["reason"], result["requests"]) == ("impossible", 1)
    assert "has size 3, and data never changes" in result["msg"]


def test_one_of_many_is_enough(glance, image_status):
    images = [glance.add("saving"), glance.add("active")]
    result = image_status(ids=[image["id"] for image in images], wait_for=["active"], how_many="any", timeout=0)
    assert "failed" not in result


def test_a_service_that_is_busy_is_asked_again_when_it_says_so(glance, image_status):
    glance.add()
    glance.retry_after = 1
    glance.on_request(1, 429)
    started = time.monotonic()
    assert image_status(names=["image-0"], wait_for=["active"])["counts"] == {"active": 1}
    assert time.monotonic() - started >= 1


def test_an_outage_ends_with_its_grace(glance, image_status):
    glance.on_request("always", 503)
    started = time.monotonic()
    result = image_status(wait_for=["active"], grace=1, timeout=60)
    assert result["reason"] == "unhealthy"
    assert 1 <= time.monotonic() - started < 5


def keystone_of(glance):
    auth = {"auth_url": glance.url, "username": "alice", "password": "s3cr3t", "user_domain_name": "Default"}
    return {"auth": {**auth, "project_name": "research", "project_domain_name": "Default"}, "api_url": None}


def test_a_token_that_ends_while_it_waits_is_renewed_and_never_shown(glance, image_status):
    glance.add("saving", name="disk")
    glance.on_request(4, lambda: setattr(glance, "token", "of another time"))
    glance.on_request(8, lambda: glance.images[0].update(status="active"))
    result = image_status(names=["disk"], wait_for=["active"], timeout=30, **keystone_of(glance))
    assert result["counts"] == {"active": 1}
    assert glance.tokens_made == 2
    assert "token-" not in str(result)
    assert "s3cr3t" not in str(result)


def test_a_login_that_is_refused(glance, image_status):
    glance.on_request(1, 401)
    result = image_status(**keystone_of(glance))
    assert (result["reason"], result["requests"]) == ("unauthorised", 1)
    assert "Check user, password, project" in result["msg"]


def test_the_environment_says_how_to_log_in(glance, image_status, monkeypatch):
    glance.add()
    for name, value in keystone_of(glance)["auth"].items():
        monkeypatch.setenv(f"OS_{name.upper()}", value)
    assert image_status(api_url=None)["counts"] == {"active": 1}
    assert glance.tokens_made == 1
    glance.token = None
    assert image_status(auth_type="none")["counts"] == {"active": 1}
    assert glance.tokens_made == 1


def test_clouds_yaml_says_how_to_log_in(glance, image_status, monkeypatch, tmp_path):
    glance.add()
    cloud = {"auth": keystone_of(glance)["auth"], "region_name": "one"}
    (tmp_path / "clouds.json").write_text(json.dumps({"clouds": {"mine": cloud}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.json"))
    assert image_status(api_url=None, cloud="mine")["counts"] == {"active": 1}
    refused = image_status(api_url=None, cloud="mine", region_name="two")
    assert "expected the region 'two', found one" in refused["msg"]
    assert "expected the cloud 'other', found mine" in image_status(api_url=None, cloud="other")["msg"]


class Library:
    """So many images, made page by page and never all held, as a database would give them."""

    def __init__(self, glance, size):
        self.size, self.page = size, 1000
        glance.answer_to = self.answer

    def answer(self, path, query):
        del path
        start = int(query["marker"][0][:8], 16) + 1 if "marker" in query else 0
        if query.get("os_hidden") == ["true"]:
            return 200, {"images": [], "first": "/v2/images?" + urllib.parse.urlencode(query, doseq=True)}
        if "name" in query:
            start, end = 7, 8
        else:
            end = min(start + self.page, self.size)
        images = [
            {"id": f"{n:08x}-0000-4000-8000-000000000000", "name": f"image-{n}", "status": ("active", "queued")[n % 2]}
            for n in range(start, end)
        ]
        answer = {"images": images, "first": "/v2/images?" + urllib.parse.urlencode(query, doseq=True)}
        if end < self.size and "name" not in query:
            answer["next"] = f"/v2/images?marker={images[-1]['id']}"
        return 200, answer


def test_one_name_of_five_thousand_images_is_one_request(glance, image_status):
    Library(glance, 5000)
    result = image_status(names=["image-7"])
    assert result["requests"] == 1
    assert result["counts"] == {"queued": 1}


def test_a_hundred_thousand_images_are_counted_a_page_at_a_time(glance, image_status):
    library = Library(glance, 100_000)
    tracemalloc.start()
    try:
        assert image_status(counts_only=True)["counts"] == {"active": 50_000, "queued": 50_000}
        library.size, most = 3000, tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        assert image_status(counts_only=True)["counts"] == {"active": 1500, "queued": 1500}
        few = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < few * 1.5


def test_pages_may_shrink_on_the_way(glance, image_status):
    Library(glance, 2500)
    library = Library(glance, 2500)
    glance.on_request(2, lambda: setattr(library, "page", 100))
    assert image_status(counts_only=True)["counts"] == {"active": 1250, "queued": 1250}
    assert len(glance.asked) == 1 + 15 + 1
