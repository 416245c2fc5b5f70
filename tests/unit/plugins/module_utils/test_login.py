import builtins
import json
import os
import re

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.glanceops.image_service.plugins.doc_fragments.api_connection import ModuleDocFragment
from ansible_collections.glanceops.image_service.plugins.module_utils import login as m

USER = {"username": "me", "password": "s3cr3t", "user_domain_name": "Users"}
PROJECT = {"project_name": "images", "project_domain_name": "Projects"}
KEYSTONE = {"auth_url": "https://keystone:5000/v3", **USER, **PROJECT}
CREDENTIAL = {
    "auth_url": "https://keystone",
    "application_credential_id": "id",
    "application_credential_secret": "s3cr3t",
}
BY_NAME = {"user": {"name": "me", "domain": {"name": "Users"}, "password": "s3cr3t"}}


def only(values, *names):
    return {name: values[name] for name in names}


def variables(values):
    return {f"OS_{name.upper()}": value for name, value in values.items()}


@pytest.fixture
def log_in(tmp_path, monkeypatch):
    """Options, variables and files (by path below the test's folder) to a Login."""
    home, folder, site = (tmp_path / name for name in ("home", "here", "etc"))
    monkeypatch.setattr(m, "SITE_FOLDERS", (site,))

    def call(environ=None, files=None, /, **given):
        for name, content in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        folder.mkdir(exist_ok=True)
        params = {**dict.fromkeys(m.options()), **given}
        return m.login_of(params, environ or {}, home, folder)

    return call


def of_cloud(log_in, cloud, **given):
    return log_in({}, {"here/clouds.yaml": {"clouds": {"x": cloud}}}, cloud="x", **given)


def test_the_documentation_is_that_of_the_options():
    def described(documented):
        spec = {}
        for name, option in documented.items():
            kept = {key: option[key] for key in ("type", "default", "choices", "aliases") if key in option}
            spec[name] = {**kept, **({"options": described(option["suboptions"])} if "suboptions" in option else {})}
        return spec

    def bare(options):
        return {
            name: {k: bare(v) if k == "options" else v for k, v in option.items() if k != "no_log"}
            for name, option in options.items()
        }

    assert described(yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]) == bare(m.options())


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, ""),
        ({"auth": KEYSTONE, "cloud": "x", "client_cert": "/c", "client_key": "/k"}, ""),
        ({"token": "t", "username": "u", "password": "p"}, "mutually exclusive"),
        ({"token": "t", "auth": KEYSTONE}, "mutually exclusive"),
        ({"token": "t", "cloud": "x"}, "mutually exclusive"),
        ({"username": "u", "password": "p", "cloud": "x"}, "mutually exclusive"),
        ({"username": "u"}, "required together"),
        ({"client_key": "/k"}, "client_cert"),
        ({"auth": {"project": "p"}}, "auth.project. Supported parameters"),
    ],
)
def test_checks(given, wrong):
    result = ArgumentSpecValidator(m.options(), **m.checks()).validate(given)
    assert wrong in " ".join(result.error_messages)
    assert bool(wrong) == bool(result.error_messages)


def test_secrets_are_not_logged():
    options = m.options()
    assert {name for name, option in options.items() if option.get("no_log")} == {"token", "password"}
    assert {name for name, option in options["auth"]["options"].items() if option.get("no_log")} == set(m.SECRETS)


@pytest.mark.parametrize(
    ("given", "auth_type", "endpoint", "headers", "secrets"),
    [
        ({}, "none", m.LOOPBACK, {}, ()),
        ({"api_url": "https://g"}, "none", "https://g", {}, ()),
        ({"auth_type": "none"}, "none", m.LOOPBACK, {}, ()),
        ({"auth_type": "none", "auth": {"endpoint": "http://g"}}, "none", "http://g", {}, ()),
        ({"token": "t0k"}, "token", m.LOOPBACK, {"X-Auth-Token": "t0k"}, ("t0k",)),
        ({"token": "t0k", "auth_type": "admin_token"}, "token", m.LOOPBACK, {"X-Auth-Token": "t0k"}, ("t0k",)),
        (
            {"username": "me", "password": "pä"},
            "http_basic",
            m.LOOPBACK,
            {"Authorization": "Basic bWU6cMOk"},
            ("pä", "bWU6cMOk"),
        ),
        (
            {"auth_type": "http_basic", "auth": {"username": "me", "password": "p", "endpoint": "http://g"}},
            "http_basic",
            "http://g",
            {"Authorization": "Basic bWU6cA=="},
            ("p", "bWU6cA=="),
        ),
    ],
)
def test_what_is_sent_as_it_is(log_in, given, auth_type, endpoint, headers, secrets):
    login = log_in(**given)
    assert (login.auth_type, login.endpoint, login.headers) == (auth_type, endpoint, headers)
    assert (login.tokens_url, login.request, login.secrets) == ("", {}, secrets)


