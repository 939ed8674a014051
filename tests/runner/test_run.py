"""A run from the slot to the release, and every way in which it can fail."""

import hashlib
import signal
from datetime import UTC, date, datetime, timedelta

import psutil
import pytest

from almanac.errors import BadNotebook, BadParameter, NotFound, RegistryError, RunBusy, UsageError
from almanac.operations import verify
from almanac.runner.attempt import RunRequest
from almanac.runner.notebooks.job import Terminated
from almanac.runner.run import run
from almanac.runner.slots import slot_of
from almanac.store.records import run_steps, runs
from tests.queries import change, rows
from tests.runner.workbench import OPEN, PARAMETERS, REPORT, Bench
from tests.stub import STUB, release

pytestmark = pytest.mark.slow
SLOT = datetime(2025, 4, 15, 6, tzinfo=UTC)

REASONS = {
    "cell_error": "cell 4 raised ValueError: no luck today",
    "sys_exit": "code cell 4 called sys.exit()",
    "kernel_killed": "the kernel died (killed, or out of memory)",
    "no_report": "the notebook ended without reporting any result",
}


def opened(step: str, code: str) -> str:
    """Return the text of a notebook that opens its step and then does `code`."""
    return PARAMETERS + OPEN.format(step=step) + code


def pages_of(bench: Bench, run_id: str) -> set[str]:
    """Return the steps of a run whose executed notebook the server can show."""
    query = "SELECT step FROM almanac.notebooks_html WHERE run_id = :run_id"
    return {step for (step,) in rows(bench.project.database, query, run_id=run_id)}


@pytest.mark.parametrize("name", REASONS)
def test_a_broken_notebook_fails_the_run_with_the_reason_and_is_kept(bench: Bench, name: str) -> None:
    before = release(bench.project.database)
    bench.breaks(name)
    result = bench.run(only="collect,predict", slot=SLOT)
    record, step = bench.record(result.run_id), bench.steps(result.run_id)["collect"]
    executed = bench.folder(result.run_id) / "1_collect.ipynb"
    assert (result.status, result.exit_code, record["status"], step["status"]) == (
        "failed",
        5,
        "failed",
        "failed",
    )
    assert step["reason"].startswith(REASONS[name])
    assert REASONS[name] in record["reason"]
    assert step["notebook_hash"] == hashlib.sha256(executed.read_bytes()).hexdigest()
    assert bench.registry.files == {"1_collect.ipynb": executed.read_bytes()}
    assert sorted(path.name for path in executed.parent.iterdir()) == ["1_collect.ipynb", "run.log"]
    assert "predict" not in bench.steps(result.run_id)
    assert pages_of(bench, result.run_id) == {"collect"}
    assert (bench.registry.ended, bench.live()) == ([False], before)


def test_an_endless_loop_ends_with_the_time_limit_of_a_cell_and_leaves_no_kernel(bench: Bench) -> None:
    bench.limit(cell_timeout=timedelta(seconds=4))
    bench.breaks("endless_loop")
    result = bench.run()
    assert bench.steps(result.run_id)["collect"]["reason"] == "a cell ran longer than 4 s"
    assert [
        child.cmdline() for child in psutil.Process().children() if "ipykernel_launcher" in child.cmdline()
    ] == []


def test_cells_that_are_slow_together_end_with_the_deadline_of_the_run(bench: Bench) -> None:
    bench.limit(run_deadline=timedelta(seconds=5))
    bench.breaks("slow_cells")
    result = bench.run()
    assert bench.steps(result.run_id)["collect"]["reason"] == "the run passed its deadline"
    assert bench.record(result.run_id)["seconds"] < 8


def test_a_run_that_is_told_to_stop_says_so_keeps_its_notebook_and_leaves_no_kernel(bench: Bench) -> None:
    bench.breaks("stopped")
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated, match="stopped by SIGTERM"):
        bench.run(only="collect,predict", slot=SLOT)
    with bench.project.database.engine.begin() as connection:
        run_id = runs.last_failed(connection, "stub", SLOT)["run_id"]
    step = bench.steps(run_id)["collect"]
    assert bench.record(run_id)["reason"] == step["reason"] == "stopped by SIGTERM"
    assert step["notebook_hash"] == hashlib.sha256(bench.registry.files["1_collect.ipynb"]).hexdigest()
    assert [
        child.cmdline() for child in psutil.Process().children() if "ipykernel_launcher" in child.cmdline()
    ] == []
    assert signal.getsignal(signal.SIGTERM) == handler


