"""Scores of forecasts apart for logs and for logging statements, by text and by line."""

import numpy as np
import pandas as pd

from almanac.judging.scores import Floats, Labels
from almanac.workloads.logs import features
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.evaluation.scores import COLUMNS, score
from almanac.workloads.logs.evaluation.validation import Forecasts, labels_of
from almanac.workloads.logs.examples import Flags

LOGS, STATEMENTS = "run-time logs", "logging statements"
INFO = LEVELS.index("info")


def by_kind(forecasts: Forecasts) -> pd.DataFrame:
    """Return the scores of run-time logs and of logging statements, a row each, and none for what is lacking.

    `always_info` is the accuracy of the answer "info" for every row.
    """
    is_log = ~forecasts.frame["origin"].isin(features.STATED).to_numpy(dtype=bool)
    rows = {LOGS: is_log, STATEMENTS: ~is_log}
    scores = {kind: _scored(chosen(forecasts, flags)) for kind, flags in rows.items() if flags.any()}
    return pd.DataFrame.from_dict(scores, orient="index", columns=[*COLUMNS, "always_info"])


def by_log(forecasts: Forecasts) -> pd.DataFrame:
    """Return for each system templates, lines, and the accuracy by each, beside the answer "info"."""
    systems = forecasts.frame["system"].to_numpy(dtype=object)
    parts = {str(name): chosen(forecasts, systems == name) for name in sorted(set(systems))}
    return pd.DataFrame({name: _of_log(part) for name, part in parts.items()}).T.rename_axis("system")


def figures_of_logs(kinds: pd.DataFrame) -> dict[str, float]:
    """Return the scores `by_kind` of run-time logs as metrics of a version, none where there are no logs."""
    if LOGS not in kinds.index:
        return {}
    of_logs = kinds.loc[LOGS].to_dict()
    return {f"unseen_log_{name}": float(value) for name, value in of_logs.items()}


def templates_of(forecasts: Forecasts) -> Forecasts:
    """Return one row of each template of each system: the text that most of its lines have."""
    ordered = forecasts.frame.reset_index(drop=True).sort_values(
        "occurrences", ascending=False, kind="stable"
    )
    places = np.sort(ordered.drop_duplicates(["system", "template"]).index.to_numpy())
    return chosen(forecasts, places)


def chosen(forecasts: Forecasts, rows: Flags | Labels) -> Forecasts:
    """Return the forecasts of some rows."""
    frame, chances, base = forecasts
    return Forecasts(frame[rows] if rows.dtype == bool else frame.iloc[rows], chances[rows], base[rows])


def _scored(forecasts: Forecasts) -> dict[str, float]:
    is_info = forecasts.frame["level"] == LEVELS[INFO]
    return score(forecasts.frame["level"], forecasts.chances) | {"always_info": float(is_info.mean())}


def _of_log(forecasts: Forecasts) -> dict[str, float]:
    one_each, lines = templates_of(forecasts), forecasts.frame["occurrences"].to_numpy(dtype=np.float64)
    of_templates = _shares(one_each, np.ones(len(one_each.frame)))
    of_lines = {f"line_{name}": value for name, value in _shares(forecasts, lines).items()}
    return {"templates": len(one_each.frame), "lines": lines.sum(), **of_templates, **of_lines}


def _shares(forecasts: Forecasts, weights: Floats) -> dict[str, float]:
    labels = labels_of(forecasts.frame)
    is_right = forecasts.chances.argmax(axis=1) == labels
    shares = {"accuracy": is_right, "always_info": labels == INFO}
    return {name: float(np.average(flags, weights=weights)) for name, flags in shares.items()}
