"""Files of sections and options, with an operator's options over them."""

import copy

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import overlay as o
from ansible_collections.glanceops.image_service.plugins.plugin_utils.renamed import Renamed

TEXT = """#
# Ansible managed
#

[DEFAULT]
a = 1

# Why b is 2.
# In two lines.
b = 2
# Why c and d are what they are.
c = x = y
d =

[empty]

# Nothing here.
[s]
several = 1
several = 2

[DEFAULT]
e=late
"""


def over(options, text=TEXT, write=o.line, lists=frozenset()):
    file = o.File(text)
    file.lay_over(options, write, lists)
    return str(file)


def test_a_file_says_what_its_lines_say():
    assert o.File(TEXT).options == {
        "DEFAULT": {"a": "1", "b": "2", "c": "x = y", "d": "", "e": "late"},
        "s": {"several": ["1", "2"]},
    }


def test_a_file_keeps_its_comments_and_has_each_section_once():
    assert over({}) == (
        "#\n# Ansible managed\n#\n\n[DEFAULT]\na = 1\n\n# Why b is 2.\n# In two lines.\nb = 2\n"
        "# Why c and d are what they are.\nc = x = y\nd =\n\ne=late\n\n[s]\nseveral = 1\nseveral = 2\n"
    )


@pytest.mark.parametrize(
    ("options", "before", "after"),
    [
        ({"DEFAULT": {"b": 3}}, "# In two lines.\nb = 2\n", "# In two lines.\nb = 3\n"),
        ({"DEFAULT": {"b": [3, 4]}}, "b = 2\n", "b = 3\nb = 4\n"),
        ({"s": {"several": "x"}}, "several = 1\nseveral = 2\n", "several = x\n"),
        ({"s": {"new": True}}, "several = 2\n", "several = 2\nnew = true\n"),
        ({"other": {"x": "", "y": "z"}}, "several = 2\n", "several = 2\n\n[other]\nx =\ny = z\n"),
        # Its reason goes with it, but not one that is that of the next option too.
        ({"DEFAULT": {"b": None}}, "# Why b is 2.\n# In two lines.\nb = 2\n", ""),
        ({"DEFAULT": {"c": None}}, "c = x = y\n", ""),
        ({"DEFAULT": {"b": []}}, "# Why b is 2.\n# In two lines.\nb = 2\n", ""),
        ({"s": {"several": None}}, "\n[s]\nseveral = 1\nseveral = 2\n", ""),
        ({"none": {"x": None}}, "", ""),
        ({"s": {"several": ["x", None]}}, "several = 1\nseveral = 2\n", "several = x\n"),
    ],
)
def test_options_of_an_operator_take_the_place_of_ours(options, before, after):
    assert over(options) == over({}).replace(before, after)


UNIT = {
    "Unit": {"After": "network-online.target mariadb.service", "BindsTo": [], "Description": "API"},
    "Service": {
        "Environment": ["OS_GLANCE_CONFIG_DIR=/etc/glance", "SSL_CERT_FILE=/etc/glance/ca.pem"],
        "ReadWritePaths": "/srv/images",
        "SystemCallFilter": ["@system-service", "~@privileged @resources"],
        "RestrictAddressFamilies": "AF_UNIX AF_INET",
        "ExecStartPre": "/usr/bin/mkfifo x",
        "CapabilityBoundingSet": "",
        "ExecStart": "/usr/bin/glance-api",
        "LimitNOFILE": 16384,
    },
}
CASES = [
    ("Service", "Environment", "A=1", [*UNIT["Service"]["Environment"], "A=1"]),
    ("Service", "Environment", ["A=1", "B=2"], [*UNIT["Service"]["Environment"], "A=1", "B=2"]),
    # As systemd has it: what is empty takes away what stands before it.
    ("Service", "Environment", ["", "A=1"], [*UNIT["Service"]["Environment"], "", "A=1"]),
    ("Service", "Environment", None, None),
    ("Service", "EnvironmentFile", "-/etc/default/glance", "-/etc/default/glance"),
    ("Service", "ReadWritePaths", "/srv/other", ["/srv/images", "/srv/other"]),
    ("Service", "SystemCallFilter", "@mount", ["@system-service", "~@privileged @resources", "@mount"]),
    ("Service", "RestrictAddressFamilies", "AF_NETLINK", ["AF_UNIX AF_INET", "AF_NETLINK"]),
    ("Service", "ExecStartPre", "/bin/true", ["/usr/bin/mkfifo x", "/bin/true"]),
    ("Service", "LoadCredential", ["a:/b"], ["a:/b"]),
    ("Service", "CapabilityBoundingSet", "CAP_X", "CAP_X"),
    ("Service", "ExecStart", "/bin/other", "/bin/other"),
    ("Service", "LimitNOFILE", 1, 1),
    ("Service", "MemoryMax", "1G", "1G"),
    ("Unit", "After", "redis.service", ["network-online.target mariadb.service", "redis.service"]),
    ("Unit", "BindsTo", "x.mount", ["x.mount"]),
    ("Unit", "Description", "Other", "Other"),
    ("Install", "WantedBy", "x.target", "x.target"),
]


def unit():
    sections = [
        f"[{section}]\n"
        + "".join(f"{name} = {value}\n" for name, values in options.items() for value in o.entries(values))
        for section, options in UNIT.items()
    ]
    return "\n".join(sections)


