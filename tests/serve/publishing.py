"""Publishes made-up football predictions, so that a server has something to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from types import MappingProxyType

import pandas as pd

from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging
from almanac.store.records import ledger, releases, run_steps, runs, versions
from almanac.workloads.football.contract import CONTRACT

FIRST_SLOT = datetime(2025, 4, 15, 6, tzinfo=UTC)
CLUBS = ("Ashford", "Bexley", "Camden", "Dulwich")
LEAGUES = {"E0": "Premier League", "D1": "Bundesliga"}
PICKS = ("home", "draw", "away", "home_or_draw")


def match(number: int, *, home_win: float = 0.5, day: date | None = None) -> dict[str, object]:
    """Return the prediction of one made-up match.

    Every column agrees with `home_win` and a chance of 0.25 for a draw.
    """
    league = ("E0", "D1")[number % 2]
    away_win = 0.75 - home_win
    return {
        "match_id": f"{league}-2024-25-match-{number:04d}",
        "league": league,
        "league_name": LEAGUES[league],
        "season": "2024-25",
        "date": day or date(2025, 4, 18) + timedelta(days=number % 7),
        "kickoff": None if number % 3 else "15:00",
        "home": CLUBS[number % 4],
        "away": CLUBS[(number + 1) % 4],
        "home_win": home_win,
        "draw": 0.25,
        "away_win": away_win,
        "home_or_draw": home_win + 0.25,
        "home_or_away": home_win + away_win,
        "draw_or_away": 0.25 + away_win,
        "over_1_5": 0.75,
        "over_2_5": 0.5,
        "over_3_5": 0.25,
        "both_score": 0.5,
        "expected_home_goals": 1.5,
        "expected_away_goals": 1.0,
        "likely_scores": [{"score": "1-0", "chance": 0.125}],
        "pick": PICKS[number % 4],
        "confidence": (0.5, 0.6, 0.7, 0.8)[number % 4],
        "reason": "Made up.",
        "odds": None,
    }


def result(number: int, home_goals: int, away_goals: int) -> dict[str, object]:
    """Return the made-up result of `match(number)`."""
    prediction = match(number)
    outcome = "home" if home_goals > away_goals else "away" if home_goals < away_goals else "draw"
    identity = {name: prediction[name] for name in ("match_id", "league", "date", "home", "away")}
    return identity | {"home_goals": home_goals, "away_goals": away_goals, "outcome": outcome}


@dataclass
class Publisher:
    """Publishes runs of made-up football predictions one after the other."""

    database: Database
    numbers: "count[int]" = field(default_factory=count)

    def publish(
        self,
        matches: Sequence[dict[str, object]],
        *,
        version: int = 1,
        results: Sequence[dict[str, object]] = (),
        is_released: bool = True,
        **facts: object,
    ) -> str:
        """Publish one run with these predictions and results and return its id.

        `facts` replace the values of the same name in the run's record.
        """
        slot = FIRST_SLOT + timedelta(hours=6) * next(self.numbers)
        opening = runs.NewRun(
            "football",
            slot,
            ("collect", "train", "evaluate", "predict"),
            "mock",
            "tester",
            kind="run" if is_released else "shadow",
        )
        with self.database.engine.begin() as connection:
            run_id = runs.start(connection, opening)
            assert run_id
            run_steps.start(connection, run_id, "predict")
            run_steps.finish(connection, run_id, "predict", {"status": "succeeded", "seconds": 1.5})
        staged = staging.stage(self.database, CONTRACT, run_id, frames(matches, results))
        origin = {
            "data_as_of": date(2025, 4, 18),
            "demo": False,
            "simulated": False,
            "source": "openfootball",
            "model_version": version,
        } | facts
        update = runs.RunUpdate(rows=staged.rows, prediction_hash=staged.prediction_hash, **origin)
        publish.publish(
            self.database, publish.PublishRequest(CONTRACT, run_id, update, "test" if is_released else None)
        )
        return run_id

    def register(
        self, version: int, *, metrics: Mapping[str, float] = MappingProxyType({"log_loss": 1.01})
    ) -> None:
        """Register a model version with made-up figures."""
        hashes = {"artifact_hash": "a" * 64, "data_hash": "d" * 64, "recipe_hash": "r" * 64}
        row = {
            "workload": "football",
            "version": version,
            "run_id": None,
            "mlflow_run_id": f"m{version}",
            "trained_until": date(2025, 4, 17),
        }
        row |= hashes | {"parameters": {"depth": 3}, "metrics": dict(metrics), "simulated": False}
        with self.database.engine.begin() as connection:
            versions.add(connection, row)

    def rollback(self, to: str | None = None) -> int:
        """Release an older run again and return the number of the release."""
        with self.database.engine.begin() as connection:
            release_id = ledger.rollback(connection, "football", who="tester", to=to)
            ledger.set_hold(connection, "football", on_hold=False)
        return release_id

    def live(self) -> releases.ReleaseRow:
        """Return the live row of the ledger."""
        with self.database.engine.begin() as connection:
            release = releases.live(connection, "football")
        assert release
        return release


def frames(
    matches: Sequence[dict[str, object]], results: Sequence[dict[str, object]]
) -> dict[str, pd.DataFrame]:
    """Return a frame for every table that football releases."""
    present = sorted({str(row["league"]) for row in matches})
    content = {"predictions": list(matches), "results": list(results)}
    content["leagues"] = [_league(code, matches) for code in present]
    content["statistics"] = [_averages(scope) for scope in ("all", *present)]
    content["bands"] = [_band(0.6, picks=40, hits=26), _band(0.7, picks=20, hits=15)]
    return {table.name: _frame(content[table.name], table.column_names) for table in CONTRACT.released_tables}


def _frame(rows: list[dict[str, object]], names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=names, dtype=object)


def _league(code: str, matches: Sequence[dict[str, object]]) -> dict[str, object]:
    coming = sum(row["league"] == code for row in matches)
    seasons = {"first_season": "2023-24", "last_season": "2024-25"}
    return {
        "league": code,
        "league_name": LEAGUES[code],
        "country": "Somewhere",
        "matches_coming": coming,
        "matches_played": 600,
    } | seasons


def _averages(scope: str) -> dict[str, object]:
    rates = {
        "home_win_rate": 0.45,
        "draw_rate": 0.25,
        "away_win_rate": 0.3,
        "over_2_5_rate": 0.5,
        "both_score_rate": 0.5,
    }
    figures = {
        "home_goals": 1.5,
        "away_goals": 1.2,
        "held_out_matches": 300,
        "rps": 0.2,
        "log_loss": 1.0,
        "accuracy": 0.5,
    }
    return {"scope": scope, "matches": 600} | rates | figures


def _band(low: float, *, picks: int, hits: int) -> dict[str, object]:
    high = round(low + 0.1, 2)
    limits = {"hit_rate_low": 0.5, "hit_rate_high": 0.9}
    return {
        "band": f"{low:.2f}-{high:.2f}",
        "low": low,
        "high": high,
        "picks": picks,
        "hits": hits,
        "promised": low + 0.05,
        "hit_rate": hits / picks,
    } | limits
