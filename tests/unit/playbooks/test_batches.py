"""Batches of API hosts, in plays of our own on hosts that are this machine: how many, and what ends when one fails."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

PROJECT = pathlib.Path(__file__).parents[3]
PLAYS = PROJECT / "playbooks/plays"
HOSTS = ["a1", "a2", "a3", "a4", "a5"]
ROLE = {"name": "glanceops.image_service.api"}


def batched():
    """Give the plays in which hosts of the API leave the rotation."""
    for name in ("api", "upgrade_api", "restart"):
        yield from (
            play
            for play in yaml.safe_load((PLAYS / f"{name}.yml").read_text())
            if "serial" in play and "glance_api" in play["hosts"]
        )


(SERIAL,) = {play["serial"] for play in batched()}


def run(folder, variables, tasks, *options, of_hosts=None, hosts="glance_api"):
    """Run *tasks* as the plays of the API do, after preflight; gives its code and output."""
    inventory = {
        "all": {
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
            "children": {
                "glance_api": {"vars": variables, "hosts": {host: (of_hosts or {}).get(host, {}) for host in HOSTS}}
            },
        }
    }
    (folder / "hosts.json").write_text(json.dumps(inventory))
    preflight = {
        "import_playbook": str(PLAYS / "preflight.yml"),
        "vars": {"__glance_preflight_groups": ["glance_api"], "__glance_preflight_stage": "rolling"},
    }
    play = {"hosts": hosts, "gather_facts": False, "serial": SERIAL, "tasks": tasks}
    (folder / "play.yml").write_text(yaml.safe_dump([preflight, play], sort_keys=False))
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".ansible/collections"),
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
    }
    done = subprocess.run(
        ["ansible-playbook", f"--inventory={folder}/hosts.json", str(folder / "play.yml"), *options],
        cwd=PROJECT / "tests",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_all_plays_of_the_api_ask_for_the_same_batches():
    assert len(list(batched())) == 3


@pytest.mark.parametrize(
    ("value", "options", "sizes"),
    [
        (None, [], [1, 1, 1, 1, 1]),
        ("50%", [], [2, 2, 1]),
        # Localhost and the first host of the group are no part of such a run.
        (2, ["--limit=a3,a4,a5"], [2, 1]),
        (2, ["--extra-vars=glance_api_serial=4"], [4, 1]),
    ],
)
def test_an_operators_variable_of_the_group_says_how_many(tmp_path, value, options, sizes):
    tasks = [{"ansible.builtin.debug": {"msg": "BATCH={{ ansible_play_batch | length }}"}, "run_once": True}]
    code, output = run(tmp_path, {} if value is None else {"glance_api_serial": value}, tasks, *options)
    assert code == 0, output
    assert [int(size) for size in re.findall(r"BATCH=(\d+)", output)] == sizes


def test_a_syntax_check_has_no_variables_of_hosts():
    done = subprocess.run(
        [
            "ansible-playbook",
            "--syntax-check",
            f"--inventory={PROJECT}/inventories/cluster",
            *sorted(map(str, (PROJECT / "playbooks").glob("*.yml"))),
        ],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".ansible/collections")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("playbook: ") == len(list((PROJECT / "playbooks").glob("*.yml")))


def test_a_play_without_hosts_is_none(tmp_path):
    code, output = run(tmp_path, {}, [], hosts="glance_api:&glance_api_changing")
    assert code == 0, output


def test_a_wrong_one_is_refused_before_any_host_is_reached(tmp_path):
    path = tmp_path / "hosts.json"
    hosts = {host: {"ansible_host": "198.18.0.1", "glance_api_serial": "0%"} for host in HOSTS}
    path.write_text(json.dumps({"glance_api": {"hosts": hosts}}))
    done = subprocess.run(
        ["ansible-playbook", f"--inventory={path}", str(PROJECT / "playbooks/restart.yml")],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / ".ansible/collections")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert 'or a percentage from 1% to 100%, found "0%": correct it.' in done.stdout.replace("\\", ""), done.stdout
    assert "UNREACHABLE" not in done.stdout


def told(output, word):
    """Return the hosts that a task has told of with *word*; those of a batch answer in any order."""
    return sorted(re.findall(rf"{word}=(\w+)", output))


def failing(host):
    return [
        {"name": "Begin", "ansible.builtin.debug": {"msg": "BEGUN={{ inventory_hostname }}"}},
        {"name": "Fail", "ansible.builtin.fail": {"msg": "broken"}, "when": f"inventory_hostname in {host}"},
        {"name": "End", "ansible.builtin.debug": {"msg": "ENDED={{ inventory_hostname }}"}},
    ]


END = {"ansible.builtin.import_role": {**ROLE, "tasks_from": "end_batch"}}


@pytest.mark.parametrize(
    ("failed", "begun", "ended"),
    [
        ([], HOSTS, HOSTS),
        # The other host of the batch is finished, and the next batch not begun.
        (["a1"], ["a1", "a2"], ["a2"]),
        (["a1", "a2"], ["a1", "a2"], []),
        (["a4"], ["a1", "a2", "a3", "a4"], ["a1", "a2", "a3"]),
    ],
)
def test_a_failed_host_stops_the_run_before_the_next_batch(tmp_path, failed, begun, ended):
    code, output = run(tmp_path, {"glance_api_serial": 2}, [*failing(failed), END])
    assert (code == 0) == (not failed), output
    assert told(output, "BEGUN") == begun
    assert told(output, "ENDED") == ended
    survivors = len(ended) % 2 == 1 and bool(failed)
    assert (f"found that {', '.join(failed)} failed: see why above" in output) == survivors, output


@pytest.mark.parametrize(
    ("failed", "done", "said"),
    [
        (["a1", "a2"], [], "Done: no host. Not done: a1, a2, a3, a4, a5."),
        (["a3"], ["a1", "a2", "a4"], "Done: a1, a2, a4. Not done: a3, a5. Hosts of both"),
    ],
)
def test_an_upgrade_tells_once_which_hosts_of_a_batch_are_done(tmp_path, failed, done, said):
    upgrade = yaml.safe_load((PROJECT / "roles/api/tasks/upgrade.yml").read_text())[0]
    (report,) = (task for task in upgrade["block"] if task.get("register") == "__glance_api_deployed")
    (far,) = upgrade["always"]
    # What a run has seen on hosts by then.
    seen = {host: {"__glance_upgrade": {"running": "2025.1", "back_to": ""}} for host in HOSTS}
    block = {
        "block": [*failing(failed), {**report, "ansible.builtin.debug": {"msg": "runs it"}}],
        "always": [{"ansible.builtin.include_role": {**ROLE, "tasks_from": "how_far"}, "when": far["when"]}],
        # Variables of roles, which come with the tasks that are left out here.
        "vars": {
            **yaml.safe_load((PROJECT / "roles/api/vars/main/upgrade.yml").read_text()),
            "__glance_release": "2026.2",
            "__glance_releases_in_use": ["2026.2"],
        },
    }
    code, output = run(tmp_path, {"glance_api_serial": 2, "glance_release": "2026.2"}, [block, END], of_hosts=seen)
    assert code != 0, output
    assert output.count("The upgrade to Glance 2026.2 stops here.") == 1, output
    assert said in output
    assert told(output, "ENDED") == done


@pytest.mark.parametrize(
    ("before", "there", "back"),
    [
        ([], [], []),
        # Whoever waits for the schema goes back, be it that its host fails at it or was lost before.
        ([], ["a1"], ["a1", "a2"]),
        (["a1"], [], ["a2"]),
    ],
)
def test_no_host_goes_on_without_the_one_that_brings_the_database_to_its_schema(tmp_path, before, there, back):
    (schema,) = yaml.safe_load((PROJECT / "roles/common/tasks/database.yml").read_text())
    bring, put_back = schema["block"][0], schema["rescue"][0]
    assert "glanceops.image_service.database_schema" in bring
    assert put_back["glanceops.image_service.config_files"]["state"] == "previous"
    schema["block"][0] = {"ansible.builtin.fail": {"msg": "broken"}, "when": f"inventory_hostname in {there}"}
    schema["rescue"][0] = {"ansible.builtin.debug": {"msg": "BACK={{ inventory_hostname }}"}}
    restart = {"ansible.builtin.debug": {"msg": "RESTARTED={{ inventory_hostname }}"}}
    tasks = [*failing(before), {**schema, "vars": {"__glance_schema_host": "a1"}}, restart, END]
    code, output = run(tmp_path, {"glance_api_serial": 2}, tasks)
    failed = {*before, *back}
    assert (code == 0) == (not failed), output
    assert told(output, "BACK") == back
    begun = HOSTS[:2] if failed else HOSTS
    assert told(output, "RESTARTED") == [host for host in begun if host not in failed]
