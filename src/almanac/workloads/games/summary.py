"""The summary of games at the end of a run."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

COLUMNS = ["game", "year", "its players will like", "because"]
MOST_TITLES = 3


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
        return _proxy(metrics)
    if "ndcg_at_10" not in metrics:
        return "This version has not been evaluated on held-back plays yet."
    recall, ndcg = metrics["recall_at_10"], metrics["ndcg_at_10"]
    baseline = f"{metrics['popularity_recall_at_10']:.3f} and {metrics['popularity_ndcg_at_10']:.3f}"
    players = f"On {metrics['n']:.0f} players"
    return f"{players}: recall@10 {recall:.3f}, NDCG@10 {ndcg:.3f} (popularity {baseline})."


def _proxy(metrics: Mapping[str, Any]) -> str:
    ours = f"{metrics['series_found']:.1%} of a series is among the ten nearest"
    popular = f"{metrics['series_found_by_popularity']:.1%} among the ten most popular"
    method = "Nobody's plays are known, so only a proxy is: with title and makers hidden"
    return f"{method}, {ours}, {popular} (n = {metrics['n']:.0f})."
