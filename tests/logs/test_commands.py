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
from tests.queries import one, rows

pytestmark = pytest.mark.usefixtures("commands_project")
SLOW = "[2025-04-15 06:00:00,000] WARN Slow (kafka.Server)\n"
TOKEN = "[2025-04-15 06:00:01,000] INFO token=abc (kafka.Server)\n"
OF_ANNA = "[2025-04-15 06:00:00,000] WARN Slow disk 17 of anna (kafka.Server)\n"
READY = "[2025-04-15 06:00:01,000] INFO Ready again (kafka.Server)\n"
SECRET = (
    '[2025-04-15 06:00:00,000] WARN Refused key-4711 token=s3cr3t from "Anna B" of 10.0.0.7 (kafka.Server)\n'
)
COUNT = "SELECT count(*) FROM almanac.log_entries"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log file of two entries."""
    return written(tmp_path, SLOW + TOKEN)


def written(folder: Path, content: str) -> Path:
    path = folder / "server.log"
    path.write_text(content)
    return path


def learned(owner: Database) -> pd.DataFrame:
    """Return the statements that collect makes of the entries."""
    with owner.connect() as connection:
        return own.statements(entries.levelled(connection, limit=10))


def test_a_report_is_printed_for_each_file(
    owner: Database, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.ingest_command([log], json=True)
    first = json.loads(capsys.readouterr().out)
    commands.ingest_command([log], json=True)
    second = json.loads(capsys.readouterr().out)
    assert first == {str(log): {"lines": 2, "raw": 0, "stored": {"accepted": 2, "duplicate": 0}}}
    assert second[str(log)]["stored"] == {"accepted": 0, "duplicate": 2}
    assert one(owner, COUNT) == 2


def test_a_deletion_is_counted_and_noted_without_the_deleted_text(
    owner: Database, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.ingest_command([log], json=True)
    capsys.readouterr()
    commands.delete_command(["contains=abc"], why="leaked", json=True)
    assert json.loads(capsys.readouterr().out) == {"deleted": 1}
    assert one(owner, COUNT) == 1
    notes = rows(owner, "SELECT rows, who, why FROM almanac.erasures")
    assert notes == [(1, "tester", 'leaked (by ["contains"])')]


def test_deleting_entries_deletes_the_statements_that_were_learned_from_them(
    owner: Database, tmp_path: Path
) -> None:
    log = written(tmp_path, OF_ANNA + READY)
    commands.ingest_command([log], source="one", json=True)
    commands.ingest_command([log], source="other", json=True)
    statements = learned(owner)
    of_kafka = statements.assign(statement_id=statements["statement_id"].str[::-1], origin="kafka")
    for frame in (statements, of_kafka):
        raw.upsert(owner, CONTRACT, "statements", frame)
    commands.delete_command(["source=one", "contains=anna"], why="asked for")
    query = "SELECT system, text FROM almanac.logs_statements WHERE origin = 'own' ORDER BY system, text"
    assert rows(owner, query) == [
        ("one", "Ready again"),
        ("other", "Ready again"),
        ("other", "Slow disk <*> of anna"),
    ]
    assert one(owner, "SELECT count(*) FROM almanac.logs_statements WHERE origin = 'kafka'") == 4


def test_a_training_snapshot_has_masked_texts_and_nothing_else_of_an_entry(
    owner: Database, tmp_path: Path
) -> None:
    commands.ingest_command([written(tmp_path, SECRET)], json=True)
    no_traces = pd.DataFrame(columns=traces.COLUMNS)
    snapshot = model.training(features.build(learned(owner)), no_traces)
    columns = sorted(snapshot.dropna(axis="columns", how="all"))
    content = snapshot.astype(str).to_csv()
    assert snapshot["text"].tolist() == ["Refused <*> token=<*> from <*> of <*>"]
    assert columns == sorted({*CONTRACT.table("statements").column_names, "template"})
    assert [secret for secret in ("4711", "s3cr3t", "Anna", "10.0.0.7") if secret in content] == []


def test_a_deletion_without_a_reason_is_refused() -> None:
    with pytest.raises(UsageError, match="Say why"):
        commands.delete_command(["contains=abc"], why=" ")


def test_an_unknown_format_is_refused_before_anything_is_stored(owner: Database, log: Path) -> None:
    with pytest.raises(UsageError, match="Unknown log format 'xml'"):
        commands.ingest_command([log], form="xml")
    assert one(owner, COUNT) == 0
