"""What doctor says of an installation that is well, broken, or would not survive its machine."""

import socket
from importlib.metadata import version
from pathlib import Path

import pytest
from pydantic import SecretStr

from almanac import discovery, provenance
from almanac.contract import SCHEMA_REVISION
from almanac.operations import doctor, packages
from almanac.operations.finding import Finding
from almanac.settings import Settings
from almanac.store.connections.database import Database, open_database
from almanac.store.records import run_steps
from tests.stub import STUB, release

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
    details = {finding.what: finding.detail for finding in findings}
    assert details["role ingest"] == details["role access"] == "works with its own rights only"
    assert {finding.level for finding in findings} == {"ok"}


PROJECT = """
[project]
dependencies = ["pydantic==0.0.1"]
[project.optional-dependencies]
lab = ["almanac[serve]", "no-such-package==1", "numpy==0.1; sys_platform", "numpy=={numpy}", "{own}"]
"""


def test_installed_packages_that_are_not_those_of_the_project_are_named(settings: Settings) -> None:
    path = settings.home / "pyproject.toml"
    path.write_text(PROJECT.format(numpy=version("numpy"), own=f"scipy=={version('scipy')}"))
    finding = packages.examine_pins(settings)
    own = version("pydantic")
    assert (finding.level, finding.detail) == (
        "warning",
        f"no-such-package is not installed (pinned: 1), pydantic {own} (pinned: 0.0.1)",
    )
    assert "requirements/lab.txt" in finding.advice


@pytest.mark.parametrize("text", ["", "[project]", "not = toml = at all", None])
def test_a_project_that_pins_nothing_is_well(text: str | None, settings: Settings) -> None:
    if text is not None:
        (settings.home / "pyproject.toml").write_text(text)
    assert packages.examine_pins(settings).level == "ok"


def test_a_live_run_of_other_packages_is_named_with_the_way_out(owner: Database) -> None:
    run_id = release(owner)
    assert list(packages.examine_live_runs(owner, [STUB.name, "nothing"])) == []
    here = provenance.packages(Path("nowhere"))
    with owner.engine.begin() as connection:
        run_steps.start(connection, run_id, "collect", packages=here | {"scikit-learn": "1.0", "gone": "2"})
        run_steps.start(connection, run_id, "predict")
    (finding,) = packages.examine_live_runs(owner, [STUB.name])
    own = version("scikit-learn")
    assert finding.detail == f"in the live run gone was 2, is not installed, scikit-learn was 1.0, is {own}"
    assert finding.advice.endswith(f"almanac run {STUB.name} --slot now")
