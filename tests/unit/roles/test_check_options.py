"""What check_options.py makes of options; with those of real releases it is run on hosts (molecule/shared/options)."""

import importlib.util
import pathlib
import sys
import types

import pytest

PROGRAM = pathlib.Path(__file__).parents[3] / "roles/common/files/check_options.py"


class ParseError(Exception):
    """What oslo.config raises for a line that it can't read."""

    def __init__(self, lineno):
        super().__init__("hidden")
        self.lineno = lineno


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("check_options", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def option(name, *old, **facts):
    deprecated = [types.SimpleNamespace(group=group, name=other) for group, other in old]
    return types.SimpleNamespace(name=name, dest=name.replace("-", "_"), deprecated_opts=deprecated, **facts)


@pytest.fixture
def known(program):
    known = program.Known()
    known.add(None, [option("debug"), option("image_size_cap"), option("log-file", ("DEFAULT", "logfile"))])
    known.add("oslo_policy", [option("policy_file", ("DEFAULT", "policy_file_of_old"))])
    known.add("oslo_limit", [option("endpoint_id")])
    known.add("file", [option("filesystem_store_datadir")])
    known.add("backend_defaults", [option("filesystem_store_datadir")])
    return known


RIGHT = [
    ("DEFAULT", "debug"),
    ("DEFAULT", "log_file"),
    ("DEFAULT", "logfile"),
    ("DEFAULT", "policy_file_of_old"),
    ("Oslo_Policy", "policy_file"),
    ("file", "filesystem_store_datadir"),
]
WRONG = [
    ("DEFAULT", "debgu", ": did you mean debug?"),
    # oslo.config has the name of a command line for it, and reads it from no file.
    ("DEFAULT", "log-file", ": did you mean log_file?"),
    ("DEFAULT", "policy_file", ": policy_file belongs to [oslo_policy]"),
    ("default", "debug", ": debug belongs to [DEFAULT]"),
    ("oslo_polcy", "policy_file", ": did you mean [oslo_policy]?"),
    ("oslo_limits", "what", ": did you mean [oslo_limit]?"),
    ("oslo_limit", "image_size_capp", ": did you mean image_size_cap of [DEFAULT]?"),
    ("glance_store", "filesystem_store_datadir", ": filesystem_store_datadir belongs to [file]"),
    ("nothing", "zzz", ""),
]


@pytest.mark.parametrize(("section", "name"), RIGHT)
def test_what_the_release_registers_is_known(program, known, section, name):
    assert list(program.unknown(known, {section: {name: ["x"]}}, "2026.2")) == []


@pytest.mark.parametrize(("section", "name", "end"), WRONG)
def test_what_it_does_not_is_told_with_the_nearest_right_one(program, known, section, name, end):
    (sentence,) = program.unknown(known, {section: {name: ["x"]}}, "2026.2")
    assert sentence == f"[{section}] {name} is no option of Glance 2026.2{end}"


def test_a_store_whose_driver_can_not_be_loaded_is_a_fault_of_its_own(program, known):
    known.unread.add("block")
    assert list(program.unknown(known, {"block": {"cinder_catalog_info": ["x"]}}, "2026.2")) == []


def kind(name, **facts):
    return type(name, (), facts)()


@pytest.mark.parametrize(
    ("of", "multi", "values", "told"),
    [
        ("String", False, ["a"], []),
        ("String", True, ["a", "b"], []),
        ("String", False, ["a", "b"], ["[s] x should have one value, found 2: keep one"]),
        ("List", False, ["a"] * 3, ["[s] x should have one value, found 3: write them as one text, with commas"]),
    ],
)
def test_values_of_which_the_last_alone_would_count_are_refused(program, of, multi, values, told):
    known = program.Known()
    known.add("s", [option("x", multi=multi, type=kind(of))])
    assert list(program.repeated(known, {"s": {"x": values, "strange": values}})) == told


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (kind("Boolean"), "true or false"),
        (kind("Integer", min=1, max=4), "a whole number from 1 to 4"),
        (kind("Integer", min=1, max=None), "a whole number from 1"),
        (kind("Integer", min=None, max=4), "a whole number to 4"),
        (kind("Float", min=None, max=None), "a number"),
        (kind("Port", min=0, max=65535), "a whole number from 0 to 65535"),
        (kind("String", choices=["raw", ""]), "one of raw, nothing"),
        (kind("Dict"), ""),
        (kind("List", item_type=kind("String"), bounds=False), ""),
        (kind("List", item_type=kind("Boolean"), bounds=False), "a list with commas, each part true or false"),
        (
            kind("List", item_type=kind("Port", min=0, max=65535), bounds=True),
            "a list in [] with commas, each part a whole number from 0 to 65535",
        ),
    ],
)
def test_a_type_in_words(program, of, words):
    assert program.wanted(of) == words


def test_a_value_that_may_be_secret_is_not_shown(program):
    error = ValueError("Value for option password from /x is not valid: hunter2")
    for secret, found in ((True, "found another value"), (False, "found 'hunter2': hunter2")):
        sentence = program.value_fault(
            option("password", secret=secret, type=kind("Dict")), "s", "password", ["hunter2"], error
        )
        assert sentence == f"[s] password should be a value that Glance can read, {found}"


def driver(options=(), multi=(), missing=False):
    """Return an entry point of a driver with options, or one whose library is not there."""

    def load():
        if missing:
            raise ImportError("No module named 'os_brick'")
        return types.SimpleNamespace(OPTIONS=list(options), MULTI_BACKEND_OPTIONS=list(multi))

    return types.SimpleNamespace(load=load)


