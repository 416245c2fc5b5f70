import random
import string

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import secrets as s


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "passwd",
        "admin_password",
        "rabbit_password",
        "cinder_store_password",
        "vmware_server_password",
        "connection",
        "slave_connection",
        "connection_string",
        "transport_url",
        "metadata_encryption_key",
        "s3_store_access_key",
        "s3_store_secret_key",
        "memcache_secret_key",
        "application_credential_secret",
        "hmac_keys",
        "swift_store_key",
        "swift_store_user",
        "approle_role_id",
        "backend_argument",
        "swift_store_auth_key",
        "key",
        "token",
        "admin_token",
        "root_token_id",
        "approle_secret_id",
        "ADMIN_PASSWORD",
    ],
)
def test_secret_option(name):
    assert s.is_secret_option(name)


@pytest.mark.parametrize(
    "name",
    [
        "key_file",
        "ssl_key_file",
        "connection_recycle_time",
        "connection_debug",
        "max_retries",
        "show_image_direct_url",
        "token_cache_time",
        "service_token_roles",
        "service_token_roles_required",
        "enabled_backends",
        "auth_url",
        "username",
        "public_endpoint",
        "http-socket",
        "thunder-lock",
    ],
)
def test_option_that_is_no_secret(name):
    assert not s.is_secret_option(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("listening on http://127.0.0.1:9292/healthcheck", "listening on http://127.0.0.1:9292/healthcheck"),
        ("sqlite:////var/lib/glance/glance.sqlite", "sqlite:////var/lib/glance/glance.sqlite"),
        ("mysql+pymysql://glance:pw@db/glance", "mysql+pymysql://********@db/glance"),
        ("rabbit://u:p1@h1:5672,u:p2@h2:5672/v", "rabbit://********@h2:5672/v"),
        ("mysql://u:p/w@db/glance", "mysql://********@db/glance"),
        ("mysql://u:p@w@db/glance", "mysql://********@db/glance"),
        ("redis://:pw@127.0.0.1:6379", "redis://********@127.0.0.1:6379"),
        ("no http://a:b@c and http://d:e@f here", "no http://********@c and http://********@f here"),
        ("password=pw", "password=********"),
        ("password = pw rest", "password = ******** rest"),
        ("db_passwd=pw", "db_passwd=********"),
        ('password="a b" rest', "password=******** rest"),
        ("password='a b' rest", "password=******** rest"),
        ('password="half', "password=********"),
        ("PASSWORD=a&b\"c'd", "PASSWORD=********"),
        ("{'password': 'pw', 'user': 'glance'}", "{'password': ********, 'user': 'glance'}"),
        ('{"admin_secret": "a b"}', '{"admin_secret": ********}'),
        ("host=db password=pw user=glance", "host=db password=******** user=glance"),
        ("X-Auth-Token=pw", "X-Auth-Token=********"),
        ("Invalid token: expired", "Invalid token: expired"),
        ("mail admin@example.com", "mail admin@example.com"),
    ],
)
def test_mask_text(text, expected):
    assert s.mask_text(text) == expected


@pytest.mark.parametrize(
    ("before", "after", "shown_before", "shown_after"),
    [
        ("", "", "", ""),
        ("a = 1\n", "a = 2\n", "a = 1\n", "a = 2\n"),
        ("a = 1", "a = 1\n", "a = 1\n", "a = 1\n"),
        ("a\n\nb\n", "", "a\n\nb\n", ""),
        ("password = x\n", "password = x\n", "password = ********\n", "password = ********\n"),
        ("password = x\n", "password = y\n", "password = ********\n", "password = ******** (changed)\n"),
        ("password=x\n", "password: x\n", "password=********\n", "password: ********\n"),
        ("", "password = x\n", "", "password = ********\n"),
        ("password = x\n", "", "password = ********\n", ""),
        ("password =\n", "password = x\n", "password =\n", "password = ******** (changed)\n"),
        # The same option of another section is another option.
        (
            "[a]\nkey = 1\n[b]\nkey = 2\n",
            "[a]\nkey = 1\n[b]\nkey = 3\n",
            "[a]\nkey = ********\n[b]\nkey = ********\n",
            "[a]\nkey = ********\n[b]\nkey = ******** (changed)\n",
        ),
        ("[a]\nkey = 1\n", "[b]\nkey = 1\n", "[a]\nkey = ********\n", "[b]\nkey = ********\n"),
        # Repeated keys.
        (
            "key = 1\nkey = 2\n",
            "key = 1\nkey = 3\n",
            "key = ********\nkey = ********\n",
            "key = ******** (changed)\nkey = ******** (changed)\n",
        ),
        ("key = 1\n", "key = 1\nkey = 2\n", "key = ********\n", "key = ******** (changed)\nkey = ******** (changed)\n"),
        # Continuation lines, as oslo.config reads them.
        (
            "key = 1\n  two\nb = c\n",
            "key = 1\n  three\nb = c\n",
            "key = ********\n  ********\nb = c\n",
            "key = ******** (changed)\n  ******** (changed)\nb = c\n",
        ),
        ("key = 1\n  [x]\n  # y\n", "", "key = ********\n  ********\n  ********\n", ""),
        ("key =\n  one\n", "", "key =\n  ********\n", ""),
        ("key = 1\n\n  shown\n", "", "key = ********\n\n  shown\n", ""),
        ("key = 1\n[s]\n  shown\n", "", "key = ********\n[s]\n  shown\n", ""),
        # Only \n and \r\n end a line, whatever else Python's splitlines() takes for an end.
        ("key = a\u2028b\x0cc\x85d\n", "", "key = ********\n", ""),
        ("a = 1\r\nkey = b\r\n", "", "a = 1\r\nkey = ********\n", ""),
        # Comments.
        ("# password = x y\n;key: 1\n", "", "# password = ********\n;key: ********\n", ""),
        ("# password = x\n", "# password = y\n", "# password = ********\n", "# password = ********\n"),
        ("# What a password is for.\n", "", "# What a password is for.\n", ""),
        # Secrets in the values of other options.
        ("url = http://u:p@h/\n", "", "url = http://********@h/\n", ""),
        ("Environment=OS_PASSWORD=x\n", "", "Environment=OS_PASSWORD=********\n", ""),
        (
            "userlist x\n    user a password $6$s$1\n    user b password $6$s$2\n",
            "userlist x\n    user a password $6$s$1\n    user b password $6$s$3\n    # end\n",
            "userlist x\n    user a password ********\n    user b password ********\n",
            "userlist x\n    user a password ********\n    user b password ******** (changed)\n    # end\n",
        ),
    ],
)
def test_mask_pair(before, after, shown_before, shown_after):
    assert s.mask_pair(before, after) == (shown_before, shown_after)


