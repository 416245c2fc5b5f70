"""Imports end in the right state, with a sentence for their users, and leave nothing staged."""

from __future__ import annotations

import concurrent.futures
import hashlib
import json

import pytest
from testing.imports import begin, ended

PATCH = "application/openstack-images-v2.1-json-patch"
RENAME = [{"op": "replace", "path": "/name", "value": "again"}]
UNPACKED = {"raw": "raw", "qcow2": "qcow2", "vmdk": "vmdk", "raw.gz": "raw", "raw.zip": "raw"}
REFUSED = {
    ("picture", "qcow2"): "The data is not in the disk_format that the image names.",
    ("raw", "qcow2"): "The data is not in the disk_format that the image names.",
    ("backed", "qcow2"): "The image needs another file, its backing file: join both with qemu-img convert.",
    ("large", "qcow2"): "The image has a virtual size of 3221225472 bytes, this cloud takes 1073741824 at most.",
    ("bomb.gz", "raw"): "The archive unpacks to more than 1073741824 bytes, the limit of this cloud.",
    ("nowhere", "raw"): "The source has no such file (404).",
    ("forbidden", "raw"): "The source refuses access to the file (403).",
    ("half", "raw"): "The source ended after 1048576 of 2097152 bytes.",
    ("trickle", "raw"): "The source sent less than 1 KiB per second for a minute.",
    ("marked", "raw"): "The image holds the mark LAB-FORBIDDEN, which this cloud does not take.",
    ("marked.gz", "raw"): "The image holds the mark LAB-FORBIDDEN, which this cloud does not take.",
    ("marked.qcow2", "qcow2"): "The image holds the mark LAB-FORBIDDEN, which this cloud does not take.",
}


@pytest.mark.parametrize("host", ["api1", "api2"])
@pytest.mark.parametrize("name", UNPACKED)
def test_disks_become_raw_and_get_properties(imported, staged, raw_digest, name, host):
    done = imported(name, host=host, disk_format=UNPACKED[name], origin="user")
    assert done.end == ("active", ""), done
    assert (done.shown["disk_format"], done.shown["origin"]) == ("raw", "imported")
    assert done.api.download(done.image) == raw_digest
    assert staged() == []


@pytest.mark.parametrize(("name", "disk_format"), REFUSED)
def test_what_is_refused_is_told_why(imported, staged, name, disk_format):
    done = imported(name, host="api2", disk_format=disk_format)
    assert done.end == ("queued", REFUSED[name, disk_format])
    assert done.shown["os_glance_failed_import"] == done.message
    assert staged() == []


def test_a_refused_image_takes_other_data(imported, as_user, web, raw_digest):
    done = imported("marked", disk_format="raw")
    assert done.shown["status"] == "queued"
    answer = done.api.request(
        "POST", f"/v2/images/{done.image}/import", {"method": {"name": "web-download", "uri": f"{web}/raw"}}
    )
    assert answer.status == 202, answer
    again = ended(done.api, done.image)
    assert again.end == ("active", "")
    assert again.shown["os_glance_failed_import"] == ""
    assert done.api.download(done.image) == raw_digest


@pytest.mark.parametrize("asked", ["api1", "api2"])
def test_staged_data_is_imported_by_whichever_host_is_asked(as_user, data_of, staged, raw_digest, keystone, asked):
    api, other = as_user("u1", "api1"), as_user("u1", asked)
    image = api.create(disk_format="qcow2")
    data = data_of("qcow2")
    assert api.request("PUT", f"/v2/images/{image}/stage", data, "application/octet-stream").status == 204
    answer = other.request("POST", f"/v2/images/{image}/import", {"method": {"name": "glance-direct"}})
    assert answer.status == 202, answer
    done = ended(api, image)
    assert done.end == ("active", "")
    assert api.download(image) == raw_digest
    assert staged() == []


def test_refused_staged_data_is_gone_and_the_image_takes_other(as_user, data_of, staged):
    api = as_user()
    image = begin(api, {"name": "glance-direct"}, data_of("marked"), disk_format="raw")
    assert ended(api, image).shown["status"] == "queued"
    assert staged() == []
    staged_again = api.request("PUT", f"/v2/images/{image}/stage", data_of("raw"), "application/octet-stream")
    assert staged_again.status == 204, staged_again
    assert api.request("POST", f"/v2/images/{image}/import", {"method": {"name": "glance-direct"}}).status == 202
    assert ended(api, image).end == ("active", "")


