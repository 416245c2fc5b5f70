# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image service in Keystone: what Glance lacks there, what can't be, and the requests that mend it.

Requests and answers are those of the Identity API v3 (https://docs.openstack.org/api-ref/identity/v3/). Sentences name
the variables of the role identity.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from ansible_collections.glanceops.image_service.plugins.module_utils.client import (
    GlanceError,
    HttpClient,
    HttpRequest,
    Json,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.login import login_of, options

ROLES = ("service", "admin")
"""What Glance's user needs in its project: to be believed beside a user's token, and to see images of all projects."""

NAME, TYPE = "glance", "image"
"""Of the service."""


class KeystoneError(Exception):
    """What ends a run; the text is a sentence, and more than one where several things are wrong."""


@dataclass(frozen=True)
class Account:
    """Who logs in to which project, all by name."""

    user: str
    password: str = field(repr=False)
    user_domain: str
    project: str
    project_domain: str


@dataclass(frozen=True)
class Wanted:
    """What is to be in Keystone.

    endpoints: URL by interface; retired: names of users to be gone, in the domain of Glance's user; allow_outage:
    whether the password of Glance's user may be changed.
    """

    auth_url: str
    glance: Account
    admin: Account
    region: str
    endpoints: dict[str, str]
    retired: tuple[str, ...] = ()
    allow_outage: bool = False


@dataclass
class Found:
    """What the administrator sees; what is not there is None, or absent from its collection.

    services: those of the type of ours; endpoints: those of our service in our region; roles: by name; granted: names
    of the roles that Glance's user has in its project; retired: retired users by name.
    """

    user_domain: str | None = None
    project_domain: str | None = None
    region: bool = False
    services: list[Json] = field(default_factory=list)
    endpoints: list[Json] = field(default_factory=list)
    project: Json | None = None
    user: Json | None = None
    password_refused: bool = False
    roles: dict[str, Json] = field(default_factory=dict)
    granted: set[str] = field(default_factory=set)
    retired: dict[str, Json] = field(default_factory=dict)


def missing(wanted: Wanted, token: Json | None) -> list[str]:
    """What the token of Glance's user, None for none, shows that it lacks, in words."""
    token = token or {}
    endpoints = [
        endpoint
        for service in token.get("catalog") or []
        if (service.get("type"), service.get("name")) == (TYPE, NAME)
        for endpoint in service.get("endpoints") or []
        if endpoint.get("region_id") == wanted.region
    ]
    roles = {role.get("name") for role in token.get("roles") or []}
    there = {(endpoint.get("interface"), endpoint.get("url")) for endpoint in endpoints}
    return [
        *([] if token else [f"a token for {wanted.glance.user}"]),
        *(f"the role {role}" for role in ROLES if role not in roles),
        *(f"{kind} endpoint {url}" for kind, url in wanted.endpoints.items() if (kind, url) not in there),
    ]


def faults(wanted: Wanted, found: Found) -> list[str]:
    """What can't be, a sentence without its full stop for each."""
    return [sentence for wrong, sentence in _faults(wanted, found) if wrong]


def _faults(wanted: Wanted, found: Found) -> t.Iterator[tuple[bool, str]]:
    glance = wanted.glance
    yield (
        found.user_domain is None,
        f"glance_keystone_user_domain should be the name of a domain that Keystone has, found {glance.user_domain}",
    )
    yield (
        found.project_domain is None,
        "glance_keystone_project_domain should be the name of a domain that Keystone has, "
        f"found {glance.project_domain}",
    )
    yield (
        not found.region,
        f"glance_identity_region should be a region that Keystone has, found {wanted.region}: correct it or "
        "glance_keystone_region, or make the region first",
    )
    names = [str(service.get("name")) for service in found.services]
    yield (
        any(name != NAME for name in names),
        "the service of the type image should be named glance in Keystone, "
        f"found {', '.join(names)}: rename or remove it there",
    )
    yield (
        names.count(NAME) > 1,
        f"one service of the type image should be named glance in Keystone, found {names.count(NAME)}: "
        "remove the others there",
    )
    for kind in wanted.endpoints:
        same = [str(endpoint.get("url")) for endpoint in found.endpoints if endpoint.get("interface") == kind]
        yield (
            len(same) > 1,
            f"the service glance should have one {kind} endpoint in {wanted.region}, found {', '.join(same)}: "
            "remove the others in Keystone",
        )
    yield (
        found.password_refused and not wanted.allow_outage,
        f"glance_keystone_password should be the one that Keystone has for {glance.user}, found that Keystone refuses "
        f"it (401): give another glance_keystone_user with the new password and name {glance.user} in "
        "glance_identity_retired_users, or set glance_identity_allow_outage to true to change it in place, with "
        "requests that fail until every host has it",
    )


def differing(there: Json | None, wanted: Json) -> Json:
    """What of the wanted is not so in what is there; all of it where nothing is."""
    return {key: value for key, value in wanted.items() if there is None or there.get(key) != value}


class Keystone:
    """Keystone's API as one account; every request raises GlanceError when it does not bring what it should."""

    def __init__(self, http: HttpClient, auth_url: str, account: Account, ca_path: str | None) -> None:
        """ValueError when the URL is none of Keystone's, or a name is empty."""
        auth = {
            "auth_url": auth_url,
            "username": account.user,
            "password": account.password,
            "user_domain_name": account.user_domain,
            "project_name": account.project,
            "project_domain_name": account.project_domain,
        }
        login = login_of({**dict.fromkeys(options()), "auth": auth, "auth_type": "password"}, {}, Path(), Path())
        self._http, self._ca_path = http, ca_path
        self._tokens_url, self._request = login.tokens_url, login.request["auth"]
        self._api = login.tokens_url[: -len("/auth/tokens")]
        self._token = ""
        # A service may repeat what it does not like, as a string of its language; several blanks are told as one.
        spelt = (account.password, repr(account.password)[1:-1], json.dumps(account.password)[1:-1])
        http.hide(*spelt, *(" ".join(text.split()) for text in spelt))

    def log_in(self) -> Json | None:
        """Content of a token for the project, which further requests are sent with; None when it is refused (401)."""
        return self._log_in(self._request)

    def is_password_right(self) -> bool:
        """Whether Keystone takes user and password, be it without a project."""
        # Who may not log in to a project is refused in the same way as who has a wrong password.
        return self._log_in({**self._request, "scope": "unscoped"}) is not None

    def _log_in(self, request: Json) -> Json | None:
        advice = "Check user, password, project and their domains, and that the user has a role there."
        try:
            answer, headers = self._ask("POST", self._tokens_url, {"auth": request}, 201, {}, advice)
        except GlanceError as error:
            if error.status == 401:
                return None
            raise
        token, secret = answer.get("token"), headers.get("x-subject-token", "")
        if not isinstance(token, dict) or not secret:
            raise GlanceError(
                f"POST {self._tokens_url}: expected a token of Keystone v3, got other JSON. "
                "Check that this is the address of the Identity service.",
                200,
            )
        self._http.hide(secret)
        self._token = secret
        return token

    def named(self, kind: str, name: str, **filters: str) -> Json | None:
        """The thing of a kind, such as users, that has a name.

        The name that is spelt so goes before one in other case, which Keystone takes for it on MySQL.
        """
        found = self.listed(kind, name=name, **filters)
        same = [one for one in found if str(one.get("name")).casefold() == name.casefold()]
        return min(same, key=lambda one: one["name"] != name, default=None)

    def listed(self, kind: str, **filters: str) -> list[Json]:
        """All things of a kind that pass the filters."""
        query = f"?{urlencode(filters)}" if filters else ""
        return list(self.call("GET", f"/{kind}{query}").get(kind) or [])

    def call(self, method: str, path: str, body: Json | None = None, expected: int = 200) -> Json:
        """Answer to a request at a path of the API; {} for one without content."""
        advice = "Give the login of a user who may do this."
        return self._ask(method, f"{self._api}{path}", body, expected, {"X-Auth-Token": self._token}, advice)[0]

    def _ask(
        self, method: str, url: str, body: Json | None, expected: int, login: dict[str, str], advice: str
    ) -> tuple[Json, t.Mapping[str, str]]:
        data = None if body is None else json.dumps(body).encode()
        content = {"Content-Type": "application/json"} if data else {}
        return self._http.exchange(
            HttpRequest(method, url, lambda: data, login, content, expected, advice, self._ca_path)
        )


class Registrar:
    """Has the image service in Keystone as it is wanted, or its retired users gone.

    changes: what has been changed, or would be in check mode, in words; missing: what Glance's user lacks;
    leaving: retired users that are there. All three are told as well when an error ends it.
    """

    def __init__(self, http: HttpClient, wanted: Wanted, ca_path: str | None, check_mode: bool) -> None:
        """ValueError when the logins are none, or a user that is in use is to be removed."""
        in_use = {wanted.glance.user}
        if wanted.admin.user_domain == wanted.glance.user_domain:
            in_use.add(wanted.admin.user)
        wrong = [name for name in wanted.retired if name in in_use or not name.strip()]
        if wrong:
            raise ValueError(
                "glance_identity_retired_users should be users that nobody logs in as any more, "
                f"found {', '.join(map(repr, wrong))}: take them off the list."
            )
        self.wanted, self.check_mode = wanted, check_mode
        self.glance = Keystone(http, wanted.auth_url, wanted.glance, ca_path)
        self.admin = Keystone(http, wanted.auth_url, wanted.admin, ca_path)
        self.changes: list[str] = []
        self.missing: list[str] = []
        self.leaving: list[str] = []

    def register(self) -> None:
        """Have what Glance needs; retired users stay. Raises KeystoneError."""
        found = self._look()
        if not self.missing or found is None:
            return
        self._make(found)
        if self.check_mode:
            return
        self.missing = missing(self.wanted, self._log_in_as_glance())
        if self.missing:
            raise KeystoneError(
                f"Keystone at {self.wanted.auth_url} should lack nothing that Glance needs any more, found that it "
                f"lacks {', '.join(self.missing)}: look into its log."
            )

    def retire(self) -> None:
        """Have the retired users gone, and nothing else changed. Raises KeystoneError."""
        found = self._look()
        for name, user in (found.retired if found else {}).items():
            self._change(f"remove the user {name}", "DELETE", f"/users/{quote(user['id'], safe='')}", None, 204)
            self.leaving = [each for each in self.leaving if each != name or self.check_mode]

    def _look(self) -> Found | None:
        """What the administrator sees; None where Glance's own user sees that nothing is to be done."""
        token = self._log_in_as_glance()
        self.missing = missing(self.wanted, token)
        self.leaving = [name for name in self.wanted.retired if token is None or not self._is_gone(name, token)]
        if not self.missing and not self.leaving:
            return None
        self._log_in_as_administrator()
        try:
            found = self._ask_administrator()
            found.password_refused = bool(token is None and found.user and not self.glance.is_password_right())
        except GlanceError as error:
            raise KeystoneError(
                f"{self.wanted.admin.user} of glance_identity_admin should be allowed to ask Keystone for domains, "
                f"regions and services, found: {error}"
            ) from error
        wrong = faults(self.wanted, found)
        if wrong:
            raise KeystoneError("; ".join(wrong) + ".")
        self.leaving = list(found.retired)
        return found

    def _log_in_as_glance(self) -> Json | None:
        try:
            return self.glance.log_in()
        except GlanceError as error:
            raise KeystoneError(
                f"Keystone at {self.wanted.auth_url} should give {self.wanted.glance.user} a token, found: {error}"
            ) from error

    def _log_in_as_administrator(self) -> None:
        begin = f"Keystone at {self.wanted.auth_url} should give the user of glance_identity_admin a token, found"
        try:
            token = self.admin.log_in()
        except GlanceError as error:
            raise KeystoneError(f"{begin}: {error}") from error
        if token is None:
            raise KeystoneError(f"{begin} that it refuses user, password or project (401): correct them.")

    def _is_gone(self, name: str, token: Json) -> bool:
        """Whether Glance's own user may ask for a user, and there is none."""
        domain = ((token.get("user") or {}).get("domain") or {}).get("id") or ""
        try:
            return not any(one.get("name") == name for one in self.glance.listed("users", name=name, domain_id=domain))
        except GlanceError:
            # Who may not be asked for is taken for one that is there: the administrator tells.
            return False

    def _ask_administrator(self) -> Found:
        ask, glance, region = self.admin, self.wanted.glance, self.wanted.region
        domains = [ask.named("domains", name) for name in (glance.user_domain, glance.project_domain)]
        user_domain, project_domain = ((domain or {}).get("id") for domain in domains)
        found = Found(
            user_domain=user_domain,
            project_domain=project_domain,
            # Not by its address: a server takes the slash of an id for the end of it.
            region=region.casefold() in {str(one.get("id")).casefold() for one in ask.listed("regions")},
            services=ask.listed("services", type=TYPE),
            project=ask.named("projects", glance.project, domain_id=project_domain) if project_domain else None,
            user=ask.named("users", glance.user, domain_id=user_domain) if user_domain else None,
        )
        roles = {name: ask.named("roles", name) for name in ROLES}
        found.roles = {name: role for name, role in roles.items() if role}
        for name in self.wanted.retired if user_domain else ():
            user = ask.named("users", name, domain_id=user_domain)
            # Not one that Keystone takes for it: nobody named that.
            if user and user["name"] == name:
                found.retired[name] = user
        if found.project and found.user:
            granted = ask.call("GET", f"/projects/{found.project['id']}/users/{found.user['id']}/roles")
            found.granted = {role["name"] for role in granted["roles"]}
        for service in found.services:
            if service.get("name") == NAME:
                found.endpoints += ask.listed("endpoints", service_id=service["id"], region_id=region)
        return found

    def _make(self, found: Found) -> None:
        glance = self.wanted.glance
        project = self._have(
            f"the project {glance.project}",
            "project",
            found.project,
            {"name": glance.project, "domain_id": found.project_domain},
        )
        roles = {
            name: self._have(f"the role {name}", "role", found.roles.get(name), {"name": name}, {}) for name in ROLES
        }
        new_password = found.user is None or found.password_refused
        user = self._have(
            f"the password of {glance.user}" if found.password_refused else f"the user {glance.user}",
            "user",
            found.user,
            {"name": glance.user, "domain_id": found.user_domain},
            {"enabled": True, **({"password": glance.password} if new_password else {})},
        )
        for name, role in roles.items():
            if name not in found.granted:
                what = f"give {glance.user} the role {name} in the project {glance.project}"
                self._change(what, "PUT", f"/projects/{project}/users/{user}/roles/{role}", None, 204)
        service = next(iter(found.services), None)
        service_id = self._have(f"the service {NAME}", "service", service, {"name": NAME, "type": TYPE})
        for kind, url in self.wanted.endpoints.items():
            there = next((one for one in found.endpoints if one.get("interface") == kind), None)
            where = {"service_id": service_id, "interface": kind, "region_id": self.wanted.region}
            self._have(f"the {kind} endpoint {url}", "endpoint", there, where, {"url": url, "enabled": True})

    def _have(self, what: str, kind: str, there: Json | None, identity: Json, wanted: Json | None = None) -> str:
        """Id of a thing, which is made with its identity or corrected first; "" in check mode for one that lacks.

        wanted: what it has to be besides, enabled where nothing is said.
        """
        changed = differing(there, {"enabled": True} if wanted is None else wanted)
        if there is None:
            body = {kind: {**identity, **changed}}
            return str((self._change(f"make {what}", "POST", f"/{kind}s", body, 201).get(kind) or {}).get("id") or "")
        if changed:
            self._change(f"change {what}", "PATCH", f"/{kind}s/{there['id']}", {kind: changed}, 200)
        return str(there["id"])

    def _change(self, what: str, method: str, path: str, body: Json | None, expected: int) -> Json:
        """Answer to a request that changes something; {} in check mode, which sends none."""
        if self.check_mode:
            self.changes.append(what)
            return {}
        try:
            answer = self.admin.call(method, path, body, expected)
        except GlanceError as error:
            if (method, error.status) == ("DELETE", 404):
                return {}
            raise KeystoneError(f"Keystone at {self.wanted.auth_url} should {what}, found: {error}") from error
        self.changes.append(what)
        return answer


def wanted_of(params: t.Mapping[str, t.Any]) -> Wanted:
    """What the options of the module ask for."""
    urls = {kind: params[f"{kind}_url"] for kind in ("public", "internal", "admin")}
    return Wanted(
        auth_url=params["auth_url"],
        glance=Account(
            user=params["username"],
            password=params["password"],
            user_domain=params["user_domain_name"],
            project=params["project_name"],
            project_domain=params["project_domain_name"],
        ),
        admin=Account(**params["admin"]),
        region=params["region_name"],
        endpoints={kind: url for kind, url in urls.items() if url},
        retired=tuple(params["retired_users"]),
        allow_outage=params["allow_outage"],
    )


def run(http: HttpClient, params: t.Mapping[str, t.Any], check_mode: bool) -> Json:
    """Do one run of the module with its options; what it answers, with "failed" where it fails.

    ValueError when the options are wrong, before any request.
    """
    ca_path = params["ca_path"] or None
    http.hide(urlsplit(params["auth_url"]).password or "")
    http.read_certificates("ca_path" if ca_path else "ca_certs", ca_path)
    registrar = Registrar(http, wanted_of(params), ca_path, check_mode)
    result: Json = {}
    try:
        registrar.register() if params["state"] == "present" else registrar.retire()
    except KeystoneError as error:
        result = {"failed": True, "msg": str(error)}
    result |= {name: getattr(registrar, name) for name in ("changes", "missing", "leaving")}
    return {**result, "changed": bool(registrar.changes)}
