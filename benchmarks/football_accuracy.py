"""Measures the football forecasts on the season 2024-25, which no choice was made on, beside plain baselines."""

import argparse
import json
import os
import time
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from almanac.judging.scores import Floats, Interval
from almanac.settings import Settings
from almanac.workloads.football import evaluation, features, model, sources
from almanac.workloads.football.evaluation import Split

VALIDATION, TEST = "2023-24", "2024-25"
SERVED_AHEAD_DAYS = 14
SCORES = ["rps", "log_loss", "brier", "accuracy", "calibration_error"]


def main() -> None:
    """Fit on the seasons before, choose on 2023-24, refit on both, score 2024-25, print and write what came out."""
    told = arguments()
    begun = time.monotonic()
    matches = sources.fetch(Settings.read(), sample="full").matches
    parts = evaluation.split_by_season(
        features.build(matches, as_of=told.as_of), validation=VALIDATION, test=TEST
    )
    ahead = evaluation.split_by_season(
        features.build(matches, as_of=told.as_of, horizon_days=SERVED_AHEAD_DAYS),
        validation=VALIDATION,
        test=TEST,
    )
    chosen, validation = choose(parts, told.seed)
    fitted = fit_all(pd.concat([parts.train, parts.validation]), told.seed)
    result = {
        "as_of": told.as_of.isoformat(),
        "seed": told.seed,
        "chosen_on_validation": chosen,
        "validation": validation,
        "test": measured(fitted, parts.test, chosen, told.seed),
        "test_served_ahead": measured(fitted, ahead.test, chosen, told.seed),
        "leagues": leagues(parts.test, fitted[chosen].predict_proba(parts.test), told.seed),
        "seconds": round(time.monotonic() - begun, 1),
    }
    report(result)
    if told.json:
        told.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Read the command line; the cut-off defaults to DATA_AS_OF, else to the summer after the test season."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--as-of",
        type=date.fromisoformat,
        default=date.fromisoformat(os.environ.get("DATA_AS_OF", "2025-07-01")),
    )
    return parser.parse_args()


def fit_all(played: pd.DataFrame, seed: int) -> dict[str, Pipeline]:
    """Fit every model on the same matches."""
    return {name: model.fit(each, played) for name, each in model.candidates(seed=seed).items()}


def choose(parts: Split, seed: int) -> tuple[str, dict[Any, Any]]:
    """Return the model with the best RPS on the validation season, and the scores of all there."""
    fitted = fit_all(parts.train, seed)
    table = evaluation.table(
        parts.validation, {name: each.predict_proba(parts.validation) for name, each in fitted.items()}
    )
    return str(table["rps"].idxmin()), table.to_dict(orient="index")


def measured(fitted: dict[str, Pipeline], test: pd.DataFrame, chosen: str, seed: int) -> dict[str, Any]:
    """Return scores, intervals and paired differences to each baseline on the test matches."""
    chances = {name: each.predict_proba(test) for name, each in fitted.items()}
    return {
        "scores": evaluation.table(test, chances).to_dict(orient="index"),
        "intervals": evaluation.intervals(test, chances[chosen], seed=seed),
        "against": {
            name: evaluation.compare(test, chances[chosen], chances[name], seed=seed)
            for name in model.BASELINES
        },
        "picks": evaluation.bands(test["outcome"], model.chances(fitted[chosen], test)).to_dict(
            orient="records"
        ),
    }


def leagues(test: pd.DataFrame, chances: Floats, seed: int) -> dict[str, Any]:
    """Return scores and intervals of each league."""
    scores = evaluation.by_league(test, chances)
    at = {league: (test["league"] == league).to_numpy() for league in scores.index}
    spans = {
        league: evaluation.intervals(test[rows], chances[rows], seed=seed) for league, rows in at.items()
    }
    return {str(league): {**scores.loc[league], "intervals": spans[league]} for league in scores.index}


def report(result: dict[str, Any]) -> None:
    """Print the figures for people."""
    print(
        f"Football, as of {result['as_of']}; chosen on {VALIDATION} by RPS: {result['chosen_on_validation']}; {result['seconds']} s"
    )
    for title, key in (
        (f"{TEST}, known up to the morning of the match", "test"),
        (f"{TEST}, served up to {SERVED_AHEAD_DAYS} days ahead", "test_served_ahead"),
    ):
        _report_test(title, result[key], result["chosen_on_validation"])
    print(f"\n{'league':22}{'n':>7}" + "".join(f"{name:>19}" for name in SCORES))
    for league, row in result["leagues"].items():
        print(f"{league:22}{row['n']:7.0f}" + "".join(f"{row[name]:19.4f}" for name in SCORES))


def _report_test(title: str, told: dict[str, Any], chosen: str) -> None:
    print(f"\n{title}\n{'model':22}{'n':>7}" + "".join(f"{name:>19}" for name in SCORES))
    for name, row in told["scores"].items():
        print(f"{name:22}{row['n']:7.0f}" + "".join(f"{row[score]:19.4f}" for score in SCORES))
    for score, interval in told["intervals"].items():
        print(f"{chosen} {score}: {_interval(interval)}")
    for name, differences in told["against"].items():
        print(
            f"{chosen} minus {name}: "
            + ", ".join(f"{score} {_interval(each)}" for score, each in differences.items())
        )


def _interval(interval: Interval) -> str:
    return f"{interval.estimate:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


if __name__ == "__main__":
    main()
