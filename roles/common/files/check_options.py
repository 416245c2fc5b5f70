"""Hold each option of a configuration file against what the installed release of Glance registers.

Runs with the libraries of the release, and opens nothing but the file:

check_options.py CONFIG_FILE RELEASE

Ends with 0 if Glance knows every option and can read every value; otherwise with 1 and one line on stderr for each that
it does not. oslo-config-validator is not enough: it knows neither the options of a store by its own section, nor those
of an authentication plugin, and it takes options that only a list names and no code reads.
"""

from __future__ import annotations

import copy
import difflib
import importlib
import importlib.util
import inspect
import logging
import pkgutil
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

DEFAULT = "DEFAULT"
PROGRAM = "check_options"
# Modules that run something when they are imported, and one whose options nothing reads any more.
PASSED_OVER = (
    "glance.cmd",
    "glance.wsgi",
    "glance.tests",
    "glance.hacking",
    "glance.common.swift_store_utils",
    "glance.db.sqlalchemy.alembic_migrations",
    "glance.db.sqlalchemy.migrate_repo",
)
# What libraries list because they register it later, when they are first used.
NAMESPACES = (
    "castellan.config",
    "keystonemiddleware.audit",
    "keystonemiddleware.auth_token",
    "oslo.concurrency",
    "oslo.db",
    "oslo.limit",
    "oslo.log",
    "oslo.messaging",
    "oslo.middleware",
    "oslo.middleware.cors",
    "oslo.middleware.healthcheck",
    "oslo.middleware.http_proxy_to_wsgi",
    "oslo.policy",
    "oslo.reports",
    "osprofiler",
)
# What drivers import only if it is there, and fail without when the server starts, or when the first image comes.
LIBRARIES = {
    "cinder": ("os_brick", "cinderclient"),
    "rbd": ("rados", "rbd"),
    "s3": ("boto3",),
    "swift": ("swiftclient",),
    "vmware": ("oslo_vmware",),
}
RESERVED_STORES = ("os_glance_staging_store", "os_glance_tasks_store")
# Sections for further origins have a name of their own behind this, up to 2025.2 (oslo_middleware/cors.py, _init_conf).
# What they hold is known by this name alone.
ORIGINS = "cors."
# Sections that no hint names.
HIDDEN = (*RESERVED_STORES, "backend_defaults", ORIGINS)

Given = Mapping[str, Mapping[str, "list[str]"]]
"""Values of options by section and name, as they stand in a file."""


class Known:
    """Options that a release registers: by section, then by the name that a file may call them by.

    A name counts as it is written: oslo.config reads no log-file for its option log_file.
    """

    def __init__(self) -> None:
        self.sections: dict[str, dict[str, Any]] = {}
        # Whose options can't be told, which is a fault of its own.
        self.unread: set[str] = set()

    def add(self, section: str | None, options: Iterable[Any]) -> None:
        """Add options of oslo.config; what is there already stays, since it is what the server itself registers."""
        for option in options:
            self._add(section or DEFAULT, option.dest, option)
            for old in option.deprecated_opts:
                self._add(old.group or section or DEFAULT, old.name or option.dest, option)

    def _add(self, section: str, name: str, option: Any) -> None:
        self.sections.setdefault(plain(section), {}).setdefault(name, option)

    def find(self, section: str, name: str) -> Any:
        """Return the option, None if there is none."""
        return self.sections.get(plain(section), {}).get(name)


def plain(section: str) -> str:
    """Return the name by which oslo.config finds a section: only that of DEFAULT has capitals."""
    return section if section == DEFAULT else section.lower()


def is_origin(section: str) -> bool:
    """Whether a section is one for a further origin."""
    return plain(section).startswith(ORIGINS)


def hint(known: Known, section: str, name: str) -> str:
    """Return what to do about an option that is not known, as the end of a sentence."""
    here = known.sections.get(plain(section), {})
    if name.replace("-", "_") in here:
        return f": did you mean {name.replace('-', '_')}?"
    sections = difflib.get_close_matches(plain(section), sorted(known.sections), n=1, cutoff=0.75)
    if not here and sections and name in known.sections[sections[0]]:
        return f": did you mean [{sections[0]}]?"
    there = sorted(other for other, names in known.sections.items() if name in names and other not in HIDDEN)
    if there:
        return f": {name} belongs to [{'] or ['.join(there[:3])}]"
    near = difflib.get_close_matches(name, sorted(here), n=1, cutoff=0.75)
    if near:
        return f": did you mean {near[0]}?"
    if not here and sections:
        return f": did you mean [{sections[0]}]?"
    names = sorted({each for options in known.sections.values() for each in options})
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.85)
    where = sorted(other for other, options in known.sections.items() if near and near[0] in options)
    return f": did you mean {near[0]} of [{where[0]}]?" if near else ""


