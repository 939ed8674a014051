"""Judges the sessions that got new entries, with all entries they have so far."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.logs import contract
from almanac.workloads.logs.anomaly import SessionModel, Sessions
from almanac.workloads.logs.contract import SEVERITIES
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring.columns import Columns, Numbers, instants
from almanac.workloads.logs.scoring.texts import TextPredictions
from almanac.workloads.logs.terms import severity, traces

Tally = dict[str, int]

# A source whose sessions no model knows is judged by its own sessions, once there are so many.
LEAST_SESSIONS = 100
MOST_REASONS = 3
RARE_SHARE = 0.03
KEY = ["source", "session"]


@dataclass(frozen=True)
class SessionScores:
    """The table `sessions`, and for each entry the score of its session (0 without one)."""

    table: pd.DataFrame
    of_entries: Floats


def judge_sessions(
    model: LogModel, columns: Columns, texts: TextPredictions, past: pd.DataFrame
) -> SessionScores:
    """Judge each session of these entries; `past` are the sessions that the version has published before."""
    if not columns.sessions:
        nothing = pd.DataFrame(columns=contract.SESSIONS.column_names)
        return SessionScores(nothing, np.zeros(len(columns)))
    sessions = _with_past(_gather(columns, texts), past)
    counts = traces.tallied(sessions["texts"].tolist())
    scores = _scores(model, counts, sessions, past)
    names = dict(zip(texts.text_ids, columns.texts, strict=True))
    table = sessions.assign(
        anomaly=scores >= 0.5,
        anomaly_score=scores,
        severity=_severities(_worst_levels(columns, texts), scores),
        reasons=pd.Series(_reasons(counts, scores, names), index=sessions.index, dtype="object"),
    )
    of_entries = np.where(columns.session >= 0, scores[columns.session], 0.0)
    return SessionScores(table[contract.SESSIONS.column_names], of_entries)


def _gather(columns: Columns, texts: TextPredictions) -> pd.DataFrame:
    """Return source, session, counts of texts and events, and times of each session, in the order of their places."""
    is_within = columns.session >= 0
    session = columns.session[is_within]
    times = pd.Series(columns.event_time[is_within]).groupby(session, sort=True).agg(["min", "max"])
    frame = {
        "source": [columns.sources[source] for source, _ in columns.sessions],
        "session": [name for _, name in columns.sessions],
        "texts": _tallies(columns, texts),
        "started_at": instants(times["min"].to_numpy()),
        "ended_at": instants(times["max"].to_numpy()),
        "entries": np.bincount(session, minlength=len(columns.sessions)),
    }
    return pd.DataFrame(frame)


def _tallies(columns: Columns, texts: TextPredictions) -> list[Tally]:
    """Return for each session how often it has each text, by text id."""
    is_within = columns.session >= 0
    size = len(texts.text_ids)
    codes = columns.session[is_within] * size + columns.text[is_within]
    pairs, counts = np.unique(codes, return_counts=True)
    tallies: list[Tally] = [{} for _ in columns.sessions]
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        session, text = divmod(pair, size)
        tallies[session][texts.text_ids[text]] = count
    return tallies


def _with_past(now: pd.DataFrame, past: pd.DataFrame) -> pd.DataFrame:
    """Add to each session what it had before."""
    if past.empty:
        return now
    places = pd.MultiIndex.from_frame(past[KEY]).get_indexer(pd.MultiIndex.from_frame(now[KEY]))
    rows = np.flatnonzero(places >= 0)
    if not len(rows):
        return now
    before = past.iloc[places[rows]]
    return now.assign(
        texts=pd.Series(_added_tallies(now, before, rows), index=now.index, dtype="object"),
        started_at=_extreme(np.minimum, now["started_at"], before["started_at"], rows),
        ended_at=_extreme(np.maximum, now["ended_at"], before["ended_at"], rows),
        entries=_added(now["entries"], before["entries"], rows),
    )


def _added_tallies(now: pd.DataFrame, before: pd.DataFrame, rows: Numbers) -> list[Tally]:
    tallies: list[Tally] = now["texts"].tolist()
    for row, earlier in zip(rows.tolist(), before["texts"], strict=True):
        tallies[row] = dict(Counter(tallies[row]) + Counter(earlier))
    return tallies


def _extreme(choose: np.ufunc, now: pd.Series, before: pd.Series, rows: Numbers) -> pd.Series:
    """Return the instants of now; in `rows` the earlier or later one of now and before."""
    moments: Numbers = np.array(now.astype("int64"), dtype=np.int64)
    earlier = before.dt.as_unit("us").astype("int64").to_numpy()
    moments[rows] = choose(moments[rows], earlier)
    return instants(moments)


def _added(now: pd.Series, before: pd.Series, rows: Numbers) -> Numbers:
    counts: Numbers = now.to_numpy().copy()
    counts[rows] += before.to_numpy()
    return counts


def _scores(model: LogModel, counts: Sessions, sessions: pd.DataFrame, past: pd.DataFrame) -> Floats:
    """Score sessions by the model; those that it does not know, by the sessions of their own source."""
    scores, is_scored = model.session_scores(counts)
    for source, rows in sessions.groupby("source", sort=True).indices.items():
        places = np.asarray(rows)
        unscored = places[~is_scored[places]]
        if not len(unscored):
            continue
        every = sessions["texts"].iloc[places].tolist() + _earlier_tallies(past, source)
        if len(every) >= LEAST_SESSIONS:
            scores[unscored] = _scores_by_own(every, sessions["texts"].iloc[unscored].tolist())
    return scores


def _earlier_tallies(past: pd.DataFrame, source: Any) -> list[Tally]:
    return past.loc[past["source"] == source, "texts"].tolist() if len(past) else []


def _scores_by_own(every: list[Tally], unscored: list[Tally]) -> Floats:
    model = SessionModel(use_labels=False).fit(traces.tallied(every))
    return model.score(traces.tallied(unscored))


def _reasons(sessions: Sessions, scores: Floats, names: Mapping[str, str]) -> list[list[str]]:
    """Return the reasons of each abnormal session; others have none."""
    shares = np.asarray((sessions.counts > 0).mean(axis=0)).ravel()
    labels = [names.get(name, name) for name in (f"{number:012x}" for number in sessions.texts)]
    reasons: list[list[str]] = [[] for _ in scores]
    for row in np.flatnonzero(scores >= 0.5).tolist():
        counts = sessions.counts[[row]].toarray().ravel()
        reasons[row] = _reasons_of(counts, shares, labels)
    return reasons


def _reasons_of(counts: Floats, shares: Floats, labels: list[str]) -> list[str]:
    """Say which of a session's texts few other sessions have, and which common texts it lacks."""
    rising, falling = np.argsort(shares, kind="stable"), np.argsort(-shares, kind="stable")
    has = rising[(counts[rising] > 0) & (shares[rising] <= RARE_SHARE)]
    lacks = falling[(counts[falling] == 0) & (shares[falling] >= 1 - RARE_SHARE)]
    reasons = [f"{shares[place]:.1%} of sessions have: {labels[place]}" for place in has]
    reasons += [f"{shares[place]:.1%} of sessions have what this lacks: {labels[place]}" for place in lacks]
    return reasons[:MOST_REASONS] or ["unusual counts of usual texts"]


def _worst_levels(columns: Columns, texts: TextPredictions) -> Numbers:
    is_within = columns.session >= 0
    levels = texts.level[columns.text[is_within]]
    worst = np.zeros(len(columns.sessions), dtype=np.int64)
    np.maximum.at(worst, columns.session[is_within], levels)
    return worst


def _severities(levels: Numbers, scores: Floats) -> Any:
    places = severity.places(levels, scores >= 0.5)
    return np.array(SEVERITIES, dtype=object)[places]
