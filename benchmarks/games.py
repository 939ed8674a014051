"""What games cost and how good they are: seconds and memory by size, answers per route, and models where the truth is known."""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import numpy as np
import pandas as pd
from _serving import serving

from almanac.judging import scores
from almanac.settings import Settings
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.publishing import publish, staging
from almanac.store.records import runs
from almanac.store.schema.migrate import migrate
from almanac.workloads.games import evaluation, features, model
from almanac.workloads.games.contract import CONTRACT, GAMES
from almanac.workloads.games.features import Known
from almanac.workloads.games.lists import search_index
from almanac.workloads.games.measuring import health, tuning
from almanac.workloads.games.sources import plays_csv, simulated, steam

CUT = date(2026, 6, 1)
REAL = 27_075
SIZES = (100, 1_000, 10_000, REAL, 200_000)
# Facts of a made-up game that come together from one real game.
TOGETHER = (
    ("genres", "themes", "categories", "platforms"),
    ("developer", "publisher", "title"),
    ("released",),
    ("reviews", "good_reviews"),
)
WORLDS = (1, 2, 3, 4)
ASKED = 200
QUERIES = (
    "witchr",
    "portal",
    "dark souls",
    "the elder scrolls",
    "s",
    "counter strike",
    "cites skylines",
    "football manager 2019",
)


