"""Several liked games made one list: the bodies that ask for it, and the SQL that combines published neighbours."""

from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from almanac.contract import Column
from almanac.fields import StrictModel, Text
from almanac.workloads.games.contract import LISTED
from almanac.workloads.games.shared.spelling import title_key
from serve.answers.cache import Payload
from serve.http.problems import refused
from serve.reading.database import Database
from serve.routes.games import search

MOST_LIKED, MOST_EXCLUDED, MOST_ROWS, MOST_CHARACTERS = 100, 1000, 100, 500
# Titles that no game has exactly are searched for, the first of them only: each costs a search.
MOST_SEARCHED = 10
DOC = "Ids or titles of liked games; games to leave out; platforms, first and last year that fit; most rows."
COLUMNS = (
    Column(name="game_id", type="text"),
    Column(name="title", type="text"),
    Column(name="year", type="integer", nullable=True),
    Column(name="platforms", type="json"),
    Column(name="score", type="real", doc="Mean nearness to the liked games."),
    Column(name="because", type="json", doc="The liked games it is near to, nearest first."),
)
Name = Annotated[Text, Field(min_length=1, max_length=MOST_CHARACTERS)]
Platform = Literal["windows", "mac", "linux", "playstation", "xbox", "nintendo"]
Year = Annotated[int, Field(ge=1950, le=2100)]
# A name may be an id or a whole title; of several games with a title the most popular is meant. All in one question: two take longer.
COMBINED = """
WITH asked AS (SELECT * FROM unnest(%(names)s::text[], %(keys)s::text[]) WITH ORDINALITY AS asked(name, key, place)), meant AS (
    SELECT asked.place, 0 AS preference, 0 AS rank, game.game_id
    FROM asked JOIN api.games_predictions AS game ON game.run_id = %(run)s AND game.game_id = asked.name
    UNION ALL
    SELECT asked.place, 1, game.rank, game.game_id
    FROM asked JOIN api.games_predictions AS game ON game.run_id = %(run)s AND game.title_key = asked.key
), resolved AS (
    SELECT DISTINCT ON (place) place, game_id FROM meant ORDER BY place, preference, rank
), liked AS (
    SELECT first.place, game.game_id, game.title, game.pool FROM (SELECT min(place) AS place, game_id FROM resolved GROUP BY game_id) AS first
    JOIN api.games_predictions AS game ON game.run_id = %(run)s AND game.game_id = first.game_id
), near AS (
    SELECT pair ->> 0 AS game_id, (pair ->> 1)::float8 AS score, listed.place, liked.title
    FROM liked CROSS JOIN json_array_elements(liked.pool) WITH ORDINALITY AS listed(pair, place)
    WHERE NOT pair ->> 0 = ANY (%(exclude)s) AND NOT pair ->> 0 IN (SELECT game_id FROM liked)
), summed AS (
    SELECT near.game_id, sum(near.score) AS score, min(near.place) AS place, json_agg(near.title ORDER BY near.score DESC, near.title) AS because
    FROM near{fitting} GROUP BY near.game_id ORDER BY score DESC, place, game_id LIMIT %(limit)s
)
SELECT (SELECT coalesce(array_agg(place), '{{}}') FROM resolved),
    (SELECT coalesce(json_agg(json_build_object('game_id', game_id, 'title', title) ORDER BY place), '[]')::text FROM liked),
    (SELECT coalesce(json_agg(row_to_json(shown)), '[]')::text FROM (
        SELECT game.game_id, game.title, game.year, game.platforms,
            round((summed.score / (SELECT count(*) FROM liked))::numeric, 4)::float8 AS score, summed.because
        FROM summed JOIN api.games_predictions AS game ON game.run_id = %(run)s AND game.game_id = summed.game_id
        ORDER BY summed.score DESC, summed.place, summed.game_id
    ) AS shown)"""
FITTING = """
    JOIN api.games_predictions AS fit ON fit.run_id = %(run)s AND fit.game_id = near.game_id
        AND (%(platforms)s::text[] = '{}' OR fit.platforms::jsonb ?| %(platforms)s::text[])
        AND (%(from_year)s::int IS NULL OR fit.year >= %(from_year)s) AND (%(to_year)s::int IS NULL OR fit.year <= %(to_year)s)"""
EVERY, FILTERED = COMBINED.format(fitting="").encode(), COMBINED.format(fitting=FITTING).encode()


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
    limit: int = Field(default=LISTED, ge=1, le=MOST_ROWS, description="Most rows.")

    @property
    def is_filtered(self) -> bool:
        """Whether not every game fits."""
        return bool(self.platforms) or self.from_year is not None or self.to_year is not None

    def refuse_contradiction(self) -> None:
        """Raise Problem 422 where no year can fit."""
        if self.from_year is not None and self.to_year is not None and self.from_year > self.to_year:
            raise refused({"in": "body", "name": "from_year", "reason": "must not be later than to_year"})


class Searched(StrictModel):
    """The words of a title."""

    query: Name
    limit: int = Field(default=LISTED, ge=1, le=LISTED, description="Most rows.")


async def combined(database: Database, run_id: str, wanted: Liked) -> Payload:
    """Return the members of the answer: which games were understood, which names were not, and the combined list."""
    names = list(wanted.liked)
    known, shown, rows = await _combined(database, run_id, wanted, names)
    if found := await _searched(database, run_id, names, known):
        known, shown, rows = await _combined(
            database, run_id, wanted, [found.get(place, name) for place, name in enumerate(names, start=1)]
        )
    unmatched = ",".join(str(place - 1) for place in range(1, len(names) + 1) if place not in known)
    return Payload(f'"liked":{shown},"unmatched":[{unmatched}],"rows":{rows}'.encode())


async def _combined(
    database: Database, run_id: str, wanted: Liked, names: list[str]
) -> tuple[set[int], str, str]:
    """Return the places (from 1) of the names that are an id or a whole title, and the JSON of these games and of the list."""
    values = wanted.model_dump(include={"exclude", "platforms", "from_year", "to_year", "limit"})
    values |= {"run": run_id, "names": names, "keys": [title_key(name) or name for name in names]}
    [(known, shown, rows)] = await database.rows(FILTERED if wanted.is_filtered else EVERY, values)
    return set(known), shown, rows


async def _searched(database: Database, run_id: str, names: list[str], known: set[int]) -> dict[int, str]:
    """Return the ids that a search finds for the first names that are neither an id nor a whole title, by their place."""
    found = {}
    for place in [place for place in range(1, len(names) + 1) if place not in known][:MOST_SEARCHED]:
        parts = search.parts_of(names[place - 1])
        rows = await search.search(database, run_id, parts, 1, whole=True) if parts else []
        if rows:
            found[place] = rows[0][1]
    return found


@cache
def list_of(column: str) -> bytes:
    """Return the query for a game and the first entries of one of its lists, which `column` names; asks for limit, run and game."""
    return f"""
        SELECT json_build_object('game_id', game_id, 'title', title)::text,
            (SELECT coalesce(json_agg(entry ORDER BY place), '[]')::text
             FROM json_array_elements({column}) WITH ORDINALITY AS listed(entry, place) WHERE place <= %s)
        FROM api.games_predictions WHERE run_id = %s AND game_id = %s""".encode()
