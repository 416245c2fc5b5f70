import pathlib
import re

import pytest
import yaml

COMMON = pathlib.Path(__file__).parents[3] / "roles" / "common"
RELEASES = yaml.safe_load((COMMON / "vars/main/releases.yml").read_text())["__glance_releases"]
OPTION = yaml.safe_load((COMMON / "meta/argument_specs.yml").read_text())["argument_specs"]["install"]["options"][
    "glance_release"
]
PACKAGE_OF_SERVER = {"uwsgi": "pyuwsgi", "eventlet": "eventlet"}


def pins(release):
    """The pinned distributions of a release by name, several versions of one being for several Pythons."""
    found = {}
    for line in (COMMON / f"files/wheels-{release}.txt").read_text().splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement:
            name, version = re.fullmatch(r"([A-Za-z0-9._-]+)==(\S+)", requirement).groups()
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append(version)
    return found


@pytest.mark.parametrize("release", RELEASES)
def test_wheels_hold_one_glance(release):
    assert len(pins(release)["glance"]) == 1


@pytest.mark.parametrize("release", RELEASES)
def test_wheels_hold_the_server(release):
    assert PACKAGE_OF_SERVER[RELEASES[release]["server"]] in pins(release)


@pytest.mark.parametrize("release", RELEASES)
def test_the_table_says_all_that_the_roles_ask(release):
    always = {"python": str, "schema": str, "server": str}
    sometimes = {
        "python_below": str,
        "debian_packages": str,
        "registry": bool,
        "healthcheck_filter": bool,
        "denied_policies": list,
        "packages": list,
        "platforms": list,
        "config": dict,
        "admin_rules": list,
        "mysql_charset": str,
        "s3_unfit": str,
        "s3_keeps_keys": bool,
        "cache_driver": str,
        "cache_api": bool,
        "import_policies": dict,
    }
    known, entry = {**always, **sometimes}, RELEASES[release]
    assert always.keys() <= entry.keys() <= known.keys()
    assert all(isinstance(value, known[key]) for key, value in entry.items())


def test_every_list_of_wheels_has_a_release():
    assert {path.name for path in (COMMON / "files").glob("wheels-*.txt")} == {
        f"wheels-{name}.txt" for name in RELEASES
    }


def test_choices_are_the_releases_of_the_table():
    assert sorted(OPTION["choices"]) == sorted(RELEASES)


def test_the_default_is_the_newest():
    def numbers(release):
        return [int(part) for part in pins(release)["glance"][0].split(".")]

    assert OPTION["default"] == max(RELEASES, key=numbers)
