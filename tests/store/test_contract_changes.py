"""How a contract may change: what is kept, what is refused, and what goes on all the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from almanac import discovery
from almanac.contract import SCHEMA_REVISION, Column, Contract
from almanac.errors import ContractError, NotFound, UsageError
from almanac.operations import retire
from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging
from almanac.store.records import releases
from almanac.store.schema import ensure, migrate, removal
from almanac.store.schema.tables import SCHEMA
from tests.queries import change, one, rows, within
from tests.stub import STUB, begin, content, release, update_for

NULLABLE = """
    SELECT is_nullable FROM information_schema.columns
    WHERE table_schema = 'almanac' AND table_name = 'stub_predictions' AND column_name = :name
"""
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'almanac' AND tablename LIKE 'stub%'"
VIEWS = "SELECT count(*) FROM pg_views WHERE schemaname = 'api' AND viewname LIKE 'stub%'"
MORE = Column(name="more", type="real", nullable=True)


def with_columns(*columns: Column) -> Contract:
    predictions = STUB.predictions.model_copy(update={"columns": columns})
    names = {column.name for column in columns}
    return STUB.model_copy(
        update={
            "predictions": predictions,
            "filters": tuple(each for each in STUB.filters if each.column in names),
            "sums": STUB.sums if {"up", "down"} <= names else (),
            "order": tuple(name for name in STUB.order if name in names),
        }
    )


def without(*names: str) -> Contract:
    return with_columns(*(column for column in STUB.predictions.columns if column.name not in names))


def nullable(*names: str) -> Contract:
    return with_columns(
        *(
            column.model_copy(update={"nullable": True}) if column.name in names else column
            for column in STUB.predictions.columns
        )
    )


def publish_as(owner: Database, contract: Contract, frame: pd.DataFrame, **facts: Any) -> str:
    run_id = begin(owner)
    frames = content() | {"predictions": frame}
    staged = staging.stage(Database(owner.url, "worker"), contract, run_id, frames)
    publish.publish(owner, publish.PublishRequest(contract, run_id, update_for(staged, **facts), "test"))
    return run_id


def stored_hash(owner: Database, contract: Contract, run_id: str) -> str:
    with owner.connect() as connection:
        return publish.staged_hash(connection, contract, run_id, SCHEMA)


def recorded_hash(owner: Database, run_id: str) -> str:
    return str(one(owner, "SELECT prediction_hash FROM almanac.runs WHERE run_id = :run", run=run_id))


@pytest.mark.parametrize("names", [("extra",), ("word",), ("down",), ("extra", "word", "down"), ("day",)])
def test_a_column_that_is_no_longer_declared_is_kept_as_null_and_old_runs_stay_provable(
    owner: Database, reader: Database, names: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    old = publish_as(owner, STUB, content()["predictions"].assign(extra="kept"))
    smaller = without(*names)
    within(owner, ensure.ensure, smaller)
    assert [name for name in names if f"has column '{name}'" in caplog.text] == list(names)
    new = publish_as(owner, smaller, content()["predictions"].drop(columns=list(names)))
    column = names[0]
    assert rows(reader, f"SELECT count({column}) FROM api.stub_predictions WHERE run_id = '{new}'") == [(0,)]
    assert rows(reader, f"SELECT count({column}) FROM api.stub_predictions WHERE run_id = '{old}'") == [(10,)]
    for contract, run_id in ((smaller, new), (smaller, old), (STUB, old)):
        assert stored_hash(owner, contract, run_id) == recorded_hash(owner, run_id)


@pytest.mark.parametrize(
    "contract",
    [without("extra"), without("word"), nullable("up"), with_columns(*STUB.predictions.columns, MORE)],
)
def test_going_back_to_the_contract_before_is_no_dead_end(owner: Database, contract: Contract) -> None:
    release(owner)
    within(owner, ensure.ensure, contract)
    within(owner, ensure.ensure, STUB)
    assert within(owner, ensure.is_applied, STUB)
    run_id = release(owner)
    assert stored_hash(owner, STUB, run_id) == recorded_hash(owner, run_id)
    assert [one(owner, NULLABLE, name=name) for name in ("up", "word")] == ["NO", "NO"]


def test_a_not_null_that_rows_break_meanwhile_is_not_restored_and_said(
    owner: Database, caplog: pytest.LogCaptureFixture
) -> None:
    within(owner, ensure.ensure, without("word"))
    publish_as(owner, without("word"), content()["predictions"].drop(columns=["word"]))
    within(owner, ensure.ensure, STUB)
    assert "has rows without 'word', so its NOT NULL is not restored" in caplog.text
    assert one(owner, NULLABLE, name="word") == "YES"
    release(owner)


@pytest.mark.parametrize("name", ["up", "word", "down"])
def test_a_contract_may_drop_not_null(owner: Database, name: str) -> None:
    old = release(owner)
    within(owner, ensure.ensure, nullable(name))
    assert one(owner, NULLABLE, name=name) == "YES"
    frame = content()["predictions"]
    new = publish_as(owner, nullable(name), frame.assign(**{name: None}))
    for run_id in (old, new):
        assert stored_hash(owner, nullable(name), run_id) == recorded_hash(owner, run_id)


def test_views_are_made_again_where_postgresql_would_not_replace_them(
    owner: Database, reader: Database
) -> None:
    release(owner)
    renamed = STUB.model_copy(
        update={"predictions": without("extra", "word").predictions.model_copy(update={"name": "forecasts"})}
        | {"filters": (), "sums": ()}
    )
    within(owner, ensure.ensure, renamed)
    assert rows(reader, "SELECT count(*) FROM api.stub_live") == [(0,)]
    assert rows(reader, "SELECT count(*) FROM api.stub_predictions") == [(10,)]


def test_a_column_that_an_administrator_dropped_is_no_fault_of_almanac(owner: Database) -> None:
    change(owner, "ALTER TABLE almanac.stub_predictions DROP COLUMN extra CASCADE")
    within(owner, ensure.ensure, without("extra"))
    assert one(owner, VIEWS) == 3


def test_a_view_of_somebody_else_is_named_before_the_views_are_dropped(owner: Database) -> None:
    change(owner, "CREATE VIEW api.dashboard AS SELECT up FROM api.stub_live")
    renamed = STUB.model_copy(
        update={"predictions": without("extra").predictions.model_copy(update={"name": "forecasts"})}
    )
    with pytest.raises(
        ContractError, match=r"others show them: .*view api\.dashboard depends on view api\.stub_live"
    ):
        within(owner, ensure.ensure, renamed)
    assert one(owner, VIEWS) == 3


def test_a_workload_that_does_not_fit_stops_no_other(owner: Database) -> None:
    broken = with_columns(*STUB.predictions.columns, Column(name="size", type="real"))
    later = STUB.model_copy(update={"name": "zoo"})
    with pytest.raises(ContractError, match=r"stub_predictions lacks column 'size'"):
        migrate.migrate(Database(owner.url, "login"), {"stub": broken, "zoo": later})
    assert one(owner, "SELECT count(*) FROM almanac.workloads WHERE workload = 'zoo'") == 1
    assert migrate.revision(owner) == SCHEMA_REVISION


def test_preparing_changes_no_table_that_is_there(owner: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    grown = with_columns(*STUB.predictions.columns, MORE)
    new = STUB.model_copy(update={"name": "zoo"})
    monkeypatch.setattr(discovery, "contracts", lambda: {"stub": grown, "zoo": new})
    migrate.prepare(Database(owner.url, "login"))
    assert rows(owner, NULLABLE, name="more") == []
    assert one(owner, "SELECT count(*) FROM almanac.workloads WHERE workload = 'zoo'") == 1


def test_preparing_passes_over_what_does_not_fit(
    owner: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    change(owner, "CREATE TABLE almanac.zoo_predictions (item text PRIMARY KEY)")
    monkeypatch.setattr(discovery, "contracts", lambda: {"zoo": STUB.model_copy(update={"name": "zoo"})})
    migrate.prepare(Database(owner.url, "login"))
    assert "Table almanac.zoo_predictions has the key ['item']" in caplog.text


def test_sql_of_a_workload_that_fails_is_named_and_undone(
    owner: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "0001_zoo.sql"
    file.write_text("CREATE TABLE almanac.zoo_notes (n int); CREATE TABLE almanac.zoo_notes (n int);")
    monkeypatch.setattr(discovery, "migrations", lambda name: [file] if name == "zoo" else [])
    zoo = STUB.model_copy(update={"name": "zoo"})
    with pytest.raises(
        ContractError, match=r"Migration 0001_zoo\.sql of 'zoo' failed and was undone: relation"
    ):
        migrate.migrate(Database(owner.url, "login"), {"zoo": zoo, "stub": STUB})
    assert one(owner, "SELECT count(*) FROM pg_tables WHERE tablename = 'zoo_notes'") == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("CONTRACT = 1", "CONTRACT is of type int"),
        ("CONTRACT = ", "SyntaxError: invalid syntax"),
        ("import nothing_like_it", "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("from almanac.contract import Column\nCONTRACT = Column(name='A', type='text')", "ValidationError"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemError('no')", "SystemError: no"),
    ],
)
def test_a_contract_that_cannot_be_read_is_named_and_stops_no_other(
    text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"zoo{abs(hash(text)) % 10**6}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "contract.py").write_text(text)
    (tmp_path / name / "__init__.py").write_text("")
    from almanac import workloads

    monkeypatch.setattr(workloads, "__path__", [*workloads.__path__, str(tmp_path)])
    names = [*discovery.names(), name]
    monkeypatch.setattr(discovery, "names", lambda: names)
    with pytest.raises(ContractError, match=f"The contract of '{name}' cannot be read: .*") as refused:
        discovery.contract(name)
    assert reason in str(refused.value)
    assert sorted(discovery.contracts()) == sorted(names[:-1])
    assert list(discovery.refusals()) == [name]


class Aliases:
    """A registry that has aliases only."""

    def __init__(self) -> None:
        self.aliases: dict[str, int | None] = {"champion": 1}

    def alias(self, _workload: str, alias: str) -> int | None:
        return self.aliases.get(alias)

    def set_alias(self, _workload: str, alias: str, version: int | None) -> None:
        self.aliases[alias] = version


@pytest.fixture
def project(owner: Database, monkeypatch: pytest.MonkeyPatch) -> Any:
    """As much of a project as retiring uses."""
    from types import SimpleNamespace

    monkeypatch.setattr(discovery, "contract", {"stub": STUB}.__getitem__)
    return SimpleNamespace(database=owner, registry=Aliases())


Removing = Callable[..., retire.Removal]


@pytest.mark.parametrize("remove", [retire.retire, retire.reset])
def test_nothing_is_taken_away_without_a_yes(project: Any, owner: Database, remove: Removing) -> None:
    publish_as(owner, STUB, content()["predictions"], simulated=True)
    with pytest.raises(UsageError, match=r"This drops stub_predictions \(10 rows\), .*add --yes"):
        remove(project, "stub", confirmed=False)
    assert (one(owner, TABLES), project.registry.aliases) == (6, {"champion": 1})


def test_a_retired_workload_answers_nobody_and_its_records_stay(project: Any, owner: Database) -> None:
    run_id = release(owner)
    removed = retire.retire(project, "stub", confirmed=True)
    assert removed.tables == ("stub_predictions", "stub_totals", "stub_facts", "stub_facts$mock")
    assert (one(owner, TABLES), one(owner, VIEWS), project.registry.aliases["champion"]) == (0, 0, None)
    assert within(owner, releases.live, "stub") is None
    assert one(owner, "SELECT count(*) FROM almanac.releases WHERE run_id = :run", run=run_id) == 1
    with pytest.raises(NotFound, match="'stub' has no tables in this database"):
        retire.retire(project, "stub", confirmed=True)


def test_a_retired_workload_may_come_back(project: Any, owner: Database, reader: Database) -> None:
    release(owner)
    retire.retire(project, "stub", confirmed=True)
    assert not within(owner, ensure.is_due, "stub")
    within(owner, ensure.ensure, STUB)
    assert rows(reader, "SELECT count(*) FROM api.stub_live") == [(0,)]
    run_id = release(owner)
    assert rows(reader, "SELECT DISTINCT run_id FROM api.stub_live") == [(run_id,)]


def test_a_workload_with_simulated_releases_only_begins_anew(
    project: Any, owner: Database, reader: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_as(owner, STUB, content()["predictions"], simulated=True)
    other = with_columns(
        Column(name="item", type="bigint"), Column(name="size", type="real"), Column(name="day", type="date")
    )
    with pytest.raises(ContractError, match="almanac reset stub"):
        within(owner, ensure.ensure, other)
    monkeypatch.setattr(discovery, "contract", {"stub": other}.__getitem__)
    retire.reset(project, "stub", confirmed=True)
    assert within(owner, ensure.is_applied, other)
    frame = pd.DataFrame({"item": [1], "size": [2.0], "day": pd.to_datetime(["2025-04-15"])})
    run_id = publish_as(owner, other, frame)
    assert rows(reader, "SELECT run_id, size FROM api.stub_live") == [(run_id, 2.0)]


@pytest.mark.parametrize("facts", [{}, {"demo": True}])
def test_a_workload_that_released_real_data_is_not_begun_anew(
    project: Any, owner: Database, facts: dict[str, bool]
) -> None:
    publish_as(owner, STUB, content()["predictions"], simulated=True)
    publish_as(owner, STUB, content()["predictions"], **facts)
    with pytest.raises(UsageError, match="has released predictions that are not simulated"):
        retire.reset(project, "stub", confirmed=True)
    assert removal.recorded_contract is not None
    assert one(owner, TABLES) == 8
