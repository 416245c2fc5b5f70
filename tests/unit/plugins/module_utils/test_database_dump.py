import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils.database_dump import (
    DumpError,
    Login,
    Mariadb,
    Postgresql,
    parse_url,
    read_copies,
    read_inserts,
)

URLS = {
    "mysql+pymysql://glance:a%2Fb%40c@127.0.0.1/glance?charset=utf8mb3&ssl_ca=/etc/glance/ca.pem": Login(
        "mariadb",
        "glance",
        "glance",
        "a/b@c",
        "127.0.0.1",
        "",
        {"charset": "utf8mb3", "ssl_ca": "/etc/glance/ca.pem"},
    ),
    "mysql://glance:a/b?c@[fd00::1]:3307/images": Login("mariadb", "images", "glance", "a/b?c", "fd00::1", "3307"),
    "postgresql+psycopg2://glance:%C3%A9@db.example.com:5433/glance?sslmode=verify-full": Login(
        "postgresql", "glance", "glance", "é", "db.example.com", "5433", {"sslmode": "verify-full"}
    ),
    "postgresql:///glance": Login("postgresql", "glance"),
    "mysql+pymysql://glance@/glance?unix_socket=/run/mysqld/mysqld.sock": Login(
        "mariadb", "glance", "glance", options={"unix_socket": "/run/mysqld/mysqld.sock"}
    ),
}


@pytest.mark.parametrize(("url", "login"), URLS.items())
def test_a_url_says_how_to_log_in(url, login):
    assert parse_url(url) == login


def test_a_login_shows_no_password():
    assert "hidden" not in repr(parse_url("mysql://glance:hidden@127.0.0.1/glance"))


@pytest.mark.parametrize("url", ["oracle://glance:hidden@h/glance", "hidden", ""])
def test_an_unknown_url_is_refused_without_it(url):
    with pytest.raises(DumpError) as refused:
        parse_url(url)
    assert "hidden" not in str(refused.value)


INSERTS = r"""
/*M!999999\- enable the sandbox mode */
-- INSERT INTO `images` (`id`) VALUES ('no');
CREATE TABLE `images` (
  `id` varchar(36) NOT NULL
);
INSERT INTO `image_tags` (`id`) VALUES ('other');
INSERT INTO `images` (`id`, `name`, `size`, `deleted`) VALUES ('a','it''s; (a) \'b\'\\ \n),(\0',12,0),
('b',NULL,NULL,1);
INSERT INTO `images` (`id`, `name`, `size`, `deleted`) VALUES
('c','',-1,0);
INSERT INTO `alembic_version` (`version_num`) VALUES ('head');
"""
ROWS = [
    {"id": "a", "name": "it's; (a) 'b'\\ \n),(\0", "size": "12", "deleted": "0"},
    {"id": "b", "name": None, "size": None, "deleted": "1"},
    {"id": "c", "name": "", "size": "-1", "deleted": "0"},
]


def test_inserts_are_read():
    tables = read_inserts(INSERTS.splitlines(keepends=True))
    assert tables == {"alembic_version": [{"version_num": "head"}], "images": ROWS, "image_locations": []}


def test_inserts_without_columns_are_refused():
    with pytest.raises(DumpError, match="should name the columns"):
        read_inserts(["INSERT INTO `images` VALUES ('a');\n"])


COPIES = r"""
SET statement_timeout = 0;
COPY public.image_tags (id) FROM stdin;
other
\.
COPY public.images (id, name, size, "deleted") FROM stdin;
a	it's; (a) 'b'\\ \n),(	12	f
b	\N	\N	t
\.

COPY public.alembic_version (version_num) FROM stdin;
head
\.
"""


def test_copies_are_read():
    tables = read_copies(COPIES.splitlines(keepends=True))
    assert tables["alembic_version"] == [{"version_num": "head"}]
    assert tables["images"] == [
        {"id": "a", "name": "it's; (a) 'b'\\ \n),(", "size": "12", "deleted": "f"},
        {"id": "b", "name": None, "size": None, "deleted": "t"},
    ]


SAYS = {Mariadb: "password = 'hid\\'d\"e\\\\n'\n", Postgresql: "*:*:*:*:hid'd\"e\\\\n\n"}


@pytest.mark.parametrize(("engine", "says"), SAYS.items())
def test_a_file_for_root_has_the_password_and_no_command_line(tmp_path, monkeypatch, engine, says):
    login = Login("any", "glance", "glance", "hid'd\"e\\n", "127.0.0.1", "1", {"ssl_ca": "/ca", "sslmode": "require"})
    seen = []

    class Done:
        returncode, stdout, stderr = 1, "", "denied to hid'd\"e\\n"

    def run(command, **options):
        seen.append(command)
        return Done()

    monkeypatch.setattr(f"{engine.__module__}.run_program", run)
    with pytest.raises(DumpError) as failed:
        engine(login, str(tmp_path)).dump(str(tmp_path / "dump"))
    assert len(seen) == 1
    assert "hid" not in str(seen)
    assert str(failed.value).endswith("found exit code 1: denied to ********")
    (written,) = tmp_path.iterdir()
    assert written.stat().st_mode & 0o777 == 0o600
    assert says in written.read_text()
