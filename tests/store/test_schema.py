"""Contracts become tables; migrations can be repeated and agree with the declared tables."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from almanac import discovery
from almanac.contract import SCHEMA_REVISION, Column, Contract, Filter, Table
from almanac.errors import ContractError, DatabaseError
from almanac.store.connections import locks
from almanac.store.connections.database import Database
from almanac.store.publishing import staging
from almanac.store.schema import access_tables, ensure, migrate
from almanac.store.schema.roles import missing_statements
from almanac.store.schema.tables import metadata
from tests.queries import change, one, rows, within
from tests.stub import STUB, begin, content, release

COLUMNS = """
    SELECT column_name, data_type, is_nullable FROM information_schema.columns
    WHERE table_schema = :schema AND table_name = :name ORDER BY ordinal_position
"""
INDEXES = "SELECT indexname FROM pg_indexes WHERE tablename = 'stub_predictions' ORDER BY 1"
INDEXES_BY_DOWN = """
    SELECT count(*) FROM pg_indexes WHERE tablename ~ 'stub_predictions_2' AND indexdef LIKE '%(down)'
"""
LOCKED_TABLES = """
    SELECT relation::regclass::text FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS NOT NULL
"""
SCHEMA_HASH = """
    SELECT md5(string_agg(c::text, ',' ORDER BY c::text)) FROM information_schema.columns AS c
    WHERE table_schema IN ('almanac', 'api')
