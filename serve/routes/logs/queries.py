"""Searches entries by words, by what the model says, and by when and where they were written."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psycopg import sql

from serve.reading.database import Database
from serve.reading.edition import Edition
from serve.routes.logs import columns, conditions, counts, period, words
from serve.routes.logs.conditions import Search
from serve.routes.logs.statements import run

MOST_COUNTED = 10_000
# As many are gathered and sorted before walking back in time is quicker: a hundredth of three million.
MOST_GATHERED = 30_000
COVERED_UNTIL = b"SELECT covered_until FROM api.runs WHERE run_id = %s"
# One page of the newest entries `f` that a FROM and a WHERE choose.
PAGE = f"""
SELECT {columns.ENTRY_SQL}, left(e.text, {columns.MOST_CHARACTERS}) AS text, {columns.PREDICTION_SQL},
    {{highlight}} AS highlight
FROM (
    SELECT {{key}} FROM {{chosen}} ORDER BY {{order}}f.event_time DESC, f.entry_id DESC LIMIT {{limit}}
) AS f, LATERAL (SELECT * FROM api.log_entries AS e WHERE {{same}} LIMIT 1) AS e{columns.JOIN_PREDICTIONS}"""
FEW = sql.SQL("""
WITH hits AS MATERIALIZED (SELECT {key} FROM {source} WHERE {where} LIMIT {most}),
    counted AS (SELECT count(*) AS n FROM hits)
SELECT n, row_to_json(page)::text, json_build_array(event_time, entry_id)
FROM counted LEFT JOIN ({page}) AS page ON true
ORDER BY event_time > {horizon}, event_time DESC, entry_id DESC""")
HITS = sql.SQL("hits AS f WHERE (SELECT n FROM counted) <= {}{}")
MANY = sql.SQL("""
SELECT row_to_json(page)::text, json_build_array(event_time, entry_id)
FROM ({}) AS page ORDER BY event_time DESC, entry_id DESC""")
ALL = sql.SQL("{} WHERE {}{}")
# The key of the entry that the page before ended with, and whether that lies in the future: these come last.
AFTER = "(f.event_time, f.entry_id) < ({time}, {number})"
BEYOND = "{time}::timestamptz > {horizon}"
CONTINUED = sql.SQL(f"""
    AND (f.event_time > {{horizon}}, {BEYOND}) <> (false, true)
    AND ({AFTER} OR (f.event_time > {{horizon}} AND NOT {BEYOND}))""")
NOT_FUTURE = sql.SQL(" AND f.event_time <= {horizon}")
NOT_FUTURE_AFTER = sql.SQL(f" AND f.event_time <= {{horizon}} AND {AFTER} AND NOT {BEYOND}")
FUTURE = sql.SQL(" AND f.event_time > {horizon}")
FUTURE_AFTER = sql.SQL(f" AND f.event_time > {{horizon}} AND ({AFTER} OR NOT {BEYOND})")
LAST = sql.SQL("f.event_time > {}, ")
# The text around the first of the words, each between marks. These stand in no log; nothing is HTML.
HIGHLIGHT = sql.SQL("""(
    SELECT CASE WHEN begin > 1 THEN '… ' ELSE '' END
        || regexp_replace(substr(whole, begin, 300), pattern, '⟦\\&⟧', 'gi')
        || CASE WHEN length(whole) > begin + 299 THEN ' …' ELSE '' END
    FROM (SELECT {} COLLATE "default" AS pattern, left(e.text, 20000) COLLATE "default" AS whole) AS t,
        LATERAL (SELECT greatest(regexp_instr(whole, pattern, 1, 1, 0, 'i') - 100, 1) AS begin) AS place
)""")
NO_HIGHLIGHT = sql.SQL("NULL::text")


class Lookup(NamedTuple):
    """The columns that name an entry, and the condition by which it is looked up."""

    key: sql.SQL
    same: sql.SQL


# A document knows the day of its entry and so its table, a prediction does not.
OF_DOCUMENTS = Lookup(
    sql.SQL("f.entry_id, f.event_time, f.day"), sql.SQL("e.entry_id = f.entry_id AND e.day = f.day")
)
OF_PREDICTIONS = Lookup(sql.SQL("f.entry_id, f.event_time"), sql.SQL("e.entry_id = f.entry_id"))


class Hits(NamedTuple):
    """How many entries fit, exact up to MOST_COUNTED, and of one more than a page the JSON and the key."""

    total: int
    rows: list[tuple[Any, ...]]


async def search_of(database: Database, edition: Edition | None, values: Mapping[str, Any]) -> Search:
    """Return the search with these parameters in an edition; without an edition it finds nothing."""
    if edition is None:
        return Search(values, (), period.horizon(None), covered_until=0)
    search = Search(values, edition.run_ids, period.horizon(edition))
    if search.is_judged:
        return search
    rows = await database.rows(COVERED_UNTIL, (edition.run_id,))
    return Search(values, edition.run_ids, search.horizon, rows[0][0] if rows else None)


async def read(database: Database, search: Search, after: Sequence[Any] = ()) -> Hits:
    """Return the entries that fit, newest first; `after` is the key of the last of the page before.

    Entries whose time lies in the future come after all others.

    Few entries are gathered by their words and then sorted; many are met soon enough by walking back in time.
    PostgreSQL cannot know which it will be where words and predictions come together, so a count comes first.
    """
    total = await counts.at_least(database, search, MOST_COUNTED + 1)
    if total <= MOST_COUNTED:
        rows = await run(database, _few(search, after))
        total = int(rows[0][0])
        if total <= MOST_GATHERED:
            page = [(row, key) for _, row, key in rows if row is not None]
            return Hits(total, page)
    return Hits(total, await _walked(database, search, after))


async def _walked(database: Database, search: Search, after: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return a page by walking back in time; where it is not filled so, entries of the future follow."""
    limit = search.values["limit"] + 1
    rows = await run(database, _many(search, _part(search, after, NOT_FUTURE, NOT_FUTURE_AFTER), limit))
    if len(rows) == limit:
        return rows
    future = _part(search, after, FUTURE, FUTURE_AFTER)
    return rows + await run(database, _many(search, future, limit - len(rows)))


