"""Benchmarks of games: time and memory by size, milliseconds per route, models on simulated players."""

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
from almanac.workloads.games.evaluation import PlayerScores
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.lists import search_index
from almanac.workloads.games.measuring import health, tuning
from almanac.workloads.games.sources import plays_csv, simulated, steam

CUT = date(2026, 6, 1)
REAL = 27_075
SIZES = (100, 1_000, 10_000, REAL, 200_000)
# Columns of a mixed game that come from one real game.
COLUMN_GROUPS = (
    ("genres", "themes", "categories", "platforms"),
    ("developer", "publisher", "title"),
    ("released",),
    ("reviews", "good_reviews"),
)
WORLDS = (1, 2, 3, 4)
REQUESTS = 200
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

# Method, path and body.
Request = tuple[str, str, Any]


def main() -> None:
    """Run the chosen benchmarks, print the results and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the results")
    parser.add_argument("--size", type=int, help="measure this many games in this process, print the result")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--only", choices=["sizes", "models", "routes"])
    arguments = parser.parse_args()
    if arguments.size:
        print(json.dumps(measure_size(arguments.size)))
        return
    benchmarks: dict[str, Callable[[], Any]] = {
        "sizes": lambda: [measure_in_own_process(size) for size in arguments.sizes],
        "models": compare_models,
        "routes": measure_routes,
    }
    names = [arguments.only] if arguments.only else list(benchmarks)
    text = json.dumps({name: benchmarks[name]() for name in names}, indent=2)
    print(text)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(text + "\n")


def measure_in_own_process(size: int) -> dict[str, float]:
    """Measure one size in a process of its own, so that the peak memory is that of this size."""
    command = [sys.executable, __file__, "--size", str(size)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(process.stdout)
    return result


def measure_size(size: int) -> dict[str, float]:
    """Train content on so many games, score all, and index their titles."""
    data = catalogue(size)
    moments = [time.perf_counter()]
    pipeline = model.fit(model.make("content"), data)
    moments.append(time.perf_counter())
    predictions = model.predict(pipeline, data.catalogue)
    moments.append(time.perf_counter())
    search_index.tables(predictions)
    moments.append(time.perf_counter())
    train, score, index = np.diff(moments).round(2).tolist()
    peak_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return {"games": size, "train": train, "score": score, "index": index, "peak_mb": peak_mb}


def catalogue(size: int) -> Dataset:
    """Return so many games: the best known of the Steam catalogue, or mixed ones where it has fewer."""
    games = steam.read(Settings.read()).games
    selected = games.nlargest(size, "reviews") if size <= REAL else mix(games, size)
    return features.build(selected, plays_csv.frame([]), as_of=CUT)


def mix(games: pd.DataFrame, size: int) -> pd.DataFrame:
    """Return games of which each group of columns comes from another real game."""
    random = np.random.default_rng(size)
    parts = []
    for names in COLUMN_GROUPS:
        rows = random.integers(len(games), size=size)
        parts.append(games[list(names)].iloc[rows].reset_index(drop=True))
    mixed = pd.concat(parts, axis=1)
    titles = [f"{title} {number}" for number, title in enumerate(mixed["title"])]
    ids = [f"sample:{number}" for number in range(size)]
    facts = {"listed": True, "source": simulated.SOURCE}
    return mixed.assign(title=titles, game_id=ids, **facts)[GAMES.column_names]


def compare_models() -> dict[str, Any]:
    """Return the scores of every model in simulated worlds, and the lead of the blend over the best other."""
    worlds = {f"world {seed}": compare_in_world(seed) for seed in WORLDS}
    ndcg = {
        name: np.concatenate([each[1][name].ndcg for each in worlds.values()]) for name in model.CANDIDATES
    }
    best = max((name for name in ndcg if name != "blend"), key=lambda name: ndcg[name].mean())
    difference = scores.paired_bootstrap(ndcg["blend"], ndcg[best])
    tables = {name: table.round(4).to_dict(orient="index") for name, (table, _) in worlds.items()}
    return tables | {"best other": best, "blend less it": difference}


def compare_in_world(seed: int) -> tuple[pd.DataFrame, dict[str, PlayerScores]]:
    """Return the scores of every model in one simulated world."""
    games = simulated.catalogue(1_200, seed=seed)
    plays = simulated.world(games, users=2_000, seed=seed).plays
    parts = evaluation.split(features.build(games, plays, as_of=CUT), seed=1)
    ease = tuning.ease_parameters(parts.train, seed=2)
    weights = tuning.weigh(parts.train, seed=2, ease=ease)
    recommenders = {name: model.single(name, weights=weights, ease=ease) for name in model.CANDIDATES}
    fitted = {name: model.fit(each, parts.train) for name, each in recommenders.items()}
    return evaluation.table(parts, fitted)


def measure_routes() -> dict[str, Any]:
    """Publish the whole catalogue and return the milliseconds per route, without the cache of the server."""
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        url = embedded.start(Path(folder, "pg"))
        ids = publish_catalogue(url)
        with serving(url, ALMANAC_CACHE_MB="0") as client:
            routes = {name: time_requests(client, requests) for name, requests in requests_of(ids).items()}
        embedded.stop(Path(folder, "pg"))
    return routes


def requests_of(ids: list[str]) -> dict[str, list[Request]]:
    """Return the requests of each route."""
    numbers = range(REQUESTS)
    queries = [QUERIES[number % len(QUERIES)] for number in numbers]
    game = [f"/v1/games/catalogue/{ids[number]}" for number in numbers]
    search = "/v1/games/search"
    liked = [{"liked": ids[number : number + 3]} for number in numbers]
    return {
        "catalogue": [get(path) for path in game],
        "recommendations": [get(f"{path}/recommendations") for path in game],
        "similar": [get(f"{path}/similar") for path in game],
        "search": [get(f"{search}?q={query}") for query in queries],
        "combined (3 liked)": [("POST", "/v1/games/recommendations", body) for body in liked],
        "search and list": [("POST", f"{search}/recommendations", {"query": query}) for query in queries],
        "model": [get("/v1/games/model")] * REQUESTS,
        "constant": [get("/livez")] * REQUESTS,
    }


def get(path: str) -> Request:
    """Return a GET request without a body."""
    return "GET", path, None


def time_requests(client: httpx.Client, requests: list[Request]) -> dict[str, float]:
    """Send requests one after the other and return p50 and p90 in milliseconds.

    A status other than 200 and 404 ends the program.
    """
    milliseconds = []
    for method, path, body in requests:
        start = time.perf_counter()
        response = client.request(method, path, json=body)
        milliseconds.append(1000 * (time.perf_counter() - start))
        if response.status_code not in (200, 404):
            raise SystemExit(f"{path} answered {response.status_code}")
    p90 = sorted(milliseconds)[int(0.9 * len(milliseconds))]
    return {"p50_ms": round(median(milliseconds), 2), "p90_ms": round(p90, 2)}


def publish_catalogue(url: str) -> list[str]:
    """Publish the lists of the whole catalogue and return the ids of the best known games."""
    data = catalogue(REAL)
    predictions = model.predict(model.fit(model.make("content"), data), data.catalogue)
    tables = {"predictions": predictions, "health": health.health(predictions)}
    tables |= search_index.tables(predictions)
    migrate(Database(url, "login"), {CONTRACT.name: CONTRACT})
    owner = Database(url, "owner")
    new_run = runs.NewRun(CONTRACT.name, datetime.now(UTC), ("predict",), "full", "benchmark")
    with owner.engine.begin() as connection:
        run_id = runs.start(connection, new_run)
    staged = staging.stage(owner, CONTRACT, str(run_id), tables)
    update = runs.RunUpdate(
        data_as_of=CUT,
        source="steam",
        model_version=1,
        rows=staged.rows,
        prediction_hash=staged.prediction_hash,
    )
    publish.publish(owner, publish.PublishRequest(CONTRACT, str(run_id), update, "benchmark"))
    owner.engine.dispose()
    return predictions["game_id"].head(REQUESTS + 3).tolist()


if __name__ == "__main__":
    main()
