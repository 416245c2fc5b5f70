import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import hosts
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import deployment

RELEASES = {"2025.1": {"debian_packages": "13"}, "2026.2": {}}
TWO = {
    "glance_deployment_hosts": ["api1", "api2"],
    "glance_stores": {"file": {"driver": "file", "options": {"filesystem_store_datadir": "/srv/images"}}},
    "glance_mounts": [],
    "glance_shared_directories": [],
    "glance_user_id": 0,
}
SEVERAL = {"f": {"driver": "file", "options": {"filesystem_store_datadirs": ["/srv/a:100", "/srv/b", "/mnt/x/c:1"]}}}
S3 = {"s": {"driver": "s3", "options": {"s3_store_bucket": "b"}}, "h": {"driver": "http"}}
PACKAGE = {"glance_install_method": "package", "glance_release": "2025.1"}


def faults(given, *services, **beside):
    return deployment.faults({**given, hosts.SERVICES: set(services), hosts.RELEASES: RELEASES, **beside})


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "/srv/images"),
        ({"glance_shared_directories": ["/srv/image", "/srv/images2"]}, "/srv/images"),
        ({"glance_stores": SEVERAL}, "/srv/a, /srv/b, /mnt/x/c"),
        ({"glance_stores": SEVERAL, "glance_shared_directories": ["/srv/a/", "/mnt/x"]}, "/srv/b"),
        ({"glance_stores": {**S3, **SEVERAL}, "glance_mounts": [{"path": "/srv"}], "glance_user_id": 9}, "/mnt/x/c"),
    ],
)
@pytest.mark.parametrize("service", ["glance_api", "glance_scrubber"])
def test_files_that_only_one_of_several_hosts_has_are_refused(given, found, service):
    (sentence,) = faults({**TWO, **given}, service)["glance_stores"]
    assert sentence == (
        f"the directories of file stores should be the same for api1, api2, found {found}: mount a folder that they "
        "share with glance_mounts, name one that is mounted already in glance_shared_directories, or use a store of "
        "another driver, such as s3"
    )


@pytest.mark.parametrize(
    ("given", "services"),
    [
        ({"glance_shared_directories": ["/srv/images/"]}, ["glance_api"]),
        ({"glance_shared_directories": ["/srv"]}, ["glance_api"]),
        ({"glance_mounts": [{"path": "/srv/images"}], "glance_user_id": "1001"}, ["glance_api", "glance_scrubber"]),
        ({"glance_stores": S3}, ["glance_api"]),
        ({"glance_deployment_hosts": ["api1"]}, ["glance_api"]),
        ({"glance_deployment_hosts": []}, ["glance_api"]),
        # Without a store.
        ({}, ["glance_loadbalancer", "glance_registry", "glance_database"]),
        ({}, []),
    ],
)
def test_files_that_hosts_share_are_let_through(given, services):
    assert faults({**TWO, **given}, *services) == {}


def test_nothing_is_said_of_what_hosts_share_before_they_are_known():
    for name in ("glance_deployment_hosts", "glance_mounts", "glance_shared_directories"):
        assert faults({key: value for key, value in TWO.items() if key != name}, "glance_api") == {}


@pytest.mark.parametrize("number", [0, "0"])
def test_mounts_need_one_number_of_the_user(number):
    given = {**TWO, "glance_mounts": [{"path": "/srv/images"}], "glance_user_id": number}
    (sentence,) = faults(given, "glance_scrubber")["glance_user_id"]
    assert sentence == (
        "glance_user_id should be set for api1, api2, found none: they share files by glance_mounts, and the user that "
        "Glance runs as must have the same number on all of them, one that is free on each"
    )
    assert faults({**given, "glance_deployment_hosts": ["api1"]}, "glance_scrubber") == {}


@pytest.mark.parametrize(
    ("release", "major", "sentence"),
    [
        ("2025.1", "12", "glance_install_method should be venv on Debian 12, found package: its Glance 2025.1 is in "),
        ("2026.2", "13", "glance_install_method should be venv on Debian 13, found package: no Debian release has pac"),
        ("2025.1", "13", None),
    ],
)
def test_packages_are_taken_where_debian_has_them(release, major, sentence):
    facts = {hosts.FACTS: {"distribution_major_version": major}}
    told = faults({**PACKAGE, "glance_release": release}, "glance_api", **facts)
    assert bool(told) is bool(sentence)
    assert not told or told["glance_install_method"][0].startswith(sentence)
    assert faults({**PACKAGE, "glance_install_method": "venv", "glance_release": release}, **facts) == {}


def test_nothing_is_said_of_packages_before_facts_or_where_there_is_no_release():
    assert faults(PACKAGE, "glance_api") == {}
    without = {"glance_install_method": "package"}
    assert faults(without, "glance_database", **{hosts.FACTS: {"distribution_major_version": "12"}}) == {}
