"""The command line called inside this process, which spares each test the seconds of a start."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest
from psycopg.rows import TupleRow

from almanac.cli import main
from almanac.runner import run_log
from almanac.store.connections.database import Database


@dataclass(frozen=True)
class CommandResult:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


Almanac = Callable[..., CommandResult]


@pytest.fixture
def almanac(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Almanac:
    """`almanac WORD …` in this process; its connections are closed, as the end of a process would do."""
    monkeypatch.setattr(run_log, "configure", lambda *_, **__: None)
    connect = Database._connect
    connections: list[psycopg.Connection[TupleRow]] = []

    def connect_and_remember(database: Database, autocommit: bool = False) -> "psycopg.Connection[TupleRow]":
        connections.append(connect(database, autocommit))
        return connections[-1]

    monkeypatch.setattr(Database, "_connect", connect_and_remember)

    def call(*words: str) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["almanac", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as leaving:
            main()
        while connections:
            connections.pop().close()
        output = capsys.readouterr()
        return CommandResult(int(leaving.value.code or 0), output.out, output.err)

    return call