@pytest.mark.parametrize(
    ("auth_type", "auth", "method", "identity", "scope"),
    [
        (None, KEYSTONE, "password", BY_NAME, {"project": {"name": "images", "domain": {"name": "Projects"}}}),
        ("v3password", {**USER, "project_id": "p", **PROJECT}, "password", BY_NAME, {"project": {"id": "p"}}),
        (None, USER, "password", BY_NAME, None),
        (None, {**USER, "domain_name": "D", "domain_id": "d"}, "password", BY_NAME, {"domain": {"id": "d"}}),
        (None, {**USER, "domain_name": "D"}, "password", BY_NAME, {"domain": {"name": "D"}}),
        (None, {**USER, "system_scope": "all"}, "password", BY_NAME, {"system": {"all": True}}),
        (None, {**USER, "trust_id": "t"}, "password", BY_NAME, {"OS-TRUST:trust": {"id": "t"}}),
        (None, {**USER, "user_id": "u"}, "password", {"user": {"id": "u", "password": "s3cr3t"}}, None),
        (
            None,
            {**only(USER, "username", "password"), "project_name": "images", "domain_id": "d"},
            "password",
            {"user": {"name": "me", "domain": {"id": "d"}, "password": "s3cr3t"}},
            {"project": {"name": "images", "domain": {"id": "d"}}},
        ),
        (
            None,
            {**USER, "project_name": "images", "default_domain_id": "d"},
            "password",
            BY_NAME,
            {"project": {"name": "images", "domain": {"id": "d"}}},
        ),
        (None, {"token": "s3cr3t", "project_id": "p"}, "token", {"id": "s3cr3t"}, {"project": {"id": "p"}}),
        ("v3token", {"token": "s3cr3t"}, "token", {"id": "s3cr3t"}, None),
        ("token", {**USER, "token": "s3cr3t"}, "token", {"id": "s3cr3t"}, None),
        (None, {**USER, "token": "other"}, "password", BY_NAME, None),
        (None, CREDENTIAL, "application_credential", {"id": "id", "secret": "s3cr3t"}, None),
        (
            "v3applicationcredential",
            {"application_credential_name": "n", "application_credential_secret": "s3cr3t", "user_id": "u"},
            "application_credential",
            {"name": "n", "secret": "s3cr3t", "user": {"id": "u"}},
            None,
        ),
    ],
)
def test_what_keystone_is_asked(log_in, auth_type, auth, method, identity, scope):
    login = log_in(auth_type=auth_type, auth={"auth_url": "https://keystone", **auth})
    wanted = {"identity": {"methods": [method], method: identity}, **({"scope": scope} if scope else {})}
    assert login.request == {"auth": wanted}
    assert (login.auth_type, login.endpoint, login.headers) == ("keystone", None, {})
    assert "s3cr3t" in login.secrets
    assert "s3cr3t" not in repr(login)


