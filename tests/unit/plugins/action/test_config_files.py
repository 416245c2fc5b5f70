import pathlib
import types

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from ansible_collections.glanceops.image_service.plugins.action import config_files as a

TEMPLATE = str(pathlib.Path(__file__).parents[4] / "roles" / "common" / "templates" / "oslo.conf.j2")


@pytest.fixture(autouse=True)
def lookups(monkeypatch):
    """Find Ansible's own lookup without its loader of collections, which stays for all tests once it is at work."""

    def get(name, **arguments):
        assert name.startswith("ansible.builtin.")
        return lookup_loader.get(name.removeprefix("ansible.builtin."), **arguments)

    monkeypatch.setattr(a, "lookup_loader", types.SimpleNamespace(get=get))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"DEFAULT": {}}, []),
        (
            {"DEFAULT": {"a": None, "b": "", "c": 0, "d": False, "e": [], "f": ["x", 1, None], "g": "{{ x }} = % $ #"}},
            [],
        ),
        ({"DEFAULT": {"a": "x\ny"}}, ["the value of option a of [DEFAULT] holds a line break"]),
        ({"DEFAULT": {"a": "x\n"}}, ["the value of option a of [DEFAULT] holds a line break"]),
        ({"DEFAULT": {"a": "x\ry"}}, ["the value of option a of [DEFAULT] holds a line break"]),
        ({"s": {"a": ["x", "y\nz"]}}, ["the value of option a of [s] holds a line break"]),
        ({"s": {"a": {"b": 1}}}, ["option a of [s] should be a value or a list of values, not a nested one"]),
        ({"s": {"a": [["b"]]}}, ["option a of [s] should be a value or a list of values, not a nested one"]),
        ({"s": {"a": [{"b": 1}]}}, ["option a of [s] should be a value or a list of values, not a nested one"]),
        ({"debug": True}, ["section [debug] should hold options but is True"]),
        ({"DEFAULT": None}, ["section [DEFAULT] should hold options but is None"]),
        ({"DEFAULT": ["debug"]}, ["section [DEFAULT] should hold options but is ['debug']"]),
        (
            {"debug": 1, "s": {"a": "\n", "b": {}}},
            [
                "section [debug] should hold options but is 1",
                "the value of option a of [s] holds a line break",
                "option b of [s] should be a value or a list of values, not a nested one",
            ],
        ),
    ],
)
def test_refusals(options, expected):
    assert list(a.refusals(options)) == expected


def action(**arguments):
    """Make the action plugin as Ansible does, for a task with these arguments."""
    loader = DataLoader()
    task = types.SimpleNamespace(args=arguments, async_val=0, check_mode=False, diff=False, action="config_files")
    connection = types.SimpleNamespace(_shell=types.SimpleNamespace(tmpdir=None))
    return a.ActionModule(task, connection, None, loader, Templar(loader=loader, variables={}), None)


def render(options):
    item = {"path": "/etc/glance/glance-api.conf", "template": TEMPLATE, "options": options, "mode": "0640"}
    rendered = action()._render(item, {"ansible_managed": "Ansible managed"})
    assert {key: value for key, value in rendered.items() if key != "content"} == {"path": item["path"], "mode": "0640"}
    return rendered["content"]