def unknown(known: Known, given: Given, release: str) -> Iterator[str]:
    """Give a sentence for each option that the release does not register."""
    for section, options in given.items():
        for name in options:
            if known.find(section, name) is None and plain(section) not in known.unread:
                yield f"[{section}] {name} is no option of Glance {release}{hint(known, section, name)}"


def wanted(kind: Any) -> str:
    """Return what a type of oslo.config takes, for a sentence; nothing if its own words are better."""
    choices = getattr(kind, "choices", None)
    if choices:
        return f"one of {', '.join(str(each) or 'nothing' for each in choices)}"
    name = type(kind).__name__
    if name == "Boolean":
        return "true or false"
    if name == "List" and wanted(kind.item_type):
        return f"a list{' in []' if kind.bounds else ''} with commas, each part {wanted(kind.item_type)}"
    if name not in ("Integer", "Float", "Port"):
        return ""
    lowest, highest = getattr(kind, "min", None), getattr(kind, "max", None)
    span = f" from {lowest}" if lowest is not None else ""
    span += f" to {highest}" if highest is not None else ""
    return f"{'a number' if name == 'Float' else 'a whole number'}{span}"


def value_fault(option: Any, section: str, name: str, values: list[str], error: Exception) -> str:
    """Return the sentence for a value that oslo.config refuses; one that may be secret is not shown."""
    what = f"[{section}] {name} should be {wanted(option.type) or 'a value that Glance can read'}"
    found = "another value" if option.secret else repr(values[-1])
    # The reason comes behind the name of the option and its place.
    reason = "" if option.secret or wanted(option.type) else str(error).rpartition(" is not valid: ")[2]
    return f"{what}, found {found}{': ' if reason else ''}{reason}"


def repeated(known: Known, given: Given) -> Iterator[str]:
    """Give a sentence for each option that has several values, of which oslo.config would take the last alone."""
    for section, options in given.items():
        for name, values in options.items():
            option = known.find(section, name)
            if option is not None and len(values) > 1 and not option.multi:
                hint = "write them as one text, with commas" if type(option.type).__name__ == "List" else "keep one"
                yield f"[{section}] {name} should have one value, found {len(values)}: {hint}"


def reference_fault(section: str, name: str) -> str:
    """Return the sentence for a dollar sign that oslo.config takes for the name of an option."""
    return (
        f"[{section}] {name} should hold $ only before the name of another option, found one before something else: "
        "write $$ for the sign itself"
    )


# --------------------------------------------------------------------------------------------- what needs the release


def modules() -> Iterator[str]:
    """Give the names of Glance's modules; importing one registers its options."""
    import glance

    for module in pkgutil.walk_packages(glance.__path__, "glance.", onerror=lambda _name: None):
        if not module.name.startswith(PASSED_OVER) and ".tests" not in module.name:
            yield module.name


def entry_points(group: str) -> dict[str, Any]:
    """Return the entry points of a group by name."""
    from importlib import metadata

    found = metadata.entry_points()
    # Before Python 3.10 they are a dictionary.
    chosen = found.select(group=group) if hasattr(found, "select") else found.get(group, [])
    return {each.name: each for each in chosen}


def registered() -> Known:
    """Return all options but those of stores and of authentication plugins."""
    from oslo_config import cfg
    from oslo_log import log

    for name in modules():
        try:
            importlib.import_module(name)
        except Exception:  # noqa: S112 - a module without its library has no options that could be set
            continue
    if "debug" not in cfg.CONF:
        log.register_options(cfg.CONF)
    known = Known()
    known.add(DEFAULT, (each["opt"] for each in cfg.CONF._opts.values()))
    for group in cfg.CONF._groups.values():
        known.add(group.name, (each["opt"] for each in group._opts.values()))
    for name, point in entry_points("oslo.config.opts").items():
        if name in NAMESPACES:
            for section, options in point.load()():
                known.add(getattr(section, "name", section), options)
    from oslo_middleware import cors

    if f'"{ORIGINS}"' in inspect.getsource(cors).replace("'", '"'):
        known.add(ORIGINS, known.sections["cors"].values())
    # glance-scrubber registers these when it starts.
    from glance import scrubber

    known.add(DEFAULT, [*scrubber.scrubber_cmd_opts, *scrubber.scrubber_cmd_cli_opts])
    # Of the stores of old only this one is read, now that each store has a section of its own.
    from glance_store import multi_backend

    known.add("glance_store", multi_backend._STORE_OPTS)
    return known


def last(given: Given, section: str, *names: str) -> str:
    """Return the value of the first of several names that an option has in a file; empty if none is there."""
    return next((given[section][name][-1] for name in names if given.get(section, {}).get(name)), "")


