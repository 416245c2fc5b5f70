import pytest
from ansible_collections.glanceops.image_service.plugins.filter import status_faults as s

WELL = {"healthy": True, "health": "ok", "failed_jobs": {}}
ILL = {"healthy": False, "health": "refused"}
SKIPPED = {"skipped": True, "changed": False}
IMAGES = {"counts": {"active": 1}}
ALL_WELL = {
    **dict.fromkeys(("__glance_balancer", "__glance_registry", "__glance_service", "__glance_scrubber"), WELL),
    "__glance_images": IMAGES,
}


@pytest.mark.parametrize(
    "results",
    [
        {},
        {"__glance_balancer": WELL},
        {"__glance_scrubber": WELL},
        {"__glance_registry": WELL},
        {"__glance_registry": SKIPPED},
        {"__glance_service": WELL, "__glance_images": SKIPPED},
        ALL_WELL,
    ],
    ids=["database", "balancer", "scrubber", "registry", "no registry", "no login", "all"],
)
def test_a_host_that_is_well_has_no_fault(results):
    assert s.FilterModule().filters()["status_faults"]("h", {"h": results}) == []


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ({"__glance_balancer": ILL}, "haproxy on h should be well, found: refused. See 'journalctl -u haproxy' there."),
        ({"__glance_registry": ILL}, "glance-registry on h should answer, found: refused. See 'journalctl -u glance-r"),
        (
            {"__glance_service": ILL, "__glance_images": SKIPPED},
            "glance-api on h should answer, found: refused. See",
        ),
        ({"__glance_scrubber": ILL}, "glance-scrubber on h should be well, found: refused. See 'journalctl -u glance-"),
        (
            {"__glance_service": WELL, "__glance_images": {"reason": "unauthorized", "msg": "401.", "counts": {}}},
            "glance-api on h should tell its images, found: 401.",
        ),
        (
            {"__glance_service": WELL, "__glance_images": {"failed": False, "msg": "no answer"}},
            "glance-api on h should tell its images, found: no answer",
        ),
        (
            {"__glance_registry": {**WELL, "failed_jobs": {"glance-purge.service": "exit-code"}}},
            "glance-purge.service on h should have ended well, found: exit-code. See 'journalctl -u glance-purge.servi",
        ),
        (
            {
                "__glance_registry": {**WELL, "full_directories": ["/srv"]},
                "__glance_service": {**WELL, "full_directories": ["/srv", "/var"]},
            },
            "h should have room for images, found none in /srv and /var: delete images, or give it more space.",
        ),
        (
            {
                "__glance_registry": {**WELL, "failed_jobs": {"p": "exit-code"}},
                "__glance_service": {**WELL, "failed_jobs": {"p": "exit-code", "c": "signal"}},
            },
            "p and c on h should have ended well, found: exit-code; signal. See 'journalctl -u p -u c' there.",
        ),
    ],
)
def test_each_fault_is_one_sentence(results, said):
    (sentence,) = s.status_faults("h", {"h": results})
    assert sentence.startswith(said)
