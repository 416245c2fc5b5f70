import itertools
import json
import ssl
import types

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import client as c
from ansible_collections.glanceops.image_service.plugins.module_utils.login import options


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://127.0.0.1:9292", "http://127.0.0.1:9292"),
        ("http://127.0.0.1:9292/", "http://127.0.0.1:9292"),
        ("http://127.0.0.1:9292/v2", "http://127.0.0.1:9292"),
        ("http://127.0.0.1:9292/v2/", "http://127.0.0.1:9292"),
        ("https://cloud.example.com/image/v2//", "https://cloud.example.com/image"),
        ("https://[::1]:9292/image", "https://[::1]:9292/image"),
        ("http://v2", "http://v2"),
    ],
)
def test_base_url(given, expected):
    assert c.base_url(given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("127.0.0.1:9292", "expected a URL such as"),
        ("ftp://x", "expected a URL such as"),
        ("http://", "expected a URL such as"),
        ("http://x?y=1", "without a query"),
        ("http://x:port", "port"),
        ("http://me:secret@x", "user name"),
    ],
)
def test_base_url_refuses(given, message):
    with pytest.raises(ValueError, match=message) as caught:
        c.base_url(given)
    assert "secret" not in str(caught.value).replace("no secret", "")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, ""),
        (b"", ""),
        (b"<html><head><title>400 Bad</title></head>\n<body><h1>Bad</h1>A &lt;b&gt;</body></html>", "Bad A <b>"),
        ("plain\n text", "plain text"),
        (b"\xff" * 4000, "\ufffd" * 4000),
        (b"\xff" * 4001, "\ufffd" * 4000 + "..."),
    ],
)
def test_plain(body, expected):
    assert c.plain(body) == expected


LONG = " ".join(f"reason-{number}" for number in range(200))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # Glance, to who takes JSON
        (json.dumps({"message": f"{LONG}<br /><br />\n\n", "code": "400 Bad Request", "title": "Bad"}), LONG),
        (json.dumps({"message": "a <b> & 'c'\n  d<br/>", "code": "400 Bad Request"}), "a <b> & 'c' d"),
        # Keystone
        (json.dumps({"error": {"code": 400, "message": "no user", "title": "Bad Request"}}), "no user"),
        # pages of Glance and of proxies
        (f"<html><head><title>400 Bad Request</title></head><h1>400 Bad Request</h1>{LONG}<br/><br/></html>", LONG),
        ("<html><h1>400 Bad Request</h1></html>", "400 Bad Request"),
        # other JSON as it is
        ('{"message": ""}', '{"message": ""}'),
        ('{"versions": []}', '{"versions": []}'),
        ('{"error": "x"}', '{"error": "x"}'),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_the_reason_of_an_answer_is_whole(body, expected):
    assert c.told(body.encode(), "400 Bad Request") == expected


@pytest.mark.parametrize("status", [*range(400, 418), 422, 428, 429, 431, 499])
def test_what_the_user_can_mend_is_not_looked_for_in_logs(glance, client, status):
    glance.on_request("always", (status, json.dumps({"message": f"{LONG}<br /><br />"}).encode()))
    with pytest.raises(c.GlanceError) as caught:
        client().call("POST", "/v2/images", {}, expected=201)
    assert f"expected 201, got {status}: {LONG}. " in str(caught.value)
    assert "the log of" not in str(caught.value)


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504])
def test_what_the_service_is_to_blame_for_may_be_in_its_log(glance, client, status):
    glance.on_request("always", status)
    with pytest.raises(c.GlanceError, match="Look into the log of the service, and of the proxy in front of it"):
        client().call("POST", "/v2/images", {}, expected=201)


@pytest.mark.parametrize(
    ("status", "method", "path", "advice"),
    [
        (300, "GET", "/v2/images/i", "Check that this is the address of the service."),
        (404, "POST", "/v2/images", "Check that this is the address of the service."),
        (404, "GET", "/v2/images/i", "Check that it is there, and that the service knows how to do this."),
        (401, "GET", "/v2/images/i", "Give the login of a user who may do this."),
        (403, "PATCH", "/v2/images/i", "Change what was asked for, or give the login of a user who may do this."),
        (400, "POST", "/v2/images", "Change what was asked for, or what stands in its way."),
        (409, "PUT", "/v2/images/i/file", "Change what was asked for, or what stands in its way."),
        (415, "PUT", "/v2/images/i/file", "Change what was asked for, or what stands in its way."),
        (429, "GET", "/v2/images/i", "Ask again later."),
    ],
)
def test_advice(glance, client, status, method, path, advice):
    glance.on_request("always", status)
    with pytest.raises(c.GlanceError) as caught:
        client().call(method, path, expected=200)
    assert str(caught.value).endswith(f"not today. {advice}")


