"""Roles: the owner publishes, a worker stages, a reader reads the views."""

import psycopg
import pytest

from almanac import discovery
from almanac.store.connections.database import Database
from almanac.store.publishing import staging
from almanac.store.rows import raw
from tests.queries import one, rows
from tests.stub import STUB, begin, content, release

RELEASE = """
    INSERT INTO almanac.releases
        (workload, run_id, run_ids, kind, who, why, run_hash, released_at, release_hash)
    SELECT workload, run_id, ARRAY[run_id], 'publish', 'me', 'me', '', now(), '' FROM almanac.runs LIMIT 1
"""
RUN = """
    INSERT INTO almanac.runs (run_id, workload, slot, steps, sample, actor)
    VALUES ('x', 'stub', now(), '{{}}', 'full', 'me')
"""
READER_GRANTS = """
    SELECT DISTINCT table_schema, privilege_type FROM information_schema.role_table_grants
    WHERE grantee = 'almanac_reader'
"""
INGEST_GRANTS = "SELECT 1 FROM information_schema.role_table_grants WHERE grantee = 'almanac_ingest'"
# Tests of the workload events check the rights on its tables.
WORKER_GRANTS = """
    SELECT table_name, privilege_type FROM information_schema.role_table_grants
    WHERE grantee = 'almanac_worker' AND privilege_type <> 'SELECT'
        AND table_schema <> 'staging' AND table_name NOT LIKE 'events%'
"""
WORKER_COLUMN_GRANTS = """
    SELECT table_name, column_name FROM information_schema.role_column_grants AS c
    WHERE grantee = 'almanac_worker' AND privilege_type = 'UPDATE' AND NOT EXISTS (
        SELECT FROM information_schema.role_table_grants AS t
        WHERE t.grantee = c.grantee AND t.table_name = c.table_name AND t.privilege_type = 'UPDATE'
    ) ORDER BY 1, 2
"""
FUNCTION_GRANTS = """
    SELECT grantee, routine_name FROM information_schema.role_routine_grants
    WHERE routine_schema IN ('almanac', 'api') AND grantee <> 'almanac_owner'
        AND routine_name NOT LIKE 'events%' AND grantee NOT IN ('almanac_access', 'almanac_operator')
    ORDER BY 1, 2
"""
ACCESS_MAY = """
    SELECT routine_schema || '.' || routine_name FROM information_schema.role_routine_grants
    WHERE grantee = 'almanac_access' UNION ALL
    SELECT table_schema || '.' || table_name FROM information_schema.role_table_grants
    WHERE grantee = 'almanac_access' ORDER BY 1
"""
WORKER_MAY_NOT = [
    RELEASE,
    "INSERT INTO almanac.stub_predictions SELECT * FROM almanac.stub_predictions",
    "UPDATE almanac.stub_predictions SET up = 0.5, down = 0.5",
    "DELETE FROM almanac.stub_predictions",
    "TRUNCATE almanac.stub_predictions",
    "UPDATE {partition} SET up = 0.5, down = 0.5",
    "DROP TABLE {partition}",
    "ALTER TABLE almanac.stub_predictions DETACH PARTITION {partition}",
    "ALTER TABLE almanac.stub_predictions ATTACH PARTITION staging.mine FOR VALUES IN ('mine')",
    "CREATE TABLE almanac.mine (n int)",
    RUN,
    "UPDATE almanac.runs SET status = 'succeeded'",
    "UPDATE almanac.run_steps SET status = 'succeeded'",
    "UPDATE almanac.workloads SET on_hold = true",
    "UPDATE almanac.model_versions SET artifact_hash = ''",
    "DELETE FROM almanac.model_versions",
    "INSERT INTO almanac.decisions (workload, promoted, reason, who) VALUES ('stub', true, 'mine', 'me')",
    "UPDATE almanac.raw_changes SET after = '{{}}'",
    "DELETE FROM almanac.stub_facts",
    "CREATE OR REPLACE VIEW api.stub_live AS SELECT 1 AS n",
]


@pytest.mark.slow
@pytest.mark.parametrize("statement", WORKER_MAY_NOT)
def test_a_worker_cannot_publish_and_cannot_change_what_is_published(
    owner: Database, worker: Database, statement: str
) -> None:
    run_id = release(owner)
    with worker.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE staging.mine (LIKE almanac.stub_predictions)")
        partition = f"almanac.stub_predictions_{run_id.replace('-', '_')}"
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.format(partition=partition).encode())


