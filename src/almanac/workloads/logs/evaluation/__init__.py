"""Measures levels and sessions on data that the model has not seen.

There is one row per template, and never a random split of lines.
"""

from almanac.workloads.logs.evaluation import sessions
from almanac.workloads.logs.evaluation.comparison import against, against_baseline, unseen_by
from almanac.workloads.logs.evaluation.groups import by_kind, by_log, chosen, figures_of_logs, templates_of
from almanac.workloads.logs.evaluation.penalties import compare_penalties
from almanac.workloads.logs.evaluation.scores import (
    bootstrap_systems,
    by_system,
    confusion,
    describe,
    over_seeds,
    random_lines,
    reliability,
    score,
)
from almanac.workloads.logs.evaluation.validation import (
    LEAST_ROWS,
    Forecasts,
    cross_validate,
    leave_logs_out,
    validate_by_time,
)

__all__ = [
    "LEAST_ROWS",
    "Forecasts",
    "against",
    "against_baseline",
    "bootstrap_systems",
    "by_kind",
    "by_log",
    "by_system",
    "chosen",
    "compare_penalties",
    "confusion",
    "cross_validate",
    "describe",
    "figures_of_logs",
    "leave_logs_out",
    "over_seeds",
    "random_lines",
    "reliability",
    "score",
    "sessions",
    "templates_of",
    "unseen_by",
    "validate_by_time",
]