def test_a_notebook_without_parameters_cell_is_refused_before_anything_runs(bench: Bench) -> None:
    bench.breaks("no_parameters", "train")
    with pytest.raises(
        BadNotebook, match=r"2_train\.ipynb has 0 cells tagged 'parameters'; it needs exactly one"
    ):
        bench.run()
    assert runs_of(bench) == []


def test_notebook_record_and_default_agree_on_each_parameter(bench: Bench) -> None:
    cell = "TEAM = None\nCLUB = None\nSIZE = (1, 2)\nWORDS = None\nLEFT = None\n"
    report = "step.report(got=repr((TEAM, CLUB, SIZE, WORDS, LEFT)))\n"
    bench.write("collect", PARAMETERS + cell + OPEN.format(step="collect") + report)
    texts = {"TEAM": '1. FC "Köln"\n$HOME', "CLUB": "7", "SIZE": "(3, 4)", "WORDS": "['a', None]"}
    run_id = bench.run(parameters=texts).run_id
    got = ('1. FC "Köln"\n$HOME', 7, (3, 4), ["a", None], None)
    assert bench.steps(run_id)["collect"]["results"]["got"] == repr(got)
    assert bench.record(run_id)["parameters"] == texts


def test_an_unknown_parameter_is_refused_before_anything_runs(bench: Bench) -> None:
    with pytest.raises(BadParameter, match="Unknown parameter 'SEDE'"):
        bench.run(parameters={"SEDE": "3"})
    assert runs_of(bench) == []


def test_a_run_publishes_what_predict_has_staged(bench: Bench) -> None:
    result = bench.run(only="collect,predict", slot=SLOT, sample="mock")
    record = bench.record(result.run_id)
    assert (result.status, result.exit_code, bench.live()) == ("succeeded", 0, result.run_id)
    assert result.release_id is not None
    assert (record["slot"], record["status"], record["rows"], record["model_version"]) == (
        SLOT,
        "succeeded",
        10,
        1,
    )
    assert (record["data_as_of"], record["source"], record["data_hash"], record["sample"]) == (
        date(2025, 4, 15),
        "tests",
        "a" * 64,
        "mock",
    )
    assert {"git_commit", "code_hash", "lock_hash", "python"} <= {
        name for name, value in record.items() if value
    }
    assert record["cpu_seconds"] > 0.1
    assert record["peak_memory_mb"] > 20
    assert record["seconds"] >= sum(step["seconds"] for step in bench.steps(result.run_id).values())
    assert (bench.registry.started, bench.registry.ended) == ([result.run_id], [True])
    assert pages_of(bench, result.run_id) == {"collect", "predict"}


def test_a_finished_slot_is_reported_and_changes_nothing(bench: Bench) -> None:
    first = bench.run(only="predict", slot=SLOT)
    again = bench.run(only="predict", slot=SLOT)
    assert (again.run_id, again.was_done, again.status) == (first.run_id, True, "succeeded")
    assert (runs_of(bench), bench.registry.started) == ([first.run_id], [first.run_id])


def test_the_slot_of_a_run_is_now_rounded_down_to_the_cadence_unless_it_is_forced(bench: Bench) -> None:
    before = datetime.now(UTC)
    due, forced = bench.run(only="predict"), bench.run(only="predict", forced=True)
    assert bench.record(due.run_id)["slot"] in {
        slot_of(before, STUB.cadence),
        slot_of(datetime.now(UTC), STUB.cadence),
    }
    assert before < bench.record(forced.run_id)["slot"] < datetime.now(UTC)
    assert bench.live() == forced.run_id


def test_steps_without_predict_release_nothing_and_leave_the_slot_free(bench: Bench) -> None:
    result = bench.run(only="evaluate")
    assert (result.status, result.release_id, result.reason, bench.live()) == (
        "succeeded",
        None,
        "no predict step, so nothing to release",
        None,
    )
    assert list(bench.steps(result.run_id)) == ["evaluate"]
    assert not bench.run(only="predict").was_done


def test_steps_without_predict_are_refused_a_slot_by_name(bench: Bench) -> None:
    with pytest.raises(UsageError, match="Leave out --slot, or add predict to --only"):
        bench.run(only="collect,train", slot=SLOT)
    assert runs_of(bench) == []


def test_a_failed_slot_can_be_run_again(bench: Bench) -> None:
    bench.breaks("no_report", "predict")
    failed = bench.run(only="predict", slot=SLOT)
    bench.write("predict", opened("predict", REPORT))
    without = bench.run(only="predict", slot=SLOT)
    assert (failed.status, without.status) == ("failed", "failed")
    assert without.reason == "predict: the notebook staged no predictions; call step.stage(…) in it."


