"""Games by their title: whole titles, beginnings, abbreviations, then misspelt words; the popular first."""

from typing import Any, NamedTuple

from almanac.workloads.games.shared.spelling import words_of
from serve.answers.games.terms import MISSPELT, Form, Search
from serve.answers.release import Release

MOST_LIKENESSES = 40
COLUMNS = ("game_id", "title", "year", "main_genre", "rank", "rating", "adult")
# A misspelt word costs most, so its games stand behind all others: one query finds both kinds. A whole title
# is first whatever its words are.
SEARCH = """
WITH forms AS (
    SELECT * FROM unnest(%(forms)s::text[], %(owners)s::int[], %(patterns)s::text[])
        AS forms(spelling, part, patterns)
), likely AS (
    SELECT DISTINCT forms.part, spelt.word,
        abs(length(spelt.word) - length((%(words)s::text[])[forms.part + 1])) AS apart
    FROM forms JOIN api.games_spellings AS spelt ON spelt.run_id = %(run)s AND spelt.spelling = forms.spelling
    WHERE spelt.word <> (%(words)s::text[])[forms.part + 1]
        AND spelt.word LIKE ANY (string_to_array(forms.patterns, '|')){unless}
    ORDER BY apart, part, word LIMIT {likenesses}
), terms AS (
    SELECT * FROM unnest(%(parts)s::text[], %(lows)s::text[], %(highs)s::text[], %(costs)s::int[])
        AS terms(parts, low, high, cost)
    UNION ALL SELECT part::text, word, word, {misspelt} FROM likely
), hits AS (
    SELECT word.game_id, part, min(terms.cost) AS cost, min(word.rank) AS rank, min(word.place) AS place
    FROM terms JOIN api.games_words AS word
            ON word.run_id = %(run)s AND word.word >= terms.low AND word.word <= terms.high
        CROSS JOIN LATERAL unnest(string_to_array(terms.parts, ' ')::int[]) AS part
    GROUP BY word.game_id, part
), whole AS (
    SELECT game_id, rank, CASE WHEN title = %(title)s THEN 4 WHEN lower(title) = lower(%(title)s) THEN 3
        WHEN title_key = (%(keys)s::text[])[1] THEN 2 ELSE 1 END AS likeness
    FROM api.games_predictions WHERE run_id = %(run)s AND title_key = ANY (%(keys)s::text[])
    UNION ALL SELECT game_id, rank, 1 FROM api.games_words
    WHERE run_id = %(run)s AND word = ANY (%(wholes)s::text[])
), best AS (
    SELECT game_id, max(likeness) AS likeness, count(part) AS parts,
        count(part) FILTER (WHERE part = ANY (%(telling)s::int[])) AS telling,
        count(part) FILTER (WHERE cost = {misspelt}) AS misspelt, sum(cost) AS cost,
        bool_or(part = 0 AND place = 0) AS is_first, min(rank) AS popular
    FROM (
        SELECT game_id, part, cost, place, rank, 0 AS likeness FROM hits
        UNION ALL SELECT game_id, NULL, NULL, NULL, rank, likeness FROM whole
    ) AS every
    GROUP BY game_id
    HAVING max(likeness) > 0 OR CASE WHEN %(partly)s
        THEN bool_or(part = ANY (%(telling)s::int[]))
        ELSE count(part) FILTER (WHERE part = ANY (%(required)s::int[]))
            = cardinality(%(required)s::int[]) END
    ORDER BY {order} LIMIT %(limit)s
)
SELECT (SELECT row_to_json(shown)::text FROM (SELECT {columns}) AS shown), game_id,
    likeness > 0 OR cost < 0 OR (telling > 0 AND telling = cardinality(%(telling)s::int[]))
FROM best JOIN api.games_predictions AS game USING (game_id) WHERE game.run_id = %(run)s
ORDER BY {order}"""
ORDER = "likeness DESC, telling DESC, misspelt, parts DESC, cost, is_first DESC, popular, game_id"
# A word of some title is no misspelt one.
IS_WORD = """
        AND NOT EXISTS (
            SELECT FROM api.games_words
            WHERE run_id = %(run)s AND word = (%(words)s::text[])[forms.part + 1])"""
FACTS = {
    "columns": ", ".join(COLUMNS),
    "likenesses": MOST_LIKENESSES,
    "misspelt": MISSPELT,
    "order": ORDER,
}
FORGIVING, STRICT = (SEARCH.format(unless=unless, **FACTS).encode() for unless in ("", IS_WORD))


class Game(NamedTuple):
    """A game that a search returns: its JSON, its id, and whether all words that tell a title are in its."""

    row: str
    game_id: str
    is_meant: bool


def is_searchable(title: str) -> bool:
    """Tell whether a title has a letter or a digit to search by."""
    return bool(words_of(title))


async def search(release: Release, title: str, limit: int, *, whole: bool = False) -> list[Game]:
    """Return the games whose titles fit best: whole titles, beginnings, then misspelt words.

    All words that tell a title have to fit, and of a `whole` title all words but its edition. Where no title
    has all telling words, those with the most of them are returned, unless the `whole` title has to fit.
    """
    request = Search(title)
    values = _values(request, whole=whole) | {"run": release.run_id, "limit": limit}
    rows = await release.rows(STRICT if whole else FORGIVING, values | {"partly": False})
    if not rows and not whole and len(request.telling) > 1:
        # What is neither whole nor well spelt is another game.
        rows = await release.rows(FORGIVING, values | {"partly": True} | _spellings([]))
    return [Game(*row) for row in rows]


def _values(search: Search, *, whole: bool) -> dict[str, Any]:
    terms = search.terms()
    values = {
        "title": search.title,
        "words": search.words,
        "telling": search.telling,
        "required": search.all_but_edition if whole else search.telling or search.all_but_edition,
        "keys": search.keys,
        "wholes": search.wholes,
        "parts": [" ".join(map(str, term.parts)) for term in terms],
        "lows": [term.low for term in terms],
        "highs": [term.high for term in terms],
        "costs": [term.cost for term in terms],
    }
    return values | _spellings(search.forms())


def _spellings(forms: list[Form]) -> dict[str, Any]:
    return {
        "forms": [form.spelling for form in forms],
        "owners": [form.part for form in forms],
        "patterns": [form.patterns for form in forms],
    }
