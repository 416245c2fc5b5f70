"""Configurations of public sites: refused option by option as they are, and right as the variables made of them."""

import pathlib
import re
import subprocess
import sys

import inventory_of
import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.glanceops.image_service.plugins.plugin_utils import specs
from ansible_collections.glanceops.image_service.plugins.plugin_utils.judgement import judge

PROJECT = pathlib.Path(__file__).parents[2]
SITES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((PROJECT / "tests/sites").glob("*.yml"))}
KNOWN = specs.operator_options(
    yaml.safe_load(path.read_text()) for path in specs.ROLES.glob("*/meta/argument_specs.yml")
)
RELEASES = yaml.safe_load(specs.RELEASES.read_text())["__glance_releases"]
# What the variables made of a site are refused for all the same.
LACKS = {"zed-stores": "the driver of the store cinder in glance_stores should be one of"}
# What another release than the site's does not take: an option that came later, a value that is gone.
OTHER_RELEASE = {
    ("2025.1-limits", "ussuri"): "of Glance ussuri",
    **{("icehouse-swift", release): "should be one of 3, found '2'" for release in ("2025.2", "2026.1", "2026.2")},
}
SECRET = "not-the-real-one"


def judged(variables):
    return judge(variables, KNOWN, releases=RELEASES, read=lambda _source: "")


def conf(tmp_path, sections):
    """Write options as a file of oslo.config."""
    path = tmp_path / "glance-api.conf"
    lines = [
        f"[{section}]\n" + "".join(f"{option} = {value}\n" for option, value in values.items())
        for section, values in sections.items()
    ]
    path.write_text("# of a site\n\n" + "\n".join(lines))
    return str(path)


def converted(tmp_path, sections, release="2026.2"):
    return inventory_of.convert(inventory_of.read(conf(tmp_path, sections)), release)


def test_there_are_five():
    assert len(SITES) == 5
    assert all("github.com/" in site["source"] for site in SITES.values())


@pytest.mark.parametrize("name", SITES)
def test_each_option_that_a_variable_sets_is_refused_with_it(name):
    site = SITES[name]
    told = judged({"glance_release": "2026.2", "glance_api_config": site["options"]})
    found = {}
    for sentence in told:
        section, option = re.match(r"\[(\S+)\] (\S+) ", sentence).groups()
        assert option not in found.get(section, {}), sentence
        found.setdefault(section, {})[option] = sentence
        assert SECRET not in sentence
    instead = site["instead"]
    assert {section: set(options) for section, options in found.items()} == {
        section: set(options) for section, options in instead.items()
    }
    lacking = [
        (section, option)
        for section, options in instead.items()
        for option, word in options.items()
        if word not in found[section][option]
    ]
    assert lacking == []


@pytest.mark.parametrize("release", [*RELEASES])
@pytest.mark.parametrize("name", SITES)
def test_the_variables_of_a_site_are_right_or_refused_for_what_no_wheel_holds(name, release, tmp_path):
    made = converted(tmp_path, SITES[name]["options"], release)
    told = judged({"glance_release": release, **made.variables})
    why = OTHER_RELEASE.get((name, release)) or LACKS.get(name, "nothing")
    assert [sentence for sentence in told if why not in sentence] == []
    assert bool(told) == (why != "nothing")


@pytest.mark.parametrize("name", SITES)
def test_no_option_of_a_site_is_lost(name, tmp_path):
    """Each is in a variable, or named in a note; a value may be in another form there."""
    made = converted(tmp_path, SITES[name]["options"])
    noted = {re.match(r"(\[\S+\] \S+):", note)[1] for note in made.notes}
    options = SITES[name]["options"]
    kept = made.variables.get("glance_api_config", {})
    stored = {option for store in made.variables["glance_stores"].values() for option in store.get("options", {})}
    lost = [
        f"[{section}] {option}"
        for section, values in options.items()
        for option, value in values.items()
        if f"[{section}] {option}" not in noted
        and option not in kept.get(section, {})
        and option not in stored
        # An empty option, and one that a variable sets.
        and value
        and not SITES[name]["instead"].get(section, {}).get(option, "").startswith("glance_")
        and not option.endswith("_domain_id")
    ]
    assert lost == []


