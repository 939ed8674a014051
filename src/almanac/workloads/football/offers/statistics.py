"""The frames released beside the predictions: leagues, averages and recent results."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from almanac.workloads.football import contract
from almanac.workloads.football.sources.openfootball import LEAGUES
from almanac.workloads.football.strength import timeline

RESULT_DAYS = 60
SEASONS = 2


def played(matches: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """Return the matches with a known score before `as_of`, with their outcome."""
    known = matches[
        (matches["status"] == "played")
        & (pd.to_datetime(matches["date"]) < pd.Timestamp(as_of))
        & matches["home_goals"].notna()
    ]
    goals = [known[name].to_numpy(dtype=np.float64) for name in ("home_goals", "away_goals")]
    return known.assign(outcome=timeline.outcomes(*goals)).reset_index(drop=True)


def leagues(matches: pd.DataFrame, predictions: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """Return one row per league with what is known of it (the contract's `leagues`)."""
    known = played(matches, as_of=as_of)
    rows = known.groupby("league").agg(
        matches_played=("match_id", "size"), first_season=("season", "min"), last_season=("season", "max")
    )
    coming = predictions["league"].value_counts().reindex(rows.index, fill_value=0)
    rows = rows.assign(
        matches_coming=coming,
        league_name=[LEAGUES[code].name for code in rows.index],
        country=[LEAGUES[code].country for code in rows.index],
    )
    return rows.reset_index()[contract.LEAGUES.column_names]


def statistics(matches: pd.DataFrame, held_out: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """Return averages of the last two seasons beside held-out scores, for 'all' and each league (the contract's `statistics`).

    `held_out` has the columns scope, held_out_matches, rps, log_loss, accuracy.
    """
    known = played(matches, as_of=as_of)
    recent = known[known["season"].isin(sorted(known["season"].unique())[-SEASONS:])]
    scopes = {"all": recent, **{str(league): rows for league, rows in recent.groupby("league")}}
    averages = pd.DataFrame([{"scope": scope, **_averages(rows)} for scope, rows in scopes.items()])
    beside = averages.merge(held_out, on="scope", how="left")
    return beside.assign(held_out_matches=beside["held_out_matches"].fillna(0).astype("int64"))[
        contract.STATISTICS.column_names
    ]


def _averages(rows: pd.DataFrame) -> dict[str, float]:
    home, away = (rows[name].to_numpy(dtype=np.float64) for name in ("home_goals", "away_goals"))
    return {
        "matches": len(rows),
        "home_win_rate": float((home > away).mean()),
        "draw_rate": float((home == away).mean()),
        "away_win_rate": float((home < away).mean()),
        "home_goals": float(home.mean()),
        "away_goals": float(away.mean()),
        "over_2_5_rate": float((home + away > 2).mean()),
        "both_score_rate": float(((home > 0) & (away > 0)).mean()),
    }


def results(matches: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """Return the scores of the last 60 days before `as_of` (the contract's `results`)."""
    known = played(matches, as_of=as_of)
    recent = known[pd.to_datetime(known["date"]) >= pd.Timestamp(as_of - timedelta(days=RESULT_DAYS))]
    return recent[contract.RESULTS.column_names].reset_index(drop=True)
