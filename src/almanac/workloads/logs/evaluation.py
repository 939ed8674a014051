"""How good levels are on texts, systems and times that the model has not seen: one row per template, never a random split of lines."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from almanac.judging import scores as metrics
from almanac.judging.scores import Floats, Interval, Labels
from almanac.workloads.logs import estimators, features
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.model import ALPHA, LogModel
from almanac.workloads.logs.terms import levels
from almanac.workloads.logs.terms.levels import WARNING

FOLDS = 5
# Fewer than these are no evidence; then every statement is judged, those of programs too.
LEAST_JUDGED = 500
LEARNED_ONLY = ("python",)
# Of the times at which texts were first seen: the later ones are tested.
TIME_SHARE = 0.6
SHOWN = [
    "accuracy",
    "macro_f1",
    "majority",
    "warning_accuracy",
    "warning_macro_f1",
    "warning_majority",
    "log_loss",
    "calibration_error",
    "n",
]


class Judged(NamedTuple):
    """Held-out chances of LEVELS, and those of the base rates, for the rows `frame`."""

    frame: pd.DataFrame
    chances: Floats
    base: Floats


def judged_rows(statements: pd.DataFrame) -> pd.DataFrame:
    """Return the rows to be judged: one per template, of logs rather than of programs' sources where there are enough."""
    own = statements[~statements["origin"].isin(LEARNED_ONLY)]
    rows = own if own["template"].nunique() >= LEAST_JUDGED else statements
    ordered = rows.sort_values("occurrences", ascending=False, kind="stable")
    return ordered.drop_duplicates("template").sort_index()


def held_out(statements: pd.DataFrame, *, by: str, seed: int, alpha: float = ALPHA) -> Judged:
    """Return chances for every judged row from models that saw no row with its `by` (template or system).

    A fold's scores are calibrated on the scores of the other folds.
    """
    groups = pd.factorize(statements[by])[0]
    counts, labels = features.vectorizer().transform(statements["text"]), _labels(statements)
    weights = statements["weight"].to_numpy(dtype=np.float64)
    is_judged = statements.index.isin(judged_rows(statements).index)
    scores, base, fold = (
        np.zeros((len(labels), len(LEVELS))),
        np.zeros((len(labels), len(LEVELS))),
        np.zeros(len(labels), dtype=np.int64),
    )
    with threadpool_limits(limits=1):
        for number, (learn, judge) in enumerate(_folds(groups, labels, is_judged, seed)):
            scores[judge] = estimators.Ridge(alpha, counts[learn], labels[learn], weights[learn]).scores(
                counts[judge]
            )
            base[judge], fold[judge] = base_rates(labels[learn], weights[learn]), number
        chances = _calibrated(scores[is_judged], labels[is_judged], fold[is_judged])
    return Judged(statements[is_judged], chances, base[is_judged])


def later(statements: pd.DataFrame, *, alpha: float = ALPHA) -> Judged:
    """Return chances for the texts first seen late, from a model of those seen before; texts without a time are learned too."""
    known = statements["seen_at"].dropna()
    cut = known.quantile(TIME_SHARE) if len(known) else pd.Timestamp.max.tz_localize("UTC")
    is_late = (statements["seen_at"] > cut).to_numpy(dtype=bool)
    before = set(statements.loc[~is_late, "template"])
    test = judged_rows(statements[is_late & ~statements["template"].isin(before).to_numpy()])
    train = statements[~is_late]
    labels, weights = _labels(train), train["weight"].to_numpy(dtype=np.float64)
    if test.empty:
        return Judged(test, np.zeros((0, len(LEVELS))), np.zeros((0, len(LEVELS))))
    groups = pd.factorize(train["template"])[0]
    with threadpool_limits(limits=1):
        fitted = estimators.TextLevels(alpha=alpha).fit(
            train["text"].to_numpy(dtype=object), labels, weights=weights, groups=groups
        )
        chances = fitted.predict_proba(test["text"].to_numpy(dtype=object))
    return Judged(test, chances, np.tile(base_rates(labels, weights), (len(test), 1)))