def test_administrators_are_exempt(imported):
    assert imported("marked", user="admin", disk_format="raw").end == ("active", "")


@pytest.mark.parametrize("name", ["broken", "hungry", "slow 90"])
def test_a_check_that_can_not_be_made_refuses(imported, hosts, staged, name):
    done = imported("raw", disk_format="raw", name=name)
    assert done.end[0] == "queued"
    assert done.message.startswith("The check marks of this cloud could not be made.")
    said = hosts["api1"].check_output("journalctl --quiet --output=cat --lines=200 --unit=glance-api")
    assert "The check marks of imports should accept or refuse an image, found" in said
    assert staged() == []


def test_a_check_reaches_nothing_but_the_data(imported):
    assert imported("raw", disk_format="raw", name="curious").message == "It could reach: nothing."


def test_data_that_is_still_being_sent_is_refused(as_user, addresses, wait_until, data_of):
    api = as_user()
    image = api.create(disk_format="raw")
    data = data_of("raw")
    with api.connection() as connection:
        connection.putrequest("PUT", f"/v2/images/{image}/stage")
        for name, value in {
            **api.headers,
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(data)),
        }.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(data[: len(data) // 2])
        wait_until(lambda: api.show(image)["status"] == "uploading")
        answer = api.request("POST", f"/v2/images/{image}/import", {"method": {"name": "glance-direct"}})
        assert answer.status == 202, answer
        done = ended(api, image)
        assert done.message.startswith("The data is still being sent"), done
        connection.send(data[len(data) // 2 :])
        connection.getresponse().read()


def test_a_task_of_an_administrator_is_told_why_it_failed(as_user, web, wait_until):
    admin = as_user("admin")

    def run(name, **more):
        properties = {"name": "by a task", "disk_format": "raw", "container_format": "bare", **more}
        task = {"import_from": f"{web}/{name}", "import_from_format": "raw", "image_properties": properties}
        answer = admin.request("POST", "/v2/tasks", {"type": "import", "input": task})
        assert answer.status == 201, answer

        def seen():
            shown = admin.request("GET", f"/v2/tasks/{answer.json['id']}").json
            return shown if shown["status"] in ("success", "failure") else None

        return wait_until(seen, 60)

    done = run("raw", tags=["blue"])
    assert done["status"] == "success", done
    image = done["result"]["image_id"]
    admin.made.append(image)
    assert (admin.show(image)["status"], admin.show(image)["tags"]) == ("active", ["blue"])
    failed = run("backed")
    assert failed["status"] == "failure"
    assert failed["message"] == "The image needs another file, its backing file: join both with qemu-img convert."


def test_image_import_tells_the_reason(module, keystone, addresses, web):
    result = module(
        "api1",
        "image_import",
        {
            "api_url": f"http://{addresses['api1']}:9292",
            "token": keystone.token("u1"),
            "name": "by the module",
            "disk_format": "raw",
            "method": "web-download",
            "uri": f"{web}/marked",
        },
    )
    assert result["failed"]
    assert "The image holds the mark LAB-FORBIDDEN, which this cloud does not take." in result["msg"]


def main_process(host):
    return host.check_output("systemctl show --property=MainPID --value glance-api")


def test_a_check_that_comes_while_imports_run_restarts_nothing_and_holds_for_the_next(
    as_user, web, hosts, site_of_all, imported, raw_digest, lab, tmp_path
):
    apis = [as_user("u1", f"api{number % 2 + 1}") for number in range(6)]
    before = {name: main_process(hosts[name]) for name in ("api1", "api2")}
    marks = {
        "name": "marks",
        "src": str(lab / "marks"),
        "argv": ["LAB-FORBIDDEN"],
        "timeout": 60,
        "exempt_roles": ["admin"],
    }
    size = tmp_path / "size.py"
    size.write_text(
        "#!/usr/bin/python3\nimport os, sys\n"
        "if os.stat(sys.argv[1]).st_size == 4 << 20:\n    print('Four mebibytes are too many.')\n    sys.exit(1)\n"
    )
    images = [
        begin(api, {"name": "web-download", "uri": f"{web}/raw"}, disk_format="raw", name="slow 30") for api in apis
    ]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ends = [pool.submit(ended, api, image, 300) for api, image in zip(apis, images)]
        run = site_of_all({"glance_import_checks": [marks, {"name": "size", "src": str(size)}]})
        assert run.rc == 0, run.output
        for api, image, end in zip(apis, images, ends):
            # Checks that have begun are those of before; one that waited for its place may have those of now.
            done = end.result()
            assert done.end in (("active", ""), ("queued", "Four mebibytes are too many.")), done
            if done.end[0] == "active":
                assert api.download(image) == raw_digest
    assert imported("raw", disk_format="raw").end == ("queued", "Four mebibytes are too many.")
    assert {name: main_process(hosts[name]) for name in before} == before


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"glance_import_checks": [{"name": "gone", "argv": ["/opt/gone"]}]}, "found /opt/gone: No such file"),
        ({"glance_import_checks": [{"name": "open", "argv": ["/srv/open"]}]}, "which others may change"),
        ({"glance_import_checks": [{"name": "none"}]}, "src or argv of the check none"),
        ({"glance_import_plugins": ["image_conversion", "image_decompression"]}, "before image_conversion"),
        ({"glance_image_max_bytes": 1 << 50, "glance_project_max_bytes": 0}, "twice glance_image_max_bytes"),
    ],
)
def test_what_can_not_work_is_refused_before_a_change(site_of_all, hosts, variables, sentence):
    for name in ("api1", "api2"):
        hosts[name].check_output("install --mode=0777 /bin/true /srv/open")
    run = site_of_all(variables)
    assert run.rc != 0
    assert sentence in run.failures, run.failures
    assert run.changed == 0


