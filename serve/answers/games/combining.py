"""Several liked games made one list: the published neighbours of all of them, combined."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from almanac.fields import StrictModel, Text
from almanac.workloads.games.contract import LISTED
from almanac.workloads.games.shared.spelling import title_key
from serve.answers.games import titles
from serve.answers.release import Release

MOST_LIKED, MOST_EXCLUDED, MOST_ROWS, MOST_CHARACTERS = 100, 1000, 100, 500
# Each title that no game has exactly costs a search, so only the first ones are searched for.
MOST_SEARCHED = 10
MOST_GAMES = 10_000_000
Name = Annotated[Text, Field(min_length=1, max_length=MOST_CHARACTERS)]
Platform = Literal["windows", "mac", "linux", "playstation", "xbox", "nintendo"]
Year = Annotated[int, Field(ge=1950, le=2100)]
Rank = Annotated[int, Field(ge=1, le=MOST_GAMES)]
# A name may be an id or a whole title; of several games with one title the most popular is meant. One query
# is faster than two.
COMBINED = """
WITH names AS (
    SELECT * FROM unnest(%(names)s::text[], %(keys)s::text[]) WITH ORDINALITY AS names(name, key, place)
), meant AS (
    SELECT names.place, 0 AS preference, 0 AS rank, game.game_id
    FROM names JOIN api.games_predictions AS game ON game.run_id = %(run)s AND game.game_id = names.name
    UNION ALL
    SELECT names.place, CASE WHEN game.title = names.name THEN 1 ELSE 2 END, game.rank, game.game_id
    FROM names JOIN api.games_predictions AS game ON game.run_id = %(run)s AND game.title_key = names.key
), resolved AS (
    SELECT DISTINCT ON (place) place, game_id FROM meant ORDER BY place, preference, rank
), liked AS (
    SELECT first.place, game.game_id, game.title, game.pool, game.main_genre, game.adult,
        game.recommended IS NOT NULL AND game.recommended -> 0 -> 'by' IS NULL AS is_silent
    FROM (SELECT min(place) AS place, game_id FROM resolved GROUP BY game_id) AS first
    JOIN api.games_predictions AS game ON game.run_id = %(run)s AND game.game_id = first.game_id
), near AS (
    SELECT pair ->> 0 AS game_id, (pair ->> 1)::float8 AS score, listed.place, liked.title,
        pair ->> 2 IN ('players', 'unlisted') AS by_players, is_silent
    FROM liked CROSS JOIN json_array_elements(liked.pool) WITH ORDINALITY AS listed(pair, place)
    WHERE NOT pair ->> 0 = ANY (%(exclude)s) AND NOT pair ->> 0 IN (SELECT game_id FROM liked)
        AND (coalesce(pair ->> 2, 'players') = 'players' OR (SELECT count(*) FROM liked) > 1)
), summed AS (
    SELECT near.game_id, sum(near.score) AS score, min(near.place) AS place,
        json_agg(near.title ORDER BY near.score DESC, near.title) FILTER (WHERE near.score >= 0) AS because,
        CASE WHEN bool_or(by_players) THEN 'players' WHEN NOT bool_or(is_silent) THEN 'content' END AS by
    FROM near{fitting} GROUP BY near.game_id HAVING sum(near.score) > 0 OR min(near.score) >= 0
    ORDER BY score DESC, place, game_id LIMIT %(limit)s
), filled AS (
    SELECT * FROM summed UNION ALL
    (SELECT near.game_id, 0, {behind} + near.rank, '[]', 'content'
    FROM api.games_predictions AS near{fitting}
    WHERE near.run_id = %(run)s AND near.game_id <> ALL (%(exclude)s)
        AND near.game_id NOT IN (SELECT game_id FROM liked UNION ALL SELECT game_id FROM summed)
        AND near.adult <= (SELECT bool_or(adult) FROM liked)
        AND (SELECT count(*) FROM summed) < least(%(limit)s, {listed})
    ORDER BY near.main_genre IN (SELECT main_genre FROM liked) DESC, near.rank
    LIMIT greatest(least(%(limit)s, {listed}) - (SELECT count(*) FROM summed), 0))
)
SELECT (SELECT coalesce(array_agg(place), '{{}}') FROM resolved),
    (SELECT coalesce(
        json_agg(json_build_object('game_id', game_id, 'title', title) ORDER BY place), '[]')::text
     FROM liked),
    (SELECT coalesce(json_agg(row_to_json(shown)), '[]')::text FROM (
        SELECT game.game_id, game.title, game.year, game.platforms,
            round((filled.score / (SELECT count(*) FROM liked))::numeric, 4)::float8 AS score, filled.because,
            filled.by
        FROM filled JOIN api.games_predictions AS game
            ON game.run_id = %(run)s AND game.game_id = filled.game_id
        ORDER BY filled.score DESC, filled.place, filled.game_id
    ) AS shown)"""
FITTING = """
    JOIN api.games_predictions AS fit ON fit.run_id = %(run)s AND fit.game_id = near.game_id
        AND (%(platforms)s::text[] = '{}' OR fit.platforms::jsonb ?| %(platforms)s::text[])
        AND (%(from_year)s::int IS NULL OR fit.year >= %(from_year)s)
        AND (%(to_year)s::int IS NULL OR fit.year <= %(to_year)s)
        AND (%(from_rank)s::int IS NULL OR fit.rank >= %(from_rank)s)
        AND (%(to_rank)s::int IS NULL OR fit.rank <= %(to_rank)s)"""
# Sorts after every place in a pool.
BEHIND = 1_000_000
EVERY, FILTERED = (
    COMBINED.format(fitting=fitting, behind=BEHIND, listed=LISTED).encode() for fitting in ("", FITTING)
)


class Liked(StrictModel):
    """What somebody likes, and what fits them."""

    liked: list[Name] = Field(
        min_length=1, max_length=MOST_LIKED, description="Ids (steam:292030) or titles."
    )
    exclude: list[Name] = Field(
        default=[], max_length=MOST_EXCLUDED, description="Ids of games to leave out."
    )
    platforms: list[Platform] = Field(
        default=[], max_length=6, description="At least one of them; empty for any."
    )
    from_year: Year | None = Field(default=None, description="First year.")
    to_year: Year | None = Field(default=None, description="Last year.")
    from_rank: Rank | None = Field(
        default=None, description="First place by popularity; a high one leaves out what everybody knows."
    )
    to_rank: Rank | None = Field(default=None, description="Last place by popularity.")
    limit: int = Field(default=LISTED, ge=1, le=MOST_ROWS, description="Most rows.")

    @property
    def is_filtered(self) -> bool:
        """Whether not every game fits."""
        limits = (self.from_year, self.to_year, self.from_rank, self.to_rank)
        return bool(self.platforms) or any(limit is not None for limit in limits)

    @property
    def contradiction(self) -> tuple[str, str] | None:
        """The two limits between which nothing can lie, or None."""
        for first, last in (("from_year", "to_year"), ("from_rank", "to_rank")):
            low, high = getattr(self, first), getattr(self, last)
            if low is not None and high is not None and low > high:
                return first, last
        return None


class Combination(NamedTuple):
    """The places (from 1) of names that mean a game, and the JSON of these games and of the combined list.

    `unmatched` has the places of the other names, from 0.
    """

    places: list[int]
    games: str
    rows: str
    unmatched: Sequence[int] = ()


async def combine(release: Release, liked: Liked) -> Combination:
    """Return the list for liked games; names that are neither an id nor a whole title are searched for."""
    names = list(liked.liked)
    combination = await _combine(release, liked, names)
    if ids := await _search(release, names, combination.places):
        names = [ids.get(place, name) for place, name in enumerate(names, start=1)]
        combination = await _combine(release, liked, names)
    unmatched = [place - 1 for place in _missing(names, combination.places)]
    return combination._replace(unmatched=unmatched)


async def _combine(release: Release, liked: Liked, names: list[str]) -> Combination:
    values: dict[str, Any] = liked.model_dump(exclude={"liked"})
    values |= {"run": release.run_id, "names": names, "keys": [title_key(name) or name for name in names]}
    rows = await release.rows(FILTERED if liked.is_filtered else EVERY, values)
    return Combination(*rows[0]) if rows else Combination([], "[]", "[]")


async def _search(release: Release, names: list[str], places: list[int]) -> dict[int, str]:
    """Return ids by place for the first names that are neither an id nor a whole title, found by search."""
    ids = {}
    for place in _missing(names, places)[:MOST_SEARCHED]:
        title = names[place - 1]
        if not titles.is_searchable(title):
            continue
        games = await titles.search(release, title, 1, whole=True)
        if games and games[0].is_meant:
            ids[place] = games[0].game_id
    return ids


def _missing(names: list[str], places: list[int]) -> list[int]:
    """Return the places of the names that mean no game."""
    return [place for place in range(1, len(names) + 1) if place not in places]
