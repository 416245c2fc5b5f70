"""The play in the README of each role: Ansible takes its variables, and the role asks for no other."""

import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[3]
# No play of an operator names this one.
ROLES = sorted(path.parent.name for path in ROOT.glob("roles/*/README.md") if path.parent.name != "common")
# The rest of an entry of `roles` are parameters, each of which has to be in the specification of `main`
# (ansible/playbook/role/__init__.py, _prepend_validation_task).
KEYWORDS = {"role", "name", "vars", "tags", "when", "become"}


def spec(role):
    return yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]


def play(role):
    text = (ROOT / "roles" / role / "README.md").read_text()
    (found,) = yaml.safe_load(re.search(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[1])
    return found


@pytest.mark.parametrize("role", ROLES)
def test_the_role_takes_the_parameters_of_its_example(role):
    (entry,) = play(role)["roles"]
    entry = {"role": entry} if isinstance(entry, str) else entry
    assert entry["role"] == f"glanceops.image_service.{role}"
    assert entry.keys() - KEYWORDS <= spec(role)["main"].get("options", {}).keys()


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_of_its_example_is_one_of_the_collection(role):
    known = {name for each in (role, "common") for entry in spec(each).values() for name in entry.get("options") or {}}
    assert play(role)["vars"].keys() <= known


@pytest.mark.parametrize("role", ROLES)
def test_its_example_sets_what_has_no_default(role):
    given = play(role)["vars"]
    required = {name for name, option in spec(role)["main"].get("options", {}).items() if option.get("required")}
    assert required <= given.keys()
    if role in ("api", "registry", "scrubber", "database"):
        assert "glance_database_password" in given
