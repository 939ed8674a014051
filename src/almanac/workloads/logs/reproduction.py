"""Makes the predictions of a run again: what of the past they depend on, small enough to be kept with every run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from almanac.workloads.logs import contract
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring import score
from almanac.workloads.logs.scoring.score import Mark, Past
from almanac.workloads.logs.terms import templates, traces

# No template has this id; its row has what the other templates of a source add up to.
OTHERS = ""
# Begins what stands in the place of a session's name.
NAMELESS = "\x1f"
ADDED = {"entries": "sum", "anomalies": "sum", "buckets": "sum", "first_seen": "min", "last_seen": "max"}


def known(model: LogModel, past: Past, content: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the rows of the past that the scores in `content` depend on, and no more."""
    return {
        "templates": _templates(past.templates, content["templates"]),
        "usage": _usage(past.usage, content["usage"]),
        "sessions": _sessions(model, past.sessions, content["sessions"]),
    }


def again(
    model: LogModel,
    entries: Iterable[pa.Table],
    past: Mapping[str, pd.DataFrame],
    *,
    version: int,
    predicted_at: datetime,
) -> pd.DataFrame:
    """Return the predictions of a run for the same entries and what `known` kept of the past."""
    whole = Past(past["templates"], past["usage"], _spread(past["sessions"]))
    return score.score(model, entries, whole, mark=Mark(version, predicted_at))["predictions"]


def _templates(past: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return the templates that a text of now was compared with."""
    leaves = {templates.leaf(template) for template in now["template"]}
    return past[np.array([templates.leaf(template) in leaves for template in past["template"]], dtype=bool)]


def _usage(past: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return the use of the templates of now in the sources of now; of a source's others their sum, which tells how large it is."""
    mine = past[past["source"].isin(now["source"])]
    is_used = pd.MultiIndex.from_frame(mine[["source", "template_id"]]).isin(
        pd.MultiIndex.from_frame(now[["source", "template_id"]])
    )
    others = mine[~is_used].groupby("source", as_index=False).agg(ADDED).assign(template_id=OTHERS)
    return (
        pd.concat([part[past.columns] for part in (mine[is_used], others) if len(part)])
        if len(mine)
        else mine
    )


def _sessions(model: LogModel, past: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return the sessions that went on; and where no model knows a source, which texts its other sessions have, without their names."""
    if past.empty or now.empty:
        return past.iloc[:0]
    _, is_known = model.session_scores(traces.tallied(now["texts"].tolist()))
    is_mine = pd.MultiIndex.from_frame(past[["source", "session"]]).isin(
        pd.MultiIndex.from_frame(now[["source", "session"]])
    )
    others = past[past["source"].isin(now.loc[~is_known, "source"]) & ~is_mine]
    return pd.concat([past[is_mine], _nameless(others)]) if len(others) else past[is_mine]


def _nameless(sessions: pd.DataFrame) -> pd.DataFrame:
    """Return which texts sessions have, a row for those that are alike; `entries` says how many these are."""
    alike = Counter(
        zip(sessions["source"], (tuple(sorted(texts)) for texts in sessions["texts"]), strict=True)
    )
    moment = sessions["started_at"].min()
    return pd.DataFrame(
        {
            "source": [source for source, _ in alike],
            "session": [f"{NAMELESS}{number}" for number in range(len(alike))],
            "entries": list(alike.values()),
            "texts": [dict.fromkeys(texts, 1) for _, texts in alike],
            "reasons": [[] for _ in alike],
        }
    ).assign(
        started_at=moment, ended_at=moment, anomaly=False, anomaly_score=0.0, severity=contract.SEVERITIES[0]
    )[sessions.columns]


def _spread(sessions: pd.DataFrame) -> pd.DataFrame:
    """Return as many rows as there were sessions, each with a name of its own."""
    is_nameless = sessions["session"].str.startswith(NAMELESS).to_numpy(dtype=bool)
    every = sessions.loc[sessions.index.repeat(np.where(is_nameless, sessions["entries"], 1))].reset_index(
        drop=True
    )
    own = every["session"].where(
        ~every["session"].str.startswith(NAMELESS), NAMELESS + every.index.astype(str)
    )
    return every.assign(session=own)
