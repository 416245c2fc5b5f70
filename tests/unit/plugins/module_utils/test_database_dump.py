import contextlib
import os
import pwd
import sqlite3
import threading

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils.database_dump import (
    DumpError,
    Login,
    Mariadb,
    Postgresql,
    Sqlite,
    parse_url,
    read_copies,
    read_inserts,
)

URLS = {
    "sqlite:////var/lib/glance/database/glance.sqlite": Login("sqlite", "/var/lib/glance/database/glance.sqlite"),
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


@pytest.fixture
def user():
    return pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "glance.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE images (id TEXT, size INTEGER, deleted BOOLEAN)")
        connection.execute("INSERT INTO images VALUES ('a', 3, 0), ('b', NULL, 1)")
    path.chmod(0o640)
    return path


@pytest.fixture
def sqlite(tmp_path, database, user):
    (tmp_path / "work").mkdir()
    return Sqlite(Login("sqlite", str(database)), str(tmp_path / "work"), user)


def test_sqlite_is_read_from_its_dump(tmp_path, sqlite):
    sqlite.dump(str(tmp_path / "dump"))
    assert sqlite.read(str(tmp_path / "dump")) == {
        "alembic_version": [],
        "images": [{"id": "a", "size": "3", "deleted": "0"}, {"id": "b", "size": None, "deleted": "1"}],
        "image_locations": [],
    }


def test_sqlite_is_dumped_while_it_is_written_to(tmp_path, database, sqlite):
    over = threading.Event()

    def write():
        with contextlib.closing(sqlite3.connect(database, timeout=60)) as connection:
            while not over.is_set():
                with connection:
                    connection.execute("INSERT INTO images VALUES ('one', 1, 0)")
                    connection.execute("INSERT INTO images VALUES ('two', 1, 0)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            sqlite.dump(str(tmp_path / f"dump{number}"))
    finally:
        over.set()
        writer.join()
    for number in range(5):
        ids = [row["id"] for row in sqlite.read(str(tmp_path / f"dump{number}"))["images"]]
        assert ids.count("one") == ids.count("two")


def test_sqlite_is_put_back_with_owner_and_mode_and_without_a_journal_of_before(tmp_path, database, sqlite):
    sqlite.dump(str(tmp_path / "dump"))
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("DELETE FROM images")
    (tmp_path / "glance.sqlite-journal").write_bytes(b"of before")
    sqlite.restore(str(tmp_path / "dump"))
    assert database.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dump", "glance.sqlite", "work"]
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (2,)


@pytest.mark.parametrize("content", [None, b"no database at all, whatever it is called" * 100])
def test_what_is_no_sqlite_database_is_told(tmp_path, database, sqlite, content):
    database.unlink() if content is None else database.write_bytes(content)
    with pytest.raises(DumpError, match="should be an SQLite database, found: "):
        sqlite.dump(str(tmp_path / "dump"))
    assert database.exists() == (content is not None)


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
        engine(login, str(tmp_path), "glance").dump(str(tmp_path / "dump"))
    assert len(seen) == 1
    assert "hid" not in str(seen)
    assert str(failed.value).endswith("found exit code 1: denied to ********")
    (written,) = tmp_path.iterdir()
    assert written.stat().st_mode & 0o777 == 0o600
    assert says in written.read_text()
