"""Bursts that are laid over the later traffic, after a training on calm traffic: what the policy misses."""

from collections.abc import Iterator
from typing import Any

from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.goal import MissPrice
from almanac.workloads.events.policy.rules import MissBudget, Polling
from almanac.workloads.events.policy.start import Predictor
from almanac.workloads.events.replays import bursts, hindsight, load, tuning
from almanac.workloads.events.replays.bursts import Burst
from almanac.workloads.events.replays.competition import Case
from almanac.workloads.events.replays.replay import Replay, run
from almanac.workloads.events.replays.trace import Trace

AIM = 0.002
# The peaks in shares of what a busy worker can do. Beyond 1 nobody can bear a burst that lasts.
PEAKS = (0.9, 1.3, 3.0)
# Of the later traffic so many objectives are used: six bursts.
OBJECTIVES = 130
# The policy may miss so many times its aim beyond what hindsight misses, and cost so many times polling.
MOST_MISSED, MOST_DEARER = 1.5, 1.02
SEED = 5


def measure(case: Case, trace: Trace, predict: Predictor) -> Iterator[dict[str, Any]]:
    """Yield the figures of each shape and peak over the first part of a trace."""
    is_used = trace.seconds - trace.seconds[0] < OBJECTIVES * case.goal.objective_seconds
    calm = trace.part(0, int(is_used.sum()))
    learned = tuning.first_price(case.practice, predict)
    for shape in bursts.SHAPES:
        for peak in PEAKS:
            burst = Burst(shape, peak)
            yield {"shape": shape, "peak": peak} | _figures(case, calm, burst, predict, learned)


def _figures(case: Case, calm: Trace, burst: Burst, predict: Predictor, learned: MissPrice) -> dict[str, Any]:
    objective, processing = case.goal.objective_seconds, case.later.processing
    trace = bursts.on_calm(calm, burst, processing, objective, seed=SEED)
    later = load.make(trace, processing, seed=SEED + 1)
    rule = MissBudget(predict, MissPrice(learned.goal, learned.worth_seconds))
    policy, polling = run(later, rule), run(later, Polling(100))
    best = hindsight.fewest_misses(later, case.prices, objective_seconds=objective)
    least, missed = best.missed_share(objective), policy.missed_share(objective)
    dearer = _cost(policy, case.prices) / _cost(polling, case.prices)
    return {
        "events": len(later),
        "missed": missed,
        "hindsight misses": least,
        "polling misses": polling.missed_share(objective),
        "cost of polling": dearer,
        "hindsight cost of polling": _cost(best, case.prices) / _cost(polling, case.prices),
        "is met": missed <= MOST_MISSED * AIM + least,
        "is cheap": dearer <= MOST_DEARER,
    }


def _cost(replay: Replay, prices: Prices) -> float:
    return replay.cost_per_event(prices)
