"""Where events come from: traces, a generator, the queue's own measurements."""

import logging
import os
from collections.abc import Callable
from datetime import UTC, date, datetime
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
from almanac.workloads.events.sources import generator, measured, replayed, traces

NOTHING = pd.DataFrame(columns=[*HISTORY.column_names, *TRAFFIC.column_names])
RECORDS = """[2016-12-19 16:31:47,999] TRACE Controller 0 (state.change.logger)
[2016-12-19 16:31:48,025] ERROR Failed
java.lang.Error: é
[2016-12-19 16:31:48,030] INFO Done
"""


def observed(batches: pd.DataFrame, arrivals: pd.DataFrame | None = None) -> Callable[..., pd.DataFrame]:
    """Return what a step would see in the queue's views; no processing was simulated unless `batches` say so."""
    told = batches if "simulated" in batches else batches.assign(simulated=False)
    return lambda view, **_: told if view == "batches" else NOTHING if arrivals is None else arrivals


def history(source: str, count: int) -> pd.DataFrame:
    """Return so many batches of a generated trace under the name of a source."""
    made = replayed.history(generator.generate(700.0, seed=1), Prices(), objective_seconds=2.0, seed=1)
    return made.head(count).assign(source=source)


def offline(folder: Path) -> Settings:
    return Settings(ALMANAC_STATE=folder, ALMANAC_OFFLINE=True, ALMANAC_MIRROR="")


def test_a_trace_begins_at_zero_and_is_in_order() -> None:
    made = trace.make("mine", [12.5, 10.0], [1.0, 2.0], ["a", "b"])
    assert made.seconds.tolist() == [0.0, 2.5]
    assert made.kb.tolist() == [2.0, 1.0]
    assert made.begins == datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC)


def test_a_trace_survives_being_stored_as_rows() -> None:
    made = generator.generate(60.0, seed=2)
    again = trace.of_frame(made.frame())
    assert again.seconds == pytest.approx(made.seconds - made.seconds[0], abs=2e-6)
    assert again.kb.tolist() == made.kb.tolist()
    assert again.kinds.tolist() == made.kinds.tolist()


def test_the_generator_makes_the_same_traffic_for_the_same_seed_with_the_rate_it_was_given() -> None:
    shape = generator.Shape(rate=8.0, swing=0.5, day_seconds=500.0, bursts_per_hour=0.0)
    first, again = (generator.generate(1000.0, seed=5, shape=shape) for _ in range(2))
    assert first.seconds.tolist() == again.seconds.tolist()
    assert len(first) == pytest.approx(8000, rel=0.05)
    assert first.simulated


def test_log_records_carry_their_instant_their_bytes_and_their_level() -> None:
    found = list(traces.log_records(RECORDS.splitlines()))
    begin = datetime(2016, 12, 19, 16, 31, 47, tzinfo=UTC).timestamp()
    assert [(round(second - begin, 3), level) for second, _, level in found] == [
        (0.999, "trace"),
        (1.025, "error"),
        (1.03, "info"),
    ]
    assert found[1][1] == len("[2016-12-19 16:31:48,025] ERROR Failed") + len("java.lang.Error: é".encode())


def test_a_file_of_the_user_is_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("seconds,kb,kind\n5,1.5,a\n3,2.5,b\n")
    made = traces.read(str(path), Settings())
    assert (made.name, made.seconds.tolist(), made.kb.tolist(), made.kinds.tolist()) == (
        "mine",
        [0.0, 2.0],
        [2.5, 1.5],
        ["b", "a"],
    )
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
        "seconds,kb,kind\n1,2,a\0b\n",
    ],
)
def test_a_file_that_is_no_trace_is_refused_with_what_it_needs(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(SourceCorrupt, match=r"bad.csv is no trace"):
        traces.read(str(path), Settings())


def test_an_unknown_trace_is_named_beside_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"Unknown trace 'kafak'. Use azure-conv, nasa, kafka, poisson"):
        traces.read("kafak", Settings())


def test_a_young_queue_learns_from_a_replay_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        fetched = sources.fetch(offline(tmp_path), observed(history("worker", 3)))
    assert fetched.source == "poisson"
    assert [reason.split(" (")[0] for reason in fetched.skipped_sources] == ["worker", "azure-conv"]
    assert "3 batches so far, 250 are needed" in fetched.skipped_sources[0]
    assert "GENERATED TRACE" in caplog.text


