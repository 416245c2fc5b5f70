"""Taking the scrubber away; the last of the tests."""

from __future__ import annotations

FILES = "find /etc /opt /run/systemd -name '*scrubber*'"


def test_teardown_leaves_the_images_and_nothing_of_the_scrubber(every, playbook):
    images = every.upload("fast")
    every.delete(images)
    run = playbook("teardown.yml")
    assert run.rc == 0, run.output
    assert every.units().common == {}
    assert every(lambda it: it.host.run(FILES).stdout).common == ""
    assert every(lambda it: it.host.run("pgrep -u glance").stdout).common == ""
    assert every.stores_of(images).common == ["fast"]
    run = playbook("teardown.yml")
    assert run.rc == 0, run.output
    assert run.changed == 0, run.output
