"""Searching entries, and one entry with the session around it."""

from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

from fastapi import Request
from psycopg import sql
from starlette.responses import Response

from almanac import fields
from almanac.contract import Column, Contract
from serve.answers import pages
from serve.answers.cache import Payload
from serve.answers.service import Service
from serve.http import parameters, schemas
from serve.http.documented import example_of
from serve.http.endpoints import FROM_RELEASE, LIST, Endpoint
from serve.http.parameters import TEXT, Parameter, Values
from serve.reading.edition import Edition
from serve.reading.request import parse
from serve.routes.logs import queries
from serve.routes.logs.queries import PREDICTED, SHOWN_CHARACTERS, TEXTS, names, predictions, text_of

AROUND = 10
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
HIGHLIGHT = Column(
    name="highlight", type="text", nullable=True, doc="Where the words of the query stand, between ⟦ and ⟧."
)
ENTRY = {
    "entry_id": 1204, "client_id": "node-7/000123", "event_time": "2025-04-15T06:00:00+00:00", "received_at": "2025-04-15T06:00:01+00:00",
    "source": "broker", "session": "req-81", "logger": "kafka.server", "author_level": "WARN", "text": "Connection to node 7 was broken",
    "level": "warning", "level_confidence": 0.91, "warning_chance": 0.97, "anomaly": True, "anomaly_score": 0.83, "anomaly_kind": "rare",
    "severity": "high", "template_id": "3ab8a8b5cd15",
}  # fmt: skip


def endpoints(service: Service, contract: Contract) -> list[Endpoint]:
    """Return the routes for finding entries."""
    row = schemas.row([*WRITTEN, *_predicted(contract)])
    found = schemas.row([*WRITTEN, *_predicted(contract), HIGHLIGHT])
    total = {
        "total": {"type": "integer"},
        "is_capped": {"type": "boolean", "description": "Whether there are more than `total`."},
    }
    wanted = Parameter(
        "id", fields.text, TEXT, "Number of the entry, or the id that the client gave.", "1204", "path"
    )
    return [
        Endpoint(
            path="/v1/logs/search",
            summary="Search entries, newest first",
            doc='Words must all be there, "words in quotes" side by side, -word must not; `or` between words is understood. '
            "Entries are found once a run has predicted them. `total` counts up to 10,000.",
            handler=partial(_search, service, contract),
            schema=schemas.envelope(schemas.rows(found) | total),
            example=example_of(
                contract,
                rows=[ENTRY | {"highlight": "⟦Connection⟧ to node 7 was broken"}],
                next=None,
                total=1,
                is_capped=False,
            ),
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
        Parameter("q", fields.text, text, "What to search for.", 'connection "node 7" -heartbeat'),
        *parameters.filters(contract),
        Parameter(
            "anomaly", fields.boolean, {"type": "boolean"}, "Only anomalies, or only what is none.", True
        ),
        Parameter("source", fields.text, text, "A source.", "broker"),
        Parameter("session", fields.text, text, "A session.", "req-81"),
        Parameter(
            "since",
            fields.instant,
            instant,
            "Entries written at this instant or later.",
            "2025-04-15T06:00:00Z",
        ),
        Parameter(
            "until", fields.instant, instant, "Entries written before this instant.", "2025-04-16T06:00:00Z"
        ),
    )


def _predicted(contract: Contract) -> list[Column]:
    return [contract.predictions.column(name).model_copy(update={"nullable": True}) for name in PREDICTED]


async def _search(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    question = parse(contract, request, values)

    async def make(edition: Edition | None) -> Payload:
        if edition is None:
            return Payload(pages.listed([]).content + b',"total":0,"is_capped":false')
        after = question.cursor.key if question.cursor else ()
        most = queries.MOST_COUNTED
        counted, rows = await queries.read(service, edition, values, after)
        listed = pages.limited(question, edition, rows)
        told = f',"total":{min(counted, most)},"is_capped":{str(counted > most).lower()}'
        return Payload(listed.content + told.encode(), listed.next)

    return await service.answer(question, make)


async def _entry(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    async def make(edition: Edition | None) -> Payload | None:
        number = await _number(service, values["id"])
        run_ids = edition.run_ids if edition else ()
        found = await service.database.rows(text_of(_one(run_ids, number)))
        if not found:
            return None
        row, source, session, at = found[0]
        around = (
            await service.database.rows(text_of(_around(run_ids, source, session, at, number)))
            if session is not None
            else []
        )
        return Payload(f'"row":{row},"session":[{",".join(near for near, *_ in around)}]'.encode())

    return await service.answer(parse(contract, request, values), make)


async def _number(service: Service, wanted: str) -> int:
    """Return the number of an entry, which may be named by the client's id; 0 where there is none."""
    key = UUID(bytes=sha256(f"client {wanted}".encode()).digest()[:16])
    known = await service.database.rows(b"SELECT entry_id FROM api.log_ids WHERE id = %s", (key,))
    if known:
        return int(known[0][0])
    return int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 16 else 0


def _one(run_ids: Sequence[str], number: int) -> sql.Composed:
    query = sql.SQL(
        "SELECT (SELECT row_to_json(shown)::text FROM (SELECT {}, e.text, {}) AS shown), e.source, e.session, e.event_time"
        " FROM api.log_entries AS e{} WHERE e.entry_id = {}"
    )
    return query.format(sql.SQL(TEXTS), names("p"), predictions(run_ids), number)


def _around(run_ids: Sequence[str], source: str, session: str, *place: Any) -> sql.Composed:
    near = sql.SQL(
        "(SELECT * FROM api.log_search WHERE source = {} AND session = {} AND (event_time, entry_id) {} ({}, {}) ORDER BY {} LIMIT {})"
    )
    before = near.format(
        source, session, sql.SQL("<"), *place, sql.SQL("event_time DESC, entry_id DESC"), AROUND
    )
    after = near.format(source, session, sql.SQL(">"), *place, sql.SQL("event_time, entry_id"), AROUND)
    query = sql.SQL(
        "SELECT (SELECT row_to_json(shown)::text FROM (SELECT {}, left(e.text, {}) AS text, {}) AS shown), e.event_time, e.entry_id"
        " FROM ({} UNION ALL {}) AS near JOIN api.log_entries AS e ON e.entry_id = near.entry_id AND e.day = near.day{} ORDER BY 2, 3"
    )
    return query.format(sql.SQL(TEXTS), SHOWN_CHARACTERS, names("p"), before, after, predictions(run_ids))
