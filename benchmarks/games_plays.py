"""Benchmark of games on real plays: popularity, item–item, EASE, the blend, and the lists as served."""

import argparse
import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from almanac.judging.scores import Interval
from almanac.settings import Settings
from almanac.workloads.games import evaluation, features, model
from almanac.workloads.games.evaluation import PlayerScores, Split
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.measuring import health, served, tuning
from almanac.workloads.games.sources import builtin, plays_csv, simulated, steam
from almanac.workloads.games.sources.plays_csv import PlaysImport

CUT = date(2100, 1, 1)
# The names that files have for the columns of an import, lower case, the first that a file has is taken.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "user_id": ("user_id", "user", "player", "player_id", "userid"),
    "game_id": ("game_id", "game"),
    "title": ("title", "game_title", "name"),
    "hours": ("hours", "hours_played", "playtime_hours", "playtime"),
    "time": ("time", "played_at", "timestamp", "date"),
}
# Columns of Steam-200k, which has no header: user, title, purchase or play, hours, 0.
BEHAVIOURS = ("purchase", "play")
MOST_TESTED = 10_000
SERVED = "as served"
MADE_UP_GAMES, MADE_UP_SEED = 1500, 4
NOBODY = (
    "No player of the file has {least} plays of games in the catalogue;"
    " {unmatched} of {lines} lines match none."
)


@dataclass(frozen=True)
class Row:
    """One model: NDCG@10 and recall@10 with 95 % intervals over players, and its lead over popularity."""

    model: str
    ndcg: Interval
    recall: Interval
    ndcg_over_popularity: Interval
    coverage: float


@dataclass(frozen=True)
class Result:
    """What was measured on one file; `full_lists` and `by_players` are measures of all published lists."""

    lines: int
    unmatched_lines: int
    plays: int
    players: int
    played_games: int
    tested_players: int
    held_out_plays: int
    candidate: str
    ease: dict[str, float]
    weights: dict[str, float]
    full_lists: float
    by_players: float
    rows: list[Row]


def main() -> None:
    """Measure the models on a file of plays, print a table, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="Steam-200k, or a CSV with user, game and hours")
    parser.add_argument(
        "--make-up", type=int, metavar="PLAYERS", help="first write plays of so many made-up players there"
    )
    parser.add_argument("--seed", type=int, default=2, help="decides which plays are held out")
    parser.add_argument("--most-players", type=int, default=MOST_TESTED, help="most players that are tested")
    parser.add_argument("--catalogue", choices=["steam", "builtin"], default="steam")
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args()
    games = builtin.catalogue() if options.catalogue == "builtin" else steam.read(Settings.read()).games
    if options.make_up:
        make_up(options.file, games, players=options.make_up)
    result = measure(options.file, games, seed=options.seed, most_players=options.most_players)
    print(text_of(result))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(asdict(result), indent=2) + "\n")


def make_up(file: Path, games: pd.DataFrame, *, players: int) -> None:
    """Write plays of made-up players of the most reviewed games, in the layout of Steam-200k.

    Raises SystemExit where the file exists.
    """
    if file.exists():
        raise SystemExit(f"{file} exists; made-up plays would replace it. Name another file.")
    most_reviewed = games.nlargest(MADE_UP_GAMES, "reviews").reset_index(drop=True)
    title_of = dict(zip(most_reviewed["game_id"], most_reviewed["title"], strict=True))
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        for play in simulated.world(most_reviewed, users=players, seed=MADE_UP_SEED).plays.itertuples():
            writer.writerow([play.user_id, title_of[play.game_id], "play", play.hours, "0"])


def measure(file: Path, games: pd.DataFrame, *, seed: int, most_players: int = MOST_TESTED) -> Result:
    """Return the scores of all models on held-out plays of a file.

    A fifth of the plays of each player with at least five is the test part. Whatever is chosen, is chosen on
    a validation part of the rest. Raises SystemExit where no player can be tested.
    """
    plays = read(file, games)
    data = features.build(games, plays.plays, as_of=CUT)
    parts = evaluation.split(data, seed=seed, most_users=most_players)
    unmatched = int(plays.unmatched["lines"].sum())
    if not parts.users:
        raise SystemExit(NOBODY.format(least=evaluation.LEAST_PLAYS, unmatched=unmatched, lines=plays.lines))
    recipes, candidate = choose(parts.train, seed=seed + 1)
    predictions, rows = measure_models(parts, recipes, candidate, seed=seed)
    of_lists = health.health(predictions).set_index("measure")["value"]
    ease, weights = (_numbers(recipes["blend"], prefix) for prefix in ("ease_", "weight_"))
    return Result(
        lines=plays.lines,
        unmatched_lines=unmatched,
        plays=len(data.plays),
        players=data.plays["user_id"].nunique(),
        played_games=data.plays["game_id"].nunique(),
        tested_players=len(parts.users),
        held_out_plays=len(parts.held_out),
        candidate=candidate,
        ease=ease,
        weights=weights,
        full_lists=float(of_lists["full_lists"]),
        by_players=float(of_lists["by_players"]),
        rows=rows,
    )


def read(file: Path, games: pd.DataFrame) -> PlaysImport:
    """Return the plays of a file, in the layout of Steam-200k or a CSV with a header."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.reader(lines)
        first = next(rows, [])
        is_steam = len(first) > 3 and first[2].strip().lower() in BEHAVIOURS
        text = _text(["user_id", "title", "hours"], _steam_rows(first, rows)) if is_steam else None
    if text is None:
        text = _with_names_of_an_import(file.read_text(encoding="utf-8-sig"))
    return plays_csv.read_plays(text, games)


