import re

import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import paths as p

CACHE = {"glance_cache_max_bytes": 1}
BACKUP = {"glance_backup_directory": "/var/backups/glance"}


def stores(*paths, **more):
    options = [{"filesystem_store_datadir": path} if isinstance(path, str) else path for path in paths]
    return {"glance_stores": {f"s{n}": {"driver": "file", "options": each} for n, each in enumerate(options)}, **more}


def staging(path):
    return {"glance_api_config": {"os_glance_staging_store": {"filesystem_store_datadir": path}}}


def mounts(*paths, **more):
    return {"glance_mounts": [{"path": path, "src": "nas:/x", **more} for path in paths]}


def logs(name="glance_config", common=None, **options):
    return {"glance_config": {"DEFAULT": common or {}}} | {name: {"DEFAULT": options}}


# What is no plain path.
FORMS = (
    "images",
    "./images",
    "~/images",
    "/srv/../etc",
    "/srv/./x",
    "/srv/a b",
    "/srv/100%",
    "$state_path/images",
    "/a'b",
)
# Where Glance can't write, or nobody should.
PLACES = (
    *("/home/glance", "/root/images", "/tmp/images", "/var/tmp/x", "/run/user/0/x", "/run/x", "/dev/shm/x", "/proc/x"),
    *("/sys/x", "/etc", "/etc/glance/images", "/usr/share/x", "/boot", "/var", "/var/lib", "/var/lib/glance", "/srv"),
    *("/opt/glance/x", "/var/lib/mysql/x", "/tmp/", "/home", "/lib/x"),
)
WRONG = [
    *(
        (stores(path), f"should be a plain absolute path of a folder of its own, such as .*, found {path}")
        for path in FORMS
    ),
    *((stores(path), f"should be a plain absolute path of a folder of its own, found {path}") for path in PLACES),
    *(
        (
            logs(log_dir=path),
            f"log files should lie in a folder of their own below /var/log, .*, found {path}: change log_di",
        )
        for path in (
            "/var/log",
            "/var/log/",
            "/srv/log",
            "/var/log/mysql",
            "/var/log/journal/x",
            "/var/log/a/../b",
            "log",
        )
    ),
    (logs(log_file="/var/log/glance.log"), "found /var/log: change log_file of glance_config"),
    (logs(logfile="/srv/x/api.log"), "found /srv/x: change log_file of glance_config"),
    (logs(log_file="glance.log"), "found none: change log_file"),
    (
        logs("glance_api_config", log_file="/srv/x.log", log_dir="/var/log/glance"),
        "found /srv: change log_dir and log_f",
    ),
    (
        logs("glance_api_config", {"log_dir": "/var/log/glance"}, log_file="/x/y.log"),
        "change log_file of glance_api_conf",
    ),
    # Of another type, or empty.
    (stores({"filesystem_store_datadirs": [8]}), "should be the path of a folder of its own, found a number: name one"),
    (stores({"filesystem_store_datadir": True}), "filesystem_store_datadir of the store s0 .*, found a boolean"),
    (stores({"swift_upload_buffer_dir": ""}), "swift_upload_buffer_dir of the store s0 .*, found nothing"),
    (staging(-7), "os_glance_staging_store. filesystem_store_datadir of glance_api_config .*, found a number"),
    (staging(""), "os_glance_staging_store. filesystem_store_datadir of glance_api_config .*, found nothing"),
    (
        {"glance_api_config": {"DEFAULT": {"property_protection_file": 83}}},
        "property_protection_file of glance_api_config should be the path of a file, found a number: name one",
    ),
    (
        {"glance_api_config": {"DEFAULT": {"property_protection_file": "/srv/"}}},
        "property_protection_file of glance_api_config should be the path of a file, found the folder /srv/: name",
    ),
    (stores("/srv/a\x07b"), r"found /srv/a\?b"),
    (stores({"filesystem_store_datadirs": ["/srv/a:1", "b:2"]}), "filesystem_store_datadirs of the store s0 .*, found"),
    (stores({"filesystem_store_datadirs": ["/srv/a:x"]}), "found /srv/a:x"),
    (stores({"swift_upload_buffer_dir": "/tmp/x"}), "swift_upload_buffer_dir of the store s0 .*below /tmp, of which G"),
    (stores("/srv/a", "/srv/a/"), "found /srv/a, which is filesystem_store_datadir of the store s1 in glance_stores,"),
    (stores("/srv/a", "/srv/a/b"), "found /srv/a, beside /srv/a/b, filesystem_store_datadir of the store s1"),
    (stores("/srv/a/b", "/srv//a"), "found /srv/a/b, beside /srv/a, "),
    (stores({"filesystem_store_datadirs": ["/srv/a:1", "/srv/a:2"]}), "found /srv/a, which is .*, too"),
    (stores("/var/lib/glance/staging"), "which is the directory of os_glance_staging_store, too"),
    (stores("/var/lib/glance/tasks/x"), "beside /var/lib/glance/tasks"),
    (stores("/var/lib/glance/locks"), "which is the lock files, too"),
    (stores("/var/backups/glance/x", **BACKUP), "beside /var/backups/glance, glance_backup_directory"),
    (stores("/srv/a") | staging("/srv/a/staging"), "os_glance_staging_store. filesystem_store_datadir of glance_api_c"),
    (staging("/tmp/x"), "below /tmp"),
    (staging("staging"), "found staging"),
    ({"glance_config": {"oslo_concurrency": {"lock_path": "/tmp/locks"}}}, r"\[oslo_concurrency\] lock_path of glance"),
    ({"glance_scrubber_config": {"DEFAULT": {"lock_path": "locks"}}}, "found locks"),
    ({"glance_api_config": {"task": {"work_dir": "/home/x"}}}, r"\[task\] work_dir of glance_api_config .*ProtectHome"),
    ({"glance_backup_directory": "backups"}, "glance_backup_directory should be a plain absolute path"),
    ({"glance_shared_directories": ["~/x"]}, "glance_shared_directories should be a plain absolute path"),
    ({**CACHE, "glance_cache_directory": "cache"}, "glance_cache_directory should be a plain absolute path"),
    ({**CACHE, "glance_cache_directory": "/srv/a b"}, "found /srv/a b"),
    ({**CACHE, "glance_cache_directory": "/var/lib/glance"}, "where the system or others have files"),
    (stores("/srv/a", **CACHE, glance_cache_directory="/srv/a"), "glance_cache_directory should be a folder for it al"),
    (stores("/srv/a", **CACHE, glance_cache_directory="/srv/a/c"), "found /srv/a/c, beside /srv/a, filesystem_store_d"),
    ({**CACHE, "glance_cache_directory": "/n/c", "glance_shared_directories": ["/n"]}, "beside /n, glance_shared_dire"),
    ({**CACHE, "glance_cache_directory": "/n/c", **mounts("/n")}, "beside /n, a path of glance_mounts"),
    (
        {"glance_keystone_ca_file": "/home/x/ca.pem"},
        "glance_keystone_ca_file should be an absolute path .* below /home",
    ),
    ({"glance_keystone_ca_file": "ca.pem"}, "found ca.pem: put it into"),
    ({"glance_api_config": {"DEFAULT": {"property_protection_file": "~/x"}}}, "found ~/x below ~"),
    (
        {"glance_config": {"DEFAULT": {"log_config_append": "/tmp/x"}}},
        "log_config_append of glance_config .* below /tmp",
    ),
    (stores({"s3_store_cacert": "/root/ca.pem"}), "s3_store_cacert of the store s0 in glance_stores .* below /root"),
    (mounts("images"), "a path of glance_mounts should be a plain absolute path"),
    (mounts("/srv/images/"), "the paths of glance_mounts should be plain absolute paths"),
    (mounts("/etc"), "none a folder with other files of Glance, found /etc"),
    (mounts("/opt/glance/x"), "none a folder with other files of Glance"),
    (mounts("/home/images"), "ProtectHome"),
    (mounts("/srv/a", "/srv/a"), "each once, found /srv/a 2 times"),
    (mounts("/srv/a", src=" "), "src of /srv/a in glance_mounts should be a word, found a blank"),
]
RIGHT = [
    {},
    logs(log_dir="/var/log/glance"),
    logs(log_file="/var/log/glance/api/x.log"),
    logs("glance_scrubber_config", {"log_dir": "/var/log/glance"}, log_file="scrubber.log"),
    logs(log_dir=None, log_file=""),
    stores("/var/lib/glance/images", **BACKUP),
    stores("/srv/images/", "/srv//other", "/images", "/mnt/disk.1/glance-images", "/var/lib/glance/imágenes"),
    stores({"filesystem_store_datadirs": ["/srv/a:10", "/srv/b", "/srv/c/:5"]}),
    # Where a name begins with another one.
    stores("/srv/a", "/srv/ab", "/home2/a", "/etcetera", "/runs/x"),
    stores("/mnt/nfs/images", glance_shared_directories=["/mnt/nfs"], **mounts("/mnt/nfs")),
    stores("/var/lib/glance/images", **mounts("/var/lib/glance/images")),
    mounts("/etc/ssh/sshd_config.d"),
    staging("/srv/staging/"),
    {"glance_scrubber_config": {"oslo_concurrency": {"lock_path": "/var/lib/glance/locks/scrubber"}}},
    {"glance_config": {"oslo_concurrency": {"lock_path": "/run/lock/glance"}}},
    {"glance_backup_directory": "/home/backups/"},
    {**CACHE, "glance_cache_directory": "/var/lib/glance/cache/", **BACKUP},
    {"glance_keystone_ca_file": "/etc/ssl/x.pem", "glance_config": {"oslo_policy": {"policy_file": "own.yaml"}}},
    stores({"filesystem_store_metadata_file": "/etc/glance/metadata.json"}),
    # Without a cache.
    {"glance_cache_max_bytes": 0, "glance_cache_directory": "/tmp"},
    {"glance_stores": {"s": {"driver": "s3", "options": {"s3_store_bucket": "b"}}}},
]


