"""The command line called inside this process, which spares each test the seconds of a start."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest
from psycopg.rows import TupleRow

from almanac.cli import main
from almanac.runner import logs
from almanac.store.connections.database import Database


@dataclass(frozen=True)
class Answer:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


Almanac = Callable[..., Answer]


@pytest.fixture
def almanac(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Almanac:
    """`almanac WORD …`; the logs of the tests stay as they are, and connections that a process would close by ending are closed."""
    monkeypatch.setattr(logs, "configure", lambda *_, **__: None)
    connect, held = Database._connect, []

    def connect_and_hold(database: Database, autocommit: bool = False) -> "psycopg.Connection[TupleRow]":
        held.append(connect(database, autocommit))
        return held[-1]

    monkeypatch.setattr(Database, "_connect", connect_and_hold)

    def call(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["almanac", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        while held:
            held.pop().close()
        said = capsys.readouterr()
        return Answer(int(left.value.code or 0), said.out, said.err)

    return call
