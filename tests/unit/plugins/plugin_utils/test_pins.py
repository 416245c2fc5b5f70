import pathlib

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.glanceops.image_service.plugins.plugin_utils import pins

PROJECT = pathlib.Path(__file__).parents[4]


def test_a_list_is_pins_comments_and_sdists():
    text = "# head\n\nZeta_One==1.0\nalpha.two==2.0.post1  # sdist\nb==1!3+x  # a word about it\n"
    assert pins.parse_pins(text, "list") == [
        pins.Pin("alpha-two==2.0.post1", True),
        pins.Pin("b==1!3+x", False),
        pins.Pin("zeta-one==1.0", False),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a>=1\n", "line 1: expected one pin 'name==version', found 'a>=1'"),
        ("a==1\nb==1 ; python_version < '3.12'\n", "line 2"),
        ("--index-url=https://x/\n", "line 1"),
        ("a==1.*\n", "line 1"),
        ("a== 1\n", "line 1: expected one pin 'name==version', found 'a== 1'"),
        ("a===1\n", "line 1"),
        ("a==2004d\n", "line 1"),
        ("a[extra]==1\n", "line 1"),
        ("-a==1\n", "line 1"),
        ("a-b==1\nA_B==2\n", "line 2: expected every distribution once, found a-b again"),
        ("# nothing\n", "found none"),
    ],
)
def test_what_is_no_list(text, said):
    with pytest.raises(AnsibleActionFail, match=r"^list") as error:
        pins.parse_pins(text, "list")
    assert said in str(error.value)


@pytest.mark.parametrize(
    "path",
    sorted(PROJECT.glob("roles/common/files/wheels-*.txt")),
    ids=lambda path: path.stem,
)
def test_lists_of_the_collection(path):
    found = {pin.requirement.partition("==")[0] for pin in pins.parse_pins(path.read_text(), path.name)}
    assert found >= {
        "glance",
        "pymysql",
        "psycopg2-binary",
        "python-memcached",
        "boto3",
        "python-swiftclient",
    }


def test_without_the_library_it_is_said_so(monkeypatch):
    monkeypatch.setattr(pins, "HAS_PACKAGING", False)
    with pytest.raises(AnsibleActionFail, match="should have the package packaging, found none: install it"):
        pins.parse_pins("a==1", "list")
