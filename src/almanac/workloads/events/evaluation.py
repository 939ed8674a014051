"""How good predicted seconds and the policy made of them are on later traffic, beside simple rules and hindsight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from almanac.judging.scores import Floats, Interval
from almanac.workloads.events import model
from almanac.workloads.events.contract import CONTENDERS, LARGEST_BATCH
from almanac.workloads.events.features import FEATURES
from almanac.workloads.events.policy import rhythm
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.start import Goal, Predictor
from almanac.workloads.events.policy.table import Terms
from almanac.workloads.events.replays import hindsight, load, trace, tuning
from almanac.workloads.events.replays.hindsight import Point
from almanac.workloads.events.replays.load import Integers, Load
from almanac.workloads.events.replays.replay import Replay, Rule, run
from almanac.workloads.events.replays.rules import ByRate, FixedSize, FixedWithTimer, LastMoment, Polling

TRAIN_SHARE = 0.6
# Of the training: candidates are chosen on its last part.
VALIDATION_SHARE = 0.25
FIRST_SHARE = 0.2
FOLDS = 5
MISS_PRICES = np.array([0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 1.0])
FIXED_SIZE = 50
WINDOW_SECONDS = 60.0
P90 = 0.9


@dataclass(frozen=True)
class Case:
    """Earlier traffic to set rules on, later traffic to judge them on, what is aimed at and what it costs.

    Only arrivals that come by the clock of those who use the policy have a rhythm to learn; replayed or simulated ones do not.
    """

    earlier: Load
    later: Load
    goal: Goal
    prices: Prices
    largest: int = LARGEST_BATCH
    is_by_clock: bool = True

    @cached_property
    def rhythm(self) -> Rhythm:
        """Return what is learned of the arrivals of the earlier traffic."""
        if not self.is_by_clock:
            return Rhythm()
        return Rhythm(rhythm.learn(self.earlier.begins + self.earlier.arrivals, self.goal.objective_seconds))


class Told(NamedTuple):
    """Batches, and the seconds and 90th percentiles that were predicted for them."""

    batches: pd.DataFrame
    seconds: Floats


@dataclass(frozen=True)
class Outcome:
    """A contender on the later traffic."""

    doc: str
    replay: Replay


def split(
    frame: pd.DataFrame, *, share: float = TRAIN_SHARE, by: str = "started_at"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of the first `share` of the time that the frame spans, and those of the rest."""
    edge = edge_of(frame[by], share)
    early = frame[by] <= edge
    return frame[early].reset_index(drop=True), frame[~early].reset_index(drop=True)


def edge_of(instants: pd.Series, share: float = TRAIN_SHARE) -> pd.Timestamp:
    """Return the instant at which `share` of the spanned time is over."""
    edge: pd.Timestamp = instants.min() + (instants.max() - instants.min()) * share
    return edge


def rolling(pipeline: Pipeline, frame: pd.DataFrame, *, since: str = "") -> Told:
    """Return each batch with what a copy of the pipeline said that was fitted on earlier batches only.

    The first FIRST_SHARE of the batches, and those up to the instant `since`, are only learned from; then FOLDS parts follow, each
    predicted by a fit on everything before it.
    """
    begins = max(
        round(len(frame) * FIRST_SHARE),
        int((frame["started_at"] <= pd.Timestamp(since)).sum()) if since else 0,
    )
    parts = [part for part in np.array_split(np.arange(begins, len(frame)), FOLDS) if len(part)]
    told = [model.fit(pipeline, frame.iloc[: part[0]]).predict(frame.iloc[part][FEATURES]) for part in parts]
    return Told(frame.iloc[begins:], np.concatenate(told) if told else np.empty((0, 2)))


def losses(batches: pd.DataFrame, told: Floats) -> Floats:
    """Return the loss of each batch: absolute error of the seconds plus twice the pinball loss of the 90th percentile.

    Both are in units of the mean seconds of these batches, so that figures of quick and of slow work compare.
    """
    actual = batches["seconds"].to_numpy(dtype=np.float64)
    above = actual - told[:, 1]
    pinball = np.maximum(P90 * above, (P90 - 1) * above)
    found: Floats = (np.abs(actual - told[:, 0]) + 2 * pinball) / actual.mean()
    return found


