"""Where events come from: traces, a generator, the queue's own measurements."""

import logging
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from almanac.errors import SourceCorrupt, SourceUnavailable, UsageError
from almanac.settings import Settings
from almanac.store.rows.canonical import canonical
from almanac.workloads.events import features, sources
from almanac.workloads.events.contract import HISTORY, TRAFFIC
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.replays import trace
from almanac.workloads.events.sources import generator, measurements, replayed_trace, traces
from almanac.workloads.events.sources.generator import TrafficPattern

EMPTY = pd.DataFrame(columns=[*HISTORY.column_names, *TRAFFIC.column_names])
NO_ARRIVALS = pd.DataFrame(columns=TRAFFIC.column_names)
LONG_RECORD = "[2016-12-19 16:31:48,025] ERROR Failed"
SECOND_LINE = "java.lang.Error: é"
RECORDS = f"""[2016-12-19 16:31:47,999] TRACE Controller 0 (state.change.logger)
{LONG_RECORD}
{SECOND_LINE}
[2016-12-19 16:31:48,030] INFO Done
"""
GENERATED = generator.generate(700.0, seed=1)


def observe(batches: pd.DataFrame, arrivals: pd.DataFrame = EMPTY) -> Callable[..., pd.DataFrame]:
    """Return what a step sees in the queue's views.

    Without a column `simulated` no processing was simulated.
    """
    rows = batches if "simulated" in batches else batches.assign(simulated=False)
    return lambda view, **_: rows if view == "batches" else arrivals


def history(source: str, count: int) -> pd.DataFrame:
    """Return so many batches of a generated trace under the name of a source."""
    rows = replayed_trace.history(GENERATED, Prices(), objective_seconds=2.0, seed=1)
    return rows.head(count).assign(source=source)


def offline(folder: Path) -> Settings:
    return Settings(ALMANAC_STATE=folder, ALMANAC_OFFLINE=True, ALMANAC_MIRROR="")


def test_a_trace_begins_at_zero_and_is_in_order() -> None:
    arrivals = trace.make("mine", [12.5, 10.0], [1.0, 2.0], ["a", "b"])
    assert arrivals.seconds.tolist() == [0.0, 2.5]
    assert arrivals.kb.tolist() == [2.0, 1.0]
    assert arrivals.begins == datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC)


def test_a_trace_stored_as_rows_is_read_back() -> None:
    arrivals = generator.generate(60.0, seed=2)
    again = trace.of_frame(arrivals.frame())
    assert again.seconds == pytest.approx(arrivals.seconds - arrivals.seconds[0], abs=2e-6)
    assert again.kb.tolist() == arrivals.kb.tolist()
    assert again.kinds.tolist() == arrivals.kinds.tolist()


def test_the_generator_makes_the_same_traffic_for_the_same_seed_with_the_rate_of_its_pattern() -> None:
    pattern = TrafficPattern(rate=8.0, swing=0.5, day_seconds=500.0, bursts_per_hour=0.0)
    first, again = (generator.generate(1000.0, seed=5, pattern=pattern) for _ in range(2))
    assert first.seconds.tolist() == again.seconds.tolist()
    assert len(first) == pytest.approx(8000, rel=0.05)
    assert first.simulated


def test_log_records_have_their_instant_their_bytes_and_their_level() -> None:
    records = list(traces.log_records(RECORDS.splitlines()))
    begin = datetime(2016, 12, 19, 16, 31, 47, tzinfo=UTC).timestamp()
    assert [record.level for record in records] == ["trace", "error", "info"]
    assert [round(record.instant - begin, 3) for record in records] == [0.999, 1.025, 1.03]
    assert records[1].size == len(LONG_RECORD) + len(SECOND_LINE.encode())


def test_a_file_of_the_user_is_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("seconds,kb,kind\n5,1.5,a\n3,2.5,b\n")
    arrivals = traces.read(str(path), Settings())
    assert arrivals.name == "mine"
    assert arrivals.seconds.tolist() == [0.0, 2.0]
    assert arrivals.kb.tolist() == [2.5, 1.5]
    assert arrivals.kinds.tolist() == ["b", "a"]


