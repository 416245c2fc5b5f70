# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host does what, who talks to whom at which address, and what of it can't be right.

Pure functions over groups and variables. A group that the inventory does not have counts as empty.
"""

from __future__ import annotations

import difflib
import ipaddress
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.sockets import collide, takes_all
from ansible_collections.glanceops.image_service.plugins.plugin_utils import certificates

API, REGISTRY, SCRUBBER = "glance_api", "glance_registry", "glance_scrubber"
DATABASE, IDENTITY, LOADBALANCER = "glance_database", "glance_identity", "glance_loadbalancer"
RETIRED = "glance_retired"
SERIAL = "glance_api_serial"
GLANCE = (API, REGISTRY, SCRUBBER)
SERVICES = (API, REGISTRY, SCRUBBER, DATABASE, IDENTITY, LOADBALANCER)
GROUPS = ("glance", *SERVICES, RETIRED)
# Groups of throw-away hosts for tests.
LAB = "glance_lab_"
# difflib's ratio from which a name is a slip of another: glance_scrub has 0.89 to glance_scrubber, glance_api_dc1 0.83
# to glance_api.
_SLIP = 0.85
_EXAMPLE = "see inventories/single/hosts.yml"
_ALONE = "Where each host is a deployment of its own, set glance_standalone_hosts to true."
_DATABASE_PORTS = {"mariadb": 3306, "postgresql": 5432}


@dataclass(frozen=True)
class Topology:
    """An inventory: hosts by group, and the variables by host that could be worked out, with their defaults."""

    groups: Mapping[str, Sequence[str]]
    variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def hosts(self, *groups: str) -> list[str]:
        """Return the hosts of *groups*, each once, in the order of the inventory."""
        return list(dict.fromkeys(itertools.chain.from_iterable(self.groups.get(group, ()) for group in groups)))

    def value(self, host: str, name: str) -> Any:
        """Return the value of a variable; None when it has none that is known."""
        return self.variables.get(host, {}).get(name)

    def truth(self, host: str, name: str) -> bool:
        """Whether a variable is true, also where it is given as text."""
        return str(self.value(host, name)).lower() in ("true", "yes", "on", "1", "t", "y", "1.0")

    def integer(self, host: str, name: str) -> int | None:
        """Return a variable that should be a whole number; None when it is none."""
        try:
            return int(self.value(host, name))
        except (TypeError, ValueError):
            return None


# ------------------------------------------------------------------------------------------------------------- groups


def misnamed(topology: Topology) -> Iterator[str]:
    """Give a sentence for each group whose name is a slip of one of ours, while its hosts are not in that one."""
    for group in sorted(topology.groups.keys() - set(GROUPS)):
        plain = group.lower().replace("-", "_")
        near = difflib.get_close_matches(plain, GROUPS, n=1, cutoff=_SLIP)
        if not plain.startswith("glance") or plain.startswith(LAB) or not near:
            continue
        if lost := [host for host in topology.groups[group] if host not in topology.hosts(*near)]:
            yield (
                f"The inventory has a group {group} with {', '.join(lost)}, which is none of glanceops.image_service "
                f"(did you mean {near[0]}?): rename it."
            )


def _absent(groups: Sequence[str]) -> str:
    if len(groups) == 1:
        return f"The inventory should have at least one host in the group {groups[0]}, found none: {_EXAMPLE}."
    return f"The inventory should have at least one host in the groups {', '.join(groups)}, found none: {_EXAMPLE}."


def absent(topology: Topology, groups: Sequence[str], selected: Iterable[str], limit: str) -> Iterator[str]:
    """Give a sentence when no host of *groups* takes part, of those that the run has *selected* by the *limit*."""
    hosts = topology.hosts(*groups)
    if not hosts:
        yield _absent(groups)
    elif not set(hosts) & set(selected):
        yield (
            f"The run should have at least one of {', '.join(hosts)} (of {', '.join(groups)}), found none with "
            f"--limit {limit}: name one of them, or run without --limit."
        )


def _standalone(topology: Topology) -> bool:
    hosts = topology.hosts(SCRUBBER, DATABASE, IDENTITY)
    return all(topology.truth(host, "glance_standalone_hosts") for host in hosts)


def crowded(topology: Topology) -> Iterator[str]:
    """Give a sentence for each group that can have one host, and has more."""
    reasons = {
        SCRUBBER: "only one may scrub a database",
        DATABASE: "a second server would hold nothing of what is in the first",
        IDENTITY: "both would make the same things at a time",
    }
    for group, reason in reasons.items():
        hosts = topology.hosts(group)
        if len(hosts) > 1 and not _standalone(topology):
            yield f"The group {group} should have one host, found {', '.join(hosts)}: {reason}. {_ALONE}"


def kept(topology: Topology) -> Iterator[str]:
    """Give a sentence when hosts are to be decommissioned and deployed at once."""
    both = sorted(set(topology.hosts(RETIRED)) & set(topology.hosts(*SERVICES)))
    if both:
        yield (
            f"The hosts of the group {RETIRED} should be in no other group of the image service, found "
            f"{', '.join(both)} in another one: a retired host is stopped and cleared."
        )


def unscrubbed(topology: Topology) -> Iterator[str]:
    """Give a sentence when deleted images are kept and nobody removes them."""
    if not topology.hosts(SCRUBBER) and any(
        topology.truth(host, "glance_delayed_delete") for host in topology.hosts(API)
    ):
        yield (
            f"The group {SCRUBBER} should have a host while glance_delayed_delete is true, found none: the data of "
            "deleted images would never be removed."
        )


# -------------------------------------------------------------------------------------------------------------- ports


@dataclass(frozen=True)
class Socket:
    """Where a service is to listen: its address as far as that is known, its port, and what changes the port."""

    service: str
    address: str | None
    port: int | None
    variable: str | None

    def meets(self, other: Socket) -> bool:
        """Whether the two can't both listen on one host."""
        if self.port is None or self.port != other.port:
            return False
        return collide(self.address, other.address)


