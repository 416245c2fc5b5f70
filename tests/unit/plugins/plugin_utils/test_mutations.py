"""What the control machine says of mutated inventories: nothing, or a sentence without internals and secrets."""

import functools
import pathlib
import re

import mutations
import pytest
import yaml
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.names import unknown
from ansible_collections.glanceops.image_service.plugins.plugin_utils.judgement import judge
from ansible_collections.glanceops.image_service.plugins.plugin_utils.specs import operator_options

PROJECT = pathlib.Path(__file__).parents[4]
KNOWN = operator_options(
    yaml.safe_load(path.read_text()) for path in sorted(PROJECT.glob("roles/*/meta/argument_specs.yml"))
)
RELEASES = yaml.safe_load((PROJECT / "roles/common/vars/main/releases.yml").read_text())["__glance_releases"]
CASES = mutations.cases()
# What Python, Jinja2 or Ansible say of themselves.
INTERNAL = re.compile(
    r"Traceback|object has no|NoneType|<class|AnsibleUndefined|\{\{|unhashable|subscript|datetime|Error\b|Exception"
    r"|invalid literal|could not convert|must be one|missing required|Supported parameters|unable to convert"
)
FORM = re.compile(
    r".* should .+, found .+|\S+ is not a variable of glanceops\.image_service( \(did you mean \S+\?\))?"
    r'|"[^"]+" is not a variable of glanceops\.image_service( \(did you mean \S+\?\))?'
    r"|\[[^]]+\] (\S+ )?of glance_\S+ is no (option|section) of Glance \S+(: .+)?"
    r"|Glance can't use the driver .+ here: .+; .+"
)
# What is never right, by what was done: an option that a variable sets, the name of another section for a store, and a
# misspelt variable. Fast is a name like another one.
ALWAYS = {"owned", "reserved", "strange"}
# A second one may say what follows from the first, such as a default store that is none since the stores are misspelt.
MOST = 2


def told(variables):
    """Return what the control machine says of a host's variables."""
    given = {name: value for name, value in variables.items() if name in KNOWN}
    return unknown(variables, KNOWN) + judge(given, KNOWN, (), RELEASES)


@functools.cache
def told_of(number):
    """Return what it says of the case with a number."""
    (case,) = [each for each in CASES if each.number == number]
    return told(case.variables)


@pytest.mark.parametrize("stores", mutations.STORES)
@pytest.mark.parametrize("auth", mutations.AUTHS)
def test_what_is_mutated_is_right_before(stores, auth):
    assert told(mutations.inventory(stores, auth)) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.number))
def test_a_mutation_is_let_through_or_told_in_a_sentence(case):
    sentences = told_of(case.number)
    assert len(sentences) <= MOST, case
    assert sentences or case.kind not in ALWAYS or case.what.endswith("called Fast"), case
    for sentence in sentences:
        assert FORM.fullmatch(sentence), case
        assert INTERNAL.search(sentence) is None, case
        assert sentence.isprintable(), case
        assert mutations.SECRET not in sentence, case


def test_the_mutations_are_many_always_the_same_and_often_refused():
    assert len({repr(case.variables) for case in CASES}) == mutations.COUNT == 300
    assert [str(case) for case in mutations.cases()] == [str(case) for case in CASES]
    assert {(case.stores, case.auth) for case in CASES} == {(s, a) for s in mutations.STORES for a in mutations.AUTHS}
    assert sum(bool(told_of(case.number)) for case in CASES) > mutations.COUNT / 3
