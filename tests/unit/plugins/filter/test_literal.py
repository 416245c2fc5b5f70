import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.glanceops.image_service.plugins.filter import literal

FILTER = literal.FilterModule().filters()["literal"]


@pytest.mark.parametrize(
    ("value", "dollars", "text"),
    [
        ("a", False, "a"),
        ("$a", False, "$a"),
        ("$a ", True, '"$$a "'),
        (True, False, "true"),
        (5, True, "5"),
    ],
)
def test_a_value_is_written_so_that_glance_reads_it_as_it_is(value, dollars, text):
    assert FILTER(value, dollars=dollars) == text


def test_a_text_of_several_lines_is_refused_without_showing_it():
    with pytest.raises(AnsibleFilterError, match=r"should be one line, found a line break$"):
        FILTER("hidden\nDEFAULT")
