# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold a host's variables against the argument specs of roles, on the control machine."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.validation import check_type_bool, check_type_int
from ansible.plugins.action import ActionBase
from ansible.vars.clean import namespace_facts
from ansible_collections.glanceops.image_service.plugins.plugin_utils import hosts, operator_files, specs
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import (
    addresses,
    auth,
    cache,
    database,
    deployment,
    files,
    gone,
    identity,
    limits,
    loadbalancer,
    numbers,
    options,
    paths,
    policy,
    release_options,
    rolling,
    stores,
    tls,
    users,
    values,
)
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import (
    entries,
    is_dict,
    kind_of,
    printable,
)
from ansible_collections.glanceops.image_service.plugins.plugin_utils.specs import operator_options
from ansible_collections.glanceops.image_service.plugins.plugin_utils.topology import (
    API,
    BALANCER,
    DATABASE,
    IDENTITY,
    REGISTRY,
    SCRUBBER,
    SERVICES,
)

COLLECTION = "glanceops.image_service"
# Read by the playbooks that make throw-away hosts for tests.
LAB = "glance_lab_"
# What types are called in a sentence, where that is not "a" and their name.
_KINDS = {"int": "an int", "str": "a text", "path": "a path", "raw": "a number or a text"}
_CHECKS = {"int": check_type_int, "bool": check_type_bool}
# The subsets of facts that the roles need.
FACTS = ("!all", "!min", "distribution", "hardware", "network")
# How much alike two words, and two whole names, are that may be the same one.
_NEARLY, _SAME = 0.8, 0.9
# Ansible's own, which hold all there is.
_MAGIC = {"groups", "hostvars", "vars"}


def _is_slip(word: str) -> bool:
    """Whether the first part of a name is nearly C(glance), or that and more."""
    word = word.lower()
    return word.startswith("glance") or difflib.SequenceMatcher(None, word, "glance").ratio() >= _NEARLY


