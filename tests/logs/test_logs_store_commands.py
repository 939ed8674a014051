"""`almanac ingest logs` and `almanac logs delete`, as a user calls them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from almanac.errors import UsageError
from almanac.project import Project
from almanac.settings import Settings
from almanac.store.database import Database
from almanac.workloads.logs import commands

LINES = "[2025-04-15 06:00:00,000] WARN Slow (kafka.Server)\n[2025-04-15 06:00:01,000] INFO token=abc (kafka.Server)\n"


@pytest.fixture(autouse=True)
def project(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """An installation on the test's own database."""
    opened = Project(settings)
    monkeypatch.setattr(commands, "Project", lambda _settings: opened)
    yield opened
    opened.database.engine.dispose()


def count(owner: Database) -> int:
    with owner.connect() as connection:
        return int(connection.execute("SELECT count(*) FROM almanac.log_entries").fetchall()[0][0])


def test_files_are_stored_and_told_one_by_one(owner: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "server.log"
    path.write_text(LINES)
    for _ in range(2):
        commands.ingest_command([path], json=True)
    first, second = (json.loads(part) for part in capsys.readouterr().out.replace("}\n{", "}\0{").split("\0"))
    assert first[str(path)] == {"lines": 2, "raw": 0, "stored": {"accepted": 2, "duplicate": 0}}
    assert second[str(path)]["stored"] == {"accepted": 0, "duplicate": 2}
    assert count(owner) == 2


def test_what_is_deleted_is_counted_and_noted_without_its_text(owner: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "server.log"
    path.write_text(LINES)
    commands.ingest_command([path], json=True)
    capsys.readouterr()
    commands.delete_command(["contains=abc"], why="leaked", json=True)
    assert json.loads(capsys.readouterr().out) == {"deleted": 1}
    assert count(owner) == 1
    with owner.connect() as connection:
        assert connection.execute("SELECT rows, who, why FROM almanac.erasures").fetchall() == [(1, "tester", 'leaked (by ["contains"])')]


def test_deleting_needs_a_reason_and_a_known_format_is_needed(owner: Database, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Say why"):
        commands.delete_command(["contains=abc"], why=" ")
    path = tmp_path / "server.log"
    path.write_text(LINES)
    with pytest.raises(UsageError, match="Unknown log format 'xml'"):
        commands.ingest_command([path], form="xml")
    assert count(owner) == 0