PLAIN = {"paste_deploy": {"flavor": "keystone"}, "keystone_authtoken": {"auth_url": "http://k:5000/v3"}}


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, {"glance_auth": "none", "glance_api_bind_address": "0.0.0.0", "glance_project_max_bytes": 0}),
        (PLAIN, {"glance_auth": "keystone", "glance_keystone_url": "http://k:5000"}),
        ({"DEFAULT": {"bind_host": "192.0.2.7"}}, {"glance_api_bind_address": "192.0.2.7"}),
        ({"DEFAULT": {"user_storage_quota": "10GB"}}, {"glance_project_max_bytes": 10 << 30}),
        ({"DEFAULT": {"delayed_delete": "yes", "scrub_time": 60}}, {"glance_delayed_delete": True}),
        (
            {"DEFAULT": {"enabled_import_methods": "[web-download, copy-image]"}},
            {"glance_api_import_methods": ["web-download", "copy-image"]},
        ),
        (
            {"paste_deploy": {"flavor": "keystone+caching"}, "DEFAULT": {"image_cache_dir": "/srv/cache"}},
            {"glance_cache_max_bytes": 10 << 30, "glance_cache_directory": "/srv/cache"},
        ),
        (
            {"database": {"connection": "postgresql+psycopg2://g:p%40%2F@db/images"}},
            {
                "glance_database_engine": "postgresql",
                "glance_database_host": "db",
                "glance_database_name": "images",
                "glance_database_password": "p@/",
            },
        ),
        # A port or an option that no variable holds.
        (
            {"database": {"connection": "mysql://g:p$$x@db:3307/glance?ssl_ca=/x"}},
            {"glance_database_url": "mysql+pymysql://g:p$x@db:3307/glance?ssl_ca=/x"},
        ),
        (
            {"DEFAULT": {"enabled_backends": "a:file, b:s3"}, "glance_store": {"default_backend": "b"}, "b": {"x": 1}},
            {
                "glance_default_store": "b",
                "glance_stores": {
                    "a": {"driver": "file", "options": {"filesystem_store_datadir": "/var/lib/glance/images"}},
                    "b": {"driver": "s3", "options": {"x": "1"}},
                },
            },
        ),
        (
            {"glance_store": {"stores": "glance.store.rbd.Store", "rbd_store_ceph_conf": "/etc/ceph/ceph.conf"}},
            {"glance_files": [{"path": "/etc/ceph/ceph.conf", "src": "ceph.conf"}]},
        ),
        (
            {"DEFAULT": {"node_staging_uri": "file:///srv/staging/"}},
            {"glance_api_config": {"os_glance_staging_store": {"filesystem_store_datadir": "/srv/staging"}}},
        ),
        (
            {
                "DEFAULT": {"notification_driver": "messagingv2"},
                "oslo_messaging_rabbit": {"rabbit_hosts": "a,b:1", "rabbit_userid": "u", "rabbit_password": "p@$$"},
            },
            {
                "glance_api_config": {
                    "DEFAULT": {
                        "notification_driver": "messagingv2",
                        "transport_url": "rabbit://u:p%40%24@a:5672,u:p%40%24@b:1/",
                    }
                }
            },
        ),
        (
            {"database": {"connection": "mysql+pymysql://g:a/b#1?@db/glance"}},
            {"glance_database_host": "db", "glance_database_password": "a/b#1?", "glance_database_name": "glance"},
        ),
        (
            {"keystone_authtoken": {"memcached_servers": "[::1]:11211, a"}},
            {"glance_keystone_memcached_servers": ["[::1]:11211", "a:11211"]},
        ),
        ({"DEFAULT": {"delayed_delete": "maybe"}}, {"glance_api_config": {"DEFAULT": {"delayed_delete": "maybe"}}}),
        # What refers to another option no variable can hold, and the product says so.
        ({"DEFAULT": {"bind_host": "$my_ip"}}, {"glance_api_config": {"DEFAULT": {"bind_host": "$my_ip"}}}),
    ],
)
def test_what_an_option_becomes(sections, expected, tmp_path):
    made = converted(tmp_path, sections).variables
    assert {name: made.get(name) for name in expected} == expected


