"""The module against a Keystone on loopback: what it makes, corrects, removes, refuses and leaves alone."""

import contextlib
import copy
import json
import re
import subprocess

import pytest
from ansible.module_utils.basic import AnsibleModule
from fake_keystone import FakeKeystone

SECRET, ADMIN_SECRET = " \"$1'glance%$ \\x ", "adm'in\"\\"
URL = "http://image.example.com:9292"
EVERYTHING = [
    "make the project service",
    "make the role service",
    "make the user glance",
    "give glance the role service in the project service",
    "give glance the role admin in the project service",
    "make the service glance",
    f"make the public endpoint {URL}",
    f"make the internal endpoint {URL}",
]
LACKING = [
    *("a token for glance", "the role service", "the role admin"),
    *(f"public endpoint {URL}", f"internal endpoint {URL}"),
]


@pytest.fixture
def keystone():
    with contextlib.closing(FakeKeystone()) as fake:
        yield fake


@pytest.fixture
def register(run_module, keystone):
    """Run the module; no result may have a secret, be it spelt as a string of Python or JSON."""

    def run(check_mode=False, **options):
        given = {
            "auth_url": f"{keystone.url}/v3",
            "username": "glance",
            "password": SECRET,
            "admin": {"user": "admin", "password": ADMIN_SECRET},
            "region_name": "RegionOne",
            "public_url": URL,
            "internal_url": URL,
            "request_timeout": 1,
        }
        result = run_module("keystone_service", check_mode, **{**given, **options})
        shown = repr(result) + json.dumps(result) + str(result.get("msg"))
        assert [word for word in ("glance%", "adm'in", "adm\\'in", "gAAAA") if word in shown] == []
        return result

    return run


@pytest.fixture
def registered(keystone, register):
    """Have everything there, and forget how it came."""
    assert register()["changed"]
    for log in (keystone.asked, keystone.sent, keystone.logins):
        log.clear()
    return keystone


def test_everything_is_made_once_as_check_mode_tells(keystone, register):
    before = copy.deepcopy(keystone.things)
    told = register(True)
    assert (told["changed"], told["changes"], told["missing"]) == (True, EVERYTHING, LACKING)
    assert (keystone.sent, keystone.things) == ([], before)
    made = register()
    assert (made["changed"], made["changes"], made["missing"], made["leaving"]) == (True, EVERYTHING, [], [])
    assert keystone.only("users", name="glance")["password"] == SECRET
    assert keystone.only("users", name="glance")["domain_id"] == "default"
    service = keystone.only("services")
    assert (service["name"], service["type"]) == ("glance", "image")
    found = [(one["interface"], one["region_id"], one["url"]) for one in keystone.things["endpoints"]]
    assert found == [("public", "RegionOne", URL), ("internal", "RegionOne", URL)]


def test_a_run_without_a_change_is_one_login_as_glance(registered, register):
    result = register(admin={"user": "admin", "password": "wrong"})
    assert (result["changed"], result["changes"], result["requests"]) == (False, [], 1)
    assert registered.logins == [("glance", "service")]
    assert registered.sent == []


def test_a_run_that_changes_logs_in_once_as_the_administrator_and_as_glance_before_and_after(keystone, register):
    register()
    assert keystone.logins == [("glance", "service"), ("admin", "admin"), ("glance", "service")]


def without(kind, **facts):
    def spoil(keystone):
        keystone.things[kind].remove(keystone.only(kind, **facts))

    return spoil


def other(kind, new, **facts):
    return lambda keystone: keystone.only(kind, **facts).update(new)


def ungranted(keystone):
    keystone.grants -= {one for one in keystone.grants if one[1] != "u-admin" and one[2] == "r-admin"}