SECRET_OPTIONS = ["password", "connection", "transport_url", "hmac_keys", "metadata_encryption_key", "key", "token"]
PUNCTUATION = "@/:%&=#;\"'[]()$ \t,\u2028\x0b\x1c\xe9"


def random_file(dice, secrets):
    """A configuration file with secrets in all the places that are known to hold some."""

    def secret():
        # Letters at both ends, so that finding it again is not a matter of white space; anything between.
        middle = dice.choices(string.ascii_letters + PUNCTUATION, k=dice.randrange(8))
        secrets.append("".join([*dice.choices(string.ascii_letters, k=6), *middle, *dice.choices("XYZ", k=4)]))
        return secrets[-1]

    def in_url():
        # Not encoded, as operators do write it; white space would end a URL in a text.
        return "".join(secret().split())

    def line():
        option = dice.choice(SECRET_OPTIONS)
        return dice.choice(
            [
                lambda: f"{option} = {secret()}",
                lambda: f"{option}={secret()}\n    {secret()}\n\t{secret()}",
                lambda: f"{option} =\n  {secret()}",
                lambda: f"#{option}: {secret()}",
                lambda: f"auth_url = http://glance:{in_url()}@h1:1,glance:{in_url()}@h2:2/v3",
                lambda: f"[{option}]",
                lambda: f"debug = {dice.random() < 0.5}",
                lambda: "",
            ]
        )()

    return dice.choice(["\n", "\r\n"]).join(line() for dummy in range(dice.randrange(12))) + dice.choice(["", "\n"])


@pytest.mark.parametrize("seed", range(4))
def test_no_secret_shows(seed):
    dice = random.Random(seed)
    for _dummy in range(250):
        secrets = []
        before, after = random_file(dice, secrets), random_file(dice, secrets)
        if dice.random() < 0.5:
            after = before
        shown = "".join(s.mask_pair(before, after))
        for secret in secrets:
            # Not even a piece of it.
            for piece in (secret[:6], secret[-4:], "".join(secret.split())):
                assert piece not in shown, (before, after)


def test_what_is_not_secret_shows():
    text = "[DEFAULT]\ndebug = true\nenabled_backends = file:file\n\n# by Ansible\nfoo = bar baz\n"
    assert s.mask_pair(text, text) == (text, text)


KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ==\nAb=c\n-----END EC PRIVATE KEY-----\n"


def test_a_private_key_is_masked_and_the_certificate_before_it_is_not():
    certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    before, after = s.mask_pair(f"{certificate}{KEY}x = 1\n", f"{certificate}{KEY.replace('Ab', 'Cd')}x = 1\n")
    masked = f"{certificate}-----BEGIN EC PRIVATE KEY-----\n********\n********\n-----END EC PRIVATE KEY-----\nx = 1\n"
    assert before == masked
    assert after == masked.replace("********", "******** (changed)")


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("", "a\nb\n", ("", "********\n")),
        ("a\n", "", ("********\n", "")),
        ("a\n", "a\n", ("********\n", "********\n")),
        ("a\n", "b\n", ("********\n", "******** (changed)\n")),
    ],
)
def test_a_text_is_hidden_as_a_whole_and_its_change_shows(before, after, shown):
    assert s.mask_whole(before, after) == shown


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("line 2: 'AQBhidden=='", "[client.glance]\nkey = AQBhidden==\n", "line 2: '********=='"),
        ("no such file", "[client.glance]\n\tkey = AQBhidden==\n", "no such file"),
        ("bad hunter2hunter and hunter2", "hunter2\nhunter2hunter", "bad ******** and ********"),
        ("as it is", "", "as it is"),
        (
            "no answer from http://10.0.0.1:5000",
            'auth_address = "http://10.0.0.1:5000"',
            "no answer from http://10.0.0.1:5000",
        ),
        ("no host secret-word@host", "https://u:secret-word@host", "no host ********"),
    ],
)
def test_words_of_a_secret_file_are_hidden_in_what_a_program_says(text, secret, shown):
    assert s.mask_words(text, secret) == shown
