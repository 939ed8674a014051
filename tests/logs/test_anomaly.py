"""Sessions and lines that stand out, with figures worked out by hand."""

import doctest

import numpy as np
import pytest

from almanac.workloads.logs import anomaly, evaluation
from almanac.workloads.logs.anomaly import SessionModel
from almanac.workloads.logs.terms import severity, traces
from tests.logs.log_samples import sessions

USUAL = ["open", "write", "close"]


def scores(kinds: list[list[str]], asked: list[list[str]]) -> list[bool]:
    fitted = SessionModel().fit(traces.counted(sessions(kinds)["texts"].tolist()))
    return (fitted.score(traces.counted(sessions(asked)["texts"].tolist())) >= 0.5).tolist()


def test_a_rare_text_a_missing_text_and_an_unseen_text_make_a_session_abnormal() -> None:
    # 2 of 100 sessions have the failure and 1 lacks the end: at most 3 % are as strange as either.
    kinds = [USUAL] * 97 + [[*USUAL, "fail"]] * 2 + [["open", "write"]]
    assert scores(kinds, [USUAL, [*USUAL, "fail"], ["open", "write"], [*USUAL, "explode"]]) == [
        False,
        True,
        True,
        True,
    ]


def test_what_five_in_a_hundred_sessions_have_is_not_abnormal() -> None:
    assert scores([USUAL] * 95 + [[*USUAL, "retry"]] * 5, [[*USUAL, "retry"]]) == [False]


def test_labels_are_used_where_there_are_enough_of_them() -> None:
    kinds = [USUAL] * 100 + [[*USUAL, "retry"]] * 30
    labelled = sessions(kinds, abnormal=[False] * 100 + [True] * 30)
    fitted = SessionModel().fit(traces.counted(labelled["texts"].tolist()), traces.labels(labelled))
    assert fitted.is_supervised
    assert (fitted.score(traces.counted(labelled["texts"].tolist())) >= 0.5).tolist() == [False] * 100 + [
        True
    ] * 30


@pytest.mark.parametrize(
    ("abnormal", "normal", "are_enough"), [(20, 20, True), (19, 100, False), (100, 19, False)]
)
def test_labels_are_enough_with_20_of_either_kind(abnormal: int, normal: int, are_enough: bool) -> None:
    labelled = sessions(
        [[*USUAL, "retry"]] * abnormal + [USUAL] * normal, abnormal=[True] * abnormal + [False] * normal
    )
    assert (
        SessionModel().fit(traces.counted(labelled["texts"].tolist()), traces.labels(labelled)).is_supervised
        == are_enough
    )


def test_a_session_is_known_where_half_of_its_events_are() -> None:
    fitted = SessionModel().fit(traces.counted(sessions([USUAL] * 3)["texts"].tolist()))
    asked = [["open", "strange"], ["open", "strange", "odd"], ["strange"]]
    assert fitted.knows(traces.counted(sessions(asked)["texts"].tolist())).tolist() == [True, False, False]


def test_halves_in_time_share_no_session_and_the_first_ends_where_the_second_begins() -> None:
    every = sessions([USUAL] * 6)
    first, second = evaluation.sessions.split_by_time(every)
    assert (first["session_id"].tolist(), second["session_id"].tolist()) == (
        ["s00000", "s00001", "s00002"],
        ["s00003", "s00004", "s00005"],
    )
    assert first["ended_at"].max() < second["started_at"].min()


def test_sessions_without_a_label_are_not_judged() -> None:
    kinds, labels = [USUAL, [*USUAL, "retry"], USUAL] * 40, [False, True, None] * 40
    told = evaluation.sessions.compare_splits(sessions(kinds, abnormal=labels), seed=1)
    assert told["n"].tolist() == [40, 40, 40, 40]
    assert told["f1"].iloc[0] == 1.0


def test_training_sees_no_event_from_the_cut_on() -> None:
    every = sessions([USUAL] * 3)
    cut = every["started_at"].iloc[1] + np.timedelta64(1, "s")
    before = traces.before(every, cut)
    assert before["texts"].str.len().tolist() == [3, 1]
    assert (before["ended_at"] <= cut).all()
    assert traces.since(every, cut)["session_id"].tolist() == ["s00002"]


def test_precision_recall_and_f1_are_counted_by_hand() -> None:
    told = evaluation.sessions.figures(
        np.array([True, True, False, False]), np.array([True, False, True, False]), seed=0
    )
    assert (told["precision"], told["recall"], told["f1"], told["abnormal"], told["n"]) == (
        0.5,
        0.5,
        0.5,
        2,
        4,
    )


def test_a_template_is_rare_below_two_in_ten_thousand_of_a_source_that_has_enough() -> None:
    assert (
        anomaly.rarity(np.array([1.0, 3.0, 1.0]), np.array([10_000.0, 10_000.0, 100.0])) >= 0.5
    ).tolist() == [True, False, False]


def test_of_a_source_with_fewer_than_2000_entries_nothing_is_said() -> None:
    told = anomaly.rarity(np.array([1.0, 1.0, 1.0]), np.array([1_999.0, 2_000.0, 6_000.0]))
    assert told == pytest.approx([0.0, 2e-4 / (2e-4 + 1 / 2_000), 2e-4 / (2e-4 + 1 / 6_000)])
    assert told[2] >= 0.5


def test_fewer_than_50_entries_are_no_burst() -> None:
    assert (
        anomaly.burst(np.array([49.0, 50.0]), np.array([1.0, 1.0]), np.array([12.0, 12.0])) >= 0.5
    ).tolist() == [False, True]


def test_a_burst_is_ten_times_the_usual_of_a_template_that_is_known() -> None:
    told = anomaly.burst(
        np.array([100.0, 99.0, 100.0]), np.array([10.0, 10.0, 10.0]), np.array([12.0, 12.0, 3.0])
    )
    assert (told >= 0.5).tolist() == [True, False, False]


def test_severity_is_a_rule_over_level_and_anomaly() -> None:
    told = {
        (level, odd): severity.severity(level, anomaly=odd)
        for level in ("debug", "info", "warning", "error")
        for odd in (False, True)
    }
    assert [told[key] for key in sorted(told)] == [
        "low",
        "medium",
        "high",
        "critical",
        "low",
        "medium",
        "medium",
        "high",
    ]


def test_the_examples_in_the_docstrings_hold() -> None:
    assert [doctest.testmod(module).failed for module in (anomaly, severity)] == [0, 0]
