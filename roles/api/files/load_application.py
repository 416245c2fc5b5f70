"""Load the image API as its server would, and look at what Glance itself looks at only when it is used.

One printed line says what can't be: a value of the wrong type, a store that can't take images, a rule nobody reads.
"""

import os
import re
import socket
import sys
from collections.abc import Mapping


def read(options: Mapping) -> None:
    """Read every value once, since oslo.config looks at a value's type only when it is read."""
    for value in options.values():
        if isinstance(value, Mapping):
            read(value)


def check_default_store() -> None:
    """Raise what the default store found wrong; Glance starts all the same and refuses every upload."""
    if not cfg.CONF.enabled_backends:
        return
    store = multi_backend.get_store_from_store_identifier(cfg.CONF.glance_store.default_backend)
    if not store.is_capable(capabilities.BitMasks.WRITE_ACCESS):
        store.configure(re_raise_bsc=True)


def check_policy() -> None:
    """Raise ValueError for a rule of policy.yaml that is none of Glance's and that no other rule names."""
    with open(os.path.join(os.environ["OS_GLANCE_CONFIG_DIR"], "policy.yaml")) as handle:
        rules = yaml.safe_load(handle) or {}
    known = {rule.name for rule in policies.list_rules()} | set(re.findall(r"\brule:([\w:.-]+)", str(rules)))
    unknown = sorted(set(rules) - known)
    if unknown:
        raise ValueError(f"policy.yaml holds {', '.join(unknown)}, which no rule of Glance is called")


def leave_the_database_alone() -> None:
    """Keep the image cache from writing its first record, since the database gets its tables only after this."""
    try:
        from glance.image_cache.drivers import base, centralized_db
    except ImportError:
        # A release that keeps its records in a file.
        return
    centralized_db.Driver.configure = base.Driver.configure


def check_guards() -> None:
    """Raise LookupError if the paste file is one that leaves our guards out; Glance would start and have its faults."""
    if "glance_guards" not in sys.modules:
        raise LookupError(
            f"the pipeline of {cfg.CONF.paste_deploy.config_file} should begin with the filter guards, "
            "'paste.filter_factory = glance_guards:filter_factory'"
        )


def check_registry() -> None:
    """Raise ConnectionError when there is no registry; Glance starts all the same and answers every call with 500."""
    if getattr(cfg.CONF, "data_api", None) != "glance.db.registry.api":
        return
    address = (cfg.CONF.registry_host, cfg.CONF.registry_port)
    try:
        socket.create_connection(address, timeout=10).close()
    except OSError as error:
        raise ConnectionError("no registry at {}, port {}: {}".format(*address, error)) from error


def check_database() -> None:
    """Raise ConnectionError when the database lets nobody in; Glance starts all the same and answers calls with 500."""
    if getattr(cfg.CONF, "data_api", None) == "glance.db.registry.api":
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
        raise ConnectionError(f"the database at {url.host} should let {url.username} in, found: {found}") from error


try:
    import sqlalchemy
    import yaml
    from glance import policies

    # glance.wsgi.api does no more than this, and Debian's packages of 2025.1 lack it.
    from glance.common import wsgi_app
    from glance_store import capabilities, multi_backend
    from oslo_config import cfg
    from oslo_db import options as database_options

    leave_the_database_alone()
    application = wsgi_app.init_app()
    read(cfg.CONF)
    check_default_store()
    check_policy()
    check_guards()
    check_registry()
    check_database()
except SystemExit:
    # Of options that it takes on the command line too, oslo.config itself says what is wrong; Ussuri's ends with 0.
    sys.exit(1)
except Exception as error:
    # Glance's log wraps the traceback, each line of it behind a prefix of its own.
    print("load_application:", f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)
    raise
if __name__ == "__main__":
    # Glance's own threads would keep the interpreter from ending.
    os._exit(0)
