"""The modules that ask a Glance, on a host that has no SDK, in every way of logging in and as their examples show."""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid

import pytest
import testinfra
import yaml
from testing.web import served

testinfra_hosts = ["ansible://glance_api"]
MODULES = ("image_import", "image_task", "image_status")
DOMAIN = "Default"


@pytest.fixture(scope="module")
def keystone_url(keystone):
    return f"http://{keystone.address}:5000"


@pytest.fixture(scope="module")
def image_url(host):
    return f"http://{host.ansible.get_variables()['ansible_host']}:9292"


@pytest.fixture(scope="module")
def auth(keystone_url, users_password):
    """Login of a user with a password, as clouds.yaml and the option auth have it."""

    def auth(user, project):
        return {
            "auth_url": keystone_url,
            "username": user,
            "password": users_password,
            "user_domain_name": DOMAIN,
            "project_name": project,
            "project_domain_name": DOMAIN,
        }

    return auth


@pytest.fixture(scope="module")
def application_credential(keystone):
    """Give id and secret of an application credential that u1 makes."""
    return keystone.application_credential(keystone.token("u1"))


@pytest.fixture(scope="module")
def clouds(host, auth):
    """Have clouds.yaml with an administrator and a member on the host; gives the environment that names it."""
    content = {"clouds": {user: {"auth": auth(user, project)} for user, project in (("admin", "admin"), ("u1", "p1"))}}
    for path, text in (("/root/clouds.json", json.dumps(content)), ("/root/clouds.yaml", yaml.safe_dump(content))):
        host.check_output("umask 077; printf %%s %s > %s", text, path)
    host.check_output("python3 -c 'import yaml' || apt-get install --yes --no-install-recommends python3-yaml")
    return {"OS_CLIENT_CONFIG_FILE": "/root/clouds.yaml"}


@pytest.fixture(scope="module")
def play(playbook, tmp_path_factory):
    """Run tasks on the host of the API as a playbook."""

    def play(tasks, environment, variables=None):
        path = tmp_path_factory.mktemp("play") / "play.yml"
        content = [{"hosts": "glance_api", "gather_facts": False, "environment": environment, "tasks": tasks}]
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return playbook(str(path), variables)

    return play


@pytest.fixture(scope="module")
def ways(auth, keystone, keystone_url, users_password, clouds, application_credential):
    """Give options and environment of each way to log in as u1."""
    number, secret = application_credential
    project = {"project_name": "p1", "project_domain_name": DOMAIN}
    as_u1 = {f"OS_{name.upper()}": value for name, value in auth("u1", "p1").items()}
    by_key = {"application_credential_id": number, "application_credential_secret": secret, "auth_url": keystone_url}
    return {
        "token": ({"token": keystone.token("u1")}, {}),
        "password": ({"auth": auth("u1", "p1"), "api_url": None}, {}),
        "token for a token": ({"auth": {**project, "auth_url": keystone_url, "token": keystone.token("u1")}}, {}),
        "application credential": ({"auth": by_key, "auth_type": "v3applicationcredential", "api_url": None}, {}),
        "clouds.yaml": ({"cloud": "u1", "api_url": None}, clouds),
        "clouds.json": ({"cloud": "u1", "api_url": None}, {"OS_CLIENT_CONFIG_FILE": "/root/clouds.json"}),
        "OS_CLOUD": ({"api_url": None}, {"OS_CLOUD": "u1", **clouds}),
        "OS_*": ({"api_url": None}, as_u1),
        "none": ({}, {}),
        "wrong password": ({"auth": {**auth("u1", "p1"), "password": "wrong"}}, {}),
    }


def test_every_way_to_log_in_sees_the_same_images(ways, as_user, play, users_password, application_credential):
    mine, others = as_user("u1"), as_user("u2")
    images = [mine.create(name="mine"), others.create(name="others")]
    tasks = [
        {
            "name": name,
            "glanceops.image_service.image_status": {"ids": images, **options},
            "environment": environment,
            "register": f"way_{number}",
            "failed_when": False,
        }
        for number, (name, (options, environment)) in enumerate(ways.items())
    ]
    found = ", ".join(f"way_{number}.reason | default(way_{number}.counts)" for number in range(len(ways)))
    run = play([*tasks, {"ansible.builtin.debug": {"msg": "{{ [" + found + "] }}"}}], {})
    assert run.rc == 0, run.output
    (told,) = re.findall(r'"msg": (\[.*?\])\n', run.output, re.DOTALL)
    refused = dict.fromkeys(("none", "wrong password"), "unauthorised")
    assert dict(zip(ways, json.loads(told))) == {**{name: {"queued": 1, "absent": 1} for name in ways}, **refused}
    assert [secret for secret in (users_password, application_credential[1], "gAAAA") if secret in run.output] == []