def score(found: pd.Series, chances: Floats) -> dict[str, float]:
    """Return accuracy and macro-F1 of the four levels and of "warning or worse", the majority's accuracy, log-loss, calibration, and n."""
    labels, likely = np.array(levels.numbers(found), dtype=np.int64), chances.argmax(axis=1)
    is_warning, says_warning = labels >= WARNING, chances[:, WARNING:].sum(axis=1) >= 0.5
    return {
        "accuracy": float((labels == likely).mean()),
        "macro_f1": float(f1_score(labels, likely, average="macro", zero_division=0)),
        "majority": float(np.bincount(labels).max() / len(labels)),
        "warning_accuracy": float((is_warning == says_warning).mean()),
        "warning_macro_f1": float(f1_score(is_warning, says_warning, average="macro", zero_division=0)),
        "warning_majority": float(max(is_warning.mean(), 1 - is_warning.mean())),
        "log_loss": float(metrics.log_losses(labels, chances).mean()),
        "calibration_error": metrics.calibration_error(labels, chances),
        "n": len(labels),
    }


def over_seeds(
    statements: pd.DataFrame, *, by: str, seeds: range, alpha: float = ALPHA
) -> tuple[Judged, pd.DataFrame]:
    """Return the first seed's held-out rows, and the scores of every seed, a row each."""
    every = [held_out(statements, by=by, seed=seed, alpha=alpha) for seed in seeds]
    return every[0], pd.DataFrame(
        [score(each.frame["level"], each.chances) for each in every], index=list(seeds)
    )[SHOWN]


def drawn_systems(judged: Judged, *, seed: int, draws: int = 100) -> pd.DataFrame:
    """Return the scores of as many systems drawn with replacement, a row per draw: how much hangs on which systems there are.

    Dealing systems out by another seed changes next to nothing, for the largest decide which folds there can be.
    """
    random = np.random.default_rng(seed)
    places = list(judged.frame.reset_index(drop=True).groupby("system", sort=True).indices.values())
    drawn = (
        np.concatenate([places[at] for at in random.integers(len(places), size=len(places))])
        for _ in range(draws)
    )
    return pd.DataFrame([score(judged.frame["level"].iloc[rows], judged.chances[rows]) for rows in drawn])[
        SHOWN
    ]


def spread(scores: pd.DataFrame, *, among: pd.DataFrame | None = None) -> str:
    """Return the four main scores in words: mean, standard deviation over seeds (or over the rows `among`), majority and n."""
    dealt = scores if among is None else among
    told = [
        f"{scores[name].mean():.3f} ± {dealt[name].std(ddof=0):.3f}"
        for name in ("accuracy", "macro_f1", "warning_accuracy", "warning_macro_f1")
    ]
    rest = scores.iloc[0]
    return (
        f"four levels {told[0]} (macro-F1 {told[1]}, majority {rest['majority']:.3f}), "
        f"warning or worse {told[2]} (macro-F1 {told[3]}, majority {rest['warning_majority']:.3f}), n = {rest['n']:.0f}"
    )


def against_baseline(judged: Judged, *, seed: int) -> Interval:
    """Return our log-loss minus that of the base rates on the same rows, with its 95 % interval."""
    return against(judged.frame, judged.chances, judged.base, seed=seed)


def against(frame: pd.DataFrame, ours: Floats, theirs: Floats, *, seed: int) -> Interval:
    """Return our log-loss minus theirs on the same rows with its 95 % interval; rows of one template are drawn together."""
    labels, clusters = _labels(frame), np.asarray(pd.factorize(frame["template"])[0], dtype=np.int64)
    return metrics.paired_bootstrap(
        metrics.log_losses(labels, ours), metrics.log_losses(labels, theirs), clusters=clusters, seed=seed
    )


