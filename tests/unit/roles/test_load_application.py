"""What load_application.py makes of a configuration; with the real server it is run on hosts (molecule/default)."""

import importlib.util
import io
import os
import pathlib
import shutil
import socket
import sys
import time
import types

import pytest

PROGRAM = pathlib.Path(__file__).parents[3] / "roles/api/files/load_application.py"
RULES = ("get_image", "delete_image", "default")
WRITE = 1


class EndedError(BaseException):
    """The program has ended."""


def leave(code):
    raise EndedError(code)


class FalseCheck:
    """What oslo.policy makes of a rule that it can't read."""


class Store:
    """A store of a driver: what it takes it gives back, unless it misbehaves."""

    def __init__(self, kind="good"):
        self.kind = kind
        self.data = {}

    def is_capable(self, _mask):
        return self.kind not in ("reads", "misconfigured")

    def configure(self, re_raise_bsc):
        assert re_raise_bsc
        if self.kind == "misconfigured":
            raise ValueError("the bucket\nis missing")

    def add(self, image_id, file):
        if self.kind == "away":
            time.sleep(60)
        if self.kind == "full":
            raise OSError(28, "No space left on device")
        self.data[image_id] = file.read()
        return image_id

    def get(self, image_id):
        return [b"" if self.kind == "forgetful" else self.data[image_id]]