@pytest.fixture(scope="module")
def mirror(host):
    """Have a qcow2 disk on the host, and served over HTTP by another one; gives the address."""
    (other,) = testinfra.get_hosts(["ansible://web"])
    host.check_output("qemu-img create -q -f qcow2 /srv/disk.qcow2 64M")
    disk = host.check_output("base64 --wrap=0 /srv/disk.qcow2 | gzip | base64 --wrap=0")
    other.check_output(
        "mkdir -p /srv/mirror && echo %s | base64 -d | gunzip | base64 -d > /srv/mirror/disk.qcow2", disk
    )
    with served(other, "/srv/mirror") as url:
        yield url


@pytest.fixture(scope="module")
def examples(project):
    """Give the tasks of the examples of all modules, with the user and the project of this scenario."""
    texts = [(project / f"plugins/modules/{name}.py").read_text() for name in MODULES]
    found = [re.search(r'^EXAMPLES = r"""(.*?)"""', text, re.DOTALL | re.MULTILINE)[1] for text in texts]
    text = "".join(found).replace("alice\n", "u1\n").replace("research\n", "p1\n")
    return yaml.safe_load(text)


def test_every_example_does_what_it_says_and_twice_the_same(
    examples, host, play, clouds, mirror, image_url, keystone, keystone_url, auth, as_user
):
    administrator = as_user("admin")
    digest = hashlib.sha512(host.file("/srv/disk.qcow2").content).hexdigest()
    variables = {
        "mirror": mirror,
        "disk_sha512": digest,
        "image_url": image_url,
        "token": keystone.token("admin"),
        "keystone_url": keystone_url,
        "alice_password": auth("u1", "p1")["password"],
    }
    assert len(examples) == 13
    environment = {"OS_CLOUD": "admin", **clouds}
    try:
        first = play(examples, environment, variables)
        assert first.rc == 0, first.output
        imports = [task for task in examples if "glanceops.image_service.image_import" in task]
        second = play(imports, environment, variables)
    finally:
        images = administrator.request("GET", "/v2/images?limit=100").json["images"]
        administrator.made += [one["id"] for one in images if one["name"] in ("debian-13", "appliance", "by-a-task")]
    # Three imports and a task.
    assert first.changed == 4, first.output
    assert (second.rc, second.changed) == (0, 0), second.output
    found = {one["name"]: one for one in images}
    assert {found[name]["status"] for name in ("debian-13", "appliance", "by-a-task")} == {"active"}
    assert (
        set(found["debian-13"]["stores"].split(",")) == set(found["appliance"]["stores"].split(",")) == {"file", "fast"}
    )
    assert (found["debian-13"]["visibility"], found["debian-13"]["os_distro"]) == ("public", "debian")
    assert {found[name]["os_hash_value"] for name in ("debian-13", "appliance")} == {digest}
    # That of a task belongs to the project that asked for it, as all others do.
    assert found["debian-13"]["owner"]
    assert found["by-a-task"]["owner"] == found["debian-13"]["owner"]


@pytest.fixture
def asks(module, host_name, clouds):
    """Run a module on the host as the administrator."""
    host = testinfra.get_host(f"ansible://{host_name}")
    content = json.loads(host.check_output("cat /root/clouds.json"))["clouds"]["admin"]

    def asks(which, **options):
        return module(host_name, which, {"auth": content["auth"], **options})

    return asks


def test_an_import_that_fails_says_why_at_once(asks, mirror, as_user):
    started = time.monotonic()
    options = {"method": "web-download", "disk_format": "qcow2", "timeout": 300}
    result = asks("image_import", name="nothing", uri=f"{mirror}/nothing", **options)
    as_user("admin").made.append(result["image"]["id"])
    assert (result["failed"], result["reason"]) == (True, "impossible"), result
    assert "Glance says: " in result["msg"]
    assert time.monotonic() - started < 60
    # What Glance knows of it is in the task.
    task = asks("image_task", id=result["task_id"], wait=False)["task"]
    assert (task["status"], task["type"]) == ("failure", "api_image_import")
    assert task["message"] in result["msg"]


def test_another_hash_than_expected_is_never_public(asks, mirror, as_user):
    options = {"method": "web-download", "disk_format": "qcow2", "visibility": "public", "os_hash_value": "0" * 128}
    result = asks("image_import", name="wrong", uri=f"{mirror}/disk.qcow2", **options)
    assert (result["failed"], result["reason"]) == (True, "mismatch"), result
    assert as_user("admin").request("GET", "/v2/images?name=wrong").json["images"] == []


