"""What doctor says of the database, the contracts, the disk and MLflow."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from almanac import discovery
from almanac.operations import doctor
from almanac.registry import open_registry
from almanac.settings import Settings
from almanac.store.connections.database import Database, open_database
from tests.stub import STUB


def test_the_disk_of_the_state_is_looked_at_where_it_will_be(settings: Settings, tmp_path: Path) -> None:
    state = tmp_path / "elsewhere" / "deep"
    finding = doctor._disk(settings.model_copy(update={"state": state, "home": tmp_path}))
    assert f"free at {tmp_path}" in finding.detail


@pytest.mark.slow
def test_doctor_makes_no_experiment(settings: Settings, registry_loaded: None) -> None:
    assert doctor._mlflow(settings).level == "ok"
    assert [each.name for each in open_registry(settings).client.search_experiments()] == ["Default"]


def test_an_advice_stands_once(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": SecretStr("postgresql://127.0.0.1:9/x")})
    (finding,) = doctor._database(away)
    assert (finding.level, finding.advice) == ("error", doctor.DATABASE_ADVICE)
    assert doctor.DATABASE_ADVICE not in finding.detail


@pytest.mark.parametrize(
    ("statement", "level", "detail"),
    [
        ("SELECT 1", "ok", "its tables fit"),
        ("ALTER TABLE almanac.stub_facts ADD COLUMN extra text", "warning", "has column 'extra'"),
        ("ALTER TABLE almanac.stub_facts DROP COLUMN source", "error", "lacks column 'source'"),
        ("ALTER TABLE almanac.stub_facts ALTER value TYPE bigint", "error", "of type BIGINT"),
        ("UPDATE almanac.workloads SET contract = '{}'", "warning", "not made or changed yet"),
        ("DROP TABLE almanac.stub_facts CASCADE", "warning", "not made or changed yet"),
    ],
)
def test_doctor_names_a_contract_that_does_not_fit(
    statement: str, level: str, detail: str, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "contract", {STUB.name: STUB}.__getitem__)
    with owner.engine.begin() as connection:
        connection.exec_driver_sql(statement)
    finding = doctor._contract(owner, "stub")
    assert (finding.what, finding.level) == ("contract stub", level)
    assert detail in finding.detail


def test_doctor_warns_of_a_database_that_every_account_may_enter(settings: Settings, owner: Database) -> None:
    login = open_database(settings, "login")
    (finding,) = doctor._separation(login)
    assert (finding.level, "every account of the server may connect" in finding.detail) == ("warning", True)
    with login.connect(autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC".encode())
        (finding,) = doctor._separation(login)
    assert finding.level == "ok"