def test_a_worker_stages_fills_raw_tables_and_reads(owner: Database, worker: Database) -> None:
    release(owner)
    assert staging.stage(worker, STUB, begin(owner), content(3)).rows == 3
    facts = content(3)["predictions"][["item"]].assign(value=1, source="test")
    assert raw.upsert(worker, STUB, "facts", facts).inserted == 3
    for place in ("almanac.stub_predictions", "api.stub_live"):
        assert one(worker, f"SELECT count(*) FROM {place}") == 10


def test_a_reader_reads_every_view_and_nothing_else(owner: Database, reader: Database) -> None:
    release(owner)
    views = rows(owner, "SELECT viewname FROM pg_views WHERE schemaname = 'api' ORDER BY 1")
    assert ("releases",) in views
    assert ("stub_live",) in views
    for (name,) in views:
        one(reader, f'SELECT count(*) FROM api."{name}"')
    for place in ("almanac.releases", "almanac.stub_predictions", "almanac.stub_facts", "staging.anything"):
        with reader.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT * FROM {place}".encode())


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api.stub_predictions SET up = 0",
        "DELETE FROM api.runs",
        "INSERT INTO api.workloads VALUES ('x', '{}', false)",
        "CREATE TABLE api.mine (n int)",
        "CREATE TABLE public.mine (n int)",
        "CREATE TABLE staging.mine (n int)",
        "SELECT almanac.refuse_change()",
    ],
)
def test_a_reader_writes_nowhere(owner: Database, reader: Database, statement: str) -> None:
    release(owner)
    with reader.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_the_rights_of_a_reader_are_select_on_views_of_api_only(owner: Database) -> None:
    release(owner)
    assert rows(owner, READER_GRANTS) == [("api", "SELECT")]
    assert rows(owner, INGEST_GRANTS) == []


# The rights of a worker beside SELECT, on all tables but raw tables and those of the workload events.
WORKER_MAY = [
    ("log_entries", "INSERT"),
    ("log_ids", "INSERT"),
    ("model_versions", "INSERT"),
    ("raw_changes", "INSERT"),
    ("run_inputs", "INSERT"),
    ("run_inputs", "UPDATE"),
]
WORKER_MAY_UPDATE = [("model_versions", "metrics"), ("run_steps", "reported"), ("run_steps", "results")]


def test_a_worker_has_these_rights_and_no_others(owner: Database) -> None:
    contracts = [*discovery.contracts().values(), STUB]
    raw_tables = [
        f"{contract.name}_{table.name}{sample}"
        for contract in contracts
        if contract.name != "events"
        for table in contract.raw_tables
        for sample in ("", "$mock")
    ]
    on_raw_tables = [(name, right) for name in raw_tables for right in ("INSERT", "UPDATE")]
    assert sorted(rows(owner, WORKER_GRANTS)) == sorted(WORKER_MAY + on_raw_tables)
    assert rows(owner, WORKER_COLUMN_GRANTS) == WORKER_MAY_UPDATE


def test_only_the_ingest_role_and_the_reading_of_files_may_call_functions_that_store(owner: Database) -> None:
    stores = [("almanac_ingest", name) for name in ("log_ask", "log_change_alert", "log_ingest")]
    # Nobody can call the function of a trigger, although PUBLIC has the right.
    trigger = ("PUBLIC", "refuse_change")
    # It stores nothing: it splits texts and queries into words.
    splitting = ("almanac_reader", "log_words")
    of_files = ("log_add_file", "log_add_lines", "log_complete", "log_finish_file", "log_open_day")
    # It stores nothing either: it tells the scheduler that entries have arrived.
    workers = [("almanac_worker", name) for name in ("announce_arrival", *of_files, "log_words")]
    assert rows(owner, FUNCTION_GRANTS) == [trigger, *stores, splitting, *workers]


def test_the_access_role_may_call_the_functions_about_access_and_read_no_table(owner: Database) -> None:
    names = [name.removeprefix("api.") for (name,) in rows(owner, ACCESS_MAY)]
    guarding = ["audit_append", "audit_count", "audit_read", "limit_take", "login_failed", "login_succeeded"]
    guarding += ["login_wait", "operate_promote", "operate_resume", "operate_rollback"]
    guarding += ["usage_add", "usage_read"]
    assert [name for name in names if not name.startswith("access_")] == guarding
    assert "access_session" in names