@pytest.mark.parametrize(("section", "option", "value", "expected"), CASES)
def test_lists_of_units_are_added_to_and_other_options_replaced(section, option, value, expected):
    file = o.File(unit())
    before = copy.deepcopy(file.options)
    file.lay_over({section: {option: value}}, o.line, o.LISTS)
    after = file.options
    found = after.get(section, {}).pop(option, None)
    wanted = [str(each) for each in o.entries(expected)] if expected is not None else []
    assert ([] if found is None else o.entries(found)) == wanted
    before.setdefault(section, {}).pop(option, None)
    assert after == before


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
    assert o.literal(text) == written
    # As oslo.config reads it: blanks and one pair of quotes go, and a lone quote counts as a pair.
    read = written.strip()
    if read and read[0] == read[-1] and read[0] in "\"'":
        read = read[1:-1]
    assert read == text


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), ("True", "True"), (1, "1"), (1.5, "1.5"), ("a\tb", "a\tb")]
)
def test_other_values_are_written_as_the_field_writes_them(value, text):
    assert (o.literal(value), o.line(value)) == (text, text)


@pytest.mark.parametrize("write", [o.literal, o.line])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("x\ny", "one line, found a line break"),
        ("x\n", "one line, found a line break"),
        ("x\ry", "one line, found a line break"),
        (["x", "y\nz"], "one line, found a line break"),
        ({"b": 1}, "a value or a list of values, found a dict in it"),
        ([["b"]], "a value or a list of values, found a list in it"),
        ([{"b": 1}], "a value or a list of values, found a dict in it"),
    ],
)
def test_what_no_line_can_hold_is_refused(value, said, write):
    with pytest.raises(ValueError, match=r"^option a of \[s\] should be " + said):
        over({"s": {"a": value}}, write=write)


@pytest.mark.parametrize("options", [{"s\n": {"a": 1}}, {"s": {"a\rb": 1}}])
def test_a_name_with_a_line_break_is_refused(options):
    with pytest.raises(ValueError, match=r"holds a line break$"):
        over(options)


def test_a_later_layer_lies_over_those_before():
    layers = [{"a": {"x": 1, "y": 2}}, {}, {"a": {"y": None}, "b": {"z": 3}}, {"a": {"y": 4}}]
    assert o.merged(layers) == {"a": {"x": 1, "y": 4}, "b": {"z": 3}}
    assert layers[0] == {"a": {"x": 1, "y": 2}}


@pytest.mark.parametrize(
    ("options", "found"), [(True, "a boolean"), (None, "nothing"), (["debug"], "a list"), ("x", "a text")]
)
def test_a_section_without_options_is_refused(options, found):
    with pytest.raises(ValueError, match=rf"^section \[s\] should hold options, found {found}$"):
        o.merged([{"s": options}])


RENAMED = [
    Renamed("DEFAULT", "lock_path", "oslo_concurrency", "lock_path"),
    Renamed("DEFAULT", "sql_idle", "database", "recycle"),
    Renamed("database", "idle", "database", "recycle"),
]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {}),
        ({"DEFAULT": {"debug": True}}, {"DEFAULT": {"debug": True}}),
        ({"database": {"idle": 60}}, {"database": {"recycle": 60}}),
        (
            {"DEFAULT": {"lock_path": "/x", "debug": True}},
            {"DEFAULT": {"debug": True}, "oslo_concurrency": {"lock_path": "/x"}},
        ),
        (
            {"DEFAULT": {"lock_path": "/x"}, "oslo_concurrency": {"a": 1}},
            {"DEFAULT": {}, "oslo_concurrency": {"a": 1, "lock_path": "/x"}},
        ),
        # The new name wins, whatever its value.
        ({"database": {"idle": 60, "recycle": 30}}, {"database": {"recycle": 30}}),
        ({"database": {"idle": 60, "recycle": None}}, {"database": {"recycle": None}}),
        ({"database": {"idle": 60, "recycle": 0}}, {"database": {"recycle": 0}}),
        # Of two old names, the one that is first in the table.
        ({"DEFAULT": {"sql_idle": 1}, "database": {"idle": 2}}, {"DEFAULT": {}, "database": {"recycle": 1}}),
        # A null removes an option, under its old name too.
        ({"database": {"idle": None}}, {"database": {"recycle": None}}),
        ({"database": {"idle": False}}, {"database": {"recycle": False}}),
        # The same name in another section is another option.
        ({"oslo_concurrency": {"lock_path": "/x"}}, {"oslo_concurrency": {"lock_path": "/x"}}),
        ({"fast": {"lock_path": "/x", "idle": 1}}, {"fast": {"lock_path": "/x", "idle": 1}}),
    ],
)
def test_options_get_their_new_names(config, expected):
    before = copy.deepcopy(config)
    assert o.renamed(config, RENAMED) == expected
    assert config == before


@pytest.mark.parametrize("values", [None, "text", True, ["lock_path"]])
@pytest.mark.parametrize("section", ["DEFAULT", "database", "other"])
def test_a_section_that_holds_no_options_is_left_as_it_is(section, values):
    assert o.renamed({section: values}, RENAMED) == {section: values}


@pytest.mark.parametrize("values", [None, "text", True, ["lock_path"]])
def test_a_new_section_that_holds_no_options_is_left_as_it_is(values):
    config = {"DEFAULT": {"lock_path": "/x"}, "oslo_concurrency": values}
    assert o.renamed(config, RENAMED)["oslo_concurrency"] == values


def test_the_collection_has_a_table_of_its_own():
    assert o.renamed({"DEFAULT": {"sql_connection": "x"}, "a": {"b": 1}}) == {
        "DEFAULT": {},
        "a": {"b": 1},
        "database": {"connection": "x"},
    }
