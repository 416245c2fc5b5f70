import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import written_directories as w


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, []),
        ({"s": {"filesystem_store_datadir": "/a"}}, ["/a"]),
        ({"s": {"filesystem_store_datadir": "/a"}, "other": {"filesystem_store_datadir": "/b"}}, ["/a"]),
        ({"s": {"filesystem_store_datadirs": ["/a:10", "/b:20", "/c"]}}, ["/a", "/b", "/c"]),
        ({"s": {"filesystem_store_datadirs": "/a:10"}}, ["/a"]),
        # What is null is removed from the configuration.
        ({"s": {"filesystem_store_datadir": None, "filesystem_store_datadirs": None}}, []),
        ({"s": {"filesystem_store_datadir": ""}}, []),
        ({"s": {"rbd_store_pool": "images"}}, []),
        ({"oslo_concurrency": {"lock_path": "/l"}}, ["/l"]),
        ({"oslo_concurrency": {}}, []),
        ({"task": {"work_dir": "/w"}, "s": {"swift_upload_buffer_dir": "/u"}}, ["/u", "/w"]),
        ({"s": {"filesystem_store_datadir": "/a//b/"}, "t": {"filesystem_store_datadirs": ["/a/b/:1"]}}, ["/a/b"]),
        ({"DEFAULT": {"log_dir": "/v"}}, ["/v"]),
        ({"DEFAULT": {"image_cache_dir": "/c", "log_dir": "/v"}}, ["/c", "/v"]),
        (
            {
                "DEFAULT": {"log_dir": "/v"},
                "oslo_concurrency": {"lock_path": "/l"},
                "s": {"filesystem_store_datadir": "/a"},
                "t": {"filesystem_store_datadirs": ["/a:1", "/b"]},
            },
            ["/a", "/b", "/l", "/v"],
        ),
    ],
)
def test_each_directory_is_named_once(config, expected):
    assert w.written_directories(config, ["s", "t"]) == expected
