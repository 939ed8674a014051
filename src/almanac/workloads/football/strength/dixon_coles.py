"""Goals by Dixon and Coles (1997): attack and defence per club, recent matches weighing more, low scores corrected."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from almanac.workloads.football.strength.timeline import Floats, Integers, Timeline

USUAL_DEPENDENCE = -0.06
USUAL_LEVEL = 0.25
FEWEST_MATCHES = 60
LEAST_CORRECTION = 1e-6


@dataclass(frozen=True)
class Rules:
    """How matches weigh and how strongly parameters are held to what is usual.

    Precisions are those of normal priors on logarithms of goals: 6 allows a club a standard deviation of 1 / sqrt(6).
    """

    half_life_days: float = 300.0
    window_days: int = 1200
    refit_days: int = 14
    club_precision: float = 6.0
    tier_gap: float = 0.25
    tier_precision: float = 20.0
    home_edge: float = 0.12
    home_precision: float = 100.0
    dependence_precision: float = 200.0


@dataclass(frozen=True)
class Expected:
    """Means of both clubs' goals and the dependence of low scores, as known before each match."""

    home: Floats
    away: Floats
    dependence: Floats


@dataclass(frozen=True)
class Scores:
    """Final scores with their weights."""

    home: Floats
    away: Floats
    weight: Floats


@dataclass(frozen=True)
class Prior:
    """What each parameter is without evidence, and how strongly it is held there."""

    mean: Floats
    precision: Floats


@dataclass(frozen=True)
class Pool:
    """The clubs and leagues of one country, and where their parameters stand in the vector.

    The vector holds the attacks, the defences, each league's level and home edge, each tier's distance from the top and
    last the dependence. A club's strength counts from its present tier, `seat`, so that an unknown club is an average one there.
    """

    line: Timeline
    matches: Integers
    clubs: Integers
    leagues: Integers
    tiers: int

    @classmethod
    def of(cls, line: Timeline, matches: Integers) -> "Pool":
        """Gather what plays in `matches`."""
        clubs = np.unique(np.concatenate([line.home[matches], line.away[matches]]))
        return cls(line, matches, clubs, np.unique(line.league[matches]), int(line.tier[matches].max()) + 1)

    def prior(self, rules: Rules) -> Prior:
        """Return the prior of every parameter."""
        sizes = [2 * len(self.clubs), len(self.leagues), len(self.leagues), self.tiers, 1]
        means = [0.0, USUAL_LEVEL, rules.home_edge, 0.0, USUAL_DEPENDENCE]
        precisions = [
            rules.club_precision,
            1.0,
            rules.home_precision,
            rules.tier_precision,
            rules.dependence_precision,
        ]
        mean = np.repeat(means, sizes)
        mean[-1 - self.tiers : -1] = rules.tier_gap * np.arange(self.tiers)
        return Prior(mean, np.repeat(precisions, sizes))

    def design(self, at: Integers, seat: Integers) -> sparse.csr_array:
        """Return which parameters add to the logarithm of expected goals: a row per match for home, then for away goals."""
        line, count = self.line, len(self.clubs)
        home, away = np.searchsorted(self.clubs, line.home[at]), np.searchsorted(self.clubs, line.away[at])
        level = 2 * count + np.searchsorted(self.leagues, line.league[at])
        edge = level + len(self.leagues)
        gap = 2 * count + 2 * len(self.leagues) + seat
        scored = [home, count + away, level, edge, gap[home], gap[away]]
        conceded = [away, count + home, level, edge, gap[away], gap[home]]
        columns = np.concatenate([np.stack(scored, axis=1), np.stack(conceded, axis=1)])
        signs = np.tile([1.0, -1.0, 1.0, 1.0, -1.0, 1.0], (len(columns), 1))
        signs[len(at) :, 3] = -1.0
        shape = (len(columns), 2 * count + 2 * len(self.leagues) + self.tiers)
        return sparse.csr_array(
            (signs.ravel(), columns.ravel(), np.arange(0, columns.size + 1, 6)), shape=shape
        )


def expected(line: Timeline, *, rules: Rules = Rules()) -> Expected:
    """Expect goals of every match from fits that are refreshed every `refit_days` and know earlier matches only."""
    found = Expected(*(np.full(len(line), np.nan) for _ in range(3)))
    members = line.members()
    # Vectors this short are ten times slower on several BLAS threads than on one, and sums would depend on their number.
    with threadpool_limits(limits=1, user_api="blas"):
        for number in range(int(line.pool.max()) + 1):
            _expect_pool(Pool.of(line, np.flatnonzero(line.pool == number)), members, rules, found)
    return found


