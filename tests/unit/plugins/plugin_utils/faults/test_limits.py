import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import limits

GIB = 1 << 30


@pytest.mark.parametrize(
    ("image", "project", "found"),
    [
        (100 * GIB, 500 * GIB, []),
        (100 * GIB, 100 * GIB, []),
        (100 * GIB, 0, []),
        ("10", "20", []),
        (100 * GIB, 100 * GIB - 1, ["glance_project_max_bytes should be 0 (no limit) or at least"]),
        (0, 0, ["glance_image_max_bytes should be from 1 to"]),
        (1 << 63, 0, ["glance_image_max_bytes should be from 1 to"]),
        (-1, -1, ["glance_image_max_bytes should be from 1", "glance_project_max_bytes should be 0"]),
    ],
)
def test_limits(image, project, found):
    told = limits.faults({"glance_image_max_bytes": image, "glance_project_max_bytes": project})
    sentences = [sentence for sentences in told.values() for sentence in sentences]
    assert len(sentences) == len(found)
    assert all(part in sentence for part, sentence in zip(found, sentences)), sentences


def test_a_limit_that_is_made_of_facts_is_none_yet():
    assert limits.faults({"glance_image_max_bytes": 0}) == {}
