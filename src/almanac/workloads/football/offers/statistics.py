"""The frames released beside the predictions: leagues, averages and recent results."""

from datetime import date, timedelta

import pandas as pd

from almanac.workloads.football import contract
from almanac.workloads.football.sources.openfootball import LEAGUES
from almanac.workloads.football.strength import timeline

RESULT_DAYS = 60
SEASONS = 2
PLAYED_OF_LEAGUE = {
    "matches_played": ("match_id", "size"),
    "first_season": ("season", "min"),
    "last_season": ("season", "max"),
    "newest_result": ("date", "max"),
}


def played(matches: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """Return the matches with a score before `as_of`, with their outcome."""
    rows = matches[timeline.is_played(matches, as_of=as_of)]
    outcomes = timeline.outcomes(*timeline.goals_of(rows))
    return rows.assign(outcome=outcomes).reset_index(drop=True)


def leagues(matches: pd.DataFrame, predictions: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """Return one row per league: its name, seasons, and numbers of matches (the contract's `leagues`)."""
    rows = played(matches, as_of=as_of).groupby("league").agg(**PLAYED_OF_LEAGUE)
    coming = predictions["league"].value_counts()
    rows = rows.assign(
        matches_coming=coming.reindex(rows.index, fill_value=0),
        league_name=[LEAGUES[code].name for code in rows.index],
        country=[LEAGUES[code].country for code in rows.index],
    )
    return rows.reset_index()[contract.LEAGUES.column_names]


def statistics(matches: pd.DataFrame, held_out: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """Return averages of the last two seasons beside held-out scores, for 'all' and each league.

    The rows are those of the contract's `statistics`. `held_out` has the columns scope, held_out_matches and
    the scores.
    """
    recent = _last_seasons(played(matches, as_of=as_of))
    scopes = [("all", recent), *recent.groupby("league")]
    averages = pd.DataFrame([{"scope": scope, **_averages(rows)} for scope, rows in scopes])
    rows = averages.merge(held_out, on="scope", how="left").reindex(columns=contract.STATISTICS.column_names)
    counts = rows["held_out_matches"].fillna(0).astype("int64")
    return rows.assign(held_out_matches=counts, ranges=rows["ranges"].astype("Float64").astype("Int64"))


def _last_seasons(matches: pd.DataFrame) -> pd.DataFrame:
    seasons = sorted(matches["season"].unique())[-SEASONS:]
    return matches[matches["season"].isin(seasons)]


def _averages(rows: pd.DataFrame) -> dict[str, float]:
    home, away = timeline.goals_of(rows)
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
    rows = played(matches, as_of=as_of)
    first = pd.Timestamp(as_of - timedelta(days=RESULT_DAYS))
    recent = rows[pd.to_datetime(rows["date"]) >= first]
    return recent[contract.RESULTS.column_names].reset_index(drop=True)
