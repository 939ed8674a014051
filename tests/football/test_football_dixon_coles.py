"""Dixon and Coles: the gradient is right, the fit finds what made the scores, later scores are not seen."""

from datetime import date

import numpy as np
import pytest
from made import match, matches
from scipy.optimize import approx_fprime

from almanac.workloads.football import dixon_coles, timeline
from almanac.workloads.football.dixon_coles import Pool, Rules, Scores
from almanac.workloads.football.timeline import Timeline

CLUBS = ["Ash", "Birch", "Cedar", "Dogwood"]


def league(goals: dict[str, float], *, rounds: int = 30) -> Timeline:
    """Return a league in which each club scores Poisson goals of its own mean, whoever it plays."""
    random = np.random.default_rng(5)
    days = np.datetime64("2020-08-01") + np.arange(rounds) * 3
    pairs = [(home, away) for home in CLUBS for away in CLUBS if home < away]
    rows = [match(str(day), home, away, f"{random.poisson(goals[home])}-{random.poisson(goals[away])}") for day in days for home, away in pairs]
    return timeline.make(matches(*rows), as_of=date(2030, 1, 1))


def test_the_gradient_agrees_with_finite_differences() -> None:
    line = league(dict.fromkeys(CLUBS, 1.2), rounds=4)
    pool = Pool.of(line, np.arange(len(line)))
    scores = Scores(line.home_goals, line.away_goals, np.linspace(0.5, 1.0, len(line)))
    design, prior = pool.design(pool.matches, np.zeros(4, dtype=np.int64)), pool.prior(Rules())
    at = prior.mean + np.random.default_rng(2).normal(scale=0.1, size=len(prior.mean))
    at[-1] = -0.08
    numeric = approx_fprime(at, lambda point: dixon_coles.loss(point, design, scores, prior)[0], 1e-6)
    assert dixon_coles.loss(at, design, scores, prior)[1] == pytest.approx(numeric, abs=2e-3)


def test_the_fit_finds_the_club_that_scores_twice_as_much() -> None:
    seen = dixon_coles.expected(league({"Ash": 2.4, "Birch": 1.2, "Cedar": 1.2, "Dogwood": 1.2}))
    late = slice(-6, None)
    of_ash = seen.home[late][:3]
    of_others = np.concatenate([seen.home[late][3:], seen.away[late]])
    assert of_ash.mean() / of_others.mean() == pytest.approx(2.0, rel=0.15)


def test_a_pool_without_enough_matches_expects_what_is_usual() -> None:
    seen = dixon_coles.expected(league(dict.fromkeys(CLUBS, 3.0), rounds=2))
    assert (seen.home[0], seen.away[0], seen.dependence[0]) == (pytest.approx(np.exp(0.37)), pytest.approx(np.exp(0.13)), -0.06)


def test_recent_matches_weigh_more() -> None:
    rows = [match(f"2020-{month:02d}-{day:02d}", "Ash", "Birch", "0-0") for month in (8, 9, 10) for day in range(1, 28)]
    rows += [match(f"2021-{month:02d}-{day:02d}", "Ash", "Birch", "3-0") for month in (1, 2, 3) for day in range(1, 28)]
    line = timeline.make(matches(*rows, match("2021-05-01", "Ash", "Birch", "0-0")), as_of=date(2030, 1, 1))
    short, long = (dixon_coles.expected(line, rules=Rules(half_life_days=days)).home[-1] for days in (30, 3000))
    assert short > long + 0.3


def test_what_a_promoted_club_loses_above_counts_against_the_clubs_it_was_equal_to_below() -> None:
    def days(year: int) -> list[str]:
        return [f"{year}-{month:02d}-{day:02d}" for month in (8, 9, 10) for day in range(1, 25)]

    first = [match(day, *pair, "1-1", league=code) for day in days(2020) for code, *pair in (("E0", "Ash", "Birch"), ("E1", "Cedar", "Dogwood"))]
    second = [match(day, "Ash", "Cedar", "3-0") for day in days(2021)]
    line = timeline.make(matches(*first, *second, match("2022-08-01", "Ash", "Dogwood", "0-0")), as_of=date(2030, 1, 1))
    seen = dixon_coles.expected(line)
    assert seen.home[-1] / seen.away[-1] > 1.5 * np.exp(2 * 0.12)
