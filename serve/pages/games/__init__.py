"""The pages of games: find some by title, say which ones one likes, and read what fits and why."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from almanac import fields
from almanac.workloads.games.contract import CONTRACT, LISTED
from serve.answers.games import lists, titles
from serve.answers.games.combining import Combination, Liked, Platform, combine
from serve.answers.release import Release, ReleaseOf
from serve.http.query_models import TEXT, EditionQuery, Parsed, whole
from serve.pages.games.choice import Choice, rank_limits
from serve.pages.rendering import Page
from serve.pages.route import PageRoute
from serve.pages.workload import released

router = APIRouter(prefix="/games", route_class=PageRoute)
GamesRelease = Annotated[Release, Depends(ReleaseOf(CONTRACT))]
PLATFORMS: tuple[str, ...] = get_args(Platform)
RARITIES = ("any", "best known", "well known", "less known", "rare")
CARDS = 24
MOST_GAMES = 100
NEWEST_YEAR = 2100
IDS = Parsed(fields.listed(fields.text), {"type": "array", "items": {"type": "string"}})
WORDS = Parsed(fields.listed(fields.one_of(*PLATFORMS)), {"type": "array", "items": {"type": "string"}})
POPULAR = b"""
SELECT row_to_json(_row)::text FROM (
    SELECT game_id, title, year, platforms, main_genre, rating FROM api.games_predictions
    WHERE run_id = %s AND NOT adult ORDER BY rank LIMIT %s
) AS _row"""
COUNT = b"SELECT count(*) FROM api.games_predictions WHERE run_id = %s"
EMPTY = Combination([], "[]", "[]")


class GamesQuery(EditionQuery):
    """What somebody looks for and likes."""

    q: Annotated[str | None, TEXT, Field(description="Words of a title.")] = None
    liked: Annotated[tuple[str, ...], IDS, Field(description="Ids of liked games.")] = ()
    exclude: Annotated[tuple[str, ...], IDS, Field(description="Ids of games to leave out.")] = ()
    platforms: Annotated[tuple[str, ...], WORDS, Field(description="At least one of them.")] = ()
    from_year: Annotated[int | None, whole(1950, NEWEST_YEAR), Field(description="First year.")] = None
    to_year: Annotated[int | None, whole(1950, NEWEST_YEAR), Field(description="Last year.")] = None
    rarity: Annotated[int, whole(0, 4), Field(description="0 any, 1 best known … 4 rare.")] = 0


class GameQuery(EditionQuery):
    """One game."""

    game: Annotated[str, TEXT, Field(description="Id of the game.")]


@router.get("")
async def show_games(
    request: Request, query: Annotated[GamesQuery, Depends(GamesQuery.read)], release: GamesRelease
) -> Page:
    """Show what fits the liked games; without one the games that everybody knows."""
    combination = await _combined(release, query)
    liked = json.loads(combination.games)
    hits = await titles.search(release, query.q, LISTED) if query.q and titles.is_searchable(query.q) else []
    values = {
        "choice": Choice(dict(request.query_params), [each["game_id"] for each in liked], query.exclude),
        "query": query,
        "liked": liked,
        "rows": json.loads(combination.rows),
        "hits": [json.loads(hit.row) for hit in hits],
        "popular": [] if liked else await _popular(release),
        "platforms": PLATFORMS,
        "rarities": RARITIES,
        "contradiction": _is_contradictory(query),
    }
    page = Page("games/find.html", "Find a game", values, json_address="predictions", scripts=("games.js",))
    return await released(release, page)


@router.get("/{game}")
async def show_game(query: Annotated[GameQuery, Depends(GameQuery.read)], release: GamesRelease) -> Page:
    """Show one game with what is like it, and with what its players took to."""
    game = json.loads(await lists.game(release, query.game))
    _, similar = await lists.similar(release, query.game, LISTED)
    _, recommended = await lists.recommended(release, query.game, LISTED)
    values = {"game": game, "similar": json.loads(similar), "recommended": json.loads(recommended)}
    values["is_by_players"] = similar != recommended
    page = Page("games/game.html", game["title"], values, json_address=f"catalogue/{query.game}")
    return await released(release, page)


async def _combined(release: Release, query: GamesQuery) -> Combination:
    if not query.liked or release.edition is None:
        return EMPTY
    # No year fits a contradiction, but the liked games are named all the same.
    years = (None, None) if _is_contradictory(query) else (query.from_year, query.to_year)
    ranks: Mapping[str, int | None] = {}
    if query.rarity:
        [(count,)] = await release.rows(COUNT, (release.run_id,))
        ranks = rank_limits(query.rarity, count)
    wishes: dict[str, Any] = {
        "liked": list(query.liked),
        "exclude": list(query.exclude),
        "platforms": list(query.platforms),
        "from_year": years[0],
        "to_year": years[1],
        "limit": CARDS,
    }
    combination = await combine(release, Liked.model_validate({**wishes, **ranks}))
    return combination._replace(rows="[]") if _is_contradictory(query) else combination


def _is_contradictory(query: GamesQuery) -> bool:
    return query.from_year is not None and query.to_year is not None and query.from_year > query.to_year


async def _popular(release: Release) -> list[dict[str, Any]]:
    return [json.loads(row) for (row,) in await release.rows(POPULAR, (release.run_id, CARDS))]
