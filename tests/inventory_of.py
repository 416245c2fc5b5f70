"""Write the variables of this collection for a glance-api.conf of a deployment that is there.

inventory_of.py [--release RELEASE] CONF ...

Prints a file for group_vars, with all secrets of the configuration in it. What a variable sets is given to the
variable, what the release lacks is left out and named in a comment, and everything else stands in glance_api_config.
Several files are read as Glance reads several: the last one counts. docs/migrate.md tells how to go on.
"""

from __future__ import annotations

import argparse
import re
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / ".ansible/collections"))

from ansible_collections.glanceops.image_service.plugins.plugin_utils import specs  # noqa: E402 - found by the line above
from ansible_collections.glanceops.image_service.plugins.plugin_utils.drivers import drivers  # noqa: E402
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import gone, options  # noqa: E402

Given = dict[str, dict[str, list[str]]]
"""Values of options by section and name, as they stand in a file."""

API = options.API
# Where Glance's own defaults (glance/common/config.py, wsgi.py) are not those of the collection.
DEFAULTS = {
    "glance_api_bind_address": "0.0.0.0",
    "glance_image_max_bytes": 1 << 40,
    "glance_project_max_bytes": 0,
}
CACHE_BYTES = 10 << 30
# What stores were called in the list of old, before drivers had names (glance/store, up to 2014).
CLASSES = {"filesystem": "file", "vmware_datastore": "vmware", "swift": "swift", "http": "http", "rbd": "rbd"}
CLASSES |= {"s3": "s3", "cinder": "cinder", "sheepdog": "sheepdog"}
# Options that name a file which Glance reads; True where all services have them.
FILES = {
    "policy_file": False,
    "property_protection_file": False,
    "log_config_append": False,
    "swift_store_config_file": True,
    "rbd_store_ceph_conf": True,
    "filesystem_store_metadata_file": True,
}
TRUE, FALSE = ("true", "1", "on", "yes"), ("false", "0", "off", "no")
UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


class ConfigError(Exception):
    """A file that is no configuration of Glance."""


def read(path: str) -> Given:
    """Return what stands in a file of oslo.config: sections of options, each with all its values."""
    found: Given = {}
    section, option = "", ""
    try:
        # Not splitlines(): what else it takes for the end of a line may be in the middle of a value.
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} should be a file of text, found none: {error}") from error
    for number, line in enumerate(lines, 1):
        text = line.strip()
        # A line that begins with a blank goes on with the value above; an empty one ends it.
        if text and line[0].isspace() and option:
            found[section][option][-1] += f"\n{text}"
            continue
        option = ""
        if not text or text[0] in "#;":
            continue
        if header := re.fullmatch(r"\[(.+)\]", text):
            section = header[1]
            found.setdefault(section, {})
            continue
        name, sign, value = re.fullmatch(r"([^=:]*)([=:]?)(.*)", text, re.DOTALL).groups()
        if not sign or not section:
            raise ConfigError(f"line {number} of {path} should be [section] or option = value, found another")
        option, value = name.strip(), value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[section].setdefault(option, []).append(value)
    return found


def written(text: str) -> str:
    """Return a value as Glance has it: a doubled dollar sign is one."""
    return text.replace("$$", "$")


def refers(text: str) -> bool:
    """Whether a value refers to another option, which no variable can."""
    return bool(re.search(r"\$[A-Za-z_{]", text.replace("$$", "")))


def as_type(name: str, text: str, kind: str) -> Any:
    """Return a value as the variable *name* of the type *kind* takes it; raises ValueError where it can't."""
    if refers(text):
        raise ValueError(text)
    if kind == "bool":
        if text.lower() not in (*TRUE, *FALSE):
            raise ValueError(text)
        return text.lower() in TRUE
    if kind == "list":
        entries = [entry.strip() for entry in re.sub(r"^\[(.*)\]$", r"\1", written(text)).split(",") if entry.strip()]
        ported = name == "glance_keystone_memcached_servers"
        return [entry if not ported or re.search(r":\d+$", entry) else f"{entry}:11211" for entry in entries]
    if kind == "dict":
        return dict(pair.strip().split(":", 1) for pair in written(text).split(","))
    if kind != "int":
        return written(text)
    match = re.fullmatch(r"\s*(-?\d+)\s*([A-Za-z]*)\s*", text, re.ASCII)
    if not match or match[2].upper() not in UNITS:
        raise ValueError(text)
    return int(match[1]) * UNITS[match[2].upper()]


