# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to log in to any Image service: options, OS_* variables and clouds.yaml, read as OpenStack's clients read them.

Sources are openstacksdk 4.13 (openstack/config: loader.py, cloud_region.py) and keystoneauth1 (loading, identity).
Nothing here asks the network, and no message repeats a secret or the content of a file.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import typing as t
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

LOOPBACK = "http://127.0.0.1:9292"
INTERFACES = ("public", "internal", "admin")
SITE_FOLDERS = (Path("/etc/xdg/openstack"), Path("/etc/openstack"))
SUFFIXES = (".yaml", ".yml", ".json")
ENVIRONMENT = "variables OS_*"

AS_IS = {"none": "none", "http_basic": "http_basic", "admin_token": "token"}
"""Types that ask nobody, and what Login calls them."""

METHODS = {
    "password": "password",
    "v3password": "password",
    "token": "token",
    "v3token": "token",
    "v3applicationcredential": "application_credential",
}
"""Types that ask Keystone, and the method they name there (keystoneauth1/loading/_plugins/identity)."""

SECRETS = ("password", "token", "application_credential_secret")
AUTH = (
    *("auth_url", "username", "user_id", "user_domain_name", "user_domain_id"),
    *("project_name", "project_id", "project_domain_name", "project_domain_id"),
    *("default_domain_name", "default_domain_id", "domain_name", "domain_id", "system_scope", "trust_id"),
    *("application_credential_id", "application_credential_name", "endpoint", *SECRETS),
)
SETTINGS = (
    *("auth_type", "region_name", "image_region_name", "interface", "image_interface", "image_endpoint_override"),
    *("verify", "insecure", "cacert", "cert", "key", "profile", "regions"),
)
LISTS = ("regions", "region_name")
ALIASES = {
    "tenant_id": "project_id",
    "tenant_name": "project_name",
    "user_name": "username",
    "auth_token": "token",
    "auth_plugin": "auth_type",
    "endpoint_type": "interface",
    "image_endpoint_type": "image_interface",
    "image_endpoint": "image_endpoint_override",
    "url": "endpoint",
    "cloud": "profile",
}
"""Older names: OpenStackConfig._fix_backwards_*, CloudRegion.get_endpoint, deprecated options of the plugins."""

VARIABLES = {*AUTH, *SETTINGS, *ALIASES} - {"cloud", "profile", "regions"}
"""What means something after OS_; OS_CLOUD is no profile."""

TOLD = {"password": "password", "application_credential_secret": "v3applicationcredential", "token": "token"}
"""The type that a secret tells where none is named: the clients' own default first."""


@dataclass(frozen=True)
class Login:
    """How to log in, and where.

    auth_type: none; http_basic or token (headers are sent as they are); keystone (request is sent to tokens_url first).
    endpoint: address of the Image service; None when it is to be taken from Keystone's catalogue.
    secrets: every password, secret and token among the rest, for the caller to hide in what it prints.
    """

    auth_type: str
    endpoint: str | None
    headers: dict[str, str] = field(repr=False)
    tokens_url: str
    request: dict[str, t.Any] = field(repr=False)
    region_name: str | None
    interface: str
    verify: bool
    ca_path: str | None
    client_cert: str | None
    client_key: str | None
    secrets: tuple[str, ...] = field(repr=False)


def options() -> dict[str, dict[str, t.Any]]:
    """Options of the doc fragment api_connection.

    validate_certs, ca_path, client_cert and client_key have no default, so that clouds.yaml can say them.
    """
    auth: dict[str, dict[str, t.Any]] = {name: {"type": "str"} for name in AUTH}
    for name in SECRETS:
        auth[name]["no_log"] = True
    return {
        "api_url": {"type": "str", "aliases": ["endpoint_override"]},
        "token": {"type": "str", "no_log": True},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "auth": {"type": "dict", "options": auth},
        "auth_type": {"type": "str", "choices": [*AS_IS, *METHODS]},
        "cloud": {"type": "str"},
        "region_name": {"type": "str"},
        "interface": {"type": "str", "choices": list(INTERFACES)},
        "request_timeout": {"type": "int", "default": 30},
        "validate_certs": {"type": "bool"},
        "ca_path": {"type": "path", "aliases": ["ca_cert"]},
        "auth_ca_path": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path"},
    }


