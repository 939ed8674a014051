"""The tables released beside the predictions: templates, their use, distinct texts, and counts over time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from almanac.workloads.logs import contract
from almanac.workloads.logs.contract import BLOCK, FIRST_LETTER, LEVELS, SEVERITIES
from almanac.workloads.logs.scoring.columns import (
    BUCKET_MICROSECONDS,
    HOUR_MICROSECONDS,
    Columns,
    Numbers,
    instants,
    words,
)
from almanac.workloads.logs.scoring.texts import TextPredictions

ROLLUP_KEY = ["bucket", "source", "level", "severity"]
USAGE_KEY = ["source", "template"]
TEMPLATE_HOUR_KEY = ["bucket", "source", "template"]
ROLLUP_COUNTS: dict[str, Any] = {
    "entries": ("anomaly", "size"),
    "anomalies": ("anomaly", "sum"),
    "written": ("written", "sum"),
    "differing": ("differing", "sum"),
}
COUNTS: dict[str, Any] = {
    "entries": ("anomaly", "size"),
    "anomalies": ("anomaly", "sum"),
    "first_seen": ("time", "min"),
    "last_seen": ("time", "max"),
}


def make(columns: Columns, predictions: TextPredictions, judged: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each side table but `sessions`.

    `judged` has level and severity (as places), anomaly, written and differing of each entry.
    """
    return {
        "templates": templates(columns, predictions, judged),
        "usage": usage(columns, predictions, judged),
        "texts": texts(predictions),
        "rollups": rollups(columns, judged),
        "hours": hours(columns, judged),
        "template_hours": template_hours(columns, predictions, judged),
        "blocks": blocks(columns, judged),
    }


def texts(predictions: TextPredictions) -> pd.DataFrame:
    """Return the table `texts`: a row per distinct masked text."""
    templates = [predictions.template_ids[place] for place in predictions.template]
    frame = pd.DataFrame({"text_id": predictions.text_ids, "template_id": templates, **_shared(predictions)})
    return frame.drop_duplicates("text_id")[contract.TEXTS.column_names]


