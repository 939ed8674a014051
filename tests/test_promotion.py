"""The promotion rule: a table of evidence with decisions and reasons worked out by hand."""

import doctest
from dataclasses import asdict, replace
from itertools import product
from typing import Any

import pytest

from almanac.judging import promotion
from almanac.judging.promotion import (
    CALIBRATION_MARGIN,
    KINDS,
    MARGIN,
    MINIMUM_CASES,
    Decision,
    Evidence,
    decide,
    judge,
)
from almanac.judging.scores import Interval

GOOD = Evidence("log_loss", 900, Interval(-0.020, -0.030, -0.010), 0.010)
LATER = replace(GOOD, against_champion=Interval(-0.0030, -0.0050, 0.0010), champion_calibration_error=0.012)
PLAYS = Evidence("ndcg_at_10", 900, Interval(-0.020, -0.030, -0.010), kind="plays")
PLAYS_LATER = replace(PLAYS, against_champion=Interval(-0.0030, -0.0050, 0.0010))
PROXY = replace(PLAYS, metric="series_found", kind="proxy")
PROXY_LATER = replace(PLAYS_LATER, metric="series_found", kind="proxy")

AT_THE_EDGE, PERHAPS_LUCK = Interval(-0.020, -0.040, 0.0), Interval(-0.020, -0.041, 0.001)
EQUAL, WORSE = Interval(0.0, -0.001, 0.001), Interval(0.002, 0.001, 0.003)
WITHIN_MARGIN, BEYOND_MARGIN = Interval(-0.003, -0.008, 0.002), Interval(-0.003, -0.009, 0.0021)

FIGURES = "log_loss -0.0200 [-0.0300, -0.0100] on 900 cases"
POPULARITY = "ndcg_at_10 of popularity less the challenger's"
PLAYS_FIGURES = f"{POPULARITY} -0.0200 [-0.0300, -0.0100] on 900 players"
CHAMPION = "-0.0030 [-0.0050, +0.0010]"
TELLS, TELLS_MORE, TELLS_LESS = (f"(these cases tell differences from 0.00{n})" for n in ("30", "10", "55"))
CHAMPIONS = "ndcg_at_10 of the champion's recipe less the challenger's"
PROXIES = "series_found of popularity less the challenger's"
A_PROXY = "series games (a proxy: no plays, or too few, to judge by)"
AGAINST = "against the champion on 900 cases"
SAME = "the challenger is the champion: same data, code and parameters"

