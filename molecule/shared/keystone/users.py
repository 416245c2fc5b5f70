"""Have roles, users and services in Keystone as a JSON document on stdin says: url, admin, users, services.

Prints "changed" or "unchanged". Runs in Keystone's own venv, which has a client's libraries.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from keystoneauth1 import adapter, session
from keystoneauth1.identity import V3Password

DEFAULT = {"user_domain_id": "default", "project_domain_id": "default"}


class Keystone:
    """The v3 API as an administrator; counts what it changes."""

    def __init__(self, url: str, admin: dict[str, str]) -> None:
        self.changes = 0
        auth = V3Password(url, username=admin["name"], password=admin["password"], project_name="admin", **DEFAULT)
        # It has only just been started.
        self.api = adapter.Adapter(session.Session(auth), endpoint_override=url, connect_retries=60)

    def have(self, kind: str, search: dict[str, Any], **further: Any) -> str:
        """Return the id of the one thing of a *kind* that *search* finds, which is made if there is none."""
        found = self.api.get(f"/{kind}s", params=search).json()[f"{kind}s"]
        if not found:
            self.changes += 1
            found = [self.api.post(f"/{kind}s", json={kind: {**search, **further}}).json()[kind]]
        return found[0]["id"]

    def grant(self, user: str, project: str, role: str) -> None:
        """Give a user a role in a project."""
        path = f"/projects/{project}/users/{user}/roles/{role}"
        if self.api.head(path, raise_exc=False).status_code == 404:
            self.changes += 1
            self.api.put(path)


def main() -> None:
    wanted = json.load(sys.stdin)
    keystone = Keystone(wanted["url"], wanted["admin"])
    roles = {name: keystone.have("role", {"name": name}) for user in wanted["users"] for name in user["roles"]}
    for user in wanted["users"]:
        project = keystone.have("project", {"name": user["project"], "domain_id": "default"})
        user_id = keystone.have("user", {"name": user["name"], "domain_id": "default"}, password=user["password"])
        for role in user["roles"]:
            keystone.grant(user_id, project, roles[role])
    for service in wanted["services"]:
        found = keystone.have("service", {"name": service["name"], "type": service["type"]})
        for interface in ("public", "internal"):
            search = {"service_id": found, "interface": interface}
            keystone.have("endpoint", search, url=service["url"], region_id="RegionOne")
    print("changed" if keystone.changes else "unchanged")


if __name__ == "__main__":
    main()
