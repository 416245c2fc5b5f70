"""What check_options.py makes of options; with those of real releases it is run on hosts (molecule/shared/options)."""

import importlib.util
import pathlib
import types

import pytest

PROGRAM = pathlib.Path(__file__).parents[3] / "roles/common/files/check_options.py"


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
    ("oslo_polcy", "policy_file", ": policy_file belongs to [oslo_policy]"),
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
