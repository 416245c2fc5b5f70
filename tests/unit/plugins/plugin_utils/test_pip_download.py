import os

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.glanceops.image_service.plugins.plugin_utils import pip_download
from ansible_collections.glanceops.image_service.plugins.plugin_utils.wheel_platform import Platform

PLATFORM = Platform("3.12", "x86_64", (2, 36))


def test_without_options_pips_own_configuration_applies():
    environment = {"PIP_INDEX_URL": "https://a/", "PIP_CONFIG_FILE": "/x", "HOME": "/h"}
    assert pip_download.pip_environment(pip_download.Source(), environment) == environment


def test_an_index_of_the_tasks_own_is_the_only_one():
    inherited = {
        "PIP_INDEX_URL": "https://a/",
        "PIP_EXTRA_INDEX_URL": "https://b/",
        "PIP_FIND_LINKS": "/w",
        "HOME": "/h",
    }
    source = pip_download.Source("https://u:p@c/", ("https://d/", "https://e/"), "/ca.pem", "http://proxy:1")
    assert pip_download.pip_environment(source, inherited) == {
        "HOME": "/h",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "https://u:p@c/",
        "PIP_EXTRA_INDEX_URL": "https://d/ https://e/",
        "PIP_CERT": "/ca.pem",
        "PIP_PROXY": "http://proxy:1",
    }


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("ERROR: No matching distribution found for alpha==9", f"a wheel of alpha==9 for {PLATFORM} in https://***@c/"),
        ("WARNING: Retrying (Retry(total=4)) after ...\nERROR: No matching distribution found for a==9",
         "but it cannot be used: WARNING: Retrying"),
        ("ERROR: HTTP error 403 while getting https://u:secret@c/x", "cannot be used: ERROR: HTTP error 403"),
        ("OSError: [Errno 28] No space left on device", "expected room for the wheels"),
        ("one\nERROR: something new", "one / ERROR: something new"),
    ],
)  # fmt: skip
def test_pips_failures_in_one_sentence(output, said):
    sentence = pip_download.explain(output, pip_download.Source("https://u:secret@c/"), PLATFORM)
    assert said in sentence
    assert "secret" not in sentence


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["alpha-1-py3-none-any.whl", "beta_x-1-py3-none-any.whl"], None),
        (["alpha-1-cp312-cp312-linux_x86_64.whl", "Beta_X-1-py2.py3-none-any.whl"], None),
        (["alpha-1-py3-none-any.whl", "beta_x.whl"], "expected a wheel of beta-x==1 from pip, found none"),
        (["alpha-1-py3-none-any.whl", "beta_x-1.tar.gz"], "expected a wheel of beta-x==1 from pip, found none"),
        (["alpha-1-py3-none-any.whl", "beta_x-1-cp311-cp311-linux_x86_64.whl"], "a wheel for every platform"),
    ],
)
def test_every_pin_needs_its_wheel(names, said):
    if said is None:
        pip_download.check_wheels(names, ["alpha==1"], ["beta-x==1"])
        return
    with pytest.raises(AnsibleActionFail, match=said):
        pip_download.check_wheels(names, ["alpha==1"], ["beta-x==1"])


@pytest.mark.parametrize(
    ("fetched", "total", "quarters"),
    [(["a", "b", "c", "d"], 4, [1, 2, 3, 4]), (["a"], 1, [1]), (["a"] * 100, 100, [25, 50, 75, 100]), ([], 3, [])],
)
def test_quarters_of_a_download_are_told(fetched, total, quarters):
    lines = ["Looking in indexes: x\n", "Looking in links: /opt/wheels\n"]
    for number, name in enumerate(fetched):
        lines += [f"Collecting {name}==1\n", f"  Downloading {name}-1-py3-none-any.whl.metadata (1 kB)\n"]
        kind = (
            "  Downloading {}-1-py3-none-any.whl (1.4 MB)",
            "  Using cached {}-1.whl (2 kB)",
            "Processing /w/{}-1.whl",
        )
        lines.append(kind[number % 3].format(name) + "\n")
    lines += [f"Saved ./dl/{name}-1-py3-none-any.whl\n" for name in fetched]
    assert list(pip_download.fetched_quarters(lines, total)) == quarters
