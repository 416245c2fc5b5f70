"""Every release serves images, by the server meant for it, installed in the way that was asked for."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest
import yaml

testinfra_hosts = ["ansible://glance_api"]
TABLE = Path(__file__).parents[3] / "roles/common/vars/main/releases.yml"
RELEASES = yaml.safe_load(TABLE.read_text())["__glance_releases"]
KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture(scope="module")
def wanted(host):
    return host.ansible.get_variables()


def test_release_is_the_one_asked_for(host, wanted):
    packaged = wanted.get("glance_install_method") == "package"
    program = "/usr/bin/glance-manage" if packaged else "/opt/glance/current/bin/glance-manage"
    version = host.check_output(f"{program} --version 2>&1").splitlines()[-1].split()[-1]
    series = RELEASES[wanted["glance_release"]]["version"]
    assert version == series or (packaged and version.split(".")[0] == series.split(".")[0])


def test_server_is_the_one_that_upstream_recommends(host, wanted):
    program = {"uwsgi": "uwsgi", "eventlet": "glance-api"}[RELEASES[wanted["glance_release"]]["server"]]
    main = host.check_output("systemctl show --property MainPID --value glance-api")
    assert f"/bin/{program} " in host.check_output(f"ps -o args= -p {main}")


@pytest.mark.parametrize("chunk", [64 * KIB, MIB, 2 * MIB, 16 * MIB])
def test_chunked_upload_comes_back_bit_for_bit(api, chunk):
    data = random.Random(chunk).randbytes(2 * chunk + 12345)
    image = api.create(name=f"chunks of {chunk}")
    blocks = (data[start : start + chunk] for start in range(0, len(data), chunk))
    assert api.upload(image, blocks).status == 204
    assert api.download(image) == hashlib.sha256(data).hexdigest()
    assert api.show(image)["stores"] == "file"


def test_upload_in_flight_survives_a_restart(api, upload_over_restart):
    image, sent = upload_over_restart()
    assert api.show(image)["status"] == "active"
    assert api.download(image) == sent


def test_content_that_is_not_of_its_format_is_refused(api):
    image = api.create(name="no disk", disk_format="qcow2")
    answer = api.upload(image, [b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(64 * KIB)])
    assert answer.status == 415, answer
    assert api.show(image)["status"] == "queued"


def test_service_has_few_rights(host):
    exposure = host.check_output("systemd-analyze security --no-pager glance-api | tail -n 1").split(": ")[1]
    assert float(exposure.split()[0]) <= 1.5


def test_second_run_changes_nothing(host_name, playbook):
    run = playbook("site.yml", None, "--limit", f"{host_name},localhost")
    assert run.rc == 0, run.output
    assert run.changed == 0, run.output
