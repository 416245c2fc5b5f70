import pytest
from ansible_collections.glanceops.image_service.plugins.filter.server_processes import server_processes


@pytest.mark.parametrize(
    ("facts", "number"),
    [
        ({}, 1),
        ({"processor_vcpus": 4, "memtotal_mb": 16000}, 4),
        ({"processor_vcpus": 16, "memtotal_mb": 2000}, 6),
        ({"processor_vcpus": 2, "memtotal_mb": 200}, 1),
        ({"processor_vcpus": 8}, 1),
    ],
)
def test_one_for_each_cpu_as_far_as_the_memory_goes(facts, number):
    assert server_processes(facts) == number