def score(batches: pd.DataFrame, told: Floats) -> dict[str, float]:
    """Return seconds_loss, mae_seconds, r2, above_p90, calibration_error and n of predicted seconds and 90th percentiles."""
    actual = batches["seconds"].to_numpy(dtype=np.float64)
    above = float((actual > told[:, 1]).mean())
    explained = 1 - float(
        ((actual - told[:, 0]) ** 2).sum() / max(((actual - actual.mean()) ** 2).sum(), 1e-12)
    )
    return {
        "seconds_loss": float(losses(batches, told).mean()),
        "mae_seconds": float(np.abs(actual - told[:, 0]).mean()),
        "r2": explained,
        "above_p90": above,
        "calibration_error": abs(above - (1 - P90)),
        "n": len(batches),
    }


def table(batches: pd.DataFrame, told: Mapping[str, Floats]) -> pd.DataFrame:
    """Return the scores of several models on the same batches, one row per model, the least loss first."""
    rows = {name: score(batches, each) for name, each in told.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model").sort_values("seconds_loss")


def simplest_good(batches: pd.DataFrame, told: Mapping[str, Floats], *, seed: int) -> str:
    """Return the first model of `told`, simplest first, whose loss is not worse beyond noise than that of the best."""
    scores = {name: losses(batches, each) for name, each in told.items()}
    best = min(scores, key=lambda name: scores[name].mean())
    return next(
        name for name in told if name == best or interval(scores[name] - scores[best], seed=seed).low <= 0
    )


def interval(values: Floats, *, seed: int, block: int = 20, repeats: int = 1000) -> Interval:
    """Return the mean with its bootstrap interval over blocks of neighbours, since what slows one batch slows the next."""
    weights = np.ones_like(values)
    return ratio_interval(values, weights, np.arange(len(values)) // block, seed=seed, repeats=repeats)


def ratio_interval(
    above: Floats, below: Floats, groups: Integers, *, seed: int, repeats: int = 1000
) -> Interval:
    """Return sum over sum with its percentile bootstrap interval; values of one group are drawn together."""
    places = np.unique(groups, return_inverse=True)[1]
    tops, bottoms = np.bincount(places, above), np.bincount(places, below)
    drawn = np.random.default_rng(seed).multinomial(
        len(tops), np.full(len(tops), 1 / len(tops)), size=repeats
    )
    low, high = np.quantile((drawn @ tops) / np.maximum(drawn @ bottoms, 1e-12), [0.025, 0.975])
    return Interval(float(tops.sum() / bottoms.sum()), float(low), float(high))


def saving(ours: Replay, theirs: Replay, prices: Prices, *, seed: int) -> Interval:
    """Return which share of their cost ours saves on the same traffic, with its bootstrap interval over minutes."""
    last = max(ours.starts[-1], theirs.starts[-1])
    edges = np.arange(0, last + WINDOW_SECONDS, WINDOW_SECONDS)
    mine, others = (
        np.histogram(each.starts, bins=edges, weights=each.costs(prices))[0] for each in (ours, theirs)
    )
    kept = ratio_interval(mine, others, np.arange(len(mine)), seed=seed)
    return Interval(1 - kept.estimate, 1 - kept.high, 1 - kept.low)


def case(batches: pd.DataFrame, traffic: pd.DataFrame, terms: Terms, *, seed: int) -> Case:
    """Return the replay of some traffic, divided where TRAIN_SHARE of its time, and of the batches' time, is over.

    `batches` are features with what was measured. Each part's processing is the one that fits the batches of that part.
    """
    edge = max(edge_of(batches["started_at"]), edge_of(traffic["arrived_at"]))
    early = batches["started_at"] <= edge_of(batches["started_at"])
    before = traffic["arrived_at"] <= edge
    earlier = load.make(trace.of_frame(traffic[before]), load.measured(batches[early]), seed=seed)
    later = load.make(trace.of_frame(traffic[~before]), load.measured(batches[~early]), seed=seed + 1)
    return Case(earlier, later, terms.goal, terms.prices, terms.sizes.largest)


def by_size(case: Case, sizes: Sequence[int] = (1, 2, 5, 10, 20, 50, 100, 200)) -> pd.DataFrame:
    """Return cost_per_event and missed_share of fixed batch sizes without a timer on the later traffic, one row per size."""
    replays = {size: run(case.later, FixedSize(size)) for size in sizes}
    costs = [float(replay.costs(case.prices).sum() / len(case.later)) for replay in replays.values()]
    missed = [replay.missed_share(case.goal.objective_seconds) for replay in replays.values()]
    return pd.DataFrame({"size": list(replays), "cost_per_event": costs, "missed_share": missed})


def compete(case: Case, predict: Predictor, count_only: Predictor) -> dict[str, Outcome]:
    """Return how each contender does on the later traffic; what each may set is set on the earlier traffic, for the same goal."""
    objective, practice = (
        case.goal.objective_seconds,
        tuning.Practice(case.earlier, case.goal, case.prices, case.largest, case.rhythm),
    )
    lead = tuning.best_slack(practice, lambda slack: FixedWithTimer(FIXED_SIZE, objective, slack))
    rate = tuning.best_slack(practice, lambda slack: ByRate(objective, slack))
    counted = tuning.best_slack(
        practice, lambda slack: LastMoment(count_only, objective, slack, case.largest)
    )
    slack = tuning.best_slack(practice, lambda slack: LastMoment(predict, objective, slack, case.largest))
    patience = tuning.patience(practice, predict)
    begun = f"a miss worth {patience.worth_seconds:.2f} s at first, slack {patience.goal.slack_seconds:.2f} s; divides what would be late"
    begun += f"; {practice.rhythm}"
    rules: dict[str, tuple[str, Rule]] = {
        "polling": ("take up to 100; sleep 2 s when there is nothing", Polling(100)),
        "fixed": (f"wait for {FIXED_SIZE} events", FixedSize(FIXED_SIZE)),
        "timer": (
            f"{FIXED_SIZE} events, or {lead:.2f} s before the objective",
            FixedWithTimer(FIXED_SIZE, objective, lead),
        ),
        "rate": (
            f"as many as the rate makes likely, or {rate:.2f} s before the objective",
            ByRate(objective, rate),
        ),
        "T count": (
            f"last moment, seconds from the count, slack {counted:.2f} s",
            LastMoment(count_only, objective, counted, case.largest),
        ),
        "T": (
            f"last moment, seconds from count and kB, slack {slack:.2f} s",
            LastMoment(predict, objective, slack, case.largest),
        ),
        "policy": (f"T with a budget of misses, {begun}", practice.patient(predict, patience)),
    }
    return {name: Outcome(doc, run(case.later, rule)) for name, (doc, rule) in rules.items()}


def frontier(case: Case, *, miss_prices: Floats = MISS_PRICES) -> list[Point]:
    """Return the hindsight optimum of the later traffic for several prices of a miss."""
    return hindsight.frontier(
        case.later, case.prices, objective_seconds=case.goal.objective_seconds, miss_prices=miss_prices
    )


def standings(
    case: Case, outcomes: Mapping[str, Outcome], points: Sequence[Point], *, seed: int
) -> pd.DataFrame:
    """Return the contract's `contenders`: cost, misses and latency of each, beside hindsight at its own share of misses."""
    strict = hindsight.plan(
        case.later,
        case.prices,
        objective_seconds=case.goal.objective_seconds,
        miss_price=float(MISS_PRICES[-1]),
    )
    known = {
        **outcomes,
        "hindsight": Outcome("knows all arrivals and all seconds; with its fewest misses", strict),
    }
    rows = [_standing(case, name, each, points) for name, each in known.items()]
    for row, each in zip(rows, known.values(), strict=True):
        saved = saving(each.replay, outcomes["polling"].replay, case.prices, seed=seed)
        row |= {"saving_low": saved.low, "saving": saved.estimate, "saving_high": saved.high}
    return pd.DataFrame(rows, columns=CONTENDERS.column_names)


def _standing(case: Case, name: str, outcome: Outcome, points: Sequence[Point]) -> dict[str, object]:
    replay, objective = outcome.replay, case.goal.objective_seconds
    cost, missed = float(replay.costs(case.prices).sum() / len(case.later)), replay.missed_share(objective)
    return {
        "contender": name,
        "doc": outcome.doc,
        "events": len(case.later),
        "batches": len(replay),
        "cost_per_event": cost,
        "missed_share": missed,
        "p99_seconds": float(np.quantile(replay.latencies, 0.99)),
        "against_hindsight": cost / hindsight.cost_at(list(points), missed),
        "objective_seconds": objective,
    }
