"""Scores the entries of a run again, from the part of the past that its predictions depend on."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from almanac.workloads.logs import contract, scoring
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring import Past, Stamp
from almanac.workloads.logs.terms import templates, traces

# No template has this id; its row has the sums of the other templates of a source.
OTHERS = ""
# Begins the stand-in for the name of a session.
NAMELESS = "\x1f"
SUMS = {"entries": "sum", "anomalies": "sum", "buckets": "sum", "first_seen": "min", "last_seen": "max"}
# Columns of a nameless session that nothing reads.
UNUSED: dict[str, Any] = {"anomaly": False, "anomaly_score": 0.0, "severity": contract.SEVERITIES[0]}
USAGE_KEY = ["source", "template_id"]
SESSION_KEY = ["source", "session"]


def dependencies(model: LogModel, past: Past, content: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the rows of the past that the scores in `content` depend on, and no more."""
    return {
        "templates": _templates(past.templates, content["templates"]),
        "usage": _usage(past.usage, content["usage"]),
        "sessions": _sessions(model, past.sessions, content["sessions"]),
    }


def rescore(
    model: LogModel,
    entries: Iterable[pa.Table],
    past: Mapping[str, pd.DataFrame],
    *,
    version: int,
    predicted_at: datetime,
) -> pd.DataFrame:
    """Return the predictions of a run for the same entries and the `dependencies` of its past."""
    whole = Past(past["templates"], past["usage"], _spread(past["sessions"]))
    content = scoring.score(model, entries, whole, stamp=Stamp(version, predicted_at))
    return content["predictions"]


def _templates(past: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return the templates that a text of now was compared with."""
    leaves = {templates.leaf(template) for template in now["template"]}
    is_compared = [templates.leaf(template) in leaves for template in past["template"]]
    return past[np.array(is_compared, dtype=bool)]


def _usage(past: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return the use of the templates of now in their sources.

    One more row per source has the sums of its other templates, which tell how large the source is.
    """
    of_sources = past[past["source"].isin(now["source"])]
    if of_sources.empty:
        return of_sources
    is_used = _is_in(of_sources, now, USAGE_KEY)
    parts = (of_sources[is_used], _summed(of_sources[~is_used]))
    return pd.concat([part[past.columns] for part in parts if len(part)])


def _summed(usage: pd.DataFrame) -> pd.DataFrame:
    sums = usage.groupby("source", as_index=False).agg(SUMS)
    return sums.assign(template_id=OTHERS)


def _sessions(model: LogModel, past: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return the sessions that went on, and texts of the other sessions of sources that no model knows."""
    if past.empty or now.empty:
        return past.iloc[:0]
    went_on = _is_in(past, now, SESSION_KEY)
    is_compared = past["source"].isin(_unknown_sources(model, now)) & ~went_on
    if not is_compared.any():
        return past[went_on]
    return pd.concat([past[went_on], _nameless(past[is_compared])])


def _unknown_sources(model: LogModel, sessions: pd.DataFrame) -> pd.Series:
    """Return the sources of sessions that no session model knows."""
    _, is_scored = model.session_scores(traces.tallied(sessions["texts"]))
    return sessions.loc[~is_scored, "source"]


def _is_in(rows: pd.DataFrame, others: pd.DataFrame, key: list[str]) -> npt.NDArray[np.bool_]:
    """Return for each row whether `others` has a row with its key."""
    keys = pd.MultiIndex.from_frame(rows[key])
    return keys.isin(pd.MultiIndex.from_frame(others[key]))


def _nameless(sessions: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each distinct set of texts that sessions have; `entries` is the number of sessions."""
    texts = (tuple(sorted(counts)) for counts in sessions["texts"])
    alike = Counter(zip(sessions["source"], texts, strict=True))
    rows = [_nameless_row(number, *item) for number, item in enumerate(alike.items())]
    moment = sessions["started_at"].min()
    frame = pd.DataFrame(rows).assign(started_at=moment, ended_at=moment)
    return frame[sessions.columns]


def _nameless_row(number: int, source_and_texts: tuple[str, tuple[str, ...]], count: int) -> dict[str, Any]:
    source, texts = source_and_texts
    name = f"{NAMELESS}{number}"
    counts = dict.fromkeys(texts, 1)
    return {"source": source, "session": name, "entries": count, "texts": counts, "reasons": [], **UNUSED}


def _spread(sessions: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each of the sessions that `_nameless` has counted, with a name of its own."""
    repeats = np.where(_is_nameless(sessions), sessions["entries"], 1)
    every = sessions.loc[sessions.index.repeat(repeats)].reset_index(drop=True)
    names = NAMELESS + every.index.astype(str)
    return every.assign(session=every["session"].where(~_is_nameless(every), names))


def _is_nameless(sessions: pd.DataFrame) -> npt.NDArray[np.bool_]:
    return sessions["session"].str.startswith(NAMELESS).to_numpy(dtype=bool)
