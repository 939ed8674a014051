"""What a person sees of football at the end of a run."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from almanac.workloads.football.sources.openfootball import LEAGUES


def headline(predictions: pd.DataFrame, *, rows: int) -> tuple[list[str], list[list[object]]]:
    """Return columns and rows of a table of coming matches: the first days first, and on each day the first tiers first."""
    tiers = predictions["league"].map({code: league.tier for code, league in LEAGUES.items()})
    ordered = predictions.assign(tier=tiers).sort_values(["date", "tier", "league", "kickoff"])
    columns = ["date", "league", "match", "home", "draw", "away", "over 2.5", "pick", "confidence"]
    return columns, [_row(match) for match in ordered.head(rows).itertuples()]


def facts(metrics: Mapping[str, Any]) -> str:
    """Return a sentence about held-out matches, with the baseline beside the model."""
    if "log_loss" not in metrics:
        return "This version has not been evaluated on held-out matches yet."
    scores = (
        f"log-loss {metrics['log_loss']:.4f}, RPS {metrics['rps']:.4f}, accuracy {metrics['accuracy']:.1%}"
    )
    against = metrics.get("log_loss_against_elo_logit")
    beside = f" ({against:+.4f} log-loss against Elo + logit)" if against is not None else ""
    return f"On {metrics['n']:.0f} held-out matches: {scores}, calibration error {metrics['calibration_error']:.3f}{beside}. No betting advice."


def _row(match: Any) -> list[object]:
    chances = [f"{value:.0%}" for value in (match.home_win, match.draw, match.away_win, match.over_2_5)]
    return [
        f"{match.date:%a %d %b}",
        match.league,
        f"{match.home} – {match.away}",
        *chances,
        match.pick.replace("_", " "),
        f"{match.confidence:.0%}",
    ]