def main() -> None:
    """Measure what was asked for, print it and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument(
        "--size", type=int, help="train and score this many games in this process and print the figures"
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--only", choices=["sizes", "models", "routes"])
    given = parser.parse_args()
    if given.size:
        print(json.dumps(sized(given.size)))
        return
    parts: dict[str, Callable[[], Any]] = {
        "sizes": lambda: [by_itself(size) for size in given.sizes],
        "models": judged,
        "routes": routes,
    }
    result = {name: measure() for name, measure in parts.items() if given.only in (None, name)}
    print(json.dumps(result, indent=2))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(result, indent=2) + "\n")


def by_itself(size: int) -> dict[str, float]:
    """Measure one size in a process of its own, whose peak memory is its own as well."""
    ran = subprocess.run(
        [sys.executable, __file__, "--size", str(size)], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def sized(size: int) -> dict[str, float]:
    """Train content on so many games, score all, and index their titles."""
    known = catalogue(size)
    begun = time.perf_counter()
    pipeline = model.fit(model.make("content"), known)
    trained = time.perf_counter()
    predictions = model.predict(pipeline, known.catalogue)
    scored = time.perf_counter()
    search_index.mistypings(search_index.words(predictions))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = {"train": trained - begun, "score": scored - trained, "index": time.perf_counter() - scored}
    return {
        "games": len(predictions),
        **{name: round(value, 2) for name, value in seconds.items()},
        "peak_mb": round(peak),
    }


def catalogue(size: int) -> Known:
    """Return so many games: the best known of the Steam catalogue, or of more made-up ones mixed from the real ones."""
    told = steam.read(Settings.read()).games
    return features.build(
        told.nlargest(size, "reviews") if size <= REAL else mixed(told, size), plays_csv.frame([]), as_of=CUT
    )


def mixed(told: pd.DataFrame, size: int) -> pd.DataFrame:
    """Return made-up games, each with the tags of one real game, title and makers of another, the day of a third and the reviews of a fourth."""
    random = np.random.default_rng(size)
    parts = [
        told[list(names)].iloc[random.integers(len(told), size=size)].reset_index(drop=True)
        for names in TOGETHER
    ]
    made = pd.concat(parts, axis=1).assign(
        game_id=[f"sample:{number}" for number in range(size)], listed=True, source=simulated.SOURCE
    )
    return made.assign(title=[f"{title} {number}" for number, title in enumerate(made["title"])])[
        GAMES.column_names
    ]


def judged() -> dict[str, Any]:
    """Return the scores of every model in several made-up worlds, and of the blend less the best other one over all of them."""
    ndcg: dict[str, list[Any]] = {}
    tables = {}
    for seed in WORLDS:
        told = simulated.catalogue(1_200, seed=seed)
        known = features.build(told, simulated.world(told, users=2_000, seed=seed).plays, as_of=CUT)
        parts = evaluation.split(known, seed=1)
        weights = tuning.weigh(parts.train, seed=2)
        scorers = {
            name: model.fit(model.single(name, weights=weights), parts.train).on(parts.train.catalogue)
            for name in model.CANDIDATES
        }
        table, found = evaluation.table(parts, scorers)
        tables[f"world {seed}"] = table.round(4).to_dict(orient="index")
        for name, each in found.items():
            ndcg.setdefault(name, []).append(each.ndcg)
    joined = {name: np.concatenate(values) for name, values in ndcg.items()}
    best = max((name for name in joined if name != "blend"), key=lambda name: joined[name].mean())
    return tables | {
        "best other": best,
        "blend less it": scores.paired_bootstrap(joined["blend"], joined[best]),
    }


def routes() -> dict[str, Any]:
    """Publish the whole catalogue and return the median and the slowest tenth of answers per route in milliseconds, nothing kept in memory."""
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        ids = published(url)
        with serving(url, ALMANAC_CACHE_MB="0") as client:
            found = {name: timed(client, *asked) for name, asked in questions(ids).items()}
            found["constant"] = timed(client, "GET", lambda _: "/livez", lambda _: None)
        embedded.stop(Path(folder, "pg"))
    return found


def questions(ids: list[str]) -> dict[str, Any]:
    """Return for each route its method, and address and body by the number of the request."""
    searched = "/v1/games/search"

    def nothing(_: int) -> None:
        return None

    return {
        "catalogue": ("GET", lambda n: f"/v1/games/catalogue/{ids[n]}", nothing),
        "recommendations": ("GET", lambda n: f"/v1/games/catalogue/{ids[n]}/recommendations", nothing),
        "similar": ("GET", lambda n: f"/v1/games/catalogue/{ids[n]}/similar", nothing),
        "search": ("GET", lambda n: f"{searched}?q={QUERIES[n % len(QUERIES)]}", nothing),
        "combined (3 liked)": (
            "POST",
            lambda _: "/v1/games/recommendations",
            lambda n: {"liked": ids[n : n + 3]},
        ),
        "search and list": (
            "POST",
            lambda _: f"{searched}/recommendations",
            lambda n: {"query": QUERIES[n % len(QUERIES)]},
        ),
        "model": ("GET", lambda _: "/v1/games/model", nothing),
    }


def timed(
    client: httpx.Client, method: str, path: Callable[[int], str], body: Callable[[int], Any]
) -> dict[str, float]:
    """Ask one after the other and return p50 and p90 in milliseconds; what is not answered 200 or 404 ends the program."""
    taken = []
    for number in range(ASKED):
        begun = time.perf_counter()
        answer = client.request(method, path(number), json=body(number))
        taken.append(1000 * (time.perf_counter() - begun))
        if answer.status_code not in (200, 404):
            raise SystemExit(f"{path(number)} answered {answer.status_code}")
    return {"p50_ms": round(median(taken), 2), "p90_ms": round(sorted(taken)[int(0.9 * ASKED)], 2)}


def published(url: str) -> list[str]:
    """Publish the lists of the whole catalogue and return the ids of the best known games."""
    known = catalogue(REAL)
    predictions = model.predict(model.fit(model.make("content"), known), known.catalogue)
    words = search_index.words(predictions)
    content = {
        "predictions": predictions,
        "words": words,
        "spellings": search_index.mistypings(words),
        "health": health.health(predictions),
    }
    migrate(Database(url, "login"), {CONTRACT.name: CONTRACT})
    owner = Database(url, "owner")
    opening = runs.NewRun(CONTRACT.name, datetime.now(UTC), ("predict",), "full", "benchmark")
    with owner.engine.begin() as connection:
        run_id = runs.start(connection, opening)
    staged = staging.stage(owner, CONTRACT, str(run_id), content)
    facts = runs.RunUpdate(
        data_as_of=CUT,
        source="steam",
        model_version=1,
        rows=staged.rows,
        prediction_hash=staged.prediction_hash,
    )
    publish.publish(owner, publish.PublishRequest(CONTRACT, str(run_id), facts, "benchmark"))
    owner.engine.dispose()
    return predictions["game_id"].head(ASKED + 3).tolist()


if __name__ == "__main__":
    main()