def read_back(text):
    """Read a configuration file as oslo.config does: sections, and the values of an option in a list."""
    sections, current = {}, None
    for line in text.split("\n"):
        if line.startswith("#") or not line.strip():
            continue
        assert not line.startswith((" ", "\t")), line
        if line.startswith("["):
            assert line.endswith("]")
            current = sections.setdefault(line[1:-1], {})
        else:
            option, _dummy, value = line.partition("=")
            current.setdefault(option.strip(), []).append(value.strip())
    return sections


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", ["text"]),
        ("two words", ["two words"]),
        ("", [""]),
        (9292, ["9292"]),
        (0, ["0"]),
        (1.5, ["1.5"]),
        (True, ["true"]),
        (False, ["false"]),
        ("True", ["True"]),
        (["a", "b"], ["a", "b"]),
        ([1, True, "x"], ["1", "true", "x"]),
        ([], None),
        (None, None),
        ("a = b", ["a = b"]),
        ("100%", ["100%"]),
        ("%(x)s", ["%(x)s"]),
        ("$state_path/x", ["$state_path/x"]),
        ("a # b ; c", ["a # b ; c"]),
        ("größe ☃", ["größe ☃"]),
        ("{{ 7 * 7 }} {% if %} {# x #}", ["{{ 7 * 7 }} {% if %} {# x #}"]),
        ("mysql+pymysql://u:p%40w@h/d?charset=utf8", ["mysql+pymysql://u:p%40w@h/d?charset=utf8"]),
        ("'quoted' \"twice\"", ["'quoted' \"twice\""]),
        ("<a & b>", ["<a & b>"]),
        ("[file,http]", ["[file,http]"]),
    ],
)
def test_a_value_is_read_back_as_it_was_given(value, expected):
    options = {"DEFAULT": {"first": 1, "option": value, "last": 2}, "other": {"option": "x"}}
    default = {"first": ["1"], "last": ["2"], **({} if expected is None else {"option": expected})}
    assert read_back(render(options)) == {"DEFAULT": default, "other": {"option": ["x"]}}


def test_an_empty_section_is_left_out():
    assert "empty" not in render({"empty": {}, "DEFAULT": {"a": 1}})


def test_nothing_but_options_sections_and_a_note():
    assert render({"DEFAULT": {"a": [1, 2], "b": ""}, "x": {"c": True}}) == (
        "#\n# Ansible managed\n#\n\n[DEFAULT]\na = 1\na = 2\nb = \n\n[x]\nc = true\n"
    )


def test_options_that_no_file_can_hold_are_refused_before_anything_is_sent():
    with pytest.raises(AnsibleActionFail, match=r"^/x was not written: the value of option a of \[s\] holds a line br"):
        action()._render({"path": "/x", "template": TEMPLATE, "options": {"s": {"a": "\n"}}}, {})


def test_all_files_go_to_the_host_in_one_call(monkeypatch):
    calls = []

    def execute_module(_self, module_args, task_vars):
        calls.append(module_args)
        return {"changed": True}

    monkeypatch.setattr(a.ActionModule, "_execute_module", execute_module)
    items = [
        {"path": "/a", "template": TEMPLATE, "options": {"s": {"x": 1}}, "owner": "root"},
        {"path": "/b", "content": "as it is"},
        {"path": "/c", "kind": "directory", "options": None},
    ]
    plugin = action(name="glance-api", items=items)
    assert plugin.run(task_vars={"ansible_managed": "by Ansible"}) == {"changed": True}
    ((sent,),) = [calls]
    assert sent["name"] == "glance-api"
    assert [item["path"] for item in sent["items"]] == ["/a", "/b", "/c"]
    assert read_back(sent["items"][0].pop("content")) == {"s": {"x": ["1"]}}
    assert sent["items"] == [
        {"path": "/a", "owner": "root"},
        {"path": "/b", "content": "as it is"},
        {"path": "/c", "kind": "directory"},
    ]
    # A handler or a loop renders the same task again.
    assert items[0]["template"] == TEMPLATE


def test_a_source_is_read_on_the_control_machine_and_not_sent(tmp_path):
    (tmp_path / "keyring").write_text("key = {{ as it is }}\n")
    item = {"path": "/etc/ceph/keyring", "src": "keyring", "secret": True}
    rendered = action()._render(item, {"inventory_dir": str(tmp_path)})
    assert rendered == {"path": "/etc/ceph/keyring", "content": "key = {{ as it is }}\n", "secret": True}


def test_a_source_that_is_not_there_is_told():
    with pytest.raises(
        AnsibleActionFail, match=r"^the source of /x should be a file of text, found nothing there: name"
    ):
        action()._render({"path": "/x", "src": "/no/such"}, {})