def checks() -> dict[str, t.Any]:
    """What AnsibleModule checks of these options beside each of them."""
    return {
        "mutually_exclusive": [("token", "username", "auth"), ("token", "username", "cloud")],
        "required_together": [("username", "password")],
        "required_by": {"client_key": ["client_cert"]},
    }


def login_of(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], home: Path, folder: Path) -> Login:
    """The login that the options (all of options()) say, or else the variables OS_*, or else none.

    folder is the current directory, in which clouds.yaml is looked for first. ValueError with one sentence for what
    lacks, contradicts itself or cannot be read.
    """
    where, found = _told(params, environ, home, folder)
    found = _with_domains({**found, **_named(params["auth"] or {}, "auth"), **_overriding(params)})
    auth_type = _auth_type(found, where)
    method = METHODS.get(auth_type)
    region = found.get("image_region_name") or found.get("region_name") or None
    for key in {"auth_url", "image_endpoint_override"} & set(found):
        # OpenStackConfig.magic_fixes and get_one: an address may have the region in it.
        found[key] = found[key].replace("{region_name}", region or "")
    headers = {} if method else _headers(found, auth_type, where)
    certificate, key, authorities = (_path(found.get(name), home) for name in ("cert", "key", "cacert"))
    secrets = [found[name] for name in SECRETS if name in found] + [text.split()[-1] for text in headers.values()]
    return Login(
        auth_type="keystone" if method else AS_IS[auth_type],
        endpoint=found.get("image_endpoint_override") or (None if method else found.get("endpoint", LOOPBACK)),
        headers=headers,
        tokens_url=_tokens_url(_value(found, where, "auth_url"), where) if method else "",
        request=_request(found, method, where) if method else {},
        region_name=region,
        interface=_interface(found.get("image_interface") or found.get("interface") or "public", where),
        # CloudRegion.get_requests_verify_args: insecure wins, and a key without a certificate is left aside.
        verify=not _is(found.get("verify"), "false") and not _is(found.get("insecure"), "true"),
        ca_path=authorities,
        client_cert=certificate,
        client_key=key if certificate else None,
        secrets=tuple(dict.fromkeys(secrets)),
    )


def endpoint_of(catalog: list[dict[str, t.Any]], region: str | None, interface: str) -> str:
    """Address of the Image service in the catalogue of a token of Keystone's v3 API.

    The first endpoint that fits, whose region_id goes before its region (ServiceCatalog.get_endpoints_data). ValueError
    that names what the catalogue has when none fits.
    """
    if not catalog:
        raise ValueError(
            "Keystone's catalogue: expected the Image service, found nothing: "
            "log in to a project (project_name), or give the address as api_url."
        )
    services = [service for service in catalog if service.get("type") == "image"]
    there = [
        (str(endpoint.get("interface")), endpoint.get("region_id") or endpoint.get("region"), str(endpoint["url"]))
        for service in services
        for endpoint in service.get("endpoints") or []
        if endpoint.get("url")
    ]
    for kind, place, url in there:
        if kind == interface.removesuffix("URL") and region in (None, "", place):
            return url
    wanted = f"{interface} endpoint of the type image" + (f" in region {region}" if region else "")
    have = [f"{kind} in region {place}" for kind, place, _url in there] if services else []
    if not services:
        have = sorted({f"the type {service.get('type')}" for service in catalog})
    raise ValueError(
        f"Keystone's catalogue: expected the {wanted}, found {', '.join(have) or 'none'}: "
        "give another region_name or interface, or the address as api_url."
    )