def add_origins(known: Known, given: Given) -> None:
    """Add the sections for further origins, in releases that have them."""
    there = known.sections.pop(ORIGINS, None)
    if there is not None:
        known.sections.update({section: dict(there) for section in given if is_origin(section)})


def add_stores(known: Known, given: Given) -> Iterator[str]:
    """Add the options of the stores, each in its section; gives a sentence for each driver that can't be loaded."""
    drivers = entry_points("glance_store.drivers")
    names = sorted(name for name in drivers if "." not in name and name != "no_conf")
    pairs = [pair.partition(":") for pair in last(given, DEFAULT, "enabled_backends").split(",") if pair.strip()]
    stores = [(store.strip(), driver.strip()) for store, _colon, driver in pairs]
    for store, driver in [*stores, *((store, "file") for store in RESERVED_STORES)]:
        if driver not in names:
            yield f"the driver of the store {store} should be one of {', '.join(names)}, found {driver}"
            continue
        missing = [each for each in LIBRARIES.get(driver, ()) if not importlib.util.find_spec(each)]
        if missing:
            yield (
                f"the store {store} can't be used: its driver {driver} needs {' and '.join(missing)}, "
                "which are not installed beside Glance"
            )
        try:
            kind = drivers[driver].load()
        except ImportError:
            known.unread.add(plain(store))
            continue
        for section in (store, "backend_defaults"):
            known.add(section, kind.OPTIONS or [])
        known.add(store, getattr(kind, "MULTI_BACKEND_OPTIONS", None) or [])


def add_plugins(known: Known, given: Given) -> Iterator[str]:
    """Add the options of authentication plugins that the file asks for; gives a sentence for each that is not there."""
    from keystoneauth1 import exceptions, loading

    for section in [section for section, names in known.sections.items() if "auth_section" in names]:
        # Another section may hold the credentials.
        where = plain(last(given, section, "auth_section")) or section
        if where not in known.sections:
            known.add(where, loading.get_auth_common_conf_options())
        plugin = last(given, where, "auth_type", "auth_plugin")
        if not plugin:
            continue
        try:
            known.add(where, loading.get_auth_plugin_conf_options(plugin))
        except exceptions.NoMatchingPlugin:
            there = ", ".join(sorted(loading.get_available_plugin_names()))
            yield f"[{where}] auth_type should be one of {there}, found {plugin}"


def wrong_values(known: Known, given: Given, path: str) -> Iterator[str]:
    """Give a sentence for each value that is not of the option's type."""
    from oslo_config import cfg

    values = cfg.ConfigOpts()
    for section, names in known.sections.items():
        for option in {id(each): each for each in names.values()}.values():
            single = copy.copy(option)
            single.required = False
            group = None if section == DEFAULT else section
            # The same option may stand under several sections that it had before.
            try:
                values.register_opt(single, group=group)
            except cfg.DuplicateOptError:
                continue
    values([], project="", prog=PROGRAM, default_config_files=[path], default_config_dirs=[])
    for section, options in given.items():
        for name, found in options.items():
            option = known.find(section, name)
            if option is None:
                continue
            try:
                scope = values if section == DEFAULT else getattr(values, plain(section))
                getattr(scope, option.dest)
            except (cfg.TemplateSubstitutionError, cfg.NoSuchOptError):
                yield reference_fault(section, name)
            except ValueError as error:
                yield value_fault(option, section, name, found, error)


def read(path: str) -> dict[str, dict[str, list[str]]]:
    """Return what stands in a file, sections by the names that oslo.config finds them by."""
    from oslo_config import cfg

    found: dict[str, dict[str, list[str]]] = {}
    cfg.ConfigParser(path, found).parse()
    given: dict[str, dict[str, list[str]]] = {}
    for section, options in found.items():
        given.setdefault(plain(section), {}).update(options)
    return given


def faults(path: str, release: str) -> list[str]:
    """Return a sentence for everything in a configuration file that the release does not know or can't read."""
    from oslo_config import iniparser

    try:
        given = read(path)
    except iniparser.ParseError as error:
        # Its own words show the line, which may hold a secret.
        return [f"line {error.lineno} should be [section] or option = value, found another: correct it"]
    except UnicodeDecodeError:
        return ["the file should be text in UTF-8, found other bytes in it: write it anew"]
    known = registered()
    add_origins(known, given)
    found = [*add_stores(known, given), *add_plugins(known, given)]
    return [*found, *unknown(known, given, release), *repeated(known, given), *wrong_values(known, given, path)]


def main(path: str, release: str) -> int:
    """Judge a file; returns the exit code."""
    # Libraries tell what they load, and fail to load.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    found = faults(path, release)
    for sentence in dict.fromkeys(found):
        print(f"{PROGRAM}: {sentence}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
