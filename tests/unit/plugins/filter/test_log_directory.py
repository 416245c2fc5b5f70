import pytest
from ansible_collections.glanceops.image_service.plugins.filter import log_directory as d


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ""),
        ({"DEFAULT": {}}, ""),
        ({"DEFAULT": {"log_dir": "/v"}}, "/v"),
        ({"DEFAULT": {"log_dir": "/v", "log_file": "/w/glance.log"}}, "/w"),
        ({"DEFAULT": {"log_dir": "/v", "log_file": "glance.log"}}, "/v"),
        ({"DEFAULT": {"log_dir": "/v/", "log_file": "api/glance.log"}}, "/v/api"),
        ({"DEFAULT": {"log_dir": "/v", "log_file": ""}}, "/v"),
        # What is null is removed from the configuration.
        ({"DEFAULT": {"log_dir": None, "log_file": "/w/glance.log"}}, "/w"),
        ({"DEFAULT": {"log_file": None}}, ""),
        ({"DEFAULT": {"log_file": "glance.log"}}, ""),
        # The folder of the image cache is none of log files.
        ({"DEFAULT": {"image_cache_dir": "/c"}}, ""),
    ],
)
def test_it_is_that_of_the_options_that_count(config, expected):
    assert d.FilterModule().filters()["log_directory"](config) == expected
