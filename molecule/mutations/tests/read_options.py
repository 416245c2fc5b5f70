"""Read options as the installed release of Glance does, and compare them with what an inventory says.

read_options.py < {FILE: [[SECTION, OPTION, [TEXT ...], LITERAL] ...]}

Prints what differs, as JSON. An option without texts should be in no file. A text that is literal is what Glance should
read, dollar signs included; of another one that holds a dollar sign only that it can be read is looked at.
"""

from __future__ import annotations

import copy
import json
import logging
import sys
import warnings
from typing import Any

import check_options as check


def differences(path: str, written: list[Any]) -> list[str]:
    """Return what Glance reads otherwise in a file."""
    from oslo_config import cfg

    given = check.read(path)
    known = check.registered()
    told = [*check.add_stores(known, given), *check.add_plugins(known, given)]
    values = cfg.ConfigOpts()
    for section, names in known.sections.items():
        for option in {id(each): each for each in names.values()}.values():
            single = copy.copy(option)
            single.required = False
            try:
                values.register_opt(single, group=None if section == check.DEFAULT else section)
            except cfg.DuplicateOptError:
                continue
    values([], project="", prog="read_options", default_config_files=[path], default_config_dirs=[])
    for section, name, texts, literal in written:
        option, where = known.find(section, name), f"{path} [{section}] {name}"
        if not texts:
            told += [f"{where} is there"] if name in given.get(check.plain(section), {}) else []
            continue
        if option is None:
            told.append(f"{where} is not known")
            continue
        found = getattr(values if section == check.DEFAULT else getattr(values, check.plain(section)), option.dest)
        if any("$" in text for text in texts) and not literal:
            continue
        wanted: Any = [text if literal else option.type(text) for text in texts]
        if not option.multi:
            wanted = wanted[0] if len(wanted) == 1 else f"one value, not {len(wanted)}"
        if found != wanted:
            told.append(f"{where} is {found!r}, and should be {wanted!r}")
    return told


def main() -> None:
    """Compare all files."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    written = json.load(sys.stdin)
    print(json.dumps([told for path, options in written.items() for told in differences(path, options)]))


if __name__ == "__main__":
    main()
