"""Measures models on players' held-back plays, or by a proxy where nobody's plays are known, in one form for both."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pandas as pd

from almanac.judging import scores as metrics
from almanac.judging.promotion import Evidence
from almanac.judging.scores import Floats, Interval
from almanac.workloads.games import evaluation
from almanac.workloads.games.blend import TwoLists
from almanac.workloads.games.content import Content
from almanac.workloads.games.evaluation import Split
from almanac.workloads.games.features import Known
from almanac.workloads.games.measuring import proxies
from almanac.workloads.games.model import BASELINE

# Later plays of fewer players say nothing about a model.
LEAST_LATER_PLAYERS = 50

Name = int | str | None


@dataclass(frozen=True)
class Measured:
    """What became of each model on the same cases: a score per case, and a table of means; `kind` is plays or proxy."""

    kind: Literal["plays", "proxy"]
    metric: str
    cases: int
    table: pd.DataFrame
    each: Mapping[Name, Floats]
    seed: int

    def against(self, ours: Name, theirs: Name) -> Interval:
        """Return their score minus ours on the same cases with a paired bootstrap interval; below zero ours is better."""
        return metrics.paired_bootstrap(-self.each[ours], -self.each[theirs], seed=self.seed)

    def evidence(self, challenger: int, champion: int | None, *, same_recipe: bool) -> Evidence:
        """Return the evidence for the promotion rule: the challenger against popularity and against the champion."""
        against_champion = self.against(challenger, champion) if champion else None
        return Evidence(
            self.metric,
            self.cases,
            self.against(challenger, BASELINE),
            against_champion=against_champion,
            same_recipe=same_recipe,
            kind=self.kind,
        )

    def intervals(self) -> dict[str, Interval]:
        """Return the mean score of each model with its 95 % interval."""
        return {
            str(name): metrics.bootstrap_interval(values, seed=self.seed)
            for name, values in self.each.items()
        }

    def scores(self, name: Name) -> dict[str, float]:
        """Return the figures of one model."""
        return {str(key): float(str(value)) for key, value in self.table.loc[name].items()}

    def figures(self, name: Name) -> dict[str, float]:
        """Return the figures of one model to keep with its version, those of popularity beside them."""
        beside = self.scores(BASELINE)
        if self.kind == "proxy":
            return {**self.scores(name), "series_found_by_popularity": beside["series_found"]}
        return {**self.scores(name), **{f"popularity_{key}": beside[key] for key in evaluation.LOSSES}}


def measure(fitted: Mapping[Name, TwoLists], parts: Split, catalogue: pd.DataFrame, *, seed: int) -> Measured:
    """Measure fitted models on the held-back plays of `parts`; by the proxy on the whole catalogue where there are none."""
    if not parts.users:
        return _by_proxy(fitted, catalogue, seed)
    scorers: dict[Any, Any] = {
        name: each.recommended_.on(parts.train.catalogue) for name, each in fitted.items()
    }
    table, found = evaluation.table(parts, scorers)
    return Measured(
        "plays",
        "ndcg_at_10",
        len(parts.users),
        table,
        {name: each.ndcg for name, each in found.items()},
        seed,
    )


def _by_proxy(fitted: Mapping[Name, TwoLists], catalogue: pd.DataFrame, seed: int) -> Measured:
    rows = proxies.cases(catalogue, seed=seed)
    each = {
        name: proxies.found(catalogue, _blind(model.recommended_, catalogue).on(catalogue), rows)
        for name, model in fitted.items()
    }
    table = pd.DataFrame.from_dict(
        {name: {"series_found": shares.mean(), "n": len(rows)} for name, shares in each.items()},
        orient="index",
    )
    return Measured("proxy", "series_found", len(rows), table, each, seed)


def _blind(model: Any, catalogue: pd.DataFrame) -> Any:
    return proxies.blind(model, catalogue) if isinstance(model, Content) else model


def later_plays(known: Known, trained_until: date) -> pd.DataFrame:
    """Return the plays that a model trained until that day cannot have seen; none where too few players have any."""
    day = pd.Timestamp(trained_until, tz="UTC")
    later = known.plays[known.plays["played_at"] >= day]
    return later if later["user_id"].nunique() >= LEAST_LATER_PLAYERS else later.head(0)


def measure_again(model: TwoLists, later: pd.DataFrame, known: Known) -> dict[str, float] | None:
    """Return the figures of a model as it is on plays later than its training, for players with earlier ones; None without such plays."""
    earlier = known.plays.drop(index=later.index)
    held = later[later["user_id"].isin(set(earlier["user_id"]))]
    if held.empty:
        return None
    parts = Split(Known(known.catalogue, earlier), held, sorted(held["user_id"].unique()))
    return evaluation.score(
        evaluation.outcome(parts, model.recommended_.on(known.catalogue)), known.catalogue
    )


def sentence(version: int, again: Mapping[str, float], released: Mapping[str, Any], *, on_later: bool) -> str:
    """Say how the live champion does today, beside what it did when it was evaluated.

    >>> sentence(3, {"ndcg_at_10": 0.21, "n": 500.0}, {"ndcg_at_10": 0.2}, on_later=False)
    'champion version 3 measured again, its recipe on held-back plays: ndcg_at_10 0.2100 on 500 cases (0.2000 when it was evaluated)'
    """
    metric = "ndcg_at_10" if "ndcg_at_10" in again else "series_found"
    how = "as registered, on plays later than its training" if on_later else "its recipe on held-back plays"
    how = "by the proxy" if metric == "series_found" else how
    before = f" ({released[metric]:.4f} when it was evaluated)" if metric in released else ""
    return f"champion version {version} measured again, {how}: {metric} {again[metric]:.4f} on {again['n']:.0f} cases{before}"
