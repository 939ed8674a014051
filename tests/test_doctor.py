"""What doctor says of an installation that is well, broken, or would not survive its machine."""

import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

from almanac import discovery
from almanac.contract import SCHEMA_REVISION
from almanac.operations import doctor
from almanac.operations.doctor import Finding
from almanac.registry import open_registry
from almanac.settings import Settings
from almanac.store.connections.database import Database, open_database
from tests.stub import STUB

DATABASE = {"database_url": "postgresql://db/a"}
SERVER, FILE = {"mlflow_tracking_uri": "https://mlflow"}, {"mlflow_tracking_uri": "sqlite:///m.db"}
FOLDER, BUCKET = {"mlflow_tracking_uri": "file:///m"}, {"artifact_root": "gs://b"}
DURABLE = {
    "nothing is set": ({}, ["DATABASE_URL", "MLFLOW_TRACKING_URI", "ALMANAC_ARTIFACT_ROOT"]),
    "all is set": (DATABASE | SERVER | {"artifact_root": "s3://bucket/a"}, []),
    "MLflow keeps the artifacts itself": (DATABASE | SERVER, []),
    "MLflow is a file": (DATABASE | FILE | BUCKET, ["MLFLOW_TRACKING_URI"]),
    "MLflow is a folder": (DATABASE | FOLDER | BUCKET, ["MLFLOW_TRACKING_URI"]),
    "artifacts are files": (DATABASE | SERVER | {"artifact_root": "/var/a"}, ["ALMANAC_ARTIFACT_ROOT"]),
}


@pytest.mark.parametrize("what", DURABLE)
def test_a_champion_would_survive_the_machine_if(what: str, settings: Settings) -> None:
    values, wrong = DURABLE[what]
    findings = doctor.examine_durability(Settings(home=settings.home, **values))
    assert [finding.what for finding in findings if finding.level == "error"] == wrong
    assert all(finding.advice for finding in findings if finding.level == "error")


def named(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


@pytest.mark.slow
def test_a_database_without_schema_is_an_error_with_its_way_out(
    settings: Settings, cluster: str, registry_loaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "names", list)
    findings = named(doctor.examine(Settings(home=settings.home, database_url=cluster, port=0)))
    assert findings["database"].level == "error"
    assert findings["database"].advice == "almanac db migrate"
    assert "role owner" not in findings


def test_a_database_that_a_newer_program_has_migrated_is_not_to_be_migrated_by_this_one(
    settings: Settings, owner: Database, registry_loaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "names", list)
    with owner.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE almanac.alembic_version SET version_num = '9999'")
    finding = named(doctor.examine(settings.model_copy(update={"port": 0})))["database"]
    assert (finding.level, finding.advice) == (
        "error",
        "This program is older than the database: use the Almanac that migrated it",
    )
    assert finding.detail == f"own server, schema revision 9999, needed {SCHEMA_REVISION}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "level"), [("::1", "ok"), ("127.0.0.1", "ok"), ("no.such.host.invalid", "error")]
)
def test_the_port_is_looked_at_on_whatever_host(
    host: str, level: str, settings: Settings, registry_loaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "names", list)
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    findings = named(doctor.examine(settings.model_copy(update={"host": host, "port": port})))
    assert (findings["port"].level, host in findings["port"].detail) == (level, True)


@pytest.mark.parametrize(
    ("url", "detail", "advice"),
    [
        (
            "postgresql://me:hunter22@127.0.0.1:9/x",
            "Connection refused. Check ALMANAC_READER_DATABASE_URL or DATABASE_URL",
            "",
        ),
        ("cluster", 'relation "api.workloads" does not exist', "almanac db migrate"),
    ],
    ids=["away", "never migrated"],
)
def test_a_role_that_cannot_work_says_why_and_which_variable_leads_there(
    url: str, detail: str, advice: str, settings: Settings, cluster: str
) -> None:
    own = settings.model_copy(update={"reader_database_url": SecretStr(cluster if url == "cluster" else url)})
    finding = doctor.examine_role(open_database(own, "reader"))
    assert (finding.level, finding.advice) == ("error", advice)
    assert detail in finding.detail
    assert "hunter22" not in finding.detail


def test_each_role_is_looked_at_in_its_own_way(settings: Settings) -> None:
    findings = [doctor.examine_role(open_database(settings, role)) for role in doctor.ROLES]
    assert [(finding.what, finding.detail) for finding in findings][-1] == (
        "role ingest",
        "works with its own rights only",
    )
    assert {finding.level for finding in findings} == {"ok"}


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
