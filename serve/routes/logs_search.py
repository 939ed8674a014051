"""Searching entries, and one entry with the session around it."""

from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

from fastapi import Request
from psycopg import sql
from starlette.responses import Response

from almanac.contract import Column, Contract
from serve import pages, parameters, readers, schemas
from serve.cache import Body
from serve.endpoints import FROM_RELEASE, LIST, Endpoint
from serve.ledger import Edition
from serve.parameters import TEXT, Parameter, Values
from serve.questions import understood
from serve.routes.generic import example_of
from serve.service import Service

MOST_COUNTED = 10_000
SHOWN_CHARACTERS = 2_000
AROUND = 10
# Marks that no log uses; nothing here is HTML.
HEADLINE = "StartSel=⟦, StopSel=⟧, MaxFragments=2, MaxWords=30, MinWords=8"
WRITTEN = (
    Column(name="entry_id", type="bigint", doc="Number of the entry in the store."),
    Column(name="client_id", type="text", nullable=True, doc="The id that the client gave."),
    Column(name="event_time", type="timestamp", doc="When it was written."),
    Column(name="received_at", type="timestamp", doc="When it was stored."),
    Column(name="source", type="text", doc="Where it came from."),
    Column(name="session", type="text", nullable=True, doc="Its session."),
    Column(name="logger", type="text", nullable=True, doc="Who wrote it."),
    Column(name="author_level", type="text", nullable=True, doc="The level that its author gave it."),
    Column(name="text", type="text", doc="What it says; in lists at most 2,000 characters. Never HTML."),
)
PREDICTED = ("level", "level_confidence", "warning_chance", "anomaly", "anomaly_score", "anomaly_kind", "severity", "template_id")
HIGHLIGHT = Column(name="highlight", type="text", nullable=True, doc="Where the words of the query stand, between ⟦ and ⟧.")
ENTRY = {
    "entry_id": 1204, "client_id": "node-7/000123", "event_time": "2025-04-15T06:00:00+00:00", "received_at": "2025-04-15T06:00:01+00:00",
    "source": "broker", "session": "req-81", "logger": "kafka.server", "author_level": "WARN", "text": "Connection to node 7 was broken",
    "level": "warning", "level_confidence": 0.91, "warning_chance": 0.97, "anomaly": True, "anomaly_score": 0.83, "anomaly_kind": "rare",
    "severity": "high", "template_id": "3ab8a8b5cd15",
}  # fmt: skip
TEXTS = "e.entry_id, e.client_id, e.event_time, e.received_at, e.source, e.session, e.logger, e.level AS author_level"


def endpoints(service: Service, contract: Contract) -> list[Endpoint]:
    """Return the routes for finding entries."""
    row = schemas.row([*WRITTEN, *_predicted(contract)])
    found = schemas.row([*WRITTEN, *_predicted(contract), HIGHLIGHT])
    total = {"total": {"type": "integer"}, "is_capped": {"type": "boolean", "description": "Whether there are more than `total`."}}
    wanted = Parameter("id", readers.text, TEXT, "Number of the entry, or the id that the client gave.", "1204", "path")
    return [
        Endpoint(
            path="/v1/logs/search",
            summary="Search entries, newest first",
            doc='Words must all be there, "words in quotes" side by side, -word must not; `or` between words is understood. '
            "Entries are found once a run has predicted them. `total` counts up to 10,000.",
            handler=partial(_search, service, contract),
            schema=schemas.envelope(schemas.rows(found) | total),
            example=example_of(contract, rows=[ENTRY | {"highlight": "⟦Connection⟧ to node 7 was broken"}], next=None, total=1, is_capped=False),
            parameters=(*filters(contract), *parameters.paging(), *parameters.edition()),
            refusals=(404, 410, 422, 503),
            headers=LIST,
            tag=contract.name,
        ),
        Endpoint(
            path="/v1/logs/entries/{id:path}",
            summary="One entry with the session around it",
            doc=f"The entry, and up to {AROUND} entries of its session before and after it. "
            "What the model says is null while no run has predicted it.",
            handler=partial(_entry, service, contract),
            schema=schemas.envelope({"row": row, "session": {"type": "array", "items": row}}),
            example=example_of(contract, row=ENTRY, session=[ENTRY]),
            parameters=(wanted, *parameters.edition()),
            refusals=(404, 410, 422, 503),
            headers=FROM_RELEASE,
            tag=contract.name,
        ),
    ]


