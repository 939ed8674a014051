"""Measures models on held-out plays, or by a proxy where there are no plays, with one result for both."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pandas as pd

from almanac.judging import promotion
from almanac.judging.promotion import Evidence
from almanac.judging.scores import Floats, Interval, bootstrap_interval, paired_bootstrap
from almanac.workloads.games import evaluation
from almanac.workloads.games.blend import TwoLists
from almanac.workloads.games.content import Content, Popularity
from almanac.workloads.games.encoding import Rows
from almanac.workloads.games.evaluation import Split
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.measuring import proxies
from almanac.workloads.games.model import BASELINE

# Later plays of fewer players are too few to measure a model.
LEAST_LATER_PLAYERS = 50

# A version number, or the name of a baseline.
Name = int | str


@dataclass(frozen=True)
class Measurement:
    """The scores of several models on the same cases: one per case, and a table of means."""

    kind: Literal["plays", "proxy"]
    metric: str
    cases: int
    table: pd.DataFrame
    case_scores: Mapping[Name, Floats]
    seed: int

    def against(self, ours: Name, theirs: Name) -> Interval:
        """Return their score minus ours on the same cases with its interval; below zero ours is better."""
        return paired_bootstrap(-self.case_scores[ours], -self.case_scores[theirs], seed=self.seed)

    def evidence(self, challenger: int, champion: int | None, *, same_recipe: bool) -> Evidence:
        """Return the evidence for the promotion rule: the challenger against popularity and champion."""
        against_baseline = self.against(challenger, BASELINE)
        evidence = Evidence(
            self.metric, self.cases, against_baseline, same_recipe=same_recipe, kind=self.kind
        )
        return evidence.with_champion(self.against(challenger, champion)) if champion else evidence

    def intervals(self) -> dict[str, Interval]:
        """Return the mean score of each model with its 95 % interval."""
        by_name = {str(name): scores for name, scores in self.case_scores.items()}
        return {name: bootstrap_interval(scores, seed=self.seed) for name, scores in by_name.items()}

    def scores(self, name: Name) -> dict[str, float]:
        """Return the mean scores of one model."""
        means = self.table.loc[[name]].to_dict("records")[0]
        return {str(metric): float(mean) for metric, mean in means.items()}

    def figures(self, name: Name) -> dict[str, float]:
        """Return the mean scores of one model to store with its version, with those of popularity."""
        popularity = self.scores(BASELINE)
        if self.kind == "proxy":
            of_popularity = {"series_found_by_popularity": popularity["series_found"]}
            return self.scores(name) | of_popularity | self._ends(name)
        of_popularity = {f"popularity_{metric}": popularity[metric] for metric in evaluation.METRICS}
        return self.scores(name) | of_popularity | self._ends(name)

    def _ends(self, name: Name) -> dict[str, float]:
        """Return the ends of the 95 % interval of a model's score."""
        interval = bootstrap_interval(self.case_scores[name], seed=self.seed)
        return {f"{self.metric}_low": interval.low, f"{self.metric}_high": interval.high}


def measure(
    fitted: Mapping[Name, TwoLists], parts: Split, catalogue: pd.DataFrame, *, seed: int
) -> Measurement:
    """Measure fitted models on the held-out plays of `parts`, or by the proxy.

    The proxy judges where too few players can be tested for the promotion rule, and where content is beside
    popularity alone: it claims that games are similar, not that players like them.
    """
    has_learned = any(not isinstance(two.recommended_, Content | Popularity) for two in fitted.values())
    if not has_learned or len(parts.users) < promotion.KINDS["plays"].minimum_cases:
        return _by_proxy(fitted, catalogue, seed)
    recommenders: dict[Any, Any] = {name: two.recommended_ for name, two in fitted.items()}
    table, by_model = evaluation.table(parts, recommenders)
    ndcg: dict[Any, Floats] = {name: scores.ndcg for name, scores in by_model.items()}
    return Measurement("plays", "ndcg_at_10", len(parts.users), table, ndcg, seed)


def _by_proxy(fitted: Mapping[Name, TwoLists], catalogue: pd.DataFrame, seed: int) -> Measurement:
    rows = proxies.cases(catalogue, seed=seed)
    shares = {name: _series_shares(two, catalogue, rows) for name, two in fitted.items()}
    means = {name: each.mean() for name, each in shares.items()}
    table = pd.DataFrame({"series_found": means}).assign(n=len(rows))
    return Measurement("proxy", "series_found", len(rows), table, shares, seed)


def _series_shares(two: TwoLists, catalogue: pd.DataFrame, rows: Rows) -> Floats:
    model = two.recommended_
    blind = proxies.blind(model, catalogue) if isinstance(model, Content) else model
    return proxies.series_shares(catalogue, blind.scorer(catalogue), rows)


def later_plays(data: Dataset, trained_until: date) -> pd.DataFrame:
    """Return the plays since `trained_until`; none where fewer than LEAST_LATER_PLAYERS have any."""
    is_later = data.plays["played_at"] >= pd.Timestamp(trained_until, tz="UTC")
    later = data.plays[is_later]
    return later if later["user_id"].nunique() >= LEAST_LATER_PLAYERS else later.head(0)


def measure_again(model: TwoLists, later: pd.DataFrame, data: Dataset) -> dict[str, float] | None:
    """Return the scores of a registered model on plays later than its training; None without such plays.

    Only players with earlier plays, which become their histories, are tested.
    """
    parts = _split_at(data, later)
    if not parts.users:
        return None
    scores = evaluation.rank(parts, model.recommended_.scorer(data.catalogue))
    return evaluation.score(scores, data.catalogue)


def _split_at(data: Dataset, later: pd.DataFrame) -> Split:
    earlier = data.plays.drop(index=later.index)
    held_out = later[later["user_id"].isin(earlier["user_id"])]
    users = sorted(held_out["user_id"].unique())
    return Split(Dataset(data.catalogue, earlier), held_out, users)


def sentence(version: int, again: Mapping[str, float], released: Mapping[str, Any], *, on_later: bool) -> str:
    """Return a sentence about the live champion: its score today, and its score when it was evaluated.

    >>> text = sentence(3, {"ndcg_at_10": 0.21, "n": 500.0}, {"ndcg_at_10": 0.2}, on_later=False)
    >>> print(text.replace(": ", ":\\n"))
    champion version 3 measured again, its recipe on held-out plays:
    ndcg_at_10 0.2100 on 500 cases (0.2000 when it was evaluated)
    """
    metric = "ndcg_at_10" if "ndcg_at_10" in again else "series_found"
    champion = f"champion version {version} measured again, {_method(metric, on_later=on_later)}"
    figures = f"{metric} {again[metric]:.4f} on {again['n']:.0f} cases"
    return f"{champion}: {figures}{_before(released.get(metric))}"


def _before(score: float | None) -> str:
    return "" if score is None else f" ({score:.4f} when it was evaluated)"


def _method(metric: str, *, on_later: bool) -> str:
    if metric == "series_found":
        return "by the proxy"
    return "as registered, on plays later than its training" if on_later else "its recipe on held-out plays"