CASES = {
    "a first version that beats the baseline": (GOOD, True, f"first version, beats the baseline: {FIGURES}"),
    "a first version that may be luck": (
        replace(GOOD, against_baseline=PERHAPS_LUCK),
        True,
        "first version, within 0.002 of the baseline: log_loss -0.0200 [-0.0410, +0.0010] on 900 cases",
    ),
    "a first version that does not beat the baseline at all": (
        replace(GOOD, against_baseline=EQUAL),
        True,
        "first version, within 0.002 of the baseline: log_loss +0.0000 [-0.0010, +0.0010] on 900 cases",
    ),
    "a first version at the very edge": (
        replace(GOOD, against_baseline=WITHIN_MARGIN),
        True,
        "first version, within 0.002 of the baseline: log_loss -0.0030 [-0.0080, +0.0020] on 900 cases",
    ),
    "a first version on too few cases to tell": (
        replace(GOOD, against_baseline=BEYOND_MARGIN),
        False,
        (
            "does not beat the baseline beyond noise (these cases tell differences from 0.0055):"
            " log_loss -0.0030 [-0.0090, +0.0021] on 900 cases"
        ),
    ),
    "a first version that is worse than the baseline": (
        replace(GOOD, against_baseline=WORSE),
        False,
        "does not beat the baseline: log_loss +0.0020 [+0.0010, +0.0030] on 900 cases",
    ),
    "the champion's recipe on newer data within the margin": (
        replace(LATER, against_baseline=WITHIN_MARGIN, same_recipe=True),
        True,
        (
            "the champion's recipe on newer data, within 0.002 of the baseline:"
            " log_loss -0.0030 [-0.0080, +0.0020] on 900 cases"
        ),
    ),
    "another recipe that is only within the margin of the baseline": (
        replace(LATER, against_baseline=WITHIN_MARGIN),
        False,
        (
            "does not beat the baseline beyond noise (these cases tell differences from 0.0050):"
            " log_loss -0.0030 [-0.0080, +0.0020] on 900 cases"
        ),
    ),
    "a first version with one case too few": (
        replace(GOOD, cases=199),
        False,
        "no new evidence: 199 cases after both models' training end, 200 are needed; champion stays",
    ),
    "a first version with just enough cases": (
        replace(GOOD, cases=200),
        True,
        "first version, beats the baseline: log_loss -0.0200 [-0.0300, -0.0100] on 200 cases",
    ),
    "the champion itself": (replace(LATER, same_version=True), False, SAME),
    "a better version": (LATER, True, f"better: log_loss {CHAMPION} {AGAINST} {TELLS}"),
    "a version that is just as good": (
        replace(LATER, against_champion=EQUAL),
        False,
        f"not better: log_loss +0.0000 [-0.0010, +0.0010] {AGAINST} {TELLS_MORE}",
    ),
    "a worse version": (
        replace(LATER, against_champion=WORSE),
        False,
        f"not better: log_loss +0.0020 [+0.0010, +0.0030] {AGAINST} {TELLS_MORE}",
    ),
    "a version that is better but could be much worse": (
        replace(LATER, against_champion=BEYOND_MARGIN),
        False,
        f"could be worse by more than 0.002: log_loss -0.0030 [-0.0090, +0.0021] {AGAINST} {TELLS_LESS}",
    ),
    "a version that is better within the margin": (
        replace(LATER, against_champion=WITHIN_MARGIN),
        True,
        f"better: log_loss -0.0030 [-0.0080, +0.0020] {AGAINST} (these cases tell differences from 0.0050)",
    ),
    "a better version with worse calibration": (
        replace(LATER, calibration_error=0.0225),
        False,
        f"worse calibrated by 0.0105: log_loss {CHAMPION} {AGAINST} {TELLS}",
    ),
    "a better version with hardly worse calibration": (
        replace(LATER, calibration_error=0.0215),
        True,
        f"better: log_loss {CHAMPION} {AGAINST} {TELLS}",
    ),
    "a better version that the baseline beats": (
        replace(LATER, against_baseline=Interval(0.01, 0.0, 0.02)),
        False,
        "does not beat the baseline: log_loss +0.0100 [+0.0000, +0.0200] on 900 cases",
    ),
    "a better version that may be as good as the baseline, which was compared on a whole year": (
        replace(LATER, cases=1094, baseline_cases=3512, against_baseline=PERHAPS_LUCK),
        False,
        (
            "does not beat the baseline beyond noise (these cases tell differences from 0.0210):"
            " log_loss -0.0200 [-0.0410, +0.0010] on 3512 cases"
        ),
    ),
    "a better version than the champion on fewer cases than the baseline": (
        replace(LATER, cases=1094, baseline_cases=3512),
        True,
        f"better: log_loss {CHAMPION} against the champion on 1094 cases {TELLS}",
    ),
    "a later version without new cases": (
        replace(LATER, cases=0),
        False,
        "no new evidence: 0 cases after both models' training end, 200 are needed; champion stays",
    ),
    "a first recommender": (PLAYS, True, f"first version, beats popularity: {PLAYS_FIGURES}"),
    "a recommender at the very edge": (
        replace(PLAYS, against_baseline=AT_THE_EDGE),
        False,
        f"does not beat popularity: {POPULARITY} -0.0200 [-0.0400, +0.0000] on 900 players",
    ),
    "a recommender with one player too few": (
        replace(PLAYS, cases=99),
        False,
        "not enough evidence on 99 players: 100 are needed; champion stays",
    ),
    "a recommender with just enough players": (
        replace(PLAYS, cases=100),
        True,
        f"first version, beats popularity: {POPULARITY} -0.0200 [-0.0300, -0.0100] on 100 players",
    ),
    "the champion of recommenders itself": (replace(PLAYS_LATER, same_version=True), False, SAME),
    "the champion's recipe on newer data": (
        replace(PLAYS_LATER, against_champion=EQUAL, same_recipe=True),
        True,
        f"the champion's recipe on newer data, beats popularity: {PLAYS_FIGURES}",
    ),
    "the champion's recipe when popularity beats it": (
        replace(PLAYS_LATER, against_baseline=WORSE, same_recipe=True),
        False,
        f"does not beat popularity: {POPULARITY} +0.0020 [+0.0010, +0.0030] on 900 players",
    ),
    "a better recommender": (PLAYS_LATER, True, f"better: {CHAMPIONS} {CHAMPION} on 900 players {TELLS}"),
    "a recommender that is just as good": (
        replace(PLAYS_LATER, against_champion=EQUAL),
        False,
        f"not better: {CHAMPIONS} +0.0000 [-0.0010, +0.0010] on 900 players {TELLS_MORE}",
    ),
    "a recommender that could be much worse": (
        replace(PLAYS_LATER, against_champion=BEYOND_MARGIN),
        False,
        (
            f"could be worse by more than 0.002: {CHAMPIONS} -0.0030 [-0.0090, +0.0021] on 900 players"
            f" {TELLS_LESS}"
        ),
    ),
    "a proxy with one game too few": (
        replace(PROXY, cases=29),
        False,
        f"not enough evidence on 29 {A_PROXY}: 30 are needed; champion stays",
    ),
    "a proxy with just enough games": (
        replace(PROXY, cases=30),
        True,
        f"first version, beats popularity: {PROXIES} -0.0200 [-0.0300, -0.0100] on 30 {A_PROXY}",
    ),
    "a better proxy": (
        PROXY_LATER,
        True,
        (
            f"better: series_found of the champion's recipe less the challenger's {CHAMPION} on 900 {A_PROXY}"
            f" {TELLS}"
        ),
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_the_rule_decides_and_gives_the_reason_for(what: str) -> None:
    evidence, promoted, reason = CASES[what]
    assert decide(evidence) == Decision(promoted, reason)


def test_every_combination_of_evidence_passes_the_same_gates() -> None:
    """Compare the decisions over a grid with the conditions written as one expression."""
    minimum = {"losses": 200, "plays": 100, "proxy": 30}
    baselines = (GOOD.against_baseline, AT_THE_EDGE, PERHAPS_LUCK, WITHIN_MARGIN, BEYOND_MARGIN, WORSE)
    champions = (None, LATER.against_champion, EQUAL, WORSE, WITHIN_MARGIN, BEYOND_MARGIN)
    counts, errors, flags = (0, 29, 30, 99, 100, 199, 200), (0.010, 0.0215, 0.0225), (False, True)
    grid = product(minimum, counts, baselines, champions, errors, flags, flags)
    for kind, cases, baseline, champion, error, same_version, same_recipe in grid:
        flags_and_kind: Any = (same_version, same_recipe, kind)
        evidence = Evidence("score", cases, baseline, error, champion, 0.012, *flags_and_kind)
        has_enough = cases >= minimum[kind]
        beats_baseline = baseline.high < 0
        is_close = baseline.high <= (0.002 if kind == "losses" else -1e-9)
        beats_champion = champion is None or (
            champion.estimate < 0 and champion.high <= 0.002 and error - 0.012 <= 0.01
        )
        is_simple = champion is None or same_recipe
        is_better = is_close if is_simple else beats_baseline and beats_champion
        expected = not same_version and has_enough and is_better
        assert decide(evidence).promoted == expected, evidence


def test_a_first_version_and_a_champion_get_one_call_that_decides_and_reports() -> None:
    reports: list[dict[str, Any]] = []

    class Step:
        def decide(
            self, decision: Decision, *, challenger: int, champion: int | None, evidence: Evidence
        ) -> None:
            facts = asdict(evidence)
            reports.append(asdict(decision) | {"versions": (challenger, champion)} | facts)

    first, same = judge(Step(), 1, None, GOOD), judge(Step(), 1, 1, LATER)
    assert (first.promoted, same) == (True, Decision(False, SAME))
    assert [report["versions"] for report in reports] == [(1, None), (1, 1)]
    assert [report["same_version"] for report in reports] == [False, True]
    assert [report["reason"] for report in reports] == [first.reason, same.reason]


def test_a_champion_is_compared_only_where_there_are_enough_cases() -> None:
    assert GOOD.has_enough_cases
    assert not replace(GOOD, cases=199).has_enough_cases
    compared = GOOD.with_champion(Interval(-0.0030, -0.0050, 0.0010), 0.012)
    assert compared == LATER


def test_the_margins_are_what_the_documentation_says() -> None:
    assert (MINIMUM_CASES, MARGIN, CALIBRATION_MARGIN) == (200, 0.002, 0.01)
    assert {name: kind.minimum_cases for name, kind in KINDS.items()} == {
        "losses": 200,
        "plays": 100,
        "proxy": 30,
    }


def test_the_example_in_the_documentation_holds() -> None:
    result = doctest.testmod(promotion)
    assert (result.failed, result.attempted) == (0, 1)