@pytest.fixture
def client(glance, tmp_path):
    """Make a client of the fake Glance, or of what its Keystone names."""

    def make(**given):
        params = {name: option.get("default") for name, option in options().items()}
        params |= given or {"api_url": glance.url}
        return c.Client(types.SimpleNamespace(params=params, tmpdir=str(tmp_path), no_log_values=set()))

    return make


@pytest.fixture
def keystone(glance, client):
    """Make a client that logs in with a password."""
    auth = {"auth_url": glance.url, "username": "alice", "password": "s3cr3t", "user_domain_name": "Default"}
    auth |= {"project_name": "research", "project_domain_name": "Default"}
    return lambda **more: client(auth={**auth}, **more)


class Patience:
    """Time that passes only in pauses, and answers one after the other."""

    def __init__(self, *answers):
        self.now, self.pauses, self.answers = 0.0, [], itertools.chain(answers, itertools.repeat(answers[-1]))

    def ask(self):
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds

    def run(self, seconds):
        return c.retry(self.ask, seconds, lambda: self.now, self.sleep)


@pytest.mark.parametrize(
    ("answers", "pauses"),
    [
        ([1], []),
        ([c.GlanceError("", -1), c.GlanceError("", 503), 1], [0.5, 0.75]),
        # as long as the service asks for, and no longer than there is time
        ([c.GlanceError("", 429, "", 7.0), 1], [7.0]),
        ([c.GlanceError("", 429, "", 0.1), 1], [0.5]),
        ([c.GlanceError("", 429, "", 99.0), 1], [20.0]),
    ],
)
def test_patience(answers, pauses):
    patience = Patience(*answers)
    assert patience.run(20) == 1
    assert patience.pauses == pauses


@pytest.mark.parametrize(("error", "seconds"), [(c.GlanceError("", 502), 20.0), (c.GlanceError("", 500), 0.0)])
def test_patience_ends(error, seconds):
    patience = Patience(error)
    with pytest.raises(c.GlanceError):
        patience.run(20)
    assert patience.now == seconds
    assert max(patience.pauses, default=0) <= 5


def test_one_token_is_asked_for_and_used_to_its_end(glance, keystone):
    client = keystone()
    for _number in range(3):
        client.get("/v2/images")
    assert glance.tokens_made == 1
    assert client.requests == 4
    assert client.base == glance.url
    (login,) = glance.sent
    assert login[:2] == ("POST", "/v3/auth/tokens")
    assert login[2]["auth"]["identity"]["password"]["user"]["name"] == "alice"


def test_a_token_that_is_nearly_over_is_renewed_before_it_is_used(glance, keystone):
    glance.lifetime = c.RENEWED_BEFORE
    client = keystone()
    client.get("/v2/images")
    client.get("/v2/images")
    assert glance.tokens_made == 2
    assert all(headers.get("X-Auth-Token", "token-").startswith("token-") for headers in glance.headers)


def test_a_token_that_no_longer_counts_is_renewed_once(glance, keystone):
    client = keystone()
    client.get("/v2/images")
    glance.token = "of another time"
    client.get("/v2/images")
    assert glance.tokens_made == 2

    glance.on_request("always", 401)
    with pytest.raises(c.GlanceError, match="got 401"):
        client.get("/v2/images")
    assert glance.tokens_made == 2


def test_a_new_token_that_is_refused_is_not_renewed(glance, keystone):
    glance.on_request(2, 401)
    with pytest.raises(c.GlanceError, match="Give the login of a user who may do this") as caught:
        keystone().get("/v2/images")
    assert caught.value.reason == "unauthorised"
    assert glance.tokens_made == 1