@pytest.mark.parametrize(("given", "said"), WRONG, ids=[f"{n} {said[:50]}" for n, (_given, said) in enumerate(WRONG)])
def test_a_directory_that_can_not_be_is_refused(given, said):
    sentences = [sentence for found in p.faults(given).values() for sentence in found]
    assert len(sentences) == 1
    assert re.search(said.replace("$state", r"\$state"), sentences[0]), sentences[0]


@pytest.mark.parametrize("given", RIGHT)
def test_a_directory_that_can_be_is_let_through(given):
    assert p.faults(given) == {}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ""),
        ({"DEFAULT": {}}, ""),
        ({"DEFAULT": {"log_dir": "/v"}}, "/v"),
        ({"DEFAULT": {"log_dir": "/v", "log_file": "/w/glance.log"}}, "/w"),
        ({"DEFAULT": {"log_dir": "/v", "log_file": "glance.log"}}, "/v"),
        ({"DEFAULT": {"log_dir": "/v/", "log_file": "api/glance.log"}}, "/v/api"),
        ({"DEFAULT": {"log_dir": "/v", "log_file": ""}}, "/v"),
        # What is null is removed from the configuration.
        ({"DEFAULT": {"log_dir": None, "log_file": "/w/glance.log"}}, "/w"),
        ({"DEFAULT": {"log_file": None}}, ""),
        ({"DEFAULT": {"log_file": "glance.log"}}, ""),
        # The folder of the image cache is none of log files.
        ({"DEFAULT": {"image_cache_dir": "/c"}}, ""),
    ],
)
def test_the_directory_of_log_files_is_that_of_the_options_that_count(config, expected):
    assert p.log_directory(config) == expected
