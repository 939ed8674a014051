"""How a game is found by its title: by the beginnings of its words, then by words with a mistake in them; the popular first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from almanac.workloads.games.contract import MISSPELT_FROM, OPEN_END, SHORT_LETTERS, spellings, words_of
from serve.database import Database

MOST_WORDS = 8
MOST_LIKENESSES = 40
# Words that stand in thousands of titles say nothing beside others.
COMMON = frozenset({"a", "an", "and", "of", "the"})
# Sorts after every word that begins so.
LAST = "\U0010ffff"
COLUMNS = "game_id, title, year, main_genre, rank, rating, adult"
MISSPELT = b"SELECT spelling, word FROM api.games_spellings WHERE run_id = %(run)s AND spelling = ANY (%(spellings)s)"
FOUND = f"""
WITH asked AS (
    SELECT * FROM unnest(%(parts)s::int[], %(lows)s::text[], %(highs)s::text[], %(costs)s::int[]) AS asked(part, low, high, cost)
), hits AS (
    SELECT word.game_id, asked.part, min(asked.cost) AS cost, min(word.rank) AS rank, min(word.place) AS place, min(word.of) AS of,
        bool_or(asked.cost = 0 AND word.word = asked.low) AS is_exact
    FROM asked JOIN api.games_words AS word ON word.run_id = %(run)s AND word.word >= asked.low AND word.word <= asked.high
    GROUP BY word.game_id, asked.part
), best AS (
    SELECT game_id, count(*) AS parts, sum(cost) AS cost, min(rank) AS popular, bool_or(part = 0 AND place = 0) AS is_first,
        bool_and(is_exact) AND count(*) = %(all)s AND min(of) = %(all)s AS is_whole
    FROM hits GROUP BY game_id HAVING count(*) >= %(least)s
    ORDER BY parts DESC, is_whole DESC, cost, is_first DESC, popular, game_id LIMIT %(limit)s
)
SELECT (SELECT row_to_json(shown)::text FROM (SELECT {COLUMNS}) AS shown), game_id
FROM best JOIN api.games_predictions AS game USING (game_id) WHERE game.run_id = %(run)s
ORDER BY parts DESC, is_whole DESC, cost, is_first DESC, popular, game_id""".encode()


@dataclass(frozen=True, slots=True)
class Range:
    """Words from `low` to `high` that stand for one part of the query; `cost` is 1 where a mistake is supposed."""

    part: int
    low: str
    high: str
    cost: int = 0


def parts_of(query: str) -> list[str]:
    """Return the words that a query is searched by; none where it has no letter and no digit."""
    words = words_of(query)[:MOST_WORDS]
    return [word for word in words if word not in COMMON] or words


async def search(database: Database, run_id: str, parts: Sequence[str], limit: int, *, whole: bool = False) -> list[tuple[str, str]]:
    """Return the JSON and the id of the games whose titles fit the words best: whole titles, beginnings, then words with a mistake.

    Where no title has all words, those with the most of them are found, unless the `whole` query has to fit.
    """
    plain = [_beginning(number, word, alone=len(parts) == 1) for number, word in enumerate(parts)]
    found = await _found(database, run_id, plain, least=len(parts), limit=limit)
    if len(found) >= limit:
        return found
    ranges = [*plain, *await _misspelt(database, run_id, parts)]
    if len(ranges) > len(plain):
        found = await _found(database, run_id, ranges, least=len(parts), limit=limit)
    return found if found or whole else await _found(database, run_id, ranges, least=1, limit=limit)


def _beginning(number: int, word: str, *, alone: bool) -> Range:
    if len(word) > SHORT_LETTERS:
        return Range(number, word, word + LAST)
    known = word + OPEN_END if alone else word
    return Range(number, known, known)


async def _found(database: Database, run_id: str, ranges: Sequence[Range], *, least: int, limit: int) -> list[tuple[str, str]]:
    wanted: Mapping[str, Any] = {
        "run": run_id,
        "parts": [each.part for each in ranges],
        "lows": [each.low for each in ranges],
        "highs": [each.high for each in ranges],
        "costs": [each.cost for each in ranges],
        "all": len({each.part for each in ranges}),
        "least": least,
        "limit": limit,
    }
    return [(row, game) for row, game in await database.rows(FOUND, wanted)]


async def _misspelt(database: Database, run_id: str, parts: Sequence[str]) -> list[Range]:
    """Return the known words that differ from a part by a letter left out, added, changed or swapped."""
    forms = {number: spellings(word) for number, word in enumerate(parts) if len(word) >= MISSPELT_FROM}
    if not forms:
        return []
    wanted = sorted(set().union(*forms.values()))
    rows = await database.rows(MISSPELT, {"run": run_id, "spellings": wanted})
    likely = {(number, word) for number, known in forms.items() for spelling, word in rows if spelling in known and word != parts[number]}
    ordered = sorted(likely, key=lambda pair: (abs(len(pair[1]) - len(parts[pair[0]])), pair))
    return [Range(number, word, word, 1) for number, word in ordered[:MOST_LIKENESSES]]