def _steam_rows(first: list[str], rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield user, title and hours of plays; a purchase is no play."""
    for row in (first, *rows):
        if len(row) > 3 and row[2].strip().lower() == "play":
            yield [row[0], row[1], row[3]]


def _text(header: list[str], rows: Iterator[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows((header, *rows))
    return text.getvalue()


def _with_names_of_an_import(text: str) -> str:
    """Return a CSV whose header has the names of an import; without hours each play has 0."""
    header, _, lines = text.partition("\n")
    separator = max(",;\t", key=header.count)
    names = [name.strip().strip('"').lower() for name in header.split(separator)]
    for name, aliases in ALIASES.items():
        present = next((alias for alias in aliases if alias in names), None)
        if present:
            names[names.index(present)] = name
    if "hours" in names:
        return separator.join(names) + "\n" + lines
    frame = pd.read_csv(io.StringIO(lines), sep=separator, names=names, dtype=str, keep_default_na=False)
    return str(frame.assign(hours="0").to_csv(index=False))


def choose(train: Dataset, *, seed: int) -> tuple[dict[str, dict[str, Any]], str]:
    """Return the recipe of each model and the candidate, as a run chooses them, on a validation part."""
    ease = tuning.ease_parameters(train, seed=seed)
    weights = tuning.weigh(train, seed=seed, ease=ease)
    recipes = {name: model.recipe(name, weights=weights, ease=ease) for name in model.CANDIDATES}
    validation = evaluation.split(train, seed=seed + 1)
    if not validation.users:
        return recipes, tuning.WITHOUT_EVIDENCE
    _, scores = evaluation.table(validation, _fitted(recipes, validation.train))
    return recipes, tuning.candidate(scores, seed=seed)


def _fitted(recipes: Mapping[str, dict[str, Any]], train: Dataset) -> dict[str, Any]:
    recommenders = {name: model.from_recipe(recipe)[-1].recommended for name, recipe in recipes.items()}
    return {name: model.fit(each, train) for name, each in recommenders.items()}


def measure_models(
    parts: Split, recipes: Mapping[str, dict[str, Any]], candidate: str, *, seed: int
) -> tuple[pd.DataFrame, list[Row]]:
    """Return the published lists of the candidate, and the scores of all models and of these lists."""
    train = parts.train
    table, scores = evaluation.table(parts, _fitted(recipes, train))
    published = model.fit(model.from_recipe(recipes[candidate]), train)
    predictions = model.predict(published, train.catalogue)
    of_served = evaluation.rank(parts, served.scorer(predictions))
    coverage = table["coverage"].to_dict() | {
        SERVED: evaluation.score(of_served, train.catalogue)["coverage"]
    }
    every = {name: scores[name] for name in table.index} | {SERVED: of_served}
    return predictions, [_row(name, each, scores, coverage[name], seed) for name, each in every.items()]


def _row(
    name: str, ours: PlayerScores, scores: Mapping[str, PlayerScores], coverage: float, seed: int
) -> Row:
    spans = evaluation.intervals(ours, seed=seed)
    lead = evaluation.compare(ours, scores[model.BASELINE], seed=seed)["ndcg_at_10"]
    over_popularity = Interval(0.0 - lead.estimate, 0.0 - lead.high, 0.0 - lead.low)
    return Row(name, spans["ndcg_at_10"], spans["recall_at_10"], over_popularity, round(coverage, 4))


def _numbers(recipe: Mapping[str, Any], prefix: str) -> dict[str, float]:
    return {key.removeprefix(prefix): value for key, value in recipe.items() if key.startswith(prefix)}


def text_of(result: Result) -> str:
    """Return a result as text."""
    lists = f"games with ten entries in both lists: {result.full_lists:.1%}"
    head = [
        f"{result.lines:,} lines, {result.unmatched_lines:,} of games that are not in the catalogue",
        f"{result.plays:,} plays of {result.players:,} players and {result.played_games:,} games",
        f"{result.held_out_plays:,} plays of {result.tested_players:,} players are held out",
        f"chosen on a validation part: {result.candidate}, EASE {result.ease}, blend {result.weights}",
        f"{lists}; entries by players: {result.by_players:.1%}",
    ]
    titles = f"{'model':12}{'NDCG@10':26}{'recall@10':26}{'NDCG@10 less popularity':28}coverage"
    return "\n".join([*head, "", titles, *map(_line, result.rows)])


def _line(row: Row) -> str:
    spans = f"{_span(row.ndcg):26}{_span(row.recall):26}{_span(row.ndcg_over_popularity):28}"
    return f"{row.model:12}{spans}{row.coverage:.3f}"


def _span(interval: Interval) -> str:
    return f"{interval.estimate:.4f} [{interval.low:.4f}, {interval.high:.4f}]"


if __name__ == "__main__":
    main()