def test_an_attempt_that_failed_is_continued_with_what_it_was_given_and_had_made(bench: Bench) -> None:
    working = (bench.project.settings.notebooks_folder / "stub" / "4_predict.ipynb").read_text()
    bench.breaks("no_report", "predict")
    failed = bench.run(only="", slot=SLOT, sample="mock", data_as_of=date(2025, 4, 10))
    (bench.project.settings.notebooks_folder / "stub" / "4_predict.ipynb").write_text(working)
    result = bench.run(only="", start="predict", slot=SLOT)
    record, steps = bench.record(result.run_id), bench.steps(result.run_id)
    assert (failed.status, result.status, bench.live()) == ("failed", "succeeded", result.run_id)
    assert (record["parent_run_id"], record["sample"], record["parameters"]) == (
        failed.run_id,
        "mock",
        {"DATA_AS_OF": "2025-04-10"},
    )
    assert list(steps) == ["predict"]
    assert (steps["predict"]["results"]["sample"], steps["predict"]["results"]["wanted"]) == (
        "mock",
        "2025-04-10",
    )
    with bench.project.database.engine.begin() as connection:
        assert run_steps.results(connection, result.run_id, "train") == {
            "sample": "mock",
            "wanted": "2025-04-10",
        }
    notebooks = [
        link.name
        for link in verify.verify(bench.project, result.run_id)
        if link.name.startswith("notebook ") and link.state == "ok"
    ]
    bench.registry.files["2_train.ipynb"] += b" "
    broken = [
        link.name
        for link in verify.verify(bench.project, result.run_id)
        if link.name.startswith("notebook ") and link.state == "broken"
    ]
    assert notebooks == ["notebook collect", "notebook train", "notebook evaluate", "notebook predict"]
    assert broken == ["notebook train"]


def test_an_attempt_is_not_continued_after_steps_that_did_not_end_well(bench: Bench) -> None:
    bench.breaks("no_report", "train")
    bench.run(only="", slot=SLOT)
    with pytest.raises(
        NotFound, match=r"have finished the step 'train'\. Use --from train, or run all steps"
    ):
        bench.run(only="", start="predict", slot=SLOT)
    assert len(runs_of(bench)) == 1


def test_a_slot_that_nobody_has_tried_cannot_be_continued(bench: Bench) -> None:
    with pytest.raises(NotFound, match="Slot 2025-04-15T06:00Z of 'stub' has no failed attempt to continue"):
        bench.run(only="", start="predict", slot=SLOT)


def test_two_runs_of_one_workload_never_overlap(bench: Bench) -> None:
    with (
        runs.exclusive(bench.project.database, "stub"),
        pytest.raises(RunBusy, match="Another run of 'stub' is under way") as caught,
    ):
        bench.run()
    assert (caught.value.exit_code, runs_of(bench)) == (6, [])


def test_a_run_whose_process_was_killed_becomes_failed_when_the_next_one_starts(bench: Bench) -> None:
    with bench.project.database.engine.begin() as connection:
        lost = runs.start(connection, runs.NewRun("stub", SLOT, ("collect",), "mock", "tester"))
    assert lost
    bench.run()
    assert (bench.record(lost)["status"], bench.record(lost)["reason"]) == (
        "failed",
        "abandoned: its process ended without a word",
    )


def test_a_run_drops_at_its_end_what_is_past_retention(bench: Bench) -> None:
    old, newer, newest = (release(bench.project.database) for _ in range(3))
    change(
        bench.project.database,
        "UPDATE almanac.runs SET finished_at = finished_at - interval '8 days' WHERE run_id <> :kept",
        kept=newest,
    )
    assert bench.run().status == "succeeded"
    assert [bool(bench.record(run_id)["pruned_at"]) for run_id in (old, newer, newest)] == [
        True,
        False,
        False,
    ]


def test_real_answers_are_not_replaced_by_simulated_ones(bench: Bench) -> None:
    before = release(bench.project.database)
    bench.write(
        "collect",
        opened(
            "collect",
            'cut = {"data_as_of": "2025-04-15", "demo": True, "simulated": True, "source": "simulated"}\n'
            "step.report(cut_off=cut)\n",
        ),
    )
    result = bench.run()
    assert result.status == "failed"
    assert "a simulated run never replaces it" in str(result.reason)
    assert bench.live() == before


