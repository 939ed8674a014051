"""What a person sees of the logs at the end of a run."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from almanac.workloads.logs.contract import SEVERITIES


def headline(predictions: pd.DataFrame, *, rows: int) -> tuple[list[str], list[list[object]]]:
    """Return columns and rows of a table of entries, the worst first and one of each template in each source."""
    places = predictions["severity"].map({name: place for place, name in enumerate(SEVERITIES)})
    ordered = predictions.assign(place=places).sort_values(
        ["place", "anomaly_score", "entry_id"], ascending=[False, False, True]
    )
    ordered = ordered.drop_duplicates(["source", "template_id"])
    columns = ["entry", "time", "source", "level", "confidence", "anomaly", "severity", "template"]
    return columns, [_row(entry) for entry in ordered.head(rows).itertuples()]


def facts(metrics: Mapping[str, Any]) -> str:
    """Return a sentence about held-out texts, with the majority beside the model."""
    if "log_loss" not in metrics:
        return "This version has not been evaluated on held-out texts yet."
    four = f"level right {metrics['accuracy']:.1%} (majority {metrics['majority']:.1%})"
    two = f"warning or worse {metrics['warning_accuracy']:.1%} (majority {metrics['warning_majority']:.1%})"
    return f"On {metrics['n']:.0f} templates that the model had not seen: {four}, {two}, calibration error {metrics['calibration_error']:.3f}."


def _row(entry: Any) -> list[object]:
    kind = entry.anomaly_kind if isinstance(entry.anomaly_kind, str) else ""
    time = f"{entry.event_time:%Y-%m-%d %H:%M:%S}"
    return [
        entry.entry_id,
        time,
        entry.source,
        entry.level,
        f"{entry.level_confidence:.0%}",
        kind,
        entry.severity,
        entry.template_id,
    ]
