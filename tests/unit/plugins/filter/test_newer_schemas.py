import pytest
from ansible_collections.glanceops.image_service.plugins.filter.newer_schemas import newer_schemas

RELEASES = {"c": {"schema": "3"}, "b": {"schema": "2"}, "a2": {"schema": "1"}, "a": {"schema": "1"}}


@pytest.mark.parametrize(("release", "newer"), [("c", []), ("b", ["3"]), ("a2", ["3", "2"]), ("a", ["3", "2"])])
def test_revisions_of_newer_releases_that_are_not_its_own(release, newer):
    assert newer_schemas(RELEASES, release) == newer