def sockets(topology: Topology, host: str, release: Mapping[str, Any]) -> list[Socket]:
    """Return where the services of *host* listen; *release* is what is special about the release it gets."""
    groups = [group for group in SERVICES if host in topology.groups.get(group, ())]

    def socket(service: str, address: str, port: str) -> Socket:
        return Socket(service, topology.value(host, address), topology.integer(host, port), port)

    found = []
    if API in groups:
        found.append(socket("the image API", "glance_api_bind_address", "glance_api_port"))
        if release.get("server") == "eventlet":
            backend = topology.integer(host, "glance_api_backend_port")
            found.append(Socket("Glance behind its proxy", "127.0.0.1", backend, "glance_api_backend_port"))
    if REGISTRY in groups and release.get("registry"):
        found.append(socket("the registry", "glance_registry_bind_address", "glance_registry_port"))
    if LOADBALANCER in groups:
        address = "glance_loadbalancer_bind_address"
        found.append(socket("the load balancer", address, "glance_loadbalancer_api_port"))
        if topology.truth(host, "glance_loadbalancer_registry"):
            found.append(socket("the load balancer of the registry", address, "glance_registry_port"))
    if DATABASE in groups and topology.value(host, "glance_database_install") is not False:
        port = _DATABASE_PORTS.get(topology.value(host, "glance_database_engine"))
        found.append(Socket("the database", topology.value(host, "glance_database_bind_address"), port, None))
    return found


