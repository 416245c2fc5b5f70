# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that older configuration files hold, and that the release does not know any more."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import FILES, gather, sections

SERIES = (
    *("Icehouse", "Juno", "Kilo", "Liberty", "Mitaka", "Newton", "Ocata", "Pike", "Queens", "Rocky", "Stein", "Train"),
    *("Ussuri", "Victoria", "Wallaby", "Xena", "Yoga", "Zed", "2023.1", "2023.2", "2024.1", "2024.2", "2025.1"),
    *("2025.2", "2026.1", "2026.2"),
)
"""Releases of OpenStack, in their order."""

_ORDER = {name.lower(): place for place, name in enumerate(SERIES)}


@dataclasses.dataclass(frozen=True)
class Gone:
    """An option, or several, that releases of Glance from C(since) on do not read.

    I(section) and I(option) are whole regular expressions. I(since) is one of C(SERIES), or empty where no release ever
    had the option; I(instead) says what to do.
    """

    section: str
    option: str
    since: str
    instead: str

    def fits(self, section: str, option: str, release: str) -> bool:
        """Whether the option of the section is this one, and I(release), such as V(2026.2) or V(ussuri), lacks it."""
        flags = 0 if self.section == "DEFAULT" else re.IGNORECASE
        lacks = not self.since or _ORDER[self.since.lower()] <= _ORDER.get(release.lower(), len(SERIES))
        return lacks and bool(re.fullmatch(self.section, section, flags) and re.fullmatch(self.option, option))

    @property
    def why(self) -> str:
        """Since when it is gone and what to do, as the end of a sentence."""
        return f"{f'gone since {self.since}' if self.since else 'no release of Glance had it'}; {self.instead}"


_NOTHING = "nothing takes its place"
_RECORDS = "every service asks the database of glance_database_url"
_SCRUBBER = "the scrubber logs in nowhere but to stores, whose options are in glance_stores"
_MESSAGES = "say it in transport_url of [DEFAULT], as rabbit://USER:PASSWORD@HOST:PORT/VIRTUAL_HOST"
_SERVER = "uWSGI serves Glance, with the options of glance_api_uwsgi, and HAProxy sees to slow clients"
_MESSAGING = "DEFAULT|oslo_messaging_rabbit"

