"""`almanac ingest logs` and `almanac logs delete`, as a user calls them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.store.connections.database import Database
from almanac.store.rows import raw
from almanac.workloads.logs import commands, entries, features, model
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.sources import own
from almanac.workloads.logs.terms import traces
from tests.queries import rows

pytestmark = pytest.mark.usefixtures("commanded")
LINES = "[2025-04-15 06:00:00,000] WARN Slow (kafka.Server)\n[2025-04-15 06:00:01,000] INFO token=abc (kafka.Server)\n"


def count(owner: Database) -> int:
    with owner.connect() as connection:
        return int(connection.execute("SELECT count(*) FROM almanac.log_entries").fetchall()[0][0])


def test_files_are_stored_and_told_one_by_one(
    owner: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "server.log"
    path.write_text(LINES)
    for _ in range(2):
        commands.ingest_command([path], json=True)
    first, second = (json.loads(part) for part in capsys.readouterr().out.replace("}\n{", "}\0{").split("\0"))
    assert first[str(path)] == {"lines": 2, "raw": 0, "stored": {"accepted": 2, "duplicate": 0}}
    assert second[str(path)]["stored"] == {"accepted": 0, "duplicate": 2}
    assert count(owner) == 2


def test_what_is_deleted_is_counted_and_noted_without_its_text(
    owner: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "server.log"
    path.write_text(LINES)
    commands.ingest_command([path], json=True)
    capsys.readouterr()
    commands.delete_command(["contains=abc"], why="leaked", json=True)
    assert json.loads(capsys.readouterr().out) == {"deleted": 1}
    assert count(owner) == 1
    with owner.connect() as connection:
        assert connection.execute("SELECT rows, who, why FROM almanac.erasures").fetchall() == [
            (1, "tester", 'leaked (by ["contains"])')
        ]


def test_deleting_entries_takes_the_statements_that_were_learned_from_them(
    owner: Database, tmp_path: Path
) -> None:
    path = tmp_path / "server.log"
    path.write_text(
        "[2025-04-15 06:00:00,000] WARN Slow disk 17 of anna (kafka.Server)\n[2025-04-15 06:00:01,000] INFO Ready again (kafka.Server)\n"
    )
    commands.ingest_command([path], source="one", json=True)
    commands.ingest_command([path], source="other", json=True)
    with owner.connect() as connection:
        learned = own.statements(entries.levelled(connection, limit=10))
    raw.upsert(owner, CONTRACT, "statements", learned)
    raw.upsert(
        owner,
        CONTRACT,
        "statements",
        learned.assign(statement_id=learned["statement_id"].str[::-1], origin="kafka"),
    )
    commands.delete_command(["source=one", "contains=anna"], why="asked for")
    left = rows(
        owner, "SELECT system, text FROM almanac.logs_statements WHERE origin = 'own' ORDER BY system, text"
    )
    assert left == [("one", "Ready again"), ("other", "Ready again"), ("other", "Slow disk <*> of anna")]
    assert rows(owner, "SELECT count(*) FROM almanac.logs_statements WHERE origin = 'kafka'") == [(4,)]


def test_a_training_snapshot_keeps_masked_texts_and_nothing_else_of_an_entry(
    owner: Database, tmp_path: Path
) -> None:
    path = tmp_path / "server.log"
    path.write_text(
        '[2025-04-15 06:00:00,000] WARN Refused key-4711 token=s3cr3t from "Anna B" of 10.0.0.7 (kafka.Server)\n'
    )
    commands.ingest_command([path], json=True)
    with owner.connect() as connection:
        learned = own.statements(entries.levelled(connection, limit=10))
    snapshot = model.training(features.build(learned), pd.DataFrame(columns=traces.COLUMNS))
    assert snapshot["text"].tolist() == ["Refused <*> token=<*> from <*> of <*>"]
    kept = snapshot.dropna(axis="columns", how="all")
    assert sorted(kept) == [
        "level",
        "occurrences",
        "origin",
        "seen_at",
        "statement_id",
        "system",
        "template",
        "text",
        "weight",
    ]
    told = snapshot.astype(str).to_csv()
    assert [secret for secret in ("4711", "s3cr3t", "Anna", "10.0.0.7") if secret in told] == []


def test_deleting_needs_a_reason_and_a_known_format_is_needed(owner: Database, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Say why"):
        commands.delete_command(["contains=abc"], why=" ")
    path = tmp_path / "server.log"
    path.write_text(LINES)
    with pytest.raises(UsageError, match="Unknown log format 'xml'"):
        commands.ingest_command([path], form="xml")
    assert count(owner) == 0
