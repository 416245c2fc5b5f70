import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[3]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
TYPES = {"str", "int", "float", "bool", "list", "dict", "path", "raw"}


def load(path):
    return yaml.safe_load(path.read_text()) or {}


def parts(role, folder):
    """Every YAML file of defaults or vars: one named main, or those of a folder named main."""
    base = ROOT / "roles" / role / folder
    files = [*base.glob("main.yml"), *base.glob("main.yaml"), *base.glob("main/**/*.yml"), *base.glob("main/**/*.yaml")]
    assert sorted(files) == sorted(path for path in base.rglob("*") if path.is_file()), (
        "a file that Ansible never reads"
    )
    return files


def variables(role, folder):
    return {name: value for path in parts(role, folder) for name, value in load(path).items()}


def entry_points(role):
    return load(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]


def options(role):
    """Pairs of entry point and name with their option, nested ones as name.suboption."""

    def walk(prefix, given):
        for name, option in (given or {}).items():
            yield f"{prefix}{name}", option
            yield from walk(f"{prefix}{name}.", option.get("options"))

    for entry, spec in entry_points(role).items():
        for name, option in walk("", spec.get("options")):
            yield (entry, name), option


def top_level(role):
    return {name: option for (_entry, name), option in options(role) if "." not in name}


def included():
    """Pairs of role and entry point that are called with tasks_from, and how they are spelt."""

    def walk(node):
        if isinstance(node, list):
            for each in node:
                yield from walk(each)
        elif isinstance(node, dict):
            if "tasks_from" in node:
                yield str(node.get("name") or node.get("role")), str(node["tasks_from"])
            for each in node.values():
                yield from walk(each)

    files = [*(ROOT / "roles").glob("*/tasks/**/*.yml"), *(ROOT / "roles").glob("*/handlers/**/*.yml")]
    files += (ROOT / "playbooks").rglob("*.yml")
    return sorted({call for path in files for call in walk(load(path))})


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_declared(role):
    assert variables(role, "defaults").keys() - top_level(role).keys() == set()


@pytest.mark.parametrize("role", ROLES)
def test_every_option_has_a_type_and_a_description(role):
    for where, option in options(role):
        assert option.get("type") in TYPES, where
        assert option.get("description"), where
        if option["type"] == "list":
            assert option.get("elements") in TYPES, where


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_says_what_it_is_for(role):
    for entry, spec in entry_points(role).items():
        assert spec.get("short_description"), entry
        assert spec.get("description"), entry


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_those_that_the_documentation_names(role):
    defaults = variables(role, "defaults")
    for (entry, name), option in options(role):
        if "default" in option and name in defaults:
            # Playbooks know what a role alone does not.
            handed = f"{{{{ __glance_topology.hosts[inventory_hostname].{name} | default("
            text = str(defaults[name])
            default = yaml.safe_load(text[len(handed) : -len(") }}")]) if text.startswith(handed) else defaults[name]
            # A default of 1 is not one of true.
            assert repr(option["default"]) == repr(default), (entry, name)


@pytest.mark.parametrize("role", ROLES)
def test_every_option_has_a_value_from_somewhere(role):
    defaults = variables(role, "defaults")
    for (entry, name), option in options(role):
        if "." not in name and not option.get("required"):
            # Ansible takes no value from a spec: the default has to be in defaults too.
            assert name in defaults, (entry, name)


@pytest.mark.parametrize("role", ROLES)
def test_a_required_option_has_no_default(role):
    for where, option in options(role):
        if option.get("required"):
            assert "default" not in option, where
            assert where[1] not in variables(role, "defaults"), where


@pytest.mark.parametrize("role", ROLES)
def test_defaults_fit_their_choices(role):
    for where, option in options(role):
        if "choices" in option and "default" in option:
            given = option["default"] if isinstance(option["default"], list) else [option["default"]]
            assert set(given) <= set(option["choices"]), where


@pytest.mark.parametrize("role", ROLES)
def test_names(role):
    for name in [*top_level(role), *variables(role, "defaults")]:
        assert re.fullmatch(r"glance_[a-z0-9_]+", name)
    for name in variables(role, "vars"):
        assert re.fullmatch(r"__glance_[a-z0-9_]+", name)


def test_an_option_is_the_same_in_every_entry_point_and_role():
    seen = {}
    for role in ROLES:
        for (entry, name), option in options(role):
            known = {key: value for key, value in option.items() if key != "description"}
            assert seen.setdefault(name, known) == known, (role, entry, name)


def test_no_variable_is_set_by_two_files():
    names = [
        name
        for role in ROLES
        for folder in ("defaults", "vars")
        for path in parts(role, folder)
        for name in load(path)
        # What roles/common goes by is another service in each role.
        if name != "__glance_service"
    ]
    assert sorted(names) == sorted(set(names))


def test_some_entry_points_are_called():
    assert len(included()) >= 4


@pytest.mark.parametrize(("name", "entry"), included())
def test_an_entry_point_is_called_by_its_full_name(name, entry):
    collection, _dummy, role = name.rpartition(".")
    assert collection == "glanceops.image_service"
    # With an extension Ansible finds the tasks, but not the spec of those that have one.
    assert not entry.endswith((".yml", ".yaml"))
    assert (ROOT / "roles" / role / "tasks" / f"{entry}.yml").is_file()


@pytest.mark.parametrize("role", ROLES)
def test_entry_points_for_plays_of_ones_own_have_a_spec_and_steps_of_playbooks_have_none(role):
    table = (ROOT / "roles" / role / "README.md").read_text().partition("| Entry point |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", table, re.MULTILINE)
    assert sorted(re.findall(r"\w+", " ".join(rows))) == sorted(entry_points(role))


@pytest.mark.parametrize("role", ROLES)
def test_every_spec_belongs_to_tasks(role):
    for entry in entry_points(role):
        assert (ROOT / "roles" / role / "tasks" / f"{entry}.yml").is_file()
