"""Measures how many later batches stay within their predicted 90th percentile, by their number of events.

The batches are those of public traces that are replayed against a simulated clock. Each is predicted by a fit
on earlier batches, as in the evaluation of a run.
"""

import argparse

from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.events import coverage, evaluation, features, model
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.replays import load
from almanac.workloads.events.sources import replayed_trace, traces

OBJECTIVES = {"azure-conv": 2.0, "nasa": 10.0, "kafka": 5.0}


def main() -> None:
    """Print the coverage of each trace that can be read, with light and with heavy processing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traces", nargs="*", default=list(OBJECTIVES), help="azure-conv, nasa, kafka")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name in options.traces:
        try:
            measure(name, options.seed)
        except SourceUnavailable as error:
            print(f"{name} is left out: {error}")


def measure(name: str, seed: int) -> None:
    """Print the coverage of one trace."""
    trace = traces.read(name, Settings.read())
    for processing in (load.LIGHT, load.HEAVY):
        objective = OBJECTIVES[name]
        rows = replayed_trace.history(
            trace, Prices(), objective_seconds=objective, seed=seed, processing=processing
        )
        later = evaluation.rolling(model.make("linear", seed=seed), features.build(rows))
        print(f"\n{name}, {processing.name}, {len(later.batches)} later batches")
        print(coverage.measure(later.batches, later.seconds).round(3).to_string())


if __name__ == "__main__":
    main()
