"""The table of entries: each entry is stored once, by its id or by what it says, and can be deleted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from almanac.errors import UsageError
from almanac.store.connections.database import Database
from almanac.store.rows import binary_copy
from almanac.workloads.logs import entries
from almanac.workloads.logs.entries import Load, Stored
from almanac.workloads.logs.keeping import deletion, ingest
from almanac.workloads.logs.keeping.ingest import FileReport, ReadOptions
from tests.logs.log_samples import parsed
from tests.queries import rows

LOAD = Load(binary_copy.encode)
DEMO = Load(binary_copy.encode, demo=True)
MOMENT = datetime(2025, 4, 15, 6, tzinfo=UTC)
LOG = """[2025-04-15 06:00:00,000] ERROR Broken (kafka.Server)
java.io.IOException: gone
\tat kafka.Server.run(Server.java:1)
[2025-04-15 06:00:01,500] INFO Fine again (kafka.Server)
"""
SAME_AND_NEW = '[{"id": "same", "text": "by HTTP"}, {"id": "new", "text": "by HTTP"}]'
WITH_KEY = '[{"key": "0123456789abcdef0123456789abcdef", "text": "a"}]'


def table(*texts: str, ids: tuple[str | None, ...] = (), **more: object) -> pa.Table:
    """Return entries as a parser yields them, one a second."""
    client_ids = ids or (None,) * len(texts)
    common = {"source": "server"} | more
    return parsed(
        [
            {"text": text, "client_id": client_id, "event_time": MOMENT + timedelta(seconds=second)} | common
            for second, (text, client_id) in enumerate(zip(texts, client_ids, strict=True))
        ]
    )


def select(owner: Database, columns: str) -> list[tuple[Any, ...]]:
    return rows(owner, f"SELECT {columns} FROM almanac.log_entries ORDER BY entry_id")


def texts(owner: Database) -> list[str]:
    return [text for (text,) in select(owner, "text")]


def store(worker: Database, batch: pa.Table, load: Load = LOAD) -> Stored:
    with worker.connect() as connection:
        return entries.store(connection, batch, load)


def send(owner: Database, items: str) -> list[tuple[Any, ...]]:
    """Store entries as the server does."""
    with Database(owner.url, "ingest").connect() as connection:
        return connection.execute("SELECT * FROM api.log_ingest(%s)", [items]).fetchall()


def read(worker: Database, path: Path, **options: Any) -> FileReport:
    return ingest.ingest(worker.connect, path, ReadOptions(**options), LOAD)


def test_entries_are_stored_in_their_order_with_ascending_numbers(owner: Database, worker: Database) -> None:
    assert store(worker, table("a", "b")) == Stored(2, 0)
    assert store(worker, table("c", source="other")) == Stored(1, 0)
    assert select(owner, "entry_id, text") == [(1, "a"), (2, "b"), (3, "c")]
    columns = "event_time, source, raw, demo, day = (received_at AT TIME ZONE 'UTC')::date"
    assert select(owner, columns)[0] == (MOMENT, "server", False, False, True)


def test_reading_a_file_again_adds_only_new_entries(owner: Database, worker: Database) -> None:
    store(worker, table("a", "b"))
    assert store(worker, table("a", "b", "c")) == Stored(1, 2)
    assert texts(owner) == ["a", "b", "c"]


def test_the_same_line_at_another_place_or_time_is_another_entry(worker: Database) -> None:
    assert store(worker, table("a", "a")) == Stored(2, 0)
    assert store(worker, table("a", source="another file")) == Stored(1, 0)


def test_the_id_of_a_client_counts_whatever_the_entry_says(owner: Database, worker: Database) -> None:
    assert store(worker, table("a", "b", "c", ids=("x", "x", None))) == Stored(2, 1)
    assert store(worker, table("another text", ids=("x",))) == Stored(0, 1)
    assert texts(owner) == ["a", "c"]


def test_nothing_is_stored_of_an_empty_file(owner: Database, worker: Database) -> None:
    assert store(worker, table("a").slice(0, 0)) == Stored(0, 0)
    assert texts(owner) == []


def test_files_and_http_share_the_ids_of_clients(owner: Database, worker: Database) -> None:
    store(worker, table("from a file", ids=("same",)))
    answers = send(owner, SAME_AND_NEW)
    assert [(place, is_new) for place, _, is_new in answers] == [(1, False), (2, True)]
    assert texts(owner) == ["from a file", "by HTTP"]


def test_a_repeated_call_with_the_key_of_the_server_stores_an_entry_once(owner: Database) -> None:
    # The server repeats a call after a lost connection. It sends a key where the client sent no id.
    for _ in range(2):
        send(owner, WITH_KEY)
    assert select(owner, "entry_id, text") == [(1, "a")]


def test_texts_beyond_their_limits_are_cut(owner: Database, worker: Database) -> None:
    store(worker, table("x" * 70_000, level="L" * 50, session="s" * 300))
    assert select(owner, "length(text), length(level), length(session)") == [(65_536, 40, 200)]


@pytest.mark.parametrize("year", [1066, 1969, 9999])
def test_an_impossible_event_time_is_replaced_by_the_time_of_receipt(
    owner: Database, worker: Database, year: int
) -> None:
    store(worker, parsed([{"text": "a", "source": "s", "event_time": datetime(year, 10, 14, tzinfo=UTC)}]))
    assert select(owner, "event_time = received_at") == [(True,)]


def test_many_writers_at_once_lose_and_double_nothing(owner: Database) -> None:
    def write(number: int) -> None:
        lines = [f"{number} {line}" for line in range(200)]
        for _ in range(3):
            store(Database(owner.url, "worker"), table(*lines, source=f"writer {number}"))

    writers = [Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stored = select(owner, "entry_id, source, text")
    assert len(stored) == 800
    assert len({number for number, *_ in stored}) == 800
    assert len({(source, text) for _, source, text in stored}) == 800


def test_a_log_file_is_stored_with_its_stack_traces_folded(
    owner: Database, worker: Database, tmp_path: Path
) -> None:
    path = tmp_path / "server.log"
    path.write_text(LOG)
    report = read(worker, path)
    assert (report.lines, report.raw, report.stored) == (4, 0, Stored(2, 0))
    has_trace = "source, level, text LIKE '%at kafka.Server.run%'"
    assert select(owner, has_trace) == [("server", "ERROR", True), ("server", "INFO", False)]
    assert read(worker, path).stored == Stored(0, 2)


def test_an_unknown_format_is_refused_before_anything_is_stored(
    owner: Database, worker: Database, tmp_path: Path
) -> None:
    path = tmp_path / "server.log"
    path.write_text("a\n")
    with pytest.raises(UsageError, match="Unknown log format 'xml'"):
        read(worker, path, form="xml")
    assert texts(owner) == []


def test_own_entries_with_a_level_are_for_training_and_demo_entries_are_not(worker: Database) -> None:
    store(worker, table("own", level="WARN"))
    store(worker, table("demo", level="INFO", source="demo"), DEMO)
    store(worker, table("no level", source="third"))
    with worker.connect() as connection:
        levelled = entries.levelled(connection, limit=10)
        assert not entries.is_empty(connection)
    assert levelled[["source", "text", "level"]].to_numpy().tolist() == [["server", "own", "WARN"]]


def test_a_table_of_demo_entries_is_empty_where_they_do_not_count(worker: Database) -> None:
    store(worker, table("demo"), DEMO)
    with worker.connect() as connection:
        assert (entries.is_empty(connection), entries.is_empty(connection, demo=False)) == (False, True)


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        (["source=server"], ["w"]),
        (["contains=b"], ["a", "w"]),
        (["source=server", "contains=a"], ["b", "w"]),
        (["before=2000-01-01T00:00Z"], ["a", "b", "w"]),
        (["since=2000-01-01T00:00Z"], []),
        (["id=x"], ["b", "w"]),
    ],
)
def test_entries_that_meet_all_conditions_are_deleted_and_may_come_again(
    owner: Database, worker: Database, conditions: list[str], left: list[str]
) -> None:
    of_server = table("a", "b", ids=("x", None))
    store(worker, of_server)
    store(worker, table("w", source="web"))
    with owner.connect() as connection:
        numbers = deletion.by_conditions(conditions)(connection)
    assert len(numbers) == 3 - len(left)
    assert texts(owner) == left
    assert store(worker, of_server).accepted == 2 - len(set(left) & {"a", "b"})


@pytest.mark.parametrize(
    ("conditions", "complaint"),
    [
        ([], "Say what to delete"),
        (["text=a"], "'text=a' is not a condition"),
        (["source"], "'source' is not a condition"),
        (["source="], "'source=' is not a condition"),
        (["before=yesterday evening"], "--where does not fit"),
    ],
)
def test_conditions_that_do_not_fit_delete_nothing(
    owner: Database, worker: Database, conditions: list[str], complaint: str
) -> None:
    store(worker, table("a"))
    with pytest.raises(UsageError, match=complaint), owner.connect() as connection:
        deletion.by_conditions(conditions)(connection)
    assert texts(owner) == ["a"]


def test_a_worker_may_store_entries_and_not_delete_them(worker: Database) -> None:
    store(worker, table("a"))
    with worker.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DELETE FROM almanac.log_entries")
