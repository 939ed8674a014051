"""Games found by their title: by the beginnings of its words, then by misspelt words; the popular first."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from almanac.workloads.games.shared.spelling import (
    MISSPELT_FROM,
    OPEN_END,
    SHORT_LETTERS,
    spellings,
    words_of,
)
from serve.answers.release import Release

MOST_WORDS = 8
MOST_LIKENESSES = 40
# Words that stand in thousands of titles say nothing beside others.
COMMON = frozenset({"a", "an", "and", "of", "the"})
# Sorts after every word with the same beginning.
LAST = "\U0010ffff"
COLUMNS = ("game_id", "title", "year", "main_genre", "rank", "rating", "adult")
# A misspelt word costs 1, so its games stand behind all others: one query finds both kinds.
SEARCH = f"""
WITH forms AS (
    SELECT * FROM unnest(%(forms)s::text[], %(owners)s::int[]) AS forms(spelling, part)
), likely AS (
    SELECT DISTINCT forms.part, spelt.word,
        abs(length(spelt.word) - length((%(words)s::text[])[forms.part + 1])) AS apart
    FROM forms JOIN api.games_spellings AS spelt ON spelt.run_id = %(run)s AND spelt.spelling = forms.spelling
    WHERE spelt.word <> (%(words)s::text[])[forms.part + 1] ORDER BY apart, part, word LIMIT {MOST_LIKENESSES}
), terms AS (
    SELECT part, low, high, 0 AS cost
    FROM unnest(%(parts)s::int[], %(lows)s::text[], %(highs)s::text[]) AS plain(part, low, high)
    UNION ALL SELECT part, word, word, 1 FROM likely
), hits AS (
    SELECT word.game_id, terms.part, min(terms.cost) AS cost, min(word.rank) AS rank,
        min(word.place) AS place, min(word.of) AS of,
        bool_or(terms.cost = 0 AND word.word = terms.low) AS is_exact
    FROM terms JOIN api.games_words AS word
        ON word.run_id = %(run)s AND word.word >= terms.low AND word.word <= terms.high
    GROUP BY word.game_id, terms.part
), best AS (
    SELECT game_id, count(*) AS parts, sum(cost) AS cost, min(rank) AS popular,
        bool_or(part = 0 AND place = 0) AS is_first,
        bool_and(is_exact) AND count(*) = %(all)s AND min(of) = %(all)s AS is_whole
    FROM hits GROUP BY game_id HAVING count(*) >= %(least)s
    ORDER BY parts DESC, is_whole DESC, cost, is_first DESC, popular, game_id LIMIT %(limit)s
)
SELECT (SELECT row_to_json(shown)::text FROM (SELECT {", ".join(COLUMNS)}) AS shown), game_id
FROM best JOIN api.games_predictions AS game USING (game_id) WHERE game.run_id = %(run)s
ORDER BY parts DESC, is_whole DESC, cost, is_first DESC, popular, game_id""".encode()


class Game(NamedTuple):
    """A game that a search returns: its JSON and its id."""

    row: str
    game_id: str


def words_to_search(title: str) -> list[str]:
    """Return the words that a title is searched by; none where it has no letter and no digit."""
    words = words_of(title)[:MOST_WORDS]
    return [word for word in words if word not in COMMON] or words


async def search(release: Release, title: str, limit: int, *, whole: bool = False) -> list[Game]:
    """Return the games whose titles fit best: whole titles, beginnings, then misspelt words.

    Where no title has all words, those with the most of them are returned, unless the `whole` title has to
    fit.
    """
    words = words_to_search(title)
    values = _values(words) | {"run": release.run_id, "limit": limit}
    rows = await release.rows(SEARCH, values | {"least": len(words)})
    if not rows and not whole and len(words) > 1:
        rows = await release.rows(SEARCH, values | {"least": 1})
    return [Game(*row) for row in rows]


def _values(words: Sequence[str]) -> dict[str, Any]:
    ranges = [_range(word, alone=len(words) == 1) for word in words]
    forms = _forms(words)
    return {
        "words": list(words),
        "parts": list(range(len(words))),
        "lows": [low for low, _ in ranges],
        "highs": [high for _, high in ranges],
        "forms": [form for form, _ in forms],
        "owners": [part for _, part in forms],
        "all": len(words),
    }


def _forms(words: Sequence[str]) -> list[tuple[str, int]]:
    """Return the spellings one letter away from each word, with the place of the word."""
    long = [(part, word) for part, word in enumerate(words) if len(word) >= MISSPELT_FROM]
    return [(form, part) for part, word in long for form in sorted(spellings(word))]


def _range(word: str, *, alone: bool) -> tuple[str, str]:
    """Return the first and the last word with the same beginning."""
    if len(word) > SHORT_LETTERS:
        return word, word + LAST
    entry = word + OPEN_END if alone else word
    return entry, entry
