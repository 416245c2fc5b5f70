"""Print what the installed release registers, as roles/common/files/options-RELEASE.json has it.

Runs with the libraries of the release, and with check_options.py beside it or in PYTHONPATH. Options stand by section
and by the name that a file may call them by, those of stores by driver; those of authentication plugins are there for
all plugins at once. Drivers whose libraries are not there are left out.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from collections.abc import Mapping
from typing import Any

import check_options as check

# Of a type, what says which values it takes.
FACTS = ("min", "max", "choices", "ignore_case", "bounds")


def described(kind: Any) -> dict[str, Any]:
    """Return the name of a type of oslo.config and what it takes."""
    facts = {name: getattr(kind, name, None) for name in FACTS}
    if facts["choices"]:
        facts["choices"] = [str(each) for each in facts["choices"]]
    if type(kind).__name__ == "List":
        facts["item_type"] = described(kind.item_type)
    return {
        "type": type(kind).__name__,
        **{name: fact for name, fact in facts.items() if fact is not None and fact is not False},
    }


def table(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return options by name as data."""
    flags = ("multi", "secret")
    return {
        name: {**described(option.type), **{flag: True for flag in flags if getattr(option, flag, False)}}
        for name, option in sorted(options.items())
    }


def text(value: Any, depth: int = 3) -> str:
    """Return *value* as JSON with a line for each option."""
    if depth == 0 or not isinstance(value, dict):
        return json.dumps(value)
    blanks = (4 - depth) * " "
    return (
        "{\n" + ",\n".join(f"{blanks}{json.dumps(key)}: {text(part, depth - 1)}" for key, part in value.items()) + "}"
    )


def drivers() -> list[str]:
    """Return the drivers of stores whose libraries are there."""
    names = sorted(name for name in check.entry_points("glance_store.drivers") if "." not in name and name != "no_conf")
    return [name for name in names if all(importlib.util.find_spec(each) for each in check.LIBRARIES.get(name, ()))]


def one_store_each() -> str:
    """Return the value of enabled_backends with a store of each driver, called as it is."""
    return ",".join(f"{name}:{name}" for name in drivers())


def main() -> None:
    """Print the table."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    from glance import policies
    from keystoneauth1 import loading

    stores = check.Known()
    list(check.add_stores(stores, {"DEFAULT": {"enabled_backends": [one_store_each()]}}))
    known = check.registered()
    for section in [section for section, names in known.sections.items() if "auth_section" in names]:
        for plugin in sorted(loading.get_available_plugin_names()):
            known.add(section, loading.get_auth_plugin_conf_options(plugin))
    found = {
        "sections": {section: table(names) for section, names in sorted(known.sections.items())},
        "drivers": {name: table(stores.sections[name]) for name in drivers()},
        "import_plugins": sorted(check.entry_points("glance.image_import.plugins")),
        "notification_drivers": sorted(check.entry_points("oslo.messaging.notify.drivers")),
        "policies": sorted({rule.name for rule in policies.list_rules()}),
    }
    print(text(found))


if __name__ == "__main__":
    main()