"""


def with_predictions(*columns: Column, **changes: object) -> Contract:
    """The stub with other columns in its prediction table."""
    predictions = STUB.predictions.model_copy(
        update={"columns": columns or STUB.predictions.columns, **changes}
    )
    return STUB.model_copy(update={"predictions": predictions})


def replaced(name: str, **changes: object) -> Contract:
    """The stub with one column of its prediction table changed."""
    return with_predictions(
        *(
            column.model_copy(update=changes) if column.name == name else column
            for column in STUB.predictions.columns
        )
    )


def columns_of(database: Database, schema: str, table: str) -> list[tuple[str, str, str]]:
    """The name, the type and whether NULL is allowed, of each column."""
    return rows(database, COLUMNS, schema=schema, name=table)


@pytest.fixture
def empty(cluster: str) -> Iterator[Database]:
    """A database in which nothing was ever migrated."""
    name = f"empty_{uuid4().hex[:8]}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield Database(make_conninfo(cluster, dbname=name), "login")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_a_contract_becomes_typed_tables_partitioned_by_run(owner: Database) -> None:
    assert columns_of(owner, "almanac", "stub_predictions") == [
        ("run_id", "text", "NO"),
        ("item", "text", "NO"),
        ("day", "date", "NO"),
        ("up", "double precision", "NO"),
        ("down", "double precision", "NO"),
        ("word", "text", "NO"),
        ("extra", "json", "YES"),
    ]
    assert one(owner, "SELECT pg_get_partkeydef('almanac.stub_predictions'::regclass)") == "LIST (run_id)"
    assert columns_of(owner, "almanac", "stub_facts") == [
        ("item", "text", "NO"),
        ("value", "integer", "YES"),
        ("source", "text", "NO"),
    ]


def test_each_filter_and_the_order_have_an_index(owner: Database) -> None:
    assert [name for (name,) in rows(owner, INDEXES)] == [
        "stub_predictions_by_day_item",
        "stub_predictions_by_up",
        "stub_predictions_by_word",
        "stub_predictions_pkey",
    ]


def test_readers_get_a_view_of_all_runs_and_one_of_the_live_run(owner: Database, reader: Database) -> None:
    old = release(owner, content(3, word="old"))
    new = release(owner, content(4, word="new"))
    assert rows(reader, "SELECT run_id, count(*) FROM api.stub_predictions GROUP BY 1 ORDER BY 2") == [
        (old, 3),
        (new, 4),
    ]
    assert rows(reader, "SELECT DISTINCT run_id, word FROM api.stub_live") == [(new, "new")]
    assert rows(reader, "SELECT run_id, value FROM api.stub_totals ORDER BY value") == [(old, 3), (new, 4)]


def test_a_nullable_column_is_added_and_published_runs_stay(owner: Database, reader: Database) -> None:
    old = release(owner, content(3))
    grown = with_predictions(Column(name="first", type="integer", nullable=True), *STUB.predictions.columns)
    within(owner, ensure.ensure, grown)
    assert columns_of(owner, "almanac", "stub_predictions")[-1] == ("first", "integer", "YES")
    assert rows(reader, "SELECT DISTINCT run_id, first FROM api.stub_predictions") == [(old, None)]
    with_value = content(2) | {"predictions": content(2)["predictions"].assign(first=7)}
    assert staging.stage(owner, grown, begin(owner), with_value).rows == 2


REFUSED = [
    (
        replaced("up", type="text"),
        (
            r"has column 'up' of type DOUBLE PRECISION NOT NULL, "
            r"the contract declares TEXT COLLATE \"C\" NOT NULL"
        ),
    ),
    (
        replaced("extra", nullable=False),
        r"has column 'extra' of type JSON, the contract declares JSON NOT NULL",
    ),
    (
        with_predictions(*STUB.predictions.columns, Column(name="size", type="real")),
        r"lacks column 'size', which is not nullable",
    ),
    (
        with_predictions(key=("word",)),
        r"has the key \['run_id', 'item'\], the contract declares \['run_id', 'word'\]",
    ),
]


@pytest.mark.parametrize(("contract", "reason"), REFUSED)
def test_every_other_change_is_refused_with_the_way_out(
    owner: Database, contract: Contract, reason: str
) -> None:
    before = columns_of(owner, "almanac", "stub_predictions")
    way_out = "Declare the column under a new name, or rename the table"
    with pytest.raises(ContractError, match=rf"Table almanac\.stub_predictions {reason}.*{way_out}"):
        within(owner, ensure.ensure, contract)
    assert columns_of(owner, "almanac", "stub_predictions") == before
    assert one(owner, "SELECT contract ->> 'title' FROM api.workloads WHERE workload = 'stub'") == "Stub"


def test_a_new_filter_adds_an_index_to_old_and_new_runs(owner: Database) -> None:
    release(owner)
    other = STUB.model_copy(update={"filters": (Filter(name="max_down", column="down", op="max"),)})
    within(owner, ensure.ensure, other)
    assert [name for (name,) in rows(owner, INDEXES)] == [
        "stub_predictions_by_day_item",
        "stub_predictions_by_down",
        "stub_predictions_pkey",
    ]
    assert one(owner, INDEXES_BY_DOWN) == 1


def test_an_unchanged_contract_takes_no_lock_on_its_tables(owner: Database) -> None:
    with owner.engine.begin() as connection:
        ensure.ensure(connection, STUB)
        locked = [name for (name,) in connection.exec_driver_sql(LOCKED_TABLES)]
    assert [name for name in locked if "stub" in name] == []


def test_migrating_twice_changes_nothing(owner: Database) -> None:
    release(owner)
    before = one(owner, SCHEMA_HASH)
    assert migrate.migrate(Database(owner.url, "login"), {"stub": STUB}) == SCHEMA_REVISION
    assert one(owner, SCHEMA_HASH) == before
    assert migrate.revision(owner) == SCHEMA_REVISION


def test_two_programs_may_migrate_an_empty_database_at_once(empty: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        started = [pool.submit(migrate.migrate, empty, {"stub": STUB}) for _ in range(2)]
        assert [future.result() for future in started] == [SCHEMA_REVISION] * 2


def test_a_database_that_was_never_migrated_is_refused_with_the_way_out(empty: Database) -> None:
    assert migrate.revision(empty) is None
    refusal = rf"at schema revision none, this program needs {SCHEMA_REVISION}\. Run: almanac db migrate"
    with pytest.raises(DatabaseError, match=refusal):
        migrate.check(empty)


def test_a_database_ahead_of_this_program_is_refused_naming_both_revisions(owner: Database) -> None:
    change(owner, "UPDATE almanac.alembic_version SET version_num = '9999'")
    refused = (
        rf"at schema revision 9999, this program needs {SCHEMA_REVISION}\. "
        "This program is older than the database: use the Almanac that"
    )
    with pytest.raises(DatabaseError, match=refused):
        migrate.check(owner)
    with pytest.raises(DatabaseError, match=refused):
        migrate.migrate(Database(owner.url, "login"), {})


def test_the_migrations_agree_with_the_declared_tables(owner: Database) -> None:
    contracts = ("stub_", "log_", *(f"{name}_" for name in discovery.names()))

    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        if kind == "schema":
            return name == "almanac"
        return kind != "table" or not str(name).startswith((*contracts, "alembic_"))

    assert access_tables.audit.metadata is metadata
    with owner.engine.begin() as connection:
        options = {"include_schemas": True, "include_name": is_ours, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_readers_are_answered_while_a_column_is_added(owner: Database, reader: Database) -> None:
    release(owner, content(5))
    stop, counts = Event(), list[int]()

    def read() -> None:
        while not stop.is_set():
            counts.append(one(reader, "SELECT count(*) FROM api.stub_live"))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for number in range(5):
            added = [Column(name=f"n{n}", type="real", nullable=True) for n in range(number + 1)]
            grown = with_predictions(*STUB.predictions.columns, *added)
            assert migrate.migrate(Database(owner.url, "login"), {"stub": grown}) == SCHEMA_REVISION
        stop.set()
        reading.result()
    assert set(counts) == {5}


def test_a_change_gives_up_behind_a_long_reader(
    owner: Database, reader: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(owner)
    monkeypatch.setattr(locks, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(locks, "ATTEMPTS", 2)
    grown = with_predictions(*STUB.predictions.columns, Column(name="more", type="real", nullable=True))
    with reader.connect() as connection:
        connection.execute("SELECT count(*) FROM api.stub_predictions")
        with pytest.raises(DatabaseError, match="A lock was not to be had in 2 attempts of 50ms each"):
            migrate.migrate(Database(owner.url, "login"), {"stub": grown})
    assert migrate.migrate(Database(owner.url, "login"), {"stub": grown}) == SCHEMA_REVISION


def test_a_raw_table_with_another_type_is_refused_too(owner: Database) -> None:
    item, _, source = STUB.table("facts").columns
    columns = (item, Column(name="value", type="text"), source)
    facts = Table(name="facts", key=("item",), columns=columns)
    with pytest.raises(ContractError, match=r"Table almanac\.stub_facts has column 'value' of type INTEGER"):
        within(owner, ensure.ensure, STUB.model_copy(update={"raw_tables": (facts,)}))


@pytest.fixture
def foreigner(cluster: str) -> Iterator[str]:
    """The URL of an empty database whose owner may create no roles."""
    name = f"foreign_{uuid4().hex[:8]}"
    with psycopg.connect(cluster, autocommit=True) as administrator:
        administrator.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'made-up'".encode())
        administrator.execute(f"CREATE DATABASE {name} OWNER {name}".encode())
        yield make_conninfo(cluster, dbname=name, user=name, password="made-up")
        administrator.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        administrator.execute(f"DROP ROLE {name}".encode())


def test_who_may_create_no_roles_is_told_the_statements_that_an_administrator_runs(
    cluster: str, foreigner: str
) -> None:
    url, name = foreigner, conninfo_to_dict(foreigner)["dbname"]
    with pytest.raises(DatabaseError, match="may not create roles or schemas") as refusal:
        migrate.migrate(Database(url, "login"), {})
    assert f"run this in the database '{name}'" in str(refusal.value)
    statements = str(refusal.value).partition("try again: ")[2]
    assert f"GRANT almanac_access TO {name}" in statements
    with psycopg.connect(make_conninfo(cluster, dbname=str(name)), autocommit=True) as administrator:
        administrator.execute(statements.encode())
    assert migrate.migrate(Database(url, "login"), {}) == SCHEMA_REVISION


def test_a_role_that_the_server_lacks_is_one_of_the_missing_statements(owner: Database) -> None:
    with Database(owner.url, "login").connect() as connection:
        missing = missing_statements(connection, ["owner", "nobody_yet"])
    assert missing[0] == "CREATE ROLE almanac_nobody_yet NOLOGIN"
