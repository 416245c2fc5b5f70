import os
import types

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import space

GIB = 1 << 30


def facts(total, free, reserved=0):
    """Return what statvfs says of a file system with *reserved* bytes for root."""
    block = 4096
    return types.SimpleNamespace(
        f_frsize=block, f_blocks=total // block, f_bfree=(free + reserved) // block, f_bavail=free // block
    )


def test_each_file_system_is_looked_at_once():
    systems = {"/images": (1, facts(10 * GIB, 5 * GIB)), "/staging": (1, None), "/log": (2, facts(GIB, 0, GIB // 16))}

    def device(path):
        if path not in systems:
            raise FileNotFoundError(path)
        return systems[path][0]

    def statvfs(path):
        return systems[path][1] or systems["/images"][1]

    found = space.look(["/images", "/nowhere", "/staging", "/log"], statvfs, device)
    assert [(each.directory, each.free) for each in found] == [("/images", 5 * GIB), ("/log", 0)]
    assert found[0].percent == 50
    # What is root's alone is no part of it.
    assert found[1].total == GIB - GIB // 16


def test_the_real_one_of_a_folder(tmp_path):
    (found,) = space.look([str(tmp_path), str(tmp_path / "none"), str(tmp_path)])
    assert 0 <= found.free <= found.total
    assert found.free <= os.statvfs(tmp_path).f_bfree * os.statvfs(tmp_path).f_frsize


@pytest.mark.parametrize(
    ("free", "total", "percent", "warned", "full"),
    [
        (50 * GIB, 100 * GIB, 10, False, False),
        (10 * GIB, 100 * GIB, 10, False, False),
        (10 * GIB - 1, 100 * GIB, 10, True, False),
        (GIB, 100 * GIB, 0, False, False),
        (64 << 20, 100 * GIB, 0, False, False),
        ((64 << 20) - 1, 100 * GIB, 0, True, True),
        (0, GIB, 0, True, True),
        # A small one is not full for being small.
        (20 << 20, 40 << 20, 10, False, False),
    ],
)
def test_too_little(free, total, percent, warned, full):
    found = space.Space("/images", free, total)
    assert bool(space.warnings([found], percent)) == warned
    assert found.full == full


def test_the_sentence_has_all_that_is_to_be_known():
    assert space.warnings([space.Space("/images", GIB, 100 * GIB)], 10) == [
        "/images should have 10 % of its space free, found 1.0 GiB of 100.0 GiB (1 %)"
    ]