def unknown(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return a sentence for each of *names* that looks like a variable of this collection and is none.

    A name that does not begin as ours do is somebody else's, unless it is one of ours but for a slip: C(glacne_auth).
    """
    known = sorted(known)
    sentences = []
    for name in sorted(names):
        ours = name.startswith("glance_")
        if name.startswith(LAB) or name in known or not (ours or _is_slip(re.split("[_-]", name)[0])):
            continue
        plainly = name.lower().replace("-", "_")
        near = difflib.get_close_matches(plainly, known, n=1, cutoff=0.6 if ours else _SAME)
        if ours or near:
            hint = f" (did you mean {near[0]}?)" if near else ""
            sentences.append(f"{quoted(name)} is not a variable of {COLLECTION}{hint}")
    return sentences


def faults(name: str, value: Any, option: Mapping[str, Any]) -> Iterator[str]:
    """Give a sentence for each part of *value* that is not of its type, or that is another text than was written."""
    kind, found = option.get("type", "str"), kind_of(value)
    wanted = f"{name} should be {_KINDS.get(kind, f'a {kind}')}"
    if value is None:
        yield f"{wanted}, found nothing: give it a value or take the line away"
    elif kind in ("dict", "list") and found == "a text":
        yield f"{wanted}, found a text: give it in a file, or as -e '{{\"{name.split()[-1]}\": ...}}'"
    elif (kind in ("dict", "list") or found in ("a dict", "a list")) and found != f"a {kind}" and kind != "raw":
        yield f"{wanted}, found {found}"
    # Ansible would take a text that is no longer as it was written: 0123 is 83, and yes is True.
    elif kind in ("str", "path") and found != "a text" and "choices" not in option:
        yield f"{wanted}, found {found}: put it in quotes"
    elif "choices" in option and (strange := _no_choice(value, option)):
        wanted = f"{name} should be {'of' if kind == 'list' else 'one of'} {', '.join(option['choices'])}"
        yield f"{wanted}, found {', '.join(map(shown, strange))}: correct it"
    elif kind in ("str", "path"):
        yield from values.lone_lines(name, value)
    elif kind in _CHECKS and not _is(kind, value):
        yield f"{wanted}, found {shown(value)}"
    elif kind == "list":
        inner = {"type": option.get("elements", "raw"), **{key: option[key] for key in ("options",) if key in option}}
        for entry in entries(value):
            called = (entry.get("name") or entry.get("path")) if is_dict(entry) else None
            text = kind_of(called) == "a text" and str(called).isprintable()
            yield from faults(f"{called} in {name}" if text else f"an entry of {name}", entry, inner)
    elif kind == "dict" and "options" in option:
        absent = [key for key, inner in option["options"].items() if inner.get("required") and key not in value]
        # What is misspelt is there, under another name.
        if strange := [key for key in value if key not in option["options"]]:
            wanted = f"{name} should have {', '.join(option['options'])}"
            yield f"{wanted}, found {', '.join(map(shown, strange))}: correct it"
        elif absent:
            yield f"{name} should have {' and '.join(absent)}, found none: add it"
        for inner in option["options"].keys() & value.keys():
            yield from faults(f"{inner} of {name}", value[inner], option["options"][inner])


def _no_choice(value: Any, option: Mapping[str, Any]) -> list[Any]:
    """Return what of *value* is a word and none that the *option* has; other types are told as such."""
    texts = [each for each in entries(value) if option.get("type") != "list" or kind_of(each) == "a text"]
    return [each for each in texts if str(each) not in option["choices"]]


def quoted(text: str) -> str:
    """Return a name as it is, or in quotes if one could not see where it ends."""
    return text if re.fullmatch(r"[\w.:@-]+", text) else f'"{printable(text)}"'


def shown(value: Any) -> str:
    """Return a text, which is no secret, or what it is if it is none."""
    return quoted(value) if kind_of(value) == "a text" else kind_of(value)


def _is(kind: str, value: Any) -> bool:
    """Whether Ansible takes *value* for one of the type *kind*."""
    try:
        _CHECKS[kind](value)
    # A number without end is none that Python could convert.
    except (TypeError, OverflowError):
        return False
    return kind_of(value) != "a boolean" or kind == "bool"


def misshapen(given: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return, by variable, the sentences about its value, if there are any."""
    found = {name: sorted(set(faults(name, value, options[name]))) for name, value in sorted(given.items())}
    return {name: sentences for name, sentences in found.items() if sentences}


# What Python and Jinja2 say of a template, as regular expressions, by what an operator reads.
_REASONS = (
    (r".*object of type '[^']*' has no attribute ('[^']*').*", r"there is no \1 in what it names"),
    (r".*[Rr]ecursi.*", "it is made of itself"),
    (r".*undecryptable variable: (.*)", r"its vault can't be opened: \1"),
    (
        r".*(can only concatenate|unsupported operand|not supported between|must be str|indices must be).*",
        "it puts values of different types together",
    ),
    (
        r"(.*'ansible_(?!facts)\w+' is undefined.*)",
        r"\1; facts are in ansible_facts, without ansible_ before their names",
    ),
)


def reason(error: Exception) -> str:
    """Return why a template can't be worked out, as the end of a sentence."""
    text = next(iter(str(error).splitlines()), "").rstrip(".")
    return next((re.sub(pattern, said, text) for pattern, said in _REASONS if re.fullmatch(pattern, text)), text)


def has_facts(variables: Mapping[str, Any]) -> bool:
    """Whether the host was asked for the facts that variables of the roles are made of."""
    return "memtotal_mb" in (variables.get("ansible_facts") or {})


def _written(value: Any) -> str:
    """Return the text of a template; nothing of one in a vault that can't be opened."""
    try:
        return str(value)
    except AnsibleError:
        return ""


def awaits_facts(name: str, variables: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> bool:
    """Whether the variable *name* is made of facts, itself or by others, and so can't be known before them."""
    text = _written(variables.get(name))
    if "ansible_facts" in text:
        return True
    others = set(re.findall(r"\w+", text)) & variables.keys() - seen - _MAGIC - {name}
    return "{{" in text and any(awaits_facts(other, variables, seen | {name}) for other in others)


def empty_groups(name: str, variables: Mapping[str, Any]) -> list[str]:
    """Return the groups that the variable *name* looks for hosts in, and that have none."""
    asked = re.findall(r"""\bgroups(?:\.|\[['"])(\w+)""", _written(variables.get(name)))
    return [group for group in dict.fromkeys(asked) if not (variables.get("groups") or {}).get(group)]


HANDED = {
    "glance_api_hosts": (API,),
    "glance_deployment_hosts": (API, SCRUBBER),
    "glance_database_users_in_use": (DATABASE,),
    "glance_identity_users_in_use": (IDENTITY,),
    "glance_loadbalancer_addresses": (BALANCER,),
    "glance_loadbalancer_services": (BALANCER,),
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
    asks_facts = services.intersection((BALANCER, IDENTITY)) or given.get("glance_install_method") == "package"
    return found if facts or not asks_facts else [*found, "ansible_facts"]


# Each takes variables by name, and returns sentences by the name of the variable. The first looks at shapes; the others
# look at nothing that it has refused.
JUDGES = (
    values.faults,
    numbers.faults,
    rolling.faults,
    gone.faults,
    limits.faults,
    options.faults,
    stores.faults,
    paths.faults,
    addresses.faults,
    database.faults,
    users.faults,
    policy.faults,
)
# Of values that are right by themselves: whether they fit together, and to what the host is. They look at nothing that
# has been refused.
RELATIONS = (auth.faults, tls.faults, deployment.faults, cache.faults, identity.faults, loadbalancer.faults)


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
    wrong = misshapen(given, known)
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
    checked = ArgumentSpecValidator({name: {**option, "required": False} for name, option in known.items()}).validate(
        {name: value for name, value in given.items() if name not in wrong}
    )
    return [sentence for sentences in wrong.values() for sentence in sentences] + checked.error_messages


class ActionModule(ActionBase):
    """Action plugin; nothing of it runs on the host, but that it may ask for facts."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return a result that fails with one sentence for each wrong variable."""
        result = super().run(tmp, task_vars)
        variables, problems, waiting = task_vars or {}, [], []
        before, role = self._task.args.get("before") or {}, self._task.args.get("service") or ""
        groups = variables.get("group_names") or ()
        services = services_of(groups, role)
        # A role may be called for what the groups of the host don't say.
        if before.get("waiting", True) or services.intersection(SERVICES) - services_of(groups):
            problems, waiting = self._judged(variables, services)
        # What is wrong without facts is told without asking the host.
        if not problems and self._task.args.get("gather_facts") and not has_facts(variables):
            asked = self._execute_module("ansible.legacy.setup", {"gather_subset": list(FACTS)}, task_vars=variables)
            if "ansible_facts" not in asked:
                return asked
            result["ansible_facts"] = asked["ansible_facts"]
            variables = {**variables, **namespace_facts(asked["ansible_facts"])}
            self._templar.available_variables = variables
            problems, waiting = self._judged(variables, services)
        result.update(changed=False, waiting=sorted(set(waiting)))
        if problems:
            host = variables.get("inventory_hostname", "")
            result.update(failed=True, msg=f"{host}: {'; '.join(problems)}.")
        return result

    def _judged(self, variables: dict[str, Any], services: set[str]) -> tuple[list[str], list[str]]:
        """Return a sentence for each wrong one of *variables*, and the names of those that are to be known yet."""
        known = operator_options(specs.read(self._loader))
        problems = unknown(variables, known)
        given: dict[str, Any] = {}
        waiting: list[str] = []
        # What no variable of the host says: other hosts, as plays/preflight.yml has found them.
        handed = (variables.get("__glance_topology") or {}).get("hosts") or {}
        variables = {**handed.get(variables.get("inventory_hostname"), {}), **variables}
        for name in known.keys() & variables.keys():
            try:
                value = self._templar.template(variables[name])
            except AnsibleError as error:
                waiting.append(name)
                if groups := empty_groups(name, variables):
                    problems.append(
                        f"{name} can't be worked out: it needs a host of {', '.join(groups)}, and the inventory has "
                        "none"
                    )
                elif not awaits_facts(name, variables):
                    problems.append(f"{name} can't be worked out: {reason(error)}")
                continue
            # A value that stands in for a fact is none to be judged.
            if not has_facts(variables) and awaits_facts(name, variables):
                waiting.append(name)
            else:
                given[name] = value
        table = self._loader.load_from_file(str(specs.RELEASES))
        beside = {hosts.SERVICES: services, hosts.PLATFORMS: table[hosts.PLATFORMS]}
        if has_facts(variables):
            beside[hosts.FACTS] = variables["ansible_facts"]
        unsaid = [*waiting, *HANDED]
        waiting += unknown_yet(services, given, hosts.FACTS in beside)
        if not deploys_release(services):
            # The options there are for hosts with another release, be it the default on this one.
            given.pop("glance_release", None)
            unsaid.append("glance_release")
        return [
            *problems,
            *judge(
                given,
                known,
                unsaid,
                table[hosts.RELEASES],
                operator_files.reader(self._loader, variables),
                beside,
            ),
        ], waiting