def test_a_queue_with_a_history_learns_from_nothing_else(tmp_path: Path) -> None:
    fetched = sources.fetch(
        offline(tmp_path), observed(history("worker", 250), pd.DataFrame(columns=TRAFFIC.column_names))
    )
    assert (fetched.source, len(fetched.history), fetched.skipped_sources) == ("worker", 250, [])


def test_an_event_that_was_tried_again_alone_is_no_batch_to_learn_from() -> None:
    rows = history("worker", 4).assign(
        sized_by=["published", "again", "default", "again"], batch_id=[11, 12, 13, 14]
    )
    assert measured.batches(observed(rows))["batch_id"].tolist() == ["11", "13"]


def test_what_was_only_simulated_is_not_mixed_with_what_was_measured(tmp_path: Path) -> None:
    both = pd.concat(
        [history("worker", 260).assign(simulated=False), history("worker", 300).assign(simulated=True)]
    )
    arrivals = pd.DataFrame(columns=TRAFFIC.column_names)
    fetched = sources.fetch(offline(tmp_path), observed(both, arrivals))
    assert (fetched.source, len(fetched.history)) == ("worker", 260)
    trial = sources.fetch(offline(tmp_path), observed(both[both["simulated"]], arrivals))
    assert (trial.source, len(trial.history)) == ("worker, simulated processing", 300)
    cut = sources.cut_off(trial.history)
    assert (cut.demo, cut.simulated, cut.source) == (True, False, "worker, simulated processing")


def test_a_batch_teaches_the_same_whoever_sized_it() -> None:
    rows = history("worker", 4).assign(sized_by=["published", "default", "fixed", "polling"])
    told = measured.batches(observed(rows))
    assert len(told) == 4
    sized = features.build(told.assign(sized_by="published"))
    assert features.build(told)[features.FEATURES].equals(sized[features.FEATURES])


@pytest.mark.parametrize(
    ("counts", "sample", "chosen"),
    [
        ({"worker": 250, "azure-conv": 9}, "full", "worker"),
        ({"worker": 249, "azure-conv": 9}, "full", "azure-conv"),
        ({"worker, simulated processing": 250, "azure-conv": 9}, "full", "worker, simulated processing"),
        ({"poisson": 9}, "full", "poisson"),
        ({"worker": 250, "poisson": 9}, "mock", "poisson"),
    ],
)
def test_the_source_nearest_to_life_that_has_enough_is_selected(
    counts: dict[str, int], sample: str, chosen: str
) -> None:
    known = pd.concat([history(source, count) for source, count in counts.items()])
    selected = sources.select(known, sample=sample)
    assert selected["source"].unique().tolist() == [chosen]
    assert len(selected) == counts[chosen]


def test_a_wanted_day_hides_what_came_later() -> None:
    with pytest.raises(SourceUnavailable, match="no batch for sample 'full'"):
        sources.select(history("azure-conv", 9), sample="full", wanted=date(2000, 1, 1))


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
    made = generator.generate(700.0, seed=1)
    batches = history("poisson", 9)
    other = made.frame().assign(source="worker")
    found = sources.of_same_source(pd.concat([other, made.frame()]), batches)
    assert found["source"].unique().tolist() == ["poisson"]
    assert found["arrived_at"].max() <= batches["started_at"].max()
    assert len(found) == (made.frame()["arrived_at"] <= batches["started_at"].max()).sum()


def test_a_replayed_history_can_be_stored_as_it_is() -> None:
    made = history("poisson", 50)
    assert canonical(HISTORY, made).num_rows == 50
    assert canonical(TRAFFIC, generator.generate(60.0, seed=1).frame()).num_rows > 100
    parts = made[["fixed_cost", "event_cost", "second_cost"]].sum(axis=1)
    assert parts.to_numpy() == pytest.approx(Prices().totals(made["events"], made["seconds"]))
    assert np.ptp(made["events"]) > 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count", "span"),
    [("azure-conv", 19_366, 3_501.7), ("nasa", 30_969, 46_321.0), ("kafka", 17_805, 27_572.4)],
)
def test_a_public_trace_has_the_arrivals_it_is_known_for(name: str, count: int, span: float) -> None:
    mirror = os.environ.get("ALMANAC_MIRROR", "")
    if not mirror:
        pytest.skip("ALMANAC_MIRROR is not set: the public traces are not read")
    made = traces.read(name, Settings(ALMANAC_MIRROR=mirror))
    assert len(made) == count
    assert made.seconds[-1] == pytest.approx(span, abs=0.1)
    assert (np.diff(made.seconds) >= 0).all()
