"""Services whose desired state is collected task by task, and compared with this machine at once."""

import datetime
import json
import os
import pathlib
import subprocess
import sys

import pytest
from ansible_collections.glanceops.image_service.plugins.action import service_pending as action

COLLECTIONS = pathlib.Path(action.__file__).parents[5]
MODULE = "glanceops.image_service.service_pending"


@pytest.fixture
def play(tmp_path):
    """Run a task for each of *services*, then the one without a name; gives its result and the whole output."""
    (tmp_path / "a.conf.j2").write_text("password = {{ secret }}\n")

    def run(*services, last=None, groups=()):
        collect = {"before": "{{ found | default({}) }}", "record_directory": "", "units": []}
        tasks = [{MODULE: {**collect, **service}, "register": "found", "no_log": True} for service in services]
        tasks += [
            {MODULE: {"before": "{{ found | default({}) }}", **(last or {})}, "register": "found"},
            {"ansible.builtin.copy": {"content": "{{ found | to_json }}", "dest": f"{tmp_path}/result.json"}},
        ]
        tasks = [{"ansible.builtin.group_by": {"key": group}} for group in groups] + tasks
        variables = {"ansible_python_interpreter": sys.executable, "secret": "hunter2"}
        (tmp_path / "play.yml").write_text(
            json.dumps([{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}])
        )
        (tmp_path / "ansible.cfg").touch()
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(tmp_path / "far"),
        }
        command = [sys.executable, "-m", "ansible", "playbook", "-vvv", str(tmp_path / "play.yml")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads((tmp_path / "result.json").read_text()), done.stdout + done.stderr

    return run


def file_of(folder):
    return {"path": str(folder / "a.conf"), "template": str(folder / "a.conf.j2"), "secret": True}


def test_all_services_are_compared_at_once_and_no_secret_shows(play, tmp_path):
    (tmp_path / "a.conf").write_text("password = hunter2\n")
    a, b = (
        {"name": "a", "always": "", "files": [file_of(tmp_path)]},
        {"name": "b", "files": [{"path": "/no/b", "content": "b"}]},
    )
    result, output = play(a)
    assert (result["pending"], result["looked"]) == ([], ["a"])
    assert "modules/service_pending.py" in output
    assert "hunter2" not in output
    assert "hunter2" not in json.dumps(result)
    # What is not wanted is not compared.
    result, _output = play(a, {**b, "wanted": False})
    assert (result["pending"], result["looked"]) == ([], ["a"])
    result, _output = play(a, b)
    assert (result["pending"], result["looked"]) == (["/no/b should change"], ["a", "b"])


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        ({"always": "the server of others"}, "the server of others"),
        ({"files": [{"path": "/no/b", "template": "/no/such.j2"}]}, "/no/such.j2"),
    ],
)
def test_what_the_control_machine_knows_is_asked_of_no_host(play, tmp_path, service, reason):
    a = {"name": "a", "files": [file_of(tmp_path)]}
    result, output = play(a, {"name": "b", **service})
    assert result["looked"] == ["a", "b"]
    (found,) = result["pending"]
    assert reason in found
    assert "modules/service_pending.py" not in output


def test_a_host_without_a_service_of_ours_is_not_asked_what_it_keeps(play):
    result, output = play(last={"kept": True})
    assert (result["pending"], result["looked"]) == ([], [])
    assert "unknown" not in result
    assert "modules/service_pending.py" not in output
    # In a play of the operator's own, nothing tells what the state is computed from.
    result, _output = play(last={"kept": True}, groups=["glance_api"])
    assert result["unknown"] is True


VARIABLES = {
    "inventory_hostname": "a",
    "ansible_facts": {},
    "glance_config": {"DEFAULT": {"debug": True}},
    "__glance_topology": {"collection": "c", "hosts": {"a": {}}},
}


class Plain:
    """A templar of variables without a template."""

    @staticmethod
    def template(value):
        return value


def inputs_of(variables):
    plugin = object.__new__(action.ActionModule)
    plugin._templar, plugin._loader = Plain, None
    return plugin._inputs(variables)


def test_the_same_variables_give_the_same_digest():
    assert len(inputs_of(VARIABLES)) == 64
    assert inputs_of({**VARIABLES, "other": 1}) == inputs_of(VARIABLES)
    assert inputs_of({**VARIABLES, "glance_config": {}}) != inputs_of(VARIABLES)
    assert inputs_of({**VARIABLES, "ansible_managed": "by us"}) != inputs_of(VARIABLES)


@pytest.mark.parametrize(
    "changed",
    [
        {"__glance_topology": {}},
        {"__glance_topology": {"collection": "", "hosts": {}}},
        # Ansible puts in there when a template was written.
        {"ansible_managed": "{file} on %Y"},
        {"glance_files": [{"path": "/etc/glance/a", "src": "/no/such"}]},
        {"glance_import_checks": [{"name": "a", "src": "/no/such"}]},
        {"glance_import_scan_signatures": ["/no/such"]},
        {"glance_config": {datetime.date(2026, 1, 1): 1}},
    ],
)
def test_without_all_that_counts_there_is_no_digest(changed):
    assert inputs_of({**VARIABLES, **changed}) == ""