def test_an_empty_kind_of_a_file_is_an_event(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("seconds,kb,kind\n5,1.5,\n3,2.5,b\n")
    assert traces.read(str(path), Settings()).kinds.tolist() == ["b", "event"]


@pytest.mark.parametrize(
    "text",
    [
        "seconds\n1\n",
        "seconds,kb\n",
        "seconds,kb\n1,-2\n",
        "seconds,kb\nsoon,2\n",
        "seconds,kb\n1,inf\n",
        "seconds,kb\n1e18,2\n",
        "seconds,kb\nnan,2\n",
        "seconds,kb,kind\n1,2,a\0b\n",
    ],
)
def test_a_file_that_is_no_trace_is_refused_with_what_it_needs(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(SourceCorrupt, match=r"bad.csv is no trace"):
        traces.read(str(path), Settings())


def test_an_unknown_trace_is_named_beside_those_that_exist() -> None:
    with pytest.raises(UsageError, match=r"Unknown trace 'kafak'. Use azure-conv, nasa, kafka, poisson"):
        traces.read("kafak", Settings())


def test_a_young_queue_learns_from_a_replay_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        fetched = sources.fetch(offline(tmp_path), observe(history("worker", 3)))
    assert fetched.source == "poisson"
    assert [reason.split(" (")[0] for reason in fetched.skipped_sources] == ["worker", "azure-conv"]
    assert "3 batches so far, 250 are needed" in fetched.skipped_sources[0]
    assert "GENERATED TRACE" in caplog.text


def test_a_queue_with_a_history_learns_from_nothing_else(tmp_path: Path) -> None:
    fetched = sources.fetch(offline(tmp_path), observe(history("worker", 250), NO_ARRIVALS))
    assert (fetched.source, len(fetched.history), fetched.skipped_sources) == ("worker", 250, [])


def test_an_event_that_was_retried_alone_is_no_batch_to_learn_from() -> None:
    sized_by = ["published", "again", "default", "again"]
    rows = history("worker", 4).assign(sized_by=sized_by, batch_id=[11, 12, 13, 14])
    assert measurements.batches(observe(rows))["batch_id"].tolist() == ["11", "13"]


def test_simulated_processing_is_not_mixed_with_measurements(tmp_path: Path) -> None:
    trials = history("worker", 300).assign(simulated=True)
    both = pd.concat([history("worker", 260).assign(simulated=False), trials])
    fetched = sources.fetch(offline(tmp_path), observe(both, NO_ARRIVALS))
    assert (fetched.source, len(fetched.history)) == ("worker", 260)


def test_trials_are_used_alone_and_count_as_a_demonstration(tmp_path: Path) -> None:
    trials = history("worker", 300).assign(simulated=True)
    fetched = sources.fetch(offline(tmp_path), observe(trials, NO_ARRIVALS))
    assert (fetched.source, len(fetched.history)) == ("worker, simulated processing", 300)
    cut = sources.cut_off(fetched.history)
    assert (cut.demo, cut.simulated, cut.source) == (True, False, "worker, simulated processing")
    assert cut.newest_data == trials["started_at"].max().date() == cut.data_as_of - timedelta(days=1)


def test_a_batch_teaches_the_same_whatever_sized_it() -> None:
    rows = history("worker", 4).assign(sized_by=["published", "default", "fixed", "polling"])
    batches = measurements.batches(observe(rows))
    published = features.build(batches.assign(sized_by="published"))
    assert len(batches) == 4
    assert features.build(batches)[features.FEATURES].equals(published[features.FEATURES])


@pytest.mark.parametrize(
    ("counts", "sample", "best"),
    [
        ({"worker": 250, "azure-conv": 9}, "full", "worker"),
        ({"worker": 249, "azure-conv": 9}, "full", "azure-conv"),
        ({"worker, simulated processing": 250, "azure-conv": 9}, "full", "worker, simulated processing"),
        ({"poisson": 9}, "full", "poisson"),
        ({"worker": 250, "poisson": 9}, "mock", "poisson"),
    ],
)
def test_the_most_real_source_that_has_enough_batches_is_selected(
    counts: dict[str, int], sample: sources.Sample, best: str
) -> None:
    rows = pd.concat([history(source, count) for source, count in counts.items()])
    selected = sources.select(rows, sample=sample)
    assert selected["source"].unique().tolist() == [best]
    assert len(selected) == counts[best]


def test_a_requested_day_hides_later_batches() -> None:
    with pytest.raises(SourceUnavailable, match="no batch for sample 'full'"):
        sources.select(history("azure-conv", 9), sample="full", until=date(2000, 1, 1))


@pytest.mark.parametrize(
    ("source", "kind"), [("worker", (False, False)), ("azure-conv", (True, False)), ("poisson", (True, True))]
)
def test_a_replayed_trace_is_a_demonstration_and_a_generated_one_is_simulated(
    source: str, kind: tuple[bool, bool]
) -> None:
    cut = sources.cut_off(history(source, 9))
    assert (cut.demo, cut.simulated) == kind
    assert cut.data_as_of == date(2000, 1, 2)


def test_arrivals_are_those_of_the_same_source_up_to_the_last_batch() -> None:
    batches, arrivals = history("poisson", 9), GENERATED.frame()
    last = batches["started_at"].max()
    selected = sources.of_same_source(pd.concat([arrivals.assign(source="worker"), arrivals]), batches)
    assert selected["source"].unique().tolist() == ["poisson"]
    assert selected["arrived_at"].max() <= last
    assert len(selected) == (arrivals["arrived_at"] <= last).sum()


def test_a_replayed_history_can_be_stored_as_it_is() -> None:
    rows = history("poisson", 50)
    assert canonical(HISTORY, rows).num_rows == 50
    assert canonical(TRAFFIC, generator.generate(60.0, seed=1).frame()).num_rows > 100
    costs = rows[["fixed_cost", "event_cost", "second_cost"]].sum(axis=1)
    assert costs.to_numpy() == pytest.approx(Prices().totals(rows["events"], rows["seconds"]))
    assert np.ptp(rows["events"]) > 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count", "span"),
    [("azure-conv", 19_366, 3_501.7), ("nasa", 30_969, 46_321.0), ("kafka", 17_805, 27_572.4)],
)
def test_a_public_trace_has_as_many_arrivals_as_its_publisher_says(
    name: str, count: int, span: float
) -> None:
    mirror = os.environ.get("ALMANAC_MIRROR", "")
    if not mirror:
        pytest.skip("ALMANAC_MIRROR is not set: the public traces are not read")
    arrivals = traces.read(name, Settings(ALMANAC_MIRROR=mirror))
    assert len(arrivals) == count
    assert arrivals.seconds[-1] == pytest.approx(span, abs=0.1)
    assert (np.diff(arrivals.seconds) >= 0).all()
