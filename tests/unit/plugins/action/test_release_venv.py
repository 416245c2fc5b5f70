import json
import os
import pathlib
import subprocess
import sys

import fake_wheels
import pytest
from ansible_collections.glanceops.image_service.plugins.action import release_venv as action

COLLECTIONS = pathlib.Path(action.__file__).parents[5]


@pytest.fixture
def plays(tmp_path):
    """Run a task for each of several changes on this machine, in one play; gives their results and the whole output."""
    wheels = fake_wheels.make_wheelhouse(tmp_path / "wheelhouse")
    listed = tmp_path / "wheels.txt"
    listed.write_text("alpha==1.0  # sdist\nbeta==2.0\n")
    task = {"release": "r1", "wheels": str(listed), "root": str(tmp_path / "root"), "python": sys.executable,
            "cache": str(tmp_path / "cache"), "directory": str(wheels)}  # fmt: skip

    def run(options, all_changes):
        result = tmp_path / "results.json"
        result.unlink(missing_ok=True)
        names = [f"venv{number}" for number in range(len(all_changes))]
        tasks = [
            {"glanceops.image_service.release_venv": {**task, **changes}, "register": name, "ignore_errors": True}
            for name, changes in zip(names, all_changes)
        ]
        write = {"content": f"{{{{ [{', '.join(names)}] | to_json }}}}", "dest": str(result)}
        tasks.append({"ansible.builtin.copy": write, "check_mode": False})
        (tmp_path / "ansible.cfg").touch()
        (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(tmp_path / "far"),
            "LC_ALL": "C.UTF-8",
            "PIP_RETRIES": "1",
        }
        command = [sys.executable, "-m", "ansible", "playbook", *options, str(tmp_path / "play.yml")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(result.read_text()), done.stdout + done.stderr

    return run


@pytest.fixture
def play(plays):
    """Run the task once."""

    def run(*options, **changes):
        (result,), output = plays(options, [changes])
        return result, output

    return run


def test_a_playbook_looks_builds_and_then_has_nothing_to_do(play, tmp_path):
    looked, _dummy = play("--check")
    assert looked["changed"] is True
    assert looked["wheels_downloaded"] == 0
    assert not (tmp_path / "root").exists()
    assert not (tmp_path / "cache").exists()
    built, output = play()
    assert (built["changed"], built["path"], built["wheels_downloaded"]) == (True, looked["path"], 3)
    for said in ("localhost: fetching 3 wheels", "localhost: carrying 3 wheels"):
        assert said in output
    assert (
        subprocess.check_output([f"{built['path']}/bin/python", "-c", "import alpha; print(alpha.ANSWER)"]) == b"42\n"
    )
    again, _dummy = play()
    assert again["changed"] is False
    assert again["wheels_downloaded"] == 0
    linked, _dummy = play(host_modules=["json"])
    assert (linked["changed"], linked["wheels_downloaded"], linked["path"]) == (True, 0, built["path"])
    assert play(host_modules=["json"])[0]["changed"] is False
    assert list((tmp_path / "far").glob("ansible-tmp-*")) == []


def test_a_playbook_never_shows_the_index_password(play):
    result, output = play("-vvvv", "--diff", directory="", index_url="http://user:hush-hush@127.0.0.1:9/simple",
                          cache="{{ playbook_dir }}/other", proxy="http://us:hush-hush@127.0.0.1:9")  # fmt: skip
    assert result["failed"] is True
    assert "hush-hush" not in output
    assert "index_url" in result["msg"]


WRONG = [
    ({"python_floor": "4.0"}, "localhost: expected Python 4.0 or newer, found 3."),
    ({"python_below": "3.9"}, "localhost: expected a Python older than 3.9, found 3."),
    ({"python_below": "four"}, "python_below: expected a version as 3.11, found 'four'"),
    ({"python_floor": "three"}, "expected a version as 3.11, found 'three'"),
    ({"python": "/nowhere/python3"}, "expected a Python interpreter at /nowhere/python3, found none"),
    ({"release": "../r1"}, "expected a plain name as 2026.2"),
    ({"wheels": "/nowhere.txt"}, "expected a list of wheels at /nowhere.txt"),
]


def test_a_playbook_is_told_what_is_wrong(plays):
    results, _dummy = plays([], [changes for changes, _said in WRONG])
    assert [result["failed"] for result in results] == [True] * len(WRONG)
    assert [said for result, (_changes, said) in zip(results, WRONG) if said not in result["msg"]] == []
