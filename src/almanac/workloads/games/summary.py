"""The summary of games at the end of a run."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

COLUMNS = ["game", "year", "its players will like", "because"]
MOST_TITLES = 3
PLAYS = (
    "On {n:.0f} players: recall@10 {recall_at_10:.3f}, NDCG@10 {ndcg_at_10:.3f}"
    " (popularity {popularity_recall_at_10:.3f} and {popularity_ndcg_at_10:.3f})."
)
PROXY = (
    "There are no plays, or too few, to judge by, so only a proxy is known: with title and makers hidden,"
    " {series_found:.1%} of a series is among the ten nearest,"
    " {series_found_by_popularity:.1%} among the ten most popular (n = {n:.0f})."
)
INTERVAL = " The 95 % interval of its NDCG@10 is {ndcg_at_10_low:.3f} to {ndcg_at_10_high:.3f}."
NOTHING = "This version has not been evaluated on held-out plays yet."


def headline(predictions: pd.DataFrame, *, rows: int) -> tuple[list[str], list[list[object]]]:
    """Return columns and rows of a table of the best known games with the first of their lists."""
    games = predictions.sort_values("rank").head(rows)
    return COLUMNS, [_row(game) for game in games.to_dict("records")]


def _row(game: Mapping[Any, Any]) -> list[object]:
    entries = (game["recommended"] or game["similar"])[:MOST_TITLES]
    why = entries[0]["why"] if entries else ""
    return [game["title"], game["year"], " · ".join(entry["title"] for entry in entries), why]


def facts(metrics: Mapping[str, Any]) -> str:
    """Return a sentence with the scores of model and baseline, on held-out plays or by the proxy."""
    if "series_found" in metrics:
        return PROXY.format(**metrics)
    if "ndcg_at_10" not in metrics:
        return NOTHING
    return PLAYS.format(**metrics) + _interval(metrics)


def _interval(metrics: Mapping[str, Any]) -> str:
    """Return the interval of the NDCG; versions from before it was stored have none."""
    return INTERVAL.format(**metrics) if "ndcg_at_10_low" in metrics else ""