class Backends:
    """The part of glance_store.multi_backend that is used, over the stores of a configuration."""

    def __init__(self, stores):
        self.stores = stores

    def get_store_from_store_identifier(self, name):
        return self.stores[name]

    def add_with_multihash(self, _conf, image_id, file, _size, name, _algorithm):
        return (self.stores[name].add(image_id, file),)

    def get(self, uri, name):
        return (self.stores[name].get(uri),)

    def delete(self, uri, name):
        self.stores[name].data.pop(uri, None)


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Load the program beside a Glance in which all is healthy."""
    conf = types.SimpleNamespace(
        values=list,
        enabled_backends={},
        glance_store=types.SimpleNamespace(default_backend="a"),
        property_protection_file=None,
        property_protection_rule_format="roles",
        oslo_policy=types.SimpleNamespace(policy_file="policy.yaml", policy_dirs=[], policy_default_rule="default"),
        find_file=lambda path: path if path and os.path.exists(path) else None,
        image_import_opts=types.SimpleNamespace(image_import_plugins=["no_op"]),
        os_glance_staging_store=types.SimpleNamespace(filesystem_store_datadir=str(tmp_path)),
        image_size_cap=1,
        oslo_messaging_notifications=types.SimpleNamespace(driver=[]),
        image_cache_dir=None,
        task=types.SimpleNamespace(work_dir=None),
        hashing_algorithm="sha512",
        metadata_encryption_key=None,
        # Asked for by a socket alone, so that there is no database to make.
        data_api="glance.db.registry.api",
        registry_host="127.0.0.1",
        registry_port=9191,
    )
    cfg = types.SimpleNamespace(CONF=conf)
    modules = {
        "sqlalchemy": types.ModuleType("sqlalchemy"),
        "glance": types.SimpleNamespace(
            policies=types.SimpleNamespace(list_rules=lambda: [types.SimpleNamespace(name=name) for name in RULES])
        ),
        "glance.common": types.SimpleNamespace(
            property_utils=types.SimpleNamespace(PropertyRules=lambda: None),
            wsgi_app=types.SimpleNamespace(init_app=lambda: None),
        ),
        "glance_store": types.SimpleNamespace(
            capabilities=types.SimpleNamespace(BitMasks=types.SimpleNamespace(WRITE_ACCESS=WRITE)),
            multi_backend=Backends({}),
        ),
        "glance.image_cache.drivers": types.SimpleNamespace(
            base=types.SimpleNamespace(Driver=types.SimpleNamespace(configure=None)),
            centralized_db=types.SimpleNamespace(Driver=types.SimpleNamespace(configure=None)),
        ),
        "glance.async_.flows.api_image_import": types.ModuleType("api_image_import"),
        "oslo_config": types.SimpleNamespace(cfg=cfg),
        "oslo_db": types.SimpleNamespace(options=None),
        "oslo_policy": types.SimpleNamespace(
            _checks=types.SimpleNamespace(FalseCheck=FalseCheck),
            _parser=types.SimpleNamespace(
                parse_rule=lambda rule: FalseCheck() if rule in ("role admin", "!") else object()
            ),
        ),
        "glance_guards": types.ModuleType("glance_guards"),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("OS_GLANCE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "policy.yaml").write_text("")
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(socket, "create_connection", lambda *_args, **_kwargs: io.BytesIO())
    spec = importlib.util.spec_from_file_location("load_application", shutil.copy(PROGRAM, tmp_path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.conf = conf
    monkeypatch.setattr(module, "SECONDS", 1)
    return module


def stores(program, default="a", **kinds):
    made = {name: Store(kind) for name, kind in kinds.items()}
    program.conf.enabled_backends = dict.fromkeys(kinds, "x")
    program.conf.glance_store.default_backend = default
    for name in kinds:
        setattr(program.conf, name, types.SimpleNamespace())
    program.multi_backend.stores = made
    return made


def test_every_store_takes_a_byte_gives_it_back_and_keeps_nothing(program):
    made = stores(program, a="good", b="good", c="reads")
    assert list(program.check_stores()) == []
    assert [store.data for store in made.values()] == [{}, {}, {}]


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("full", "[Errno 28] No space left on device"),
        ("misconfigured", "the bucket is missing"),
        ("forgetful", "it gave back 0 bytes of 1"),
        ("away", "no answer within 1 s"),
    ],
)
def test_a_store_that_is_not_the_default_is_told_with_its_reason(program, kind, why):
    made = stores(program, a="good", b=kind)
    begun = time.monotonic()
    assert list(program.check_stores()) == [f"the store b should take data, found {why}"]
    assert time.monotonic() - begun < 5
    assert made["b"].data == {}


def test_a_default_store_that_only_reads_is_refused(program):
    stores(program, default="b", a="good", b="reads")
    (sentence,) = program.check_stores()
    assert sentence == "the default store should take images, found b, whose driver x only reads"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("", []),
        ("get_image: role:reader\nown: '@'\ndelete_image: rule:own or rule:default", []),
        ("delete_image: '!'", []),
        ("delete_imag: '@'", ["policy.yaml holds delete_imag, which no rule of Glance is called"]),
        ("get_image: rule:nobody", ["policy.yaml names rule:nobody, which is not there"]),
        (
            "delete_image: role admin",
            [
                "the rule delete_image of policy.yaml should be one such as 'role:admin' or 'rule:NAME', found "
                "'role admin'"
            ],
        ),
        *(
            (
                f"get_image: {value}",
                [
                    "the rule get_image of policy.yaml should be a text, found none: put it in quotes, or take the "
                    "line away"
                ],
            )
            for value in ("", "1", "true", "{a: b}")
        ),
        ("get_image: [['role:admin']]", []),
        ("1: '@'", ["policy.yaml holds 1, which no rule of Glance is called"]),
        ("- get_image", ["policy.yaml should hold rules by name, found another thing: write each as NAME: RULE"]),
        ("get_image: '@'\nhidden: [", ["policy.yaml should hold rules in YAML, found an error in line 2"]),
    ],
)
def test_a_policy_that_would_refuse_everybody_is_told(program, tmp_path, rules, said):
    (tmp_path / "policy.yaml").write_text(rules)
    assert list(program.check_policy()) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("policy.json", []),
        (
            "own.yaml",
            ["the rule get_image of own.yaml should be one such as 'role:admin' or 'rule:NAME', found 'role admin'"],
        ),
        ("other.yaml", ["policy_file of [oslo_policy] should name a file that Glance can read, found other.yaml"]),
        (
            "/nowhere/p.yaml",
            ["policy_file of [oslo_policy] should name a file that Glance can read, found /nowhere/p.yaml"],
        ),
    ],
)
def test_a_policy_file_of_ones_own_is_read_and_a_missing_one_told(program, tmp_path, name, said):
    (tmp_path / "own.yaml").write_text("get_image: role admin")
    program.conf.oslo_policy.policy_file = name
    assert list(program.check_policy()) == said


def test_property_protections_are_loaded(program, tmp_path, monkeypatch):
    program.conf.property_protection_file = f"{tmp_path}/p.conf"
    (sentence,) = program.check_property_protections()
    assert sentence == f"property_protection_file should name a file that Glance can read, found {tmp_path}/p.conf"
    (tmp_path / "p.conf").write_text("")
    assert list(program.check_property_protections()) == []

    def broken():
        raise ValueError("nothing to repeat at position 0")

    monkeypatch.setattr(program.property_utils, "PropertyRules", broken)
    (sentence,) = program.check_property_protections()
    assert sentence.endswith("found nothing to repeat at position 0")


def test_plugins_and_drivers_that_are_not_installed_are_told_with_those_that_are(program, monkeypatch):
    monkeypatch.setattr(program, "entry_points", lambda _group: {"image_conversion", "log"})
    monkeypatch.setattr(program.shutil, "which", lambda _name: None)
    program.conf.image_import_opts.image_import_plugins = ["image_konversion"]
    program.conf.oslo_messaging_notifications.driver = ["messagingv3", ""]
    assert [*program.check_imports(), *program.check_notifications()] == [
        "image_import_plugins should be one of image_conversion, log, found image_konversion",
        "driver of [oslo_messaging_notifications] should be one of image_conversion, log, found messagingv3",
    ]
    program.conf.image_import_opts.image_import_plugins = ["no_op", "image_conversion"]
    program.conf.oslo_messaging_notifications.driver = ["log"]
    assert [*program.check_imports(), *program.check_notifications()] == [
        "the import plugin image_conversion needs the program qemu-img, which is not installed"
    ]


@pytest.mark.parametrize("plugin", ["image_conversion", "image_decompression"])
def test_an_image_fits_twice_where_a_plugin_writes_it_anew(program, monkeypatch, tmp_path, plugin):
    monkeypatch.setattr(program, "entry_points", lambda _group: {"image_conversion", "image_decompression"})
    monkeypatch.setattr(program.shutil, "which", lambda name: name)
    found = os.statvfs(tmp_path)
    size = found.f_blocks * found.f_frsize
    program.conf.image_size_cap = size // 2
    program.conf.image_import_opts.image_import_plugins = [plugin]
    assert list(program.check_imports()) == []
    program.conf.image_size_cap += 1
    (sentence,) = program.check_imports()
    assert f"{2 * program.conf.image_size_cap} bytes" in sentence
    assert f"found {size} bytes: lower glance_image_max_bytes" in sentence
    program.conf.image_import_opts.image_import_plugins = ["no_op"]
    assert list(program.check_imports()) == []


def test_directories_that_requests_write_to_are_tried(program, tmp_path):
    program.conf.task.work_dir = f"{tmp_path}/gone"
    program.conf.enabled_backends = {"w": "swift"}
    program.conf.w = types.SimpleNamespace(swift_upload_buffer_dir=str(tmp_path))
    before = sorted(tmp_path.iterdir())
    (sentence,) = program.check_directories()
    assert sentence == (
        f"work_dir of [task] should be a directory that Glance can write to, found {tmp_path}/gone: "
        "No such file or directory"
    )
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("algorithm", "key", "said"),
    [
        ("sha512", None, []),
        ("sha256", "x" * 32, []),
        ("sha513", None, ["hashing_algorithm should be one that Python's hashlib has, found sha513"]),
        ("sha512", "abc", ["metadata_encryption_key should be 16 or 24 or 32 bytes long, found 3"]),
    ],
)
def test_what_would_make_every_upload_fail_is_told_without_a_secret(program, algorithm, key, said):
    program.conf.hashing_algorithm, program.conf.metadata_encryption_key = algorithm, key
    assert list(program.check_algorithms()) == said


@pytest.mark.parametrize(
    ("name", "value"),
    [("OS_GLANCE_CONFIG_DIR", "/srv"), ("OS_GLANCE_CONFIG_DIR", ""), ("OS_GLANCE_CONFIG_FILES", "a.conf")],
)
def test_another_configuration_that_the_environment_names_is_told(program, monkeypatch, name, value):
    assert list(program.check_environment()) == []
    monkeypatch.setenv(name, value)
    (sentence,) = program.check_environment()
    assert sentence.startswith(f"{name} in the environment of the service should be left to the role, found another")


def test_a_paste_file_without_the_guards_is_told(program, monkeypatch):
    program.conf.paste_deploy = types.SimpleNamespace(config_file="/etc/glance/own.ini")
    assert list(program.check_guards()) == []
    monkeypatch.delitem(sys.modules, "glance_guards")
    (sentence,) = program.check_guards()
    assert sentence.startswith("the pipeline of /etc/glance/own.ini should begin with the filter guards")


def test_all_that_is_wrong_is_printed_and_the_program_ends(program, capsys):
    with pytest.raises(EndedError, match="1"):
        program.end(["one", "two\nlines"])
    assert capsys.readouterr().out == "load_application: one\nload_application: two lines\n"


def test_rules_that_something_else_names_or_holds_are_right(program, tmp_path):
    (tmp_path / "policy.yaml").write_text("creator: role:creator\nnobody: '!'\nshared: '@'\nget_image: rule:far\n")
    assert list(program.check_policy()) == [
        "policy.yaml holds creator, nobody, shared, which no rule of Glance is called",
        "policy.yaml names rule:far, which is not there",
    ]
    (tmp_path / "more").mkdir()
    (tmp_path / "more/own.yaml").write_text("far: role:far\ndelete_image: rule:shared\n")
    (tmp_path / "more/broken.yaml").write_text("a: [")
    program.conf.oslo_policy.policy_dirs = [str(tmp_path / "more"), "no_such.d"]
    program.conf.oslo_policy.policy_default_rule = "nobody"
    program.conf.property_protection_file = str(tmp_path / "p.conf")
    program.conf.property_protection_rule_format = "policies"
    (tmp_path / "p.conf").write_text("[x_.*]\ncreate = creator\nread = creator\n")
    assert list(program.check_policy()) == []
    # A file that can't be read is told of by itself.
    (tmp_path / "p.conf").write_text("create = creator\n")
    assert list(program.check_policy()) == ["policy.yaml holds creator, which no rule of Glance is called"]
