"""The tables released beside the predictions: templates, their use, distinct texts, and counts over time."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.logs import contract
from almanac.workloads.logs.contract import BLOCK, FIRST_LETTER, LEVELS, SEVERITIES
from almanac.workloads.logs.scoring.columns import Columns, Numbers, instants, words
from almanac.workloads.logs.scoring.outliers import BUCKET_MICROSECONDS
from almanac.workloads.logs.terms.levels import WARNING

HOUR_MICROSECONDS = 3_600_000_000


@dataclass(frozen=True)
class Told:
    """What is known of each distinct text: chances of LEVELS, most likely level, id, and the place of its template in `template_ids`."""

    chances: Floats
    level: Numbers
    text_ids: list[str]
    template: Numbers
    template_ids: list[str]
    templates: list[str]


def texts(told: Told) -> pd.DataFrame:
    """Return the table `texts`: a row per distinct masked text."""
    frame = pd.DataFrame(
        {
            "text_id": told.text_ids,
            "template_id": [told.template_ids[place] for place in told.template],
            **_shared(told),
        }
    )
    return frame.drop_duplicates("text_id")[contract.TEXTS.column_names]


def templates(columns: Columns, told: Told, found: pd.DataFrame) -> pd.DataFrame:
    """Return the table `templates`; its level is that of the text that most of its entries have."""
    by = pd.DataFrame(
        {"template": told.template[columns.text], "anomaly": found["anomaly"], "time": columns.event_time}
    )
    counts = _counts(by, ["template"])
    # A template that only a question has is not one of the log.
    per_text = pd.DataFrame(
        {
            "template": told.template,
            "entries": np.bincount(columns.text, minlength=len(told.template)),
            **_shared(told),
        }
    )
    main = (
        per_text.sort_values("entries", kind="stable")
        .drop_duplicates("template", keep="last")
        .set_index("template")
    )
    frame = counts.join(main.drop(columns="entries"), on="template")
    frame = frame.assign(
        template_id=[told.template_ids[at] for at in frame["template"]],
        template=[told.templates[at] for at in frame["template"]],
    )
    return frame[contract.TEMPLATES.column_names]


def usage(columns: Columns, told: Told, found: pd.DataFrame) -> pd.DataFrame:
    """Return the table `usage`: a row per source and template."""
    by = pd.DataFrame(
        {
            "source": columns.source,
            "template": told.template[columns.text],
            "anomaly": found["anomaly"],
            "time": columns.event_time,
        }
    )
    buckets = (
        by[["source", "template"]].assign(bucket=columns.event_time // BUCKET_MICROSECONDS).drop_duplicates()
    )
    frame = _counts(by, ["source", "template"]).join(
        buckets.groupby(["source", "template"]).size().rename("buckets"), on=["source", "template"]
    )
    frame = frame.assign(
        source=_named(columns.sources, frame["source"]),
        template_id=_named(told.template_ids, frame["template"]),
    )
    return frame[contract.USAGE.column_names]


def rollups(columns: Columns, found: pd.DataFrame, *, width: int = BUCKET_MICROSECONDS) -> pd.DataFrame:
    """Return the table `rollups`, or `hours`: entries per bucket of so many microseconds, source, level and severity."""
    by = found.assign(source=columns.source, bucket=columns.event_time // width)
    frame = _sized(by, ["bucket", "source", "level", "severity"])
    frame = frame.assign(
        bucket=instants((frame["bucket"] * width).to_numpy()),
        source=_named(columns.sources, frame["source"]),
        level=_named(list(LEVELS), frame["level"]),
        severity=_named(list(SEVERITIES), frame["severity"]),
    )
    return frame[contract.ROLLUPS.column_names]


def template_hours(columns: Columns, told: Told, found: pd.DataFrame) -> pd.DataFrame:
    """Return the table `template_hours`: entries per hour, source and template."""
    hours = columns.event_time // HOUR_MICROSECONDS
    by = pd.DataFrame(
        {
            "bucket": hours,
            "source": columns.source,
            "template": told.template[columns.text],
            "anomaly": found["anomaly"],
        }
    )
    frame = _sized(by, ["bucket", "source", "template"])
    frame = frame.assign(
        bucket=instants((frame["bucket"] * HOUR_MICROSECONDS).to_numpy()),
        source=_named(columns.sources, frame["source"]),
        template_id=_named(told.template_ids, frame["template"]),
    )
    return frame[contract.TEMPLATE_HOURS.column_names]


def blocks(columns: Columns, found: pd.DataFrame) -> pd.DataFrame:
    """Return the table `blocks`: a row per block of entry numbers, with what `contract.letter` makes of each entry."""
    numbers, first, row = np.unique(columns.entry_id // BLOCK, return_index=True, return_inverse=True)
    letters = np.full((len(numbers), BLOCK), ord(" "), dtype=np.uint8)
    known = (found["level"] * len(SEVERITIES) + found["severity"]) * 2 + found["anomaly"]
    letters[row, columns.entry_id % BLOCK] = ord(FIRST_LETTER) + known.to_numpy()
    told = [line.tobytes().decode("ascii").rstrip() for line in letters]
    return pd.DataFrame(
        {"block": numbers, "first_entry": columns.entry_id[first], "letters": told},
        columns=contract.BLOCKS.column_names,
    )


def _shared(told: Told) -> dict[str, object]:
    return {
        "level": np.array(LEVELS, dtype=object)[told.level],
        "level_confidence": told.chances.max(axis=1, initial=0.0),
        "warning_chance": told.chances[:, WARNING:].sum(axis=1).clip(0.0, 1.0),
    }


def _named(names: list[str], places: "pd.Series[int]") -> pd.Series:
    return words(names, np.asarray(places, dtype=np.int64)).set_axis(places.index)


def _sized(by: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    grouped = by.groupby(keys, sort=True)["anomaly"]
    return grouped.agg(entries="size", anomalies="sum").reset_index()


def _counts(by: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    grouped = by.groupby(keys, sort=True)
    frame = grouped.agg(
        entries=("anomaly", "size"),
        anomalies=("anomaly", "sum"),
        first_seen=("time", "min"),
        last_seen=("time", "max"),
    ).reset_index()
    return frame.assign(
        first_seen=instants(frame["first_seen"].to_numpy()), last_seen=instants(frame["last_seen"].to_numpy())
    )
