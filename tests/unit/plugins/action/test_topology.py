import types

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.glanceops.image_service.plugins.action import topology as a


@pytest.fixture
def folder(tmp_path):
    """Return a folder as an inventory: two files of hosts, and what Ansible reads no hosts from."""
    for name in ("hosts.yml", "more.ini", "README.md", ".hidden", "group_vars/all.yml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    return tmp_path


def test_every_file_of_hosts_has_to_be_read(folder):
    hosts, more = str(folder / "hosts.yml"), str(folder / "more.ini")
    assert a.unread([str(folder)], [hosts, more, None]) == []
    assert a.unread([hosts, "h1,h2", "h3,"], [hosts]) == []
    (sentence,) = a.unread([str(folder)], [hosts])
    assert sentence.startswith(f"The inventory {more} should be one that Ansible can read")


def test_a_path_at_which_nothing_is_is_told(tmp_path):
    (sentence,) = a.unread([f"{tmp_path}/typo"], [])
    assert sentence == (
        f"The inventory {tmp_path}/typo should be a file or a folder, found nothing there: correct its path."
    )


def test_ansibles_own_inventory_need_not_be_there(monkeypatch, tmp_path):
    monkeypatch.setattr(a, "DEFAULT_SOURCE", f"{tmp_path}/hosts")
    assert a.unread([f"{tmp_path}/hosts"], []) == []


class HostVars(dict):
    """As Ansible's: what a host has before it is templated is asked for by another name."""

    raw_get = dict.__getitem__


def rotated(remaining, result, tags=("all",)):
    """Run the plugin at the end of rotate_secrets.yml; *result* is what Keystone was found to have."""
    variables = {"glance_auth": "keystone", "glance_identity_retired_users": ["old"], "glance_release": "2026.2"}
    hostvars = HostVars(a1=variables, a2=variables, k={**variables, "__glance_identity_found": result})
    task = types.SimpleNamespace(
        args={"groups": ["all"], "stage": "rotated"}, async_val=0, check_mode=False, diff=False, action="topology"
    )
    connection = types.SimpleNamespace(_shell=types.SimpleNamespace(tmpdir=None))
    loader = DataLoader()
    plugin = a.ActionModule(task, connection, None, loader, Templar(loader=loader, variables={}), None)
    return plugin.run(
        task_vars={
            "groups": {"all": list(hostvars), "glance_api": ["a1", "a2"], "glance_identity": ["k"]},
            "hostvars": hostvars,
            "ansible_play_hosts_all": list(hostvars),
            "ansible_play_hosts": remaining,
            "ansible_run_tags": list(tags),
        }
    )


@pytest.mark.parametrize(
    ("remaining", "result", "tags", "waiting"),
    [
        (["a1", "a2", "k"], {"leaving": ["old"]}, ("all",), None),
        (["a1", "k"], {"leaving": ["old"]}, ("all",), "a2"),
        (["a1", "k"], {"leaving": []}, ("all",), None),
        # Keystone did not answer, or was not asked.
        (["a1", "k"], {"failed": True}, ("all",), "a2"),
        (["a1", "a2", "k"], {"leaving": ["old"]}, ("glance_identity",), "a1, a2"),
    ],
)
def test_a_rotation_is_done_when_nobody_logs_in_as_before(remaining, result, tags, waiting):
    told = rotated(remaining, result, tags)
    assert told["changed"] is False
    assert bool(told.get("failed")) is bool(waiting)
    if waiting:
        assert f"Keystone should not have old any more, found that {waiting} may still" in told["msg"]
        assert "told" not in told
    else:
        assert told["told"][1].startswith("Keystone lets Glance in with the login of the inventory")
