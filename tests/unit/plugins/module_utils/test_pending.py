"""One look at a service: nothing is pending on a host that is as it should be, and each difference is."""

import grp
import os
import pathlib
import pwd
import stat

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import (
    config_items,
    config_set,
    kept_state,
    pending,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.host_check import HostError
from ansible_collections.glanceops.image_service.plugins.module_utils.manage import ManageError
from ansible_collections.glanceops.image_service.plugins.module_utils.release_venv import VenvError
from ansible_collections.glanceops.image_service.plugins.module_utils.service import Health, ServiceError

UNIT = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
VENV = "/opt/glance/2026.2-abc"
OWNER = {"owner": pwd.getpwuid(os.getuid())[0], "group": grp.getgrgid(os.getgid())[0]}


class Host:
    """What each part finds on a host; an exception is raised."""

    def __init__(self, monkeypatch, folder):
        self.folder = folder
        self.host = {"missing_packages": [], "user_pending": False, "deployed": ["glance-api"], "pending_mounts": []}
        self.venv = {"complete": True, "linked": True, "path": VENV}
        self.schema = {"changed": False}
        self.accounts = []
        self.units = {
            "a.service": dict(UNIT),
            "b.timer": {**UNIT, "ActiveState": "inactive", "UnitFileState": "disabled"},
        }
        self.health = Health(True, False, "200 OK")
        self.last = Health(True, False, "succeeded")
        self.asked = []
        self.given = {}

        def part(name):
            def run(*arguments):
                self.asked.append(name)
                self.given[name] = arguments
                found = getattr(self, name)
                if isinstance(found, Exception):
                    raise found
                return found

            return run

        monkeypatch.setattr(pending.host_check, "run", part("host"))
        monkeypatch.setattr(pending.release_venv, "run", part("venv"))
        monkeypatch.setattr(pending.database_schema, "run", part("schema"))
        monkeypatch.setattr(pending.accounts, "look", part("accounts"))
        monkeypatch.setattr(
            pending.service, "properties_of", lambda units: {**dict.fromkeys(units, UNIT), **part("units")()}
        )
        monkeypatch.setattr(pending.service, "health", part("health"))
        monkeypatch.setattr(pending.service, "last_run", part("last"))
        self.items = [
            {
                "path": f"{folder}/conf",
                "kind": "file",
                "content": "venv = @venv@\n",
                "secret": False,
                "mode": "0640",
                **OWNER,
            },
            {"path": f"{folder}/current", "kind": "link", "target": "@venv@"},
        ]
        (folder / "conf").write_text(f"venv = {VENV}\n")
        (folder / "conf").chmod(0o640)
        (folder / "current").symlink_to(VENV)
        self.record = str(folder / "sets/glance-api.json")
        wanted = config_items.wanted(pending._filled(self.items, self.venv["path"]), True)
        config_set.swap(wanted, ([], []), self.record)
        config_set.confirm(self.record)

    def look(self, **params):
        return pending.of_services([self.service(**params)])["pending"]

    def service(self, **params):
        return {
            "name": "glance-api",
            "host": {"service": "glance-api", "release": "2026.2"},
            "unwanted": ["glance-registry"],
            "venv": {"release": "2026.2", "pins": ["glance==33.0.0"], "host_modules": ["rados", "rbd"]},
            "files": self.items,
            "record_directory": str(self.folder / "sets"),
            "accounts": {"user": "glance", "clients": "127.0.0.1", "password": "p", "database": "glance"},
            "schema": {
                "manage": "/m",
                "config_file": "/c",
                "python": "@venv@/bin/python",
                "metadefs": "@venv@/etc",
            },
            "units": ["a.service"],
            "stopped_units": ["b.timer"],
            "health_url": "http://127.0.0.1:9292/healthcheck",
            "health_unit": "",
            **params,
        }


@pytest.fixture
def host(monkeypatch, tmp_path):
    return Host(monkeypatch, tmp_path)


def test_nothing_is_pending_on_a_host_that_is_as_it_should_be(host):
    assert host.look() == []
    schema = host.given["schema"][0]
    assert (schema["python"], schema["metadefs"]) == (f"{VENV}/bin/python", f"{VENV}/etc")
    assert host.look(health_url="", health_unit="check.service") == []
    assert host.look(host=None, venv=None, accounts=None, schema=None, files=[], record_directory="") == []


DIFFERENCES = {
    "refused": ({"host": HostError("no room")}, "no room"),
    "package": ({"host": {"missing_packages": ["haproxy"]}}, "it lacks haproxy"),
    "mount": ({"host": {"pending_mounts": ["/srv"]}}, "it lacks /srv"),
    "user": ({"host": {"user_pending": True}}, "its user glance is not as it should be"),
    "another service": ({"host": {"deployed": ["glance-api", "glance-registry"]}}, "glance-registry is to go"),
    "release": ({"venv": {"complete": False}}, "Glance 2026.2 is not installed"),
    "modules": ({"venv": {"complete": True, "linked": False}}, "Glance 2026.2 has no rados and rbd"),
    "no interpreter": ({"venv": VenvError("no Python")}, "no Python"),
    "accounts": ({"accounts": ["there is no user glance"]}, "there is no user glance"),
    "schema": ({"schema": {"changed": True}}, "the database is not at its schema"),
    "database": ({"schema": ManageError("no answer")}, "no answer"),
    "stopped": ({"units": {"a.service": {**UNIT, "ActiveState": "failed"}}}, "a.service should run"),
    "disabled": ({"units": {"a.service": {**UNIT, "UnitFileState": "disabled"}}}, "a.service should run"),
    "other mode": ({"units": {"b.timer": UNIT}}, "b.timer should be off"),
    "unread": ({"units": {"a.service": {**UNIT, "NeedDaemonReload": "yes"}}}, "systemd has not read its units"),
    "systemd": ({"units": ServiceError("no bus")}, "no bus"),
    "sick": ({"health": Health(False, False, "refused")}, "it is not healthy: refused"),
    "drained": ({"health": Health(True, True, "503")}, "it is not healthy: 503"),
}


@pytest.mark.parametrize(("found", "said"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_each_difference_is_pending(host, found, said):
    for name, value in found.items():
        known = getattr(host, name)
        setattr(host, name, {**known, **value} if isinstance(value, dict) else value)
    assert host.look() == [said]


@pytest.mark.parametrize("last", [None, Health(True, False, "left work behind", "1 image")])
def test_a_check_that_has_not_ended_well_is_pending(host, last):
    host.last = last
    assert host.look(health_url="", health_unit="check.service") == ["check.service should succeed"]


def test_changed_files_are_pending_and_what_takes_long_is_not_asked_then(host):
    (host.folder / "conf").write_text("other\n")
    assert host.look() == [f"{host.folder}/conf should change"]
    assert host.asked == ["host", "venv"]


def test_another_release_is_pending_by_its_link(host):
    host.venv = {"complete": True, "linked": True, "path": "/opt/glance/2026.2-new"}
    assert host.look() == [f"{host.folder}/conf, {host.folder}/current should change"]


def test_a_restart_that_was_cut_off_is_pending(host):
    record = config_set.load_record(host.record)
    config_set.save_record(host.record, {**record, "state": "in place"})
    assert host.look() == ["a restart is due"]


def test_files_without_a_record_are_compared_as_they_are(host):
    assert (
        host.look(
            record_directory="", venv=None, files=[{**host.items[0], "content": "venv = /opt/glance/2026.2-abc\n"}]
        )
        == []
    )
    assert host.look(record_directory="", venv=None, files=[{**host.items[0], "content": "x"}]) == [
        f"{host.folder}/conf should change"
    ]


def test_a_host_without_glance_needs_no_user_of_it(host):
    host.host = {**host.host, "user_pending": True}
    assert host.look(host={"service": "mariadb"}) == []


def test_a_part_that_no_module_takes_is_told(host):
    assert host.look(host={"release": "2026.2"}) == ["missing required arguments: service found in host"]
    assert host.asked == []


def test_the_first_service_with_something_to_do_is_told(monkeypatch):
    found = {"a": [], "b": ["b should run"], "c": ["c should run", "c is not healthy"]}
    monkeypatch.setattr(pending, "look", lambda params: found[params["name"]])
    services = [{"name": name, "units": []} for name in found]
    assert pending.of_services(services)["pending"] == ["b should run"]
    assert pending.of_services(services[:1])["pending"] == []


@pytest.fixture
def keep(monkeypatch, tmp_path):
    """Have a host compute a state of *services* from *inputs*; gives whether it is kept."""
    monkeypatch.setattr(kept_state, "PATH", str(tmp_path / "kept.json"))

    def run(inputs, *services, computed_from=None, **options):
        assert pending.of_services([], inputs, kept=True, **options)["unknown"] is True
        pending.of_services(services, computed_from or inputs, **options)
        return kept_state.load(inputs) is not None

    return run


def test_a_state_is_kept_without_secrets_and_compared_again(host, keep):
    api = host.service(accounts=None)
    database = host.service(name="glance-database", record_directory="", venv=None, files=[])
    assert keep("1", api, database)
    with open(kept_state.PATH, encoding="utf-8") as handle:
        assert host.items[0]["content"] not in handle.read()
    assert stat.S_IMODE(os.stat(kept_state.PATH).st_mode) == 0o600
    # That of the server has a password.
    assert pending.of_services([], "1", kept=True) == {"pending": [], "names": ["glance-api"], "unknown": False}

    # A host that has nothing to keep knows that.
    assert keep("2", database)
    assert pending.of_services([database], "2", kept=True) == {"pending": [], "names": [], "unknown": False}


def test_what_may_not_be_the_desired_state_is_not_kept(host, keep):
    api = host.service(accounts=None)
    assert not keep("", api)
    assert not keep("1", api, check_mode=True)
    # Something has changed meanwhile.
    assert not keep("1", api, computed_from="2")
    host.schema = {"changed": True}
    assert not keep("1", api)


@pytest.mark.parametrize("change", ["content", "mode", "unit"])
def test_a_host_that_was_changed_is_not_as_it_was_kept(host, keep, change):
    assert keep("1", host.service(accounts=None))
    conf = host.folder / "conf"
    if change == "content":
        conf.write_text("else")
    elif change == "mode":
        conf.chmod(0o600)
    else:
        host.units["a.service"]["ActiveState"] = "failed"
    said = "a.service should run" if change == "unit" else f"{conf} should change"
    assert pending.of_services([], "1", kept=True)["pending"] == [said]
    # It is computed anew, whatever was wrong.
    assert pending.of_services([], "1", kept=True)["unknown"] is True


def test_what_can_t_be_read_is_not_known(monkeypatch, tmp_path):
    monkeypatch.setattr(kept_state, "PATH", str(tmp_path / "kept.json"))
    for text in ("", "[]", '{"inputs": "1"}'):
        (tmp_path / "kept.json").write_text(text)
        assert kept_state.load("1") is None
    monkeypatch.setattr(kept_state, "PATH", str(tmp_path / "no/kept.json"))
    kept_state.expect("1")
    kept_state.drop()
    kept_state.save("1", [])
    assert kept_state.load("1") is None


@pytest.mark.parametrize("file", ["common/vars/main/layout.yml", "loadbalancer/tasks/uninstall.yml"])
def test_what_is_kept_goes_with_the_deployment(file):
    assert kept_state.PATH in (pathlib.Path(__file__).parents[4] / "roles" / file).read_text()