OFF = {"enabled": False}
SPOILT = {
    "no role": (
        without("roles", name="service"),
        ["make the role service", "give glance the role service in the project service"],
        {},
    ),
    "role not given": (ungranted, ["give glance the role admin in the project service"], {}),
    "project disabled": (other("projects", OFF, name="service"), ["change the project service"], {}),
    "no user": (
        without("users", name="glance"),
        [step for step in EVERYTHING if "glance" in step and "service glance" not in step],
        {},
    ),
    "user disabled": (other("users", OFF, name="glance"), ["change the password of glance"], {"allow_outage": True}),
    "service disabled": (other("services", OFF), ["change the service glance"], {}),
    "no service": (
        without("services"),
        ["make the service glance", f"make the public endpoint {URL}", f"make the internal endpoint {URL}"],
        {},
    ),
    "no endpoint": (without("endpoints", interface="public"), [f"make the public endpoint {URL}"], {}),
    "endpoint disabled": (
        other("endpoints", OFF, interface="internal"),
        [f"change the internal endpoint {URL}"],
        {},
    ),
    "another URL": (
        other("endpoints", {"url": "http://other"}, interface="public"),
        [f"change the public endpoint {URL}"],
        {},
    ),
    "another kind is wanted": (
        lambda _keystone: None,
        ["make the admin endpoint http://admins"],
        {"admin_url": "http://admins"},
    ),
    "another region is wanted": (
        lambda _keystone: None,
        [f"make the public endpoint {URL}", f"make the internal endpoint {URL}"],
        {"region_name": "Two/half"},
    ),
}


@pytest.mark.parametrize(("spoil", "expected", "options"), SPOILT.values(), ids=SPOILT)
def test_what_lacks_or_differs_is_mended_and_nothing_else(registered, register, spoil, expected, options):
    spoil(registered)
    told = register(True, **options)
    assert (told["changes"], registered.sent) == (expected, [])
    result = register(**options)
    assert (result["changes"], result["missing"]) == (expected, []), result
    assert len(registered.sent) == len(expected)
    again = register(**options)
    assert (again["changed"], again["requests"]) == (False, 1)


def test_what_else_is_there_stays(registered, register):
    registered.put("roles", "r-more", name="more")
    registered.grants.add((registered.only("projects", name="service")["id"], "users-1", "r-more"))
    service = registered.only("services", type="image")["id"]
    further = {"service_id": service, "region_id": "Two/half", "interface": "public", "url": "http://far"}
    registered.put("endpoints", **further)
    registered.put("services", name="nova", type="compute")
    before = {kind: len(things) for kind, things in registered.things.items()}, len(registered.grants)
    register(public_url="http://new")
    assert ({kind: len(things) for kind, things in registered.things.items()}, len(registered.grants)) == before
    assert registered.only("endpoints", region_id="Two/half")["url"] == "http://far"


def test_another_password_is_refused_and_changed_in_place_only_if_an_outage_is_allowed(registered, register):
    refused = register(password="another one")
    assert "glance_keystone_password should be the one that Keystone has for glance" in refused["msg"]
    assert refused["msg"].endswith("with requests that fail until every host has it.")
    assert (refused["changed"], refused["changes"], registered.sent) == (False, [], [])
    assert register(True, password="another one", allow_outage=True)["changes"] == ["change the password of glance"]
    assert registered.sent == []
    changed = register(password="another one", allow_outage=True)
    assert changed["changes"] == ["change the password of glance"]
    assert registered.sent == [("PATCH", "users", {"password": "another one"})]
    assert register(password="another one")["requests"] == 1


def test_the_password_of_a_user_without_a_role_is_not_sent_anew(keystone, register):
    keystone.put("users", name="glance", domain_id="default", password=SECRET)
    result = register()
    assert result["changes"] == [step for step in EVERYTHING if step != "make the user glance"]
    assert not [one for one in keystone.sent if one[1] == "users"]


def test_domains_of_user_and_project_are_their_own(keystone, register):
    keystone.put("users", name="glance", domain_id="default", password="of another")
    result = register(user_domain_name="Other", project_domain_name="Other")
    assert result["changes"] == EVERYTHING
    assert keystone.only("users", name="glance", domain_id="other")["password"] == SECRET
    assert keystone.only("projects", name="service")["domain_id"] == "other"
    assert keystone.only("users", name="glance", domain_id="default")["password"] == "of another"


@pytest.fixture
def rotated(registered):
    """Have users that are retired, and such as are not."""
    for name, domain in (("old", "default"), ("older", "default"), ("OLDEST", "default"), ("old", "other")):
        registered.put("users", f"{name}-{domain}", name=name, domain_id=domain, password="x")
    return registered


def names(keystone):
    return [(user["name"], user["domain_id"]) for user in keystone.things["users"][2:]]


