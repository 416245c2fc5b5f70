import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.glanceops.image_service.plugins.plugin_utils import operator_files as o

PROTECTIONS = {"path": "/etc/glance/property-protections.conf", "content": "p", "services": ["api"]}
CEPH = {"path": "/etc/ceph/ceph.conf", "src": "ceph.conf", "mode": "0644"}
KEYRING = {"path": "/etc/ceph/b/ceph.client.glance.keyring", "src": "keyring", "services": ["api", "scrubber"]}
RACK = {"path": "/etc/glance/metadefs/own/rack.json", "content": "{}", "services": ["api", "registry"]}
ALL = [PROTECTIONS, CEPH, KEYRING, RACK]


def paths(service):
    return [item["path"] for item in o.items(ALL, service, "glance")]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (
            "glance-api",
            [
                *("/etc/ceph", "/etc/ceph/b", "/etc/glance/metadefs", "/etc/glance/metadefs/own"),
                *(entry["path"] for entry in ALL),
            ],
        ),
        ("glance-scrubber", ["/etc/ceph", "/etc/ceph/b", CEPH["path"], KEYRING["path"]]),
        (
            "glance-registry",
            ["/etc/ceph", "/etc/glance/metadefs", "/etc/glance/metadefs/own", CEPH["path"], RACK["path"]],
        ),
        ("glance-purge", []),
    ],
)
def test_a_service_has_what_it_reads_with_the_folders_first(service, expected):
    assert paths(service) == expected


def test_files_are_for_root_and_the_group_and_folders_stay_as_they_are_found():
    items = {item["path"]: item for item in o.items(ALL, "glance-api", "glance")}
    adopted = {"path": "/etc/ceph", "kind": "directory", "adopt": True}
    assert items["/etc/ceph"] == adopted | {"owner": "root", "group": "root", "mode": "0755"}
    assert (items["/etc/glance/metadefs"]["group"], items["/etc/glance/metadefs"]["mode"]) == ("glance", "0750")
    text = {"path": PROTECTIONS["path"], "kind": "file", "content": "p", "staged_as": "property-protections.conf"}
    assert items[text["path"]] == text | {"owner": "root", "group": "glance", "mode": "0640", "secret": False}
    assert (items[CEPH["path"]]["src"], items[CEPH["path"]]["mode"]) == ("ceph.conf", "0644")


def test_staged_files_lie_where_glance_would_find_them_and_never_in_one_place():
    places = [item["staged_as"] for item in o.items(ALL, "glance-api", "g") if item["kind"] == "file"]
    assert places == [
        *("property-protections.conf", "etc-ceph/ceph.conf"),
        *("etc-ceph/b/ceph.client.glance.keyring", "metadefs/own/rack.json"),
    ]


@pytest.mark.parametrize(
    ("entry", "secret"),
    [
        ({"path": "/etc/ceph/ceph.client.glance.keyring"}, True),
        ({"path": "/etc/glance/barbican.key"}, True),
        ({"path": "/etc/glance/Swift-Secrets.conf"}, True),
        ({"path": "/etc/glance/db_password"}, True),
        ({"path": "/etc/ceph/keyrings/ceph.conf"}, False),
        ({"path": "/etc/glance/keys.conf"}, False),
        ({"path": "/etc/ceph/ceph.client.glance.keyring", "secret": False}, False),
        ({"path": "/etc/glance/logging.conf", "secret": "yes"}, True),
    ],
)
def test_a_name_tells_a_secret_unless_the_operator_does(entry, secret):
    assert o.is_secret(entry) is secret


@pytest.mark.parametrize(
    ("service", "expected"),
    [("glance-api", [RACK["path"]]), ("glance-registry", [RACK["path"]]), ("glance-scrubber", [])],
)
def test_metadata_definitions_are_told_from_their_folders(service, expected):
    assert o.metadefs(ALL, service) == expected


@pytest.fixture
def read(tmp_path):
    """Read as for a host of an inventory in one folder and a playbook in another."""
    for name in ("playbooks/files", "mine/files"):
        (tmp_path / name).mkdir(parents=True)
    loader = DataLoader()
    loader.set_vault_secrets([("default", VaultSecret(b"open"))])
    variables = {"playbook_dir": str(tmp_path / "playbooks"), "inventory_dir": str(tmp_path / "mine")}
    return o.reader(loader, variables)


@pytest.mark.parametrize("place", ["playbooks/files", "playbooks", "mine/files", "mine"])
def test_a_source_is_found_with_the_playbook_and_with_the_inventory(read, tmp_path, place):
    (tmp_path / place / "a.conf").write_text("größe {{ as it is }}\n")
    assert read("a.conf") == read(str(tmp_path / place / "a.conf")) == "größe {{ as it is }}\n"


def test_the_playbook_comes_first(read, tmp_path):
    for place in ("mine", "playbooks/files"):
        (tmp_path / place / "a").write_text(place)
    assert read("a") == "playbooks/files"


def test_a_play_of_this_collection_is_a_folder_below_the_playbook(tmp_path):
    (tmp_path / "playbooks/files").mkdir(parents=True)
    (tmp_path / "playbooks/files/a").write_text("here")
    assert o.reader(DataLoader(), {"playbook_dir": str(tmp_path / "playbooks/plays")})("a") == "here"


def test_a_vault_is_opened(read, tmp_path):
    secret = VaultSecret(b"open")
    (tmp_path / "mine/keyring").write_bytes(VaultLib([("default", secret)]).encrypt("key = x", secret))
    assert read("keyring") == "key = x"
    other = VaultSecret(b"another")
    (tmp_path / "mine/keyring").write_bytes(VaultLib([("default", other)]).encrypt("key = x", other))
    with pytest.raises(ValueError, match=r"mine/keyring, which can't be read: .*ecrypt"):
        read("keyring")


@pytest.mark.parametrize(
    ("src", "said"),
    [
        ("gone", r"none in \S+/playbooks/files, \S+/playbooks, \S+/mine/files, \S+/mine: name a file"),
        ("/no/such", "nothing there: name a file on the control machine"),
        ("files", "which is none: name each file of a folder"),
        ("binary", r"mine/binary with other bytes in it: only files of text"),
    ],
)
def test_what_is_no_text_is_told(read, tmp_path, src, said):
    (tmp_path / "mine/binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=said):
        read(src)


def test_what_can_not_be_read_is_told(read, tmp_path, monkeypatch):
    (tmp_path / "mine/closed").touch()

    def refuse(*_arguments, **_more):
        raise PermissionError(13, "Permission denied")

    # Root, who runs the tests, reads everything.
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ValueError, match=r"which can't be read: .*Permission denied"):
        read("closed")


def test_all_files_of_the_control_machine_that_are_put_on_hosts_are_known():
    options = {
        "glance_files": ALL,
        "glance_import_checks": [{"name": "a", "src": "a.py"}, {"name": "b", "argv": ["/opt/b"]}],
        "glance_import_scan_signatures": ["own.ndb"],
    }
    assert o.sources(options) == ["ceph.conf", "keyring", "a.py", "own.ndb"]
    assert o.sources({}) == []
