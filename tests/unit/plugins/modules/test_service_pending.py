import json

SECRET = {"user": "glance", "clients": "%", "password": "hidden", "database": "glance"}
FILE = {"path": "/nowhere/conf", "content": "password = hidden\n"}


def test_nothing_secret_shows_in_the_result(run_module, monkeypatch, tmp_path):
    # No program of this machine is asked.
    monkeypatch.setenv("PATH", str(tmp_path))
    service = {
        "name": "glance-api",
        "units": [],
        "files": [FILE],
        "accounts": SECRET,
        "record_directory": str(tmp_path),
    }
    result = run_module("service_pending", False, services=[service])
    assert result["pending"] == ["/nowhere/conf should change"]
    assert "hidden" not in json.dumps(result)


def test_options_of_a_part_that_are_wrong_are_told(run_module):
    result = run_module("service_pending", False, services=[{"name": "x", "units": [], "schema": {"manage": "/m"}}])
    assert result["pending"] == ["missing required arguments: config_file found in schema"]
