"""The example inventories with one mistake each, as a host's variables: every mistake is told with its name."""

import re
import types

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.glanceops.image_service.plugins.action import check_variables as c
from mistakes import example, mistakes

# It reads each file once.
LOADER = DataLoader()


def trusted(value):
    """Return a value of an inventory as Ansible reads it, whose texts may be templates."""
    if isinstance(value, dict):
        return {name: trusted(each) for name, each in value.items()}
    if isinstance(value, list):
        return [trusted(each) for each in value]
    return trust_as_template(value) if isinstance(value, str) else value


def told(variables):
    """Return what the plugin refuses the *variables* of an API host with, as plays/validate.yml calls it."""
    variables = {
        **trusted(variables),
        "inventory_hostname": "h",
        "group_names": ["glance_api"],
        "groups": {"glance_api": ["h"]},
    }
    task = types.SimpleNamespace(args={}, async_val=0, check_mode=True, diff=False, action="check_variables")
    connection = types.SimpleNamespace(_shell=types.SimpleNamespace(tmpdir=None))
    templar = Templar(loader=LOADER, variables=variables)
    return c.ActionModule(task, connection, None, LOADER, templar, None).run(task_vars=variables).get("msg", "")


@pytest.mark.parametrize(("name", "step"), [("single", 1), ("cluster", 4)])
def test_every_wrong_variable_is_named(name, step):
    right, cases = example(name), list(mistakes())[::step]
    assert len(cases) > 150
    assert told(right) == ""
    found = [(named, case, told({**right, **case})) for named, case in cases]
    wrong = [each for each in found if not re.fullmatch(rf"h: [^\n]*\b{each[0]}\b[^\n]*\.", each[-1])]
    assert wrong == []
    assert [sentence for _named, _case, sentence in found if "hushed" in sentence] == []