def without_version(url: str) -> str:
    """Return the URL of Keystone itself, of one that may name a version of its API."""
    return re.sub(r"(/v[\d.]+)?/*$", "", url)


def quoted_password(url: str) -> str:
    """Return a URL of a database whose password may hold what ends a part of others (sqlalchemy/engine/url.py)."""

    def quoted(match: re.Match[str]) -> str:
        return match[1] + re.sub(r"[/?#\[\]]", lambda found: urllib.parse.quote(found[0], safe=""), match[2]) + "@"

    return re.sub(r"\A([\w+]+://[^:/@]*:)([^@]*)@", quoted, url)


class Inventory:
    """Variables that are made of a configuration, with a note for each option that became none."""

    def __init__(self, given: Given, release: str) -> None:
        self.rest: Given = {section: dict(values) for section, values in given.items()}
        self.known = specs.operator_options(
            yaml.safe_load(path.read_text()) for path in sorted(specs.ROLES.glob("*/meta/argument_specs.yml"))
        )
        self.release = release
        self.variables: dict[str, Any] = {}
        self.notes: list[str] = []
        for step in (self.messages, self.gone, self.stores, self.database, self.auth, self.owned, self.left):
            step()

    # ------------------------------------------------------------------------------------------------------- small ones

    def take(self, section: str, *names: str) -> str:
        """Take options away and return the last value of the first that has one; empty if there is none."""
        values = [self.rest.get(section, {}).pop(name, []) for name in names]
        return next((each[-1] for each in values if each and each[-1]), "")

    def note(self, section: str, option: str, why: str) -> None:
        """Say of an option why it is left out."""
        self.notes.append(f"[{section}] {option}: {why}")

    def each(self) -> Iterator[tuple[str, str]]:
        """Give section and name of each option that is left."""
        yield from [(section, option) for section, values in self.rest.items() for option in values]

    def set(self, name: str, text: str) -> None:
        """Set a variable to a value of the file, if there is one; raises ValueError where it can't hold it."""
        if text:
            self.variables[name] = as_type(name, text, self.known[name].get("type", "str"))

    def move(self, name: str, text: str, section: str, option: str) -> None:
        """Set a variable to the value of an option, or say why that can't be."""
        try:
            self.set(name, text)
        except ValueError:
            self.note(section, option, f"a value that {name} can't hold, since it refers to another option or is none")

    # ------------------------------------------------------------------------------------------------------------ steps

    def messages(self) -> None:
        """Make one transport_url of what older releases had in several options."""
        if any("transport_url" in values for values in self.rest.values()):
            return
        both = {**self.rest.get("DEFAULT", {}), **self.rest.get("oslo_messaging_rabbit", {})}
        get = {name: written(values[-1]) for name, values in both.items() if name.startswith("rabbit_")}
        drivers = [*self.rest.get("DEFAULT", {}).get("notification_driver", [])]
        drivers += self.rest.get("oslo_messaging_notifications", {}).get("driver", [])
        if not set(drivers) - {"", "noop", "log"} or not {"rabbit_host", "rabbit_hosts"} & get.keys():
            return
        pair = [urllib.parse.quote(get.get(name, "guest"), safe="") for name in ("rabbit_userid", "rabbit_password")]
        hosts = get.get("rabbit_hosts") or get["rabbit_host"]
        ported = [host if ":" in host else f"{host}:{get.get('rabbit_port', 5672)}" for host in hosts.split(",")]
        places = ",".join(f"{pair[0]}:{pair[1]}@{host.strip()}" for host in ported)
        virtual = urllib.parse.quote(get.get("rabbit_virtual_host", "/").removeprefix("/"), safe="")
        url = f"rabbit://{places}/{virtual}".replace("$", "$$")
        self.rest.setdefault("DEFAULT", {})["transport_url"] = [url]

    def gone(self) -> None:
        """Leave out what the release lacks."""
        for section, option in self.each():
            known = gone.find(section, option, self.release)
            if known:
                del self.rest[section][option]
                self.note(section, option, known.why)

    def stores(self) -> None:
        """Make stores with names, also of the file of one that has none."""
        pairs = self.take("DEFAULT", "enabled_backends")
        default = self.take("glance_store", "default_backend")
        found = dict(part.split(":", 1) for part in pairs.replace(" ", "").split(",") if ":" in part)
        if found:
            self.variables["glance_stores"] = {name: self.store(name, driver, [name]) for name, driver in found.items()}
        else:
            old = self.take("glance_store", "stores") or self.take("DEFAULT", "known_stores", "stores") or "file,http"
            default = self.take("glance_store", "default_store") or self.take("DEFAULT", "default_store") or "file"
            names = [re.sub(r"^glance\.store\.(\w+)\.\w+$", r"\1", each.strip()) for each in old.split(",")]
            drivers = [CLASSES.get(name, name) for name in names if name]
            self.variables["glance_stores"] = {
                driver: self.store(driver, driver, ["glance_store", "DEFAULT"])
                for driver in dict.fromkeys([*drivers, default])
            }
        self.variables["glance_default_store"] = default or next(iter(found), "")
        self.unused_stores()
        staging = self.take("DEFAULT", "node_staging_uri").removeprefix("file://").rstrip("/")
        if staging and "os_glance_staging_store" not in self.rest:
            self.rest["os_glance_staging_store"] = {"filesystem_store_datadir": [staging]}

    def store(self, name: str, driver: str, sections: list[str]) -> dict[str, Any]:
        """Make a store of what sections say for its driver; one of its own name it has for itself."""
        own: dict[str, Any] = {}
        for section in sections:
            for option in list(self.rest.get(section, {})):
                if section == name or option.startswith(tuple(drivers().get(driver, {}).get("options", [driver]))):
                    values = self.rest[section].pop(option)
                    own.setdefault(option, values if option.endswith("datadirs") else self.plain(values[-1], option))
        if driver == "file" and not any(option.startswith("filesystem_store_datadir") for option in own):
            own["filesystem_store_datadir"] = "/var/lib/glance/images"
        self.files(own)
        return {"driver": driver, "options": own} if own else {"driver": driver}

    @staticmethod
    def plain(text: str, option: str) -> str:
        """Return an option of a store; secrets are what is written, in all others a dollar sign refers."""
        return written(text) if re.search("key|password", option) else text

    def unused_stores(self) -> None:
        """Leave out options of stores that the file did not use, and a folder that is a matter of the host."""
        for section in ("DEFAULT", "oslo_concurrency"):
            if self.take(section, "lock_path"):
                self.note(section, "lock_path", "locks are in a folder of the role")
        for section, option in self.each():
            if section in ("glance_store", "DEFAULT") and re.fullmatch(f"{options.NO_EFFECT}|os_region_name", option):
                del self.rest[section][option]
                self.note(section, option, "the file had no store that reads it")

    def database(self) -> None:
        """Make the variables of the database out of its URL, or keep the URL where it says more."""
        url = self.take("database", "connection", "sql_connection") or self.take("DEFAULT", "sql_connection")
        if not url:
            return
        url = written(url)
        url = quoted_password(url)
        try:
            parts = urllib.parse.urlsplit(url)
            place = (parts.hostname, parts.port)
        except ValueError:
            # Its own words have a part of the password.
            self.note("database", "connection", "no URL that can be read")
            return
        engine = {"mysql": "mariadb", "postgresql": "postgresql", "postgres": "postgresql"}.get(
            parts.scheme.partition("+")[0], ""
        )
        queries = {name for name, _value in urllib.parse.parse_qsl(parts.query, keep_blank_values=True)}
        port = {"mariadb": 3306, "postgresql": 5432}.get(engine)
        if not engine or queries - {"charset"} or place[1] not in (None, port) or not place[0]:
            driver = {"mariadb": "mysql+pymysql", "postgresql": "postgresql+psycopg2"}.get(engine, parts.scheme)
            self.variables["glance_database_url"] = url.replace(parts.scheme, driver, 1)
            return
        self.variables |= {
            "glance_database_engine": engine,
            "glance_database_host": place[0],
            "glance_database_name": parts.path.removeprefix("/"),
            "glance_database_user": urllib.parse.unquote(parts.username or ""),
            "glance_database_password": urllib.parse.unquote(parts.password or ""),
        }

    def auth(self) -> None:
        """Say by the flavor of the pipeline who is asked for, and whether there is a cache."""
        flavor = self.take("paste_deploy", "flavor").split("+")
        self.variables["glance_auth"] = "keystone" if "keystone" in flavor else "none"
        if {"caching", "cachemanagement"} & set(flavor):
            size = self.take("DEFAULT", "image_cache_max_size") or str(CACHE_BYTES)
            self.move("glance_cache_max_bytes", size, "DEFAULT", "image_cache_max_size")
        else:
            for option in ("image_cache_dir", "image_cache_max_size", "image_cache_stall_time", "image_cache_driver"):
                if self.rest.get("DEFAULT", {}).pop(option, None):
                    self.note("DEFAULT", option, "the file had no cache, as its paste flavor says")
        section = "keystone_authtoken"
        parts = [self.take(section, f"auth_{name}") for name in ("protocol", "host", "port")]
        old = f"{parts[0] or 'https'}://{parts[1]}:{parts[2] or 35357}" if parts[1] else ""
        url = self.take(section, "auth_url") or self.take(section, "identity_uri") or old
        self.move("glance_keystone_url", without_version(url), section, "auth_url")
        public = without_version(self.take(section, "www_authenticate_uri", "auth_uri"))
        if public != self.variables.get("glance_keystone_url"):
            self.move("glance_keystone_public_url", public, section, "www_authenticate_uri")
        for kind in ("user", "project"):
            # The domain that every Keystone begins with.
            if self.rest.get(section, {}).get(f"{kind}_domain_id") == ["default"]:
                del self.rest[section][f"{kind}_domain_id"]
                self.rest[section].setdefault(f"{kind}_domain_name", ["Default"])

    def owned(self) -> None:
        """Give to each variable what its option says."""
        for section, option in self.each():
            values = self.rest[section][option]
            owners = [each for each in options.OWNED if API in each.files and each.fits(section, option)]
            if not owners:
                continue
            (owner, *_others), text = owners, values[-1]
            path = owner.by.startswith("glance_tls_")
            try:
                if owner.by not in self.known or path:
                    why = f"set by {owner.by}{', which takes the text of the file' if path else ''}"
                    self.note(section, option, "ours" if text.lower() == owner.same else why)
                elif owner.by not in self.variables:
                    self.set(owner.by, text)
                del self.rest[section][option]
            except ValueError:
                # Whoever deploys it is told.
                continue

    def left(self) -> None:
        """Put what is left where any option can be, with the files that it names."""
        config = {
            section: {option: texts[0] if len(texts) == 1 else texts for option, texts in values.items()}
            for section, values in self.rest.items()
            if values
        }
        for values in config.values():
            self.files(values)
        for name, value in DEFAULTS.items():
            self.variables.setdefault(name, value)
        if config:
            self.variables[API] = config

    def files(self, values: Mapping[str, Any]) -> None:
        """Have the files of the operator's own that options name."""
        for option, everywhere in FILES.items():
            path = values.get(option)
            if isinstance(path, str) and path.startswith(("/etc/glance/", "/etc/ceph/")):
                entry: dict[str, Any] = {"path": path, "src": Path(path).name}
                entry |= {} if everywhere else {"services": ["api"]}
                entry |= {"secret": True} if option == "swift_store_config_file" else {}
                kept = self.variables.setdefault("glance_files", [])
                kept += [entry] if entry not in kept else []


