"""A Keystone on loopback that can misbehave as FakeGlance can: real HTTP, users and services in memory."""

import json
import urllib.parse

from fake_glance import FakeGlance

KINDS = ("domains", "regions", "projects", "users", "roles", "services", "endpoints")
# What each kind may not have twice.
UNIQUE = {"projects": ("name", "domain_id"), "users": ("name", "domain_id"), "roles": ("name",)}


class FakeKeystone(FakeGlance):
    """The part of the v3 API that registers a service, with an administrator, two domains and two regions.

    Names are the same in upper and lower case, as on MySQL. things: by kind; grants: (project, user, role) by id; sent:
    of each request that changes something, as in FakeGlance. Trouble may also be for (method, path).
    """

    def __init__(self):
        super().__init__()
        self.things = {kind: [] for kind in KINDS}
        self.grants = set()
        self.users_by_token = {}
        # What every catalogue leaves out: services that are not told yet.
        self.hidden = set()
        # Kinds that only the administrator may ask for.
        self.closed = set()
        self.logins = []
        self.put("domains", "default", name="Default")
        self.put("domains", "other", name="Other")
        self.put("regions", "RegionOne")
        self.put("regions", "Two/half")
        self.put("roles", "r-admin", name="admin")
        self.put("projects", "p-admin", name="admin", domain_id="default")
        self.put("users", "u-admin", name="admin", domain_id="default", password="adm'in\"\\")
        self.grants.add(("p-admin", "u-admin", "r-admin"))

    def put(self, kind, number="", **facts):
        """Have a thing, and give it."""
        thing = {"id": number or f"{kind}-{len(self.things[kind])}", "enabled": True, **facts}
        self.things[kind].append(thing)
        return thing

    def only(self, kind, **facts):
        (found,) = self.list(kind, facts)
        return found

    def list(self, kind, filters):
        return [
            thing
            for thing in self.things[kind]
            if all(str(thing.get(key)).casefold() == str(value).casefold() for key, value in filters.items())
        ]

    def named(self, kind, **facts):
        return next(iter(self.list(kind, facts)), None)

    def answer(self, handler):
        path, _dummy, query = handler.path.partition("?")
        self.asked.append((path, dict(urllib.parse.parse_qsl(query, keep_blank_values=True))))
        asked = (handler.command, path)
        trouble = self.trouble.get(len(self.asked), self.trouble.get(asked, self.trouble.get("always")))
        body = self.read(handler)
        if isinstance(trouble, (int, tuple)):
            status, answer = 200, None
        elif path == "/v3/auth/tokens":
            status, answer = self.log_in(body["auth"])
        else:
            status, answer = self.reply(handler, path.removeprefix("/v3/").split("/"), query, body)
        if status >= 400:
            answer = {"error": {"code": status, "message": answer}}
        self.send(handler, trouble, status, b"" if status == 204 else json.dumps(answer).encode())

    def log_in(self, auth):
        asked = auth["identity"]["password"]["user"]
        domain = self.named("domains", name=asked["domain"]["name"])
        user = domain and self.named("users", name=asked["name"], domain_id=domain["id"])
        scope = auth["scope"]
        self.logins.append((asked["name"], scope if scope == "unscoped" else scope["project"]["name"]))
        if not user or not user["enabled"] or user["password"] != asked["password"]:
            return 401, "The request you have made requires authentication."
        token = {"user": {**user, "domain": domain}, "issued_at": "x", "expires_at": "x"}
        del token["user"]["password"]
        if scope != "unscoped":
            within = self.named("domains", name=scope["project"]["domain"]["name"])
            project = within and self.named("projects", name=scope["project"]["name"], domain_id=within["id"])
            roles = self.granted(project, user) if project and project["enabled"] else []
            if not roles:
                return 401, "The request you have made requires authentication."
            token.update(project=project, roles=roles, catalog=self.catalogue())
        self.tokens_made += 1
        self.token = f"gAAAA-{self.tokens_made}"
        self.users_by_token[self.token] = user["id"]
        return 201, {"token": token}

    def granted(self, project, user):
        return [role for role in self.things["roles"] if (project["id"], user["id"], role["id"]) in self.grants]

    def catalogue(self):
        return [
            {
                **service,
                "endpoints": [one for one in self.list("endpoints", {"service_id": service["id"]}) if one["enabled"]],
            }
            for service in self.things["services"]
            if service["enabled"] and service["name"] not in self.hidden
        ]

    def reply(self, handler, parts, query, body):
        user = self.users_by_token.get(handler.headers["X-Auth-Token"])
        if user is None:
            return 401, "The request you have made requires authentication."
        if (handler.command != "GET" or parts[0] in self.closed) and user != "u-admin":
            return 403, "You are not authorized to perform the requested action."
        if parts[0] == "projects" and parts[2:3] == ["users"]:
            return self.assign(handler.command, parts)
        kind, *number = parts
        if handler.command == "GET":
            return 200, {kind: self.list(kind, dict(urllib.parse.parse_qsl(query)))}
        if handler.command == "POST":
            (facts,) = body.values()
            self.sent.append(("POST", kind, facts))
            if kind in UNIQUE and self.list(kind, {key: facts[key] for key in UNIQUE[kind]}):
                return 409, f"Conflict occurred attempting to store {kind[:-1]}"
            return 201, {kind[:-1]: self.put(kind, **facts)}
        thing = self.named(kind, id=number[0])
        if thing is None:
            return 404, f"Could not find {kind[:-1]}: {number[0]}."
        if handler.command == "DELETE":
            self.sent.append(("DELETE", kind, thing["name"]))
            self.things[kind].remove(thing)
            return 204, None
        (facts,) = body.values()
        self.sent.append(("PATCH", kind, facts))
        thing.update(facts)
        if "password" in facts:
            self.users_by_token = {token: of for token, of in self.users_by_token.items() if of != thing["id"]}
        return 200, {kind[:-1]: thing}

    def assign(self, method, parts):
        _projects, project, _users, user, _roles, *role = parts
        if method == "GET":
            return 200, {"roles": self.granted({"id": project}, {"id": user})}
        self.sent.append(("PUT", "roles", self.only("roles", id=role[0])["name"]))
        self.grants.add((project, user, role[0]))
        return 204, None
