import pytest
from ansible_collections.glanceops.image_service.plugins.filter.property_pairs import property_pairs


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({}, ""),
        ({"a": "b"}, "a:b"),
        ({"a": "b", "c": "d:e"}, "a:b,c:d:e"),
        ({"n": 4, "yes": True}, "n:4,yes:True"),
        ({"price": "$5"}, "price:$$5"),
    ],
)
def test_pairs(properties, text):
    assert property_pairs(properties) == text
