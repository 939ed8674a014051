"""The examples of docs/deploy are read by what they are for, and call the scheduler."""

import json
import os
import runpy
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.local_server import LocalServer, Response

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
UNITS = sorted(path for path in DEPLOY.iterdir() if path.suffix in (".service", ".timer"))


def unit(name: str) -> RawConfigParser:
    parser = RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / name)
    return parser


def test_the_page_names_every_example() -> None:
    names = {path.name for path in DEPLOY.iterdir() if path.suffix != ".md" and path.is_file()}
    text = (DEPLOY / "README.md").read_text()
    assert {name for name in names if f"]({name})" not in text} == set()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for path in UNITS:
        # The command of the example is not on this machine.
        text = path.read_text().replace("/opt/almanac/.venv/bin/almanac", "/bin/true")
        (tmp_path / path.name).write_text(text.replace("User=almanac", "User=root"))
    units = [tmp_path / path.name for path in UNITS]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    own = [line for line in verified.stderr.splitlines() if "almanac" in line]
    assert own == []


def test_systemd_signals_the_scheduler_alone_and_waits_longer_than_a_run() -> None:
    service = unit("almanac-schedule.service")["Service"]
    assert service["ExecStart"].endswith("/almanac schedule")
    assert (service["KillMode"], service["TimeoutStopSec"]) == ("mixed", "35min")
    assert unit("almanac-once.service")["Service"]["ExecStart"].endswith("schedule --once")


def test_the_cron_job_has_a_zone_and_never_runs_twice_at_once() -> None:
    job = yaml.safe_load((DEPLOY / "cronjob.yaml").read_text())
    spec = job["spec"]
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    assert (spec["timeZone"], spec["concurrencyPolicy"]) == ("Europe/Stockholm", "Forbid")
    (container,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["almanac", "schedule", "--once"]


def test_the_airflow_dag_calls_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    declared: dict[str, Any] = {}

    def dag(**options: Any) -> Any:
        declared.update(options)
        return lambda function: function

    sdk = ModuleType("airflow.sdk")
    sdk.dag, sdk.task = dag, lambda **_: lambda function: function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "airflow", ModuleType("airflow"))
    monkeypatch.setitem(sys.modules, "airflow.sdk", sdk)
    assert called(monkeypatch, tmp_path, "airflow_dag.py") == "schedule --once"
    assert (declared["catchup"], declared["max_active_runs"]) == (False, 1)


def test_the_prefect_flow_calls_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prefect = ModuleType("prefect")
    prefect.flow = prefect.task = lambda **_: lambda function: function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "prefect", prefect)
    assert called(monkeypatch, tmp_path, "prefect_flow.py") == "schedule --once"


def test_the_dispatch_asks_github_for_the_event_that_the_pipeline_listens_to(server: LocalServer) -> None:
    server.answer("/repos/owner/name/dispatches", Response(b"", 204))
    names = {"GITHUB_API_URL": server.url, "GITHUB_TOKEN": "made-up", "REPOSITORY": "owner/name"}
    subprocess.run([DEPLOY / "repository_dispatch.sh"], env=os.environ | names, check=True)
    (request,) = server.requests
    event = json.loads(request.body)["event_type"]
    # YAML 1.1 reads the key `on` as true.
    pipeline = yaml.safe_load((DEPLOY.parents[1] / ".github/workflows/pipeline.yml").read_text())
    assert event in pipeline[True]["repository_dispatch"]["types"]
    assert "Bearer made-up" in request.headers.values()


def called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> str:
    """Run an example and its flow; return the words with which it has called the command."""
    command = tmp_path / "almanac"
    command.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/words\n')
    command.chmod(0o755)
    monkeypatch.setenv("ALMANAC_COMMAND", str(command))
    runpy.run_path(str(DEPLOY / name))["almanac"]()
    return (tmp_path / "words").read_text().strip()
