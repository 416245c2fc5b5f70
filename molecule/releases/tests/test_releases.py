"""Every release serves images, by the server meant for it, installed in the way that was asked for."""

from __future__ import annotations

import hashlib
import json
import random
import re
from pathlib import Path

import pytest
import yaml

testinfra_hosts = ["ansible://glance_api"]
COMMON = Path(__file__).parents[3] / "roles/common"
RELEASES = yaml.safe_load((COMMON / "vars/main/releases.yml").read_text())["__glance_releases"]
KIB, MIB = 1 << 10, 1 << 20
# As if the image had been deleted long ago.
MAKE_DUE = """
UPDATE images SET deleted_at = '2001-01-01 00:00:00' WHERE id = '{image}' AND status = 'pending_delete';
SELECT ROW_COUNT()
"""


# What the filter of web-download says with the configuration of the host, in the words of each release.
ASK_FILTER = """
import json
from glance.async_.flows import _internal_plugins
from glance.common import utils
from oslo_config import cfg

def allowed(uri):
    try:
        if hasattr(utils, "get_validated_address"):
            return bool(utils.get_validated_address(uri))
        return utils.validate_import_uri(uri)
    except ValueError:
        return False

cfg.CONF(["--config-file=/etc/glance/glance-api.conf"], project="glance")
hosts = ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "192.0.2.1:22"]
print(json.dumps({uri: allowed(uri) for uri in [*(f"http://{host}/" for host in hosts), "http://192.0.2.1/disk"]}))
"""


@pytest.fixture(scope="module")
def wanted(host):
    return host.ansible.get_variables()


def test_release_is_the_one_asked_for(host, wanted):
    packaged = wanted.get("glance_install_method") == "package"
    program = "/usr/bin/glance-manage" if packaged else "/opt/glance/current/bin/glance-manage"
    version = host.check_output(f"{program} --version 2>&1").splitlines()[-1].split()[-1]
    wheels = (COMMON / f"files/wheels-{wanted['glance_release']}.txt").read_text()
    pinned = re.search(r"^glance==(\S+)", wheels, re.MULTILINE)[1]
    assert version == pinned or (packaged and version.split(".")[0] == pinned.split(".")[0])


def test_schema_ends_with_the_revision_of_the_table(host, wanted):
    programs = "/usr/bin" if wanted.get("glance_install_method") == "package" else "/opt/glance/current/bin"
    command = f"runuser -u glance -- {programs}/glance-manage --config-file /etc/glance/glance-api.conf db version"
    assert host.check_output(command).splitlines()[-1] == RELEASES[wanted["glance_release"]]["schema"]


def test_server_is_the_one_that_upstream_recommends(host, wanted):
    program = {"uwsgi": "uwsgi", "eventlet": "glance-api"}[RELEASES[wanted["glance_release"]]["server"]]
    main = host.check_output("systemctl show --property MainPID --value glance-api")
    assert f"/bin/{program} " in host.check_output(f"ps -o args= -p {main}")


def test_usual_names_of_the_host_itself_are_not_imported_from(host, wanted):
    program = (
        "/usr/bin/python3" if wanted.get("glance_install_method") == "package" else "/opt/glance/current/bin/python"
    )
    answers = json.loads(host.check_output(f"runuser -u glance -- {program} -c %s", ASK_FILTER).splitlines()[-1])
    assert answers.pop("http://192.0.2.1/disk") is True
    assert set(answers.values()) == {False}


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


def test_deleted_image_is_restored_until_it_is_scrubbed(api, host, host_name, playbook, wait_until):
    data = random.Random(host_name).randbytes(MIB)
    image = api.create(name="deleted", os_distro="debian", tags=["blue"])
    assert api.upload(image, [data]).status == 204
    before = api.show(image)
    assert api.request("DELETE", f"/v2/images/{image}").status == 204
    assert api.request("GET", f"/v2/images/{image}").status == 404

    run = playbook("restore_image.yml", {"image_id": image}, "--limit", f"{host_name},localhost")
    assert run.rc == 0, run.output
    assert api.show(image) == {**before, "updated_at": api.show(image)["updated_at"]}
    assert api.download(image) == hashlib.sha256(data).hexdigest()

    assert api.request("DELETE", f"/v2/images/{image}").status == 204
    assert host.file(f"/var/lib/glance/images/{image}").size == MIB
    assert host.check_output("mariadb --skip-column-names glance --execute %s", MAKE_DUE.format(image=image)) == "1"
    run = playbook("scrub.yml", None, "--limit", host_name)
    assert run.rc == 0, run.output
    assert not host.file(f"/var/lib/glance/images/{image}").exists
    run = playbook("restore_image.yml", {"image_id": image}, "--limit", f"{host_name},localhost")
    assert run.rc != 0
    assert "its data was removed" in run.failures
    wait_until(lambda: host.run("systemctl is-active glance-scrubber-check").stdout != "activating")
    run = playbook("status.yml", None, "--limit", host_name)
    assert run.rc == 0, run.output


@pytest.mark.parametrize("unit", ["glance-api", "glance-scrubber"])
def test_service_has_few_rights(host, unit):
    exposure = host.check_output("systemd-analyze security --no-pager %s | tail -n 1", unit).split(": ")[1]
    assert float(exposure.split()[0]) <= 1.5


def test_second_run_changes_nothing(host_name, playbook):
    run = playbook("site.yml", None, "--limit", f"{host_name},localhost")
    assert run.rc == 0, run.output
    assert run.changed == 0, run.output
