"""Held-out figures of a model version as plain data, which later runs release beside its predictions."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from almanac.judging.scores import Floats
from almanac.workloads.football import contract, evaluation, model
from almanac.workloads.football.offers import ranges

Row = dict[Hashable, Any]
RELIABILITY = ["calibration_noise", "ranges", "goals_within", "goals_within_low", "goals_within_high"]
SCORES = ["rps", "log_loss", "accuracy", "calibration_error", *RELIABILITY]


def details(test: pd.DataFrame, chances: Floats, *, seed: int) -> dict[str, Any]:
    """Return the held-out figures as plain data; `test` has the goals of its matches.

    `scopes` has the scores of all leagues together and of each, `bands` has promise and hit rate of picks,
    `goals_threshold` the mass of a range of goals.
    """
    outcomes = model.chance_frame(chances, test.index)
    needed = ranges.needed_by_results(test, outcomes)
    scopes = _scopes(test, chances, needed, seed)
    bands = evaluation.bands(test["outcome"], outcomes)
    lists = {"scopes": scopes.to_dict("records"), "bands": bands.to_dict("records")}
    return {**lists, ranges.THRESHOLD: ranges.threshold_of(needed)}


def _scopes(test: pd.DataFrame, chances: Floats, needed: Floats, seed: int) -> pd.DataFrame:
    overall = pd.DataFrame([evaluation.score(test["outcome"], chances)], index=["all"])
    rows = pd.concat([overall, evaluation.by_league(test, chances)])
    reliability = reliability_of(test, chances, needed, seed=seed)
    return rows.join(reliability).rename_axis("scope").reset_index()


def reliability_of(test: pd.DataFrame, chances: Floats, needed: Floats, *, seed: int) -> pd.DataFrame:
    """Return for 'all' and each league what calibration true chances would have, and how ranges hold.

    The earlier half of the matches sets the width of the ranges, the later half counts. `needed` comes from
    `ranges.needed_by_results`.
    """
    is_later = (test["date"] >= test["date"].median()).to_numpy()
    threshold = ranges.threshold_of(needed[~is_later])
    scopes = {"all": np.arange(len(test)), **test.groupby("league").indices}
    rows = {}
    for scope, at in scopes.items():
        later = needed[at[is_later[at]]]
        noise = evaluation.calibration_noise(chances[at], seed=seed)
        rows[scope] = [noise, later.size, *ranges.coverage(later, threshold)]
    return pd.DataFrame.from_dict(rows, orient="index", columns=RELIABILITY)


def scopes(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Return the stored scores of a version per scope: scope, held_out_matches and SCORES.

    The frame is empty if the version has none; an older version lacks some scores.
    """
    rows = pd.DataFrame(metrics.get("scopes", []), columns=["scope", "n", *SCORES])
    return rows.rename(columns={"n": "held_out_matches"})


def bands(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Return the stored bands of a version (the contract's `bands`); empty if it has none."""
    return pd.DataFrame(metrics.get("bands", []), columns=contract.BANDS.column_names)
