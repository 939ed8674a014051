"""Dixon and Coles: the gradient is right, the fit finds what made the scores, later scores are not seen."""

from dataclasses import replace
from datetime import date
from math import exp, log

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from almanac.workloads.football.strength import dixon_coles
from almanac.workloads.football.strength.dixon_coles import Hyperparameters, Layout, Prior, WeightedGoals
from almanac.workloads.football.strength.timeline import Timeline
from tests.football.match_samples import match, matches

CLUBS = ["Ash", "Birch", "Cedar", "Dogwood"]


def league(goals: dict[str, float], *, rounds: int = 30) -> Timeline:
    """Return a league in which each club scores Poisson goals of its own mean, whoever it plays."""
    random = np.random.default_rng(5)
    days = np.datetime64("2020-08-01") + np.arange(rounds) * 3
    pairs = [(home, away) for home in CLUBS for away in CLUBS if home < away]
    rows = [
        match(str(day), home, away, f"{random.poisson(goals[home])}-{random.poisson(goals[away])}")
        for day in days
        for home, away in pairs
    ]
    return Timeline.of(matches(*rows), as_of=date(2030, 1, 1))


def test_the_gradient_agrees_with_finite_differences() -> None:
    timeline = league(dict.fromkeys(CLUBS, 1.2), rounds=4)
    layout = Layout.of(timeline, np.arange(len(timeline)))
    scores = WeightedGoals(timeline.home_goals, timeline.away_goals, np.linspace(0.5, 1.0, len(timeline)))
    design, prior = (
        layout.design(layout.matches, np.zeros(4, dtype=np.int64)),
        layout.prior(Hyperparameters()),
    )
    at = prior.mean + np.random.default_rng(2).normal(scale=0.1, size=len(prior.mean))
    at[-1] = -0.08
    numeric = approx_fprime(at, lambda point: dixon_coles.loss(point, design, scores, prior)[0], 1e-6)
    assert dixon_coles.loss(at, design, scores, prior)[1] == pytest.approx(numeric, abs=2e-3)


@pytest.mark.parametrize(
    ("score", "factor"), [("0-0", 1.1), ("0-1", 0.8), ("1-0", 0.95), ("1-1", 1.1), ("2-0", 1.0), ("0-2", 1.0)]
)
def test_low_scores_are_likelier_or_less_likely_by_the_factors_of_the_paper(
    score: str, factor: float
) -> None:
    timeline = Timeline.of(matches(match("2020-08-01", "Ash", "Birch", score)), as_of=date(2030, 1, 1))
    layout = Layout.of(timeline, np.arange(1))
    design, scores = (
        layout.design(layout.matches, np.zeros(2, dtype=np.int64)),
        WeightedGoals(timeline.home_goals, timeline.away_goals, np.ones(1)),
    )
    # Attacks and defences of both, level 0, home edge log 2, tier: means of 2 and 0.5 goals.
    told = [
        dixon_coles.loss(
            np.array([0, 0, 0, 0, 0, log(2), 0, tied]), design, scores, Prior(np.zeros(8), np.zeros(8))
        )[0]
        for tied in (-0.1, 0.0)
    ]
    assert exp(told[1] - told[0]) == pytest.approx(factor)


def test_a_match_of_300_days_ago_weighs_half() -> None:
    timeline = Timeline.of(
        matches(*[match(day, "Ash", "Birch", "1-0") for day in ("2020-01-01", "2020-10-27", "2021-08-23")]),
        as_of=date(2030, 1, 1),
    )
    assert dixon_coles._weighted(
        timeline, np.arange(3), int(timeline.day[2]), Hyperparameters()
    ).weight == pytest.approx([0.25, 0.5, 1.0])


def test_the_fit_finds_the_club_that_scores_twice_as_much() -> None:
    seen = dixon_coles.expected(league({"Ash": 2.4, "Birch": 1.2, "Cedar": 1.2, "Dogwood": 1.2}))
    late = slice(-6, None)
    of_ash = seen.home[late][:3]
    of_others = np.concatenate([seen.home[late][3:], seen.away[late]])
    assert of_ash.mean() / of_others.mean() == pytest.approx(2.0, rel=0.15)


