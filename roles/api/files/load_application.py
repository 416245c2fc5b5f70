"""Load the image API as its server would and read the value of every option; the last line printed says what failed."""

import os
import sys
from collections.abc import Mapping


def read(options: Mapping) -> None:
    """Read every value once, since oslo.config looks at a value's type only when it is read."""
    for value in options.values():
        if isinstance(value, Mapping):
            read(value)


try:
    import glance.wsgi.api  # noqa: F401  loading the application is the test
    from oslo_config import cfg

    read(cfg.CONF)
except Exception as error:
    sys.stdout.flush()
    sys.stderr.write(f"\n{type(error).__name__}: {error}\n".replace("\n", " ").strip() + "\n")
    sys.stderr.flush()
    os._exit(1)
# Glance's own threads would keep the interpreter from ending.
os._exit(0)