@pytest.mark.parametrize(
    ("auth_url", "tokens_url"),
    [
        ("https://k", "https://k/v3/auth/tokens"),
        ("https://k/", "https://k/v3/auth/tokens"),
        ("https://k:5000/v3", "https://k:5000/v3/auth/tokens"),
        ("https://k/identity/v3//", "https://k/identity/v3/auth/tokens"),
        ("http://keystonev3", "http://keystonev3/v3/auth/tokens"),
    ],
)
def test_tokens_url(log_in, auth_url, tokens_url):
    assert log_in(auth={**KEYSTONE, "auth_url": auth_url}).tokens_url == tokens_url


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"auth": {}}, "auth: expected auth_url, found none"),
        ({"auth_type": "password"}, "auth: expected auth_url, found none"),
        ({"auth_type": "http_basic"}, "auth: expected username, found none"),
        ({"auth_type": "admin_token"}, "auth: expected token, found none"),
        ({"auth_type": "none", "cloud": "x"}, "found cloud: leave one out"),
        ({"auth_type": "none", "token": "s3cr3t"}, "found token: leave one out"),
        ({"auth_type": "none", "auth": KEYSTONE}, r"found auth\.auth_url, auth\.username, .*: leave one out"),
        ({"auth_type": "token", "token": "s3cr3t"}, "auth_type token: expected token in auth, found it outside"),
        ({"auth_type": "password", "username": "me", "password": "s3cr3t"}, "expected username in auth"),
        ({"token": "s3cr3t\n"}, "the options: expected token to be one word"),
        ({"token": "s3cr3t s3cr3t"}, "the options: expected token to be one word"),
        ({"username": "me"}, "the options: expected password, found none"),
        ({"auth": {"auth_url": "https://me:s3cr3t@k", **USER}}, "auth_url without a user name, found one"),
        ({"auth": {"auth_url": "https://[me:s3cr3t@k", **USER}}, "auth_url without a user name, found one"),
        ({"auth": {"auth_url": "https://k?token=s3cr3t", **USER}}, "found https://k: correct it"),
        ({"auth": {"auth_url": "https://k:port", **USER}}, "the v3 API of Keystone .* found https://k:port"),
        ({"auth": {"auth_url": "k:5000/v3", **USER}}, "the v3 API of Keystone"),
        ({"auth": {"auth_url": "https:///v3", **USER}}, "the v3 API of Keystone"),
        ({"auth": {"auth_url": "https://k/v2.0", **USER}}, "the v3 API of Keystone"),
        ({"auth": only(KEYSTONE, "auth_url", "password")}, "expected username or user_id, found none"),
        ({"auth": only(KEYSTONE, "auth_url", "username", "user_domain_name")}, "expected password, found none"),
        ({"auth": only(KEYSTONE, "auth_url", "username", "password")}, "expected user_domain_name or user_domain_id"),
        ({"auth": {**KEYSTONE, "project_domain_name": ""}}, "expected project_domain_name or project_domain_id"),
        ({"auth": {**KEYSTONE, "system_scope": "all"}}, "expected one scope, found project and system"),
        ({"auth": {**KEYSTONE, "trust_id": "t"}}, "expected one scope, found project and OS-TRUST:trust"),
        ({"auth": {**KEYSTONE, "system_scope": "some"}}, "expected system_scope to be all, found some"),
        ({"auth": {**CREDENTIAL, **PROJECT}}, "expected no project beside an application credential"),
        (
            {"auth": only(CREDENTIAL, "auth_url", "application_credential_secret")},
            "application_credential_id or application_credential_name",
        ),
        (
            {"auth": {**CREDENTIAL, "application_credential_id": "", "application_credential_name": "n"}},
            "expected username or user_id",
        ),
        (
            {"auth_type": "v3applicationcredential", "auth": {**CREDENTIAL, "application_credential_secret": ""}},
            "expected application_credential_secret, found none",
        ),
    ],
)
def test_what_lacks_or_contradicts(log_in, given, message):
    with pytest.raises(ValueError, match=message) as caught:
        log_in(**given)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "auth_type", "endpoint"),
    [
        ({"OS_ARCH": "amd64", "OS_PROFILE": "p", "OS_REGION_NAME": "r", "OS_AUTH_URL": ""}, "none", m.LOOPBACK),
        ({"OS_AUTH_TYPE": "none", "OS_ENDPOINT": "http://g"}, "none", "http://g"),
        (
            {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": "http://g", "OS_IMAGE_ENDPOINT_OVERRIDE": "http://i"},
            "none",
            "http://i",
        ),
        (
            {"OS_AUTH_TYPE": "http_basic", "OS_USERNAME": "u", "OS_PASSWORD": "p", "OS_ENDPOINT": "http://g"},
            "http_basic",
            "http://g",
        ),
        ({"OS_AUTH_TYPE": "token_endpoint", "OS_TOKEN": "t", "OS_URL": "http://g"}, "token", "http://g"),
        (variables(KEYSTONE), "keystone", None),
        ({**variables(KEYSTONE), "OS_AUTH_TYPE": "", "OS_PROJECT_ID": ""}, "keystone", None),
        ({**variables(KEYSTONE), "OS_IMAGE_ENDPOINT_OVERRIDE": "http://i"}, "keystone", "http://i"),
        (variables(CREDENTIAL), "keystone", None),
    ],
)
def test_variables(log_in, environ, auth_type, endpoint):
    login = log_in(environ)
    assert (login.auth_type, login.endpoint) == (auth_type, endpoint)


