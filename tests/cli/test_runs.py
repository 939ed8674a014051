"""almanac run, runs, verify, reproduce, report."""

import json
from collections.abc import Callable
from typing import Any

from tests.installation import WORKLOAD, Installation

Almanac = Callable[..., Any]


def test_a_second_run_reports_the_finished_slot_and_changes_nothing(installation: Installation) -> None:
    before, slot = installation.live(), installation.ask("runs", WORKLOAD, "--limit", "1000")[-1]["slot"]
    again = installation.almanac("run", WORKLOAD, "--sample", "mock", "--slot", slot)
    ended = installation.ask("run", WORKLOAD, "--slot", slot)
    assert (again.returncode, installation.live()) == (0, before)
    assert (
        f"demand: this slot was finished by run {installation.first_run}; nothing was changed."
        in again.stdout
    )
    assert "step starts" not in again.stderr
    assert (ended["run_id"], ended["was_done"], ended["status"]) == (
        installation.first_run,
        True,
        "succeeded",
    )


def test_the_log_of_a_run_is_kept_beside_its_notebooks_as_json_lines(installation: Installation) -> None:
    folder = installation.home / ".almanac" / "runs" / WORKLOAD / installation.first_run
    lines = [json.loads(line) for line in (folder / "run.log").read_text().splitlines()]
    assert [line["event"] for line in lines] == [
        *["step starts", "step ended"] * 3,
        "decision",
        "step starts",
        "step ended",
        "run ended",
    ][:10]
    assert {line["run"] for line in lines} == {installation.first_run}
    assert all({"level", "timestamp"} <= set(line) for line in lines)


def test_where_nobody_looks_at_a_terminal_the_log_is_json_and_no_bar_is_drawn(
    installation: Installation,
) -> None:
    quiet = installation.almanac("run", "fotball", LOG_LEVEL="ERROR")
    ended = (installation.home / "first_run.err").read_text().splitlines()
    assert quiet.stderr.startswith("Error: Unknown workload 'fotball'")
    assert {json.loads(line)["event"] for line in ended} == {
        "step starts",
        "step ended",
        "decision",
        "run ended",
    }


def test_runs_tells_the_success_rate(loaded_installation: Installation, almanac: Almanac) -> None:
    output, rows = almanac("runs", WORKLOAD).out, json.loads(almanac("runs", WORKLOAD, "--json").out)
    ended = [row for row in rows if row["kind"] == "run" and row["status"] != "running"]
    succeeded = sum(row["status"] == "succeeded" for row in ended)
    share = succeeded / len(ended)
    assert f"Runs — {succeeded} of {len(ended)} ended runs succeeded ({share:.0%})" in output
    assert {"run_id", "slot", "git_commit", "prediction_hash", "reason", "peak_memory_mb"} <= set(rows[0])
    assert (
        almanac("runs", "--limit", "1").out.count(WORKLOAD),
        len(json.loads(almanac("runs", "--limit", "1", "--json").out)),
    ) == (1, 1)


def test_verify_accepts_the_beginning_of_a_run_id_and_prints_every_link(
    loaded_installation: Installation, almanac: Almanac
) -> None:
    links = json.loads(almanac("verify", loaded_installation.first_run, "--json").out)
    ended = almanac("verify", loaded_installation.first_run[:-2])
    assert ended.code == 0
    assert all(link["link"] in ended.out for link in links)


def test_a_run_that_does_not_exist_leaves_with_exit_code_10(
    loaded_installation: Installation, almanac: Almanac
) -> None:
    for command in ("verify", "reproduce", "report"):
        ended = almanac(command, "19990101")
        assert (ended.code, ended.out) == (10, "")
        assert "'19990101' is not a run. `almanac runs` lists them." in ended.err


def test_report_writes_the_executed_notebooks_as_html(
    loaded_installation: Installation, almanac: Almanac
) -> None:
    ended = almanac("report", loaded_installation.first_run, "--json")
    folder = loaded_installation.home / ".almanac" / "runs" / WORKLOAD / loaded_installation.first_run
    pages = [folder / f"{name}.html" for name in ("1_collect", "2_train", "3_evaluate", "4_predict")]
    assert json.loads(ended.out) == [str(page) for page in pages]
    assert "first version, beats the baseline" in pages[2].read_text()


def test_report_fetches_the_notebooks_that_this_machine_lacks(
    loaded_installation: Installation, almanac: Almanac
) -> None:
    folder = loaded_installation.home / ".almanac" / "runs" / WORKLOAD / loaded_installation.first_run
    notebook = folder / "1_collect.ipynb"
    before = notebook.read_bytes()
    notebook.unlink()
    assert almanac("report", loaded_installation.first_run).code == 0
    assert notebook.read_bytes() == before
