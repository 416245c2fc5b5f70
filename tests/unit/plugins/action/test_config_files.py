import types

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from ansible_collections.glanceops.image_service.plugins.action import config_files as a

TEXT = """# {{ ansible_managed }}

[DEFAULT]
first = 1
{% if writable %}
paths = {{ writable | join(' ') }}
{% endif %}
"""


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "x.j2"
    path.write_text(TEXT)
    return str(path)


@pytest.fixture(autouse=True)
def lookups(monkeypatch):
    """Find Ansible's own lookup without its loader of collections, which stays for all tests once it is at work."""

    def get(name, **arguments):
        assert name.startswith("ansible.builtin.")
        return lookup_loader.get(name.removeprefix("ansible.builtin."), **arguments)

    monkeypatch.setattr(a, "lookup_loader", types.SimpleNamespace(get=get))


def action(**arguments):
    """Make the action plugin as Ansible does, for a task with these arguments."""
    loader = DataLoader()
    task = types.SimpleNamespace(args=arguments, async_val=0, check_mode=False, diff=False, action="config_files")
    connection = types.SimpleNamespace(_shell=types.SimpleNamespace(tmpdir=None))
    return a.ActionModule(task, connection, None, loader, Templar(loader=loader, variables={}), None)


def render(template, *layers, path="/etc/glance/glance-api.conf"):
    item = {"path": path, "template": template, "overrides": list(layers), "mode": "0640"}
    action()._render(item, {"ansible_managed": "Ansible managed"}, [])
    assert {key: value for key, value in item.items() if key != "content"} == {"path": path, "mode": "0640"}
    return item["content"]


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
def test_a_value_is_read_back_as_it_was_given(template, value, expected):
    layers = {"DEFAULT": {"option": value, "last": 2}}, {"other": {"option": "x"}}
    default = {"first": ["1"], "last": ["2"], **({} if expected is None else {"option": expected})}
    assert read_back(render(template, *layers)) == {"DEFAULT": default, "other": {"option": ["x"]}}


def test_options_have_their_names_of_today_in_a_configuration_alone(template):
    layers = {"database": {"idle_timeout": 60, "a": 1}}, {"database": {"connection_recycle_time": 30}}
    recycle = {"connection_recycle_time": ["30"], "a": ["1"]}
    assert read_back(render(template, *layers))["database"] == recycle
    assert "idle_timeout = 60" in render(template, layers[0], path="/etc/glance/glance-uwsgi.ini")


def test_lists_are_added_to_in_a_unit_alone(template):
    layers = {"DEFAULT": {"After": "a"}}, {"DEFAULT": {"first": 2}}
    assert read_back(render(template, *layers, path="/x.service"))["DEFAULT"] == {"first": ["2"], "After": ["a"]}
    unit = {"path": "/x.timer", "template": template, "overrides": [{"DEFAULT": {"first": None}}]}
    action()._render(unit, {"ansible_managed": "x"}, [{"path": "/a"}])
    assert unit["content"] == "# x\n\n[DEFAULT]\npaths = /a\n"


def test_a_template_without_overrides_is_no_file_of_sections(template):
    item = {"path": "/etc/haproxy/haproxy.cfg", "template": template}
    action()._render(item, {"ansible_managed": "x"}, [])
    assert item["content"] == TEXT.replace("{{ ansible_managed }}", "x").partition("{%")[0]


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ({"s": {"a": "hidden\n"}}, "option a of [s] should be one line, found a line break"),
        ({"debug": True}, "section [debug] should hold options, found a boolean"),
    ],
)
def test_options_that_no_file_can_hold_are_refused_before_anything_is_sent(template, layer, said):
    with pytest.raises(AnsibleActionFail) as refused:
        render(template, layer)
    # Once.
    assert str(refused.value).rstrip(".") == f"/etc/glance/glance-api.conf was not written: {said}"


def test_all_files_go_to_the_host_in_one_call_with_the_directories_that_they_name(monkeypatch, template):
    calls = []

    def execute_module(_self, module_args, task_vars):
        calls.append(module_args)
        return {"changed": True}

    monkeypatch.setattr(a.ActionModule, "_execute_module", execute_module)
    stores = {"images": {"filesystem_store_datadir": "/srv/images"}}
    items = [
        {"path": "/x.service", "template": template, "overrides": []},
        {
            "path": "/a.conf",
            "template": template,
            "overrides": [stores],
            "directories": {"owner": "glance", "stores": ["images", "none"]},
            "owner": "root",
        },
        {"path": "/b", "content": "as it is"},
        {"path": "/current", "kind": "link", "target": "/opt"},
    ]
    plugin = action(name="glance-api", files=items)
    assert plugin.run(task_vars={"ansible_managed": "by Ansible"}) == {"changed": True}
    ((sent,),) = [calls]
    assert sent["name"] == "glance-api"
    assert [item["path"] for item in sent["files"]] == ["/x.service", "/a.conf", "/b", "/srv/images", "/current"]
    assert read_back(sent["files"][0].pop("content"))["DEFAULT"]["paths"] == ["/srv/images"]
    assert read_back(sent["files"][1].pop("content"))["images"] == {"filesystem_store_datadir": ["/srv/images"]}
    assert sent["files"][1:4] == [
        {"path": "/a.conf", "owner": "root"},
        {"path": "/b", "content": "as it is"},
        {"path": "/srv/images", "kind": "directory", "mode": "0750", "owner": "glance", "group": "glance"},
    ]
    # A handler or a loop renders the same task again.
    assert items[0]["template"] == template


def test_a_source_is_read_on_the_control_machine_and_not_sent(tmp_path):
    (tmp_path / "keyring").write_text("key = {{ as it is }}\n")
    item = {"path": "/etc/ceph/keyring", "src": "keyring", "secret": True}
    action()._render(item, {"inventory_dir": str(tmp_path)}, [])
    assert item == {"path": "/etc/ceph/keyring", "content": "key = {{ as it is }}\n", "secret": True}


def test_a_source_that_is_not_there_is_told():
    with pytest.raises(
        AnsibleActionFail, match=r"^the source of /x should be a file of text, found nothing there: name"
    ):
        action()._render({"path": "/x", "src": "/no/such"}, {}, [])