def test_all_that_variables_say(log_in):
    old_names = {"OS_TENANT_NAME": "images", "OS_ENDPOINT_TYPE": "internalURL", "OS_PROJECT_NAME": ""}
    tls = {"OS_CACERT": "~/ca", "OS_CERT": "/c", "OS_KEY": "/k", "OS_INSECURE": "True", "OS_REGION_NAME": "r"}
    login = log_in({**variables(KEYSTONE), **old_names, **tls})
    assert login.request["auth"]["scope"]["project"]["name"] == "images"
    assert (login.interface, login.region_name, login.verify) == ("internal", "r", False)
    assert login.ca_path.endswith("/home/ca")
    assert (login.client_cert, login.client_key) == ("/c", "/k")


@pytest.mark.parametrize(
    ("given", "auth_type"),
    [
        ({"auth_type": "none"}, "none"),
        ({"token": "t"}, "token"),
        ({"username": "u", "password": "p"}, "http_basic"),
        ({"auth": {**KEYSTONE, "project_name": "mine"}}, "keystone"),
        ({"cloud": "x"}, "none"),
    ],
)
def test_options_leave_variables_aside(log_in, given, auth_type):
    clouds = {"here/clouds.yaml": {"clouds": {"x": {"auth_type": "none"}}}}
    login = log_in({**variables(KEYSTONE), "OS_INTERFACE": "admin", "OS_CLOUD": "other"}, clouds, **given)
    assert (login.auth_type, login.interface) == (auth_type, "public")


def test_a_variable_that_lacks_is_named_as_one(log_in):
    with pytest.raises(ValueError, match=r"variables OS_\*: expected OS_PASSWORD, found none.*auth_type none"):
        log_in(variables({**KEYSTONE, "password": ""}))
    with pytest.raises(ValueError, match="expected OS_USER_DOMAIN_NAME or OS_USER_DOMAIN_ID"):
        log_in(variables({**KEYSTONE, "user_domain_name": ""}))


@pytest.mark.parametrize(
    ("cloud", "auth_type"),
    [
        ({"auth": KEYSTONE}, "keystone"),
        ({"auth": {name.replace("_", "-"): value for name, value in KEYSTONE.items()}}, "keystone"),
        (KEYSTONE, "keystone"),
        ({"auth_type": "none"}, "none"),
        ({"auth_type": None, "auth": KEYSTONE}, "none"),
        ({"auth_plugin": "None"}, "none"),
        ({"auth_type": "admin_token", "auth": {"token": 12}}, "token"),
        ({"auth_type": "http_basic", "auth": only(USER, "username", "password")}, "http_basic"),
    ],
)
def test_kinds_of_clouds(log_in, cloud, auth_type):
    assert of_cloud(log_in, cloud).auth_type == auth_type


@pytest.mark.parametrize("message", ["v2password", "v3oidcpassword", "v3totp"])
def test_kinds_that_are_not_known(log_in, message):
    with pytest.raises(ValueError, match=f"auth_type to be one of none, .*v3applicationcredential, found {message}"):
        of_cloud(log_in, {"auth_type": message, "auth": KEYSTONE})


CLOUD = {
    "auth": KEYSTONE,
    "verify": False,
    "cacert": "~/ca",
    "cert": "/c",
    "key": "/k",
    "interface": "internal",
    "image_interface": "adminURL",
    "region_name": "r",
    "image_region_name": "ir",
    "image_endpoint_override": "https://g/{region_name}",
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"verify": False, "client_cert": "/c", "client_key": "/k", "interface": "admin", "region_name": "ir"}),
        ({}, {"endpoint": "https://g/ir"}),
        ({"validate_certs": True}, {"verify": True}),
        ({"ca_path": "/mine"}, {"ca_path": "/mine", "verify": False}),
        ({"client_cert": "/mine"}, {"client_cert": "/mine", "client_key": None}),
        ({"client_cert": "/mine", "client_key": "/too"}, {"client_key": "/too"}),
        ({"interface": "public"}, {"interface": "public"}),
        ({"region_name": "r"}, {"region_name": "r"}),
        ({"api_url": "https://mine"}, {"endpoint": "https://mine", "auth_type": "keystone"}),
    ],
)
def test_options_go_before_the_cloud(log_in, given, expected):
    login = of_cloud(log_in, CLOUD, **given)
    assert {name: getattr(login, name) for name in expected} == expected