def fresh(judged: Judged, champion: LogModel) -> Judged:
    """Return the held-out rows that the champion was not fitted on either, with its chances in the place of the base rates."""
    is_new = ~champion.knows(judged.frame["text"].tolist())
    rows = judged.frame[is_new]
    theirs = champion.predict_proba(rows) if len(rows) else np.zeros((0, len(LEVELS)))
    return Judged(rows, judged.chances[is_new], theirs)


def by_system(judged: Judged, *, least: int = 30) -> pd.DataFrame:
    """Return the scores of each system with at least `least` rows, a row each."""
    places = judged.frame.reset_index(drop=True).groupby("system", sort=True).indices
    rows = {
        name: score(judged.frame["level"].iloc[at], judged.chances[at])
        for name, at in places.items()
        if len(at) >= least
    }
    return (
        pd.DataFrame.from_dict(rows, orient="index", columns=SHOWN)
        .rename_axis("system")
        .sort_values("accuracy")
    )


def reliability(judged: Judged, *, bins: int = 10) -> pd.DataFrame:
    """Return promised chance of "warning or worse" and frequency, with Wilson's interval, in bins of equally many rows."""
    promised = judged.chances[:, WARNING:].sum(axis=1)
    happened = _labels(judged.frame) >= WARNING
    rows = []
    for part in np.array_split(np.argsort(promised, kind="stable"), bins):
        if len(part):
            share = metrics.wilson(int(happened[part].sum()), len(part))
            rows.append(
                {
                    "promised": promised[part].mean(),
                    "happened": share.estimate,
                    "low": share.low,
                    "high": share.high,
                    "n": len(part),
                }
            )
    return pd.DataFrame(rows)


def confusion(judged: Judged) -> pd.DataFrame:
    """Return how often each level (row) was taken for each (column), as shares of the row."""
    counts = np.zeros((len(LEVELS), len(LEVELS)))
    np.add.at(counts, (_labels(judged.frame), judged.chances.argmax(axis=1)), 1)
    return pd.DataFrame(
        counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), index=list(LEVELS), columns=list(LEVELS)
    )


def random_lines(statements: pd.DataFrame, *, seed: int, share: float = 0.2) -> float:
    """Return the accuracy that a random split of lines would pretend for a model that only remembers texts.

    A test line whose text stands in the training lines too is known by heart; others get the most frequent level.
    Statements of programs have no lines and are left out where there are logs.
    """
    of_logs = statements[~statements["origin"].isin(features.STATED)]
    statements = of_logs if len(of_logs) else statements
    lines = statements["occurrences"].to_numpy(dtype=np.int64)
    tested = np.random.default_rng(seed).binomial(lines, share)
    remembered = tested[(lines - tested) > 0].sum()
    common = statements.loc[(lines - tested) == 0, "level"] == statements["level"].mode()[0]
    return float((remembered + tested[(lines - tested) == 0][common.to_numpy()].sum()) / max(tested.sum(), 1))


def base_rates(labels: Labels, weights: Floats) -> Floats:
    """Return the share of each of LEVELS, none of them zero."""
    counts = np.bincount(labels, weights, minlength=len(LEVELS)) + 1.0
    rates: Floats = counts / counts.sum()
    return rates


def _folds(
    groups: Labels, labels: Labels, is_judged: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]", seed: int
) -> Iterator[tuple[Labels, Labels]]:
    """Yield what to learn from and what to judge: every group is judged once, and never learned from where it is judged."""
    for _, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(
        groups[is_judged], labels[is_judged], groups[is_judged]
    ):
        judge = np.flatnonzero(is_judged)[test]
        yield np.flatnonzero(~np.isin(groups, groups[judge])), judge


def _calibrated(scores: Floats, labels: Labels, fold: Labels) -> Floats:
    chances = np.zeros_like(scores)
    for number in np.unique(fold):
        others = fold != number
        fitted = estimators.calibration(scores[others], labels[others], np.ones(int(others.sum())))
        chances[~others] = estimators.calibrated(scores[~others], fitted)
    return chances


def _labels(frame: pd.DataFrame) -> Labels:
    return np.array(levels.numbers(frame["level"]), dtype=np.int64)