def test_retired_users_are_left_until_they_are_to_be_removed(rotated, register):
    before = names(rotated)
    left = register(retired_users=["old", "older", "oldest", "never"])
    assert (left["changed"], left["leaving"], names(rotated)) == (False, ["old", "older"], before)
    told = register(True, state="retired", retired_users=["old", "older", "oldest"])
    assert (told["changes"], told["leaving"]) == (["remove the user old", "remove the user older"], ["old", "older"])
    assert names(rotated) == before
    gone = register(state="retired", retired_users=["old", "older", "oldest"])
    assert (gone["changed"], gone["changes"], gone["leaving"]) == (True, told["changes"], [])
    # One that is spelt otherwise, and one of another domain.
    assert names(rotated) == [("OLDEST", "default"), ("old", "other")]
    again = register(state="retired", retired_users=["old"])
    assert (again["changed"], again["requests"]) == (False, 2)


def test_retiring_makes_nothing(rotated, register):
    without("endpoints", interface="public")(rotated)
    result = register(state="retired", retired_users=["old"])
    assert result["changes"] == ["remove the user old"]
    assert result["missing"] == [f"public endpoint {URL}"]
    assert [method for method, _kind, _what in rotated.sent] == ["DELETE"]


def test_where_glance_may_not_ask_for_users_the_administrator_tells(rotated, register):
    rotated.closed.add("users")
    assert register(retired_users=["gone"])["leaving"] == []
    assert register(retired_users=["gone", "old"])["leaving"] == ["old"]
    assert rotated.logins == [("glance", "service"), ("admin", "admin")] * 2


def test_a_retired_user_that_went_meanwhile_is_no_change(rotated, register):
    rotated.trouble[("DELETE", "/v3/users/old-default")] = 404
    result = register(state="retired", retired_users=["old"])
    assert (result["changed"], result["leaving"]) == (False, [])


@pytest.mark.parametrize("name", ["glance", "admin", " "])
def test_nobody_who_is_in_use_is_retired(keystone, register, name):
    result = register(state="retired", retired_users=["old", name])
    assert f"should be users that nobody logs in as any more, found '{name}'" in result["msg"]
    assert keystone.asked == []


def test_whom_the_administrator_is_called_after_in_another_domain_can_be_retired(keystone, register):
    register(user_domain_name="Other")
    keystone.put("users", name="admin", domain_id="other", password="x")
    result = register(state="retired", retired_users=["admin"], user_domain_name="Other")
    assert result["changes"] == ["remove the user admin"]
    assert keystone.only("users", name="admin")["domain_id"] == "default"


TROUBLE = {
    403: "got 403: 403 not today",
    404: "got 404: 404 not today",
    500: "got 500: 500 not today",
    503: "got 503: 503 not today",
    "silent": "got no answer: .*timed out",
    "reset": "got no answer: ",
    "cut": "got no answer: ",
    "not json": "that is not a JSON object",
    "other json": "expected a token of Keystone v3, got other JSON",
}


@pytest.mark.parametrize("trouble", TROUBLE, ids=str)
@pytest.mark.parametrize(("number", "who"), [(1, "glance"), (2, "the user of glance_identity_admin")])
def test_a_login_that_fails_is_told_with_its_reason(registered, register, trouble, number, who):
    registered.on_request(number, trouble)
    result = register(public_url="http://other")
    assert result["msg"].startswith(f"Keystone at {registered.url}/v3 should give {who} a token, found: POST ")
    assert re.search(TROUBLE[trouble], result["msg"]), result["msg"]
    assert (result["changed"], registered.sent, len(registered.asked)) == (False, [], number)


def test_an_administrator_that_keystone_does_not_know_is_told(keystone, register):
    result = register(admin={"user": "admin", "password": "wrong"})
    assert result["msg"].endswith(
        "should give the user of glance_identity_admin a token, found that it refuses user, "
        "password or project (401): correct them."
    )
    assert keystone.sent == []


@pytest.mark.parametrize(
    ("kind", "trouble"),
    [
        *(("domains", trouble) for trouble in (401, 403, 404, 500, "silent")),
        *((kind, 403) for kind in ("regions", "services", "projects", "users", "roles")),
    ],
)
def test_an_administrator_that_may_not_ask_is_told(keystone, register, kind, trouble):
    keystone.trouble["GET", f"/v3/{kind}"] = trouble
    result = register()
    begin = "admin of glance_identity_admin should be allowed to ask Keystone for domains, regions and services, found"
    assert result["msg"].startswith(f"{begin}: GET {keystone.url}/v3/{kind}")
    assert (result["changed"], keystone.sent) == (False, [])