def test_a_key_without_its_certificate_is_left_aside(log_in):
    assert of_cloud(log_in, {"auth": KEYSTONE, "key": "/k"}).client_key is None


def test_auth_goes_before_the_cloud(log_in):
    login = of_cloud(log_in, {"auth": KEYSTONE}, auth={"password": "n3w", "project_name": None})
    assert login.secrets == ("n3w",)
    assert login.request["auth"]["scope"]["project"]["name"] == "images"


@pytest.mark.parametrize(
    ("settings", "given", "verify"),
    [
        ({}, {}, True),
        ({"verify": True}, {"validate_certs": False}, False),
        ({"insecure": True}, {}, False),
        ({"insecure": "True", "verify": True}, {}, False),
        ({"insecure": True}, {"validate_certs": True}, True),
        ({"insecure": "1"}, {}, True),
        ({"insecure": False, "verify": "false"}, {}, False),
    ],
)
def test_verify(log_in, settings, given, verify):
    assert of_cloud(log_in, {"auth": KEYSTONE, **settings}, **given).verify is verify


REGIONS = {"regions": ["r1", {"name": "r2", "values": {"auth": {"project_name": "second"}, "interface": "admin"}}]}


@pytest.mark.parametrize(
    ("settings", "wanted", "expected"),
    [
        ({}, None, (None, "public", "images")),
        ({}, "any", ("any", "public", "images")),
        ({"region_name": ""}, None, (None, "public", "images")),
        ({"region_name": "r1,r2"}, None, ("r1", "public", "images")),
        ({"region_name": "r1,r2"}, "r2", ("r2", "public", "images")),
        (REGIONS, None, ("r1", "public", "images")),
        (REGIONS, "r2", ("r2", "admin", "second")),
    ],
)
def test_regions(log_in, settings, wanted, expected):
    login = of_cloud(log_in, {"auth": KEYSTONE, **settings}, region_name=wanted)
    project = login.request["auth"]["scope"]["project"]["name"]
    assert (login.region_name, login.interface, project) == expected


@pytest.mark.parametrize("settings", [REGIONS, {"region_name": "r1,r2"}])
def test_a_region_that_is_not_there(log_in, settings):
    with pytest.raises(ValueError, match="expected the region 'r3', found r1, r2"):
        of_cloud(log_in, {"auth": KEYSTONE, **settings}, region_name="r3")


@pytest.mark.parametrize("interface", ["any", ["internal", "public"]])
def test_an_interface_that_is_none(log_in, interface):
    with pytest.raises(ValueError, match="interface"):
        of_cloud(log_in, {"auth": KEYSTONE, "interface": interface})


def test_a_region_in_the_address_of_keystone(log_in):
    cloud = {"auth": {**KEYSTONE, "auth_url": "https://iam.{region_name}.example.com"}, "regions": ["r1", "r2"]}
    assert of_cloud(log_in, cloud, region_name="r2").tokens_url == "https://iam.r2.example.com/v3/auth/tokens"


def named(name):
    return {"clouds": {"x": {"auth_type": "none", "auth": {"endpoint": name}}}}


PLACES = [
    "named.json",
    "here/clouds.yaml",
    "here/clouds.yml",
    "here/clouds.json",
    "xdg/openstack/clouds.yaml",
    "home/.config/openstack/clouds.yaml",
    "etc/clouds.yaml",
]


