"""Load the image API as its server would, and read the value of every option; one printed line says what can't be."""

import os
from collections.abc import Mapping


def read(options: Mapping) -> None:
    """Read every value once, since oslo.config looks at a value's type only when it is read."""
    for value in options.values():
        if isinstance(value, Mapping):
            read(value)


try:
    # glance.wsgi.api does no more than this, and Debian's packages of 2025.1 lack it.
    from glance.common import wsgi_app
    from oslo_config import cfg

    application = wsgi_app.init_app()
    read(cfg.CONF)
except Exception as error:
    # Glance's log wraps the traceback, each line of it behind a prefix of its own.
    print("load_application:", f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)
    raise
if __name__ == "__main__":
    # Glance's own threads would keep the interpreter from ending.
    os._exit(0)