def _few(search: Search, after: Sequence[Any]) -> sql.Composed:
    """Return the query that gathers and counts; its page is empty where there are too many."""
    hits = HITS.format(MOST_GATHERED, _part(search, after, sql.SQL(""), CONTINUED))
    source, where = conditions.source(search), conditions.fitting(search)
    page = _page(search, hits, search.values["limit"] + 1, LAST.format(search.horizon))
    parts = {"source": source, "where": where, "most": MOST_GATHERED + 1, "page": page}
    return FEW.format(key=_lookup(search).key, horizon=search.horizon, **parts)


def _many(search: Search, part: sql.Composed, limit: int) -> sql.Composed:
    """Return the query that walks back in time until so many entries of a part are met."""
    source, where = conditions.source(search), conditions.fitting(search)
    return MANY.format(_page(search, ALL.format(source, where, part), limit, sql.SQL("")))


def _page(search: Search, chosen: sql.Composed, limit: int, order: sql.Composable) -> sql.Composed:
    return sql.SQL(PAGE).format(
        **_lookup(search)._asdict(),
        chosen=chosen,
        order=order,
        limit=limit,
        highlight=_highlight(search.values.get("q")),
        runs=columns.runs(search.run_ids),
    )


def _lookup(search: Search) -> Lookup:
    return OF_DOCUMENTS if search.is_of_documents else OF_PREDICTIONS


def _highlight(query: str | None) -> sql.Composable:
    return NO_HIGHLIGHT if query is None else HIGHLIGHT.format(words.marked(query))


def _part(search: Search, after: Sequence[Any], first: sql.SQL, later: sql.SQL) -> sql.Composed:
    """Return the condition of a part of the entries: of the first page, or of a later one."""
    if not after:
        return first.format(horizon=search.horizon)
    time, number = after
    return later.format(horizon=search.horizon, time=time, number=number)
