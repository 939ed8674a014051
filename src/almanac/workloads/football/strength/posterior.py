"""The posterior of the parameters of Dixon and Coles (1997), and its maximum."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from almanac.workloads.football.strength.timeline import Floats, Integers

LEAST_CORRECTION = 1e-6
SOLVER = {"method": "L-BFGS-B", "options": {"maxiter": 60, "ftol": 1e-7}}


@dataclass(frozen=True)
class WeightedGoals:
    """The goals of each match and the weight of the match."""

    home: Floats
    away: Floats
    weight: Floats


@dataclass(frozen=True)
class Prior:
    """The mean and the precision of each parameter's normal prior."""

    mean: Floats
    precision: Floats


class LowScores(NamedTuple):
    """The matches that ended 0-0, 0-1, 1-0 or 1-1, whose chance is corrected by 1 + dependence * factor.

    `home` and `away` are the places of their goals in a vector of all home goals, then all away goals.
    `no_home` and `no_away` are 1 where a club scored no goal: there the factor grows with the club's mean.
    """

    home: Integers
    away: Integers
    weight: Floats
    no_home: Floats
    no_away: Floats

    @classmethod
    def of(cls, goals: WeightedGoals) -> "LowScores":
        """Return the low scores among weighted goals."""
        at = np.flatnonzero((goals.home <= 1) & (goals.away <= 1))
        away = at + len(goals.home)
        return cls(at, away, goals.weight[at], 1 - goals.home[at], 1 - goals.away[at])

    def factors(self, rate: Floats) -> Floats:
        """Return the factor of each match, for the means of all home goals, then of all away goals."""
        sign = np.where(self.no_home == self.no_away, -1.0, 1.0)
        home = np.where(self.no_home == 1, rate[self.home], 1.0)
        away = np.where(self.no_away == 1, rate[self.away], 1.0)
        factors: Floats = sign * home * away
        return factors


@dataclass(frozen=True)
class Posterior:
    """The posterior of the parameters, with everything that does not change from step to step."""

    design: sparse.csr_array
    transposed: sparse.csc_array
    scored: Floats
    weight: Floats
    low: LowScores
    prior: Prior

    @classmethod
    def of(cls, design: sparse.csr_array, goals: WeightedGoals, prior: Prior) -> "Posterior":
        """Return the posterior for weighted goals, home goals first in every vector."""
        scored = np.concatenate([goals.home, goals.away])
        weight = np.tile(goals.weight, 2)
        return cls(design, design.T, scored, weight, LowScores.of(goals), prior)

    def loss(self, parameters: Floats) -> tuple[float, Floats]:
        """Return the weighted negative log-posterior, without constant terms, and its gradient."""
        low, prior = self.low, self.prior
        dependence = parameters[-1]
        log_rate = self.design @ parameters[:-1]
        rate = np.exp(log_rate)
        factor = low.factors(rate)
        correction = np.maximum(1 + dependence * factor, LEAST_CORRECTION)

        poisson = self.weight @ (self.scored * log_rate - rate)
        off = parameters - prior.mean
        density = poisson + low.weight @ np.log(correction) - 0.5 * prior.precision @ off**2

        slope = self.scored - rate
        slope[low.home] += dependence * factor * low.no_home / correction
        slope[low.away] += dependence * factor * low.no_away / correction
        dependence_slope = low.weight @ (factor / correction)
        gradient = np.append(self.transposed @ (self.weight * slope), dependence_slope)
        return -float(density), -(gradient - prior.precision * off)


def fit(design: sparse.csr_array, goals: WeightedGoals, prior: Prior, start: Floats) -> Floats:
    """Return the parameters with the greatest posterior density, searched from `start`."""
    # In units of its own uncertainty each parameter is as easy to find as any other, which halves the number
    # of steps.
    information = _information(design, goals, start)
    unit = 1 / np.sqrt(information + prior.precision)
    posterior = Posterior.of(design, goals, prior)

    def scaled(parameters: Floats) -> tuple[float, Floats]:
        value, gradient = posterior.loss(parameters * unit)
        return value, gradient * unit

    optimum = minimize(scaled, start / unit, jac=True, **SOLVER)
    return np.asarray(optimum.x * unit, dtype=np.float64)


def _information(design: sparse.csr_array, goals: WeightedGoals, parameters: Floats) -> Floats:
    """Return the approximate Fisher information of each parameter."""
    # `abs` also sorts the entries of `design`; later products add them up in that order.
    magnitudes = abs(design)
    rate = np.exp(design @ parameters[:-1])
    information = magnitudes.T @ (np.tile(goals.weight, 2) * rate)
    return np.append(information, goals.weight.sum() / 10)