def filters(contract: Contract) -> tuple[Parameter, ...]:
    """Return the parameters by which entries are chosen."""
    text, instant = dict(TEXT), {"type": "string", "format": "date-time"}
    return (
        Parameter("q", readers.text, text, "What to search for.", 'connection "node 7" -heartbeat'),
        *parameters.filters(contract),
        Parameter("anomaly", readers.boolean, {"type": "boolean"}, "Only anomalies, or only what is none.", "true"),
        Parameter("source", readers.text, text, "A source.", "broker"),
        Parameter("session", readers.text, text, "A session.", "req-81"),
        Parameter("since", readers.instant, instant, "Entries written at this instant or later.", "2025-04-15T06:00:00Z"),
        Parameter("until", readers.instant, instant, "Entries written before this instant.", "2025-04-16T06:00:00Z"),
    )


def _predicted(contract: Contract) -> list[Column]:
    return [contract.predictions.column(name).model_copy(update={"nullable": True}) for name in PREDICTED]


async def _search(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    question = understood(contract, request, values)

    async def make(edition: Edition | None) -> Body:
        if edition is None:
            return Body(pages.listed([]).content + b',"total":0,"is_capped":false')
        after = question.cursor.key if question.cursor else ()
        counted, rows = await read(service, edition, values, after)
        listed = pages.limited(question, edition, rows)
        told = f',"total":{min(counted, MOST_COUNTED)},"is_capped":{str(counted > MOST_COUNTED).lower()}'
        return Body(listed.content + told.encode(), listed.next)

    return await service.answer(question, make)


async def _entry(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    async def make(edition: Edition | None) -> Body | None:
        number = await _number(service, values["id"])
        run_ids = edition.run_ids if edition else ()
        found = await service.database.rows(text_of(_one(run_ids, number)))
        if not found:
            return None
        row, source, session, at = found[0]
        around = await service.database.rows(text_of(_around(run_ids, source, session, at, number))) if session is not None else []
        return Body(f'"row":{row},"session":[{",".join(near for near, *_ in around)}]'.encode())

    return await service.answer(understood(contract, request, values), make)


async def _number(service: Service, wanted: str) -> int:
    """Return the number of an entry, which may be named by the client's id; 0 where there is none."""
    key = UUID(bytes=sha256(f"client {wanted}".encode()).digest()[:16])
    known = await service.database.rows(b"SELECT entry_id FROM api.log_ids WHERE id = %s", (key,))
    if known:
        return int(known[0][0])
    return int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 16 else 0


def text_of(query: sql.Composable) -> bytes:
    """Return a query whose values are written into it, so that PostgreSQL plans it for just these values."""
    return query.as_bytes(None).replace(b"%", b"%%")


async def read(service: Service, edition: Edition, values: Values, after: Sequence[Any]) -> tuple[int, list[tuple[str, Any]]]:
    """Return how many entries fit, up to MOST_COUNTED + 1, and of one more than a page the JSON and the key.

    Few entries are found by their words and then sorted; many are met soon enough by walking back in time. PostgreSQL cannot know which
    it will be where words and what the model says are asked for together, so a count comes first.
    """
    found = await service.database.rows(text_of(_few(edition, values, after)))
    counted = int(found[0][0])
    if counted <= MOST_COUNTED:
        return counted, [(row, key) for _, row, key in found if row is not None]
    return counted, await service.database.rows(text_of(_many(edition, values, after)))


def _few(edition: Edition, values: Values, after: Sequence[Any]) -> sql.Composed:
    query = sql.SQL(
        "WITH found AS MATERIALIZED (SELECT {chosen} FROM {source} WHERE {where} LIMIT {most}), counted AS (SELECT count(*) AS n FROM found)"
        " SELECT n, row_to_json(shown)::text, json_build_array(event_time, entry_id) FROM counted LEFT JOIN ({shown}) AS shown ON true"
        " ORDER BY event_time DESC, entry_id DESC"
    )
    chosen = sql.SQL("found AS f WHERE (SELECT n FROM counted) <= {}{}").format(MOST_COUNTED, _after(after))
    where = _joined(_where(values))
    return query.format(
        chosen=_chosen(values), source=_source(edition, values), where=where, most=MOST_COUNTED + 1, shown=_shown(edition, values, chosen)
    )


def _many(edition: Edition, values: Values, after: Sequence[Any]) -> sql.Composed:
    query = sql.SQL(
        "SELECT row_to_json(shown)::text, json_build_array(event_time, entry_id) FROM ({}) AS shown ORDER BY event_time DESC, entry_id DESC"
    )
    chosen = sql.SQL("{} WHERE {}{}").format(_source(edition, values), _joined(_where(values)), _after(after))
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
        predicted=_names("p"),
        headline=sql.SQL("ts_headline('simple', left(e.text, 20000), {}, {})").format(words, HEADLINE) if words else sql.SQL("NULL::text"),
        columns=_chosen(values),
        chosen=chosen,
        limit=values["limit"] + 1,
        same=sql.SQL("e.entry_id = f.entry_id AND e.day = f.day" if _is_of_documents(values) else "e.entry_id = f.entry_id"),
        predictions=_predictions(edition.run_ids),
    )


def _chosen(values: Values) -> sql.SQL:
    return sql.SQL("f.entry_id, f.event_time, f.day" if _is_of_documents(values) else "f.entry_id, f.event_time")


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
    bounds = [sql.SQL(f"p.event_time {sign} {{}}").format(values[name]) for name, sign in (("since", ">="), ("until", "<")) if name in values]
    if bounds:
        joined = (
            "(SELECT s.*, {} FROM api.log_search AS s JOIN api.logs_predictions AS p ON p.entry_id = s.entry_id WHERE p.run_id IN ({}) AND {}) AS f"
        )
        return sql.SQL(joined).format(_names("p"), runs, sql.SQL(" AND ").join(bounds))
    # The limit keeps PostgreSQL from reading all predictions of a level only to find those of a few entries.
    one = "SELECT * FROM api.logs_predictions WHERE entry_id = s.entry_id AND run_id IN ({}) LIMIT 1"
    return sql.SQL(f"(SELECT s.*, {{}} FROM api.log_search AS s, LATERAL ({one}) AS p) AS f").format(_names("p"), runs)


def _is_filtered(values: Values) -> bool:
    return bool({"level", "severity", "template", "anomaly"} & values.keys())


def _where(values: Values) -> list[sql.Composable]:
    tests = {
        "q": "f.document @@ websearch_to_tsquery('simple', {})",
        "session": "f.session = {}",
        "source": "f.source = {}",
        "since": "f.event_time >= {}",
        "until": "f.event_time < {}",
        "level": "f.level = ANY ({})",
        "severity": "f.severity = ANY ({})",
        "template": "f.template_id = {}",
        "anomaly": "f.anomaly = {}",
    }
    wanted = {name: list(values[name]) if isinstance(values[name], tuple) else values[name] for name in tests if name in values}
    return [sql.SQL(tests[name]).format(value) for name, value in wanted.items()]


def _one(run_ids: Sequence[str], number: int) -> sql.Composed:
    query = sql.SQL(
        "SELECT (SELECT row_to_json(shown)::text FROM (SELECT {}, e.text, {}) AS shown), e.source, e.session, e.event_time"
        " FROM api.log_entries AS e{} WHERE e.entry_id = {}"
    )
    return query.format(sql.SQL(TEXTS), _names("p"), _predictions(run_ids), number)


def _around(run_ids: Sequence[str], source: str, session: str, *place: Any) -> sql.Composed:
    near = sql.SQL("(SELECT * FROM api.log_search WHERE source = {} AND session = {} AND (event_time, entry_id) {} ({}, {}) ORDER BY {} LIMIT {})")
    before = near.format(source, session, sql.SQL("<"), *place, sql.SQL("event_time DESC, entry_id DESC"), AROUND)
    after = near.format(source, session, sql.SQL(">"), *place, sql.SQL("event_time, entry_id"), AROUND)
    query = sql.SQL(
        "SELECT (SELECT row_to_json(shown)::text FROM (SELECT {}, left(e.text, {}) AS text, {}) AS shown), e.event_time, e.entry_id"
        " FROM ({} UNION ALL {}) AS near JOIN api.log_entries AS e ON e.entry_id = near.entry_id AND e.day = near.day{} ORDER BY 2, 3"
    )
    return query.format(sql.SQL(TEXTS), SHOWN_CHARACTERS, _names("p"), before, after, _predictions(run_ids))


def _predictions(run_ids: Sequence[str]) -> sql.Composed:
    """Return the join with the predictions of these runs, where there are any; the limit makes PostgreSQL look up each by its key."""
    one = "SELECT * FROM api.logs_predictions WHERE entry_id = e.entry_id AND run_id IN ({}) LIMIT 1"
    return sql.SQL(f" LEFT JOIN LATERAL ({one}) AS p ON true").format(_runs(run_ids))


def _runs(run_ids: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Literal, run_ids)) if run_ids else sql.Literal("")


def _names(alias: str) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{}.{}").format(sql.Identifier(alias), sql.Identifier(name)) for name in PREDICTED)
