"""One entry with the session around it."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends
from psycopg import sql
from pydantic import Field
from starlette.responses import Response

from almanac.workloads.logs.contract import CONTRACT
from serve.answers.release import ReleaseRoute
from serve.http import schemas
from serve.http.documented import released
from serve.http.query_models import TEXT, EditionQuery
from serve.reading.database import Database
from serve.routes.logs import columns
from serve.routes.logs.parameters import LogsRelease
from serve.routes.logs.statements import run

router = APIRouter(prefix="/v1/logs", tags=["logs"], route_class=ReleaseRoute)

NEIGHBOURS = 10
# Longer numbers are not those of entries.
MOST_DIGITS = 15
ROW: Final = schemas.row(columns.ROW)
NUMBER = b"SELECT entry_id FROM api.log_ids WHERE id = %s"
ONE = sql.SQL(f"""
SELECT (
    SELECT row_to_json(entry)::text
    FROM (SELECT {columns.ENTRY_SQL}, e.text, {columns.PREDICTION_SQL}) AS entry
), e.source, e.session, e.event_time
FROM api.log_entries AS e{columns.JOIN_PREDICTIONS} WHERE e.entry_id = {{number}}""")
NEAR = """(
    SELECT * FROM api.log_search WHERE source = {{source}} AND session = {{session}}
        AND (event_time, entry_id) {comparison} ({{event_time}}, {{number}})
    ORDER BY {order} LIMIT {limit}
)"""
BEFORE = NEAR.format(comparison="<", order="event_time DESC, entry_id DESC", limit=NEIGHBOURS)
AFTER = NEAR.format(comparison=">", order="event_time, entry_id", limit=NEIGHBOURS)
AROUND = sql.SQL(f"""
SELECT (
    SELECT row_to_json(entry)::text FROM (
        SELECT {columns.ENTRY_SQL}, left(e.text, {columns.MOST_CHARACTERS}) AS text, {columns.PREDICTION_SQL}
    ) AS entry
)
FROM ({BEFORE} UNION ALL {AFTER}) AS near
JOIN api.log_entries AS e ON e.entry_id = near.entry_id AND e.day = near.day{columns.JOIN_PREDICTIONS}
ORDER BY e.event_time, e.entry_id""")


class EntryQuery(EditionQuery):
    """One entry."""

    id: Annotated[
        str,
        TEXT,
        Field(description="Number of the entry, or the id that the client gave.", examples=["1204"]),
    ]


class Place(NamedTuple):
    """Where an entry stands among those of its session, if it has one."""

    source: str
    session: str | None
    event_time: datetime
    number: int


@router.get(
    "/entries/{id:path}",
    **released(
        CONTRACT,
        {"row": ROW, "session": schemas.array(ROW)},
        {"row": columns.EXAMPLE, "session": [columns.EXAMPLE]},
    ),
)
async def read_entry(
    query: Annotated[EntryQuery, Depends(EntryQuery.read)], release: LogsRelease
) -> Response:
    """Return one entry with the session around it.

    The entry, and up to 10 entries of its session before and after it. What the model says is null while no
    run has predicted the entry.
    """
    # An entry can be read before the first release too, so it is not asked for through the release.
    database, run_ids = release.service.database, release.run_ids
    number = await _number(database, query.id)
    rows = await run(database, ONE.format(runs=columns.runs(run_ids), number=number))
    if not rows:
        raise release.not_found()
    row, source, session, event_time = rows[0]
    place = Place(source, session, event_time, number)
    neighbours = await _neighbours(database, place, run_ids)
    return release.answer(row=row, session=f"[{','.join(neighbours)}]")


async def _number(database: Database, text: str) -> int:
    """Return the number of an entry, whose id may be the client's; 0 where there is none."""
    if rows := await database.rows(NUMBER, (_key(text),)):
        return int(rows[0][0])
    is_number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    return int(text) if is_number else 0


def _key(client_id: str) -> UUID:
    """Return the hash by which the id of a client is stored."""
    digest = sha256(f"client {client_id}".encode()).digest()
    return UUID(bytes=digest[:16])


async def _neighbours(database: Database, place: Place, run_ids: Sequence[str]) -> list[str]:
    """Return the JSON of the entries before and after a place in its session."""
    if place.session is None:
        return []
    query = AROUND.format(**place._asdict(), runs=columns.runs(run_ids))
    return [row for (row,) in await run(database, query)]
