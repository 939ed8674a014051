"""Abnormal sessions and lines, with scores worked out by hand."""

import doctest

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.logs import anomaly, evaluation, features
from almanac.workloads.logs.anomaly import SessionModel
from almanac.workloads.logs.terms import severity, traces
from tests.logs.log_samples import sessions

USUAL = ["open", "write", "close"]
WITH_RETRY = [*USUAL, "retry"]


def fitted(frame: pd.DataFrame) -> SessionModel:
    """Return a session model of traces with their labels."""
    return SessionModel().fit(traces.counted(frame["texts"]), traces.labels(frame))


def flags(model: SessionModel, frame: pd.DataFrame) -> list[bool]:
    """Return which sessions a model finds abnormal."""
    return (model.score(traces.counted(frame["texts"])) >= 0.5).tolist()


def test_a_rare_a_missing_and_an_unseen_text_make_a_session_abnormal() -> None:
    # 2 of 100 sessions have the failure and 1 lacks the end: at most 3 % are as strange as either.
    with_failure, without_end, unseen = [*USUAL, "fail"], ["open", "write"], [*USUAL, "explode"]
    model = fitted(sessions([USUAL] * 97 + [with_failure] * 2 + [without_end]))
    judged = flags(model, sessions([USUAL, with_failure, without_end, unseen]))
    assert judged == [False, True, True, True]


def test_what_five_in_a_hundred_sessions_have_is_not_abnormal() -> None:
    model = fitted(sessions([USUAL] * 95 + [WITH_RETRY] * 5))
    assert flags(model, sessions([WITH_RETRY])) == [False]


def test_labels_are_used_where_there_are_enough_of_them() -> None:
    labels = [False] * 100 + [True] * 30
    labelled = sessions([USUAL] * 100 + [WITH_RETRY] * 30, abnormal=labels)
    model = fitted(labelled)
    assert model.is_supervised
    assert flags(model, labelled) == labels


@pytest.mark.parametrize(
    ("abnormal", "normal", "are_enough"), [(20, 20, True), (19, 100, False), (100, 19, False)]
)
def test_labels_are_enough_with_20_of_either_kind(abnormal: int, normal: int, are_enough: bool) -> None:
    labels = [True] * abnormal + [False] * normal
    model = fitted(sessions([WITH_RETRY] * abnormal + [USUAL] * normal, abnormal=labels))
    assert model.is_supervised == are_enough


def test_a_model_knows_a_session_if_it_knows_half_of_its_events() -> None:
    model = fitted(sessions([USUAL] * 3))
    others = sessions([["open", "strange"], ["open", "strange", "odd"], ["strange"]])
    assert model.knows(traces.counted(others["texts"])).tolist() == [True, False, False]


def test_halves_in_time_share_no_session_and_the_first_ends_where_the_second_begins() -> None:
    first, second = evaluation.sessions.split_by_time(sessions([USUAL] * 6))
    assert first["session_id"].tolist() == ["s00000", "s00001", "s00002"]
    assert second["session_id"].tolist() == ["s00003", "s00004", "s00005"]
    assert first["ended_at"].max() < second["started_at"].min()


def test_sessions_without_a_label_are_not_evaluated() -> None:
    frame = sessions([USUAL, WITH_RETRY, USUAL] * 40, abnormal=[False, True, None] * 40)
    figures = evaluation.sessions.compare_splits(frame, seed=1)
    assert figures["n"].tolist() == [40, 40, 40, 40]
    assert figures["f1"].iloc[0] == 1.0


def test_too_few_labels_give_no_figures() -> None:
    frame = sessions([USUAL, WITH_RETRY] * 19, abnormal=[False, True] * 19)
    figures = evaluation.sessions.compare_splits(frame, seed=1)
    assert len(figures) == 0
    assert list(figures.columns) == evaluation.sessions.COLUMNS


def test_the_first_half_has_no_event_from_the_cut_on() -> None:
    every = sessions([USUAL] * 3)
    cut = every["started_at"].iloc[1] + np.timedelta64(1, "s")
    before = traces.before(every, cut)
    assert before["texts"].str.len().tolist() == [3, 1]
    assert (before["ended_at"] <= cut).all()
    assert traces.since(every, cut)["session_id"].tolist() == ["s00002"]


def test_precision_recall_and_f1_are_counted_by_hand() -> None:
    abnormal, flagged = np.array([True, True, False, False]), np.array([True, False, True, False])
    figures = evaluation.sessions.figures(abnormal, flagged, seed=0)
    assert [figures[name] for name in ("precision", "recall", "f1")] == [0.5, 0.5, 0.5]
    assert (figures["abnormal"], figures["n"]) == (2, 4)
    assert figures["low"] <= 0.5 <= figures["high"]


def test_the_anatomy_is_of_a_session_with_the_label_abnormal() -> None:
    labels = [False] * 99 + [True]
    frame = sessions([USUAL] * 98 + [["explode"], WITH_RETRY], abnormal=labels)
    names = dict(zip(features.text_ids(WITH_RETRY), WITH_RETRY, strict=True))
    events = evaluation.sessions.anatomy_of_strangest(frame, names)
    assert events["text"].tolist() == WITH_RETRY
    assert events["seconds"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert events["share"].tolist() == pytest.approx([0.99, 0.99, 0.99, 0.01])


def test_without_sessions_there_is_no_anatomy() -> None:
    events = evaluation.sessions.anatomy_of_strangest(pd.DataFrame(columns=traces.COLUMNS), {})
    assert (len(events), list(events.columns)) == (0, ["seconds", "text", "share"])


def test_a_template_is_rare_below_two_in_ten_thousand_entries_of_its_source() -> None:
    scores = anomaly.rarity(np.array([1.0, 3.0]), np.array([10_000.0, 10_000.0]))
    assert (scores >= 0.5).tolist() == [True, False]


def test_a_source_with_fewer_than_2000_entries_has_no_rare_template() -> None:
    scores = anomaly.rarity(np.array([1.0, 1.0, 1.0]), np.array([1_999.0, 2_000.0, 6_000.0]))
    assert scores == pytest.approx([0.0, 2e-4 / (2e-4 + 1 / 2_000), 2e-4 / (2e-4 + 1 / 6_000)])
    assert scores[2] >= 0.5


def test_fewer_than_50_entries_are_no_burst() -> None:
    scores = anomaly.burst(np.array([49.0, 50.0]), np.array([1.0, 1.0]), np.array([12.0, 12.0]))
    assert (scores >= 0.5).tolist() == [False, True]


def test_a_burst_is_ten_times_the_usual_entries_of_12_other_buckets() -> None:
    usual, buckets = np.array([10.0, 10.0, 10.0]), np.array([12.0, 12.0, 11.0])
    scores = anomaly.burst(np.array([100.0, 99.0, 100.0]), usual, buckets)
    assert (scores >= 0.5).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("level", "severities"),
    [
        ("debug", ["low", "medium"]),
        ("info", ["low", "medium"]),
        ("warning", ["medium", "high"]),
        ("error", ["high", "critical"]),
    ],
)
def test_severity_is_a_rule_over_level_and_anomaly(level: str, severities: list[str]) -> None:
    assert [severity.severity(level, anomaly=odd) for odd in (False, True)] == severities


def test_the_examples_in_the_docstrings_hold() -> None:
    assert [doctest.testmod(module).failed for module in (anomaly, severity)] == [0, 0]
