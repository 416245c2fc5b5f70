import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import hosts
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import images as i

SHA512, SHA256 = "aB" * 64, "c0" * 32
URI = {"uri": "https://images.lan/disk.qcow2?token=hidden", "os_hash_value": SHA512}
API = {
    hosts.SERVICES: {"glance_api"},
    "glance_auth": "basic",
    "glance_api_import_methods": ["glance-direct", "web-download"],
    "glance_stores": {"file": {}, "fast": {}},
}


def entry(name="debian", **more):
    return {"name": name, "disk_format": "qcow2", **({} if more.keys() & {"uri", "src"} else URI), **more}


def without(image, option):
    return {key: value for key, value in image.items() if key != option}


def told(*entries, **more):
    found = i.faults({"glance_images": list(entries), **more})
    assert found.keys() <= {"glance_images"}
    return found.get("glance_images", [])


RIGHT = {
    "none": [],
    "an address": [entry()],
    "a file": [entry(src="disk.raw")],
    "a file and its hash": [entry(src="disk.raw", os_hash_value=SHA256)],
    "another port": [entry(uri="http://images.lan:8080/x", os_hash_value=SHA256)],
    "an at sign behind the host": [entry(uri="http://images.lan/me@home", os_hash_value=SHA512)],
    "several": [entry(), entry("Debian")],
    "numbers": [entry(keep=0, min_disk=0, min_ram="1024", timeout=1)],
    "properties": [entry(properties={"os_version": "13", "hw_disk_bus": "scsi"}, tags=[])],
    "stores": [entry(src="disk.raw", stores=["file", "fast"]), entry("b", all_stores=True)],
    "the longest name": [entry("x" * 255)],
}


@pytest.mark.parametrize("entries", RIGHT.values(), ids=RIGHT)
def test_images_that_can_be_are_let_through(entries):
    assert told(*entries, **API) == []


OF = "of debian in glance_images should"
WRONG = [
    ([entry(**URI, src="x")], "debian in glance_images should have either uri or src, found uri and src"),
    (
        [without(without(entry(), "uri"), "os_hash_value")],
        "debian in glance_images should have either uri or src, found",
    ),
    ([entry(src=" ")], f"src {OF} be the path of a file, found none"),
    ([without(entry(), "os_hash_value")], f"os_hash_value {OF} be given with uri, found none"),
    (
        [entry(uri="ftp://images.lan/hidden", os_hash_value=SHA512)],
        f"uri {OF} be the URL of a file, such as https://im",
    ),
    ([entry(uri="images.lan/hidden", os_hash_value=SHA512)], f"uri {OF} be the URL of a file"),
    ([entry(uri="", os_hash_value=SHA512)], f"uri {OF} be the URL of a file"),
    ([entry(uri="https:///hidden", os_hash_value=SHA512)], f"uri {OF} be the URL of a file"),
    ([entry(uri="https://images.lan:hidden/x", os_hash_value=SHA512)], f"uri {OF} be the URL of a file"),
    ([entry(uri="https://[images/hidden", os_hash_value=SHA512)], f"uri {OF} be the URL of a file"),
    ([entry(uri="https://me:hidden@images.lan/x", os_hash_value=SHA512)], f"uri {OF} have no user name or password"),
    ([entry(uri="https://hidden@images.lan/x", os_hash_value=SHA512)], f"uri {OF} have no user name or password"),
    ([entry(os_hash_value="")], f"os_hash_value {OF} be 128 (sha512) or 64 (sha256) hexadecimal digits, found 0 char"),
    ([entry(os_hash_value=SHA512[:-1])], "hexadecimal digits, found 127 characters"),
    ([entry(os_hash_value="0" * 32)], "hexadecimal digits, found 32 characters"),
    ([entry(os_hash_value="x" * 64)], "hexadecimal digits, found 64 characters that are not all hexadecimal"),
    ([entry(os_hash_value=f"sha512:{SHA512}")], "found 135 characters that are not all hexadecimal"),
    ([entry(keep=-1)], f"keep {OF} be 0 or more, found -1"),
    ([entry(min_disk=-1)], f"min_disk {OF} be 0 or more, found -1"),
    ([entry(min_ram=1 << 31)], f"min_ram {OF} be 2147483647 or less, found 2147483648"),
    ([entry(timeout="0")], f"timeout {OF} be 1 or more, found 0"),
    (
        [entry(properties={"visibility": "x"})],
        f"visibility of properties {OF} be no attribute that Glance keeps itself",
    ),
    (
        [entry(properties={"os_version": 13.10})],
        f"os_version of properties {OF} be a text, found a number: put it in q",
    ),
    ([entry(properties={"hw_qemu_guest_agent": True})], "should be a text, found a boolean"),
    ([entry(properties={"a": None})], "should be a text, found nothing"),
    ([entry(stores=["file"], all_stores=True)], f"stores {OF} be left out with all_stores, found both"),
    (
        [entry(), entry("b"), entry()],
        "each name should be in glance_images once, found several entries of debian: each",
    ),
    ([entry(" ")], "name of each entry of glance_images should be a text of 1 to 255 characters, found 1"),
    ([entry("x" * 256)], "name of each entry of glance_images should be a text of 1 to 255 characters, found 256"),
    ([entry(stores=["file", "fsat"])], f"stores {OF} be of glance_stores (file, fast), found fsat: correct it"),
]


