# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that older configuration files hold under a name that every release of the table has another one for."""

from __future__ import annotations

from typing import NamedTuple


class Renamed(NamedTuple):
    """An option of a section, and the section and name under which it is written today."""

    section: str
    option: str
    new_section: str
    new_option: str


# What is gone is in faults/gone.py.
RENAMED = (
    Renamed("DEFAULT", "logdir", "DEFAULT", "log_dir"),
    Renamed("DEFAULT", "logfile", "DEFAULT", "log_file"),
    Renamed("DEFAULT", "lock_path", "oslo_concurrency", "lock_path"),
    Renamed("DEFAULT", "disable_process_locking", "oslo_concurrency", "disable_process_locking"),
    Renamed("DEFAULT", "policy_file", "oslo_policy", "policy_file"),
    Renamed("DEFAULT", "policy_default_rule", "oslo_policy", "policy_default_rule"),
    Renamed("DEFAULT", "policy_dirs", "oslo_policy", "policy_dirs"),
    Renamed("DEFAULT", "sql_connection", "database", "connection"),
    Renamed("DEFAULT", "sql_idle_timeout", "database", "connection_recycle_time"),
    Renamed("database", "idle_timeout", "database", "connection_recycle_time"),
    Renamed("DEFAULT", "sql_max_pool_size", "database", "max_pool_size"),
    Renamed("DEFAULT", "sql_max_overflow", "database", "max_overflow"),
    Renamed("DEFAULT", "sql_max_retries", "database", "max_retries"),
    Renamed("DEFAULT", "sql_retry_interval", "database", "retry_interval"),
    Renamed("DEFAULT", "sql_connection_debug", "database", "connection_debug"),
    Renamed("DEFAULT", "sql_connection_trace", "database", "connection_trace"),
    Renamed("database", "sql_max_pool_size", "database", "max_pool_size"),
    Renamed("database", "sqlalchemy_max_overflow", "database", "max_overflow"),
    Renamed("database", "sql_max_retries", "database", "max_retries"),
    Renamed("database", "reconnect_interval", "database", "retry_interval"),
    Renamed("database", "sqlalchemy_pool_timeout", "database", "pool_timeout"),
    Renamed("DEFAULT", "notification_driver", "oslo_messaging_notifications", "driver"),
    Renamed("DEFAULT", "notification_topics", "oslo_messaging_notifications", "topics"),
    Renamed("DEFAULT", "notification_transport_url", "oslo_messaging_notifications", "transport_url"),
    Renamed("DEFAULT", "rabbit_use_ssl", "oslo_messaging_rabbit", "ssl"),
    Renamed("oslo_messaging_rabbit", "rabbit_use_ssl", "oslo_messaging_rabbit", "ssl"),
    Renamed("DEFAULT", "rabbit_durable_queues", "oslo_messaging_rabbit", "amqp_durable_queues"),
    Renamed("oslo_messaging_rabbit", "rabbit_durable_queues", "oslo_messaging_rabbit", "amqp_durable_queues"),
    Renamed("oslo_messaging_rabbit", "kombu_ssl_version", "oslo_messaging_rabbit", "ssl_version"),
    Renamed("oslo_messaging_rabbit", "kombu_ssl_keyfile", "oslo_messaging_rabbit", "ssl_key_file"),
    Renamed("oslo_messaging_rabbit", "kombu_ssl_certfile", "oslo_messaging_rabbit", "ssl_cert_file"),
    Renamed("oslo_messaging_rabbit", "kombu_ssl_ca_certs", "oslo_messaging_rabbit", "ssl_ca_file"),
    Renamed("DEFAULT", "max_request_body_size", "oslo_middleware", "max_request_body_size"),
    Renamed("DEFAULT", "osapi_max_request_body_size", "oslo_middleware", "max_request_body_size"),
)
"""Of two old names of one option, the value of the first counts."""
