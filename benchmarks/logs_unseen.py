"""Levels of logs of systems that the model has not seen, as they are served, beside plainer answers.

    ALMANAC_ACCEPT_LOGHUB=1 python benchmarks/logs_unseen.py [--json PATH]

Each system with logs is left out in turn. A row is a template of a system, unless it says lines.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from almanac.judging import scores as metrics
from almanac.judging.scores import Floats, Labels
from almanac.settings import Settings
from almanac.workloads.logs import evaluation, examples, features, sources
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.estimators import BY_SYSTEM, BY_TEMPLATE, TextLevels
from almanac.workloads.logs.evaluation import Forecasts
from almanac.workloads.logs.evaluation.validation import labels_of

SHOWN = [
    "accuracy",
    "always_info",
    "majority",
    "macro_f1",
    "log_loss",
    "calibration_error",
    "warning_accuracy",
    "warning_macro_f1",
    "warning_majority",
    "n",
]
# Chances of levels for test rows, given training rows.
Predict = Callable[[pd.DataFrame, pd.DataFrame], Floats]
Result = dict[str, Any]


def main() -> None:
    """Fetch what the settings allow, measure, print and write."""
    arguments = parse_arguments()
    fetched = sources.fetch(Settings.read())
    frame = features.build(fetched.statements)
    with threadpool_limits(limits=1):
        tables = measure(frame, arguments.seed)
    print(f"Logs, {fetched.source}")
    for title, table in tables.items():
        print(f"\n{title}\n{table.round(3).to_string()}")
    if arguments.json:
        result = {title: json.loads(table.to_json(orient="index")) for title, table in tables.items()}
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def measure(frame: pd.DataFrame, seed: int) -> dict[str, pd.DataFrame]:
    """Return every table: the ways to answer, each log, written levels, and what less data allow."""
    served = evaluation.leave_logs_out(frame)
    foreign = evaluation.cross_validate(frame, by="system", seed=seed)
    unseen = evaluation.cross_validate(frame, by="template", seed=seed)
    ways = {"as served": served} | {name: left_out(frame, predict) for name, predict in WAYS.items()}
    return {
        "logs of unseen systems": table_of({name: logs_of(way) for name, way in ways.items()}),
        "accuracy as served minus one calibration": difference(served, ways["one calibration"], seed),
        "each log as served": evaluation.by_log(served),
        "spread over systems": spread(evaluation.templates_of(served), seed),
        "unseen systems, by kind": evaluation.by_kind(foreign)[SHOWN],
        "statements of unseen systems, plain SVC": statements_by_svc(frame, foreign),
        "unseen templates of systems of the training, by kind": evaluation.by_kind(unseen)[SHOWN],
        "chance of warning or worse, logs of unseen systems": reliability(served),
        "written and predicted levels, lines": written(served),
        "trained without loghub, measured on its logs": without_loghub(frame),
    }


def one_calibration(train: pd.DataFrame, test: pd.DataFrame) -> Floats:
    """Return what was served before there were two calibrations."""
    levels = TextLevels().fit(examples.of(train), calibrations=[BY_TEMPLATE])
    return levels.chances(examples.of(test).counts, np.ones(len(test), dtype=bool))


def for_new_sources(train: pd.DataFrame, test: pd.DataFrame) -> Floats:
    """Return what is served to sources that the model was not trained on."""
    levels = TextLevels().fit(examples.of(train), calibrations=[BY_SYSTEM])
    return levels.chances(examples.of(test).counts, np.zeros(len(test), dtype=bool))


def plain_svc(train: pd.DataFrame, test: pd.DataFrame) -> Floats:
    """Return 1 for the level that a linear SVC on TF-IDF of words and pairs of words gives, else 0."""
    pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC())
    pipeline.fit(train["text"], labels_of(train))
    return np.eye(len(LEVELS))[pipeline.predict(test["text"])]


WAYS: dict[str, Predict] = {"one calibration": one_calibration, "plain SVC": plain_svc}


def left_out(frame: pd.DataFrame, predict: Predict) -> Forecasts:
    """Return forecasts for the same rows as `evaluation.leave_logs_out`, by another way to predict."""
    systems, is_log = examples.source_numbers(frame["system"]), ~frame["origin"].isin(features.STATED)
    chances, is_tested = np.zeros((len(frame), len(LEVELS))), is_log.to_numpy(dtype=bool)
    for system in np.unique(systems[is_tested]):
        is_test = (systems == system) & is_tested
        chances[is_test] = predict(frame[systems != system], frame[is_test])
    return Forecasts(frame[is_tested], chances[is_tested], chances[is_tested])


def logs_of(forecasts: Forecasts) -> "pd.Series[float]":
    """Return the scores on one row of each template of each log."""
    return evaluation.by_kind(evaluation.templates_of(forecasts)).loc["run-time logs"]


def table_of(rows: dict[str, "pd.Series[float]"]) -> pd.DataFrame:
    """Return rows by their names; an answer without chances has neither log-loss nor calibration."""
    table = pd.DataFrame(rows).T[SHOWN]
    table.loc[table.index == "plain SVC", ["log_loss", "calibration_error"]] = np.nan
    return table


def difference(served: Forecasts, before: Forecasts, seed: int) -> pd.DataFrame:
    """Return the difference of accuracies and log-losses on the same templates, with 95 % intervals."""
    ours, theirs = evaluation.templates_of(served), evaluation.templates_of(before)
    labels = labels_of(ours.frame)
    clusters: Labels = np.asarray(pd.factorize(ours.frame["template"])[0], dtype=np.int64)
    pairs = {
        "accuracy": (is_right(ours.chances, labels), is_right(theirs.chances, labels)),
        "log-loss": (metrics.log_losses(labels, ours.chances), metrics.log_losses(labels, theirs.chances)),
    }
    intervals = {
        name: metrics.paired_bootstrap(*pair, clusters=clusters, seed=seed) for name, pair in pairs.items()
    }
    return pd.DataFrame({name: interval._asdict() for name, interval in intervals.items()}).T


def is_right(chances: Floats, labels: Labels) -> Floats:
    """Return 1 where the most likely level is the label, else 0."""
    right: Floats = (chances.argmax(axis=1) == labels).astype(np.float64)
    return right


def spread(forecasts: Forecasts, seed: int) -> pd.DataFrame:
    """Return mean and standard deviation of scores over systems that are drawn with replacement."""
    draws = evaluation.bootstrap_systems(forecasts, seed=seed)
    return draws[["accuracy", "log_loss", "warning_macro_f1"]].agg(["mean", "std"])


def statements_by_svc(frame: pd.DataFrame, foreign: Forecasts) -> pd.DataFrame:
    """Return the scores of a plain SVC on the same statements, in folds of systems."""
    rows = foreign.frame[foreign.frame["origin"].isin(features.STATED)]
    numbers = examples.source_numbers(frame["system"])
    fold = np.unique(numbers, return_inverse=True)[1] % 5
    chances = np.zeros((len(rows), len(LEVELS)))
    of_rows = fold[rows.index]
    for number in range(5):
        chances[of_rows == number] = plain_svc(frame[fold != number], rows[of_rows == number])
    scores = evaluation.by_kind(Forecasts(rows, chances, chances))
    return scores[["accuracy", "always_info", "majority", "macro_f1", "warning_macro_f1", "n"]]


def reliability(served: Forecasts) -> pd.DataFrame:
    """Return promised and happened shares of "warning or worse" in five equal bins."""
    return evaluation.reliability(evaluation.templates_of(served), bins=5)


def written(served: Forecasts) -> pd.DataFrame:
    """Return how often the predicted level differs from the written one, and which is the worse."""
    labels, likely = labels_of(served.frame), served.chances.argmax(axis=1)
    lines = served.frame["occurrences"].to_numpy(dtype=np.float64)
    flags = {"differ": likely != labels, "written worse": labels > likely, "predicted worse": labels < likely}
    systems = served.frame["system"].to_numpy(dtype=object)
    rows = {name: shares(flags, lines, systems == name) for name in sorted(set(systems))}
    table = pd.DataFrame(rows).T
    table.loc["mean of the systems"] = table.mean()
    return table


def shares(flags: dict[str, npt.NDArray[np.bool_]], lines: Floats, is_chosen: Any) -> dict[str, float]:
    """Return the share of the chosen lines that have each flag."""
    return {
        name: float(np.average(flag[is_chosen], weights=lines[is_chosen])) for name, flag in flags.items()
    }


def without_loghub(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the scores on loghub's logs of a training without them, which anybody may have."""
    is_loghub = frame["origin"] == "loghub"
    if not is_loghub.any():
        return pd.DataFrame()
    train, test = frame[~is_loghub], frame[is_loghub]
    ways = {"as served": for_new_sources} | WAYS
    chances = {name: predict(train, test) for name, predict in ways.items()}
    return table_of({name: logs_of(Forecasts(test, each, each)) for name, each in chances.items()})


if __name__ == "__main__":
    main()