@pytest.mark.parametrize("first", range(len(PLACES)))
def test_where_clouds_are_looked_for(log_in, tmp_path, first):
    environ = {"OS_CLIENT_CONFIG_FILE": str(tmp_path / "named.json"), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    login = log_in(environ, {place: named(place) for place in PLACES[first:]}, cloud="x")
    assert login.endpoint == PLACES[first]


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        ({"OS_REGION_NAME": "r2"}, None),
        ({"OS_CLOUD": "x"}, "r1"),
        ({"OS_CLOUD": "x", "OS_REGION_NAME": "r2"}, "r2"),
        ({"OS_CLOUD": "x", "OS_AUTH_URL": "https://other", "OS_PASSWORD": "p"}, "r1"),
        ({"OS_CLIENT_CONFIG_FILE": "clouds.yaml"}, "r1"),
    ],
)
def test_variables_that_name_a_cloud(log_in, environ, found):
    clouds = {"x": {"auth": KEYSTONE, "regions": ["r1", "r2"]}}
    login = log_in(environ, {"here/clouds.yaml": {"clouds": clouds}})
    assert login.auth_type == ("keystone" if found else "none")
    assert found in (None, login.region_name)
    assert "other" not in login.tokens_url


def test_the_option_goes_before_the_variable_that_names_a_region(log_in):
    files = {"here/clouds.yaml": {"clouds": {"x": {"auth": KEYSTONE, "regions": ["r1", "r2"]}}}}
    assert log_in({"OS_CLOUD": "x", "OS_REGION_NAME": "r3"}, files, region_name="r2").region_name == "r2"


def test_secrets_apart(log_in, tmp_path):
    cloud = {"auth": {**only(KEYSTONE, "auth_url", "username", "user_domain_name"), "password": "to be replaced"}}
    files = {
        "here/clouds.yaml": {"clouds": {"x": cloud}},
        "etc/secure.yaml": {"clouds": {"x": {"auth": {"password": "apart"}}}},
        "other.json": {"clouds": {"x": {"auth": {"password": "elsewhere"}}}},
    }
    assert log_in({}, files, cloud="x").secrets == ("apart",)
    environ = {"OS_CLIENT_SECURE_FILE": str(tmp_path / "other.json")}
    assert log_in(environ, files, cloud="x").secrets == ("elsewhere",)


@pytest.mark.parametrize("key", ["profile", "cloud"])
@pytest.mark.parametrize(("own", "region"), [({}, "p1"), ({"region_name": "mine"}, "mine")])
def test_a_profile(log_in, key, own, region):
    profile = {"auth": {"auth_url": "https://p", "project_name": "p"}, "regions": ["p1", "p2"], "interface": "internal"}
    cloud = {key: "provider", "auth": {**USER, "tenant_name": "images", "project_domain_id": "d"}, **own}
    files = {
        "here/clouds.yaml": {"clouds": {"x": cloud}},
        "etc/clouds-public.yaml": {"public-clouds": {"provider": profile}},
    }
    login = log_in({}, files, cloud="x")
    assert (login.tokens_url, login.region_name, login.interface) == ("https://p/v3/auth/tokens", region, "internal")
    assert login.request["auth"]["scope"]["project"]["name"] == "images"


SECRET_LINE = "clouds:\n  x:\n    password: s3cr3t: {\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "expected the cloud 'x', found none .no clouds.yaml in .*/here, .*/home/.config/openstack, .*/etc.: name"),
        (
            {"etc/clouds.yaml": {"clouds": {"a": {}, "b": {}}}},
            "expected the cloud 'x', found a, b ./.*/etc/clouds.yaml.",
        ),
        ({"here/clouds.yaml": SECRET_LINE}, "/here/clouds.yaml: expected YAML, found something else in line 3: corr"),
        ({"here/clouds.json": SECRET_LINE}, "/here/clouds.json: expected JSON, found something else in line 1: corr"),
        ({"here/clouds.yaml": "s3cr3t"}, "/here/clouds.yaml: expected names with values"),
        ({"here/clouds.yaml": ""}, "found none"),
        ({"here/clouds.yaml": {"clouds": ["s3cr3t"]}}, r"clouds \(.*/here/clouds.yaml\): expected names with values"),
        ({"here/clouds.yaml": {"clouds": {"x": "s3cr3t"}}}, "cloud 'x' .*: expected names with values"),
        ({"here/clouds.yaml": {"clouds": {"x": {"auth": "s3cr3t"}}}}, "cloud 'x' .*: expected names with values"),
        ({"here/clouds.yaml": {"clouds": {"x": {"auth": {"password": ["s3cr3t"]}}}}}, "expected one text as password"),
        (
            {"here/clouds.yaml": {"clouds": {"x": {"profile": "ovh"}}}},
            "expected its profile 'ovh' in clouds-public.yaml, found none .no such file.: write it there",
        ),
        (
            {"here/clouds.yaml": {"clouds": {"x": {}}}},
            "cloud 'x' ./.*/here/clouds.yaml.: expected auth_url, found none",
        ),
    ],
)
def test_files_that_do_not_help(log_in, files, message):
    with pytest.raises(ValueError, match=message) as caught:
        log_in({}, files, cloud="x")
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_several_clouds_and_none_named(log_in):
    files = {"here/clouds.yaml": {"clouds": {"a": {}, "b": {}}}}
    with pytest.raises(ValueError, match="expected a single cloud, found a, b"):
        log_in({"OS_CLIENT_CONFIG_FILE": "clouds.yaml"}, files)


