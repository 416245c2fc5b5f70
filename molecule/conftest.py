"""What pytest looks for beside the tests of all scenarios: hooks, and the fixtures of molecule/shared/testing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from testing.api import anonymous, api, api_at, open_api, tunnel
from testing.haproxy import ask_haproxy, server_statuses
from testing.playbooks import cut_playbook, killed_playbook, module, playbook, site, site_of_all
from testing.polling import poller
from testing.reports import journals, last_failures
from testing.scenario import host_name, lab, project
from testing.secrets import no_secret_shows_anywhere
from testing.service import kill, service, upload_over_restart
from testing.tls import tls
from testing.users import as_user, keystone, users_password
from testing.waiting import wait_until_fixture

__all__ = [
    "anonymous",
    "api",
    "api_at",
    "as_user",
    "ask_haproxy",
    "cut_playbook",
    "host_name",
    "keystone",
    "kill",
    "killed_playbook",
    "lab",
    "module",
    "no_secret_shows_anywhere",
    "open_api",
    "playbook",
    "poller",
    "project",
    "server_statuses",
    "service",
    "site",
    "site_of_all",
    "tls",
    "tunnel",
    "upload_over_restart",
    "users_password",
    "wait_until_fixture",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the audit come after all tests but those that take the service down."""
    items.sort(key=lambda item: ("teardown" in item.nodeid, item.path.parent.name == "audit"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Show with a failed test what the last playbook in it failed with, and what the services said meanwhile."""
    report = yield
    if report.failed and (reasons := last_failures()):
        report.longrepr = f"The last playbook failed: {reasons}\n\n{report.longreprtext}"
    if report.failed and call.when == "call":
        report.sections += journals()
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run that skipped a test or passed none: a host that is not there must not look like success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus != pytest.ExitCode.OK or session.config.option.collectonly:
        return
    skipped, passed = (len(reporter.stats.get(outcome, [])) for outcome in ("skipped", "passed"))
    if skipped or not passed:
        reporter.write_line(f"\nEvery test should pass and none be skipped, found {passed} passed, {skipped} skipped.")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
