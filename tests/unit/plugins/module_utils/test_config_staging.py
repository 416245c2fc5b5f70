"""A set in the folder beside: who is let in, which validators can't be run, and the reason that one gives."""

import os
import subprocess

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import config_staging
from ansible_collections.glanceops.image_service.plugins.module_utils.config_set import ConfigSetError

VALIDATOR = {
    "name": "the options",
    "argv": ["/bin/sh", "-c", "exit 1"],
    "needs": [],
    "environment": {},
    "user": "root",
    "sandbox": "",
    "reason": "",
}


def item(path, content="", kind="file", **more):
    return {"path": path, "kind": kind, "content": content, "group": "root", "mode": "0644", "staged_as": None, **more}


@pytest.mark.parametrize(
    ("pattern", "output", "expected"),
    [
        ("", "first\n  last  \n\n", "last"),
        ("", "", "it printed nothing"),
        ("", "no mysql://u:hunter@h/d", "no mysql://********@h/d"),
        ("^wh", "why\nbye", "wh"),
        ("^E:(.*)|^F:(.*)", "E:a\nE:b\nE:a\nF:c", "a; b; c"),
        ("^x", "nothing found", "nothing found"),
    ],
)
def test_the_reason_of_a_refusal(pattern, output, expected):
    assert config_staging.reason(pattern, output) == expected


@pytest.mark.parametrize(
    ("more", "passed_over"),
    [
        ({}, False),
        ({"user": "glance"}, True),
        ({"sandbox": "glance-api.service"}, True),
        ({"argv": ["/no/such"]}, True),
        ({"needs": ["/bin/sh", "/no/such"]}, True),
    ],
)
def test_what_check_mode_passes_over_is_run_otherwise(more, passed_over):
    assert config_staging.passed_over({**VALIDATOR, **more}, True) is passed_over
    assert config_staging.passed_over({**VALIDATOR, **more}, False) is False


def test_a_file_names_the_staged_one_of_the_set_and_no_other(tmp_path):
    text = "a /etc/g/a\nb=/etc/g/b.conf:/etc/g/a\nolder /etc/g/a.old /etc/g/a-2 /etc/g/a/x\nhere @staged@\n"
    files = [item("/etc/g/a", text), item("/etc/g/b.conf", staged_as="below/b.conf"), item("c", text, kind="staged")]
    config_staging.stage([*files, {"path": "/etc/g/a", "kind": "link"}], str(tmp_path), True)
    expected = (
        f"a {tmp_path}/a\nb={tmp_path}/below/b.conf:{tmp_path}/a\nolder /etc/g/a.old /etc/g/a-2 /etc/g/a/x\nhere "
    )
    assert (tmp_path / "a").read_text() == f"{expected}@staged@\n"
    assert (tmp_path / "c").read_text() == f"{expected}{tmp_path}\n"
    assert (tmp_path / "below/b.conf").read_text() == ""


def test_two_files_of_one_name_are_refused(tmp_path):
    with pytest.raises(ConfigSetError, match=r"^two files of the set are named a$"):
        config_staging.stage([item("/etc/a"), item("/srv/a")], str(tmp_path), True)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (subprocess.TimeoutExpired("x", 120), "the options: no verdict within 120 s"),
        (PermissionError(13, "Permission denied"), "the options: /bin/sh can't be run: Permission denied"),
    ],
)
def test_a_validator_without_a_verdict_is_a_refusal(tmp_path, monkeypatch, error, expected):
    def run(*_arguments, **_options):
        raise error

    monkeypatch.setattr(config_staging, "run_program", run)
    with pytest.raises(ConfigSetError) as refused:
        config_staging.run_validator(VALIDATOR, str(tmp_path), "")
    assert str(refused.value) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as another user")
def test_a_refusal_without_a_word_that_its_pattern_finds_is_one(tmp_path):
    with pytest.raises(ConfigSetError, match=r"^the options: $"):
        config_staging.run_validator(
            {**VALIDATOR, "argv": ["/bin/sh", "-c", "echo x; exit 1"], "reason": "^"}, str(tmp_path), ""
        )


def test_a_validator_is_run_in_the_sandbox_of_its_staged_unit(tmp_path, monkeypatch):
    asked = []

    def run(*arguments):
        asked.extend(arguments)
        return subprocess.CompletedProcess([], 1, stdout=f"{tmp_path}/glance-api.conf: it says topsecret\n")

    monkeypatch.setattr(config_staging.sandbox, "run", run)
    (tmp_path / "glance-api.service").write_text("[Service]\n")
    in_sandbox = {**VALIDATOR, "argv": ["/x", "@staged@/a"], "environment": {"N": 1}, "sandbox": "glance-api.service"}
    with pytest.raises(ConfigSetError, match=r"^the options: glance-api.conf: it says \*+$"):
        config_staging.run_validator(in_sandbox, str(tmp_path), "key = topsecret")
    argv, unit, service, writable, environment, _seconds = asked
    assert (argv, unit, service) == (["/x", f"{tmp_path}/a"], "[Service]\n", "glance-api")
    assert (writable, environment["N"]) == (f"{tmp_path}/tmp", "1")


def test_a_folder_that_can_t_be_made_gives_a_sentence(tmp_path):
    params = {"name": "glance-api", "record_directory": f"{tmp_path}/no/.sets", "files": [], "validators": []}
    with pytest.raises(ConfigSetError) as refused:
        config_staging.validate(params, False, str)
    assert str(refused.value) == f"no file can be written in {tmp_path}/no: No such file or directory"
