"""Measures batch sizing on later traffic of public traces: policy, T, simple rules and hindsight.

Each trace is replayed with light and with heavy processing.
"""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import _event_bursts
import pandas as pd
from _event_limits import FAR_SHARE, MOST_MISSED, at_once, bursts, constant_worth, hindsight_within
from sklearn.pipeline import Pipeline

from almanac.errors import SourceUnavailable
from almanac.settings import Settings
from almanac.workloads.events import evaluation, features, model
from almanac.workloads.events.policy import table
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.goal import FAR, Goal
from almanac.workloads.events.policy.lookup import Lookup
from almanac.workloads.events.policy.start import Predictor
from almanac.workloads.events.policy.table import PolicyTerms, Sizes
from almanac.workloads.events.replays import comparison, competition, hindsight, load
from almanac.workloads.events.replays.competition import Case
from almanac.workloads.events.replays.hindsight import Point
from almanac.workloads.events.replays.load import Processing
from almanac.workloads.events.replays.trace import Trace
from almanac.workloads.events.sources import replayed_trace, traces

OBJECTIVES = {"azure-conv": 2.0, "nasa": 10.0, "kafka": 5.0}
# Bursts are laid over this trace.
BURSTS_OVER = "azure-conv"
# The last budget aims a little lower than the 5 % that it has to keep.
BUDGETS = (0.002, 0.01, 0.046)
COLUMNS = [
    "batches",
    "cost_per_event",
    "missed_share",
    "p99_of_objective",
    "against_hindsight",
    "at_5_percent",
    "saving",
    "saving_low",
    "saving_high",
]


@dataclass(frozen=True)
class Floor:
    """The least that the policy has to reach: `ratio` of hindsight with at most `most_missed` of misses.

    The ratio is that of `column`: at the policy's own misses, or at 5 %.
    """

    budget: float
    traces: tuple[str, ...]
    processing: str
    ratio: float
    most_missed: float
    column: str

    def is_for(self, setting: "Setting", budget: float) -> bool:
        """Return whether the floor is for a setting and a budget."""
        is_for_trace = setting.name in self.traces and setting.processing.name == self.processing
        return is_for_trace and self.budget == budget

    def line(self, row: Mapping[Any, Any]) -> str:
        """Return in words whether the policy reaches the floor."""
        ratio = row[self.column]
        missed = row["missed_share"]
        p99 = row["p99_of_objective"]
        is_met = ratio <= self.ratio and missed <= self.most_missed and p99 <= FAR
        floor = f"{self.ratio:g} of hindsight with at most {self.most_missed:.0%} misses and p99 {FAR:g}"
        result = f"{ratio:.4f} at {missed:.2%}, p99 {p99:.3f}"
        return f"floor {floor}: {'met' if is_met else 'NOT met'} ({result})"


FLOORS = (
    Floor(0.002, ("azure-conv", "nasa", "kafka"), "light", 1.02, 0.01, "against_hindsight"),
    Floor(0.01, ("azure-conv",), "heavy", 1.06, 0.02, "against_hindsight"),
    Floor(0.046, ("azure-conv", "nasa"), "light", 1.07, 0.05, "at_5_percent"),
    Floor(0.046, ("azure-conv", "nasa"), "heavy", 1.09, 0.05, "at_5_percent"),
    Floor(0.046, ("kafka",), "light", 1.06, 0.05, "at_5_percent"),
    Floor(0.046, ("kafka",), "heavy", 1.06, 0.05, "at_5_percent"),
)


@dataclass(frozen=True)
class Setting:
    """One trace under one setting of processing times; `seed` is that of models and luck."""

    name: str
    processing: Processing
    earlier: Trace
    later: Trace
    seed: int

    @property
    def objective(self) -> float:
        """The latency objective, seconds."""
        return OBJECTIVES[self.name]

    def history(self) -> pd.DataFrame:
        """Return the features of batches of the earlier traffic."""
        rows = replayed_trace.history(
            self.earlier,
            Prices(),
            objective_seconds=self.objective,
            seed=self.seed + 2,
            processing=self.processing,
        )
        return features.build(rows)

    def case(self, missed_share: float, far_share: float = 0.0) -> Case:
        """Return the case with a share of misses."""
        earlier = load.make(self.earlier, self.processing, seed=self.seed)
        later = load.make(self.later, self.processing, seed=self.seed + 1)
        return Case(earlier, later, Goal(self.objective, missed_share, far_share=far_share), Prices())


@dataclass(frozen=True)
class Models:
    """The models of a setting, fitted on its earlier traffic, and the frontier of hindsight on the later
    one.
    """

    setting: Setting
    batches: pd.DataFrame
    fitted: Mapping[str, Pipeline]
    points: list[Point]

    @classmethod
    def of(cls, setting: Setting) -> "Models":
        """Fit the models of a setting."""
        batches = setting.history()
        fitted = {
            name: model.fit(model.make(name, seed=setting.seed), batches) for name in ("linear", "count")
        }
        return cls(setting, batches, fitted, competition.frontier(setting.case(0.0)))

    def predictors(self, case: Case) -> dict[str, Predictor]:
        """Return the predicted seconds of policies for a case."""
        worth = table.WORTH_AT_FIRST * self.setting.objective
        terms = PolicyTerms(case.goal, case.prices, Sizes(), worth)
        states = table.states(self.batches, self.setting.earlier.kb, terms)
        policies = {name: model.predict(pipeline, states) for name, pipeline in self.fitted.items()}
        return {name: Lookup.of(policy).seconds for name, policy in policies.items()}

    def cost_at(self, missed_share: float) -> float:
        """Return the cost of hindsight at a share of misses."""
        return hindsight.cost_at(self.points, missed_share)


