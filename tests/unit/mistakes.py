"""The variables of the example inventories, and each way to get one variable wrong."""

import pathlib

import yaml

PROJECT = pathlib.Path(__file__).parents[2]
USER = {"name": "a", "project": "p", "password": "hidden-hidden"}
WRONG = {
    "str": [{"a": 1}, ["a"]],
    "int": ["many", [1, 2]],
    "bool": ["perhaps", {"a": 1}],
    "list": ["a, b", {"a": 1}],
    "dict": ["a: 1", ["a"]],
    "path": [["a"], {"a": 1}],
    "raw": [{"a": 1}, ["a"]],
}


def operator_options():
    """Return the options of all roles that an operator sets."""
    specs = [yaml.safe_load(path.read_text()) for path in sorted(PROJECT.glob("roles/*/meta/argument_specs.yml"))]
    entries = [entry for spec in specs for entry in spec["argument_specs"].values()]
    found = {name: option for entry in entries for name, option in (entry.get("options") or {}).items()}
    return dict(sorted(found.items()))


def mistakes():
    """Give (name that the sentence has to have, variables) for each way to get one variable wrong."""
    for name, option in operator_options().items():
        values = ["no-such-choice" if option["type"] == "str" else ["no-such-choice"]] if "choices" in option else []
        for value in [*values, *WRONG[option["type"]], None, "{{ no_such_variable }}"]:
            yield name, {name: value}
        misspelt = name[:-2] + name[-1] + name[-2] if name[-1] != name[-2] else f"{name}x"
        yield misspelt, {misspelt: "a"}
    yield "glance_release", {"glance_release": "zed"}
    yield "glance_api_bind_address", {"glance_api_config": {"DEFAULT": {"bind_host": "0.0.0.0"}}}
    yield "glance_config", {"glance_config": {"DEFAULT": None}}
    yield "glance_basic_users", {"glance_basic_users": [{**USER, "password": 12345678}]}
    yield "glance_mounts", {"glance_mounts": [{"path": "/srv/images"}]}
    yield "glance_basic_users", {"glance_basic_users": [{"name": "a", "password": "hushed"}]}
    yield "glance_basic_users", {"glance_basic_users": [{"name": "a", "project": "p", "pasword": "hushed"}]}
    for wrong in ({"pasword": "hushed"}, {"password": ["hushed"]}, {"user": None}):
        yield "glance_identity_admin", {"glance_identity_admin": {"user": "admin", "password": "hushed", **wrong}}
    for wrong in ({"roles": "admin"}, {"roles": None}, {"project": None}, {"name": ["a"]}):
        yield "glance_basic_users", {"glance_basic_users": [{**USER, **wrong}]}


def example(name):
    """Return the variables that an example inventory gives to a host of Glance, with what a vault would hold.

    Its addresses are replaced by those of networks for benchmarks, as an operator replaces them by real ones, and
    passwords that a lookup makes in this checkout by others. Nobody is in the group that has the database.
    """
    folder = PROJECT / "inventories" / name
    groups = yaml.safe_load((folder / "hosts.yml").read_text())
    variables = dict(groups.get("glance", {}).get("vars", {}))
    for path in folder.glob("group_vars/all/*.yml"):
        text = path.read_text().replace("192.0.2.", "198.18.0.").replace("s3.example.com", "s3.lan")
        variables |= yaml.safe_load(text)
    for user in variables.get("glance_basic_users", []):
        user["password"] = "hushed enough"
    if name == "single":
        variables["glance_database_password"] = "hushed"
    else:
        variables["glance_database_host"] = "198.18.0.31"
    vault = ("glance_database_password", "glance_s3_access_key", "glance_s3_secret_key")
    return variables | {f"vault_{each}": "hushed" for each in vault}
