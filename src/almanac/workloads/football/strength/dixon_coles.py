"""Goals by Dixon and Coles (1997): attack and defence per club, weights by age, low scores corrected."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from almanac.workloads.football.strength.posterior import Prior, WeightedGoals, fit
from almanac.workloads.football.strength.timeline import Appearances, Floats, Integers, Timeline

USUAL_DEPENDENCE = -0.06
USUAL_LEVEL = 0.25
LEVEL_PRECISION = 1.0
FEWEST_MATCHES = 60
# Each row of the design adds six parameters; only the home edge is subtracted for the goals of the away club.
HOME_SIGNS = (1.0, -1.0, 1.0, 1.0, -1.0, 1.0)
AWAY_SIGNS = (1.0, -1.0, 1.0, -1.0, -1.0, 1.0)


@dataclass(frozen=True)
class Hyperparameters:
    """How matches weigh and how strongly the priors hold the parameters.

    Precisions are those of normal priors on logarithms of goals: 6 gives a club a standard deviation of 1 /
    sqrt(6).
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
class ExpectedGoals:
    """Means of both clubs' goals and the dependence of low scores, as known before each match."""

    home: Floats
    away: Floats
    dependence: Floats


@dataclass(frozen=True)
class Layout:
    """The clubs and leagues of one country, and the places of their parameters in the vector.

    The vector holds the attacks, the defences, each league's level and home edge, each tier's distance from
    the top and last the dependence. A club's strength counts from its present tier, so an unknown club is an
    average one there.
    """

    timeline: Timeline
    matches: Integers
    clubs: Integers
    leagues: Integers
    tiers: int

    @classmethod
    def of(cls, timeline: Timeline, matches: Integers) -> "Layout":
        """Return the layout for the clubs and leagues of `matches`."""
        home, away = timeline.home[matches], timeline.away[matches]
        clubs = np.unique(np.concatenate([home, away]))
        leagues = np.unique(timeline.league[matches])
        tiers = int(timeline.tier[matches].max()) + 1
        return cls(timeline, matches, clubs, leagues, tiers)

    @property
    def first_level(self) -> int:
        """The place of the first league's level."""
        return 2 * len(self.clubs)

    @property
    def first_tier(self) -> int:
        """The place of the highest tier's distance."""
        return self.first_level + 2 * len(self.leagues)

    def prior(self, hyper: Hyperparameters) -> Prior:
        """Return the prior of every parameter."""
        leagues = len(self.leagues)
        rows = [
            (2 * len(self.clubs), 0.0, hyper.club_precision),
            (leagues, USUAL_LEVEL, LEVEL_PRECISION),
            (leagues, hyper.home_edge, hyper.home_precision),
            (self.tiers, 0.0, hyper.tier_precision),
            (1, USUAL_DEPENDENCE, hyper.dependence_precision),
        ]
        sizes, means, precisions = zip(*rows, strict=True)
        mean = np.repeat(means, sizes)
        gaps = hyper.tier_gap * np.arange(self.tiers)
        mean[self.first_tier : -1] = gaps
        return Prior(mean, np.repeat(precisions, sizes))

    def design(self, at: Integers, club_tier: Integers) -> sparse.csr_array:
        """Return which parameters add to the logarithm of expected goals.

        The matches `at` have a row each for the goals of the home clubs, then one each for those of the away
        clubs.
        """
        columns = np.concatenate(self._columns(at, club_tier))
        signs = np.repeat([HOME_SIGNS, AWAY_SIGNS], len(at), axis=0)
        starts = np.arange(0, columns.size + 1, columns.shape[1])
        shape = (len(columns), self.first_tier + self.tiers)
        return sparse.csr_array((signs.ravel(), columns.ravel(), starts), shape=shape)

    def _columns(self, at: Integers, club_tier: Integers) -> tuple[Integers, Integers]:
        """Return the six parameters behind the home goals and behind the away goals of each match."""
        count = len(self.clubs)
        home = np.searchsorted(self.clubs, self.timeline.home[at])
        away = np.searchsorted(self.clubs, self.timeline.away[at])
        league = np.searchsorted(self.leagues, self.timeline.league[at])
        level = self.first_level + league
        edge = level + len(self.leagues)
        tier = self.first_tier + club_tier
        scored = [home, count + away, level, edge, tier[home], tier[away]]
        conceded = [away, count + home, level, edge, tier[away], tier[home]]
        return np.stack(scored, axis=1), np.stack(conceded, axis=1)


