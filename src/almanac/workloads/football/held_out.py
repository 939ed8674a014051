"""Held-out figures of a model version as plain data, which later runs release beside its predictions."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.football import contract, evaluation, model

Row = dict[Hashable, Any]
SCORES = ["rps", "log_loss", "accuracy"]


def details(test: pd.DataFrame, chances: Floats) -> dict[str, list[Row]]:
    """Return the held-out figures as lists of rows.

    `scopes` has the scores of all leagues together and of each, `bands` has promise and hit rate of picks.
    """
    bands = evaluation.bands(test["outcome"], model.chance_frame(chances, test.index))
    return {"scopes": _scopes(test, chances).to_dict("records"), "bands": bands.to_dict("records")}


def _scopes(test: pd.DataFrame, chances: Floats) -> pd.DataFrame:
    overall = pd.DataFrame([evaluation.score(test["outcome"], chances)], index=["all"])
    rows = pd.concat([overall, evaluation.by_league(test, chances)])
    return rows.rename_axis("scope").reset_index()


def scopes(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Return the stored scores of a version per scope: scope, held_out_matches, rps, log_loss, accuracy.

    The frame is empty if the version has none.
    """
    rows = pd.DataFrame(metrics.get("scopes", []), columns=["scope", "n", *SCORES])
    return rows.rename(columns={"n": "held_out_matches"})


def bands(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Return the stored bands of a version (the contract's `bands`); empty if it has none."""
    return pd.DataFrame(metrics.get("bands", []), columns=contract.BANDS.column_names)
