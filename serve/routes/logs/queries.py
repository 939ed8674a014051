"""The queries that find entries by words, by what the model says, and by when and where they were written."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from psycopg import sql

from almanac.workloads.logs.contract import BLOCK, LEVELS, SEVERITIES, letter
from serve.answers.service import Service
from serve.http.parameters import Values
from serve.reading.edition import Edition

MOST_COUNTED = 10_000
# As many are gathered and sorted before walking back in time is quicker: a hundredth of three million.
MOST_GATHERED = 30_000
SHOWN_CHARACTERS = 2_000
# Marks that no log uses; nothing here is HTML.
HEADLINE = "StartSel=⟦, StopSel=⟧, MaxFragments=2, MaxWords=30, MinWords=8"
PREDICTED = (
    "level",
    "level_confidence",
    "warning_chance",
    "anomaly",
    "anomaly_score",
    "anomaly_kind",
    "severity",
    "template_id",
)
TEXTS = "e.entry_id, e.client_id, e.event_time, e.received_at, e.source, e.session, e.logger, e.level AS author_level"
WRITTEN = {
    "q": "f.document @@ websearch_to_tsquery('simple', {})",
    "session": "f.session = {}",
    "source": "f.source = {}",
    "since": "f.event_time >= {}",
    "until": "f.event_time < {}",
}
JUDGED = {
    "level": "f.level = ANY ({})",
    "severity": "f.severity = ANY ({})",
    "template": "f.template_id = {}",
    "anomaly": "f.anomaly = {}",
}
# Of the counts by hour those whose whole hour is asked for.
COUNTED = {
    **{name: JUDGED[name] for name in ("level", "severity", "template")},
    "source": WRITTEN["source"],
    "since": "f.bucket >= {}",
    "until": "f.bucket + interval '1 hour' <= {}",
}


def text_of(query: sql.Composable) -> bytes:
    """Return a query whose values are written into it, so that PostgreSQL plans it for just these values."""
    return query.as_bytes(None).replace(b"%", b"%%")


async def read(
    service: Service, edition: Edition, values: Values, after: Sequence[Any]
) -> tuple[int, list[tuple[str, Any]]]:
    """Return how many entries fit, exact up to MOST_COUNTED, and of one more than a page the JSON and the key.

    Few entries are found by their words and then sorted; many are met soon enough by walking back in time. PostgreSQL cannot know which
    it will be where words and what the model says are asked for together, so a count comes first.
    """
    counted = await _told(service, edition, values)
    if counted <= MOST_COUNTED:
        found = await service.database.rows(text_of(_few(edition, values, after)))
        counted = int(found[0][0])
        if counted <= MOST_GATHERED:
            return counted, [(row, key) for _, row, key in found if row is not None]
    return counted, await service.database.rows(text_of(_many(edition, values, after)))


async def _told(service: Service, edition: Edition, values: Values) -> int:
    """Return a number that at least as many entries fit, from what was counted at publishing; 0 where words or sessions are asked for."""
    if {"q", "session"} & values.keys() or ("template" in values and {"level", "severity"} & values.keys()):
        return 0
    n = {None: "entries", True: "anomalies", False: "entries - anomalies"}[values.get("anomaly")]
    where = _joined(
        [
            sql.SQL("run_id IN ({})").format(_runs(edition.run_ids)),
            sql.SQL(f"{n} > 0"),
            *_where(values, COUNTED),
        ]
    )
    query = sql.SQL(
        f"SELECT coalesce(sum(n), 0) FROM (SELECT {n} AS n FROM {_counts(values)} AS f WHERE {{}} LIMIT {{}}) AS told"
    )
    [(told,)] = await service.database.rows(text_of(query.format(where, MOST_COUNTED + 1)))
    return int(told)


def _counts(values: Values) -> str:
    """Return the view whose counts tell these values apart."""
    if "template" not in values:
        return "api.logs_hours"
    return "api.logs_template_hours" if {"since", "until"} & values.keys() else "api.logs_usage"


def _few(edition: Edition, values: Values, after: Sequence[Any]) -> sql.Composed:
    query = sql.SQL(
        "WITH found AS MATERIALIZED (SELECT {chosen} FROM {source} WHERE {where} LIMIT {most}), counted AS (SELECT count(*) AS n FROM found)"
        " SELECT n, row_to_json(shown)::text, json_build_array(event_time, entry_id) FROM counted LEFT JOIN ({shown}) AS shown ON true"
        " ORDER BY event_time DESC, entry_id DESC"
    )
    chosen = sql.SQL("found AS f WHERE (SELECT n FROM counted) <= {}{}").format(MOST_GATHERED, _after(after))
    return query.format(
        chosen=_chosen(values),
        source=_source(edition, values),
        where=_fitting(values),
        most=MOST_GATHERED + 1,
        shown=_shown(edition, values, chosen),
    )


def _many(edition: Edition, values: Values, after: Sequence[Any]) -> sql.Composed:
    query = sql.SQL(
        "SELECT row_to_json(shown)::text, json_build_array(event_time, entry_id) FROM ({}) AS shown ORDER BY event_time DESC, entry_id DESC"
    )
    chosen = sql.SQL("{} WHERE {}{}").format(_source(edition, values), _fitting(values), _after(after))
    return query.format(_shown(edition, values, chosen))


def _shown(edition: Edition, values: Values, chosen: sql.Composed) -> sql.Composed:
    """Return the query for what a page shows of the newest entries that are chosen by a FROM and a WHERE."""
    query = sql.SQL(
        "SELECT {texts}, left(e.text, {most}) AS text, {predicted}, {headline} AS highlight FROM (SELECT {columns} FROM {chosen}"
        " ORDER BY f.event_time DESC, f.entry_id DESC LIMIT {limit}) AS f, LATERAL (SELECT * FROM api.log_entries AS e WHERE {same} LIMIT 1) AS e"
        "{predictions}"
    )
    words = sql.SQL("websearch_to_tsquery('simple', {})").format(values["q"]) if "q" in values else None
    return query.format(
        texts=sql.SQL(TEXTS),
        most=SHOWN_CHARACTERS,
        predicted=names("p"),
        headline=sql.SQL("ts_headline('simple', left(e.text, 20000), {}, {})").format(words, HEADLINE)
        if words
        else sql.SQL("NULL::text"),
        columns=_chosen(values),
        chosen=chosen,
        limit=values["limit"] + 1,
        same=sql.SQL(
            "e.entry_id = f.entry_id AND e.day = f.day"
            if _is_of_documents(values)
            else "e.entry_id = f.entry_id"
        ),
        predictions=predictions(edition.run_ids),
    )


def _chosen(values: Values) -> sql.SQL:
    return sql.SQL(
        "f.entry_id, f.event_time, f.day" if _is_of_documents(values) else "f.entry_id, f.event_time"
    )


def _is_of_documents(values: Values) -> bool:
    """Tell whether the documents are read first, which know the day of an entry and so its table; without words a level has the better index."""
    return "q" in values or "session" in values or not _is_filtered(values)


def _after(after: Sequence[Any]) -> sql.Composable:
    return sql.SQL(" AND (f.event_time, f.entry_id) < ({}, {})").format(*after) if after else sql.SQL("")


def _joined(conditions: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")


def _source(edition: Edition, values: Values) -> sql.Composable:
    """Return what is searched: words among documents, joined with predictions where these are asked for; without words predictions alone."""
    runs = _runs(edition.run_ids)
    if not _is_of_documents(values):
        return sql.SQL("(SELECT * FROM api.logs_predictions WHERE run_id IN ({})) AS f").format(runs)
    if not _is_filtered(values):
        return sql.SQL("api.log_search AS f")
    if _is_of_letters(values):
        joined = "(SELECT s.*, letters FROM api.log_search AS s JOIN api.logs_blocks AS b ON b.block = s.entry_id / {} WHERE b.run_id IN ({})) AS f"
        return sql.SQL(joined).format(BLOCK, runs)
    # The limit keeps PostgreSQL from reading all predictions of a level only to find those of a few entries.
    one = "SELECT * FROM api.logs_predictions WHERE entry_id = s.entry_id AND run_id IN ({}) LIMIT 1"
    return sql.SQL(f"(SELECT s.*, {{}} FROM api.log_search AS s, LATERAL ({one}) AS p) AS f").format(
        names("p"), runs
    )


def _is_filtered(values: Values) -> bool:
    return bool(JUDGED.keys() & values.keys())


def _where(values: Values, tests: Mapping[str, str]) -> list[sql.Composable]:
    wanted = {
        name: list(values[name]) if isinstance(values[name], tuple) else values[name]
        for name in tests
        if name in values
    }
    return [sql.SQL(tests[name]).format(value) for name, value in wanted.items()]


def _fitting(values: Values) -> sql.Composable:
    """Return what an entry must be like; where words are asked for, its letter says level, severity and anomaly."""
    if not _is_of_letters(values):
        return _joined(_where(values, WRITTEN | JUDGED))
    letters = [
        letter(level, severity, anomaly=anomaly)
        for (level, severity), anomaly in product(
            product(range(len(LEVELS)), range(len(SEVERITIES))), (False, True)
        )
        if LEVELS[level] in values.get("level", LEVELS)
        and SEVERITIES[severity] in values.get("severity", SEVERITIES)
        and anomaly in (values.get("anomaly", anomaly),)
    ]
    place = sql.SQL("substr(f.letters, (f.entry_id % {})::integer + 1, 1) = ANY ({}::text[])").format(
        BLOCK, letters
    )
    return _joined([*_where(values, WRITTEN), place])


def _is_of_letters(values: Values) -> bool:
    return _is_of_documents(values) and _is_filtered(values) and "template" not in values


def predictions(run_ids: Sequence[str]) -> sql.Composed:
    """Return the join with the predictions of these runs, where there are any; the limit makes PostgreSQL look up each by its key."""
    one = "SELECT * FROM api.logs_predictions WHERE entry_id = e.entry_id AND run_id IN ({}) LIMIT 1"
    return sql.SQL(f" LEFT JOIN LATERAL ({one}) AS p ON true").format(_runs(run_ids))


def _runs(run_ids: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Literal, run_ids)) if run_ids else sql.Literal("")


def names(alias: str) -> sql.Composed:
    """Return what a page shows of predictions that are called `alias`."""
    return sql.SQL(", ").join(
        sql.SQL("{}.{}").format(sql.Identifier(alias), sql.Identifier(name)) for name in PREDICTED
    )