def test_checks_are_taken_away_and_come_back(site_of_all, imported, hosts):
    taken = site_of_all({"glance_import_checks": []})
    assert taken.rc == 0, taken.output
    assert not hosts["api1"].file("/etc/glance/import-checks").exists
    assert not hosts["api1"].socket("unix:///run/glance-import-checks.socket").is_listening
    assert imported("marked", disk_format="raw").end == ("active", "")
    back = site_of_all()
    assert back.rc == 0, back.output
    assert imported("marked", disk_format="raw").end[0] == "queued"


def test_malware_is_told_by_its_name_and_without_a_daemon_nothing_is_taken(
    site_of_all, imported, hosts, staged, playbook, tmp_path
):
    # Signatures of ClamAV's own are not to be had in the lab.
    signature = tmp_path / "lab.ndb"
    signature.write_text(f"Lab.Test:0:*:{b'LAB-MALWARE'.hex()}\n")
    variables = {
        "glance_import_scan": "clamav",
        "glance_import_scan_update": False,
        "glance_import_scan_max_age_days": 0,
        "glance_import_scan_signatures": [str(signature)],
    }
    scanning = site_of_all(variables)
    assert scanning.rc == 0, scanning.output
    for disk in ("infected", "raw"):
        done = imported(disk, host="api2", disk_format="raw")
        found = "Malware was found in the image: Lab.Test.UNOFFICIAL."
        assert done.end == (("queued", found) if disk == "infected" else ("active", "")), done
    assert staged() == []
    hosts["api2"].check_output("systemctl stop glance-clamd.service glance-scan.timer")
    again = site_of_all(variables)
    assert again.rc == 0, again.output
    assert imported("infected", host="api2", disk_format="raw").end == ("queued", found)
    broken = tmp_path / "broken.ndb"
    broken.write_text("this is no signature\n")
    refused = site_of_all({**variables, "glance_import_scan_signatures": [str(broken)]})
    assert refused.rc != 0
    assert "ClamAV can't load glance_import_scan_signatures" in refused.failures


def test_direct_uploads_can_be_left_to_administrators(site_of_all, as_user):
    run = site_of_all({"glance_api_direct_uploads": False})
    assert run.rc == 0, run.output
    data = bytes(1024)
    for user, status in (("u1", 403), ("admin", 204)):
        api = as_user(user)
        assert api.upload(api.create(), [data]).status == status
    api = as_user()
    assert ended(api, begin(api, {"name": "glance-direct"}, data, disk_format="raw")).end == ("active", "")


