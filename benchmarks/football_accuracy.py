"""Measures football forecasts on the season 2024-25 and, season after season, on those before it."""

import argparse
import json
import os
import time
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from almanac.judging import scores
from almanac.judging.scores import Floats, Interval
from almanac.settings import Settings
from almanac.workloads.football import evaluation, features, model, sources
from almanac.workloads.football.evaluation import Split
from almanac.workloads.football.offers import ranges

VALIDATION, TEST = "2023-24", "2024-25"
# Each season is forecast by models of the seasons before it, with weights of the season before it.
WALK = ["2018-19", "2019-20", "2020-21", "2021-22", "2022-23", "2023-24"]
TOP_LEAGUES = ["E0", "D1", "I1", "SP1", "F1"]
BASELINE = "elo_logit"
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
    frames = [features.build(matches, as_of=as_of, horizon_days=days) for days in (0, SERVED_AHEAD_DAYS)]
    frame, frame_ahead = (ranges.with_goals(each, matches) for each in frames)
    parts, ahead = split(frame), split(frame_ahead)
    before = fit_all(parts.train, seed)
    validation = scores_of(before, parts.validation)
    chosen = str(validation["log_loss"].idxmin())
    fitted = fit_all(pd.concat([parts.train, parts.validation]), seed)
    threshold = ranges.threshold_of(needed_by(before[chosen], parts.validation))
    return {
        "seasons_before": seasons_before(frame, seed),
        "chosen_on_validation": chosen,
        "validation": validation.to_dict(orient="index"),
        "test": measure_test(fitted, parts.test, chosen, seed),
        "test_served_ahead": measure_test(fitted, ahead.test, chosen, seed),
        "leagues": leagues(parts.test, fitted[chosen].predict_proba(parts.test), seed),
        "goals_threshold": threshold,
        "served_ahead": reliability(ahead.test, fitted[chosen], threshold, seed),
    }