def expected(timeline: Timeline, *, hyper: Hyperparameters = Hyperparameters()) -> ExpectedGoals:
    """Return the expected goals of every match, from a fit to earlier matches every `refit_days`."""
    goals = ExpectedGoals(*np.full((3, len(timeline)), np.nan))
    clubs = timeline.appearances()
    # On vectors this short several BLAS threads are ten times slower than one, and sums would depend on their
    # number.
    with threadpool_limits(limits=1, user_api="blas"):
        for country in range(int(timeline.country.max()) + 1):
            matches = np.flatnonzero(timeline.country == country)
            _expect(Layout.of(timeline, matches), clubs, hyper, goals)
    return goals


def _expect(layout: Layout, clubs: Appearances, hyper: Hyperparameters, goals: ExpectedGoals) -> None:
    """Write the expected goals of one country's matches into `goals`."""
    prior = layout.prior(hyper)
    parameters = prior.mean
    for day, coming in _refits(layout, hyper):
        club_tier = _tiers(layout, clubs, day)
        training = _training_matches(layout, day, hyper)
        if len(training) >= FEWEST_MATCHES:
            design = layout.design(training, club_tier)
            weighted = _weighted(layout.timeline, training, day, hyper)
            parameters = _fit_present(design, weighted, prior, parameters)
        log_goals = layout.design(coming, club_tier) @ parameters[:-1]
        goals.home[coming], goals.away[coming] = np.split(np.exp(log_goals), 2)
        goals.dependence[coming] = parameters[-1]


def _refits(layout: Layout, hyper: Hyperparameters) -> Iterator[tuple[int, Integers]]:
    """Yield the day of each fit and the matches that are predicted from it."""
    snapshots = layout.timeline.snapshot_day[layout.matches]
    days = snapshots // hyper.refit_days * hyper.refit_days
    for day in np.unique(days):
        yield int(day), layout.matches[days == day]


def _tiers(layout: Layout, clubs: Appearances, day: int) -> Integers:
    """Return the tier of each club on a day: of its latest season, or of its first one if none has begun."""
    is_here = np.isin(clubs.club, layout.clubs)
    places = np.searchsorted(layout.clubs, clubs.club[is_here])
    tiers = clubs.tier[is_here]
    tier = np.zeros(len(layout.clubs), dtype=np.int64)
    # The last assignment of a repeated place stays.
    tier[places[::-1]] = tiers[::-1]
    begun = clubs.day[is_here] <= day
    tier[places[begun]] = tiers[begun]
    return tier


def _training_matches(layout: Layout, day: int, hyper: Hyperparameters) -> Integers:
    """Return the played matches of the window before a day."""
    days = layout.timeline.day[layout.matches]
    is_in_window = (days < day) & (days >= day - hyper.window_days)
    is_played = layout.timeline.played[layout.matches]
    return layout.matches[is_in_window & is_played]


def _weighted(timeline: Timeline, at: Integers, day: int, hyper: Hyperparameters) -> WeightedGoals:
    weight = np.exp2((timeline.day[at] - day) / hyper.half_life_days)
    return WeightedGoals(timeline.home_goals[at], timeline.away_goals[at], weight)


def _fit_present(design: sparse.csr_array, goals: WeightedGoals, prior: Prior, start: Floats) -> Floats:
    """Fit the parameters that occur in `design`; the others keep the mean of their prior.

    So clubs of later seasons do not change the length of any sum.
    """
    present = np.append(np.unique(design.indices), len(start) - 1)
    parameters = prior.mean.copy()
    own_prior = Prior(prior.mean[present], prior.precision[present])
    parameters[present] = fit(design[:, present[:-1]], goals, own_prior, start[present])
    return parameters
