"""Replays the first run of a new football user at many cut-offs, and counts the releases."""

import argparse
import json
import time
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from almanac.judging import promotion
from almanac.judging.promotion import Decision, Evidence
from almanac.judging.scores import Interval
from almanac.settings import Settings
from almanac.workloads.football import evaluation, features, model, sources

BASELINE = "elo_logit"
# As in the notebooks of the workload.
TEST_DAYS, VALIDATION_DAYS = 365, 300
FIRST, LAST = "2018-07-01", "2025-07-01"
CUT_OFFS = 30


class Replay(NamedTuple):
    """The decision on the first version at one cut-off, and the evidence for it."""

    as_of: date
    chosen: str
    evidence: Evidence
    decision: Decision


def main() -> None:
    """Replay every cut-off, print a line for each, and count the releases."""
    options = arguments()
    start = time.monotonic()
    matches = sources.fetch(Settings.read(), sample="full").matches
    # A feature of a match is the same at every cut-off after it, so that one frame serves all of them.
    frame = features.build(matches, as_of=date.fromisoformat(LAST))
    days = pd.date_range(FIRST, LAST, periods=options.cut_offs).date
    replays = []
    for as_of in days:
        replays.append(replay(frame[frame["date"] < pd.Timestamp(as_of)], as_of, options.seed))
        print(line(replays[-1]), flush=True)
    result = summary(replays) | {"seconds": round(time.monotonic() - start)}
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cut-offs", type=int, default=CUT_OFFS)
    return parser.parse_args()


def replay(frame: pd.DataFrame, as_of: date, seed: int) -> Replay:
    """Train, evaluate and decide as the notebooks do where there is no champion."""
    recipe = choose(frame, as_of, seed)
    parts = evaluation.split_by_days(frame, as_of=as_of, test_days=TEST_DAYS, validation_days=0)
    recipes = {"challenger": recipe, BASELINE: {"candidate": BASELINE}}
    fitted = {name: model.fit(model.from_recipe(each), parts.train) for name, each in recipes.items()}
    chances = {name: each.predict_proba(parts.test) for name, each in fitted.items()}
    differences = evaluation.compare(parts.test, chances["challenger"], chances[BASELINE], seed=seed)
    error = evaluation.score(parts.test["outcome"], chances["challenger"])["calibration_error"]
    evidence = Evidence("log_loss", len(parts.test), differences["log_loss"], error)
    return Replay(as_of, recipe["candidate"], evidence, promotion.decide(evidence))


def choose(frame: pd.DataFrame, as_of: date, seed: int) -> dict[str, Any]:
    """Return the recipe with the best score on the validation part, which ends before the test part."""
    parts = evaluation.split_by_days(frame, as_of=as_of, test_days=TEST_DAYS, validation_days=VALIDATION_DAYS)
    singles = [name for name in model.CANDIDATES if name != "blend"]
    fitted = {name: model.fit(model.make(name, seed=seed), parts.train) for name in singles}
    chances = {name: each.predict_proba(parts.validation) for name, each in fitted.items()}
    weights = model.weigh({name: chances[name] for name in model.BLEND}, parts.validation["outcome"])
    chances["blend"] = model.pooled([chances[name] for name in weights], list(weights.values()))
    chosen = str(evaluation.table(parts.validation, chances)["log_loss"].idxmin())
    return model.recipe(chosen, seed=seed, weights=weights)


def line(each: Replay) -> str:
    """Return one cut-off for the terminal."""
    verdict = "released" if each.decision.promoted else "refused"
    return f"{each.as_of}  {each.chosen:18}{verdict:10}{each.decision.reason}"


def summary(replays: list[Replay]) -> dict[str, Any]:
    """Return how many first versions were released, and what the rule before this one would have done."""
    intervals: list[Interval] = [each.evidence.against_baseline for each in replays]
    widths = [(interval.high - interval.low) / 2 for interval in intervals]
    return {
        "cut_offs": len(replays),
        "released": sum(each.decision.promoted for each in replays),
        "beats_the_baseline_beyond_noise": sum(interval.high < 0 for interval in intervals),
        "median_half_width": round(float(pd.Series(widths).median()), 4),
        "median_cases": int(pd.Series([each.evidence.cases for each in replays]).median()),
        "refused": [line(each) for each in replays if not each.decision.promoted],
    }


if __name__ == "__main__":
    main()