@pytest.fixture
def drivers(program, monkeypatch):
    """Install drivers of stores; those of LIBRARIES lack their libraries."""
    multi = [option("store_description"), option("weight")]
    there = {
        "file": driver([option("filesystem_store_datadir")], multi),
        "http": driver([], multi),
        "rbd": driver([option("rbd_store_pool")], multi),
        "cinder": driver(missing=True),
        "glance.store.file.Store": driver(),
        "no_conf": driver(),
    }
    monkeypatch.setattr(program, "entry_points", lambda _group: there)
    monkeypatch.setattr(program.importlib.util, "find_spec", lambda _name: None)


def backends(text):
    return {"DEFAULT": {"enabled_backends": [text]}}


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("fast", "store_description"),
        ("fast", "weight"),
        ("FAST", "filesystem_store_datadir"),
        ("block", "rbd_store_pool"),
    ],
)
def test_options_of_a_store_are_known_in_its_section(program, drivers, section, name):
    known = program.Known()
    list(program.add_stores(known, backends("fast:file, block:rbd")))
    assert known.find(section, name)
    assert list(program.unknown(known, {section: {name: ["x"]}}, "2026.2")) == []


def test_a_driver_that_is_none_is_told_with_those_that_are(program, drivers):
    (sentence,) = program.add_stores(program.Known(), backends("a:file, b:nosuch"))
    assert sentence == "the driver of the store b should be one of cinder, file, http, rbd, found nosuch"


def test_a_driver_without_its_library_is_told_as_such_and_its_options_are_not_called_unknown(program, drivers):
    known = program.Known()
    given = backends("a:rbd,b:cinder")
    told = list(program.add_stores(known, given))
    assert told == [
        "the store a can't be used: its driver rbd needs rados and rbd, which are not installed beside Glance",
        "the store b can't be used: its driver cinder needs os_brick and cinderclient, which are not installed beside "
        "Glance",
    ]
    assert list(program.unknown(known, {"b": {"cinder_store_user_name": ["x"]}}, "2026.2")) == []


@pytest.fixture
def plugins(monkeypatch):
    """Install authentication plugins of keystoneauth."""

    class NoMatchingPlugin(Exception):  # noqa: N818 - the name that keystoneauth has
        pass

    def of_plugin(name):
        if name != "password":
            raise NoMatchingPlugin
        return [option("username"), option("password")]

    loading = types.SimpleNamespace(
        get_auth_common_conf_options=lambda: [option("auth_type"), option("auth_section")],
        get_auth_plugin_conf_options=of_plugin,
        get_available_plugin_names=lambda: {"password", "none"},
    )
    package = types.SimpleNamespace(
        loading=loading, exceptions=types.SimpleNamespace(NoMatchingPlugin=NoMatchingPlugin)
    )
    monkeypatch.setitem(sys.modules, "keystoneauth1", package)


AUTH = [option("auth_type"), option("auth_section"), option("endpoint_id")]


@pytest.mark.parametrize("section", ["keystone_authtoken", "oslo_limit", "barbican_service_user"])
def test_options_of_the_plugin_that_logs_in_are_known_and_misspelt_ones_are_not(program, plugins, section):
    known = program.Known()
    known.add(section, AUTH)
    given = {section: {"auth_type": ["password"], "username": ["x"], "pasword": ["x"]}}
    assert list(program.add_plugins(known, given)) == []
    assert list(program.unknown(known, given, "2026.2")) == [
        f"[{section}] pasword is no option of Glance 2026.2: did you mean password?"
    ]


def test_another_section_may_hold_the_credentials(program, plugins):
    known = program.Known()
    known.add("oslo_limit", AUTH)
    given = {"oslo_limit": {"auth_section": ["Limits"]}, "limits": {"auth_type": ["password"], "username": ["x"]}}
    assert list(program.add_plugins(known, given)) == []
    assert list(program.unknown(known, given, "2026.2")) == []


def test_a_plugin_that_is_none_is_told_with_those_that_are(program, plugins):
    known = program.Known()
    known.add("oslo_limit", AUTH)
    (sentence,) = program.add_plugins(known, {"oslo_limit": {"auth_type": ["pasword"]}})
    assert sentence == "[oslo_limit] auth_type should be one of none, password, found pasword"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ParseError(7), "line 7 should be [section] or option = value, found another: correct it"),
        (
            UnicodeDecodeError("utf-8", b"hidden", 0, 1, "x"),
            "the file should be text in UTF-8, found other bytes in it: write it anew",
        ),
    ],
)
def test_a_file_of_another_form_is_told_without_its_lines(program, monkeypatch, error, told):
    module = types.SimpleNamespace(iniparser=types.SimpleNamespace(ParseError=ParseError))
    monkeypatch.setitem(sys.modules, "oslo_config", module)

    def read(_path):
        raise error

    monkeypatch.setattr(program, "read", read)
    assert program.faults("x", "2026.2") == [told]


def test_sections_for_further_origins_are_known_where_a_release_has_them(program):
    given = {"cors.horizon": {"max_age": ["5"]}, "cors.x": {"maxage": ["5"]}, "corsx": {"max_age": ["5"]}}
    new, old = program.Known(), program.Known()
    for known in (new, old):
        known.add("cors", [option("max_age")])
    old.add(program.ORIGINS, [option("max_age")])
    for known in (new, old):
        program.add_origins(known, given)
        assert program.ORIGINS not in known.sections
    assert len(list(program.unknown(new, given, "2026.1"))) == 3
    said = list(program.unknown(old, given, "2025.2"))
    assert [sentence.partition(" is no")[0] for sentence in said] == ["[cors.x] maxage", "[corsx] max_age"]
