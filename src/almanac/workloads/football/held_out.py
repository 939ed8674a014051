"""Held-out figures of a model version as plain data, so that later runs can release them beside its predictions."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.football import contract, evaluation
from almanac.workloads.football.model import OUTCOMES

SCORES = ["rps", "log_loss", "accuracy"]


def details(test: pd.DataFrame, chances: Floats) -> dict[str, list[dict[Hashable, Any]]]:
    """Return `scopes` (scores of all leagues together and of each) and `bands` (promise and hit rate of picks) as lists of rows."""
    whole = pd.DataFrame([evaluation.score(test["outcome"], chances)], index=pd.Index(["all"], name="league"))
    scopes = pd.concat([whole, evaluation.by_league(test, chances)]).rename_axis("scope").reset_index()
    named = pd.DataFrame(chances, columns=OUTCOMES, index=test.index).rename(
        columns={"home": "home_win", "away": "away_win"}
    )
    return {
        "scopes": scopes.to_dict("records"),
        "bands": evaluation.bands(test["outcome"], named).to_dict("records"),
    }


def scopes(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Return the scores per scope that were kept with a version: scope, held_out_matches, rps, log_loss, accuracy; empty where none were."""
    kept = pd.DataFrame(metrics.get("scopes", []), columns=["scope", "n", *SCORES])
    return kept.rename(columns={"n": "held_out_matches"})


def bands(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Return the bands that were kept with a version (the contract's `bands`); empty where none were."""
    return pd.DataFrame(metrics.get("bands", []), columns=contract.BANDS.column_names)
