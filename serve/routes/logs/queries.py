"""Searches entries by words, by what the model says, and by when and where they were written."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psycopg import sql

from serve.reading.database import Database
from serve.reading.edition import Edition
from serve.routes.logs import columns, conditions
from serve.routes.logs.conditions import Search

MOST_COUNTED = 10_000
# As many are gathered and sorted before walking back in time is quicker: a hundredth of three million.
MOST_GATHERED = 30_000
# Marks that no log uses; nothing here is HTML.
HEADLINE = "StartSel=⟦, StopSel=⟧, MaxFragments=2, MaxWords=30, MinWords=8"
COVERED_UNTIL = b"SELECT covered_until FROM api.runs WHERE run_id = %s"
PUBLISHED = """
SELECT coalesce(sum(n), 0) FROM (SELECT {n} AS n FROM {view} AS f WHERE {{where}} LIMIT {{most}}) AS counts"""
COUNTS = {None: "entries", True: "anomalies", False: "entries - anomalies"}
FEW = sql.SQL("""
WITH hits AS MATERIALIZED (SELECT {columns} FROM {source} WHERE {where} LIMIT {most}),
    counted AS (SELECT count(*) AS n FROM hits)
SELECT n, row_to_json(page)::text, json_build_array(event_time, entry_id)
FROM counted LEFT JOIN ({page}) AS page ON true ORDER BY event_time DESC, entry_id DESC""")
HITS = sql.SQL("hits AS f WHERE (SELECT n FROM counted) <= {}{}")
MANY = sql.SQL("""
SELECT row_to_json(page)::text, json_build_array(event_time, entry_id)
FROM ({}) AS page ORDER BY event_time DESC, entry_id DESC""")
# One page of the newest entries `f` that a FROM and a WHERE choose.
PAGE = sql.SQL("""
SELECT {written}, left(e.text, {characters}) AS text, {predicted}, {headline} AS highlight
FROM (SELECT {columns} FROM {chosen} ORDER BY f.event_time DESC, f.entry_id DESC LIMIT {limit}) AS f,
    LATERAL (SELECT * FROM api.log_entries AS e WHERE {same} LIMIT 1) AS e{predictions}""")
# A document knows the day of its entry, a prediction does not.
OF_DOCUMENT = sql.SQL("f.entry_id, f.event_time, f.day")
SAME_AS_DOCUMENT = sql.SQL("e.entry_id = f.entry_id AND e.day = f.day")
OF_PREDICTION = sql.SQL("f.entry_id, f.event_time")
SAME_AS_PREDICTION = sql.SQL("e.entry_id = f.entry_id")
CONTINUED = sql.SQL(" AND (f.event_time, f.entry_id) < ({}, {})")
HIGHLIGHT = sql.SQL("ts_headline('simple', left(e.text, 20000), websearch_to_tsquery('simple', {}), {})")
NO_HIGHLIGHT = sql.SQL("NULL::text")


class Hits(NamedTuple):
    """How many entries fit, exact up to MOST_COUNTED, and of one more than a page the JSON and the key."""

    total: int
    rows: list[tuple[str, Any]]


async def search_of(database: Database, edition: Edition | None, values: Mapping[str, Any]) -> Search:
    """Return the search with these parameters among the entries of an edition; without edition it finds none."""
    if edition is None:
        return Search(values, (), covered_until=0)
    search = Search(values, edition.run_ids)
    if search.is_judged:
        return search
    [(covered_until,)] = await database.rows(COVERED_UNTIL, (edition.run_id,)) or [(None,)]
    return Search(values, edition.run_ids, covered_until)


async def read(database: Database, search: Search, after: Sequence[Any] = ()) -> Hits:
    """Return the entries that fit, newest first; `after` is the key of the last of the page before.

    Few entries are gathered by their words and then sorted; many are met soon enough by walking back in time.
    PostgreSQL cannot know which it will be where words and what the model says come together, so a count comes first.
    """
    total = await _published(database, search)
    if total <= MOST_COUNTED:
        rows = await database.rows(text_of(_few(search, after)))
        total = int(rows[0][0])
        if total <= MOST_GATHERED:
            return Hits(total, [(row, key) for _, row, key in rows if row is not None])
    return Hits(total, await database.rows(text_of(_many(search, after))))


def text_of(query: sql.Composable) -> bytes:
    """Return a query whose values are written into it, so that PostgreSQL plans it for just these values."""
    return query.as_bytes(None).replace(b"%", b"%%")


async def _published(database: Database, search: Search) -> int:
    """Return a number that at least as many entries fit, from the counts made at publishing.

    Words and sessions are not counted then, so it is 0.
    """
    values = search.values
    if "q" in values or "session" in values:
        return 0
    if "template" in values and ("level" in values or "severity" in values):
        return 0
    n = COUNTS[values.get("anomaly")]
    runs = sql.SQL("run_id IN ({})").format(columns.runs(search.run_ids))
    where = conditions.joined([runs, sql.SQL(f"{n} > 0"), *conditions.tests(values, conditions.COUNTED)])
    query = sql.SQL(PUBLISHED.format(n=n, view=_counts(values)))
    [(total,)] = await database.rows(text_of(query.format(where=where, most=MOST_COUNTED + 1)))
    return int(total)


def _counts(values: Mapping[str, Any]) -> str:
    """Return the view whose counts tell these values apart."""
    if "template" not in values:
        return "api.logs_hours"
    return "api.logs_template_hours" if "since" in values or "until" in values else "api.logs_usage"


def _few(search: Search, after: Sequence[Any]) -> sql.Composed:
    return FEW.format(
        columns=OF_DOCUMENT if search.is_of_documents else OF_PREDICTION,
        source=conditions.source(search),
        where=conditions.fitting(search),
        most=MOST_GATHERED + 1,
        page=_page(search, HITS.format(MOST_GATHERED, _continued(after))),
    )


def _many(search: Search, after: Sequence[Any]) -> sql.Composed:
    source, where = conditions.source(search), conditions.fitting(search)
    chosen = sql.SQL("{} WHERE {}{}").format(source, where, _continued(after))
    return MANY.format(_page(search, chosen))


def _page(search: Search, chosen: sql.Composed) -> sql.Composed:
    words = search.values.get("q")
    return PAGE.format(
        written=columns.ENTRY_SQL,
        characters=columns.MOST_CHARACTERS,
        predicted=columns.predicted("p"),
        headline=NO_HIGHLIGHT if words is None else HIGHLIGHT.format(words, HEADLINE),
        columns=OF_DOCUMENT if search.is_of_documents else OF_PREDICTION,
        chosen=chosen,
        limit=search.values["limit"] + 1,
        same=SAME_AS_DOCUMENT if search.is_of_documents else SAME_AS_PREDICTION,
        predictions=columns.with_predictions(search.run_ids),
    )


def _continued(after: Sequence[Any]) -> sql.Composable:
    return CONTINUED.format(*after) if after else sql.SQL("")
