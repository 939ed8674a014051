"""Entries as a file that is read page by page while it is sent."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from serve.answers.service import ServiceDep
from serve.http.deadline import end_within
from serve.http.documented import answers
from serve.http.query_models import one_of
from serve.http.route import Route
from serve.reading.database import Database
from serve.routes.logs import columns, queries
from serve.routes.logs.conditions import Search
from serve.routes.logs.parameters import EntriesQuery, edition_of
from serve.users import audit

router = APIRouter(prefix="/v1/logs", tags=["logs"], route_class=Route)

ROWS_AT_A_TIME = 1_000
# A spreadsheet takes a text that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
CSV_HEADER = ",".join(columns.NAMES) + "\r\n"
EXAMPLE = "entry_id,client_id,event_time\r\n1204,,2025-04-15T06:00:00+00:00\r\n"
MEDIA_TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
DISPOSITION = 'attachment; filename="logs.{}"'
# Pairs of JSON and key.
Rows = list[tuple[Any, ...]]


class ExportQuery(EntriesQuery):
    """All entries that fit, as a file."""

    format: Annotated[
        Literal["csv", "ndjson"],
        one_of(*MEDIA_TYPES),
        Field(description="csv or ndjson.", examples=["csv"]),
    ] = "csv"


class Format(NamedTuple):
    """The media type of a file, its beginning, and how it writes a row of JSON."""

    media_type: str
    header: str
    line: Callable[[str], str]


@router.get(
    "/export", **answers({"type": "string"}, EXAMPLE, 404, 410, 503, media_types=tuple(MEDIA_TYPES.values()))
)
async def export_entries(
    request: Request, service: ServiceDep, query: Annotated[ExportQuery, Depends(ExportQuery.read)]
) -> Response:
    """Export entries as a file, newest first.

    All entries that /v1/logs/search would find, of one release to the end, as they are read. In CSV a quote
    stands before a text that a spreadsheet would take for a formula.
    """
    database, form = service.database, FORMATS[query.format]
    edition = await edition_of(service, request, query)
    search = await queries.search_of(database, edition, query.narrowed(limit=ROWS_AT_A_TIME - 1))
    await audit.record(request, "export", subject="logs")
    # The first page is read before the answer begins, so that a problem can still become a status.
    _, rows = await queries.read(database, search)
    later = _later_pages(database, search, rows, request.app.state.bounds.deadline_seconds)
    headers = {"Cache-Control": "no-store", "Content-Disposition": DISPOSITION.format(query.format)}
    return StreamingResponse(_content(form, rows, later), headers=headers, media_type=form.media_type)


async def _content(form: Format, rows: Rows, later: AsyncIterator[Rows]) -> AsyncIterator[bytes]:
    yield form.header.encode()
    yield _encoded(form, rows)
    async for page in later:
        yield _encoded(form, page)


async def _later_pages(
    database: Database, search: Search, rows: Rows, deadline_seconds: float
) -> AsyncIterator[Rows]:
    """Yield the pages after these rows; each begins after the last entry of the page before.

    A file may take longer than a request, so each page has a deadline of its own.
    """
    while len(rows) == ROWS_AT_A_TIME:
        _, key = rows[-1]
        end_within(deadline_seconds)
        _, rows = await queries.read(database, search, key)
        yield rows


def _encoded(form: Format, rows: Rows) -> bytes:
    return "".join(form.line(row) for row, _ in rows).encode()


def csv_line(row: str) -> str:
    """Return a row of JSON as a line of CSV in which no cell is a formula."""
    values, line = json.loads(row), io.StringIO()
    cells = [_harmless(values[name]) for name in columns.NAMES]
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _harmless(value: Any) -> Any:
    is_formula = isinstance(value, str) and value.startswith(FORMULA)
    return f"'{value}" if is_formula else value


def _json_line(row: str) -> str:
    values = json.loads(row)
    members = {name: values[name] for name in columns.NAMES}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")) + "\n"


FORMATS = {
    "csv": Format(MEDIA_TYPES["csv"], CSV_HEADER, csv_line),
    "ndjson": Format(MEDIA_TYPES["ndjson"], "", _json_line),
}
