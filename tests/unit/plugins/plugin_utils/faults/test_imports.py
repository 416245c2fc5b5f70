import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import imports

ALL = ["image_decompression", "image_conversion", "inject_image_metadata"]
SOME = {"origin": "imported"}


@pytest.mark.parametrize(
    ("plugins", "properties", "found"),
    [
        ([], {}, []),
        (ALL, SOME, []),
        (["inject_image_metadata", "image_decompression", "image_conversion"], SOME, []),
        (["image_conversion"], {}, []),
        (["image_conversion", "image_decompression"], {}, ["image_decompression before image_conversion"]),
        (["no_op", "no_op"], {}, ["each plugin once, found no_op twice"]),
        (["inject_image_metadata"], {}, ["glance_import_properties should have what inject_image_metadata sets"]),
        ([], SOME, ["glance_import_plugins should have inject_image_metadata"]),
        (ALL, {"a": 1, "b": True, "c": "x:y"}, []),
        (ALL, {"trait:X": "required"}, ["the property trait:X of glance_import_properties should have a name without"]),
        (ALL, {"a,b": "c"}, ["a name without a ,"]),
        (ALL, {"a": "b,c"}, ["a value without a ,"]),
        (ALL, {"a": ["b"]}, ["should be a text, found a list"]),
        (ALL, {"a": None}, ["should be a text, found nothing"]),
        (ALL, {"os_glance_x": "y"}, ["should not begin with os_glance"]),
        (ALL, {"": "y"}, ["a name of 1 to 255 characters, found 0"]),
        (ALL, {"n" * 256: "y"}, ["a name of 1 to 255 characters, found 256"]),
        (ALL, {"a": " b"}, ["one line without blanks around it"]),
        (ALL, {"a": "b\nc"}, ["one line without blanks around it"]),
    ],
)
def test_imports(plugins, properties, found):
    told = imports.faults({"glance_import_plugins": plugins, "glance_import_properties": properties})
    sentences = [sentence for sentences in told.values() for sentence in sentences]
    assert len(sentences) == len(found), sentences
    assert all(part in sentence for part, sentence in zip(found, sentences)), sentences


def test_variables_that_are_refused_by_shape_are_not_judged():
    assert imports.faults({"glance_import_plugins": ALL}) == {}


@pytest.mark.parametrize(
    ("checks", "found"),
    [
        ([], []),
        ([{"name": "a", "argv": ["/opt/a"]}], []),
        ([{"name": "a", "src": "a.py"}, {"name": "b-1", "src": "b.py", "argv": ["-x"]}], []),
        ([{"name": "a", "src": "a.py", "timeout": "60", "refused_codes": ["3"]}], []),
        ([{"name": "a"}], ["src or argv of the check a in glance_import_checks should name a program"]),
        ([{"name": "a", "argv": ["a"]}], ["the absolute path of a program, found a"]),
        ([{"name": "a", "argv": ["/opt/../a"]}], ["the absolute path of a program"]),
        ([{"name": "checks.json", "src": "a"}], ["should have a name of 1 to 64 small letters"]),
        ([{"name": "../a", "src": "a"}], ["should have a name of 1 to 64 small letters"]),
        ([{"name": "a", "src": "a"}, {"name": "a", "src": "b"}], ["different names, found a twice"]),
        (
            [{"name": "a", "src": "a", "timeout": 0}],
            ["timeout of the check a in glance_import_checks should be from 1"],
        ),
        ([{"name": "a", "src": "a", "timeout": 86401}], ["from 1 to 86400 seconds, found 86401"]),
        ([{"name": "a", "src": "a", "refused_codes": [0, 256]}], ["from 1 to 255, found 0, 256: 0 accepts an image"]),
    ],
)
def test_checks(checks, found):
    sentences = imports.faults({"glance_import_checks": checks}).get("glance_import_checks", [])
    assert len(sentences) == len(found), sentences
    assert all(part in sentence for part, sentence in zip(found, sentences)), sentences
