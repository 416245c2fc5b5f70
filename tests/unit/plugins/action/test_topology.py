import pytest
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
