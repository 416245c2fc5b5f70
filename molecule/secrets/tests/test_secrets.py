"""What users notice while secrets of the service are replaced, and what the old ones open then: nothing."""

from __future__ import annotations

import pytest

# Each host of the API is in rotation again with the new secret before the next one leaves it.
BETWEEN_HOSTS = "Wait until every balancer sends requests here again"


def whole(seen):
    """Whether no request failed and no body was damaged."""
    assert seen.failures == [], f"{len(seen.failures)} of {seen.answers + len(seen.failures)}: {seen.failures[:3]}"
    assert seen.damaged == 0
    assert seen.answers > 500


def steady(playbook, variables):
    again = playbook("rotate_secrets.yml", variables)
    assert (again.rc, again.changed) == (0, 0), again.output


@pytest.fixture
def _set_back(playbook):
    """Have the secrets and the database of the inventory after a test."""
    yield
    back = playbook("site.yml")
    assert back.rc == 0, back.output


@pytest.fixture
def _postgresql(playbook, ask, old_secret):
    """Have the records in PostgreSQL, without those of MariaDB, which has its own again after the test."""
    allowed = {"glance_database_allow_change": True}
    try:
        done = playbook("site.yml", {**allowed, "glance_database_engine": "postgresql"})
        assert done.rc == 0, done.output
        assert ask("postgresql", "glance", old_secret) == [[1]]
        yield
    finally:
        back = playbook("site.yml", allowed)
    assert back.rc == 0, back.output


@pytest.mark.usefixtures("_set_back")
def test_password_of_mariadb_is_replaced_and_noticed_by_nobody(playbook, traffic, ask, old_secret, new_secret):
    new = {"glance_database_password": new_secret("second")}
    checked = playbook("rotate_secrets.yml", new, "--check", "--diff")
    assert new_secret("second") not in checked.output
    assert ask("mariadb", "glance", new_secret("second")) is None
    with traffic() as seen:
        run = playbook("rotate_secrets.yml", new, "--diff", "-vvv")
    assert run.rc == 0, run.output
    whole(seen)
    assert ask("mariadb", "glance", old_secret) is None
    assert ask("mariadb", "glance", new_secret("second")) == [[1]]
    steady(playbook, new)


@pytest.mark.usefixtures("_set_back")
def test_both_passwords_open_mariadb_while_a_host_needs_the_old_one(
    playbook, killed_playbook, traffic, ask, old_secret, new_secret
):
    passwords = [old_secret, new_secret("third")]
    new = {"glance_database_password": passwords[1]}
    with traffic() as seen:
        killed_playbook("rotate_secrets.yml", new, BETWEEN_HOSTS)
        assert [ask("mariadb", "glance", each) for each in passwords] == [[[1]], [[1]]]

        limited = playbook("rotate_secrets.yml", new, "--limit", "localhost,database1,balancer1,api1")
        assert limited.rc != 0
        assert "glance should open the database, found another password of glance" in limited.failures
        assert "have not turned to the new login in this run: api2" in limited.output
        assert [ask("mariadb", "glance", each) for each in passwords] == [[[1]], [[1]]]

        run = playbook("rotate_secrets.yml", new)
    assert run.rc == 0, run.output
    whole(seen)
    assert [ask("mariadb", "glance", each) for each in passwords] == [None, [[1]]]
    steady(playbook, new)


@pytest.mark.usefixtures("_set_back")
def test_another_user_of_mariadb_takes_the_place_of_the_one_before(playbook, traffic, ask, old_secret, new_secret):
    new = {
        "glance_database_user": "glance-2",
        "glance_database_password": new_secret("fourth"),
        "glance_database_retired_users": ["glance"],
    }
    with traffic() as seen:
        run = playbook("rotate_secrets.yml", new)
    assert run.rc == 0, run.output
    whole(seen)
    assert ask("mariadb", "glance", old_secret) is None
    assert ask("mariadb", "glance-2", new_secret("fourth")) == [[1]]
    steady(playbook, new)
    back = playbook("site.yml", {"glance_database_retired_users": ["glance-2"]})
    assert back.rc == 0, back.output
    assert ask("mariadb", "glance-2", new_secret("fourth")) is None


@pytest.mark.usefixtures("_postgresql")
def test_another_user_of_postgresql_takes_the_place_of_the_one_before(
    playbook, traffic, ask, old_secret, new_secret, database
):
    base = {"glance_database_engine": "postgresql"}
    refused = playbook("rotate_secrets.yml", {**base, "glance_database_password": new_secret("fifth")})
    assert (refused.rc != 0, refused.changed) == (True, 0), refused.output
    assert "Give another glance_database_user with the new password and name glance in" in refused.failures

    logins = [("glance", old_secret), ("glance-5", new_secret("fifth")), ("glance-6", new_secret("sixth"))]
    for (before, _password), (user, password) in zip(logins, logins[1:]):
        new = {**base, "glance_database_user": user, "glance_database_password": password}
        if before == "glance":
            unnamed = playbook("rotate_secrets.yml", new)
            assert (unnamed.rc != 0, unnamed.changed) == (True, 0), unnamed.output
            assert "glance_database_retired_users should name glance, which the" in unnamed.failures
        new["glance_database_retired_users"] = [before]
        with traffic() as seen:
            run = playbook("rotate_secrets.yml", new, "--diff", "-vvv")
        assert run.rc == 0, run.output
        whole(seen)
        found = {name: ask("postgresql", name, secret) for name, secret in logins}
        assert found == {name: [[1]] if name == user else None for name, _secret in logins}
        # What it makes belongs to the owner of all else, so that the next one can change it.
        ask("postgresql", user, password, "CREATE TABLE made (id int)")
        owner = ask("postgresql", user, password, "SELECT tableowner FROM pg_tables WHERE tablename = 'made'")
        ask("postgresql", user, password, "DROP TABLE made")
        assert owner == [["glance"]]
        steady(playbook, new)
    roles = database.check_output("runuser -u postgres -- psql -Atc %s", "SELECT rolname FROM pg_roles ORDER BY 1")
    assert [name for name in roles.splitlines() if name.startswith("glance")] == ["glance", "glance-6"]
    rules = database.check_output("grep '^host \"glance\"' /etc/postgresql/15/main/pg_hba.conf").splitlines()
    assert [rule.split()[2] for rule in rules] == ['"glance-6"']

    back = playbook("site.yml", {**base, "glance_database_retired_users": ["glance-6"]})
    assert back.rc == 0, back.output
    assert ask("postgresql", "glance", old_secret) == [[1]]
    assert ask("postgresql", "glance-6", new_secret("sixth")) is None
