"""The summary of the logs on a terminal at the end of a run."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from almanac.workloads.logs.contract import SEVERITIES

COLUMNS = ["entry", "time", "source", "level", "confidence", "anomaly", "severity", "template"]
PLACES = {name: place for place, name in enumerate(SEVERITIES)}
FACTS = (
    "On {n:.0f} templates that the model had not seen: level right {accuracy:.1%} (majority {majority:.1%}), "
    "warning or worse {warning_accuracy:.1%} (majority {warning_majority:.1%}), "
    "calibration error {calibration_error:.3f}."
)
OF_LOGS = (
    " On {unseen_log_n:.0f} texts of logs of systems that it had not seen: "
    "level right {unseen_log_accuracy:.1%} (always info {unseen_log_always_info:.1%}), "
    "warning or worse {unseen_log_warning_accuracy:.1%} "
    "(majority {unseen_log_warning_majority:.1%})."
)
NO_FACTS = "This version has not been evaluated on held-out texts yet."
ORDER = ["place", "anomaly_score", "entry_id"]


def headline(predictions: pd.DataFrame, *, rows: int) -> tuple[list[str], list[list[object]]]:
    """Return columns and rows of a table of entries: the worst first, one of each template in each source."""
    places = predictions["severity"].map(PLACES)
    ordered = predictions.assign(place=places).sort_values(ORDER, ascending=[False, False, True])
    worst = ordered.drop_duplicates(["source", "template_id"]).head(rows)
    return COLUMNS, [_row(entry) for entry in worst.itertuples()]


def facts(metrics: Mapping[str, Any]) -> str:
    """Return the scores on held-out templates, and on logs of held-out systems, beside the majority."""
    if "log_loss" not in metrics:
        return NO_FACTS
    sentences = FACTS + OF_LOGS if "unseen_log_n" in metrics else FACTS
    return sentences.format(**metrics)


def _row(entry: Any) -> list[object]:
    kind = entry.anomaly_kind if isinstance(entry.anomaly_kind, str) else ""
    time = f"{entry.event_time:%Y-%m-%d %H:%M:%S}"
    confidence = f"{entry.level_confidence:.0%}"
    return [
        entry.entry_id,
        time,
        entry.source,
        entry.level,
        confidence,
        kind,
        entry.severity,
        entry.template_id,
    ]
