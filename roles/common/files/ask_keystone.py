"""Log in to Keystone with the configuration file that is named, and have Keystone check the token, as for a request.

One printed line says what can't be: a wrong password, no Keystone at the address, no endpoint in its catalogue.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

SECONDS = 20
GROUP = "keystone_authtoken"


@contextlib.contextmanager
def expected(what: str) -> Iterator[None]:
    """Say *what* was expected when it fails; the libraries have exceptions of many kinds."""
    try:
        yield
    except Exception as error:
        sys.exit("ask_keystone: {}, found: {}".format(what, " ".join(str(error).split()) or type(error).__name__))


def ask(conf: cfg.ConfigOpts) -> None:
    """Do what keystonemiddleware does before it can answer a request."""
    loading.register_auth_conf_options(conf, GROUP)
    loading.register_session_conf_options(conf, GROUP)
    conf.register_opts([cfg.StrOpt(name) for name in ("interface", "region_name")], GROUP)
    options = conf[GROUP]
    with expected("[keystone_authtoken] should say how to log in to Keystone"):
        auth = loading.load_auth_from_conf_options(conf, GROUP)
        session = loading.load_session_from_conf_options(conf, GROUP, auth=auth, timeout=SECONDS)
    # Another way to log in than with a password has other options.
    user, url = (getattr(options, name, None) or f"its {name}" for name in ("username", "auth_url"))
    with expected(f"Keystone at {url} should give {user} a token"):
        token = session.get_token()
    catalogue = {"service_type": "identity", "interface": options.interface, "region_name": options.region_name}
    with expected(f"Keystone should check a token at the {options.interface} endpoint that its catalogue names"):
        identity = adapter.Adapter(session, version="3", **catalogue)
        identity.get("/auth/tokens", headers={"X-Subject-Token": token})


with expected("the libraries that talk to Keystone should be there"):
    from keystoneauth1 import adapter, loading
    from oslo_config import cfg

if __name__ == "__main__":
    configuration = cfg.ConfigOpts()
    with expected("the configuration should be readable"):
        configuration(["--config-file", sys.argv[1]], project="glance")
    ask(configuration)
