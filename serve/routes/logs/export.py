"""Entries as a file, and two model versions beside each other."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from fastapi import Request
from psycopg import sql
from starlette.responses import Response, StreamingResponse

from almanac import fields
from almanac.contract import Contract
from serve.answers.cache import Payload
from serve.answers.service import Service
from serve.http import parameters, schemas
from serve.http.endpoints import HEADERS, Endpoint
from serve.http.parameters import Parameter, Values
from serve.reading.edition import Edition
from serve.reading.request import parse
from serve.routes.logs import overview, queries, search

ROWS_AT_A_TIME = 1_000
FORMATS = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
COLUMNS = (*(column.name for column in search.WRITTEN), *queries.PREDICTED)
# What makes a spreadsheet take a text for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
COMPARED = """
    FROM api.logs_predictions AS a JOIN api.logs_predictions AS b USING (entry_id)
    WHERE a.run_id IN ({}) AND b.run_id IN ({}) AND a.event_time >= {} AND a.event_time < {}"""
CHANGES = """
    SELECT a.level, b.level, a.severity, b.severity, a.anomaly, b.anomaly, count(*) {}
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 7 DESC, 1, 2, 3, 4, 5, 6"""
SAMPLE = """SELECT coalesce(json_agg(told), '[]')::text FROM (
    SELECT entry_id, a.event_time, a.source, a.template_id, json_build_array(a.level, b.level) AS level,
           json_build_array(a.severity, b.severity) AS severity, json_build_array(a.anomaly, b.anomaly) AS anomaly {}
    AND (a.level, a.severity, a.anomaly) IS DISTINCT FROM (b.level, b.severity, b.anomaly)
    ORDER BY a.event_time DESC, entry_id DESC LIMIT {}) AS told"""


def endpoints(service: Service, contract: Contract) -> list[Endpoint]:
    """Return the routes for reading many entries, and for comparing versions."""
    form = Parameter(
        "format", _format, {"type": "string", "enum": list(FORMATS)}, "csv or ndjson.", "csv", default="csv"
    )
    one = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
    pair = {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
    versions = Parameter(
        "versions", _versions, pair, "Two model versions, comma separated.", [3, 4], default=(0, 0)
    )
    period = [parameter for parameter in search.filters(contract) if parameter.name in ("since", "until")]
    limit, _ = parameters.paging()
    return [
        Endpoint(
            path="/v1/logs/export",
            summary="Entries as a file, newest first",
            doc="All entries that /v1/logs/search would find, of one release to the end, as they are read. "
            "In CSV a quote stands before what a spreadsheet would take for a formula.",
            handler=partial(_export, service, contract),
            schema={"type": "string"},
            example="entry_id,client_id,event_time\r\n1204,,2025-04-15T06:00:00+00:00\r\n",
            parameters=(form, *search.filters(contract), *parameters.edition()),
            refusals=(404, 410, 422, 503),
            tag=contract.name,
            media_type=FORMATS["csv"],
            other_media_types=(FORMATS["ndjson"],),
        ),
        Endpoint(
            path="/v1/logs/compare",
            summary="Two model versions beside each other",
            doc="How many entries that both have predicted get another level, severity or anomaly, and the newest of them; "
            "by default of the last day.",
            handler=partial(_compare, service, contract),
            schema=COMPARISON,
            example=EXAMPLE,
            parameters=(versions, *period, limit),
            refusals=(404, 410, 422, 503),
            headers=HEADERS,
            tag=contract.name,
        ),
    ]


EXAMPLE = {
    "workload": "logs", "versions": [3, 4], "common": 1204, "changed": 7,
    "changes": [{"level": ["info", "warning"], "severity": ["low", "medium"], "anomaly": [False, False], "entries": 7}], "rows": [],
}  # fmt: skip
COMPARISON: schemas.Schema = {
    "type": "object",
    "required": list(EXAMPLE),
    "properties": {
        "workload": {"type": "string"},
        "versions": {"type": "array", "items": {"type": "integer"}},
        "common": {"type": "integer"},
        "changed": {"type": "integer"},
        "changes": {
            "type": "array",
            "items": {"type": "object", "required": ["level", "severity", "anomaly", "entries"]},
        },
        "rows": {"type": "array", "items": {"type": "object"}},
    },
}


async def _export(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    edition = (await service.editions.choose(parse(contract, request, values))).edition
    write = csv_line if values["format"] == "csv" else _json_line
    head = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="logs.{values["format"]}"',
    }
    first = csv_header() if values["format"] == "csv" else ""
    # The first page is read before the answer begins, so that what goes wrong can still be said.
    pages = _pages(service, edition, values)
    begun = [page async for page in _first(pages)]

    async def lines() -> AsyncIterator[bytes]:
        yield first.encode()
        for page in begun:
            yield "".join(map(write, page)).encode()
        async for page in pages:
            yield "".join(map(write, page)).encode()

    return StreamingResponse(lines(), headers=head, media_type=FORMATS[values["format"]])


async def _first(pages: AsyncIterator[list[str]]) -> AsyncIterator[list[str]]:
    async for page in pages:
        yield page
        return


async def _pages(service: Service, edition: Edition | None, values: Values) -> AsyncIterator[list[str]]:
    """Yield the entries as JSON, page by page; of which each begins where the one before has ended."""
    after: tuple[Any, ...] = ()
    while edition:
        _, found = await queries.read(service, edition, {**values, "limit": ROWS_AT_A_TIME - 1}, after)
        if found:
            yield [row for row, _ in found]
        if len(found) < ROWS_AT_A_TIME:
            return
        after = tuple(found[-1][1])


def csv_header() -> str:
    """Return the first line of a CSV file."""
    return ",".join(COLUMNS) + "\r\n"


def csv_line(row: str) -> str:
    """Return a row of JSON as a line of CSV in which no cell is a formula."""
    told, buffer = json.loads(row), io.StringIO()
    csv.writer(buffer).writerow([_harmless(told[name]) for name in COLUMNS])
    return buffer.getvalue()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _json_line(row: str) -> str:
    told = json.loads(row)
    return (
        json.dumps({name: told[name] for name in COLUMNS}, ensure_ascii=False, separators=(",", ":")) + "\n"
    )


async def _compare(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    first, second = [await service.editions.of_version(contract, version) for version in values["versions"]]
    until: datetime | None = values.get("until")
    if until is None:
        [(newest,)] = await service.database.rows(overview.NEWEST, (list(first.run_ids),))
        until = (newest or datetime.now(UTC)) + timedelta(minutes=5)
    since = values.get("since") or until - timedelta(days=1)
    runs = [sql.SQL(", ").join(map(sql.Literal, edition.run_ids)) for edition in (first, second)]
    source = sql.SQL(COMPARED).format(*runs, since, until)
    found = await service.database.rows(queries.text_of(sql.SQL(CHANGES).format(source)))
    [(rows,)] = await service.database.rows(queries.text_of(sql.SQL(SAMPLE).format(source, values["limit"])))
    changes = [
        {"level": [a, b], "severity": [c, d], "anomaly": [e, f], "entries": n}
        for a, b, c, d, e, f, n in found
        if (a, c, e) != (b, d, f)
    ]
    told = {
        "workload": contract.name,
        "versions": list(values["versions"]),
        "common": sum(row[-1] for row in found),
    }
    told |= {"changed": sum(change["entries"] for change in changes), "changes": changes}
    return service.document(
        request, Payload(json.dumps(told, separators=(",", ":"))[:-1].encode() + f',"rows":{rows}}}'.encode())
    )


def _format(given: str) -> str:
    if given not in FORMATS:
        raise ValueError(f"must be one of {', '.join(FORMATS)}")
    return given


def _versions(given: str) -> tuple[int, ...]:
    found = tuple(fields.integer(1, 2**31 - 1)(part) for part in given.split(","))
    if len(found) != 2:
        raise ValueError("must be two model versions, for example 3,4")
    return found
