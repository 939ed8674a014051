"""Connections: role, UTC, errors that name the way out; the embedded server starts and stops."""

import tempfile
import traceback
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from almanac.errors import DatabaseError
from almanac.settings import Settings
from almanac.store.connections import embedded
from almanac.store.connections.database import Connection, Database, open_database
from almanac.store.connections.locks import retry_on_lock
from tests.queries import change, one

SESSION = "SELECT current_role, current_setting('timezone'), current_setting('work_mem')"


def test_a_connection_has_its_role_utc_and_the_options_of_the_url(database_url: str) -> None:
    url = make_conninfo(database_url, options="-c work_mem=5MB")
    with Database(url, "worker").connect() as connection:
        row = connection.execute(SESSION).fetchone()
    assert row == ("almanac_worker", "UTC", "5MB")


def test_a_url_may_set_its_own_time_limit_for_connecting(database_url: str) -> None:
    own = Database(make_conninfo(database_url, connect_timeout=3, application_name="mine"), "reader")
    assert conninfo_to_dict(own.conninfo)["connect_timeout"] == "3"
    assert conninfo_to_dict(own.conninfo)["application_name"] == "almanac-reader"
    assert conninfo_to_dict(Database(database_url).conninfo)["connect_timeout"] == "10"


def test_a_database_that_cannot_be_reached_is_named_without_its_password() -> None:
    unreachable = Database("postgresql://me:hush@127.0.0.1:9/nowhere")
    message = r"Cannot reach the database at 127\.0\.0\.1:9/nowhere: .*Check DATABASE_URL"
    with pytest.raises(DatabaseError, match=message) as caught, unreachable.connect():
        raise AssertionError("connected to nothing")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["postgres//me:hush@db/almanac", "postgresql://me:100%hush@db/almanac", "host=db password=hush almanac"],
)
def test_a_connection_string_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(DatabaseError, match="is no connection string") as caught, Database(url).connect():
        raise AssertionError("connected to nothing")
    assert "hush" not in "".join(traceback.format_exception(caught.value))


def test_a_user_without_the_role_gets_the_advice_to_migrate(owner: Database, cluster: str) -> None:
    name = f"stranger_{uuid4().hex[:8]}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'hush'".encode())
    stranger = Database(make_conninfo(owner.url, user=name, password="hush"))
    message = r"lacks the role almanac_owner or may not use it .*Run: almanac db migrate"
    with pytest.raises(DatabaseError, match=message), stranger.connect():
        raise AssertionError("connected as a stranger")
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"DROP ROLE {name}".encode())


def test_a_pooled_connection_that_the_server_has_closed_is_replaced(owner: Database) -> None:
    closed = one(owner, "SELECT pg_backend_pid()")
    with Database(owner.url, "login").connect(autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", [closed])
    assert one(owner, "SELECT pg_backend_pid()") != closed


def test_worker_and_reader_may_have_urls_of_their_own(settings: Settings) -> None:
    assert settings.database_url is not None
    reader_url = "postgresql://reader@elsewhere/almanac"
    own = settings.model_copy(update={"reader_database_url": SecretStr(reader_url)})
    assert open_database(own, "reader").url == reader_url
    assert open_database(own, "worker") == Database(settings.database_url.get_secret_value(), "worker")


@pytest.mark.slow
def test_a_lost_connection_is_reported_as_such(owner: Database) -> None:
    def end_session(connection: Connection) -> None:
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with psycopg.connect(owner.url) as administrator:
            administrator.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
        connection.exec_driver_sql("SELECT 1")

    message = "The database broke off: terminating connection due to administrator command"
    with pytest.raises(DatabaseError, match=message):
        retry_on_lock(owner, end_session)


def test_the_embedded_server_can_be_joined_and_keeps_its_data_when_it_stops() -> None:
    with tempfile.TemporaryDirectory(prefix="alm") as parent:
        folder = Path(parent, "postgres")
        assert not embedded.is_running(folder)
        login = Database(embedded.start(folder), "login")
        try:
            change(login, "CREATE TABLE kept (n int)")
            assert embedded.is_running(folder)
            assert embedded.start(folder) == login.url
            login.engine.dispose()
            assert embedded.stop(folder)
            assert not embedded.is_running(folder)
            again = Database(embedded.start(folder), "login")
            assert one(again, "SELECT count(*) FROM kept") == 0
            again.engine.dispose()
        finally:
            embedded.stop(folder)
        assert not embedded.stop(folder), "there is nothing left to stop"


def test_an_embedded_server_that_cannot_start_names_its_log_and_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, no folder")
    with pytest.raises(
        DatabaseError, match=r"did not start: .*Not a directory.*set DATABASE_URL to a server of your own"
    ):
        embedded.start(tmp_path / "taken" / "postgres")
