"""Names that look like variables of this collection."""

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("glance_release", []),
        (
            "glance_relase",
            ["glance_relase is not a variable of glanceops.image_service (did you mean glance_release?)"],
        ),
        ("glance_zzzzzzzzzzzz", ["glance_zzzzzzzzzzzz is not a variable of glanceops.image_service"]),
        ("glance_lab_suite", []),
        ("__glance_x", []),
        ("other", []),
        # A slip in the first word, of a name that is one of ours otherwise.
        (
            "glacne_release",
            ["glacne_release is not a variable of glanceops.image_service (did you mean glance_release?)"],
        ),
        (
            "Glance-Release",
            ["Glance-Release is not a variable of glanceops.image_service (did you mean glance_release?)"],
        ),
        ("glancex_release_notes", []),
        (
            "glance_api port",
            ['"glance_api port" is not a variable of glanceops.image_service (did you mean glance_api_port?)'],
        ),
    ],
)
def test_a_name_that_nobody_knows_is_told(name, expected):
    assert names.unknown([name], ["glance_release", "glance_api_port"]) == expected
