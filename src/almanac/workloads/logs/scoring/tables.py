"""Scores entries: each distinct text, template, session and bucket once, then every entry by look-up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from almanac.judging.scores import Floats
from almanac.workloads.logs.contract import CONTRACT, KINDS, LEVELS, PREDICTIONS, SEVERITIES
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring import side_tables, texts
from almanac.workloads.logs.scoring.columns import Columns, Numbers, gather, words
from almanac.workloads.logs.scoring.outliers import LineScores, score_lines
from almanac.workloads.logs.scoring.sessions import SessionScores, judge_sessions
from almanac.workloads.logs.scoring.texts import TextPredictions
from almanac.workloads.logs.terms import severity

Tables = dict[str, pd.DataFrame]
PAST = ("templates", "usage", "sessions")


@dataclass(frozen=True)
class Past:
    """The tables `templates`, `usage` and `sessions` that a version has published already."""

    templates: pd.DataFrame
    usage: pd.DataFrame
    sessions: pd.DataFrame


@dataclass(frozen=True)
class Stamp:
    """The version and time in every row of a run, and masked texts to classify beside those of entries."""

    version: int
    predicted_at: datetime
    pending_texts: Sequence[str] = ()


@dataclass(frozen=True)
class _Anomalies:
    """Score of each entry, place of its kind in KINDS or -1, and whether it counts as anomaly."""

    scores: Floats
    kinds: Numbers
    flags: npt.NDArray[np.bool_]


def past_of(step: Any, version: int) -> Past:
    """Return the past of a version, read by an open step."""
    return Past(*(step.read_published(name, version) for name in PAST))


def nothing_past() -> Past:
    """Return the past of a version that has published nothing."""
    columns = [CONTRACT.table(name).column_names for name in PAST]
    return Past(*(pd.DataFrame(columns=names) for names in columns))


def score(model: LogModel, entries: Iterable[pa.Table], past: Past, *, stamp: Stamp) -> Tables:
    """Return each released table for entries with entry_id, source, session, event_time, level and text.

    Each batch is forgotten once its texts are masked, so memory holds numbers only.
    The same entries, model and past give the same frames.
    """
    columns = gather(entries, extra_texts=stamp.pending_texts)
    predictions = texts.predict(model, columns, past.templates)
    lines = score_lines(columns, predictions, past.usage)
    sessions = judge_sessions(model, columns, predictions, past.sessions)
    anomalies = _anomalies(lines, sessions)
    judged = _judged(predictions.level[predictions.of_entry], columns.written, anomalies.flags)
    frame = pd.DataFrame(
        _entry_columns(columns)
        | _level_columns(columns, predictions)
        | _anomaly_columns(anomalies, judged)
        | _stamp_columns(stamp, len(columns)),
        columns=PREDICTIONS.column_names,
    )
    beside = side_tables.make(columns, predictions, judged)
    return {"predictions": frame, **beside, "sessions": sessions.table}


def _anomalies(lines: LineScores, sessions: SessionScores) -> _Anomalies:
    """Combine the scores of lines and of sessions; an abnormal session decides the kind."""
    scores = np.maximum(lines.scores, sessions.of_entries)
    kinds = np.where(sessions.of_entries >= 0.5, KINDS.index("session"), lines.kinds)
    flags = scores >= 0.5
    return _Anomalies(scores, np.where(flags, kinds, -1), flags)


def _judged(levels: Numbers, written: Numbers, flags: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Return level and severity of each entry, as places, whether it is an anomaly, and its written level.

    The worse of both levels makes the severity. `written` and `differing` say whether the author wrote a
    level, and another one.
    """
    severities = severity.places(np.maximum(levels, written), flags)
    is_written = written >= 0
    judged = {"level": levels, "anomaly": flags, "severity": severities}
    return pd.DataFrame(judged | {"written": is_written, "differing": is_written & (written != levels)})


def _entry_columns(columns: Columns) -> dict[str, Any]:
    return {
        "entry_id": columns.entry_id,
        "event_time": pd.to_datetime(columns.event_time, unit="us", utc=True),
        "source": words(columns.sources, columns.source),
    }


def _level_columns(columns: Columns, predictions: TextPredictions) -> dict[str, Any]:
    """Return the predictions of the text of each entry, beside the level that its author wrote."""
    place = predictions.of_entry
    return {
        "written_level": words(LEVELS, columns.written),
        "level": words(LEVELS, predictions.level[place]),
        "level_confidence": predictions.confidence[place],
        "warning_chance": predictions.warning_chance[place],
        "template_id": words(predictions.template_ids, predictions.template[columns.text]),
    }


def _anomaly_columns(anomalies: _Anomalies, judged: pd.DataFrame) -> dict[str, Any]:
    return {
        "anomaly": anomalies.flags,
        "anomaly_score": anomalies.scores,
        "anomaly_kind": words(KINDS, anomalies.kinds),
        "severity": words(SEVERITIES, judged["severity"].to_numpy()),
    }


def _stamp_columns(stamp: Stamp, size: int) -> dict[str, Any]:
    moment = pd.Timestamp(stamp.predicted_at).tz_convert("UTC")
    return {
        "model_version": np.full(size, stamp.version, dtype=np.int32),
        "predicted_at": pd.Series(moment, index=range(size), dtype="datetime64[us, UTC]"),
    }