# The last release with an option is the one whose stable branch, or that of the library, still registers it.
GONE = (
    # The server.
    Gone("DEFAULT", "verbose", "Pike", "set debug for more lines"),
    Gone("DEFAULT", "log_format|use_syslog_rfc_format", "Mitaka", "set logging_context_format_string for other lines"),
    Gone("DEFAULT", "use_eventlog", "2025.1", "the journal has the log"),
    Gone("DEFAULT", "watch_log_file", "2026.1", _NOTHING),
    Gone(
        "DEFAULT",
        "backlog|client_socket_timeout|http_keepalive|max_header_line|tcp_keepidle",
        "2026.2",
        _SERVER,
    ),
    Gone("task", "eventlet_executor_pool_size", "2026.2", "glance_api_threads says how much a process does at a time"),
    Gone("DEFAULT", "use_forwarded_for", "", "glance_api_trusted_proxies says which proxies are believed"),
    Gone(
        "DEFAULT|oslo_middleware",
        "secure_proxy_ssl_header",
        "2024.1",
        "HAProxy says by which scheme a client came (glance_api_trusted_proxies)",
    ),
    Gone("DEFAULT", "enable_v1_api", "Rocky", "Glance has the API v2 alone"),
    Gone("DEFAULT", "enable_v2_api", "Victoria", "Glance has the API v2 alone"),
    Gone("healthcheck", "path", "2026.1", "the health check is at /healthcheck"),
    # Who may do what.
    Gone("DEFAULT", "admin_role", "Wallaby", "glance_api_policy says what an administrator may do"),
    Gone("DEFAULT", "owner_is_tenant", "Wallaby", "an image belongs to the project of its user"),
    Gone("oslo_policy", "enforce_scope", "2026.2", "scopes of tokens are always looked at"),
    Gone("keystone_authtoken", "signing_dir|hash_algorithms", "Train", "Keystone has no tokens that are signed"),
    Gone(
        "keystone_authtoken",
        "revocation_cache_time|check_revocations_for_cached",
        "Stein",
        "set token_cache_time for how long a token counts",
    ),
    # Images and stores.
    Gone("DEFAULT", "allow_additional_image_properties", "2024.2", "images may have any properties"),
    Gone(
        "DEFAULT|store_type_location_strategy",
        "location_strategy|store_type_preference",
        "2024.2",
        "set weight in the options of a store in glance_stores",
    ),
    Gone("DEFAULT", "cache_prefetcher_interval", "Zed", _NOTHING),
    Gone("DEFAULT|glance_store", "swift_enable_snet", "Juno", "set swift_store_endpoint_type in glance_stores"),
    Gone(".*", "sheepdog_.*", "Ussuri", "glance_stores takes file, s3, swift and others"),
    # The registry, and the scrubber that asked it.
    Gone("DEFAULT", "registry_(host|port)|registry_client_.*|data_api", "Victoria", _RECORDS),
    Gone("DEFAULT", "enable_v[12]_registry|send_identity_headers|use_user_token", "Victoria", _RECORDS),
    Gone("DEFAULT", "auth_url|auth_region|auth_strategy|admin_(tenant_name|user|password)", "Victoria", _SCRUBBER),
    Gone("DEFAULT", "scrubber_datadir", "Liberty", "the database holds the queue of images to scrub"),
    Gone("DEFAULT", "cleanup_scrubber", "Liberty", "the one host of the group glance_scrubber scrubs"),
    Gone("DEFAULT", "cleanup_scrubber_time", "Liberty", "set glance_scrub_time"),
    # The database.
    Gone("database", "sqlite_db", "Pike", _RECORDS),
    Gone("DEFAULT", "db_enforce_mysql_charset", "Kilo", _RECORDS),
    Gone("database", "mysql_enable_ndb", "2023.2", "Glance's schema is that of InnoDB"),
    # Messages.
    Gone("DEFAULT", "notifier_strategy", "Juno", "set driver of [oslo_messaging_notifications]"),
    Gone("DEFAULT", "rabbit_notification_exchange|qpid_notification_exchange", "Icehouse", "set control_exchange"),
    Gone(
        "DEFAULT",
        "(rabbit|qpid)_notification_topic",
        "Icehouse",
        "set topics of [oslo_messaging_notifications]",
    ),
    Gone(_MESSAGING, "qpid_.*", "Mitaka", "set transport_url of [DEFAULT] for RabbitMQ"),
    Gone(_MESSAGING, "rpc_backend", "Stein", _MESSAGES),
    Gone(_MESSAGING, "rabbit_(hosts?|port|userid|password|virtual_host)", "Stein", _MESSAGES),
    Gone(_MESSAGING, "rabbit_max_retries", "Stein", "set retry of [oslo_messaging_notifications]"),
    Gone("oslo_messaging_rabbit", "heartbeat_in_pthread", "2026.2", _NOTHING),
    Gone("oslo_messaging_amqp|amqp1", ".*", "2025.1", "set transport_url of [DEFAULT] for RabbitMQ"),
    Gone("oslo_messaging_rabbit", "default_notification_exchange", "", "set control_exchange of [DEFAULT]"),
)


def find(section: str, option: str, release: str) -> Gone | None:
    """Return what is known of an option that the release lacks, None if nothing is."""
    return next((gone for gone in GONE if gone.fits(section, option, release)), None)


def _of_files(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    release = str(given.get("glance_release") or "")
    for name in FILES if release else ():
        for section, option, value in sections(given.get(name)):
            # A null takes it away, which is what should be done.
            gone = None if value is None else find(section, option, release)
            if gone:
                yield name, f"[{section}] {option} should be taken away, found it in {name}: {gone.why}"


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about options of *given*, variables by name, that glance_release lacks; by variable.

    None holds a value, which may be a secret.
    """
    return gather(_of_files(given))
