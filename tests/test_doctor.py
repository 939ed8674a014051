"""What doctor says of an installation that is well, broken, or would not survive its machine."""

import socket

import pytest
from pydantic import SecretStr

from almanac import discovery
from almanac.contract import SCHEMA_REVISION
from almanac.operations import doctor
from almanac.operations.doctor import Finding
from almanac.settings import Settings
from almanac.store.connections.database import Database, open_database

DURABLE = {
    "nothing is set": ({}, ["DATABASE_URL", "MLFLOW_TRACKING_URI", "ALMANAC_ARTIFACT_ROOT"]),
    "all is set": ({"database_url": "postgresql://db/a", "mlflow_tracking_uri": "https://mlflow", "artifact_root": "s3://bucket/a"}, []),
    "MLflow keeps the artifacts itself": ({"database_url": "postgresql://db/a", "mlflow_tracking_uri": "https://mlflow"}, []),
    "MLflow is a file": (
        {"database_url": "postgresql://db/a", "mlflow_tracking_uri": "sqlite:///m.db", "artifact_root": "gs://b"}, ["MLFLOW_TRACKING_URI"],
    ),
    "MLflow is a folder": (
        {"database_url": "postgresql://db/a", "mlflow_tracking_uri": "file:///m", "artifact_root": "gs://b"}, ["MLFLOW_TRACKING_URI"],
    ),
    "artifacts are files": (
        {"database_url": "postgresql://db/a", "mlflow_tracking_uri": "https://mlflow", "artifact_root": "/var/a"}, ["ALMANAC_ARTIFACT_ROOT"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DURABLE)
def test_a_champion_would_survive_the_machine_if(what: str, settings: Settings) -> None:
    given, wrong = DURABLE[what]
    found = doctor.examine_durability(Settings(home=settings.home, **given))
    assert [finding.what for finding in found if finding.level == "error"] == wrong
    assert all(finding.advice for finding in found if finding.level == "error")


def named(found: list[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in found}


@pytest.mark.slow
def test_a_database_without_schema_is_an_error_with_its_way_out(
    settings: Settings, cluster: str, registry_loaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "names", list)
    found = named(doctor.examine(Settings(home=settings.home, database_url=cluster, port=0)))
    assert found["database"].level == "error"
    assert found["database"].advice == "almanac db migrate"
    assert "role owner" not in found


def test_a_database_that_a_newer_program_has_migrated_is_not_to_be_migrated_by_this_one(
    settings: Settings, owner: Database, registry_loaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "names", list)
    with owner.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE almanac.alembic_version SET version_num = '9999'")
    found = named(doctor.examine(settings.model_copy(update={"port": 0})))["database"]
    assert (found.level, found.advice) == (
        "error",
        "This program is older than the database: use the Almanac that migrated it",
    )
    assert found.detail == f"own server, schema revision 9999, needed {SCHEMA_REVISION}"


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
    found = named(doctor.examine(settings.model_copy(update={"host": host, "port": port})))
    assert (found["port"].level, host in found["port"].detail) == (level, True)


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
    found = doctor.examine_role(open_database(own, "reader"))
    assert (found.level, found.advice) == ("error", advice)
    assert detail in found.detail
    assert "hunter22" not in found.detail


def test_each_role_is_looked_at_in_its_own_way(settings: Settings) -> None:
    found = [doctor.examine_role(open_database(settings, role)) for role in doctor.ROLES]
    assert [(finding.what, finding.detail) for finding in found][-1] == (
        "role ingest",
        "works with its own rights only",
    )
    assert {finding.level for finding in found} == {"ok"}
