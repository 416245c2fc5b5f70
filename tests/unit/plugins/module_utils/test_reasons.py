import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import reasons

OSLO = "2026-11-21 22:32:22.268 1390 ERROR glance "
VALUE = "oslo_config.cfg.ConfigFileValueError: Value for option bind_port from LocationInfo is not valid: 70000"
TRACEBACK = f"""\
Traceback (most recent call last):
  File "/opt/glance/current/bin/glance-api", line 8, in <module>
    sys.exit(main())
  File "/opt/glance/current/lib/python3.11/site-packages/glance/cmd/api.py", line 90, in main
    fail(e)
ValueError: invalid literal for int() with base 10: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/opt/glance/current/lib/python3.11/site-packages/oslo_config/cfg.py", line 2262, in __getattr__
    raise ConfigFileValueError(
{VALUE}
glance-api.service: Main process exited, code=exited, status=1/FAILURE
glance-api.service: Failed with result 'exit-code'."""
NOISE = (
    "2026-11-21 22:32:21.100 1390 ERROR stevedore.extension [-] Could not load 'cinder': No module named 'os_brick': "
    "ModuleNotFoundError: No module named 'os_brick'"
)
UWSGI = """\
*** Starting uWSGI 2.0.30 (64bit) on [Sat Nov 21 22:32:20 2026] ***
[uWSGI] getting INI configuration from /etc/glance/glance-uwsgi.ini
[strict-mode] unknown config directive: no-such"""


@pytest.mark.parametrize(
    ("journal", "expected"),
    [
        ("", ""),
        ("Started glance-api.service - OpenStack Image service API.", ""),
        ("glance-api.service: Failed with result 'exit-code'.", ""),
        (TRACEBACK, VALUE),
        ("\n".join(OSLO + line for line in TRACEBACK.splitlines()[:-2]), VALUE),
        (f"{TRACEBACK}\n{NOISE}", VALUE),
        (f"{NOISE}\n{NOISE}", ""),
        (f"{NOISE}\n{UWSGI}", "[strict-mode] unknown config directive: no-such"),
        (
            "glance-api.service: Failed to set up mount namespacing: /x: No such file or directory\n"
            "glance-api.service: Failed at step NAMESPACE spawning /opt/glance/current/bin/uwsgi: No such file\n"
            "glance-api.service: Failed with result 'exit-code'.",
            "Failed to set up mount namespacing: /x: No such file or directory",
        ),
        # What a traceback says goes before what systemd or uWSGI says of its end.
        (f"{TRACEBACK}\nglance-api.service: Failed to kill control group: Invalid argument\n!!! no app !!!", VALUE),
        ("OSError: [Errno 98] Address already in use\nstarting", "OSError: [Errno 98] Address already in use"),
        ("glance.common.exception.WorkerCreationFailure: Server failed", None),
        (f"{OSLO}[None req-1 - - - - - -] Unable to bind to 127.0.0.1:9292", None),
        ("first error\nlast fatal word\nbye", "last fatal word"),
        ("!!! no internal routing support, rebuild with pcre support !!!", None),
        ("*** no errors ***\nterrors of infatality", ""),
    ],
)
def test_reason_in(journal, expected):
    assert reasons.reason_in(journal.splitlines()) == (journal if expected is None else expected)
