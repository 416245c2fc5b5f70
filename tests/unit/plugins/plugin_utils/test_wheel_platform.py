import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import wheel_platform

HOST = {"python": "3.12.1", "implementation": "cpython", "libc": "glibc 2.36", "machine": "x86_64"}


@pytest.mark.parametrize(
    ("change", "floor", "said"),
    [
        ({}, None, None),
        ({"python": "3.11.0"}, "3.11", None),
        ({"python": "3.9.18"}, "3.11", "h1: expected Python 3.11 or newer, found 3.9.18"),
        ({"python": "3.9.18"}, None, None),
        ({"python": "3.13.1"}, "3.9", None),
        ({"implementation": "pypy"}, None, "h1: expected CPython, found pypy"),
        ({"libc": ""}, None, "h1: expected glibc 2.17 or newer, which wheels are built for, found another C library"),
        ({"libc": "glibc 2.12"}, None, "found glibc 2.12"),
        ({"libc": "glibc 2.17"}, None, None),
        ({"python": "3.9.0"}, "3.10", "h1: expected Python 3.10 or newer, found 3.9.0"),
    ],
)
def test_hosts_that_are_refused(change, floor, said):
    sentence = wheel_platform.refusal("h1", {**HOST, **change}, floor)
    assert said in sentence if said else sentence is None


@pytest.mark.parametrize(("python", "below"), [("3.10.0", "3.10"), ("3.11.2", "3.10"), ("3.10.1", "3.10.1")])
def test_host_whose_python_is_too_new_is_refused(python, below):
    said = f"h1: expected a Python older than {below}, found {python}: deploy a newer release there"
    assert said in wheel_platform.refusal("h1", {**HOST, "python": python}, "3.9", below)


@pytest.mark.parametrize(("python", "below"), [("3.9.18", "3.10"), ("3.9.18", None), ("3.10.0", "3.10.1")])
def test_host_whose_python_is_old_enough_is_taken(python, below):
    assert wheel_platform.refusal("h1", {**HOST, "python": python}, "3.9", below) is None


def test_tags_go_from_the_hosts_glibc_down_to_2_17():
    host = {"python": "3.11.2", "libc": "glibc 2.19", "machine": "x86_64"}
    assert wheel_platform.platform_tags(wheel_platform.platform_of(host)) == [
        "manylinux_2_19_x86_64", "manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64",
        "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64",
    ]  # fmt: skip
    arm = wheel_platform.platform_of({**host, "machine": "aarch64"})
    assert wheel_platform.platform_tags(arm)[2:] == ["manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"]
    assert (arm.abi, str(arm)) == ("cp311", "cp311-glibc2.19-aarch64")
