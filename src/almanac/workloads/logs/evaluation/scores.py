"""Scores of forecasts of levels: over seeds, systems and bins of chance, and of a random split."""

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from almanac.judging import scores as metrics
from almanac.judging.scores import Floats, Labels
from almanac.workloads.logs import features
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.evaluation.validation import Forecasts, cross_validate, labels_of
from almanac.workloads.logs.examples import Flags
from almanac.workloads.logs.model import ALPHA
from almanac.workloads.logs.terms import levels
from almanac.workloads.logs.terms.levels import WARNING

COLUMNS = [
    "accuracy",
    "macro_f1",
    "majority",
    "warning_accuracy",
    "warning_macro_f1",
    "warning_majority",
    "log_loss",
    "calibration_error",
    "n",
]
MAIN = ("accuracy", "macro_f1", "warning_accuracy", "warning_macro_f1")
DESCRIPTION = (
    "four levels {accuracy} (macro-F1 {macro_f1}, majority {first[majority]:.3f}), "
    "warning or worse {warning_accuracy} "
    "(macro-F1 {warning_macro_f1}, majority {first[warning_majority]:.3f}), n = {first[n]:.0f}"
)


def score(level: "pd.Series[str]", chances: Floats) -> dict[str, float]:
    """Return the scores COLUMNS, of the four levels and of "warning or worse".

    `majority` is the share of the most frequent label.
    """
    labels = np.array(levels.numbers(level), dtype=np.int64)
    of_levels = _agreement(labels, chances.argmax(axis=1))
    of_warning = _agreement(labels >= WARNING, warning_chances(chances) >= 0.5)
    scores = of_levels | {f"warning_{name}": value for name, value in of_warning.items()}
    scores["log_loss"] = float(metrics.log_losses(labels, chances).mean())
    scores["calibration_error"] = metrics.calibration_error(labels, chances)
    scores["n"] = len(labels)
    return scores


def over_seeds(
    statements: pd.DataFrame, *, by: str, seeds: range, alpha: float = ALPHA
) -> tuple[Forecasts, pd.DataFrame]:
    """Return the forecasts of the first seed, and the scores of every seed, a row each."""
    every = [cross_validate(statements, by=by, seed=seed, alpha=alpha) for seed in seeds]
    rows = [score(forecasts.frame["level"], forecasts.chances) for forecasts in every]
    return every[0], pd.DataFrame(rows, index=list(seeds))[COLUMNS]


def bootstrap_systems(forecasts: Forecasts, *, seed: int, draws: int = 100) -> pd.DataFrame:
    """Return the scores of as many systems drawn with replacement, a row per draw.

    Their spread shows how much the scores depend on the choice of systems. Another seed of the folds changes
    almost nothing, because the largest systems decide which folds are possible.
    """
    random = np.random.default_rng(seed)
    places = list(_places_by_system(forecasts).values())
    samples = (_drawn(places, random) for _ in range(draws))
    return pd.DataFrame([_score_rows(forecasts, rows) for rows in samples])[COLUMNS]


def describe(scores: pd.DataFrame, *, among: pd.DataFrame | None = None) -> str:
    """Return the main scores in words: mean and standard deviation over seeds, majority, and n.

    The standard deviation is over the rows `among` where they are given.
    """
    means = scores[list(MAIN)].mean()
    spread = (scores if among is None else among)[list(MAIN)].std(ddof=0)
    ranges = {name: f"{means[name]:.3f} ± {spread[name]:.3f}" for name in MAIN}
    return DESCRIPTION.format(first=scores.iloc[0], **ranges)


def by_system(forecasts: Forecasts, *, least: int = 30) -> pd.DataFrame:
    """Return the scores of each system with at least `least` rows, a row each, the lowest accuracy first."""
    places = {name: rows for name, rows in _places_by_system(forecasts).items() if len(rows) >= least}
    scores = {name: _score_rows(forecasts, rows) for name, rows in places.items()}
    frame = pd.DataFrame.from_dict(scores, orient="index", columns=COLUMNS)
    return frame.rename_axis("system").sort_values("accuracy")


def reliability(forecasts: Forecasts, *, bins: int = 10) -> pd.DataFrame:
    """Return promised chance and frequency of "warning or worse", with Wilson's interval, in equal bins."""
    promised = warning_chances(forecasts.chances)
    happened = labels_of(forecasts.frame) >= WARNING
    parts = np.array_split(np.argsort(promised, kind="stable"), bins)
    rows = [_bin(promised[part], happened[part]) for part in parts if len(part)]
    return pd.DataFrame(rows)


def confusion(forecasts: Forecasts) -> pd.DataFrame:
    """Return how often each level (row) was taken for each (column), as shares of the row."""
    names = list(LEVELS)
    likely = forecasts.chances.argmax(axis=1)
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (labels_of(forecasts.frame), likely), 1)
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return pd.DataFrame(counts / totals, index=names, columns=names)


def random_lines(statements: pd.DataFrame, *, seed: int, share: float = 0.2) -> float:
    """Return the accuracy that a random split of lines would pretend for a model that only remembers texts.

    The model knows a test line by heart if a training line has the same text. Other lines get the most
    frequent level. Statements of programs have no lines and are left out where there are logs.
    """
    texts = _texts_with_lines(statements)
    lines = texts["occurrences"].to_numpy(dtype=np.int64)
    tested = np.random.default_rng(seed).binomial(lines, share)
    is_frequent = (texts["level"] == texts["level"].mode()[0]).to_numpy()
    is_right = (lines > tested) | is_frequent
    return float(tested[is_right].sum() / max(tested.sum(), 1))


def warning_chances(chances: Floats) -> Floats:
    """Return the chance of "warning or worse" of each row."""
    sums: Floats = chances[:, WARNING:].sum(axis=1)
    return sums


def _agreement(labels: Labels | Flags, answers: Labels | Flags) -> dict[str, float]:
    """Return accuracy and macro-F1 of answers, and the accuracy of the most frequent label."""
    macro_f1 = f1_score(labels, answers, average="macro", zero_division=0)
    majority = np.bincount(labels).max() / len(labels)
    accuracy = (labels == answers).mean()
    return {"accuracy": float(accuracy), "macro_f1": float(macro_f1), "majority": float(majority)}


def _score_rows(forecasts: Forecasts, rows: Labels) -> dict[str, float]:
    return score(forecasts.frame["level"].iloc[rows], forecasts.chances[rows])


def _drawn(places: list[Labels], random: np.random.Generator) -> Labels:
    """Return the rows of as many systems, drawn with replacement."""
    systems = random.integers(len(places), size=len(places))
    return np.concatenate([places[system] for system in systems])


def _texts_with_lines(statements: pd.DataFrame) -> pd.DataFrame:
    of_logs = statements[~statements["origin"].isin(features.STATED)]
    return of_logs if len(of_logs) else statements


def _places_by_system(forecasts: Forecasts) -> "dict[str, Labels]":
    groups = forecasts.frame.reset_index(drop=True).groupby("system", sort=True)
    return {str(name): np.asarray(places) for name, places in groups.indices.items()}


def _bin(promised: Floats, happened: Flags) -> dict[str, float]:
    share, low, high = metrics.wilson(int(happened.sum()), len(happened))
    return {"promised": promised.mean(), "happened": share, "low": low, "high": high, "n": len(promised)}
