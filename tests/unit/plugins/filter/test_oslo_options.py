import pytest
from ansible_collections.glanceops.image_service.plugins.filter import oslo_options as o

TEXTS = {
    "plain": "plain",
    " a": '" a"',
    "a ": '"a "',
    "\ta": '"\ta"',
    '"a"': '""a""',
    "'a'": "\"'a'\"",
    '""': '""""',
    '"': '"""',
    "'": '"\'"',
    'a"b': 'a"b',
    "'a\"": "'a\"",
    "": "",
}


@pytest.mark.parametrize(("text", "written"), TEXTS.items())
def test_a_text_is_written_so_that_oslo_config_reads_it_as_it_is(text, written):
    found = o.FilterModule().filters()["oslo_options"]({"s": {"one": text, "several": [text, "b"]}})
    assert found == {"s": {"one": written, "several": [written, "b"]}}
    # As oslo.config reads it: blanks and one pair of quotes go, and a lone quote counts as a pair.
    read = written.strip()
    if read and read[0] == read[-1] and read[0] in "\"'":
        read = read[1:-1]
    assert read == text


def test_what_is_no_text_stays_as_it_is():
    config = {"s": {"number": 1, "boolean": True, "nothing": None, "numbers": [1, 2]}, "empty": {}, "strange": None}
    assert o.oslo_options(config) == config