def test_a_file_that_cannot_be_read_is_passed_by_and_named(log_in, tmp_path):
    (tmp_path / "here" / "clouds.yaml").mkdir(parents=True)
    assert log_in({}, {"etc/clouds.yaml": named("http://g")}, cloud="x").endpoint == "http://g"
    environ = {"OS_CLIENT_CONFIG_FILE": "/nowhere/clouds.yaml"}
    with pytest.raises(ValueError, match=r"/nowhere/clouds.yaml: No such file.*here/clouds.yaml: Is a directory"):
        log_in(environ, cloud="y")


def test_without_pyyaml_json_is_read(log_in, tmp_path, monkeypatch):
    original = builtins.__import__

    def no_yaml(name, *rest):
        if name == "yaml":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_yaml)
    assert log_in({}, {"here/clouds.json": named("http://g")}, cloud="x").endpoint == "http://g"
    os.rename(tmp_path / "here/clouds.json", tmp_path / "here/clouds.yaml")
    with pytest.raises(
        ValueError, match=r"/here/clouds.yaml: expected PyYAML .* install python3-yaml, .* clouds\.json"
    ):
        log_in(cloud="x")


def endpoint(interface, region, url, **more):
    return {"interface": interface, "region": region, "region_id": region, "url": url, **more}


CATALOG = [
    {"type": "identity", "endpoints": [endpoint("public", "r1", "https://k")]},
    {
        "type": "image",
        "endpoints": [
            endpoint("admin", "r1", ""),
            endpoint("internal", "r1", "http://i1"),
            endpoint("public", "r1", "https://p1"),
            endpoint("public", "old name", "https://p2", region_id="r2"),
            endpoint("public", "r3", "https://p3", region_id=None),
        ],
    },
]


@pytest.mark.parametrize(
    ("region", "interface", "url"),
    [
        (None, "public", "https://p1"),
        ("r1", "public", "https://p1"),
        ("r2", "public", "https://p2"),
        ("r3", "public", "https://p3"),
        (None, "internal", "http://i1"),
        ("r1", "internalURL", "http://i1"),
    ],
)
def test_endpoint_of(region, interface, url):
    assert m.endpoint_of(CATALOG, region, interface) == url


@pytest.mark.parametrize(
    ("catalog", "region", "interface", "message"),
    [
        ([], None, "public", "found nothing: log in to a project"),
        (CATALOG[:1], None, "public", "expected the public endpoint of the type image, found the type identity: give"),
        ([{"type": "image", "endpoints": []}], None, "public", "found none: give"),
        (CATALOG, "old name", "public", "expected the public endpoint of the type image in region old name, found "),
        (CATALOG, "r2", "internal", "found internal in region r1, public in region r1, public in region r2, public in"),
        (CATALOG, None, "admin", "expected the admin endpoint of the type image, found internal in region r1, "),
    ],
)
def test_endpoint_that_is_not_there(catalog, region, interface, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        m.endpoint_of(catalog, region, interface)


def test_variables_that_say_nothing_of_a_login_are_read_without_one(log_in):
    login = log_in({"OS_CACERT": "/ca.pem", "OS_IMAGE_ENDPOINT_OVERRIDE": "https://image"}, {})
    assert (login.auth_type, login.endpoint, login.ca_path) == ("none", "https://image", "/ca.pem")
