"""Configurations of public sites, on a host in check mode: they deploy, or each option is refused in a sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import inventory_of
import pytest
import yaml

testinfra_hosts = ["ansible://glance_api"]
FOLDER = Path(inventory_of.__file__).parent / "sites"
SECRET = "not-the-real-one"
REFERENCE = """[ref1]
user = service:glance
key = not-the-real-one
auth_version = 3
auth_address = http://127.0.0.1:5000/v3
project_domain_id = default
user_domain_id = default
"""
# What an operator has beside the configuration.
OWN = {"glance-swift.conf": REFERENCE, "policy.json": '{"publicize_image": "role:admin"}'}
FILE = {"driver": "file", "options": {"filesystem_store_datadir": "/var/lib/glance/images"}}


def options_of(name: str) -> dict[str, dict[str, str]]:
    """Return the options of a site whose other hosts are this one, so that nothing waits for an answer."""
    text = (FOLDER / f"{name}.yml").read_text()
    return yaml.safe_load(re.sub(r"192\.0\.2\.\d+|[\w-]+\.example\.com", "127.0.0.1", text))["options"]


def variables_of(name: str, change: dict[str, Any], stores: dict[str, Any]) -> dict[str, Any]:
    """Return the variables made of a site, with what an operator changes in them; a store that is None goes."""
    given = {section: {key: [value] for key, value in values.items()} for section, values in options_of(name).items()}
    variables = {**inventory_of.convert(given, "2026.2").variables, **change}
    for entry in variables.get("glance_files", []):
        entry["content"] = OWN[entry.pop("src")]
    kept = {**variables["glance_stores"], **stores}
    return {**variables, "glance_stores": {store: each for store, each in kept.items() if each}}


VERSION_3 = {
    "driver": "swift",
    "options": {
        "swift_store_auth_address": "http://127.0.0.1:5000/v3",
        "swift_store_user": "service:glance",
        "swift_store_key": SECRET,
    },
}
OTHER_USER = {"glance_database_user": "glance"}


@pytest.mark.parametrize(
    ("name", "change", "stores", "said"),
    [
        ("2025.1-limits", {}, {}, ""),
        ("pike-swift", {}, {}, ""),
        ("zed-stores", {}, {}, "the driver of the store cinder in glance_stores should be one of"),
        ("zed-stores", {}, {"cinder": None}, ""),
        ("newton-rbd", {}, {}, "/etc/ceph/ceph.conf"),
        ("newton-rbd", {"glance_default_store": "file"}, {"rbd": None, "file": FILE}, ""),
        ("icehouse-swift", {}, {}, "glance_database_user should be a user for Glance alone, found root"),
        (
            "icehouse-swift",
            OTHER_USER,
            {},
            "swift_store_auth_version of the store swift in glance_stores should be one of 3, found '2'",
        ),
        ("icehouse-swift", OTHER_USER, {"swift": VERSION_3}, ""),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_site_deploys_in_check_mode_or_is_refused_in_a_sentence(site, service, name, change, stores, said):
    before = service.state()
    run = site(variables_of(name, change, stores), "--check")
    assert service.state() == before
    assert "Traceback" not in run.output
    assert SECRET not in run.output
    if said:
        assert run.rc != 0
        assert said in run.failures, run.output
    else:
        assert run.rc == 0, run.output
        assert run.changed > 0


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yml")))
def test_a_site_as_it_is_is_refused_option_by_option(site, service, name):
    instead = yaml.safe_load((FOLDER / f"{name}.yml").read_text())["instead"]
    before = service.state()
    run = site({"glance_api_config": options_of(name)}, "--check")
    assert (run.rc != 0, run.changed) == (True, 0)
    assert service.state() == before
    assert "Traceback" not in run.output
    assert SECRET not in run.failures
    told = re.split(r"; (?=\[)", run.failures)
    for section, options in instead.items():
        for option, word in options.items():
            (sentence,) = [each for each in told if f"[{section}] {option} " in each]
            assert word in sentence