def seasons_before(frame: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Return the blend on the seasons before the test season, out of time, against two others."""
    by_season = [forecast_season(frame, season, seed) for season in WALK]
    tests, blends, without, baselines = [], [], [], []
    for (earlier, weighed_on), (test, chances) in pairwise(by_season):
        tests.append(test)
        blends.append(weighed(list(model.BLEND), weighed_on, earlier["outcome"], chances))
        others = [name for name in model.BLEND if name not in model.FIXED_SHARES]
        without.append(weighed(others, weighed_on, earlier["outcome"], chances))
        baselines.append(chances[BASELINE])
    seasons, blend = pd.concat(tests), np.vstack(blends)
    return {
        "against_baseline": by_group(seasons, blend, np.vstack(baselines), seed),
        "against_blend_without_lasting_goals": by_group(seasons, blend, np.vstack(without), seed),
    }


def weighed(
    members: list[str], earlier: Mapping[str, Floats], outcomes: pd.Series, chances: Mapping[str, Floats]
) -> Floats:
    """Return the pool of members with the weights that their earlier chances got."""
    weights = model.weigh({name: earlier[name] for name in members}, outcomes)
    return model.pooled([chances[name] for name in weights], list(weights.values()))


def forecast_season(frame: pd.DataFrame, season: str, seed: int) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """Return the matches of a season, and their chances by models of the seasons before."""
    parts = evaluation.split_by_season(frame, validation=season, test=season)
    fitted = {name: model.fit(model.make(name, seed=seed), parts.train) for name in [*model.BLEND, BASELINE]}
    chances = {name: each.predict_proba(parts.test) for name, each in fitted.items()}
    return parts.test, chances


def by_group(test: pd.DataFrame, ours: Floats, theirs: Floats, seed: int) -> dict[str, Any]:
    """Return n, scores, and the difference to the baseline, for all leagues and for the top leagues."""
    groups = {
        "all leagues": np.ones(len(test), dtype=bool),
        "top leagues": test["league"].isin(TOP_LEAGUES).to_numpy(),
    }
    return {
        name: {
            **evaluation.score(test["outcome"][at], ours[at]),
            "against": evaluation.compare(test[at], ours[at], theirs[at], seed=seed)["log_loss"],
        }
        for name, at in groups.items()
    }


def needed_by(pipeline: Pipeline, matches: pd.DataFrame) -> Floats:
    """Return the mass that each range needs to hold the goals that came."""
    return ranges.needed_by_results(matches, model.chances(pipeline, matches))


def reliability(test: pd.DataFrame, pipeline: Pipeline, threshold: float, seed: int) -> dict[str, Any]:
    """Return how often ranges of goals hold, and calibration, for all leagues and for each."""
    chances, needed = pipeline.predict_proba(test), needed_by(pipeline, test)
    scopes = {"all": np.arange(len(test)), **test.groupby("league").indices}
    return {
        str(scope): {
            "n": len(at),
            "calibration_error": scores.calibration_error(
                evaluation.labels(test["outcome"].iloc[at]), chances[at]
            ),
            "calibration_noise": evaluation.calibration_noise(chances[at], seed=seed),
            "goals_within": ranges.coverage(needed[at], threshold),
            "goals_within_unmeasured": ranges.coverage(needed[at], ranges.LEVEL),
        }
        for scope, at in scopes.items()
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
        "groups": by_group(test, ours, baselines[BASELINE], seed),
        "intervals": evaluation.intervals(test, ours, seed=seed),
        "against": {
            name: evaluation.compare(test, ours, theirs, seed=seed) for name, theirs in baselines.items()
        },
        "picks": picks.to_dict(orient="records"),
    }


def leagues(test: pd.DataFrame, chances: Floats, seed: int) -> dict[str, Any]:
    """Return scores and intervals of each league, best RPS first."""
    rows: dict[str, Any] = {}
    for league, row in evaluation.by_league(test, chances).iterrows():
        places = (test["league"] == league).to_numpy()
        intervals = evaluation.intervals(test[places], chances[places], seed=seed)
        rows[str(league)] = {**row, "intervals": intervals}
    return rows


def report(result: Mapping[str, Any]) -> None:
    """Print the figures."""
    chosen = result["chosen_on_validation"]
    choice = f"chosen on {VALIDATION} by log-loss: {chosen}"
    print(f"Football, as of {result['as_of']}; {choice}; {result['seconds']} s")
    print(f"\n{WALK[1]} to {WALK[-1]}, each season by models of the seasons before")
    for reference, groups in result["seasons_before"].items():
        report_groups(groups, reference)
    for name, title in TITLES.items():
        print(f"\n{title}")
        report_groups(result[name]["groups"], "against_baseline")
        report_scores("model", result[name]["scores"])
        report_intervals(result[name], chosen)
    print()
    report_scores("league", result["leagues"])
    print(f"\n{TITLES['test_served_ahead']}: ranges of goals with a mass of {result['goals_threshold']:.3f}")
    report_reliability(result["served_ahead"])


def report_groups(groups: Mapping[str, Any], reference: str) -> None:
    """Print the blend and its difference to a reference, one line per group of leagues."""
    for name, row in groups.items():
        scores_text = f"log-loss {row['log_loss']:.4f}, calibration error {row['calibration_error']:.4f}"
        difference = interval_text(row["against"])
        print(f"{name}: n {row['n']}, {scores_text}, {reference.replace('_', ' ')} {difference}")


def report_reliability(rows: Mapping[str, Any]) -> None:
    """Print how often ranges of goals hold, and calibration beside that of true chances."""
    for name, row in rows.items():
        low, high = row["goals_within"][1:]
        share = f"{row['goals_within'][0]:.3f} [{low:.3f}, {high:.3f}]"
        error = f"{row['calibration_error']:.3f} (by chance {row['calibration_noise']:.3f})"
        plain = f"unmeasured {row['goals_within_unmeasured'][0]:.3f}"
        print(f"{name:5} n {row['n']:5} goals within {share} ({plain}), calibration error {error}")


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