@pytest.mark.parametrize(
    ("path", "step", "trouble"),
    [
        *(("/v3/projects", 0, trouble) for trouble in (401, 403, 404, 409, 500, "reset", "silent")),
        *(("/v3/users", 2, trouble) for trouble in (409, "reset")),
        *(("/v3/services", 5, trouble) for trouble in (409, "reset")),
        *(("/v3/endpoints", 6, trouble) for trouble in (409, "reset")),
    ],
)
def test_a_change_that_keystone_does_not_take_ends_it_and_what_was_made_is_told(
    keystone, register, path, step, trouble
):
    keystone.trouble["POST", path] = trouble
    result = register()
    assert result["msg"].startswith(f"Keystone at {keystone.url}/v3 should {EVERYTHING[step]}, found: POST ")
    assert (result["changed"], result["changes"]) == (step > 0, EVERYTHING[:step])
    # The next run goes on where this one ended, and a request of it that came through is no fault.
    keystone.trouble.clear()
    assert register()["missing"] == []


def test_what_lacks_in_the_end_is_told(keystone, register):
    keystone.hidden.add("glance")
    result = register()
    assert f"lacks public endpoint {URL}, internal endpoint {URL}: look into its log." in result["msg"]
    assert result["changes"] == EVERYTHING


def test_every_fault_is_told_before_any_change(keystone, register):
    keystone.put("services", name="images", type="image")
    result = register(user_domain_name="No", project_domain_name="Nor", region_name="Nowhere")
    for words in ("user_domain should be", "found No;", "found Nor;", "found Nowhere: ", "found images: rename"):
        assert words in result["msg"]
    assert keystone.sent == []


def test_what_keystone_repeats_of_a_password_does_not_show(keystone, register):
    # The last one is the administrator's token of that time.
    for spelt in (SECRET, repr(SECRET), json.dumps(SECRET), str([ADMIN_SECRET]), "gAAAA-5"):
        message = json.dumps({"error": {"message": f"{spelt} does not match the pattern"}}).encode()
        keystone.trouble["POST", "/v3/users"] = (400, message)
        result = register()
        assert "got 400:" in result["msg"]
        assert "does not match the pattern" in result["msg"]


def test_the_journal_of_the_host_has_no_password(registered, register, monkeypatch):
    lines = []
    monkeypatch.setattr(AnsibleModule, "log", lambda _module, text, log_args=None: lines.append(f"{text} {log_args}"))
    register()
    assert lines
    assert [line for line in lines if "glance%" in line or "adm" in line.replace("admin", "")] == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """File with a key and a certificate for 127.0.0.1, which is its own authority."""
    folder = tmp_path_factory.mktemp("tls")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=loopback"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key", "-out", folder / "certificate"]
    subprocess.run([*made, *names], check=True, capture_output=True)
    (folder / "both").write_text((folder / "key").read_text() + (folder / "certificate").read_text())
    return folder


def test_keystone_is_known_by_the_authorities_that_are_given(keystone, register, certificate):
    keystone.use_tls(certificate / "both")
    distrusted = register(ca_path="", ca_certs="")
    assert "CERTIFICATE_VERIFY_FAILED" in distrusted["msg"]
    assert keystone.asked == []
    assert register(ca_path=str(certificate / "certificate"))["changes"] == EVERYTHING
    text = f"# Zertifizierungsstelle für Prüfungen\n{(certificate / 'certificate').read_text()}"
    assert register(ca_certs=text)["requests"] == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ca_certs": "none"}, "expected certificates in ca_certs, found: "),
        ({"ca_path": "/no/where"}, "expected certificates in ca_path /no/where, found: "),
        ({"auth_url": "ftp://keystone"}, "expected auth_url to be the v3 API of Keystone"),
        ({"auth_url": "http://me:adm'in@keystone"}, "expected auth_url without a user name"),
        ({"username": ""}, "expected username or user_id, found none"),
    ],
)
def test_wrong_options_end_it_before_any_request(keystone, register, options, words):
    assert words in register(**options)["msg"]
    assert keystone.asked == []
