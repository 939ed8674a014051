"""Football in the terminal at the end of a run."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from almanac.workloads.football.offers import value
from almanac.workloads.football.sources.openfootball import LEAGUES

COLUMNS = ["date", "league", "match", "home", "draw", "away", "over 2.5", "pick", "confidence"]
HELD_OUT = (
    "On {n:.0f} held-out matches: log-loss {log_loss:.4f}, RPS {rps:.4f}, accuracy {accuracy:.1%},"
    " calibration error {calibration_error:.3f}"
)
TIERS = {code: league.tier for code, league in LEAGUES.items()}


def headline(predictions: pd.DataFrame, *, rows: int) -> tuple[list[str], list[list[object]]]:
    """Return columns and rows of a table of coming matches, by day and tier."""
    by_tier = predictions.assign(tier=predictions["league"].map(TIERS))
    ordered = by_tier.sort_values(["date", "tier", "league", "kickoff"])
    return COLUMNS, [_row(match) for match in ordered.head(rows).itertuples()]


def _row(match: Any) -> list[object]:
    clubs = f"{match.home} – {match.away}"
    chances = [match.home_win, match.draw, match.away_win, match.over_2_5]
    percentages = [f"{chance:.0%}" for chance in chances]
    pick = match.pick.replace("_", " ")
    return [f"{match.date:%a %d %b}", match.league, clubs, *percentages, pick, f"{match.confidence:.0%}"]


def facts(metrics: Mapping[str, Any]) -> str:
    """Return a sentence about held-out matches, with the baseline beside the model."""
    if "log_loss" not in metrics:
        return "This version has not been evaluated on held-out matches yet."
    sentence = HELD_OUT.format(**metrics)
    returns = value.in_words(metrics.get("returns"))
    return f"{sentence}{_against_baseline(metrics)}. {returns} No betting advice."


def _against_baseline(metrics: Mapping[str, Any]) -> str:
    difference = metrics.get("log_loss_against_elo_logit")
    return "" if difference is None else f" ({difference:+.4f} log-loss against Elo + logit)"
