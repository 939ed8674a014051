"""Several liked games made one list: the bodies that ask for it, and the SQL that combines published neighbours."""

from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from almanac.contract import Column
from almanac.workloads.games.contract import LISTED, title_key
from serve import titles
from serve.cache import Body
from serve.database import Database
from serve.members import Members, Text
from serve.problems import refused

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
RESOLVED = b"""
WITH asked AS (SELECT * FROM unnest(%(names)s::text[], %(keys)s::text[]) WITH ORDINALITY AS asked(name, key, place)), meant AS (
    SELECT asked.place, 0 AS preference, 0 AS rank, game.game_id, game.title
    FROM asked JOIN api.games_predictions AS game ON game.run_id = %(run)s AND game.game_id = asked.name
    UNION ALL
    SELECT asked.place, 1, game.rank, game.game_id, game.title
    FROM asked JOIN api.games_predictions AS game ON game.run_id = %(run)s AND game.title_key = asked.key
)
SELECT DISTINCT ON (place) place, game_id, json_build_object('game_id', game_id, 'title', title)::text
FROM meant ORDER BY place, preference, rank"""
COMBINED = b"""
WITH near AS (
    SELECT pair ->> 0 AS game_id, (pair ->> 1)::float8 AS score, liked.title
    FROM api.games_predictions AS liked CROSS JOIN json_array_elements(liked.pool) AS pair
    WHERE liked.run_id = %(run)s AND liked.game_id = ANY (%(liked)s)
), summed AS (
    SELECT game_id, sum(score) AS score, json_agg(title ORDER BY near.score DESC, title) AS because
    FROM near WHERE NOT game_id = ANY (%(without)s) GROUP BY game_id
)
SELECT coalesce(json_agg(row_to_json(shown)), '[]')::text FROM (
    SELECT game.game_id, game.title, game.year, game.platforms, round((summed.score / %(count)s)::numeric, 4)::float8 AS score, summed.because
    FROM summed JOIN api.games_predictions AS game ON game.run_id = %(run)s AND game.game_id = summed.game_id
    WHERE (%(platforms)s::text[] = '{}' OR game.platforms::jsonb ?| %(platforms)s::text[])
        AND (%(from_year)s::int IS NULL OR game.year >= %(from_year)s) AND (%(to_year)s::int IS NULL OR game.year <= %(to_year)s)
    ORDER BY summed.score DESC, game.rank LIMIT %(limit)s
) AS shown"""


class Liked(Members):
    """What somebody likes, and what fits them."""

    liked: list[Name] = Field(min_length=1, max_length=MOST_LIKED, description="Ids (steam:292030) or titles.")
    exclude: list[Name] = Field(default=[], max_length=MOST_EXCLUDED, description="Ids of games to leave out.")
    platforms: list[Platform] = Field(default=[], max_length=6, description="At least one of them; empty for any.")
    from_year: Year | None = Field(default=None, description="First year.")
    to_year: Year | None = Field(default=None, description="Last year.")
    limit: int = Field(default=LISTED, ge=1, le=MOST_ROWS, description="Most rows.")

    def refuse_contradiction(self) -> None:
        """Raise Problem 422 where no year can fit."""
        if self.from_year is not None and self.to_year is not None and self.from_year > self.to_year:
            raise refused({"in": "body", "name": "from_year", "reason": "must not be later than to_year"})


class Searched(Members):
    """The words of a title."""

    query: Name
    limit: int = Field(default=LISTED, ge=1, le=LISTED, description="Most rows.")


async def combined(database: Database, run_id: str, wanted: Liked) -> Body:
    """Return the members of the answer: which games were understood, which names were not, and the combined list."""
    known = await _resolved(database, run_id, wanted.liked)
    unmatched = [place for place in range(len(wanted.liked)) if place not in known]
    ids = sorted({game for game, _ in known.values()})
    values = wanted.model_dump(include={"platforms", "from_year", "to_year", "limit"})
    values |= {"run": run_id, "liked": ids, "without": [*ids, *wanted.exclude], "count": max(len(ids), 1)}
    [(rows,)] = await database.rows(COMBINED, values)
    shown = ",".join(dict.fromkeys(known[place][1] for place in sorted(known)))
    return Body(f'"liked":[{shown}],"unmatched":[{",".join(map(str, unmatched))}],"rows":{rows}'.encode())


async def _resolved(database: Database, run_id: str, names: list[str]) -> dict[int, tuple[str, str]]:
    """Return id and JSON of the game that each name means, by its place: by id, by the whole title, or as a search finds it."""
    keys = [title_key(name) or name for name in names]
    rows = await database.rows(RESOLVED, {"run": run_id, "names": names, "keys": keys})
    known = {int(place) - 1: (game, shown) for place, game, shown in rows}
    for place in [place for place in range(len(names)) if place not in known][:MOST_SEARCHED]:
        parts = titles.parts_of(names[place])
        found = await titles.search(database, run_id, parts, 1, whole=True) if parts else []
        if found:
            again = await database.rows(RESOLVED, {"run": run_id, "names": [found[0][1]], "keys": [""]})
            known[place] = (again[0][1], again[0][2])
    return known


@cache
def list_of(column: str) -> bytes:
    """Return the query for a game and the first entries of one of its lists, which `column` names; asks for limit, run and game."""
    return f"""
        SELECT json_build_object('game_id', game_id, 'title', title)::text,
            (SELECT coalesce(json_agg(entry ORDER BY place), '[]')::text
             FROM json_array_elements({column}) WITH ORDINALITY AS listed(entry, place) WHERE place <= %s)
        FROM api.games_predictions WHERE run_id = %s AND game_id = %s""".encode()
