"""Runs for the past: a later release stays, no model looks ahead, and the future is refused."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almanac.cli import processes
from almanac.errors import LookAhead, UsageError
from almanac.operations import verify
from almanac.runner.attempt import RunRequest
from almanac.runner.slots import requested_slot
from almanac.store.publishing import publish, staging
from almanac.store.records import ledger, runs, versions
from tests.queries import change, live, one, within
from tests.runner.workbench import OPEN, PARAMETERS, VERSION, Bench
from tests.stub import STUB, begin, content, release, update_for

SLOT = datetime(2025, 4, 15, 6, tzinfo=UTC)
CUT = '{{"data_as_of": "{day}", "demo": {demo}, "simulated": {simulated}, "source": "tests"}}'
PREDICT = """# %%
from almanac.store.publishing.staging import stage
from tests.stub import STUB, content

step.report(cut_off={cut})
staged = stage(step.database, STUB, RUN_ID, content(word="{word}"))
facts = {{"rows": staged.rows, "prediction_hash": staged.prediction_hash}}
step.report(staged=facts | {{"model_version": 1, "model_hash": "b" * 64}})
"""


def writes(
    bench: Bench, day: str, *, demo: bool = False, simulated: bool = False, word: str = "next"
) -> None:
    """Let the step predict publish for a cut-off with a model that knows nothing of 2020 or later."""
    cut = CUT.format(day=day, demo=demo, simulated=simulated)
    bench.write("predict", PARAMETERS + OPEN.format(step="predict") + PREDICT.format(cut=cut, word=word))
    change(bench.project.database, "UPDATE almanac.model_versions SET trained_until = '2020-01-01'")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slot", "reason"),
    [
        (SLOT - timedelta(days=1), r"its slot 2025-04-14T06:00Z lies before that of live release \d+"),
        (SLOT - timedelta(minutes=1), "its slot 2025-04-15T05:59Z lies before"),
        (datetime(1999, 12, 31, tzinfo=UTC), "its slot 1999-12-31T00:00Z lies before"),
    ],
)
def test_a_run_for_an_earlier_slot_is_kept_and_not_released(
    bench: Bench, slot: datetime, reason: str
) -> None:
    first = bench.run(only="predict", slot=SLOT)
    result = bench.run(only="predict", slot=slot)
    assert (result.status, result.release_id, result.exit_code) == ("succeeded", None, 0)
    assert result.reason is not None
    assert result.reason.startswith(reason.partition("\\d")[0])
    assert "--release releases such a run all the same" in result.reason
    assert (bench.live(), bench.record(result.run_id)["rows"]) == (first.run_id, 10)


@pytest.mark.slow
def test_a_run_for_an_earlier_slot_is_released_where_somebody_asks_for_it(bench: Bench) -> None:
    bench.run(only="predict", slot=SLOT)
    result = bench.run(only="predict", slot=SLOT - timedelta(days=1), release=True)
    assert (result.release_id, bench.live()) == (live(bench.project.database)["release_id"], result.run_id)


@pytest.mark.slow
def test_a_run_is_kept_where_somebody_asks_for_that(bench: Bench) -> None:
    first = bench.run(only="predict", slot=SLOT, release=False)
    assert (first.status, first.release_id, bench.live()) == ("succeeded", None, None)
    assert first.reason == "--no-release asked for that"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("day", "facts", "named", "is_released"),
    [
        ("2025-04-15", {}, False, True),
        ("2025-04-16", {}, False, True),
        ("2025-04-14", {}, False, False),
        ("2021-01-01", {"demo": True}, True, False),
    ],
)
def test_a_cut_off_before_the_live_one_is_kept(
    bench: Bench, day: str, facts: dict[str, bool], named: bool, is_released: bool
) -> None:
    writes(bench, "2025-04-15")
    first = bench.run(only="predict", forced=True)
    writes(bench, day, **facts)
    requested = date.fromisoformat(day) if named else None
    result = bench.run(only="predict", forced=True, data_as_of=requested)
    assert result.status == "succeeded", result.reason
    assert (result.release_id is not None, bench.live()) == (
        is_released,
        result.run_id if is_released else first.run_id,
    )


@pytest.mark.slow
def test_real_data_replace_simulated_data_of_later_days(bench: Bench) -> None:
    writes(bench, "2026-05-31", simulated=True)
    bench.run(only="predict", forced=True)
    writes(bench, "2021-06-01", demo=True)
    result = bench.run(only="predict", forced=True)
    assert bench.live() == result.run_id


@pytest.mark.slow
def test_a_backfill_moves_no_alias(bench: Bench) -> None:
    bench.run(only="predict", slot=SLOT)
    decision = '{"challenger": 7, "champion": 1, "promoted": True, "reason": "better", "evidence": {}}'
    cut = CUT.format(day="2025-04-14", demo=False, simulated=False)
    bench.write(
        "train", PARAMETERS + OPEN.format(step="train") + f"step.report(cut_off={cut}, model_version=7)\n"
    )
    bench.write("evaluate", PARAMETERS + OPEN.format(step="evaluate") + f"step.report(decision={decision})\n")
    assert bench.run(only="train,evaluate").status == "succeeded"
    assert bench.registry.aliases == {}
    assert bench.run(only="train,evaluate", release=True).status == "succeeded"
    assert bench.registry.aliases == {"challenger": 7, "champion": 7}


@pytest.mark.slow
def test_a_run_without_the_champion_is_kept_with_the_version_that_it_trained(bench: Bench) -> None:
    writes(bench, "2025-04-15")
    path = bench.project.settings.notebooks_folder / "stub" / "4_predict.ipynb"
    path.write_text(
        path.read_text().replace("step.report(staged=", "step.report(in_place_of_champion=1, staged=")
    )
    result = bench.run(only="predict", slot=SLOT)
    assert (result.status, result.release_id, bench.live()) == ("succeeded", None, None)
    assert "version 1 was trained in this run and is not the champion" in str(result.reason)


@pytest.mark.parametrize(
    "ahead",
    [timedelta(minutes=5), timedelta(days=1), timedelta(days=365_000), timedelta(days=2_900_000)],
    ids=str,
)
@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-11))], ids=str)
def test_a_slot_in_the_future_is_refused(bench: Bench, ahead: timedelta, zone: timezone) -> None:
    slot = datetime.now(zone) + ahead
    with pytest.raises(UsageError, match=r"lies in the future .* Leave out --slot") as refused:
        bench.run(only="predict", slot=slot)
    assert refused.value.exit_code == 2
    assert one(bench.project.database, "SELECT count(*) FROM almanac.runs") == 0


@given(st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_slot_is_taken_exactly_where_it_has_begun(slot: datetime) -> None:
    now = datetime.now(UTC)
    try:
        assert requested_slot(RunRequest("stub", slot=slot), STUB, predicts=True) == slot
    except UsageError:
        assert slot > now
    else:
        assert slot <= datetime.now(UTC)


def record_version(database: Any, version: int, trained_until: str) -> None:
    row = VERSION | {"version": version, "trained_until": trained_until}
    within(database, versions.add, row)


@pytest.mark.parametrize(
    ("trained_until", "is_refused"),
    [("2025-04-14", False), ("2025-04-15", False), ("2025-04-16", True), ("2026-01-01", True)],
)
def test_publishing_refuses_a_model_that_knows_days_from_the_cut_off_on(
    bench: Bench, trained_until: str, is_refused: bool
) -> None:
    owner = bench.project.database
    record_version(owner, 2, trained_until)
    run_id = begin(owner)
    staged = staging.stage(owner, STUB, run_id, content())
    request = publish.PublishRequest(STUB, run_id, update_for(staged, version=2), "test")
    if not is_refused:
        assert publish.publish(owner, request).release_id
        return
    with pytest.raises(
        LookAhead, match=f"version 2 was trained until {trained_until}; nothing was published"
    ):
        publish.publish(owner, request)
    assert bench.live() is None


def test_verify_names_a_release_whose_model_knew_later_days(bench: Bench) -> None:
    run_id = release(bench.project.database)
    states = {link.name: link.state for link in verify.verify(bench.project, run_id)}
    assert states["cut-off"] == "ok"
    change(bench.project.database, "UPDATE almanac.model_versions SET trained_until = '2025-04-25'")
    links = {link.name: link for link in verify.verify(bench.project, run_id)}
    assert links["cut-off"].state == "broken"
    assert links["cut-off"].detail == (
        "knows nothing from 2025-04-15 on, version 1 was trained until 2025-04-25"
    )


def test_a_record_without_a_cut_off_is_no_fault(bench: Bench) -> None:
    run_id = release(bench.project.database)
    change(bench.project.database, "UPDATE almanac.runs SET data_as_of = NULL")
    states = {link.name: link.state for link in verify.verify(bench.project, run_id)}
    assert states["cut-off"] == "none"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(
    slots=st.lists(st.integers(0, 50), min_size=1, max_size=6, unique=True),
    days=st.lists(st.integers(1, 28), min_size=6, max_size=6),
)
def test_whatever_the_order_of_runs_the_live_one_is_never_older_than_one_before(
    bench: Bench, slots: list[int], days: list[int]
) -> None:
    best: tuple[datetime, date] | None = None
    with bench.project.database.engine.connect() as connection:
        for hours, day in zip(slots, days, strict=False):
            slot, cut = SLOT + timedelta(hours=hours), date(2025, 4, day)
            run_id = runs.start(connection, runs.NewRun("stub", slot, ("predict",), "full", "tester"))
            assert run_id
            update = runs.RunUpdate(data_as_of=cut, rows=1)
            runs.finish(connection, run_id, "succeeded", update=update)
            reason = ledger.reason_to_keep(connection, runs.get(connection, run_id))
            assert bool(reason) == bool(best and (slot < best[0] or cut < best[1]))
            if not reason:
                ledger.append(connection, ledger.NewRelease(run_id, "publish", None, "test"))
                best = (slot, cut)
        connection.rollback()


@pytest.mark.parametrize(("release", "words"), [(None, []), (True, ["--release"]), (False, ["--no-release"])])
def test_the_processes_of_all_workloads_get_the_choice_too(release: bool | None, words: list[str]) -> None:
    assert processes.words("demand", RunRequest("", release=release)) == ["run", "demand", "--quiet", *words]
