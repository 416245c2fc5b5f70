"""Log in to Keystone with the configuration file that is named, and have Keystone check the token, as for a request.

One printed line says what can't be: an option that nobody reads, a wrong password, no Keystone at the address, no
endpoint in its catalogue.
"""

from __future__ import annotations

import configparser
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


def check_names(path: str, auth_type: str) -> None:
    """Raise ValueError for options that nobody reads; the section is one of the validator's KNOWN_BAD_GROUPS."""
    options = [option for _group, listed in opts.list_auth_token_opts() for option in listed]
    options += loading.get_auth_plugin_conf_options(auth_type)
    known = {name for option in options for name in (option.dest, *(old.name for old in option.deprecated_opts))}
    # Without a section whose options would count as those of all others.
    parser = configparser.RawConfigParser(default_section="", strict=False, allow_no_value=True)
    parser.read(path)
    unknown = [name for name in parser[GROUP] if name.replace("-", "_") not in known]
    if unknown:
        raise ValueError(", ".join(unknown))


def ask(conf: cfg.ConfigOpts) -> None:
    """Do what keystonemiddleware does before it can answer a request."""
    loading.register_auth_conf_options(conf, GROUP)
    loading.register_session_conf_options(conf, GROUP)
    conf.register_opts([cfg.StrOpt(name) for name in ("interface", "region_name")], GROUP)
    options = conf[GROUP]
    with expected("[keystone_authtoken] should say how to log in to Keystone"):
        auth = loading.load_auth_from_conf_options(conf, GROUP)
        session = loading.load_session_from_conf_options(conf, GROUP, auth=auth, timeout=SECONDS)
    with expected("every option of [keystone_authtoken] should be one that its library knows"):
        check_names(conf.config_file[-1], options.auth_type)
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
    from keystonemiddleware import opts
    from oslo_config import cfg

if __name__ == "__main__":
    configuration = cfg.ConfigOpts()
    with expected("the configuration should be readable"):
        configuration(["--config-file", sys.argv[1]], project="glance")
    ask(configuration)