def _told(
    params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], home: Path, folder: Path
) -> tuple[str, dict[str, t.Any]]:
    """The place that tells the login, and what it says beside auth: options, or else variables, never both."""
    asked = params["auth_type"]
    if asked == "none":
        beside = [name for name in ("cloud", "token", "username") if params[name]]
        beside += [f"auth.{name}" for name, value in (params["auth"] or {}).items() if value and name != "endpoint"]
        if beside:
            raise ValueError(f"auth_type none: expected no login beside it, found {', '.join(beside)}: leave one out.")
    if params["cloud"]:
        return _cloud(params["cloud"], params["region_name"], environ, home, folder)
    for name, auth_type in (("token", "admin_token"), ("username", "http_basic")):
        if params[name]:
            if asked not in (None, auth_type):
                raise ValueError(
                    f"auth_type {asked}: expected {name} in auth, found it outside, where it is sent as it is: "
                    "move it there, or leave auth_type out."
                )
            given = {key: params[key] for key in ("token", "username", "password") if params[key]}
            return "the options", {"auth_type": auth_type, **given}
    if asked or params["auth"] is not None:
        return "auth", {}
    return _environment(params["region_name"], environ, home, folder)


def _environment(
    region: str | None, environ: t.Mapping[str, str], home: Path, folder: Path
) -> tuple[str, dict[str, t.Any]]:
    """What the variables OS_* say: OS_CLOUD alone, or else all others (OpenStackConfig.__init__, _get_os_environ).

    Other than there, a variable that is empty or says nothing about a login does not count, and clouds.yaml is not
    looked at unless a variable names the cloud or the file.
    """
    region = region or environ.get("OS_REGION_NAME")
    if environ.get("OS_CLOUD"):
        return _cloud(environ["OS_CLOUD"], region, environ, home, folder)
    set_ones = {name: environ[f"OS_{name.upper()}"] for name in VARIABLES if environ.get(f"OS_{name.upper()}")}
    named = _named(set_ones, ENVIRONMENT)
    if named.keys() & ({*AUTH, "auth_type"} - {"endpoint"}):
        return ENVIRONMENT, named
    if environ.get("OS_CLIENT_CONFIG_FILE"):
        return _cloud(None, region, environ, home, folder)
    return "the options", {**named, "auth_type": "none"}