def test_a_failed_task_is_an_error_with_its_message(asks, mirror):
    source = {"import_from": f"{mirror}/nothing", "import_from_format": "qcow2"}
    properties = {"name": "by a task", "disk_format": "qcow2", "container_format": "bare"}
    result = asks("image_task", **source, image_properties=properties)
    assert (result["failed"], result["reason"]) == (True, "failure"), result
    assert result["msg"].startswith(f"Task {result['task']['id']} (import) should succeed, found: ")
    assert result["task"]["id"] in {task["id"] for task in asks("image_task", status="failure")["tasks"]}


def test_what_web_download_may_not_fetch_is_refused_by_glance_before_anything_is_imported(asks, as_user):
    result = asks(
        "image_import", method="web-download", name="own", uri="http://127.0.0.1:22/", disk_format="raw", timeout=60
    )
    found = as_user("admin").request("GET", "/v2/images?name=own").json["images"]
    as_user("admin").made += [image["id"] for image in found]
    assert (result["failed"], result["reason"], result["steps"]) == (True, "unhealthy", ["create"]), result
    assert "does not pass filtering" in result["msg"]
    assert "Look into the log" not in result["msg"]


@pytest.fixture(scope="module")
def picture(mirror):
    """Have what begins as a JPEG served; gives its address."""
    (other,) = testinfra.get_hosts(["ansible://web"])
    other.check_output(r"(printf '\377\330\377\340'; head -c 65536 /dev/zero) > /srv/mirror/picture.jpg")
    return f"{mirror}/picture.jpg"


def test_a_picture_that_a_task_takes_for_a_disk_is_no_success_and_nobody_elses(asks, picture, as_user):
    properties = {"name": "picture", "disk_format": "qcow2", "container_format": "bare"}
    source = {"import_from": picture, "import_from_format": "qcow2", "image_properties": properties}
    refused = asks("image_task", **source)
    allowed = asks("image_task", **source, allow_changed_formats=True)
    images = [refused["image"], allowed["image"]]
    as_user("admin").made += [image["id"] for image in images]
    assert (refused["failed"], refused["reason"]) == (True, "mismatch"), refused
    assert "should have disk_format qcow2, found disk_format raw" in refused["msg"]
    assert not allowed["failed"], allowed
    assert {image["disk_format"] for image in images} == {"raw"}
    assert [as_user("u1").request("GET", f"/v2/images/{image['id']}").status for image in images] == [404, 404]


def test_what_is_there_and_is_not_what_is_asked_for_is_refused(asks, mirror, as_user):
    administrator = as_user("admin")
    given = {"method": "web-download", "name": "twin", "uri": f"{mirror}/disk.qcow2", "timeout": 120}
    first = asks("image_import", **given, disk_format="qcow2")
    administrator.made.append(first["image"]["id"])
    other = asks("image_import", **given, disk_format="raw")
    assert (other["reason"], other["steps"]) == ("refused", []), other
    assert "should have disk_format raw, found disk_format qcow2" in other["msg"]
    missing = asks("image_import", **given, disk_format="qcow2", stores=["fsat"])
    assert (missing["reason"], missing["steps"]) == ("refused", []), missing
    assert "stores should be of those that the service has (file and fast), found fsat" in missing["msg"]
    second = asks("image_import", **given, disk_format="qcow2", id=str(uuid.uuid4()))
    administrator.made.append(second["image"]["id"])
    twins = asks("image_import", **given, disk_format="qcow2")
    assert (twins["reason"], twins["steps"]) == ("refused", []), twins
    assert all(image["id"] in twins["msg"] for image in (first["image"], second["image"]))


def test_a_store_that_is_not_there_is_not_waited_for(asks, as_user):
    image = as_user("admin").create(name="no store")
    started = time.monotonic()
    result = asks("image_status", ids=[image], wait_for=["active"], stores=["fsat"], timeout=300)
    assert (result["failed"], result["reason"]) == (True, "impossible"), result
    assert time.monotonic() - started < 60


def test_what_glance_does_not_take_is_said_in_its_own_words(asks, as_user):
    result = asks("image_import", method="web-download", name="odd", uri="http://192.0.2.1/", disk_format="jpeg")
    assert (result["failed"], result["steps"]) == (True, []), result
    assert "got 400: Provided object does not match schema 'image': 'jpeg' is not one of" in result["msg"]
    assert "Failed validating 'enum' in schema" in result["msg"]
    assert result["msg"].endswith("Change what was asked for, or what stands in its way.")
