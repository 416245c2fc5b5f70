"""Load the image API as its server would, and use what Glance itself looks at only when a user comes.

Each printed line that begins with the name of this program says what can't be: a store that takes no data, a rule that
can't be read, an import plugin that is not there. Runs in the sandbox of the server's unit, as its user.
"""

from __future__ import annotations

import configparser
import glob
import hashlib
import importlib
import io
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from typing import Any

PROGRAM = "load_application"
# That another host may take to answer.
SECONDS = 30
# The length of an AES key in bytes (glance/common/crypt.py).
KEY_LENGTHS = (16, 24, 32)
# Of the releases (oslo_policy/opts.py).
DEFAULT_POLICY_FILES = ("policy.yaml", "policy.json")


def named(error: BaseException) -> str:
    """Return an error as the end of a sentence, in one line; the name of its class only if its words say too little."""
    words = " ".join(str(error).split())
    return words if " " in words else f"{type(error).__name__}: {words}"


def in_time(tasks: Mapping[str, Callable[[], Any]]) -> dict[str, str]:
    """Do all *tasks* at once; returns why one failed by its name, those that were not over in time included."""
    errors = dict.fromkeys(tasks, f"no answer within {SECONDS} s")

    def do(name: str, task: Callable[[], Any]) -> None:
        try:
            task()
            errors.pop(name, None)
        except Exception as error:
            # Guards tell users that a store is away, and keep the reason.
            errors[name] = named(error.__cause__ or error)

    # The program ends without those that wait for ever.
    threads = [threading.Thread(target=do, args=task, daemon=True) for task in tasks.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    return dict(errors)


def entry_points(group: str) -> set[str]:
    """Return the names of what is installed for an extension point."""
    found = metadata.entry_points()
    # Before Python 3.10 they are a dictionary.
    return {each.name for each in (found.select(group=group) if hasattr(found, "select") else found.get(group, []))}


def absent(what: str, names: Iterable[str], there: Iterable[str]) -> Iterator[str]:
    """Give a sentence for each of *names* that is not installed."""
    for name in sorted(set(names) - set(there)):
        yield f"{what} should be one of {', '.join(sorted(there))}, found {name}"


def check_environment() -> Iterator[str]:
    """Give a sentence when the server would read another configuration, as a file of its environment can make it."""
    # Beside this program lies the configuration that is to be judged.
    here = os.path.dirname(os.path.realpath(__file__))
    wrong = {
        "OS_GLANCE_CONFIG_DIR": os.path.realpath(os.environ.get("OS_GLANCE_CONFIG_DIR") or "/") != here,
        "OS_GLANCE_CONFIG_FILES": bool(os.environ.get("OS_GLANCE_CONFIG_FILES")),
    }
    for name, other in wrong.items():
        if other:
            yield (
                f"{name} in the environment of the service should be left to the role, found another value: take it "
                "out of EnvironmentFile in glance_api_unit, and out of drop-ins of the unit"
            )


def read(options: Mapping) -> None:
    """Read every value once, since oslo.config looks at a value's type only when it is read."""
    for value in options.values():
        if isinstance(value, Mapping):
            read(value)


def check_values() -> Iterator[str]:
    """Give nothing; a value of the wrong type is raised."""
    read(cfg.CONF)
    yield from ()


# --------------------------------------------------------------------------------------------------------------- stores


def writable(name: str) -> bool:
    """Whether a store takes data; raises what the driver found wrong when its configuration is the reason."""
    store = multi_backend.get_store_from_store_identifier(name)
    if not store.is_capable(capabilities.BitMasks.WRITE_ACCESS):
        store.configure(re_raise_bsc=True)
    return store.is_capable(capabilities.BitMasks.WRITE_ACCESS)


def write_and_remove(name: str) -> None:
    """Have a store take a byte, give it back and remove it; raises what is wrong."""
    if not writable(name) or getattr(getattr(cfg.CONF, name), "swift_store_multi_tenant", False):
        # With the credentials of each user there are none here.
        return
    uri = multi_backend.add_with_multihash(cfg.CONF, str(uuid.uuid4()), io.BytesIO(b"x"), 1, name, "sha512")[0]
    try:
        data = b"".join(multi_backend.get(uri, name)[0])
        if data != b"x":
            raise ValueError(f"it gave back {len(data)} bytes of 1")
    finally:
        multi_backend.delete(uri, name)


def check_stores() -> Iterator[str]:
    """Give a sentence for each store that can't be used; Glance starts all the same and refuses every upload to it."""
    stores = dict(cfg.CONF.enabled_backends)
    if not stores:
        return
    default = cfg.CONF.glance_store.default_backend
    errors = in_time({name: lambda name=name: write_and_remove(name) for name in stores})
    for name, why in errors.items():
        yield f"the store {name} should take data, found {why}"
    if default not in errors and not writable(default):
        yield f"the default store should take images, found {default}, whose driver {stores[default]} only reads"


# -------------------------------------------------------------------------------------------- what serves some requests


def other_rules() -> dict[str, Any]:
    """Return the rules in the directories that oslo.policy looks in too; of a file that is none, nothing."""
    rules: dict[str, Any] = {}
    for folder in cfg.CONF.oslo_policy.policy_dirs:
        for path in sorted(glob.glob(os.path.join(cfg.CONF.find_file(folder) or folder, "*"))):
            try:
                with open(path, encoding="utf-8") as handle:
                    found = yaml.safe_load(handle)
            except (OSError, UnicodeDecodeError, yaml.YAMLError):
                continue
            rules.update(found if isinstance(found, dict) else {})
    return rules


def protecting() -> set[str]:
    """Return the rules that the file of property protections names, which may be some of the operator's own."""
    path = cfg.CONF.property_protection_file
    found = cfg.CONF.find_file(path) if path else None
    if not found or cfg.CONF.property_protection_rule_format != "policies":
        return set()
    parser = configparser.ConfigParser()
    try:
        parser.read(found, encoding="utf-8")
        return {value for section in parser.sections() for _operation, value in parser.items(section)}
    except (configparser.Error, OSError, UnicodeDecodeError):
        # Which check_property_protections tells.
        return set()


def check_policy() -> Iterator[str]:
    """Give a sentence for each rule of the policy that nobody asks for, or that oslo.policy takes for 'nobody'."""
    name = cfg.CONF.oslo_policy.policy_file
    path = os.path.join(os.environ["OS_GLANCE_CONFIG_DIR"], name)
    if not os.path.exists(path):
        path = cfg.CONF.find_file(name) or ""
    if not os.access(path, os.R_OK):
        # oslo.policy goes by the rules of the release without a word, which is right for a name that nobody gave.
        if name not in DEFAULT_POLICY_FILES or path:
            yield f"policy_file of [oslo_policy] should name a file that Glance can read, found {name}"
        return
    named = os.path.basename(name)
    with open(path, encoding="utf-8") as handle:
        try:
            rules = yaml.safe_load(handle) or {}
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f" in line {mark.line + 1}" if mark else ""
            yield f"{named} should hold rules in YAML, found an error{place}"
            return
    if not isinstance(rules, dict):
        yield f"{named} should hold rules by name, found another thing: write each as NAME: RULE"
        return
    shipped = {rule.name for rule in policies.list_rules()}
    others = other_rules()
    # As oslo.policy takes rules apart: by blanks, and brackets around (oslo_policy/_parser.py, _parse_tokenize).
    asked = {name for rule in rules.values() for name in re.findall(r"\brule:([^\s()]+)", str(rule))}
    asked |= {name for rule in others.values() for name in re.findall(r"\brule:([^\s()]+)", str(rule))}
    unknown = sorted(map(str, set(rules) - shipped - asked - protecting() - {cfg.CONF.oslo_policy.policy_default_rule}))
    if unknown:
        yield f"{named} holds {', '.join(unknown)}, which no rule of Glance is called"
    for rule in sorted(asked - shipped - set(rules) - set(others)):
        yield f"{named} names rule:{rule}, which is not there"
    for rule, text in rules.items():
        # A null lets everybody, and what can't be taken apart fails the first request.
        if not isinstance(text, (str, list)):
            yield f"the rule {rule} of {named} should be a text, found none: put it in quotes, or take the line away"
            continue
        # oslo.policy logs that it can't read a rule, and refuses everybody.
        if isinstance(_parser.parse_rule(text), _checks.FalseCheck) and str(text).strip() != "!":
            yield f"the rule {rule} of {named} should be one such as 'role:admin' or 'rule:NAME', found {text!r}"


def check_property_protections() -> Iterator[str]:
    """Give a sentence if the file of property protections can't be loaded; Glance would refuse every request."""
    path = cfg.CONF.property_protection_file
    if not path:
        return
    found = cfg.CONF.find_file(path)
    if not found or not os.path.isfile(found) or not os.access(found, os.R_OK):
        yield f"property_protection_file should name a file that Glance can read, found {path}"
        return
    try:
        property_utils.PropertyRules()
    except Exception as error:
        yield (
            f"{path} should hold a regular expression a section, with create, read, update and delete, found "
            f"{named(error)}"
        )
        return


def check_imports() -> Iterator[str]:
    """Give a sentence for each import plugin that is not there; Glance passes over it."""
    # Registers the option, which some releases do for the first import only.
    importlib.import_module("glance.async_.flows.api_image_import")
    plugins = [each for each in cfg.CONF.image_import_opts.image_import_plugins if each != "no_op"]
    yield from absent("image_import_plugins", plugins, entry_points("glance.image_import.plugins"))
    if "image_conversion" in plugins and not shutil.which("qemu-img"):
        yield "the import plugin image_conversion needs the program qemu-img, which is not installed"
    if {"image_conversion", "image_decompression"} & set(plugins):
        yield from check_staging(cfg.CONF.os_glance_staging_store.filesystem_store_datadir, cfg.CONF.image_size_cap)


def check_staging(folder: str, largest: int) -> Iterator[str]:
    """Give a sentence if the largest image, in bytes, does not fit twice where plugins write another one beside it."""
    file_system = os.statvfs(folder)
    size = file_system.f_blocks * file_system.f_frsize
    if size < 2 * largest:
        yield (
            f"the staging area {folder} should be on a file system of twice glance_image_max_bytes, {2 * largest} "
            f"bytes, since an import plugin writes an image anew, found {size} bytes: lower glance_image_max_bytes, or "
            f"name another directory in filesystem_store_datadir of [os_glance_staging_store]"
        )


def check_notifications() -> Iterator[str]:
    """Give a sentence for each notification driver that is not there; oslo.messaging passes over it."""
    drivers = cfg.CONF.oslo_messaging_notifications.driver
    yield from absent(
        "driver of [oslo_messaging_notifications]", filter(None, drivers), entry_points("oslo.messaging.notify.drivers")
    )


def check_limits() -> Iterator[str]:
    """Give a sentence if Keystone can't be asked for limits; Glance would answer every upload with 500."""
    if not getattr(cfg.CONF, "use_keystone_limits", False):
        return
    from oslo_limit import limit

    for why in in_time({"": lambda: limit.Enforcer(lambda _project, _names: {})}).values():
        yield f"Keystone should tell the limits of projects with what [oslo_limit] says, found {why}"


def check_directories() -> Iterator[str]:
    """Give a sentence for each directory that requests write to and this unit can't."""
    options = {"image_cache_dir": cfg.CONF.image_cache_dir, "work_dir of [task]": cfg.CONF.task.work_dir}
    for name in cfg.CONF.enabled_backends or {}:
        store = getattr(cfg.CONF, name)
        options[f"swift_upload_buffer_dir of [{name}]"] = getattr(store, "swift_upload_buffer_dir", None)
    for option, path in options.items():
        try:
            if path:
                tempfile.TemporaryFile(dir=path).close()
        except OSError as error:
            yield f"{option} should be a directory that Glance can write to, found {path}: {error.strerror}"


def check_algorithms() -> Iterator[str]:
    """Give a sentence for a hash or a key with which every upload would end in 500."""
    if cfg.CONF.hashing_algorithm not in hashlib.algorithms_available:
        yield f"hashing_algorithm should be one that Python's hashlib has, found {cfg.CONF.hashing_algorithm}"
    key = cfg.CONF.metadata_encryption_key
    if key and len(key.encode()) not in KEY_LENGTHS:
        lengths = " or ".join(map(str, KEY_LENGTHS))
        yield f"metadata_encryption_key should be {lengths} bytes long, found {len(key.encode())}"


# ------------------------------------------------------------------------------------------------------ what is asked


def leave_the_database_alone() -> None:
    """Keep the image cache from writing its first record, since the database gets its tables only after this."""
    try:
        from glance.image_cache.drivers import base, centralized_db
    except ImportError:
        # A release that keeps its records in a file.
        return
    centralized_db.Driver.configure = base.Driver.configure


def check_guards() -> Iterator[str]:
    """Give a sentence if the paste file is one that leaves our guards out; Glance would start and have its faults."""
    if "glance_guards" not in sys.modules:
        yield (
            f"the pipeline of {cfg.CONF.paste_deploy.config_file} should begin with the filter guards, "
            "'paste.filter_factory = glance_guards:filter_factory'"
        )


def asks_registry() -> bool:
    """Whether the records are a registry's."""
    return getattr(cfg.CONF, "data_api", None) == "glance.db.registry.api"


def check_registry() -> Iterator[str]:
    """Give a sentence when there is no registry; Glance starts all the same and answers every call with 500."""
    if not asks_registry():
        return
    address = (cfg.CONF.registry_host, cfg.CONF.registry_port)
    try:
        socket.create_connection(address, timeout=10).close()
    except OSError as error:
        yield "no registry at {}, port {}: {}".format(*address, error)


def check_database() -> Iterator[str]:
    """Give a sentence when the database lets nobody in; Glance starts all the same and answers calls with 500."""
    if asks_registry():
        return
    # Glance itself does so when it is first asked for something.
    database_options.set_defaults(cfg.CONF)
    options = cfg.CONF.database
    parameters = f"{'&' if '?' in options.connection else '?'}{options.connection_parameters}"
    url = sqlalchemy.engine.url.make_url(options.connection + (parameters if options.connection_parameters else ""))
    patience = {"connect_timeout": 10} if url.drivername in ("mysql+pymysql", "postgresql+psycopg2") else {}
    try:
        sqlalchemy.create_engine(url, connect_args=patience).connect().close()
    except sqlalchemy.exc.SQLAlchemyError as error:
        found = getattr(error, "orig", None) or error
        yield f"the database at {url.host} should let {url.username} in, found: {found}"


CHECKS = (
    check_values,
    check_guards,
    check_stores,
    check_policy,
    check_property_protections,
    check_imports,
    check_notifications,
    check_limits,
    check_directories,
    check_algorithms,
    check_registry,
    check_database,
)


def end(sentences: Iterable[str]) -> None:
    """Print the sentences and end the process, whatever threads of Glance there are."""
    for sentence in sentences:
        print(f"{PROGRAM}: {sentence}".replace("\n", " "), flush=True)
    if "uwsgi" in sys.modules:
        # Its master would start a worker that ends again and again.
        os.kill(os.getppid(), signal.SIGKILL)
    os._exit(1)


try:
    import sqlalchemy
    import yaml
    from glance import policies

    # glance.wsgi.api does no more than this, and Debian's packages of 2025.1 lack it.
    from glance.common import property_utils, wsgi_app
    from glance_store import capabilities, multi_backend
    from oslo_config import cfg
    from oslo_db import options as database_options
    from oslo_policy import _checks, _parser

    found = list(check_environment())
    if found:
        end(found)
    leave_the_database_alone()
    application = wsgi_app.init_app()
    found = [sentence for check in CHECKS for sentence in check()]
except SystemExit:
    # Of options that it takes on the command line too, oslo.config itself says what is wrong; Ussuri's ends with 0.
    end([])
except Exception as error:
    end([named(error)])
if found:
    end(found)
if __name__ == "__main__":
    # Glance's own threads would keep the interpreter from ending.
    os._exit(0)