def port_conflicts(topology: Topology, releases: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Give a sentence for each two services that are to listen at one port of one host."""
    for host in topology.hosts(*SERVICES):
        release = releases.get(str(topology.value(host, "glance_release")), {})
        for one, other in itertools.combinations(sockets(topology, host, release), 2):
            if not one.meets(other):
                continue
            ways = [name for name in dict.fromkeys((other.variable, one.variable)) if name]
            way = f"set {' or '.join(ways)} to another port"
            if ways == ["glance_registry_port"]:
                way = "give the balancers hosts of their own"
            yield (
                f"{host}: {one.service} and {other.service} should listen at two ports, found {one.port} for both: "
                f"{way}."
            )


def balancer_ports(topology: Topology) -> Iterator[str]:
    """Give a sentence when a virtual address that moves would be answered at another port then."""
    found: dict[int, list[str]] = {}
    for host in topology.hosts(LOADBALANCER):
        port = topology.integer(host, "glance_loadbalancer_api_port")
        if topology.value(host, "glance_loadbalancer_virtual_address") and port is not None:
            found.setdefault(port, []).append(host)
    if len(found) > 1:
        told = " and ".join(f"{port} on {', '.join(hosts)}" for port, hosts in found.items())
        yield (
            "glance_loadbalancer_api_port should be the same on all balancers, between which the virtual address "
            f"moves, found {told}: set it for the group {LOADBALANCER}."
        )


# --------------------------------------------------------------------------------------------- who is balanced by whom


def backends(topology: Topology, balancer: str) -> dict[str, dict[str, Any]]:
    """Return what *balancer* serves, as C(glance_loadbalancer_services) takes it."""

    def of(hosts: Iterable[str], name: str) -> dict[str, Any]:
        return {host: topology.value(host, name) for host in hosts}

    hosts = topology.hosts(API)
    found: dict[str, dict[str, Any]] = {
        API: {
            "port": topology.integer(balancer, "glance_loadbalancer_api_port"),
            "servers": of(hosts, "glance_api_bind_address"),
            "server_ports": {host: topology.integer(host, "glance_api_port") for host in hosts},
            "server_certificates": of(hosts, "glance_tls_certificate"),
        }
    }
    if topology.truth(balancer, "glance_loadbalancer_registry"):
        hosts = topology.hosts(REGISTRY)
        asked = [topology.integer(host, "glance_registry_port") for host in (*topology.hosts(API), balancer)]
        found[REGISTRY] = {
            # Where those who ask expect it. The API's client of it speaks no TLS.
            "port": asked[0],
            "tls": False,
            "servers": of(hosts, "glance_registry_bind_address"),
            "server_ports": {host: topology.integer(host, "glance_registry_port") for host in hosts},
        }
    return found


def unaddressed(topology: Topology, balancers: Sequence[str]) -> Iterator[str]:
    """Give a sentence for each server of *balancers* whose address can't be worked out, though all facts are known."""
    names = {API: "glance_api_bind_address"}
    if any(topology.truth(balancer, "glance_loadbalancer_registry") for balancer in balancers):
        names[REGISTRY] = "glance_registry_bind_address"
    for group, name in names.items():
        unknown = [host for host in topology.hosts(group) if not topology.value(host, name)]
        if unknown and balancers:
            hosts = ", ".join(unknown)
            yield f"{name} should be an address that the balancers reach, found none for {hosts}: set it there."


def certified(certificate: str, address: str) -> str:
    """Return by what a client has to call the server at *address* so that its *certificate* fits."""
    first = certificates.load(certificate)[0]
    if certificates.names(address, first):
        return address
    return next((name for name in certificates.names_of(first) if not name.startswith("*.")), address)


def entrance(topology: Topology, facts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the URL at which users reach the API through the load balancers; empty where there are none."""
    balancers = topology.hosts(LOADBALANCER)
    if not balancers:
        return ""
    first = balancers[0]
    bound = topology.value(first, "glance_loadbalancer_bind_address")
    own = (facts.get(first, {}).get("default_ipv4") or {}).get("address") or topology.value(first, "ansible_host")
    virtual = topology.value(first, "glance_loadbalancer_virtual_address")
    address = str(virtual or (own if bound is None or takes_all(bound) else bound))
    certificate = topology.value(first, "glance_tls_certificate")
    name = certified(certificate, address) if certificate else address
    port = topology.integer(first, "glance_loadbalancer_api_port")
    return f"{'https' if certificate else 'http'}://{f'[{name}]' if ':' in name else name}:{port}"


# ---------------------------------------------------------------------------------------- what roles can't know alone

USED = (
    "ansible_host",
    SERIAL,
    "glance_api_tls_name",
    "glance_cache_max_bytes",
    "glance_database_engine",
    "glance_database_install",
    "glance_database_password",
    "glance_database_url",
    "glance_database_user",
    "glance_delayed_delete",
    "glance_import_checks",
    "glance_import_scan",
    "glance_keystone_user",
    "glance_loadbalancer_interface",
    "glance_loadbalancer_registry",
    "glance_purge_age_days",
    "glance_registry_host",
    "glance_release",
    "glance_standalone_hosts",
    "glance_tls_certificate",
)
"""Variables that the functions of this module ask for, besides addresses and ports."""
_OWN = ("glance_api_bind_address", "glance_api_tls_name")


def api_names(topology: Topology) -> list[str]:
    """Return by which names and addresses API hosts ask each other, for data that is staged on one of them."""
    found = {str(topology.value(host, name) or "") for host in topology.hosts(API) for name in _OWN}
    return sorted(each for each in found if each and not takes_all(each))


def releases_of(topology: Topology, hosts: Iterable[str], releases: Iterable[str]) -> list[str]:
    """Return the releases that *hosts* are to run, the newest of the table *releases* first."""
    order = list(releases)
    found = dict.fromkeys(str(topology.value(host, "glance_release")) for host in hosts)
    return sorted(found, key=lambda name: order.index(name) if name in order else len(order))


def schema_host(topology: Topology, hosts: Sequence[str], releases: Iterable[str]) -> str:
    """Return the host of a play that brings the database to its schema: the first one of the newest release."""
    newest = releases_of(topology, hosts, releases)[:1]
    return next((host for host in hosts if [str(topology.value(host, "glance_release"))] == newest), "")


def login_hosts(topology: Topology, host: str) -> list[str]:
    """Return the hosts that log in to the database of *host*."""
    return [host] if topology.truth(host, "glance_standalone_hosts") else topology.hosts(*GLANCE)


def pending_logins(topology: Topology, host: str, deployed: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the hosts that may still log in to the database of *host* as they did before this run.

    *deployed* are the hosts, by group, that this run has brought to what the variables say.
    """
    names = ("glance_database_user", "glance_database_password")

    def differs(other: str) -> bool:
        return bool(topology.value(other, "glance_database_url")) or any(
            str(topology.value(other, name)) != str(topology.value(host, name)) for name in names
        )

    hosts = login_hosts(topology, host)
    waiting = behind(topology, GLANCE, deployed)
    return sorted(other for other in hosts if other in waiting or differs(other))


def behind(topology: Topology, groups: Iterable[str], deployed: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the hosts of *groups* that are not among those, by group, that this run has *deployed*."""
    return {host for group in groups for host in topology.hosts(group) if host not in set(deployed.get(group, ()))}


def deployed(
    topology: Topology, remaining: Iterable[str], only: Iterable[str], skip: Iterable[str]
) -> dict[str, list[str]]:
    """Return, by group, the hosts that a run has deployed at its end.

    *remaining* are the hosts that have not failed, *only* and *skip* the tags that the run has and leaves out; a
    service's tags are C(glance) and the name of its group.
    """

    def ran(group: str) -> bool:
        chosen = {"all", "tagged", "glance", group}
        return not chosen.isdisjoint(only) and chosen.isdisjoint(skip)

    return {group: _of(topology, group, remaining) for group in GLANCE if ran(group)}


def handed(
    topology: Topology,
    host: str,
    selected: Sequence[str],
    releases: Mapping[str, Mapping[str, Any]],
    facts: Mapping[str, Mapping[str, Any]],
    deployed: Mapping[str, Iterable[str]],
) -> dict[str, Any]:
    """Return what the roles of *host* can't know from its variables, by the variable that takes it.

    *selected* are the hosts that the run is for, *releases* the table of releases, the newest first, *facts* those of
    hosts by name as far as they are known, *deployed* the hosts by group that this run is done with.
    """
    alone = topology.truth(host, "glance_standalone_hosts")
    services = topology.hosts(*GLANCE)
    logins = login_hosts(topology, host)
    users = [] if alone else topology.hosts(API, REGISTRY)
    balancers = topology.hosts(LOADBALANCER)
    addresses = [(facts.get(each, {}).get("default_ipv4") or {}).get("address") for each in balancers]
    found: dict[str, Any] = {
        "glance_api_hosts": topology.hosts(API),
        "glance_purge_here": alone or host in topology.hosts(purging_group(topology, host, releases))[:1],
        "glance_purge_login_of": purging_group(topology, host, releases).replace("_", "-"),
        "glance_api_balancers": balancers,
        "glance_api_scrubber_hosts": [each for each in topology.hosts(SCRUBBER) if not alone or each == host],
        "glance_registry_balancers": balancers,
        "glance_no_proxy_hosts": api_names(topology),
        "glance_deployment_hosts": [] if alone else topology.hosts(API, SCRUBBER),
        "glance_releases_in_use": []
        if alone
        else releases_of(topology, [*services, *topology.hosts(RETIRED)], releases),
        "glance_releases_to_stay": [] if alone else releases_of(topology, services, releases),
        "glance_loadbalancer_addresses": [address for address in addresses if address],
        "glance_registry_wanted": host in topology.hosts(REGISTRY),
        "unwanted": unwanted(topology, host, releases),
        # One host of a deployment asks and backs up for all.
        "acts_for_all": alone or host in _of(topology, API, selected)[:1],
        # Where each host has its own database, it brings that to its schema itself.
        "schema_hosts": {
            service: host if alone else schema_host(topology, _of(topology, group, selected), releases)
            for service, group in (("glance-api", API), ("glance-registry", REGISTRY))
        },
    }
    if host in topology.hosts(DATABASE):
        found["glance_database_login_hosts"] = logins
        found["glance_database_users_in_use"] = _values(topology, logins, "glance_database_user")
        found["glance_database_waiting_hosts"] = pending_logins(topology, host, deployed)
    if host in topology.hosts(IDENTITY):
        found["glance_identity_users_in_use"] = _values(topology, users, "glance_keystone_user")
        found["glance_identity_waiting_hosts"] = sorted(behind(topology, (API, REGISTRY), deployed))
    if host in balancers and facts:
        found["glance_loadbalancer_services"] = backends(topology, host)
    return found


def api_serial(topology: Topology) -> Any:
    """Return how many hosts of the API are changed at a time, as Ansible's C(serial) takes it; 1 where there are none.

    A play is cut into batches before any of its hosts is looked at, so there is one value for all.
    """
    return next((topology.value(host, SERIAL) for host in topology.hosts(API)), 1)


def asked_besides(topology: Topology, selected: Sequence[str]) -> list[str]:
    """Return the hosts whose addresses the *selected* ones have to know, and that the run is limited away from."""
    groups = [DATABASE, LOADBALANCER, REGISTRY, *([API] if _of(topology, LOADBALANCER, selected) else [])]
    return left_out(topology, selected, groups)


def left_out(topology: Topology, selected: Sequence[str], groups: Iterable[str] = GLANCE) -> list[str]:
    """Return the hosts of *groups* that the run is limited away from, where hosts are no deployments of their own."""
    others = [host for host in topology.hosts(*groups) if host not in selected]
    return [host for host in others if not topology.truth(host, "glance_standalone_hosts")]


LOOKS = {DATABASE: "glance-database", LOADBALANCER: "haproxy", API: "glance-api", SCRUBBER: "glance-scrubber"}
"""What service_pending has looked at on a host of a group."""


def looked(
    topology: Topology, selected: Iterable[str], results: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[str]]:
    """Return what is C(pending) on the *selected* hosts, by the *results* that are registered on each.

    A host that was not looked at, or that has a service of another kind, has something to do. One that does not know
    its desired state is C(unknown).
    """
    found, unknown = [], []
    for group in (*SERVICES, RETIRED):
        for host in _of(topology, group, selected):
            known = results.get(host, {})
            look, asked = known.get("__glance_compared") or {}, known.get("__glance_identity_found") or {}
            if group == IDENTITY:
                unlike = [key for key in ("missing", "leaving") if asked.get(key) or key not in asked]
                found += [f"{host}: Keystone is not as it should be"] if unlike else []
            elif group in LOOKS and look.get("unknown"):
                unknown.append(host)
            elif LOOKS.get(group) not in look.get("looked", ()):
                found.append(f"{host}: {group} was not looked at")
            found += [f"{host}: {reason}" for reason in look.get("pending", ())]
    return {"pending": list(dict.fromkeys(found)), "unknown": list(dict.fromkeys(unknown))}


def has_registry(topology: Topology, host: str, releases: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the release of *host* has a registry."""
    return bool(releases.get(str(topology.value(host, "glance_release")), {}).get("registry"))


def purging_group(topology: Topology, host: str, releases: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the group of which the first host purges the database of *host*: the registry's, if there is one."""
    return REGISTRY if has_registry(topology, host, releases) and topology.hosts(REGISTRY) else API


def unwanted(topology: Topology, host: str, releases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the sets of files that a host of the image service should not have; what waits for facts it may have."""
    first = (
        topology.truth(host, "glance_standalone_hosts")
        or host in topology.hosts(purging_group(topology, host, releases))[:1]
    )
    scanned = host in topology.hosts(API) and topology.value(host, "glance_import_scan") != "none"
    checked = host in topology.hosts(API) and topology.value(host, "glance_import_checks") != []
    wanted = {
        "glance-registry": host in topology.hosts(REGISTRY) and has_registry(topology, host, releases),
        "glance-scrubber": host in topology.hosts(SCRUBBER),
        "glance-purge": first and topology.integer(host, "glance_purge_age_days") != 0,
        "glance-cache": host in topology.hosts(API) and topology.integer(host, "glance_cache_max_bytes") != 0,
        "glance-staging": host in topology.hosts(API)
        and not (has_registry(topology, host, releases) and topology.value(host, "glance_registry_host")),
        "glance-scan": scanned,
        "glance-import-checks": checked or scanned,
    }
    return [name for name, is_wanted in wanted.items() if not is_wanted]


def _of(topology: Topology, group: str, selected: Iterable[str]) -> list[str]:
    return [host for host in topology.hosts(group) if host in set(selected)]


def _values(topology: Topology, hosts: Iterable[str], name: str) -> list[str]:
    return list(dict.fromkeys(str(topology.value(host, name)) for host in hosts))


# ------------------------------------------------------------------------------------------------- the virtual address


def networks(facts: Mapping[str, Any], interface: str) -> list[ipaddress.IPv4Network]:
    """Return the networks of *interface* by a host's *facts*; none when its addresses stand alone, as some do."""
    device = facts.get(interface.replace("-", "_").replace(".", "_")) or {}
    addresses = [device.get("ipv4") or {}, *(device.get("ipv4_secondaries") or [])]
    found = [
        ipaddress.ip_network(f"{one['address']}/{one['netmask']}", strict=False)
        for one in addresses
        if one.get("address") and one.get("netmask")
    ]
    return [network for network in found if network.prefixlen < network.max_prefixlen]


def virtual_addresses(topology: Topology, facts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Give a sentence for each virtual address that clients could not reach at its balancer, by the hosts' *facts*."""
    own = {(known.get("default_ipv4") or {}).get("address"): host for host, known in facts.items()}
    for host in topology.hosts(LOADBALANCER):
        virtual = topology.value(host, "glance_loadbalancer_virtual_address")
        if not virtual or host not in facts:
            continue
        try:
            address = ipaddress.ip_address(str(virtual))
        except ValueError:
            yield f"{host}: glance_loadbalancer_virtual_address should be an IPv4 address, found {virtual}."
            continue
        default = facts[host].get("default_ipv4") or {}
        interface = topology.value(host, "glance_loadbalancer_interface") or default.get("interface") or ""
        near = networks(facts[host], interface)
        if str(address) in own:
            yield (
                f"{host}: glance_loadbalancer_virtual_address should be an address that no host has, found {virtual}, "
                f"the one of {own[str(address)]}: name a free one."
            )
        elif near and not any(address in network for network in near):
            yield (
                f"{host}: glance_loadbalancer_virtual_address should be in a network of the interface {interface} "
                f"({', '.join(map(str, near))}), found {virtual}: name a free address there, or another "
                "glance_loadbalancer_interface."
            )


def deployment_faults(topology: Topology, releases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a sentence for everything that the groups and variables alone say can't be deployed."""
    judges: list[Callable[[Topology], Iterator[str]]] = [crowded, kept, unscrubbed, balancer_ports]
    found = itertools.chain.from_iterable(judge(topology) for judge in judges)
    return [*found, *port_conflicts(topology, releases)]
