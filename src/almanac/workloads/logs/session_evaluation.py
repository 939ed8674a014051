"""How well abnormal sessions are found: by halves of the log in time, and what a random split would have pretended."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.judging import scores as metrics
from almanac.judging.scores import Floats, Interval
from almanac.workloads.logs import anomaly
from almanac.workloads.logs.anomaly import SessionModel
from almanac.workloads.logs.terms import traces

Flags = npt.NDArray[np.bool_]
REPEATS = 1000


def chronological(sessions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the first half of the sessions, their log cut off where the second half begins, and the second half whole."""
    cut = traces.middle(sessions)
    return traces.before(sessions, cut), traces.since(sessions, cut)


def at_random(sessions: pd.DataFrame, *, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two random halves: the same kinds of sessions stand in both, and nothing is cut off where training ends."""
    order = np.random.default_rng(seed).permutation(len(sessions))
    half = len(sessions) // 2
    return sessions.iloc[np.sort(order[:half])], sessions.iloc[np.sort(order[half:])]


def scores(train: pd.DataFrame, test: pd.DataFrame, *, use_labels: bool) -> Floats:
    """Return how abnormal the sessions of `test` look to a model of `train`."""
    fitted = SessionModel(use_labels=use_labels).fit(
        traces.counted(train["texts"].tolist()), traces.labels(train)
    )
    return fitted.score(traces.counted(test["texts"].tolist()))


def figures(sessions: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Return precision, recall and F1 with and without labels, for halves in time and for random halves.

    Columns: split, labels, precision, recall, f1, low, high, abnormal, n. Without a label in both halves there is nothing to judge: no rows.
    """
    labelled = sessions[sessions["abnormal"].notna()]
    if len(labelled) < 2 or labelled["abnormal"].sum() < anomaly.LEAST_LABELLED:
        return pd.DataFrame(
            columns=["split", "labels", "precision", "recall", "f1", "low", "high", "abnormal", "n"]
        )
    splits = {"halves in time": chronological(labelled), "random halves": at_random(labelled, seed=seed)}
    rows = [
        {
            "split": name,
            "labels": use_labels,
            **judged(_abnormal(test), scores(train, test, use_labels=use_labels) >= 0.5, seed=seed),
        }
        for name, (train, test) in splits.items()
        for use_labels in (True, False)
    ]
    return pd.DataFrame(rows)


def priors(sessions: pd.DataFrame, shares: tuple[float, ...]) -> pd.DataFrame:
    """Return F1 without labels in the second half for other shares of sessions taken for abnormal: how much hangs on the guess."""
    train, test = chronological(sessions[sessions["abnormal"].notna()])
    found = scores(train, test, use_labels=False)
    limits = anomaly.strangeness(np.array(shares), anomaly.PRIOR)
    return pd.DataFrame(
        [
            {"prior": share, **_rates(_abnormal(test), found >= limit)}
            for share, limit in zip(shares, limits, strict=True)
        ]
    )


def judged(abnormal: Flags, flagged: Flags, *, seed: int) -> dict[str, float]:
    """Return precision, recall and F1 with its 95 % bootstrap interval over sessions, the number of abnormal ones, and n."""
    interval = _f1_interval(abnormal, flagged, seed)
    return {
        **_rates(abnormal, flagged),
        "low": interval.low,
        "high": interval.high,
        "abnormal": int(abnormal.sum()),
        "n": len(abnormal),
    }


def anatomy(trace: pd.Series, shares: Mapping[str, float], names: Mapping[str, str]) -> pd.DataFrame:
    """Return the events of one session: seconds, text, and the share of sessions that have such an event."""
    texts = list(trace["texts"])
    told = {
        "text": [names.get(text, text) for text in texts],
        "share": [shares.get(text, 0.0) for text in texts],
    }
    return pd.DataFrame({"seconds": list(trace["seconds"]), **told})


def strangest(candidates: pd.DataFrame, sessions: pd.DataFrame) -> pd.Series:
    """Return the session among the candidates that a model of all sessions finds strangest, the longer one where two tie."""
    strange = scores(sessions, candidates, use_labels=False)
    order = np.lexsort((candidates["texts"].str.len().to_numpy(), strange))
    found: pd.Series = candidates.iloc[order[-1]]
    return found


def shares_of(sessions: pd.DataFrame) -> dict[str, float]:
    """Return for each text the share of sessions that have it."""
    counted = traces.counted(sessions["texts"].tolist())
    shares = np.asarray((counted.counts > 0).mean(axis=0)).ravel()
    return {f"{number:012x}": float(share) for number, share in zip(counted.texts, shares, strict=True)}


def _rates(abnormal: Flags, flagged: Flags) -> dict[str, float]:
    hits = int((abnormal & flagged).sum())
    precision, recall = hits / max(int(flagged.sum()), 1), hits / max(int(abnormal.sum()), 1)
    return {
        "precision": precision,
        "recall": recall,
        "f1": _f1(hits, int(flagged.sum()), int(abnormal.sum())),
    }


def _f1(hits: int, flagged: int, abnormal: int) -> float:
    return 2 * hits / max(flagged + abnormal, 1)


def _f1_interval(abnormal: Flags, flagged: Flags, seed: int) -> Interval:
    """Draw the four kinds of outcome again; sessions are taken for independent."""
    kinds = np.array(
        [
            (abnormal & flagged).sum(),
            (~abnormal & flagged).sum(),
            (abnormal & ~flagged).sum(),
            (~abnormal & ~flagged).sum(),
        ]
    )
    drawn = np.random.default_rng(seed).multinomial(len(abnormal), kinds / len(abnormal), size=REPEATS)
    values = 2 * drawn[:, 0] / np.maximum(2 * drawn[:, 0] + drawn[:, 1] + drawn[:, 2], 1)
    low, high = np.quantile(values, [0.025, 0.975])
    return metrics.Interval(
        _f1(int(kinds[0]), int(kinds[0] + kinds[1]), int(kinds[0] + kinds[2])), float(low), float(high)
    )


def _abnormal(sessions: pd.DataFrame) -> Flags:
    flags: Flags = sessions["abnormal"].to_numpy(dtype=bool)
    return flags
