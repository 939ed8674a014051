"""Judges the sessions that got new entries, with all entries they have so far."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.logs import contract
from almanac.workloads.logs.anomaly import SessionModel, Sessions
from almanac.workloads.logs.contract import SEVERITIES
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring.columns import Columns, Numbers, instants
from almanac.workloads.logs.scoring.side_tables import Told
from almanac.workloads.logs.terms import severity, traces

# A source whose sessions no model knows is judged by its own sessions, once there are so many.
LEAST_SESSIONS = 100
MOST_REASONS = 3
RARE = 0.03


@dataclass(frozen=True)
class Judged:
    """The table `sessions`, and for each entry the score of its session (0 without one)."""

    table: pd.DataFrame
    of_entries: Floats


def judged(model: LogModel, columns: Columns, told: Told, past: pd.DataFrame) -> Judged:
    """Judge each session of these entries; `past` are the sessions that the version has published before."""
    if not columns.sessions:
        return Judged(pd.DataFrame(columns=contract.SESSIONS.column_names), np.zeros(len(columns)))
    grown = _grown(_gathered(columns, told), past)
    scores, reasons = _scored(model, grown, past, dict(zip(told.text_ids, columns.texts, strict=True)))
    worst = _worst_levels(columns, told)
    table = grown.assign(
        anomaly=scores >= 0.5,
        anomaly_score=scores,
        severity=np.array(SEVERITIES, dtype=object)[severity.places(worst, scores >= 0.5)],
        reasons=pd.Series(reasons, index=grown.index, dtype="object"),
    )
    of_entries = np.where(columns.session >= 0, scores[columns.session], 0.0)
    return Judged(table[contract.SESSIONS.column_names], of_entries)


def _gathered(columns: Columns, told: Told) -> pd.DataFrame:
    """Return source, session, counts of texts and events, and times of each session in these entries, in the order of their places."""
    within = columns.session >= 0
    events = pd.DataFrame(
        {"session": columns.session[within], "text": columns.text[within], "time": columns.event_time[within]}
    )
    pairs, counts = np.unique(
        events["session"].to_numpy() * len(told.text_ids) + events["text"].to_numpy(), return_counts=True
    )
    texts: list[dict[str, int]] = [{} for _ in columns.sessions]
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        texts[pair // len(told.text_ids)][told.text_ids[pair % len(told.text_ids)]] = count
    times = events.groupby("session", sort=True)["time"].agg(["min", "max"])
    return pd.DataFrame(
        {
            "source": [columns.sources[source] for source, _ in columns.sessions],
            "session": [name for _, name in columns.sessions],
            "texts": texts,
            "started_at": instants(times["min"].to_numpy()),
            "ended_at": instants(times["max"].to_numpy()),
            "entries": np.bincount(columns.session[within], minlength=len(columns.sessions)),
        }
    )


def _grown(now: pd.DataFrame, past: pd.DataFrame) -> pd.DataFrame:
    """Add to each session what it had before."""
    keys = ["source", "session"]
    places = (
        pd.MultiIndex.from_frame(past[keys]).get_indexer(pd.MultiIndex.from_frame(now[keys]))
        if len(past)
        else np.full(len(now), -1)
    )
    went_on = np.flatnonzero(places >= 0)
    if not len(went_on):
        return now
    before, grown = past.iloc[places[went_on]], now.copy()
    texts = now["texts"].to_numpy(dtype=object).copy()
    texts[went_on] = [
        dict(Counter(ours) + Counter(theirs))
        for ours, theirs in zip(texts[went_on], before["texts"], strict=True)
    ]
    grown["texts"] = pd.Series(texts, index=now.index, dtype="object")
    for name, chosen in (("started_at", np.minimum), ("ended_at", np.maximum)):
        moments: Numbers = np.array(now[name].astype("int64"), dtype=np.int64)
        moments[went_on] = chosen(moments[went_on], before[name].dt.as_unit("us").astype("int64").to_numpy())
        grown[name] = instants(moments)
    counts = now["entries"].to_numpy().copy()
    counts[went_on] += before["entries"].to_numpy()
    return grown.assign(entries=counts)


def _scored(
    model: LogModel, grown: pd.DataFrame, past: pd.DataFrame, names: Mapping[str, str]
) -> tuple[Floats, list[list[str]]]:
    sessions = traces.tallied(grown["texts"].tolist())
    scores, known = model.session_scores(sessions)
    shares = np.asarray((sessions.counts > 0).mean(axis=0)).ravel()
    for source, places in grown.groupby("source", sort=True).indices.items():
        rows = np.asarray(places)
        unknown = rows[~known[rows]]
        others = past.loc[past["source"] == source, "texts"].tolist() if len(past) else []
        if len(unknown) and len(rows) + len(others) >= LEAST_SESSIONS:
            scores[unknown] = _by_own(
                grown["texts"].iloc[rows].tolist() + others, grown["texts"].iloc[unknown].tolist()
            )
    reasons: list[list[str]] = [[] for _ in range(len(grown))]
    for row in np.flatnonzero(scores >= 0.5).tolist():
        reasons[row] = _reasons(sessions, row, shares, names)
    return scores, reasons


def _by_own(every: list[dict[str, int]], asked: list[dict[str, int]]) -> Floats:
    return SessionModel(use_labels=False).fit(traces.tallied(every)).score(traces.tallied(asked))


def _reasons(sessions: Sessions, row: int, shares: Floats, names: Mapping[str, str]) -> list[str]:
    """Say which of a session's texts few other sessions have, and which common ones it lacks."""
    counts = sessions.counts[[row]].toarray().ravel()
    has = [at for at in np.argsort(shares, kind="stable") if counts[at] and shares[at] <= RARE]
    lacks = [at for at in np.argsort(-shares, kind="stable") if not counts[at] and shares[at] >= 1 - RARE]
    told = [f"{shares[at]:.1%} of sessions have: {_text(sessions, int(at), names)}" for at in has]
    told += [
        f"{shares[at]:.1%} of sessions have what this lacks: {_text(sessions, int(at), names)}"
        for at in lacks
    ]
    return told[:MOST_REASONS] or ["unusual counts of usual texts"]


def _text(sessions: Sessions, at: int, names: Mapping[str, str]) -> str:
    name = f"{sessions.texts[at]:012x}"
    return names.get(name, name)


def _worst_levels(columns: Columns, told: Told) -> Numbers:
    worst = np.zeros(len(columns.sessions), dtype=np.int64)
    within = columns.session >= 0
    np.maximum.at(worst, columns.session[within], told.level[columns.text[within]])
    return worst