def _overriding(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options that have another name in clouds.yaml, under the name that wins there."""
    found = {
        "auth_type": params["auth_type"],
        "image_endpoint_override": params["api_url"],
        "image_region_name": params["region_name"],
        "image_interface": params["interface"],
        "cacert": params["ca_path"],
    }
    found = {key: value for key, value in found.items() if value}
    if params["validate_certs"] is not None:
        found.update(verify=params["validate_certs"], insecure=False)
    if params["client_cert"]:
        found.update(cert=params["client_cert"], key=params["client_key"])
    return found


def _named(raw: t.Any, where: str) -> dict[str, t.Any]:
    """What one place says, as it is written, under the names of AUTH and SETTINGS, without those that are empty.

    Values are text (as in _util.normalize_keys), but for the lists of regions.
    """
    outer = _mapping(raw, where)
    both = {**outer, **_mapping(outer.get("auth"), where)}
    named = {str(key).replace("-", "_"): value for key, value in both.items()}
    for key in {"auth_plugin", "auth_type"} & set(named):
        # OpenStackConfig._get_auth_loader.
        named[key] = "none" if named[key] in (None, "", "None") else named[key]
    for old, name in ALIASES.items():
        if named.get(name) in (None, ""):
            named[name] = named.get(old)
    found = {key: named[key] for key in (*AUTH, *SETTINGS) if named.get(key) not in (None, "")}
    odd = [key for key, value in found.items() if isinstance(value, (dict, list)) and key not in LISTS]
    if odd:
        raise ValueError(f"{where}: expected one text as {odd[0]}, found a list or names with values: correct it.")
    return {key: value if key in LISTS else str(value) for key, value in found.items()}


def _cloud(
    name: str | None, region: str | None, environ: t.Mapping[str, str], home: Path, folder: Path
) -> tuple[str, dict[str, t.Any]]:
    """What clouds.yaml, secure.yaml and clouds-public.yaml say of a cloud; of the only one, when no name is given."""
    personal = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "openstack"
    folders = list(dict.fromkeys([folder, personal, home / ".config" / "openstack", *SITE_FOLDERS]))
    content, tried = _load("clouds", environ.get("OS_CLIENT_CONFIG_FILE"), folders)
    secure, _tried = _load("secure", environ.get("OS_CLIENT_SECURE_FILE"), folders)
    looked = ", ".join(tried) or "no clouds.yaml in " + ", ".join(map(str, folders))
    clouds = _mapping(_merged(content, secure).get("clouds"), f"clouds ({looked})")
    if name is None and len(clouds) == 1:
        name = next(iter(clouds))
    if name not in clouds:
        wanted = f"the cloud '{name}'" if name else "a single cloud"
        have = ", ".join(map(str, clouds)) or "none"
        raise ValueError(f"clouds.yaml: expected {wanted}, found {have} ({looked}): name one that is there.")
    where = f"cloud '{name}' ({looked})"
    own = _named(clouds[name], where)
    profile = _profile(own["profile"], folders, where) if "profile" in own else {}
    return where, {**profile, **own, **_region(own, profile, region, where)}


def _profile(name: str, folders: list[Path], where: str) -> dict[str, t.Any]:
    """What clouds-public.yaml says of a provider (OpenStackConfig._expand_vendor_profile)."""
    content, tried = _load("clouds-public", None, folders)
    looked = ", ".join(tried) or "no such file"
    profiles = _mapping(content.get("public-clouds"), f"public-clouds ({looked})")
    if name not in profiles:
        raise ValueError(
            f"{where}: expected its profile '{name}' in clouds-public.yaml, found none ({looked}): "
            "write it there, as those inside openstacksdk are not known here, or write what it says into the cloud."
        )
    return _named(profiles[name], f"profile '{name}' ({looked})")


def _region(own: dict[str, t.Any], profile: dict[str, t.Any], wanted: str | None, where: str) -> dict[str, t.Any]:
    """What the cloud says of the region that is wanted, or of its first one (OpenStackConfig._get_known_regions)."""
    known = next((place[key] for place in (own, profile) for key in LISTS if key in place), [])
    regions: dict[str, t.Any] = {}
    for one in known if isinstance(known, list) else str(known).split(","):
        entry = one if isinstance(one, dict) else {"name": one}
        regions[str(entry.get("name"))] = entry.get("values") or {}
    name = wanted or next(iter(regions), "")
    if regions and name not in regions:
        raise ValueError(f"{where}: expected the region '{name}', found {', '.join(regions)}: name one that is there.")
    return {**_named(regions.get(name, {}), where), "region_name": name}


def _load(stem: str, named: str | None, folders: list[Path]) -> tuple[dict[str, t.Any], list[str]]:
    """The first such file that can be read, and the files looked at (OpenStackConfig._load_yaml_json_file)."""
    first = [folders[0] / named] if named else []
    tried: list[str] = []
    for path in [*first, *(place / f"{stem}{suffix}" for place in folders for suffix in SUFFIXES)]:
        try:
            content = path.read_bytes()
        except OSError as error:
            if path in first or not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                tried.append(f"{path}: {error.strerror}")
        else:
            return _parsed(path, content), [*tried, str(path)]
    return {}, tried


def _parsed(path: Path, content: bytes) -> dict[str, t.Any]:
    """The mapping in a file; ValueError that names the file and the line, but none of its words."""
    kind = "JSON" if path.name.endswith("json") else "YAML"
    try:
        data = json.loads(content) if kind == "JSON" else _yaml(content)
    except ImportError:
        raise ValueError(
            f"{path}: expected PyYAML to read it with, found none for {sys.executable}: install python3-yaml, "
            f"or write the file as {path.with_suffix('.json').name}."
        ) from None
    except Exception as error:
        # Whatever a parser raises may quote the line, which may hold a secret.
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else getattr(error, "lineno", 1)
        raise ValueError(f"{path}: expected {kind}, found something else in line {line}: correct it.") from None
    return _mapping(data, str(path))


def _mapping(value: t.Any, where: str) -> dict[str, t.Any]:
    """The value, {} for none at all; ValueError when it is anything else."""
    if value is None or isinstance(value, dict):
        return value or {}
    raise ValueError(f"{where}: expected names with values, found something else: correct it.")


def _yaml(content: bytes) -> t.Any:
    import yaml

    return yaml.safe_load(content)


def _merged(one: dict[str, t.Any], other: dict[str, t.Any]) -> dict[str, t.Any]:
    """Both, down to the leaves; the other one wins (openstack/config/_util.py, merge_clouds)."""
    both = dict(one)
    for key, value in other.items():
        before = both.get(key)
        both[key] = _merged(before, value) if isinstance(value, dict) and isinstance(before, dict) else value
    return both


def _with_domains(found: dict[str, t.Any]) -> dict[str, t.Any]:
    """The same with domains of user and project for which only a common one is named.

    domain_* is the common one beside a project, and a scope otherwise (OpenStackConfig._handle_domain_id); after it
    comes default_domain_* (keystoneauth1/identity/generic/base.py).
    """
    done = dict(found)
    common = ["default_domain"]
    if _ref(found, "project"):
        done = {key: value for key, value in found.items() if key not in ("domain_id", "domain_name")}
        common.insert(0, "domain")
    for kind in ("user_domain", "project_domain"):
        spare = next((ref for ref in (_ref(found, name) for name in (kind, *common)) if ref), {})
        done.update({f"{kind}_{key}": value for key, value in spare.items()})
    return done


def _auth_type(found: dict[str, t.Any], where: str) -> str:
    named = found.get("auth_type") or next((kind for secret, kind in TOLD.items() if secret in found), "password")
    if named == "token_endpoint":
        # OpenStackConfig._get_auth_loader.
        return "admin_token"
    if named not in (*AS_IS, *METHODS):
        known = ", ".join((*AS_IS, *METHODS))
        raise ValueError(f"{where}: expected auth_type to be one of {known}, found {named}: log in with one of these.")
    return str(named)


def _headers(found: dict[str, t.Any], auth_type: str, where: str) -> dict[str, str]:
    """Credentials that are sent as they are."""
    if auth_type == "admin_token":
        token = _value(found, where, "token")
        if not re.fullmatch(r"[!-~]+", token):
            raise ValueError(f"{where}: expected token to be one word of ASCII, found other characters: correct it.")
        return {"X-Auth-Token": token}
    if auth_type == "http_basic":
        # Ansible's own way would ask without a password first and look into .netrc.
        pair = f"{_value(found, where, 'username')}:{_value(found, where, 'password')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def _request(found: dict[str, t.Any], method: str, where: str) -> dict[str, t.Any]:
    """Body for /v3/auth/tokens (keystoneauth1/identity/v3: get_auth_ref in base.py, get_auth_data in the others)."""
    scope = _scope(found, where)
    if method == "token":
        identity: dict[str, t.Any] = {"id": _value(found, where, "token")}
    elif method == "password":
        identity = {"user": {**_user(found, where), "password": _value(found, where, "password")}}
    else:
        identity = {
            **_ref(found, "application_credential"),
            "secret": _value(found, where, "application_credential_secret"),
        }
        if "name" in identity:
            identity["user"] = _user(found, where)
        elif "id" not in identity:
            raise _lack(where, "application_credential_id", "application_credential_name")
        if scope:
            # Keystone refuses it: the project is the one in which the credential was made.
            raise ValueError(
                f"{where}: expected no {next(iter(scope))} beside an application credential: leave it out."
            )
    return {"auth": {"identity": {"methods": [method], method: identity}, **({"scope": scope} if scope else {})}}


def _scope(found: dict[str, t.Any], where: str) -> dict[str, t.Any]:
    """What the token is for, {} for what Keystone thinks best: the user's default project."""
    system = found.get("system_scope")
    if system not in (None, "all"):
        raise ValueError(f"{where}: expected system_scope to be all, found {system}: correct it.")
    targets = {
        "domain": _ref(found, "domain"),
        "project": _ref(found, "project"),
        "OS-TRUST:trust": _ref(found, "trust"),
    }
    scope = {name: target for name, target in {**targets, "system": {"all": True} if system else {}}.items() if target}
    if len(scope) > 1:
        raise ValueError(f"{where}: expected one scope, found {' and '.join(scope)}: leave all but one out.")
    if "name" in scope.get("project", {}):
        scope["project"]["domain"] = _domain(found, where, "project_domain")
    return scope


def _user(found: dict[str, t.Any], where: str) -> dict[str, t.Any]:
    if "user_id" in found:
        return {"id": found["user_id"]}
    if "username" not in found:
        raise _lack(where, "username", "user_id")
    return {"name": found["username"], "domain": _domain(found, where, "user_domain")}


def _domain(found: dict[str, t.Any], where: str, kind: str) -> dict[str, str]:
    """No default: keystoneauth's v3 loaders refuse a name without a domain, as Keystone does."""
    if not _ref(found, kind):
        raise _lack(where, f"{kind}_name", f"{kind}_id")
    return _ref(found, kind)


def _ref(found: dict[str, t.Any], kind: str) -> dict[str, t.Any]:
    """{"id": ...} or else {"name": ...} or else {}."""
    return next(({key: found[f"{kind}_{key}"]} for key in ("id", "name") if f"{kind}_{key}" in found), {})


def _value(found: dict[str, t.Any], where: str, name: str) -> str:
    if name not in found:
        raise _lack(where, name)
    return str(found[name])


def _lack(where: str, *names: str) -> ValueError:
    if where == ENVIRONMENT:
        wanted = " or ".join(f"OS_{name.upper()}" for name in names)
        return ValueError(f"{where}: expected {wanted}, found none: set it, or leave them aside with auth_type none.")
    return ValueError(f"{where}: expected {' or '.join(names)}, found none: give it.")


def _tokens_url(auth_url: str, where: str) -> str:
    """Address of Keystone's tokens for its own address with or without /v3 (Auth.get_auth_ref)."""
    if "@" in auth_url:
        raise ValueError(f"{where}: expected auth_url without a user name, found one: give it as username in auth.")
    shown = auth_url.partition("?")[0]
    try:
        parts = urlsplit(auth_url)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or "/v2.0" in parts.path:
        raise ValueError(
            f"{where}: expected auth_url to be the v3 API of Keystone such as https://keystone.example.com:5000/v3, "
            f"found {shown}: correct it."
        )
    base = auth_url.rstrip("/")
    return f"{base}/auth/tokens" if base.endswith("/v3") else f"{base}/v3/auth/tokens"


def _interface(value: str, where: str) -> str:
    """publicURL is what it was called in the v2 catalogue (ServiceCatalogV3.normalize_interface)."""
    plain = value.removesuffix("URL")
    if plain not in INTERFACES:
        raise ValueError(
            f"{where}: expected interface to be one of {', '.join(INTERFACES)}, found {value}: correct it."
        )
    return plain


def _is(value: t.Any, word: str) -> bool:
    return str(value).lower() == word


def _path(value: str | None, home: Path) -> str | None:
    return str(home / value[2:]) if value and value.startswith("~/") else value
