"""The audit trail and the counts of use, for admins."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from almanac.contract import Column
from serve.answers import pages, responses
from serve.answers.service import AccessDatabaseDep
from serve.http import schemas
from serve.http.deadline import end_within
from serve.http.documented import answers
from serve.http.query_models import DEFAULT_LIMIT, INSTANT, MOST_ROWS, NUMBER, TEXT, QueryModel, one_of, whole
from serve.http.route import Route
from serve.reading.database import Database
from serve.users import audit

router = APIRouter(prefix="/v1/audit", tags=["audit"], route_class=Route)

READ = b"SELECT entry::text, audit_id FROM api.audit_read(%s, %s, %s)"
USAGE = b"SELECT coalesce(json_agg(entry), '[]')::text FROM api.usage_read(%s, %s, %s)"
NEWEST = 2**63 - 1
ROWS_AT_A_TIME = 1_000
MOST_USAGE = 10_000
# A spreadsheet takes a text that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
DISPOSITION = 'attachment; filename="audit.{}"'
MEDIA_TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
COLUMNS = (
    Column(name="number", type="bigint", doc="Number of the row, without gaps."),
    Column(name="recorded_at", type="timestamp"),
    Column(name="action", type="text", doc="What was done or tried."),
    Column(name="who", type="text", nullable=True, doc="The user or key; null where nobody was signed in."),
    Column(name="subject", type="text", doc="To what or to whom."),
    Column(name="outcome", type="text", doc="ok, refused or another word for how it ended."),
    Column(name="address", type="text", doc="Where from; of counted refusals the network."),
    Column(name="request_id", type="text", doc="X-Request-ID of the request."),
    Column(name="detail", type="json", doc="What else there is to say; nothing secret."),
    Column(name="hash", type="text", doc="SHA-256 over the row and the hash of the row before."),
)
# Filter of the database, parameter of the route.
FILTERS = {name: name for name in ("action", "who", "subject", "outcome")} | {"from": "since", "to": "until"}
NAMES = [column.name for column in COLUMNS]
EXAMPLE = schemas.example_row(COLUMNS) | {"action": "rollback", "who": "anna", "outcome": "ok", "detail": {}}
PAGE = schemas.object_of(**schemas.rows(schemas.row(COLUMNS)))
USAGE_COLUMNS = (
    Column(name="day", type="date"),
    Column(name="who", type="text", doc="The user or key, or anonymous."),
    Column(name="route", type="text"),
    Column(name="workload", type="text", nullable=True),
    Column(name="model_version", type="integer", nullable=True, doc="The version that answered."),
    Column(name="count", type="bigint", doc="Answers below 400."),
)
USAGE_ROWS = schemas.object_of(rows=schemas.array(schemas.row(USAGE_COLUMNS)))


class Filters(QueryModel):
    """Which rows of the trail."""

    action: Annotated[str | None, TEXT, Field(description="Only this action.", examples=["rollback"])] = None
    who: Annotated[str | None, TEXT, Field(description="Only of this user or key.", examples=["anna"])] = None
    subject: Annotated[str | None, TEXT, Field(description="Only about this.", examples=["football"])] = None
    outcome: Annotated[str | None, TEXT, Field(description="Only with this end.", examples=["ok"])] = None
    since: Annotated[
        datetime | None,
        INSTANT,
        Field(description="Only from this instant on.", examples=["2025-04-15T06:00:00Z"]),
    ] = None
    until: Annotated[
        datetime | None,
        INSTANT,
        Field(description="Only before this instant.", examples=["2025-04-16T06:00:00Z"]),
    ] = None

    def as_json(self) -> str:
        """Return the filters as the database reads them."""
        values = self.parameters()
        chosen = {name: str(values[column]) for name, column in FILTERS.items() if column in values}
        return json.dumps(chosen)


class AuditQuery(Filters):
    """A page of the trail."""

    limit: Annotated[
        int, whole(1, MOST_ROWS), Field(description="Most rows of one page.", examples=[DEFAULT_LIMIT])
    ] = DEFAULT_LIMIT
    before: Annotated[
        int | None, NUMBER, Field(description="Only rows with a smaller number.", examples=[12])
    ] = None


class ExportQuery(Filters):
    """All rows that fit, as a file."""

    format: Annotated[
        Literal["csv", "ndjson"], one_of(*MEDIA_TYPES), Field(description="csv or ndjson.", examples=["csv"])
    ] = "csv"


class UsageQuery(QueryModel):
    """Counts of the last days."""

    days: Annotated[int, whole(1, 400), Field(description="So many days until today.", examples=[30])] = 30


@router.get("", **answers(PAGE, {"rows": [EXAMPLE], "next": None}, 503))
async def list_audit(
    request: Request, access: AccessDatabaseDep, query: Annotated[AuditQuery, Depends(AuditQuery.read)]
) -> Response:
    """Show who did what, newest first.

    Logins and failures, keys, roles, releases by hand, deletions, exports and refused writes. Beyond a limit
    refusals are counted: one row for account, network and minute.
    """
    rows = await _rows(access, query.as_json(), query.before or NEWEST, query.limit + 1)
    page, following = pages.cut_by_number(request, rows, query.limit)
    return responses.fresh(responses.payload(pages.members(page, following)).content)


@router.get(
    "/export",
    **answers({"type": "string"}, "number,recorded_at", 503, media_types=tuple(MEDIA_TYPES.values())),
)
async def export_audit(
    request: Request, access: AccessDatabaseDep, query: Annotated[ExportQuery, Depends(ExportQuery.read)]
) -> Response:
    """Export rows of the audit trail as a file, newest first.

    The export is a row of the trail too, written before the file is sent.
    """
    await audit.record(request, "export", subject="audit", required=True)
    rows = await _rows(access, query.as_json(), NEWEST, ROWS_AT_A_TIME)
    content = _content(access, query, rows, request.app.state.bounds.deadline_seconds)
    headers = {"Cache-Control": "no-store", "Content-Disposition": DISPOSITION.format(query.format)}
    return StreamingResponse(content, headers=headers, media_type=MEDIA_TYPES[query.format])


@router.get("/usage", **answers(USAGE_ROWS, {"rows": [schemas.example_row(USAGE_COLUMNS)]}, 503))
async def list_usage(
    access: AccessDatabaseDep, query: Annotated[UsageQuery, Depends(UsageQuery.read)]
) -> Response:
    """Show who reads what: counts by day, key, route, workload and model version.

    Without addresses. Counts of the last minute may be missing, and those of a process that was killed.
    """
    today = datetime.now(UTC).date()
    first: date = today - timedelta(days=query.days - 1)
    [(rows,)] = await access.rows(USAGE, (first, today, MOST_USAGE))
    return responses.fresh(responses.payload({"rows": rows}).content)


async def _rows(access: Database, filters: str, before: int, most: int) -> list[tuple[str, int]]:
    return await access.rows(READ, (filters, before, most))


async def _content(
    access: Database, query: ExportQuery, rows: list[tuple[str, int]], deadline_seconds: float
) -> AsyncIterator[bytes]:
    """Yield the file page by page; each page has a deadline of its own."""
    if query.format == "csv":
        yield (",".join(NAMES) + "\r\n").encode()
    while rows:
        yield "".join(_csv_line(row) if query.format == "csv" else f"{row}\n" for row, _ in rows).encode()
        if len(rows) < ROWS_AT_A_TIME:
            return
        end_within(deadline_seconds)
        rows = await _rows(access, query.as_json(), rows[-1][1], ROWS_AT_A_TIME)


def _csv_line(row: str) -> str:
    """Return a row of JSON as a line of CSV in which no cell is a formula."""
    values, line = json.loads(row), io.StringIO()
    csv.writer(line).writerow([_cell(values[name]) for name in NAMES])
    return line.getvalue()


def _cell(value: Any) -> Any:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(FORMULA) else text