def _expect_pool(pool: Pool, members: list[Integers], rules: Rules, found: Expected) -> None:
    prior = pool.prior(rules)
    parameters, seat = prior.mean, np.zeros(len(pool.clubs), dtype=np.int64)
    for fitted_on, coming in _refits(pool, rules):
        _take_seats(seat, pool, members, coming)
        known = _known(pool, fitted_on, rules)
        if len(known) >= FEWEST_MATCHES:
            parameters = fit(
                pool.design(known, seat), _scores(pool.line, known, fitted_on, rules), prior, parameters
            )
        home, away = np.split(np.exp(pool.design(coming, seat) @ parameters[:-1]), 2)
        found.home[coming], found.away[coming], found.dependence[coming] = home, away, parameters[-1]


def _refits(pool: Pool, rules: Rules) -> Iterator[tuple[int, Integers]]:
    days = pool.line.known_on[pool.matches] // rules.refit_days * rules.refit_days
    for day in np.unique(days):
        yield int(day), pool.matches[days == day]


def _take_seats(seat: Integers, pool: Pool, members: list[Integers], coming: Integers) -> None:
    entries, firsts = np.unique(pool.line.entry[coming], return_index=True)
    # Where two seasons are coming at once, a club sits where it plays first.
    for at in np.argsort(-firsts):
        seat[np.searchsorted(pool.clubs, members[entries[at]])] = pool.line.tier[coming[firsts[at]]]


def _known(pool: Pool, fitted_on: int, rules: Rules) -> Integers:
    day = pool.line.day[pool.matches]
    return pool.matches[
        (day < fitted_on) & (day >= fitted_on - rules.window_days) & pool.line.played[pool.matches]
    ]


def _scores(line: Timeline, known: Integers, fitted_on: int, rules: Rules) -> Scores:
    weight = np.exp2((line.day[known] - fitted_on) / rules.half_life_days)
    return Scores(line.home_goals[known], line.away_goals[known], weight)


def fit(design: sparse.csr_array, scores: Scores, prior: Prior, start: Floats) -> Floats:
    """Return the parameters with the greatest posterior density, searched from `start`; the last one is the dependence."""
    # In units of its own uncertainty each parameter is as easy to find as any other, which halves the number of steps.
    unit = 1 / np.sqrt(_information(design, scores, start) + prior.precision)

    def scaled(parameters: Floats) -> tuple[float, Floats]:
        value, gradient = loss(parameters * unit, design, scores, prior)
        return value, gradient * unit

    found = minimize(scaled, start / unit, jac=True, method="L-BFGS-B", options={"maxiter": 60, "ftol": 1e-7})
    return np.asarray(found.x * unit, dtype=np.float64)


def _information(design: sparse.csr_array, scores: Scores, parameters: Floats) -> Floats:
    weight = np.concatenate([scores.weight, scores.weight])
    known = abs(design).T @ (weight * np.exp(design @ parameters[:-1]))
    return np.append(known, scores.weight.sum() / 10)


def loss(parameters: Floats, design: sparse.csr_array, scores: Scores, prior: Prior) -> tuple[float, Floats]:
    """Return the weighted negative log-posterior, without terms that do not depend on the parameters, and its gradient."""
    log_goals, dependence = design @ parameters[:-1], parameters[-1]
    goals, weight = np.concatenate([scores.home, scores.away]), np.concatenate([scores.weight, scores.weight])
    rate = np.exp(log_goals)
    slope = goals - rate
    low = np.flatnonzero((scores.home <= 1) & (scores.away <= 1))
    factor, home_share, away_share = _low_scores(scores, rate, low)
    correction = np.maximum(1 + dependence * factor, LEAST_CORRECTION)
    slope[low] += dependence * factor * home_share / correction
    slope[low + len(scores.home)] += dependence * factor * away_share / correction
    off = parameters - prior.mean
    density = (
        weight @ (goals * log_goals - rate)
        + scores.weight[low] @ np.log(correction)
        - 0.5 * prior.precision @ off**2
    )
    gradient = (
        np.append(design.T @ (weight * slope), scores.weight[low] @ (factor / correction))
        - prior.precision * off
    )
    return -float(density), -gradient


def _low_scores(scores: Scores, rate: Floats, low: Integers) -> tuple[Floats, Floats, Floats]:
    """Return c of the correction 1 + dependence * c, and whether home and away goals are 0 (then c grows with their mean)."""
    no_home, no_away = 1 - scores.home[low], 1 - scores.away[low]
    sign = np.where(no_home == no_away, -1.0, 1.0)
    return sign * rate[low] ** no_home * rate[low + len(scores.home)] ** no_away, no_home, no_away
