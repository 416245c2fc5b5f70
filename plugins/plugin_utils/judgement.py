# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of a host: all judges, one after the other."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.glanceops.image_service.plugins.plugin_utils import hosts
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import (
    addresses,
    auth,
    cache,
    ceph,
    database,
    deployment,
    files,
    gone,
    identity,
    images,
    imports,
    limits,
    loadbalancer,
    numbers,
    options,
    paths,
    policy,
    release_options,
    rolling,
    scan,
    shapes,
    stores,
    tls,
    users,
    values,
)
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import (
    API,
    DATABASE,
    IDENTITY,
    LOADBALANCER,
    REGISTRY,
    SCRUBBER,
    SERVICES,
)

HANDED = {
    "glance_api_hosts": (API,),
    "glance_deployment_hosts": (API, SCRUBBER),
    "glance_database_users_in_use": (DATABASE,),
    "glance_identity_users_in_use": (IDENTITY,),
    "glance_loadbalancer_addresses": (LOADBALANCER,),
    "glance_loadbalancer_services": (LOADBALANCER,),
}
"""What playbooks hand to roles, and the services about which it tells something: without it nothing is said, not even
by a default."""


def services_of(groups: Iterable[str], role: str = "") -> set[str]:
    """Return the services of a host, by its *groups* and by the service that the *role* which calls is for."""
    found = set(groups).intersection(SERVICES)
    return found | {role.replace("-", "_")} if role else found


def deploys_release(services: Iterable[str]) -> bool:
    """Whether a host with *services* has Glance on it; one without any stands in a play of the operator's own."""
    ours = set(services).intersection(SERVICES)
    return not ours or bool(ours.intersection((API, REGISTRY, SCRUBBER)))


def unknown_yet(services: set[str], given: Mapping[str, Any], facts: bool) -> list[str]:
    """Return what judges ask for of a host with *services* and is not known yet, beside the variables *given*."""
    found = [name for name, asking in HANDED.items() if services.intersection(asking) and name not in given]
    asks_facts = services.intersection((LOADBALANCER, IDENTITY)) or given.get("glance_install_method") == "package"
    return found if facts or not asks_facts else [*found, "ansible_facts"]


# Each takes variables by name, and returns sentences by the name of the variable. The first looks at shapes; the others
# look at nothing that it has refused.
JUDGES = (
    values.faults,
    numbers.faults,
    gone.faults,
    limits.faults,
    imports.faults,
    scan.faults,
    options.faults,
    stores.faults,
    paths.faults,
    addresses.faults,
    database.faults,
    users.faults,
    policy.faults,
    rolling.faults,
)
# Of values that are right by themselves: whether they fit together, and to what the host is. They look at nothing that
# has been refused.
RELATIONS = (
    auth.faults,
    tls.faults,
    deployment.faults,
    cache.faults,
    ceph.faults,
    images.faults,
    identity.faults,
    loadbalancer.faults,
)


def judge(
    given: Mapping[str, Any],
    known: Mapping[str, Mapping[str, Any]],
    waiting: Iterable[str] = (),
    releases: Mapping[str, Any] | None = None,
    read: Callable[[str], str] | None = None,
    beside: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return all sentences about the variables *given*; *known* are the options of the argument specs.

    What is neither given nor *waiting* for facts is as the specs have it by default. *releases* is the
    table of releases, *read* gives the text of a C(src) of C(glance_files), *beside* is
    what else is known of the host, by the names of plugin_utils/hosts.py.
    """
    wrong = shapes.misshapen(given, known)
    defaults = {
        name: option["default"]
        for name, option in known.items()
        if "default" in option and name not in given and name not in waiting
    }
    refused = set(wrong)
    known_beside = {**(beside or {}), hosts.RELEASES: releases or {}}
    last = (functools.partial(files.faults, read=read), functools.partial(release_options.faults, told=wrong))
    for faults_of in (*JUDGES, *last, *RELATIONS):
        shaped = {name: value for name, value in {**defaults, **given}.items() if name not in refused}
        for name, sentences in faults_of({**shaped, **known_beside}).items():
            wrong.setdefault(name, []).extend(sentences)
        if faults_of is values.faults or faults_of is last[-1]:
            refused = {name for name, sentences in wrong.items() if sentences}
    # A judgement with a reason comes before the plain one of the specification.
    shaped = {name: value for name, value in given.items() if name not in wrong and name in known}
    # Of these alone: it fills defaults of dictionaries in place, and all judgements of a run have the specs in common.
    checked = ArgumentSpecValidator({name: {**known[name], "required": False} for name in shaped}).validate(shaped)
    return [sentence for sentences in wrong.values() for sentence in sentences] + checked.error_messages
