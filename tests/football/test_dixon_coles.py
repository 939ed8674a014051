"""Dixon and Coles: the gradient is right, the fit recovers the true strengths, later scores are hidden."""

from dataclasses import replace
from datetime import date
from math import exp, log

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from almanac.workloads.football.strength import dixon_coles
from almanac.workloads.football.strength.dixon_coles import Hyperparameters, Layout, expected
from almanac.workloads.football.strength.posterior import Posterior, Prior, WeightedGoals
from almanac.workloads.football.strength.timeline import Timeline
from tests.football.match_samples import match, matches

CLUBS = ["Ash", "Birch", "Cedar", "Dogwood"]
EVEN = dict.fromkeys(CLUBS, 1.2)
LATER = date(2030, 1, 1)
HYPER = Hyperparameters()


def of(*rows: dict[str, object]) -> Timeline:
    return Timeline.of(matches(*rows), as_of=LATER)


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
    return of(*rows)


def every_day(year: int, months: tuple[int, ...]) -> list[str]:
    return [f"{year}-{month:02d}-{day:02d}" for month in months for day in range(1, 28)]


def draws_then_wins(last_day: str) -> Timeline:
    """Return an autumn of goalless draws, a spring of 3-0, and one match more."""
    draws = [match(day, "Ash", "Birch", "0-0") for day in every_day(2020, (8, 9, 10))]
    wins = [match(day, "Ash", "Birch", "3-0") for day in every_day(2021, (1, 2, 3))]
    return of(*draws, *wins, match(last_day, "Ash", "Birch", "0-0"))


def test_the_gradient_agrees_with_finite_differences() -> None:
    timeline = league(EVEN, rounds=4)
    layout = Layout.of(timeline, np.arange(len(timeline)))
    weight = np.linspace(0.5, 1.0, len(timeline))
    goals = WeightedGoals(timeline.home_goals, timeline.away_goals, weight)
    design, prior = layout.design(layout.matches, np.zeros(4, dtype=np.int64)), layout.prior(HYPER)
    at = prior.mean + np.random.default_rng(2).normal(scale=0.1, size=len(prior.mean))
    at[-1] = -0.08
    posterior = Posterior.of(design, goals, prior)
    numeric = approx_fprime(at, lambda point: posterior.loss(point)[0], 1e-6)
    assert posterior.loss(at)[1] == pytest.approx(numeric, abs=2e-3)


@pytest.mark.parametrize(
    ("score", "factor"), [("0-0", 1.1), ("0-1", 0.8), ("1-0", 0.95), ("1-1", 1.1), ("2-0", 1.0), ("0-2", 1.0)]
)
def test_the_likelihood_of_low_scores_changes_by_the_factors_of_the_paper(score: str, factor: float) -> None:
    timeline = of(match("2020-08-01", "Ash", "Birch", score))
    layout = Layout.of(timeline, np.arange(1))
    design = layout.design(layout.matches, np.zeros(2, dtype=np.int64))
    goals = WeightedGoals(timeline.home_goals, timeline.away_goals, np.ones(1))
    no_prior = Prior(np.zeros(8), np.zeros(8))
    posterior = Posterior.of(design, goals, no_prior)
    # Attacks and defences of both, level 0, home edge log 2, tier: means of 2 and 0.5 goals.
    independent, dependent = (
        posterior.loss(np.array([0, 0, 0, 0, 0, log(2), 0, dependence]))[0] for dependence in (0.0, -0.1)
    )
    assert exp(independent - dependent) == pytest.approx(factor)


def test_a_match_of_300_days_ago_weighs_half() -> None:
    timeline = of(*[match(day, "Ash", "Birch", "1-0") for day in ("2020-01-01", "2020-10-27", "2021-08-23")])
    goals = dixon_coles._weighted(timeline, np.arange(3), int(timeline.day[2]), HYPER)
    assert goals.weight == pytest.approx([0.25, 0.5, 1.0])


def test_the_fit_recovers_the_club_that_scores_twice_as_much() -> None:
    goals = expected(league(EVEN | {"Ash": 2.4}))
    last_home, last_away = goals.home[-6:], goals.away[-6:]
    others = np.concatenate([last_home[3:], last_away])
    assert last_home[:3].mean() / others.mean() == pytest.approx(2.0, rel=0.15)


def test_a_country_without_enough_matches_expects_the_usual_goals() -> None:
    # Six matches a round: before the last one there are 59 matches, and then 65.
    goals = expected(with_late_end(league(dict.fromkeys(CLUBS, 3.0), rounds=10)))
    assert goals.home == pytest.approx(np.exp(0.37))
    assert goals.away == pytest.approx(np.exp(0.13))
    assert goals.dependence == pytest.approx(-0.06)
    assert expected(with_late_end(league(dict.fromkeys(CLUBS, 3.0), rounds=11))).home[-1] > 2.0


def with_late_end(timeline: Timeline) -> Timeline:
    """Return the same matches with the last of them two months later."""
    later = np.where(np.arange(len(timeline)) == len(timeline) - 1, 60, 0)
    return replace(timeline, day=timeline.day + later, snapshot_day=timeline.snapshot_day + later)


def test_a_fit_does_not_use_the_matches_of_its_own_day() -> None:
    timeline = league(EVEN)
    is_refit = (timeline.day % HYPER.refit_days == 0) & (np.arange(len(timeline)) >= 60)
    today = timeline.day == timeline.day[is_refit][0]
    other = replace(timeline, home_goals=np.where(today, 9.0, timeline.home_goals))
    mine, theirs = expected(timeline).home, expected(other).home
    assert mine[today].tolist() == theirs[today].tolist()
    assert mine[-1] != theirs[-1]


def test_matches_before_the_window_are_forgotten() -> None:
    timeline = draws_then_wins("2021-04-01")
    short, long = (
        expected(timeline, hyper=Hyperparameters(half_life_days=1e6, window_days=days)).home[-1]
        for days in (100, 1200)
    )
    assert short > long + 0.5


def test_if_two_seasons_are_coming_a_club_is_as_strong_as_in_the_one_it_plays_first() -> None:
    rows = [match("2020-06-30", "Ash", "Birch", None, league="E1"), match("2020-07-02", "Ash", "Cedar", None)]
    goals = expected(Timeline.of(matches(*rows), as_of=date(2020, 6, 29), horizon_days=14))
    # A tier is worth 0.25 in logarithms of goals, either way.
    assert goals.home.tolist() == pytest.approx([exp(0.37), exp(0.37 - 0.25)])
    assert goals.away.tolist() == pytest.approx([exp(0.13), exp(0.13 + 0.25)])


def test_recent_matches_weigh_more() -> None:
    timeline = draws_then_wins("2021-05-01")
    short, long = (
        expected(timeline, hyper=Hyperparameters(half_life_days=days)).home[-1] for days in (30, 3000)
    )
    assert short > long + 0.3


def test_defeats_of_a_promoted_club_count_against_its_equals_in_the_lower_league() -> None:
    autumn = (8, 9, 10)
    upper = [match(day, "Ash", "Birch", "1-1") for day in every_day(2020, autumn)]
    lower = [match(day, "Cedar", "Dogwood", "1-1", league="E1") for day in every_day(2020, autumn)]
    defeats = [match(day, "Ash", "Cedar", "3-0") for day in every_day(2021, autumn)]
    goals = expected(of(*upper, *lower, *defeats, match("2022-08-01", "Ash", "Dogwood", "0-0")))
    assert goals.home[-1] / goals.away[-1] > 1.5 * np.exp(2 * 0.12)
