"""Load the registry as its server would, with the configuration file that is named.

One printed line says what can't be: a value of the wrong type, a flavor that nobody knows.
"""

import logging
import sys

try:
    from glance.common import config
    from oslo_config import cfg
    from oslo_db import options
    from oslo_log import log

    log.register_options(cfg.CONF)
    options.set_defaults(cfg.CONF)
    config.parse_args(args=[f"--config-file={sys.argv[1]}"])
    config.set_config_defaults()
    config.load_paste_app("glance-registry")
    # Reads every value once, since oslo.config looks at a value's type only when it is read.
    cfg.CONF.log_opt_values(logging.getLogger(__name__), logging.DEBUG)
except SystemExit:
    # Of options that it takes on the command line too, oslo.config itself says what is wrong, and ends with 0.
    sys.exit(1)
except Exception as error:
    print("load_registry:", f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)
    raise
