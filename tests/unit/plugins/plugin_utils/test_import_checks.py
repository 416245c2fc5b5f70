import yaml
from ansible_collections.glanceops.image_service.plugins.plugin_utils import import_checks, specs


def test_a_check_has_all_options_and_its_program_first():
    assert import_checks.complete(
        [{"name": "a", "src": "a.py", "argv": ["-x"]}, {"name": "b", "argv": ["/opt/b"]}]
    ) == [
        {**import_checks.DEFAULTS, "name": "a", "argv": ["/etc/glance/import-checks/a", "-x"]},
        {**import_checks.DEFAULTS, "name": "b", "argv": ["/opt/b"]},
    ]


def test_numbers_that_are_given_as_texts_are_numbers():
    (check,) = import_checks.complete([{"name": "b", "argv": ["/opt/b"], "timeout": "5", "refused_codes": ["2"]}])
    assert (check["timeout"], check["refused_codes"]) == (5, [2])


def test_defaults_are_those_of_the_role():
    spec = yaml.safe_load((specs.ROLES / "api/meta/argument_specs.yml").read_text())["argument_specs"]["main"]
    options = spec["options"]["glance_import_checks"]["options"]
    assert {name: each["default"] for name, each in options.items() if "default" in each} == import_checks.DEFAULTS


def test_programs_of_the_control_machine_are_put_on_hosts():
    (item,) = import_checks.programs([{"name": "a", "src": "a.py"}, {"name": "b", "argv": ["/opt/b"]}])
    assert item == {
        "path": "/etc/glance/import-checks/a",
        "staged_as": "import-checks/a",
        "src": "a.py",
        "group": "glance",
        "mode": "0755",
    }