def test_status_tells_of_checks_that_can_not_be_made(playbook, hosts):
    assert playbook("status.yml").rc == 0
    host = hosts["api2"]
    host.check_output("systemctl stop glance-import-checks.socket")
    host.check_output("chmod 000 /opt/glance/libexec/run_import_check.py")
    try:
        assert host.run("systemctl start glance-import-checks.service").rc != 0
        run = playbook("status.yml")
        assert run.rc != 0
        assert "glance-import-checks.service on api2 should have succeeded" in run.failures
    finally:
        host.check_output("chmod 0644 /opt/glance/libexec/run_import_check.py")
        host.check_output("systemctl start glance-import-checks.service")
    assert playbook("status.yml").rc == 0


# Lets a record and what lies staged be as old as that of an import which nobody works on any more.
AGE = """
UPDATE images SET updated_at = updated_at - INTERVAL 3 DAY WHERE id = '{0}';
UPDATE tasks SET updated_at = updated_at - INTERVAL 3 DAY WHERE image_id = '{0}';
"""


@pytest.mark.parametrize("host", ["api1", "api2"])
def test_an_import_whose_process_was_killed_is_given_up_and_can_be_repeated(
    as_user, web, hosts, staged, wait_until, raw_digest, host
):
    api = as_user("u1", host)
    image = begin(api, {"name": "web-download", "uri": f"{web}/raw"}, disk_format="raw", name="slow 50")
    wait_until(lambda: "glance-import-checks@" in hosts[host].check_output("systemctl list-units --no-legend"), 60)
    hosts[host].check_output("pkill -KILL uwsgi")
    wait_until(lambda: api.request("GET", "/v2/images?limit=1").status == 200, 120)
    assert api.show(image)["status"] == "importing"
    hosts[host].check_output("systemctl start glance-staging.service")
    assert api.show(image)["status"] == "importing"
    hosts["site1"].check_output("mariadb glance -e %s", AGE.format(image))
    hosts[host].check_output(
        "find %s -name %s -exec touch --date='3 days ago' {} +", "/var/lib/glance/staging", f"{image}*"
    )
    hosts[host].check_output("systemctl start glance-staging.service")
    (task,) = api.request("GET", f"/v2/images/{image}/tasks").json["tasks"]
    assert task["status"] == "failure"
    assert task["message"] == "The server that worked on it has ended; the image can be imported again."
    assert api.show(image)["status"] == "queued"
    assert staged() == []
    again = {"method": {"name": "web-download", "uri": f"{web}/raw"}}
    assert api.request("PATCH", f"/v2/images/{image}", RENAME, PATCH).status == 200
    assert api.request("POST", f"/v2/images/{image}/import", again).status == 202
    assert ended(api, image).end == ("active", "")
    assert api.download(image) == raw_digest


def test_images_of_the_inventory_are_brought_and_kept(playbook, as_user, web, data_of):
    digest = hashlib.sha512(data_of("raw")).hexdigest()
    image = {"name": "debian", "uri": f"{web}/qcow2", "disk_format": "qcow2", "os_hash_value": digest}
    variables = {"glance_images": [{**image, "allow_changed_formats": True, "tags": ["lab"]}]}
    brought = playbook("images.yml", variables)
    assert (brought.rc, brought.changed) == (0, 1), brought.output
    again = playbook("images.yml", variables)
    assert (again.rc, again.changed) == (0, 0), again.output
    user = as_user("u2")
    (found,) = user.request("GET", "/v2/images?name=debian").json["images"]
    assert (found["visibility"], found["tags"], found["os_hash_value"]) == ("public", ["lab"], digest)
    broken = {"glance_images": [{**image, "name": "broken", "uri": f"{web}/nowhere"}, *variables["glance_images"]]}
    failed = playbook("images.yml", broken)
    assert failed.rc != 0
    assert "The source has no such file (404)." in failed.output
    admin = as_user("admin")
    for each in admin.request("GET", "/v2/images").json["images"]:
        assert admin.request("DELETE", f"/v2/images/{each['id']}").status == 204


def test_the_digest_of_what_is_stored_is_the_one_that_users_see(imported, data_of):
    done = imported("qcow2", disk_format="qcow2")
    assert done.shown["os_hash_value"] == hashlib.sha512(data_of("raw")).hexdigest()
    assert json.loads(json.dumps(done.shown))["size"] == len(data_of("raw"))
