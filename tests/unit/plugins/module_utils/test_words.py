import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import words


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (21, "21 images"), (101, "101 images")]
)
def test_count_of(number, text):
    assert words.count_of(number, "image") == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (2, "2 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (1024**2, "1.0 MiB"),
        (1023 * 1024**2, "1023.0 MiB"),
        (1024**3 - 1, "1.0 GiB"),
        (1610612736, "1.5 GiB"),
        (5 * 1024**4, "5.0 TiB"),
        (3 * 1024**5, "3.0 PiB"),
        (3000 * 1024**5, "3000.0 PiB"),
    ],
)
def test_size_of(number, text):
    assert words.size_of(number) == text


@pytest.mark.parametrize(
    ("ids", "number", "text"),
    [
        ([], 0, ""),
        (["a"], 1, "a"),
        (["a", "b"], 2, "a, b"),
        (["a", "b"], 3, "a, b, ..."),
        # Some of them were scrubbed between two questions.
        (["a", "b"], 1, "a, b"),
    ],
)
def test_list_of(ids, number, text):
    assert words.list_of(ids, number) == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no room", "no room."),
        ("no room.", "no room."),
        ("did you mean debug?", "did you mean debug?"),
        ("a, b, ...", "a, b, ..."),
        ("no room. \n", "no room."),
    ],
)
def test_a_sentence_has_one_end(text, sentence):
    assert words.ended(text) == sentence
