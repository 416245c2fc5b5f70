"""One version: galaxy.yml, the changelog, and since when plugins and variables are there."""

import pathlib

import pytest
import yaml
from packaging.version import Version

PROJECT = pathlib.Path(__file__).parents[2]
KINDS = ("modules", "filter", "lookup", "test", "callback")


def load(path):
    return yaml.safe_load((PROJECT / path).read_text())


@pytest.fixture(scope="module")
def version():
    return Version(load("galaxy.yml")["version"])


@pytest.fixture(scope="module")
def releases():
    return load("changelogs/changelog.yaml")["releases"]


def documentation(text):
    """Return the YAML documents of a plugin, its attributes DOCUMENTATION and RETURN, or those of a fragment."""
    parts = text.split('r"""\n')[1:]
    return [yaml.safe_load(part.split('"""')[0]) for part in parts]


def added(node, where):
    """Give (place, version) for each C(version_added) below *node*."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "version_added":
                yield where, str(value)
            else:
                yield from added(value, f"{where}: {key}")
    elif isinstance(node, list):
        for each in node:
            yield from added(each, where)


def all_added():
    for path in sorted(PROJECT.glob("plugins/*/*.py")):
        for part in documentation(path.read_text()):
            yield from added(part, path.name)
    for path in sorted(PROJECT.glob("roles/*/meta/argument_specs.yml")):
        yield from added(yaml.safe_load(path.read_text()), path.parts[-3])


def new_plugins(kind):
    """Return the plugins of a kind by name, with the version that each says it came with."""
    paths = [path for path in PROJECT.glob(f"plugins/{kind}/*.py") if path.name != "__init__.py"]
    return {path.stem: documentation(path.read_text())[0]["version_added"] for path in paths}


def told(releases, kind):
    """Return the plugins of a kind by name, with the release whose changelog calls them new."""
    return {
        entry["name"]: release
        for release, content in releases.items()
        for entry in (content.get("modules", []) if kind == "modules" else content.get("plugins", {}).get(kind, []))
    }


def test_newest_release_of_the_changelog_is_that_of_galaxy_yml(version, releases):
    assert max(map(Version, releases)) == version


def test_changelog_for_people_has_every_release(releases):
    text = (PROJECT / "CHANGELOG.md").read_text()
    assert [release for release in releases if f'<a id="v{release.replace(".", "-")}"></a>' not in text] == []


def test_nothing_was_added_by_a_release_to_come(version):
    found = list(all_added())
    assert len(found) > 50
    assert [(where, since) for where, since in found if Version(since) > version] == []


def test_everything_was_added_by_a_release_that_is_told(releases):
    assert {since for _where, since in all_added()} <= releases.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_changelog_calls_a_plugin_new_in_the_release_that_it_names(releases, kind):
    names = new_plugins(kind)
    assert names
    assert {name: release for name, release in told(releases, kind).items() if name in names} == names
