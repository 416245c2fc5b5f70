import json

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import manage, metadefs


@pytest.mark.parametrize(
    ("content", "expected"),
    [('{"namespace": "a"}', {"a"}), ("", set()), ("[]", set()), ("{}", set()), ('"a"', set())],
)
def test_namespaces_are_those_of_the_files_that_define_one(tmp_path, content, expected):
    (tmp_path / "one.json").write_text(content)
    (tmp_path / "README").write_text(json.dumps({"namespace": "b"}))
    assert metadefs.shipped_namespaces(tmp_path) == expected


def test_own_definitions_have_the_hash_of_their_bytes(tmp_path):
    path = tmp_path / "rack.json"
    path.write_text('{"namespace": "rack"}')
    found = metadefs.own_definitions([str(path)], may_be_missing=False)
    path.write_text('{"namespace": "rack"} ')
    again = metadefs.own_definitions([str(path)], may_be_missing=False)
    assert found.keys() == again.keys() == {"rack"}
    assert (found["rack"][0], found["rack"][1] != again["rack"][1]) == (str(path), True)


def test_an_own_definition_that_is_not_there_is_left_out_or_raised(tmp_path):
    path = str(tmp_path / "gone.json")
    assert metadefs.own_definitions([path], may_be_missing=True) == {}
    with pytest.raises(FileNotFoundError):
        metadefs.own_definitions([path], may_be_missing=False)


def test_what_is_no_definition_is_told_with_its_path(tmp_path):
    path = tmp_path / "rack.json"
    path.write_text("[]")
    with pytest.raises(manage.ManageError, match=rf"^{path} should define a namespace"):
        metadefs.own_definitions([str(path)], may_be_missing=False)