@pytest.mark.parametrize(("entries", "said"), WRONG, ids=[said for _entries, said in WRONG])
def test_images_that_can_not_be_are_told_in_a_sentence(entries, said):
    (sentence,) = told(*entries, **API)
    assert said in sentence
    assert "hidden" not in sentence


METHODS = "glance_api_import_methods"
CONVERTS = {"glance_import_plugins": ["image_conversion"]}


@pytest.mark.parametrize(
    ("image", "more", "said"),
    [
        (
            entry(),
            {"glance_auth": "none"},
            f"uri {OF} be left out while glance_auth is none, found one: Glance imports",
        ),
        (entry(), {METHODS: ["glance-direct"]}, f"{METHODS} should hold web-download for the uri of debian in"),
        (
            entry(src="x", stores=["file", "fast"]),
            {"glance_auth": "none"},
            f"stores {OF} be one store while glance_auth is none, found several",
        ),
        (
            entry(src="x", all_stores=True),
            {METHODS: ["web-download"]},
            f"{METHODS} should hold glance-direct for the all_stores of debian in",
        ),
        (
            entry(src="x"),
            CONVERTS,
            f"os_hash_value {OF} be given while glance_import_plugins has image_conversion, found none: give the hash",
        ),
        (
            entry(src="x"),
            {"glance_import_plugins": ["no_op", "image_decompression"]},
            f"os_hash_value {OF} be given while glance_import_plugins has image_decompression, found none",
        ),
        (entry(src="x", os_hash_value=SHA512), CONVERTS, None),
        (entry(src="x"), {**CONVERTS, METHODS: []}, None),
        (entry(src="x"), {"glance_import_plugins": ["inject_image_metadata"]}, None),
        (entry(src="x"), {"glance_auth": "none", METHODS: []}, None),
        (entry(src="x", stores=["fast"]), {METHODS: []}, None),
    ],
)
def test_what_the_api_can_not_do_is_told_on_its_hosts(image, more, said):
    sentences = told(image, **{**API, **more})
    assert len(sentences) == bool(said)
    assert all(said in sentence for sentence in sentences)
    # Others need not have the variables of the API.
    assert told(image, **{**API, **more, hosts.SERVICES: {"glance_database"}}) == []
    assert told(image) == []


def test_all_that_is_wrong_is_told():
    assert len(told(entry(keep=-1, min_disk=-1), entry(os_hash_value="x"))) == 4
