"""The store of entries: each is kept once, by its id or by what it says; days go as whole tables; deleting leaves a note."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import psycopg
import pyarrow as pa
import pytest

from almanac.errors import UsageError
from almanac.store.connections.database import Database
from almanac.store.rows import binary_copy
from almanac.workloads.logs import entries
from almanac.workloads.logs.entries import Load, Stored
from almanac.workloads.logs.formats import SCHEMA
from almanac.workloads.logs.keeping import deletion, ingest

LOAD = Load(binary_copy.encode)
MOMENT = datetime(2025, 4, 15, 6, tzinfo=UTC)


def table(*texts: str, ids: tuple[str | None, ...] = (), **more: object) -> pa.Table:
    """Return entries as a parser yields them, one a second."""
    rows = [
        {
            "place": number + 1,
            "source": "server",
            "event_time": MOMENT + timedelta(seconds=number),
            "text": text,
            "raw": False,
            **more,
        }
        for number, text in enumerate(texts)
    ]
    named = [row | {"client_id": ids[number] if ids else None} for number, row in enumerate(rows)]
    return pa.Table.from_pylist(named, schema=SCHEMA)


def kept(owner: Database, columns: str = "entry_id, text") -> list[tuple[object, ...]]:
    with owner.connect() as connection:
        return connection.execute(
            f"SELECT {columns} FROM almanac.log_entries ORDER BY entry_id".encode()
        ).fetchall()


def store(worker: Database, entries_: pa.Table, load: Load = LOAD) -> Stored:
    with worker.connect() as connection:
        return entries.store(connection, entries_, load)


def test_entries_are_stored_in_their_order_with_numbers_that_grow(owner: Database, worker: Database) -> None:
    assert store(worker, table("a", "b")) == Stored(2, 0)
    assert store(worker, table("c", source="other")) == Stored(1, 0)
    assert kept(owner) == [(1, "a"), (2, "b"), (3, "c")]
    assert kept(owner, "event_time, source, raw, demo, day = (received_at AT TIME ZONE 'UTC')::date")[0] == (
        MOMENT,
        "server",
        False,
        False,
        True,
    )


def test_a_file_that_is_read_again_adds_only_what_is_new(owner: Database, worker: Database) -> None:
    store(worker, table("a", "b"))
    assert store(worker, table("a", "b", "c")) == Stored(1, 2)
    assert [text for _, text in kept(owner)] == ["a", "b", "c"]


def test_the_same_line_at_another_place_or_time_is_another_entry(owner: Database, worker: Database) -> None:
    assert store(worker, table("a", "a")) == Stored(2, 0)
    assert store(worker, table("a", source="another file")) == Stored(1, 0)


def test_an_id_of_the_client_counts_whatever_the_entry_says(owner: Database, worker: Database) -> None:
    assert store(worker, table("a", "b", "c", ids=("x", "x", None))) == Stored(2, 1)
    assert store(worker, table("another text", ids=("x",))) == Stored(0, 1)
    assert [text for _, text in kept(owner)] == ["a", "c"]


def test_files_and_http_know_each_others_ids(owner: Database, worker: Database) -> None:
    store(worker, table("from a file", ids=("same",)))
    with Database(owner.url, "ingest").connect() as connection:
        told = connection.execute(
            "SELECT * FROM api.log_ingest(%s)",
            ['[{"id": "same", "text": "by HTTP"}, {"id": "new", "text": "by HTTP"}]'],
        ).fetchall()
    assert [(place, is_new) for place, _, is_new in told] == [(1, False), (2, True)]
    assert [text for _, text in kept(owner)] == ["from a file", "by HTTP"]


def test_a_call_that_is_repeated_stores_nothing_twice(owner: Database) -> None:
    """As the server repeats it after a lost connection, also where the client gave no id."""
    for _ in range(2):
        with Database(owner.url, "ingest").connect() as connection:
            connection.execute(
                "SELECT * FROM api.log_ingest(%s)",
                ['[{"key": "0123456789abcdef0123456789abcdef", "text": "a"}]'],
            )
    assert kept(owner) == [(1, "a")]


def test_what_is_too_long_or_impossible_is_cut_or_replaced(owner: Database, worker: Database) -> None:
    store(worker, table("x" * 70_000, level="L" * 50, session="s" * 300))
    assert kept(owner, "length(text), length(level), length(session)") == [(65_536, 40, 200)]
    ancient = table("old").set_column(
        4,
        SCHEMA.field("event_time"),
        pa.array([datetime(1066, 10, 14, tzinfo=UTC)], SCHEMA.field("event_time").type),
    )
    store(worker, ancient)
    assert kept(owner, "event_time = received_at")[1] == (True,)


def test_many_writers_at_once_lose_and_double_nothing(owner: Database) -> None:
    def write(number: int) -> None:
        for _ in range(3):
            store(
                Database(owner.url, "worker"),
                table(*(f"{number} {line}" for line in range(200)), source=f"writer {number}"),
            )

    writers = [Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = kept(owner, "entry_id, source, text")
    assert (len(found), len({number for number, *_ in found}), len({row[1:] for row in found})) == (
        800,
        800,
        800,
    )


def test_a_log_file_is_stored_with_its_stack_traces_folded(
    owner: Database, worker: Database, tmp_path: Path
) -> None:
    path = tmp_path / "server.log"
    path.write_text(
        "[2025-04-15 06:00:00,000] ERROR Broken (kafka.Server)\njava.io.IOException: gone\n\tat kafka.Server.run(Server.java:1)\n"
        "[2025-04-15 06:00:01,500] INFO Fine again (kafka.Server)\n"
    )
    told = ingest.ingest(worker.connect, path, ingest.ReadOptions(), LOAD)
    assert (told.lines, told.raw, told.stored) == (4, 0, Stored(2, 0))
    assert kept(owner, "source, level, text LIKE '%at kafka.Server.run%'") == [
        ("server", "ERROR", True),
        ("server", "INFO", False),
    ]
    assert ingest.ingest(worker.connect, path, ingest.ReadOptions(), LOAD).stored == Stored(0, 2)


def test_an_unknown_format_is_refused_before_anything_is_stored(
    owner: Database, worker: Database, tmp_path: Path
) -> None:
    path = tmp_path / "server.log"
    path.write_text("a\n")
    with pytest.raises(UsageError, match="Unknown log format 'xml'"):
        ingest.ingest(worker.connect, path, ingest.ReadOptions(form="xml"), LOAD)
    assert kept(owner) == []


def test_own_entries_with_a_level_are_for_training_and_demonstrations_are_not(worker: Database) -> None:
    store(worker, table("own", level="WARN"))
    store(worker, table("demo", level="INFO", source="demo"), Load(binary_copy.encode, demo=True))
    store(worker, table("no level", source="third"))
    with worker.connect() as connection:
        assert entries.levelled(connection, limit=10)[["source", "text", "level"]].to_numpy().tolist() == [
            ["server", "own", "WARN"]
        ]
        assert not entries.is_empty(connection)


def test_a_store_with_demonstrations_alone_is_empty_where_they_do_not_count(worker: Database) -> None:
    store(worker, table("demo"), Load(binary_copy.encode, demo=True))
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
def test_entries_that_meet_all_conditions_are_removed(
    owner: Database, worker: Database, conditions: list[str], left: list[str]
) -> None:
    store(worker, table("a", "b", ids=("x", None)))
    store(worker, table("w", source="web"))
    with owner.connect() as connection:
        assert len(deletion.by_conditions(conditions)(connection)) == 3 - len(left)
    assert [text for _, text in kept(owner)] == left
    assert store(worker, table("a", "b", ids=("x", None))).accepted == 2 - len(set(left) & {"a", "b"}), (
        "what was removed may come again"
    )


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
def test_conditions_that_do_not_fit_remove_nothing(
    owner: Database, worker: Database, conditions: list[str], complaint: str
) -> None:
    store(worker, table("a"))
    with pytest.raises(UsageError, match=complaint), owner.connect() as connection:
        deletion.by_conditions(conditions)(connection)
    assert kept(owner) == [(1, "a")]


def test_a_worker_stores_entries_and_removes_none(worker: Database) -> None:
    store(worker, table("a"))
    with worker.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DELETE FROM almanac.log_entries")
