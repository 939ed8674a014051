"""Scores entries: each distinct masked text once, each template, session and bucket once, and every entry by looking these up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from almanac.judging.scores import Floats
from almanac.workloads.logs import features
from almanac.workloads.logs.contract import CONTRACT, KINDS, LEVELS, PREDICTIONS, SEVERITIES
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring.columns import Columns, Numbers, gather, words
from almanac.workloads.logs.scoring.outliers import lines
from almanac.workloads.logs.scoring.sessions import judged
from almanac.workloads.logs.scoring.side_tables import (
    HOUR_MICROSECONDS,
    Told,
    blocks,
    rollups,
    template_hours,
    templates,
    texts,
    usage,
)
from almanac.workloads.logs.terms import severity
from almanac.workloads.logs.terms.levels import WARNING
from almanac.workloads.logs.terms.templates import Templates


@dataclass(frozen=True)
class Past:
    """What a version has published already: its tables `templates`, `usage` and `sessions`."""

    templates: pd.DataFrame
    usage: pd.DataFrame
    sessions: pd.DataFrame


def nothing_past() -> Past:
    """Return the past of a version that has published nothing."""
    empty = {table.name: pd.DataFrame(columns=table.column_names) for table in CONTRACT.side_tables}
    return Past(empty["templates"], empty["usage"], empty["sessions"])


@dataclass(frozen=True)
class Mark:
    """What every row of a run says of itself, and the masked texts that somebody asked about."""

    version: int
    predicted_at: datetime
    asked: Sequence[str] = ()


def score(model: LogModel, entries: Iterable[pa.Table], past: Past, *, mark: Mark) -> dict[str, pd.DataFrame]:
    """Return the frame of each released table for entries with entry_id, source, session, event_time and text.

    Each batch is forgotten once its texts are masked, so memory holds numbers only. The same entries, model and past give the same frames.
    """
    columns = gather(entries, asked=mark.asked)
    told = _told(model, columns, past)
    standing = lines(columns, told.template, past.usage, told.template_ids)
    sessions = judged(model, columns, told, past.sessions)
    scores = np.maximum(standing.scores, sessions.of_entries)
    kinds = np.where(sessions.of_entries >= 0.5, KINDS.index("session"), standing.kinds)
    is_anomaly = scores >= 0.5
    levels = told.level[columns.text]
    found = pd.DataFrame(
        {"level": levels, "anomaly": is_anomaly, "severity": severity.places(levels, is_anomaly)}
    )
    standing_out = _Standing(scores, np.where(is_anomaly, kinds, -1), is_anomaly)
    return {
        "predictions": _predictions(columns, told, standing_out, found, mark),
        "templates": templates(columns, told, found),
        "usage": usage(columns, told, found),
        "texts": texts(told),
        "rollups": rollups(columns, found),
        "hours": rollups(columns, found, width=HOUR_MICROSECONDS),
        "template_hours": template_hours(columns, told, found),
        "blocks": blocks(columns, found),
        "sessions": sessions.table,
    }


@dataclass(frozen=True)
class _Standing:
    """Score of each entry, place of its kind in KINDS or -1, and whether it counts as anomaly."""

    scores: Floats
    kinds: Numbers
    flags: npt.NDArray[np.bool_]


def _predictions(
    columns: Columns, told: Told, standing: _Standing, found: pd.DataFrame, mark: Mark
) -> pd.DataFrame:
    levels = told.level[columns.text]
    return pd.DataFrame(
        {
            "entry_id": columns.entry_id,
            "event_time": pd.to_datetime(columns.event_time, unit="us", utc=True),
            "source": words(columns.sources, columns.source),
            "level": words(list(LEVELS), levels),
            "level_confidence": told.chances.max(axis=1)[columns.text],
            "warning_chance": told.chances[:, WARNING:].sum(axis=1).clip(0.0, 1.0)[columns.text],
            "anomaly": standing.flags,
            "anomaly_score": standing.scores,
            "anomaly_kind": words(list(KINDS), standing.kinds),
            "severity": words(list(SEVERITIES), found["severity"].to_numpy()),
            "template_id": words(told.template_ids, told.template[columns.text]),
            "model_version": np.full(len(levels), mark.version, dtype=np.int32),
            "predicted_at": pd.Series(
                pd.Timestamp(mark.predicted_at).tz_convert("UTC"),
                index=range(len(levels)),
                dtype="datetime64[us, UTC]",
            ),
        },
        columns=PREDICTIONS.column_names,
    )


def _told(model: LogModel, columns: Columns, past: Past) -> Told:
    mined = Templates(dict(zip(past.templates["template_id"], past.templates["template"], strict=True)))
    names = mined.add_all(columns.texts)
    template, template_ids = (
        pd.factorize(np.array(names, dtype=object)) if names else (np.zeros(0, np.int64), np.zeros(0, object))
    )
    chances = (
        model.predict_proba(pd.DataFrame({"text": columns.texts})) if names else np.zeros((0, len(LEVELS)))
    )
    ids = [str(name) for name in template_ids]
    return Told(
        chances=chances,
        level=chances.argmax(axis=1).astype(np.int64),
        text_ids=features.text_ids(columns.texts),
        template=np.asarray(template, dtype=np.int64),
        template_ids=ids,
        templates=[mined.template(name) for name in ids],
    )
