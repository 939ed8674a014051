"""How a game is found by its title: by the beginnings of its words, then by words with a mistake in them; the popular first."""

from collections.abc import Sequence
from typing import Any

from almanac.workloads.games.shared.spelling import (
    MISSPELT_FROM,
    OPEN_END,
    SHORT_LETTERS,
    spellings,
    words_of,
)
from serve.reading.database import Database

MOST_WORDS = 8
MOST_LIKENESSES = 40
# Words that stand in thousands of titles say nothing beside others.
COMMON = frozenset({"a", "an", "and", "of", "the"})
# Sorts after every word that begins so.
LAST = "\U0010ffff"
COLUMNS = "game_id, title, year, main_genre, rank, rating, adult"
# Words with a mistake cost 1 and so stand behind all others: whoever finds enough without them gets the same answer, and one question is enough.
FOUND = f"""
WITH forms AS (SELECT * FROM unnest(%(forms)s::text[], %(owners)s::int[]) AS forms(spelling, part)), likely AS (
    SELECT DISTINCT forms.part, known.word, abs(length(known.word) - length((%(words)s::text[])[forms.part + 1])) AS apart
    FROM forms JOIN api.games_spellings AS known ON known.run_id = %(run)s AND known.spelling = forms.spelling
    WHERE known.word <> (%(words)s::text[])[forms.part + 1] ORDER BY apart, part, word LIMIT {MOST_LIKENESSES}
), asked AS (
    SELECT part, low, high, 0 AS cost FROM unnest(%(parts)s::int[], %(lows)s::text[], %(highs)s::text[]) AS plain(part, low, high)
    UNION ALL SELECT part, word, word, 1 FROM likely
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


def parts_of(query: str) -> list[str]:
    """Return the words that a query is searched by; none where it has no letter and no digit."""
    words = words_of(query)[:MOST_WORDS]
    return [word for word in words if word not in COMMON] or words


async def search(
    database: Database, run_id: str, parts: Sequence[str], limit: int, *, whole: bool = False
) -> list[tuple[str, str]]:
    """Return the JSON and the id of the games whose titles fit the words best: whole titles, beginnings, then words with a mistake.

    Where no title has all words, those with the most of them are found, unless the `whole` query has to fit.
    """
    ranges = [_beginning(word, alone=len(parts) == 1) for word in parts]
    forms = [
        (form, number)
        for number, word in enumerate(parts)
        if len(word) >= MISSPELT_FROM
        for form in sorted(spellings(word))
    ]
    wanted: dict[str, Any] = {
        "run": run_id,
        "words": list(parts),
        "parts": list(range(len(parts))),
        "lows": [low for low, _ in ranges],
        "highs": [high for _, high in ranges],
        "forms": [form for form, _ in forms],
        "owners": [number for _, number in forms],
        "all": len(parts),
        "limit": limit,
    }
    found = await database.rows(FOUND, wanted | {"least": len(parts)})
    if not found and not whole and len(parts) > 1:
        found = await database.rows(FOUND, wanted | {"least": 1})
    return [(row, game) for row, game in found]


def _beginning(word: str, *, alone: bool) -> tuple[str, str]:
    """Return the first and the last word that begin so."""
    if len(word) > SHORT_LETTERS:
        return word, word + LAST
    known = word + OPEN_END if alone else word
    return known, known