@pytest.mark.parametrize(
    ("trouble", "reason", "message"),
    [
        (401, "unauthorised", "expected 201, got 401: 401 not today. Check user, password, project"),
        (503, "unhealthy", "expected 201, got 503"),
        ("reset", "unreachable", "expected 201, got no answer"),
        ("not json", "unhealthy", "expected 201, got 201: application/json that is not a JSON object"),
        ("other json", "unhealthy", "expected a token of Keystone v3, got other JSON"),
    ],
)
def test_a_login_that_fails_says_where_and_why(glance, keystone, trouble, reason, message):
    glance.on_request(1, trouble)
    with pytest.raises(c.GlanceError, match=message) as caught:
        keystone().get("/v2/images")
    assert caught.value.reason == reason
    assert str(caught.value).startswith(f"POST {glance.url}/v3/auth/tokens: ")
    assert "s3cr3t" not in str(caught.value)


def test_what_must_not_show_is_known_to_ansible(keystone):
    client = keystone()
    client.get("/v2/images")
    assert {"s3cr3t", "token-1"} <= client.module.no_log_values


def test_no_image_service_in_the_catalogue(glance, keystone):
    glance.catalog = [{"type": "compute", "endpoints": [{"interface": "public", "region": "one", "url": "http://x"}]}]
    with pytest.raises(c.GlanceError, match="catalogue: expected the public endpoint of the type image"):
        keystone().get("/v2/images")
    assert "images" in keystone(api_url=glance.url).get("/v2/images")


def test_a_file_goes_out_with_its_length_and_again_with_a_new_token(glance, keystone, tmp_path):
    (tmp_path / "disk").write_bytes(b"x" * 300_000)
    image = glance.add("queued")
    client = keystone()
    client.get("/v2/images")
    glance.token = "of another time"
    client.send_file(f"/v2/images/{image['id']}/file", str(tmp_path / "disk"), {})
    assert (image["status"], image["size"]) == ("active", 300_000)
    assert glance.headers[-1]["Content-Length"] == "300000"
    assert "Transfer-Encoding" not in glance.headers[-1]


def test_authorities_are_read_once_and_again_after_no_answer(glance, client, monkeypatch):
    read, create = [], ssl.create_default_context
    monkeypatch.setattr(c.ssl, "create_default_context", lambda **given: read.append(given) or create(**given))
    one = client()
    glance.on_request(3, "reset")
    one.get("/v2/images")
    one.get("/v2/images")
    assert read == [{"cafile": None, "cadata": None}]
    with pytest.raises(c.GlanceError, match="no answer"):
        one.get("/v2/images")
    one.get("/v2/images")
    assert len(read) == 2


def test_a_refusal_that_comes_before_all_is_sent_is_read(glance, client, tmp_path):
    (tmp_path / "disk").write_bytes(b"x" * 30_000_000)
    glance.on_request(1, "early")
    with pytest.raises(c.GlanceError, match=r"expected 204, got 413: 413 not today\. Change what was asked for"):
        client().send_file("/v2/images/i/file", str(tmp_path / "disk"), {})


@pytest.mark.parametrize("option", ["ca_path", "auth_ca_path"])
def test_authorities_that_cannot_be_read_are_named_before_any_request(glance, client, option):
    with pytest.raises(ValueError, match=f"expected certificates in {option} /no/where, found: .*No such file"):
        client(**{"api_url": glance.url, option: "/no/where"})
    with pytest.raises(ValueError, match="the host's own, client_cert /no/where, found"):
        client(api_url=glance.url, client_cert="/no/where")
    assert glance.asked == []


@pytest.mark.parametrize(("status", "value", "expected"), [(429, 3, 3.0), (503, "Thu, 26 Nov 2026 05:00:00 GMT", 0.0)])
def test_retry_after(glance, client, status, value, expected):
    glance.retry_after = value
    glance.on_request("always", status)
    with pytest.raises(c.GlanceError) as caught:
        client().get("/v2/images")
    assert caught.value.retry_after == expected


@pytest.mark.parametrize(
    ("status", "reason", "transient"),
    [
        (-1, "unreachable", True),
        (401, "unauthorised", False),
        (403, "unauthorised", False),
        (200, "unhealthy", False),
        (404, "unhealthy", False),
        (429, "unhealthy", True),
        (500, "unhealthy", False),
        (502, "unhealthy", True),
        (503, "unhealthy", True),
        (504, "unhealthy", True),
    ],
)
def test_kind_of_error(status, reason, transient):
    error = c.GlanceError("m", status)
    assert (error.reason, error.transient) == (reason, transient)
