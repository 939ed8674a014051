"""Sample games and plays, and a publisher that needs no notebooks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

import pandas as pd

from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging
from almanac.store.records import ledger, runs, versions
from almanac.workloads.games import features, model
from almanac.workloads.games.contract import CONTRACT
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.lists import search_index
from almanac.workloads.games.measuring import health
from almanac.workloads.games.sources import builtin, games, plays_csv, simulated

CUT = date(2026, 6, 1)
FIRST_SLOT = datetime(2026, 6, 1, tzinfo=UTC)


def game(title: str, **facts: Any) -> dict[str, Any]:
    """Return one game as a row of a source; its id is made of its title."""
    reviews = int(facts.get("reviews", 100))
    defaults = {
        "game_id": f"steam:{title.lower().replace(' ', '-')}",
        "title": title,
        "released": "2015-05-18",
        "source": "steam",
        "genres": "RPG",
        "themes": "Open World;Fantasy",
        "platforms": "windows",
        "developer": "Studio",
        "publisher": "Studio",
        "reviews": reviews,
        "good_reviews": reviews * 9 // 10,
    }
    return defaults | facts


def catalogue(*rows: dict[str, Any], as_of: date = CUT) -> pd.DataFrame:
    """Return the catalogue of these games, without plays."""
    return features.build(games.frame(rows), plays_csv.frame([]), as_of=as_of).catalogue


def play(
    user: str, title: str, at: str | None = None, hours: float = 1.0
) -> tuple[str, str, float, Any, str]:
    """Return one play of a game made by `game`."""
    return user, game(title)["game_id"], hours, pd.Timestamp(at, tz="UTC") if at else None, "csv"


@cache
def sample() -> Dataset:
    """Return the built-in games with simulated players; do not change them."""
    games_frame = builtin.catalogue()
    plays = simulated.world(games_frame, users=600).plays
    return features.build(games_frame, plays, as_of=CUT)


@cache
def predicted(candidate: str = "content") -> pd.DataFrame:
    """Return the predictions of the built-in games by one model; do not change them."""
    pipeline = model.fit(model.make(candidate), sample())
    return model.predict(pipeline, sample().catalogue)


def content_of(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return a frame for every table that games releases."""
    tables = {"predictions": predictions, "health": health.health(predictions)}
    return tables | search_index.tables(predictions)


@dataclass
class GamesPublisher:
    """Publishes runs of predictions one after the other."""

    database: Database
    numbers: "count[int]" = field(default_factory=count)

    def publish(self, predictions: pd.DataFrame, *, version: int = 1, is_released: bool = True) -> str:
        """Publish one run with these predictions and return its id."""
        slot = FIRST_SLOT + timedelta(days=1) * next(self.numbers)
        kind, why = ("run", "test") if is_released else ("shadow", None)
        new_run = runs.NewRun("games", slot, ("predict",), "mock", "tester", kind=kind)
        with self.database.engine.begin() as connection:
            run_id = runs.start(connection, new_run)
        assert run_id
        staged = staging.stage(self.database, CONTRACT, run_id, content_of(predictions))
        update = runs.RunUpdate(
            data_as_of=CUT,
            demo=False,
            simulated=False,
            source="steam",
            model_version=version,
            rows=staged.rows,
            prediction_hash=staged.prediction_hash,
        )
        publish.publish(self.database, publish.PublishRequest(CONTRACT, run_id, update, why))
        return run_id

    def register(self, *numbers: int) -> None:
        """Add model versions with sample scores."""
        for number in numbers:
            row = {
                "workload": "games",
                "version": number,
                "run_id": None,
                "mlflow_run_id": f"m{number}",
                "trained_until": CUT,
                "artifact_hash": "a" * 64,
                "data_hash": "d" * 64,
                "recipe_hash": f"r{number}",
                "parameters": {"candidate": "blend"},
                "metrics": {"ndcg_at_10": 0.2},
                "simulated": False,
            }
            with self.database.engine.begin() as connection:
                versions.add(connection, row)

    def rollback(self) -> int:
        """Release the run before again and return the number of the release."""
        with self.database.engine.begin() as connection:
            release_id = ledger.rollback(connection, "games", who="tester")
            ledger.set_hold(connection, "games", on_hold=False)
        return release_id


def titles(entries: Sequence[dict[str, Any]]) -> list[str]:
    """Return the titles of a list."""
    return [str(entry["title"]) for entry in entries]
