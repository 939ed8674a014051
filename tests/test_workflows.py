"""The workflows are valid, least-privileged and pinned, and the issues they keep open are the right ones."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from almanac.runner.schedule import reading
from almanac.settings import Settings

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
ACTIONS = sorted(ROOT.glob(".github/actions/*/action.yml"))
ISSUE_FORMS = sorted(path for path in ROOT.glob(".github/ISSUE_TEMPLATE/*.yml") if path.name != "config.yml")
# A stand-in for GitHub: issues are lines "number<TAB>state<TAB>title" in a file.
FAKE_GH = r"""#!/usr/bin/env bash
set -euo pipefail
echo "$*" >> calls
touch issues
case "$1 $2" in
  "issue list") awk -F '\t' -v OFS='\t' '$2 == "open" { print $1, $3 }' issues ;;
  "label create") touch label ;;
  "issue create")
    test -e label
    while [ "$1" != --title ]; do shift; done
    printf '%s\topen\t%s\n' "$(($(wc -l < issues) + 1))" "$2" >> issues ;;
  "issue close")
    awk -F '\t' -v OFS='\t' -v n="$3" '$1 == n { $2 = "closed" } { print }' issues > new
    mv new issues ;;
  *) exit 64 ;;
esac
"""


def load(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    return {("on" if key is True else key): value for key, value in yaml.safe_load(path.read_text()).items()}


def steps(path: Path) -> Iterator[dict[str, Any]]:
    document = load(path)
    yield from (
        document["runs"]["steps"]
        if "runs" in document
        else [step for job in document["jobs"].values() for step in job["steps"]]
    )


def program(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / name, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )


by_name = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


@pytest.mark.slow
def test_zizmor_finds_nothing_to_object_to() -> None:
    process = program(
        "zizmor", "--offline", "--no-progress", "--strict-collection", ".github", ".pre-commit-config.yaml"
    )
    assert process.returncode == 0, process.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
        ("vendor.github-actions", ACTIONS),
        ("vendor.github-issue-forms", ISSUE_FORMS),
        ("vendor.github-issue-config", [ROOT / ".github/ISSUE_TEMPLATE/config.yml"]),
        ("vendor.dependabot", [ROOT / ".github/dependabot.yml"]),
        ("vendor.compose-spec", [ROOT / "compose.yaml"]),
    ],
)
def test_the_files_fit_their_schema(schema: str, files: list[Path]) -> None:
    checked = program("check-jsonschema", "--builtin-schema", schema, *files)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("path", WORKFLOWS + ACTIONS, ids=lambda path: path.parent.name + "/" + path.name)
def test_every_action_is_pinned_by_commit_with_its_version_beside_it(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text())
    pinned = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\$/\.github/actions/\w+")
    assert used
    assert [line for line in used if not pinned.fullmatch(line)] == []


def test_one_action_has_one_version_everywhere() -> None:
    uses = {
        match
        for path in WORKFLOWS + ACTIONS
        for match in re.findall(r"uses: ([\w/-]+)@(.+)", path.read_text())
    }
    assert len(uses) == len(dict(uses)) == 3


@by_name
def test_a_workflow_has_no_rights_and_each_job_names_its_own(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {}
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert all(levels["contents"] == "read" for levels in rights.values())
    writers = [
        (name, right)
        for name, levels in rights.items()
        for right, level in levels.items()
        if level == "write"
    ]
    assert writers == ([("report", "issues")] if path.name == "pipeline.yml" else [])


@by_name
def test_every_job_has_a_concurrency_group(path: Path) -> None:
    workflow = load(path)
    assert "concurrency" in workflow or all("concurrency" in job for job in workflow["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS + ACTIONS, ids=lambda path: path.parent.name + "/" + path.name)
def test_no_expression_is_put_into_a_shell(path: Path) -> None:
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


def test_ci_covers_every_python_that_the_package_admits_and_both_databases() -> None:
    tests = load(ROOT / ".github/workflows/ci.yml")["jobs"]["tests"]
    matrix = tests["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]
    assert matrix["database"] == ["embedded"]
    assert [row["database"] for row in matrix["include"]] == ["service"]


def test_ci_runs_a_workload_on_macos_and_in_the_environment_of_conda() -> None:
    jobs = load(ROOT / ".github/workflows/ci.yml")["jobs"]
    commands = {name: [step.get("run", "") for step in jobs[name]["steps"]] for name in ("macos", "conda")}
    assert jobs["macos"]["runs-on"].startswith("macos-")
    assert "make test-fast" in commands["macos"]
    assert "--file environment.yml" in " ".join(commands["conda"])
    assert all("almanac run games --sample mock" in steps[-1] for steps in commands.values())


def test_ci_and_compose_use_the_same_postgresql() -> None:
    ci, compose = (ROOT / name for name in (".github/workflows/ci.yml", "compose.yaml"))
    images = [
        re.findall(r"postgres:[\d.]+-\w+@sha256:[0-9a-f]{64}", path.read_text()) for path in (ci, compose)
    ]
    assert images[0] == images[1]
    assert len(images[0]) == 1


def test_the_pipeline_runs_every_six_hours_at_an_odd_minute_by_hand_and_by_dispatch() -> None:
    triggers = load(ROOT / ".github/workflows/pipeline.yml")["on"]
    times = [entry["cron"].split() for entry in triggers["schedule"]]
    assert [(minute, rest) for minute, _, *rest in times] == [("37", ["*", "*", "*"])] * 2
    assert ",".join(hours for _, hours, *_ in times) == "0,6,12,18"
    assert triggers.keys() == {"schedule", "workflow_dispatch", "repository_dispatch"}


def test_the_pipeline_asks_the_doctor_and_runs_what_is_due_in_one_job() -> None:
    jobs = load(ROOT / ".github/workflows/pipeline.yml")["jobs"]
    assert jobs.keys() == {"run", "report"}
    commands = [step["run"] for step in jobs["run"]["steps"] if step.get("run", "").startswith("almanac")]
    assert commands == [
        "almanac doctor --durable",
        "almanac db migrate",
        "almanac due",
        "almanac schedule --once",
    ]
    assert jobs["run"]["concurrency"] == {"group": "pipeline-run", "cancel-in-progress": False}


def test_the_pipeline_reports_each_failure_and_a_success_once_a_day() -> None:
    pipeline = load(ROOT / ".github/workflows/pipeline.yml")
    often = pipeline["on"]["schedule"][1]["cron"]
    condition = pipeline["jobs"]["report"]["if"]
    assert (
        condition
        == f"${{{{ always() && (needs.run.result != 'success' || github.event.schedule != '{often}') }}}}"
    )


def test_the_schedules_of_the_pipeline_can_be_read() -> None:
    environment = load(ROOT / ".github/workflows/pipeline.yml")["jobs"]["run"]["env"]
    schedules = reading.rhythms({name: text for name, text in environment.items() if "SCHEDULE" in name})
    steps = {rhythm.steps for rhythm in schedules if rhythm.workload == "football"}
    assert steps == {("collect", "predict"), ("train", "evaluate")}


BUCKETS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GOOGLE_CREDENTIALS"}


def test_the_pipeline_sets_only_variables_that_almanac_reads() -> None:
    text = (ROOT / ".github/workflows/pipeline.yml").read_text()
    secrets = set(re.findall(r"secrets\.(\w+)", text))
    assert set(re.findall(r"^ +(\w+): \$\{\{ secrets\.\1 \}\}$", text, re.MULTILINE)) == secrets
    assert secrets - BUCKETS | {"ALMANAC_SOURCE_HEAD"} <= {
        field.alias for field in Settings.model_fields.values()
    }


@pytest.mark.parametrize("root", ["s3://", "gs://"])
def test_the_pipeline_can_keep_artifacts_in_a_bucket(root: str) -> None:
    run = load(ROOT / ".github/workflows/pipeline.yml")["jobs"]["run"]["steps"]
    (packages,) = (step for step in run if "requirements/cloud.txt" in step.get("run", ""))
    (almanac,) = (step for step in run if step.get("run", "").startswith("almanac schedule"))
    assert f"startsWith(env.ALMANAC_ARTIFACT_ROOT, '{root}')" in packages["if"]
    assert run.index(packages) < run.index(almanac)
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS"} <= almanac[
        "env"
    ].keys()


@by_name
def test_executed_notebooks_are_kept_for_a_week_also_when_a_run_fails(path: Path) -> None:
    uploads = [step for step in steps(path) if "upload-artifact" in step.get("uses", "")]
    assert len(uploads) == 1
    assert uploads[0]["if"] == "${{ !cancelled() }}"
    # Files below a folder with a dot are left out unless asked for.
    assert (uploads[0]["with"]["retention-days"], uploads[0]["with"]["include-hidden-files"]) == (7, True)
    assert uploads[0]["with"]["path"].split() == [".almanac/runs/**/*.ipynb", ".almanac/runs/**/run.log"]


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., list[str]]:
    """Report jobs as (name, conclusion) to a stand-in for GitHub; return issues as 'number state title'."""
    (tmp_path / "gh").write_text(FAKE_GH)
    (tmp_path / "gh").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

    def run(*jobs: tuple[str, str]) -> list[str]:
        lines = "".join(f"{name}\t{conclusion}\thttps://example.org/{name}\n" for name, conclusion in jobs)
        script = ROOT / ".github/scripts/report_issue.sh"
        subprocess.run(
            [script], cwd=tmp_path, env=environment, input=lines, text=True, check=True, capture_output=True
        )
        return [line.replace("\t", " ") for line in (tmp_path / "issues").read_text().splitlines()]

    return run


def test_a_failure_opens_one_issue_however_often_it_repeats(report: Callable[..., list[str]]) -> None:
    opened = ["1 open Pipeline fails: football"]
    assert report(("football", "failure")) == opened
    assert report(("football", "failure"), ("football", "timed_out")) == opened


def test_a_recovery_closes_its_own_issue_and_no_other(report: Callable[..., list[str]]) -> None:
    report(("football", "failure"), ("games", "failure"))
    assert report(("football", "success"), ("games", "failure")) == [
        "1 closed Pipeline fails: football",
        "2 open Pipeline fails: games",
    ]


def test_a_failure_after_a_recovery_opens_a_new_issue(report: Callable[..., list[str]]) -> None:
    report(("football", "failure"))
    report(("football", "success"))
    assert report(("football", "failure")) == [
        "1 closed Pipeline fails: football",
        "2 open Pipeline fails: football",
    ]


def test_a_cancelled_or_skipped_job_neither_opens_nor_closes(report: Callable[..., list[str]]) -> None:
    report(("football", "failure"))
    assert report(("football", "cancelled"), ("games", "skipped")) == ["1 open Pipeline fails: football"]


def test_a_workload_whose_name_begins_like_another_has_its_own_issue(
    report: Callable[..., list[str]],
) -> None:
    report(("football", "failure"))
    assert report(("foot", "failure"), ("foot", "success")) == [
        "1 open Pipeline fails: football",
        "2 closed Pipeline fails: foot",
    ]
