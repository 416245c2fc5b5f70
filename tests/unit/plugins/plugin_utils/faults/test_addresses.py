import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.addresses import NAMES, SERVERS, faults


@pytest.mark.parametrize(
    "address", ["0", "", "1.2.3", "300.1.1.1", "127.0.0.1:9292", "[::1]", "a b", "-a", "*", "http://h"]
)
@pytest.mark.parametrize("name", NAMES)
def test_what_nothing_can_listen_on_is_refused(name, address):
    assert faults({name: address})[name][0].startswith(f"{name} should be an address of the host")


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::", "2001:db8::1", "api1", "api-1.example.com", "0.lan"])
def test_an_address_is_let_through(address):
    assert faults({"glance_api_bind_address": address}) == {}


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("keystone:5000", "keystone:5000"),
        ("ftp://h", "ftp://h"),
        ("https://", "https://"),
        ("https://h/v3?a", "https://h/v3?a"),
        ("https://h\n", "https://h?"),
        ("https://me:hidden@h", "https://********@h"),
    ],
)
def test_what_is_no_url_is_refused_without_its_password(url, found):
    (sentence,) = faults({"glance_keystone_public_url": url})["glance_keystone_public_url"]
    assert sentence == (
        f"glance_keystone_public_url should be a URL such as https://keystone.example.com:5000, found {found}"
    )


@pytest.mark.parametrize("url", ["", "https://h", "HTTP://192.0.2.1:5000/v3", "https://[2001:db8::1]/identity"])
def test_a_url_is_let_through(url):
    assert faults({"glance_keystone_public_url": url}) == {}


@pytest.mark.parametrize(
    "host", ["db host;x", "192.0.2.7:3306", "300.1.1.1", "http://db", "[::1]", "a@b", "/run/mysqld", "_"]
)
@pytest.mark.parametrize("name", SERVERS)
def test_what_no_other_host_is_called_is_refused(name, host):
    (sentence,) = faults({name: host})[name]
    assert sentence.startswith(f"{name} should be an address or a name of a host, such as 192.0.2.7, found ")
    assert sentence.endswith(": name one without a port")


@pytest.mark.parametrize("host", ["", "db1", "db.example.com.", "db_1.example.com", "192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize("name", SERVERS)
def test_another_host_is_let_through(name, host):
    assert faults({name: host}) == {}


def test_the_address_of_the_servers_own_is_told_once():
    wrong = dict.fromkeys(("glance_database_host", "glance_database_bind_address"), "a b")
    assert list(faults(wrong)) == ["glance_database_host"]
    assert faults({"glance_database_bind_address": "*"}) == {}


@pytest.mark.parametrize(
    ("name", "entry", "told"),
    [
        *(
            ("glance_api_trusted_proxies", entry, "an address or a network, such as 198.51.100.0/24")
            for entry in ("192.0.2.7x", "192.0.2.0/33", "proxy1", "", "192.0.2.7:80")
        ),
        *(
            ("glance_keystone_memcached_servers", entry, "an address and a port, such as 192.0.2.7:11211")
            for entry in ("h:99999999", "h:0", "h:", "::1", "[::1", "h h:11211", "a:1,b:2", "unix:run", "")
        ),
    ],
)
def test_an_entry_that_is_no_address_is_refused(name, entry, told):
    (sentence,) = faults({name: ["192.0.2.8", entry]})[name]
    assert sentence == f"an entry of {name} should be {told}, found {entry or 'nothing'}: correct it"


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        *(("glance_api_trusted_proxies", entry) for entry in ("192.0.2.7", "192.0.2.7/24", "2001:db8::/32", "::1")),
        *(
            ("glance_keystone_memcached_servers", entry)
            for entry in (
                "h:11211",
                "cache_1",
                "cache.example.com.:11211",
                "192.0.2.7:11211",
                "[::1]:11211",
                "inet6:[::1]",
                "inet:h:1",
                "unix:/run/m",
            )
        ),
    ],
)
def test_an_entry_that_is_one_is_let_through(name, entry):
    assert faults({name: [entry]}) == {}


@pytest.mark.parametrize(
    "proxy", ["proxy.example.com:3128", "me:hidden@proxy:3128", "192.0.2.7:3128", "http://[::1]:80"]
)
def test_a_proxy_may_be_named_as_pip_takes_it(proxy):
    assert faults({"glance_wheels_proxy": proxy}) == {}


@pytest.mark.parametrize("proxy", ["proxy", "me:hidden@proxy", "hidden proxy:3128", "proxy:port"])
def test_what_is_no_proxy_is_refused_without_its_password(proxy):
    (sentence,) = faults({"glance_wheels_proxy": proxy})["glance_wheels_proxy"]
    assert sentence.startswith("glance_wheels_proxy should be a URL such as http://proxy.example.com:3128, found ")
    assert "hidden" not in sentence


@pytest.mark.parametrize("name", ["glance_wheels_index_url", "glance_wheels_proxy"])
def test_urls_of_an_index_and_of_a_proxy(name):
    for right in ("", "https://u:p@pypi.example.com/simple?a=b", "socks5h://127.0.0.1:1080", "file:///srv/wheels"):
        assert faults({name: right}) == {}
    (sentence,) = faults({name: "pypi.example.com//u:secret@h/simple"})[name]
    assert sentence.startswith(f"{name} should be a URL such as http")
    assert sentence.endswith(", found another text")


@pytest.mark.parametrize("url", ["", "http://proxy.example.com:3128", "https://192.0.2.1", "http://[fd00::1]:3128/"])
def test_a_proxy_is_let_through(url):
    assert faults({"glance_http_proxy": url, "glance_no_proxy": [".example.com", "192.0.2.7", "fd00::7", "h"]}) == {}


@pytest.mark.parametrize(
    "url", ["proxy:3128", "http://me:hidden@proxy:3128", "http://proxy/path", "socks5://proxy", "http://"]
)
def test_a_proxy_with_a_login_or_in_another_form_is_refused(url):
    (sentence,) = faults({"glance_http_proxy": url})["glance_http_proxy"]
    assert "such as http://proxy.example.com:3128, without a login, found another text" in sentence
    assert "hidden" not in sentence


@pytest.mark.parametrize("entry", ["*", "*.example.com", "192.0.2.0/24", "a b", "a,b", "http://h", "h:80", ""])
def test_what_no_library_takes_for_a_host_without_proxy_is_refused(entry):
    (sentence,) = faults({"glance_no_proxy": [entry]})["glance_no_proxy"]
    assert sentence.startswith("an entry of glance_no_proxy should be a name, an address or a domain")