def templates(columns: Columns, predictions: TextPredictions, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the table `templates`; its level is that of the text that most of its entries have.

    A template without an entry, of a text that was sent to be classified, is left out.
    """
    entries = _by_source_and_template(columns, predictions, judged).assign(time=columns.event_time)
    frame = _counts(entries, ["template"]).join(_main_texts(columns, predictions), on="template")
    ids = [predictions.template_ids[place] for place in frame["template"]]
    names = [predictions.templates[place] for place in frame["template"]]
    return frame.assign(template_id=ids, template=names)[contract.TEMPLATES.column_names]


def usage(columns: Columns, predictions: TextPredictions, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the table `usage`: a row per source and template."""
    entries = _by_source_and_template(columns, predictions, judged).assign(
        time=columns.event_time, bucket=columns.bucket
    )
    distinct = entries[[*USAGE_KEY, "bucket"]].drop_duplicates()
    buckets = distinct.groupby(USAGE_KEY).size().rename("buckets")
    frame = _counts(entries, USAGE_KEY).join(buckets, on=USAGE_KEY)
    named = frame.assign(
        source=_named(columns.sources, frame["source"]),
        template_id=_named(predictions.template_ids, frame["template"]),
    )
    return named[contract.USAGE.column_names]


def rollups(columns: Columns, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the table `rollups`: entries per five minutes, source, level and severity."""
    return _rollups(columns, judged, columns.bucket, BUCKET_MICROSECONDS)


def hours(columns: Columns, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the table `hours`: entries per hour, source, level and severity."""
    return _rollups(columns, judged, columns.hour, HOUR_MICROSECONDS)


def template_hours(columns: Columns, predictions: TextPredictions, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the table `template_hours`: entries per hour, source and template."""
    entries = _by_source_and_template(columns, predictions, judged).assign(bucket=columns.hour)
    frame = _sizes(entries, TEMPLATE_HOUR_KEY)
    named = frame.assign(
        bucket=_begins(frame["bucket"], HOUR_MICROSECONDS),
        source=_named(columns.sources, frame["source"]),
        template_id=_named(predictions.template_ids, frame["template"]),
    )
    return named[contract.TEMPLATE_HOURS.column_names]


def blocks(columns: Columns, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the table `blocks`: a row per block of entry numbers, with the `letter` of each entry."""
    numbers, first, row = np.unique(columns.entry_id // BLOCK, return_index=True, return_inverse=True)
    letters = np.full((len(numbers), BLOCK), ord(" "), dtype=np.uint8)
    letters[row, columns.entry_id % BLOCK] = _letters(judged)
    lines = [line.tobytes().decode("ascii").rstrip() for line in letters]
    frame = {"block": numbers, "first_entry": columns.entry_id[first], "letters": lines}
    return pd.DataFrame(frame, columns=contract.BLOCKS.column_names)


def _letters(judged: pd.DataFrame) -> Numbers:
    """Return the number of each entry's letter."""
    codes = (judged["level"] * len(SEVERITIES) + judged["severity"]) * 2 + judged["anomaly"]
    return ord(FIRST_LETTER) + codes.to_numpy(dtype=np.int64)


def _shared(predictions: TextPredictions) -> dict[str, object]:
    """Return the prediction of each text as most of its entries have it."""
    main = predictions.main
    return {
        "level": np.array(LEVELS, dtype=object)[predictions.level[main]],
        "level_confidence": predictions.confidence[main],
        "warning_chance": predictions.warning_chance[main],
    }


def _main_texts(columns: Columns, predictions: TextPredictions) -> pd.DataFrame:
    """Return by template the prediction of the text that most of its entries have."""
    entries = np.bincount(columns.text, minlength=len(predictions.template))
    frame = pd.DataFrame({"template": predictions.template, "entries": entries, **_shared(predictions)})
    ordered = frame.sort_values("entries", kind="stable")
    main = ordered.drop_duplicates("template", keep="last")
    return main.set_index("template").drop(columns="entries")


def _by_source_and_template(
    columns: Columns, predictions: TextPredictions, judged: pd.DataFrame
) -> pd.DataFrame:
    template = predictions.template[columns.text]
    return pd.DataFrame({"source": columns.source, "template": template, "anomaly": judged["anomaly"]})


def _rollups(columns: Columns, judged: pd.DataFrame, bucket: Numbers, width: int) -> pd.DataFrame:
    entries = judged.assign(source=columns.source, bucket=bucket)
    frame: pd.DataFrame = entries.groupby(ROLLUP_KEY, sort=True).agg(**ROLLUP_COUNTS).reset_index()
    begins = _begins(frame["bucket"], width)
    names = {"source": columns.sources, "level": LEVELS, "severity": SEVERITIES}
    named = {column: _named(values, frame[column]) for column, values in names.items()}
    return frame.assign(bucket=begins, **named)[contract.ROLLUPS.column_names]


def _named(names: Sequence[str], places: "pd.Series[int]") -> pd.Series:
    column = words(names, np.asarray(places, dtype=np.int64))
    return column.set_axis(places.index)


def _begins(numbers: "pd.Series[int]", width: int) -> pd.Series:
    """Return the instants at which buckets of so many microseconds begin."""
    microseconds = np.asarray(numbers * width, dtype=np.int64)
    return instants(microseconds)


def _sizes(entries: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return entries and anomalies by key."""
    grouped = entries.groupby(key, sort=True)["anomaly"]
    return grouped.agg(entries="size", anomalies="sum").reset_index()


def _counts(entries: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return entries and anomalies by key, with the first and the last event time."""
    frame: pd.DataFrame = entries.groupby(key, sort=True).agg(**COUNTS).reset_index()
    first, last = (instants(frame[name].to_numpy()) for name in ("first_seen", "last_seen"))
    return frame.assign(first_seen=first, last_seen=last)