def main() -> None:
    """Measure every trace that can be read; print the contenders and, where asked, write them."""
    options = arguments()
    begun, results = time.monotonic(), []
    for name in options.traces:
        try:
            trace = traces.read(name, Settings.read())
        except SourceUnavailable as error:
            print(f"{name} is left out: {error}")
            continue
        for processing in (load.LIGHT, load.HEAVY):
            results += measure(divide(name, trace, processing, options.seed))
    print(f"\n{time.monotonic() - begun:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traces", nargs="*", default=list(OBJECTIVES), help="azure-conv, nasa, kafka")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def divide(name: str, trace: Trace, processing: Processing, seed: int) -> Setting:
    """Divide a trace where 60 % of its time is over."""
    edge = int((trace.seconds <= trace.seconds[-1] * evaluation.TRAIN_SHARE).sum())
    return Setting(name, processing, trace.part(0, edge), trace.part(edge, len(trace)), seed)


def measure(setting: Setting) -> list[dict[str, Any]]:
    """Learn from the earlier traffic, replay the later one for each budget; return one result per budget."""
    print_traffic(setting)
    models = Models.of(setting)
    results = [compete(models, budget) for budget in BUDGETS]
    print_limits(models)
    if setting.name == BURSTS_OVER:
        results.append(burst(models))
    return results


def burst(models: Models) -> dict[str, Any]:
    """Return what the policy misses in bursts over the later traffic, and what it costs beside polling."""
    setting = models.setting
    case = setting.case(_event_bursts.AIM)
    predict = models.predictors(case)["linear"]
    rows = pd.DataFrame(_event_bursts.measure(case, setting.later, predict))
    limits = f"{_event_bursts.MOST_MISSED:g} times the aim beyond hindsight"
    print(f"\nbursts, aim {_event_bursts.AIM:.1%}; misses at most {limits}\n{rows.round(4).to_string()}")
    processing = asdict(setting.processing)
    return {"trace": setting.name, "processing": processing, "bursts": rows.to_dict("records")}


def compete(models: Models, budget: float) -> dict[str, Any]:
    """Return the contenders and the savings for one budget of misses."""
    setting = models.setting
    case = setting.case(budget, FAR_SHARE if budget == BUDGETS[-1] else 0.0)
    predictors = models.predictors(case)
    results = competition.compete(case, predictors["linear"], predictors["count"])
    rows = comparison.table(case, results, models.points, seed=setting.seed).set_index("contender")
    rows["p99_of_objective"] = rows["p99_seconds"] / setting.objective
    rows["at_5_percent"] = rows["cost_per_event"] / models.cost_at(MOST_MISSED)
    stages = comparison.saving_by_stage(case, results, seed=setting.seed)
    print_contenders(setting, budget, rows, stages)
    return {
        "trace": setting.name,
        "processing": asdict(setting.processing),
        "budget": budget,
        "contenders": rows.reset_index().to_dict("records"),
        "saving": stages.reset_index().to_dict("records"),
    }


def print_traffic(setting: Setting) -> None:
    """Print how many events a setting has and how busy a worker is."""
    later = setting.case(0.0).later
    busy_seconds = float(setting.processing.seconds(len(later), later.kb(0, len(later))))
    busy = busy_seconds / float(later.arrivals[-1] - later.arrivals[0])
    arrivals = f"{len(setting.earlier)} arrivals before, {len(later)} after"
    print(f"\n{setting.name}, {setting.processing.name}: {arrivals}; busy {busy:.2f}")


def print_contenders(setting: Setting, budget: float, rows: pd.DataFrame, stages: pd.DataFrame) -> None:
    """Print one table, its floors, and where the saving comes from."""
    print(f"\nbudget of misses {budget:.1%}\n{rows[COLUMNS].round(4).to_string()}")
    for floor in FLOORS:
        if floor.is_for(setting, budget):
            print(floor.line(rows.to_dict("index")["policy"]))
    savings = [f"{name} {row.saved:+.1%} ({row.missed_share:.2%} misses)" for name, row in stages.iterrows()]
    print("saving against polling: " + ", ".join(savings))


def print_limits(models: Models) -> None:
    """Print what better settings, hindsight and a worker that never waits would reach."""
    setting, cost = models.setting, models.cost_at(MOST_MISSED)
    case = setting.case(MOST_MISSED)
    predict = models.predictors(setting.case(BUDGETS[-1], FAR_SHARE))["linear"]
    print(f"{constant_worth(case, predict, cost)}\n{hindsight_within(case, cost)}\n{at_once(case)}")
    if setting.name == "kafka":
        print(bursts(setting.case(BUDGETS[0]), predict))


if __name__ == "__main__":
    main()