class Unsafe(str):
    """A text that Ansible would take for a template."""


class Dumper(yaml.SafeDumper):
    """Writes variables so that Ansible reads them as they are."""


Dumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style="'"))


def marked(value: Any) -> Any:
    """Return a value with each text in it that looks like a template marked as none."""
    if isinstance(value, dict):
        return {name: marked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [marked(each) for each in value]
    return Unsafe(value) if isinstance(value, str) and re.search(r"\{[{%#]", value) else value


def convert(given: Given, release: str) -> Inventory:
    """Return the inventory of a configuration for a release."""
    return Inventory(given, release)


def merged(paths: list[str], reader: Callable[[str], Given] = read) -> Given:
    """Return what several files say together: of an option, all that the last one says that has it."""
    found: Given = {}
    for path in paths:
        for section, values in reader(path).items():
            found.setdefault(section, {}).update(values)
    return found


def main() -> int:
    """Write the variables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", default="2026.2", help="release to deploy (2026.2)")
    parser.add_argument("conf", nargs="+", help="glance-api.conf, and files that are read after it")
    arguments = parser.parse_args()
    try:
        made = convert(merged(arguments.conf), arguments.release)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    print("---")
    for note in made.notes:
        print(f"# Left out: {note}.")
    variables = marked({"glance_release": arguments.release, **made.variables})
    print(yaml.dump(variables, Dumper=Dumper, sort_keys=False, width=1000), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
