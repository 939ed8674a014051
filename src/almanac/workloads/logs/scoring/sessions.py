"""Judges the sessions that got new entries, with all entries they have so far."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
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
Flags = npt.NDArray[np.bool_]

# A source whose sessions no model knows is judged by its own sessions, once there are so many.
LEAST_SESSIONS = 100
MOST_REASONS = 3
RARE_SHARE = 0.03
KEY = ["source", "session"]
COLUMNS = contract.SESSIONS.column_names


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
        return SessionScores(pd.DataFrame(columns=COLUMNS), np.zeros(len(columns)))
    sessions = _with_past(_gather(columns, texts), past)
    counts = traces.tallied(sessions["texts"])
    scores = _scores(model, counts, sessions, past)
    names = dict(zip(texts.text_ids, columns.texts, strict=True))
    reasons = _as_objects(_reasons(counts, scores, names))
    judged = sessions.assign(anomaly=scores >= 0.5, anomaly_score=scores, reasons=reasons)
    table = judged.assign(severity=_severities(_worst_levels(columns, texts), scores))
    of_entries = np.where(columns.has_session, scores[columns.session], 0.0)
    return SessionScores(table[COLUMNS], of_entries)


def _gather(columns: Columns, texts: TextPredictions) -> pd.DataFrame:
    """Return source, session, texts, times and entries of each session, in the order of their places."""
    names = [(columns.sources[source], name) for source, name in columns.sessions]
    frame = pd.DataFrame(names, columns=KEY)
    frame["texts"] = _as_objects(_tallies(columns, texts))
    rows = columns.has_session
    times = pd.Series(columns.event_time[rows]).groupby(columns.session[rows], sort=True)
    frame["started_at"] = instants(times.min().to_numpy())
    frame["ended_at"] = instants(times.max().to_numpy())
    frame["entries"] = times.size().to_numpy()
    return frame


def _tallies(columns: Columns, texts: TextPredictions) -> list[Tally]:
    """Return for each session how often it has each text, by text id."""
    rows, size = columns.has_session, len(texts.text_ids)
    codes = columns.session[rows] * size + columns.text[rows]
    pairs, counts = (numbers.tolist() for numbers in np.unique(codes, return_counts=True))
    tallies: list[Tally] = [{} for _ in columns.sessions]
    for pair, count in zip(pairs, counts, strict=True):
        session, text = divmod(pair, size)
        tallies[session][texts.text_ids[text]] = count
    return tallies


def _with_past(now: pd.DataFrame, past: pd.DataFrame) -> pd.DataFrame:
    """Add to each session what it had before."""
    if past.empty:
        return now
    places = pd.MultiIndex.from_frame(past[KEY]).get_indexer(pd.MultiIndex.from_frame(now[KEY]))
    rows = np.flatnonzero(places >= 0)
    return _added_up(now, past.iloc[places[rows]], rows) if len(rows) else now


def _added_up(now: pd.DataFrame, before: pd.DataFrame, rows: Numbers) -> pd.DataFrame:
    """Return the sessions of now; those in `rows` have the events of `before` too."""
    started_at = _extreme(np.minimum, now["started_at"], before["started_at"], rows)
    ended_at = _extreme(np.maximum, now["ended_at"], before["ended_at"], rows)
    entries = _added(now["entries"], before["entries"], rows)
    texts = _as_objects(_added_tallies(now, before, rows))
    return now.assign(texts=texts, started_at=started_at, ended_at=ended_at, entries=entries)


def _added_tallies(now: pd.DataFrame, before: pd.DataFrame, rows: Numbers) -> list[Tally]:
    tallies: list[Tally] = now["texts"].tolist()
    for row, earlier in zip(rows.tolist(), before["texts"], strict=True):
        tallies[row] = dict(Counter(tallies[row]) + Counter(earlier))
    return tallies


def _extreme(choose: np.ufunc, now: pd.Series, before: pd.Series, rows: Numbers) -> pd.Series:
    """Return the instants of now; in `rows` the earlier or later one of now and before."""
    moments = _microseconds(now)
    moments[rows] = choose(moments[rows], _microseconds(before))
    return instants(moments)


def _microseconds(times: pd.Series) -> Numbers:
    return np.array(times.dt.as_unit("us").astype("int64"), dtype=np.int64)


def _added(now: pd.Series, before: pd.Series, rows: Numbers) -> Numbers:
    counts: Numbers = now.to_numpy().copy()
    counts[rows] += before.to_numpy()
    return counts


def _scores(model: LogModel, counts: Sessions, sessions: pd.DataFrame, past: pd.DataFrame) -> Floats:
    """Score sessions by the model; those that it does not know, by the sessions of their own source."""
    scores, is_scored = model.session_scores(counts)
    for source in sessions.loc[~is_scored, "source"].unique():
        is_own = (sessions["source"] == source).to_numpy()
        every = sessions.loc[is_own, "texts"].tolist() + _earlier_tallies(past, source)
        is_unscored = is_own & ~is_scored
        if len(every) >= LEAST_SESSIONS:
            scores[is_unscored] = _scores_by_own(every, sessions.loc[is_unscored, "texts"].tolist())
    return scores


def _earlier_tallies(past: pd.DataFrame, source: str) -> list[Tally]:
    if past.empty:
        return []
    return past.loc[past["source"] == source, "texts"].tolist()


def _scores_by_own(every: list[Tally], unscored: list[Tally]) -> Floats:
    model = SessionModel(use_labels=False).fit(traces.tallied(every))
    return model.score(traces.tallied(unscored))


def _reasons(sessions: Sessions, scores: Floats, names: Mapping[str, str]) -> list[list[str]]:
    """Return the reasons of each abnormal session; others have none."""
    shares, labels = sessions.text_shares(), _labels(sessions, names)
    reasons: list[list[str]] = [[] for _ in scores]
    for row in np.flatnonzero(scores >= 0.5).tolist():
        has_text = sessions.counts[[row]].toarray().ravel() > 0
        reasons[row] = _reasons_of(has_text, shares, labels)
    return reasons


def _labels(sessions: Sessions, names: Mapping[str, str]) -> list[str]:
    """Return each text of sessions, or its id where the text is not among these entries."""
    ids = [f"{number:012x}" for number in sessions.texts.tolist()]
    return [names.get(text_id, text_id) for text_id in ids]


def _reasons_of(has_text: Flags, shares: Floats, labels: list[str]) -> list[str]:
    """Name the texts of a session that few sessions have, then the common texts that it lacks."""
    rare = _ascending(shares, has_text & (shares <= RARE_SHARE))
    lacking = _ascending(-shares, ~has_text & (shares >= 1 - RARE_SHARE))
    reasons = [f"{shares[place]:.1%} of sessions have: {labels[place]}" for place in rare]
    reasons += [f"{shares[place]:.1%} of sessions have what this lacks: {labels[place]}" for place in lacking]
    return reasons[:MOST_REASONS] or ["unusual counts of usual texts"]


def _ascending(values: Floats, is_chosen: Flags) -> Numbers:
    """Return the chosen places in ascending order of their values."""
    order = np.argsort(values, kind="stable")
    return order[is_chosen[order]]


def _worst_levels(columns: Columns, texts: TextPredictions) -> Numbers:
    """Return the worst level of each session, written or predicted."""
    rows = columns.has_session
    levels = np.maximum(texts.level[texts.of_entry[rows]], columns.written[rows])
    worst = np.zeros(len(columns.sessions), dtype=np.int64)
    np.maximum.at(worst, columns.session[rows], levels)
    return worst


def _severities(levels: Numbers, scores: Floats) -> npt.NDArray[np.object_]:
    places = severity.places(levels, scores >= 0.5)
    return np.array(SEVERITIES, dtype=object)[places]


def _as_objects(values: Sequence[object]) -> pd.Series:
    """Return lists or mappings as a column, one per row."""
    return pd.Series(values, dtype="object")