def test_real_answers_are_not_replaced_by_a_mock_run_that_calls_its_data_real(bench: Bench) -> None:
    real = bench.run(only="collect,predict").run_id
    mock = bench.run(only="collect,predict", sample="mock", forced=True)
    assert mock.status == "failed"
    assert "a simulated run never replaces it" in str(mock.reason)
    assert bench.live() == real


def test_a_mock_run_answers_as_simulated_until_there_is_a_real_one(bench: Bench) -> None:
    mock = bench.run(only="collect,predict", sample="mock").run_id
    assert (bench.live(), bench.record(mock)["simulated"]) == (mock, True)
    real = bench.run(only="collect,predict", sample="full", forced=True).run_id
    assert (bench.live(), bench.record(real)["simulated"]) == (real, False)


def test_the_day_of_the_newest_datum_is_recorded_beside_the_cut_off(bench: Bench) -> None:
    cut = '{"data_as_of": "2025-04-15", "newest_data": "2025-03-30", "demo": False, "simulated": False'
    bench.write("collect", opened("collect", f'step.report(cut_off={cut}, "source": "tests"}})\n'))
    record = bench.record(bench.run().run_id)
    assert (record["data_as_of"], record["newest_data"]) == (date(2025, 4, 15), date(2025, 3, 30))


def test_a_registry_that_is_away_fails_the_run_with_its_own_exit_code(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.registry, "start_run", away)
    result = bench.run()
    step = bench.steps(result.run_id)["collect"]
    assert (result.status, result.exit_code, result.reason) == ("failed", 8, "MLflow is away.")
    assert (step["status"], step["notebook_uri"], len(step["notebook_hash"])) == ("succeeded", None, 64)


def test_a_registry_that_goes_away_after_the_release_makes_no_failure_of_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.registry, "end_run", away)
    result = bench.run(only="collect,predict")
    assert (result.status, result.exit_code, bench.live()) == ("succeeded", 0, result.run_id)
    assert bench.record(result.run_id)["status"] == "succeeded"


def test_no_secret_reaches_the_notebook_the_record_or_the_log(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, password = 'tok"en<1>&23', "pass/word 9"
    monkeypatch.setenv("ODDS_API_KEY", token)
    monkeypatch.setenv("ALMANAC_READER_DATABASE_URL", "postgresql://reader:pass%2Fword%209@db/almanac")
    leak = """# %%
import html
import os
from IPython.display import HTML

token, url = os.environ["ODDS_API_KEY"], os.environ["ALMANAC_READER_DATABASE_URL"]
print(token, url, "pass/word 9")
# %%
display(HTML(html.escape(token)), {"token": token})
# %%
raise ValueError(f"refused: {token} {url}")
"""
    bench.write("collect", opened("collect", leak))
    result = bench.run()
    texts = [path.read_text() for path in bench.folder(result.run_id).iterdir()] + [
        str(result.reason),
        str(bench.steps(result.run_id)),
    ]
    texts += [notebook.decode() for notebook in bench.registry.files.values()]
    assert bench.record(result.run_id)["reason"].startswith(
        "collect: cell 6 raised ValueError: refused: *** postgresql://reader:***@db/almanac."
    )
    for secret in (token, password, 'tok\\"en<1>&23', "tok&quot;en", "tok\\u", "pass%2Fword%209"):
        assert [text for text in texts if secret in text] == []


def test_a_kernel_sees_neither_the_owner_s_database_nor_unlisted_variables(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner@db/almanac")
    monkeypatch.setenv("SOMETHING_ELSE", "1")
    bench.write(
        "collect",
        opened(
            "collect",
            "import os\n\nnames, files = sorted(os.environ), os.listdir()\n"
            "step.report(names=names, role=step.database.role, files=files)\n",
        ),
    )
    results = bench.steps(bench.run().run_id)["collect"]["results"]
    assert {"DATABASE_URL", "SOMETHING_ELSE"} & set(results["names"]) == set()
    assert {"ALMANAC_WORKER_DATABASE_URL", "ALMANAC_HOME"} <= set(results["names"])
    assert (results["role"], results["files"]) == ("worker", [])


def test_progress_tells_step_and_cell(bench: Bench) -> None:
    seen: list[tuple[str, int, int]] = []
    run(
        bench.project, RunRequest("stub", only="collect"), on_progress=lambda *progress: seen.append(progress)
    )
    assert seen == [("collect", 1, 3), ("collect", 2, 3), ("collect", 3, 3)]


def away(*_: object, **__: object) -> str:
    raise RegistryError("MLflow is away.")


def runs_of(bench: Bench) -> list[str]:
    with bench.project.database.engine.begin() as connection:
        return [run["run_id"] for run in runs.newest(connection, "stub")]
