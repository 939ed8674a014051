"""What a person sees of games at the end of a run."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

SHOWN = 3


def headline(predictions: pd.DataFrame, *, rows: int) -> tuple[list[str], list[list[object]]]:
    """Return columns and rows of a table of the best known games with the first of their lists."""
    known = predictions.sort_values("rank").head(rows)
    return ["game", "year", "its players will like", "because"], [
        _row(game) for game in known.to_dict("records")
    ]


def facts(metrics: Mapping[str, Any]) -> str:
    """Return a sentence about held-back plays, with the baseline beside the model, or about the proxy where there are none."""
    if "series_found" in metrics:
        return (
            f"Nobody's plays are known, so only a proxy is: with title and makers hidden, {metrics['series_found']:.1%} of a series is among the"
            f" ten nearest, {metrics['series_found_by_popularity']:.1%} among the ten most popular (n = {metrics['n']:.0f})."
        )
    if "ndcg_at_10" not in metrics:
        return "This version has not been evaluated on held-back plays yet."
    beside = f"popularity {metrics['popularity_recall_at_10']:.3f} and {metrics['popularity_ndcg_at_10']:.3f}"
    return f"On {metrics['n']:.0f} players: recall@10 {metrics['recall_at_10']:.3f}, NDCG@10 {metrics['ndcg_at_10']:.3f} ({beside})."


def _row(game: Mapping[Any, Any]) -> list[object]:
    chosen = (game["recommended"] or game["similar"])[:SHOWN]
    why = chosen[0]["why"] if chosen else ""
    return [game["title"], game["year"], " · ".join(entry["title"] for entry in chosen), why]
