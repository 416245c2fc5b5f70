import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import foreign_files as f


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("# a = b\n; c\n\n[DEFAULT]\n  # d = e\n", []),
        ("[DEFAULT]\nimage_size_cap = 5\n", ["image_size_cap"]),
        ("image_size_cap=5\nimage_size_cap=6\nother: x", ["image_size_cap", "other"]),
        # What no parser would take is said, too.
        ("half a line", ["half"]),
        ("[open\n", ["[open"]),
    ],
)
def test_what_a_file_says(tmp_path, text, found):
    path = tmp_path / "glance-image-import.conf"
    path.write_text(text)
    assert f.options_in(str(path)) == found


def test_files_and_directories_are_looked_at(tmp_path):
    folder = tmp_path / "glance-api.conf.d"
    folder.mkdir()
    (folder / "10-own.conf").write_text("a = 1\nb = 2\nc = 3\nd = 4\n")
    (tmp_path / "harmless.conf").write_text("# nothing\n")
    (sentence,) = f.problems([str(tmp_path / name) for name in ("glance-api.conf.d", "harmless.conf", "not-there")])
    assert sentence.startswith(f"{folder}/10-own.conf should hold no options, found a, b, c and 1 more: ")


def test_all_that_oslo_config_reads_by_itself_is_named():
    assert f.read_beside("glance-api", "/var/lib/glance", ["policy.d"]) == [
        "/var/lib/glance/.glance/glance.conf.d",
        "/var/lib/glance/.glance/glance-api.conf.d",
        "/var/lib/glance/glance.conf.d",
        "/var/lib/glance/glance-api.conf.d",
        "/etc/glance/glance.conf.d",
        "/etc/glance/glance-api.conf.d",
        "/etc/glance.conf.d",
        "/etc/glance-api.conf.d",
        "/etc/glance/policy.d",
    ]