def test_a_pool_without_enough_matches_expects_what_is_usual() -> None:
    # Six matches a round: before the last one 59 are known, and then 65.
    seen = dixon_coles.expected(later(league(dict.fromkeys(CLUBS, 3.0), rounds=10)))
    assert (seen.home, seen.away, seen.dependence) == (
        pytest.approx(np.exp(0.37)),
        pytest.approx(np.exp(0.13)),
        pytest.approx(-0.06),
    )
    assert dixon_coles.expected(later(league(dict.fromkeys(CLUBS, 3.0), rounds=11))).home[-1] > 2.0


def later(timeline: Timeline) -> Timeline:
    """Return the same matches with the last of them two months later."""
    return replace(
        timeline,
        day=np.append(timeline.day[:-1], timeline.day[-1] + 60),
        snapshot_day=np.append(timeline.snapshot_day[:-1], timeline.snapshot_day[-1] + 60),
    )


def test_a_fit_does_not_know_the_matches_of_the_day_on_which_it_is_made() -> None:
    timeline = league(dict.fromkeys(CLUBS, 1.2))
    today = (
        timeline.day
        == timeline.day[
            (timeline.day % Hyperparameters().refit_days == 0) & (np.arange(len(timeline)) >= 60)
        ][0]
    )
    other = replace(timeline, home_goals=np.where(today, 9.0, timeline.home_goals))
    mine, theirs = (dixon_coles.expected(each).home for each in (timeline, other))
    assert mine[today].tolist() == theirs[today].tolist()
    assert mine[-1] != theirs[-1]


def test_matches_before_the_window_are_forgotten() -> None:
    rows = [
        match(f"2020-{month:02d}-{day:02d}", "Ash", "Birch", "0-0")
        for month in (8, 9, 10)
        for day in range(1, 28)
    ]
    rows += [
        match(f"2021-{month:02d}-{day:02d}", "Ash", "Birch", "3-0")
        for month in (1, 2, 3)
        for day in range(1, 28)
    ]
    timeline = Timeline.of(matches(*rows, match("2021-04-01", "Ash", "Birch", "0-0")), as_of=date(2030, 1, 1))
    short, long = (
        dixon_coles.expected(timeline, hyper=Hyperparameters(half_life_days=1e6, window_days=days)).home[-1]
        for days in (100, 1200)
    )
    assert short > long + 0.5


def test_where_two_seasons_are_coming_at_once_a_club_is_as_strong_as_where_it_plays_first() -> None:
    rows = [match("2020-06-30", "Ash", "Birch", None, league="E1"), match("2020-07-02", "Ash", "Cedar", None)]
    seen = dixon_coles.expected(Timeline.of(matches(*rows), as_of=date(2020, 6, 29), horizon_days=14))
    # A tier is worth 0.25 in logarithms of goals, either way.
    assert seen.home.tolist() == pytest.approx([exp(0.37), exp(0.37 - 0.25)])
    assert seen.away.tolist() == pytest.approx([exp(0.13), exp(0.13 + 0.25)])


def test_recent_matches_weigh_more() -> None:
    rows = [
        match(f"2020-{month:02d}-{day:02d}", "Ash", "Birch", "0-0")
        for month in (8, 9, 10)
        for day in range(1, 28)
    ]
    rows += [
        match(f"2021-{month:02d}-{day:02d}", "Ash", "Birch", "3-0")
        for month in (1, 2, 3)
        for day in range(1, 28)
    ]
    timeline = Timeline.of(matches(*rows, match("2021-05-01", "Ash", "Birch", "0-0")), as_of=date(2030, 1, 1))
    short, long = (
        dixon_coles.expected(timeline, hyper=Hyperparameters(half_life_days=days)).home[-1]
        for days in (30, 3000)
    )
    assert short > long + 0.3


def test_what_a_promoted_club_loses_above_counts_against_the_clubs_it_was_equal_to_below() -> None:
    def days(year: int) -> list[str]:
        return [f"{year}-{month:02d}-{day:02d}" for month in (8, 9, 10) for day in range(1, 25)]

    first = [
        match(day, *pair, "1-1", league=code)
        for day in days(2020)
        for code, *pair in (("E0", "Ash", "Birch"), ("E1", "Cedar", "Dogwood"))
    ]
    second = [match(day, "Ash", "Cedar", "3-0") for day in days(2021)]
    timeline = Timeline.of(
        matches(*first, *second, match("2022-08-01", "Ash", "Dogwood", "0-0")), as_of=date(2030, 1, 1)
    )
    seen = dixon_coles.expected(timeline)
    assert seen.home[-1] / seen.away[-1] > 1.5 * np.exp(2 * 0.12)
