"""Measures football forecasts on the season 2024-25, which no choice was made on, beside plain baselines."""

import argparse
import json
import os
import time
from collections.abc import Mapping
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
AFTER_THE_SEASON = "2025-07-01"
SCORES = ["rps", "log_loss", "brier", "accuracy", "calibration_error"]
HEADER = "".join(f"{name:>19}" for name in SCORES)
TITLES = {
    "test": f"{TEST}, known up to the morning of the match",
    "test_served_ahead": f"{TEST}, served up to {SERVED_AHEAD_DAYS} days ahead",
}


def main() -> None:
    """Fit on earlier seasons, choose on 2023-24, refit on both, score 2024-25, and report the figures."""
    options = arguments()
    start = time.monotonic()
    figures = measure(options.as_of, options.seed)
    result = {"as_of": options.as_of.isoformat(), "seed": options.seed, **figures}
    result["seconds"] = round(time.monotonic() - start, 1)
    report(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Read the command line; the cut-off defaults to DATA_AS_OF, else to the summer after the test season."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seed", type=int, default=1)
    as_of = os.environ.get("DATA_AS_OF", AFTER_THE_SEASON)
    parser.add_argument("--as-of", type=date.fromisoformat, default=date.fromisoformat(as_of))
    return parser.parse_args()


def measure(as_of: date, seed: int) -> dict[str, Any]:
    """Return the choice on the validation season and the figures of all models on the test season."""
    matches = sources.fetch(Settings.read(), sample="full").matches
    parts = split(features.build(matches, as_of=as_of))
    ahead = split(features.build(matches, as_of=as_of, horizon_days=SERVED_AHEAD_DAYS))
    validation = scores_of(fit_all(parts.train, seed), parts.validation)
    chosen = str(validation["rps"].idxmin())
    fitted = fit_all(pd.concat([parts.train, parts.validation]), seed)
    return {
        "chosen_on_validation": chosen,
        "validation": validation.to_dict(orient="index"),
        "test": measure_test(fitted, parts.test, chosen, seed),
        "test_served_ahead": measure_test(fitted, ahead.test, chosen, seed),
        "leagues": leagues(parts.test, fitted[chosen].predict_proba(parts.test), seed),
    }


def split(frame: pd.DataFrame) -> Split:
    """Split the matches at the validation and the test season."""
    return evaluation.split_by_season(frame, validation=VALIDATION, test=TEST)


def fit_all(played: pd.DataFrame, seed: int) -> dict[str, Pipeline]:
    """Fit every model on the same matches."""
    return {name: model.fit(each, played) for name, each in model.candidates(seed=seed).items()}


def scores_of(fitted: Mapping[str, Pipeline], matches: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of all models on the same matches, best RPS first."""
    chances = {name: pipeline.predict_proba(matches) for name, pipeline in fitted.items()}
    return evaluation.table(matches, chances)


def measure_test(
    fitted: Mapping[str, Pipeline], test: pd.DataFrame, chosen: str, seed: int
) -> dict[str, Any]:
    """Return scores, intervals and paired differences to each baseline on the test matches."""
    ours = fitted[chosen].predict_proba(test)
    baselines = {name: fitted[name].predict_proba(test) for name in model.BASELINES}
    picks = evaluation.bands(test["outcome"], model.chances(fitted[chosen], test))
    return {
        "scores": scores_of(fitted, test).to_dict(orient="index"),
        "intervals": evaluation.intervals(test, ours, seed=seed),
        "against": {
            name: evaluation.compare(test, ours, theirs, seed=seed) for name, theirs in baselines.items()
        },
        "picks": picks.to_dict(orient="records"),
    }


def leagues(test: pd.DataFrame, chances: Floats, seed: int) -> dict[str, Any]:
    """Return scores and intervals of each league, best RPS first."""
    rows: dict[str, Any] = {}
    for league, scores in evaluation.by_league(test, chances).iterrows():
        places = (test["league"] == league).to_numpy()
        intervals = evaluation.intervals(test[places], chances[places], seed=seed)
        rows[str(league)] = {**scores, "intervals": intervals}
    return rows


def report(result: Mapping[str, Any]) -> None:
    """Print the figures."""
    chosen = result["chosen_on_validation"]
    print(
        f"Football, as of {result['as_of']}; chosen on {VALIDATION} by RPS: {chosen}; {result['seconds']} s"
    )
    for name, title in TITLES.items():
        print(f"\n{title}")
        report_scores("model", result[name]["scores"])
        report_intervals(result[name], chosen)
    print()
    report_scores("league", result["leagues"])


def report_scores(label: str, rows: Mapping[str, Mapping[str, float]]) -> None:
    """Print a table of scores, one row per model or league."""
    print(f"{label:22}{'n':>7}{HEADER}")
    for name, row in rows.items():
        values = "".join(f"{row[score]:19.4f}" for score in SCORES)
        print(f"{name:22}{row['n']:7.0f}{values}")


def report_intervals(figures: Mapping[str, Any], chosen: str) -> None:
    """Print the intervals of the chosen model, and of its differences to the baselines."""
    for score, interval in figures["intervals"].items():
        print(f"{chosen} {score}: {interval_text(interval)}")
    for name, differences in figures["against"].items():
        texts = [f"{score} {interval_text(interval)}" for score, interval in differences.items()]
        print(f"{chosen} minus {name}: {', '.join(texts)}")


def interval_text(interval: Interval) -> str:
    """Return an interval in words for the terminal."""
    return f"{interval.estimate:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


if __name__ == "__main__":
    main()