def test_a_file_is_read_as_oslo_config_reads_it(tmp_path):
    path = tmp_path / "x.conf"
    path.write_text(
        '[a]\nb = 1\nb = 2\n# c = 3\n; c = 3\nd:4\ne = "x y"\nf = one,\n  two\n\n[g]\n[a]\nh =\ni = \'x\nj = [1]\n'
    )
    assert inventory_of.read(str(path)) == {
        "a": {"b": ["1", "2"], "d": ["4"], "e": ["x y"], "f": ["one,\ntwo"], "h": [""], "i": ["'x"], "j": ["[1]"]},
        "g": {},
    }


def test_the_last_of_several_files_counts(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    paths[0].write_text("[a]\nb = 1\nc = 1\nc = 2\n")
    paths[1].write_text("[a]\nc = 3\n[d]\ne = 4\n")
    assert inventory_of.merged([str(path) for path in paths]) == {"a": {"b": ["1"], "c": ["3"]}, "d": {"e": ["4"]}}


@pytest.mark.parametrize("text", ["a = 1\n", "[a]\nb\n", "<xml/>\n"])
def test_another_file_is_refused(text, tmp_path):
    path = tmp_path / "x.conf"
    path.write_text(text)
    with pytest.raises(inventory_of.ConfigError, match="should be \\[section\\] or option = value"):
        inventory_of.read(str(path))


def program(*arguments):
    return subprocess.run(
        [sys.executable, PROJECT / "tests/inventory_of.py", *arguments], capture_output=True, text=True, check=False
    )


def test_the_program_prints_variables_and_says_what_it_left_out(tmp_path):
    done = program(conf(tmp_path, SITES["pike-swift"]["options"]))
    assert (done.returncode, done.stderr) == (0, "")
    assert "# Left out: [DEFAULT] admin_role: gone since Wallaby" in done.stdout
    variables = yaml.safe_load(done.stdout)
    assert variables["glance_release"] == "2026.2"
    assert variables["glance_default_store"] == "swift"
    assert set(variables) <= set(KNOWN)


def test_the_program_says_in_a_sentence_what_it_can_not_read(tmp_path):
    done = program(str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "should be a file of text" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("[database]\nconnection = mysql://g:hidden@[db/g\n", "[database] connection: no URL"),
        ("[database]\nconnection = mysql://g:hidden@db:hidden/g\n", "[database] connection: no URL"),
        (
            "[keystone_authtoken]\nauth_url = http://$my_ip:5000\n",
            "auth_url: a value that glance_keystone_url can't hold",
        ),
        (
            "[paste_deploy]\nflavor = keystone+caching\n[DEFAULT]\nimage_cache_max_size = hidden\n",
            "image_cache_max_size: a value that glance_cache_max_bytes can't hold",
        ),
    ],
)
def test_a_value_that_no_variable_can_hold_is_left_out_in_a_sentence(text, note, tmp_path):
    (tmp_path / "x.conf").write_text(text)
    done = program(str(tmp_path / "x.conf"))
    assert (done.returncode, done.stderr) == (0, "")
    assert note in done.stdout
    assert "hidden" not in done.stdout


@pytest.mark.parametrize("text", ["a{{ b }}c", "{% raw %}", "{#x", "a\u2028b\x85c", "ü"])
def test_a_password_is_for_ansible_what_it_was(text, tmp_path):
    (tmp_path / "x.conf").write_text(f"[keystone_authtoken]\npassword = {text}\n", encoding="utf-8")
    done = program(str(tmp_path / "x.conf"))
    assert done.returncode == 0
    (tmp_path / "vars.yml").write_text(done.stdout)
    loader = DataLoader()
    variables = loader.load_from_file(str(tmp_path / "vars.yml"))
    assert Templar(loader, variables=variables).template(variables["glance_keystone_password"]) == text
