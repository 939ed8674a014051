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
from serve.routes.logs.queries import text_of

router = APIRouter(prefix="/v1/logs", tags=["logs"], route_class=ReleaseRoute)

NEIGHBOURS = 10
# Longer numbers are not those of entries.
MOST_DIGITS = 15
ROW: Final = schemas.row(columns.ROW)
NUMBER = b"SELECT entry_id FROM api.log_ids WHERE id = %s"
ONE = sql.SQL("""
SELECT (SELECT row_to_json(entry)::text FROM (SELECT {written}, e.text, {predicted}) AS entry),
    e.source, e.session, e.event_time
FROM api.log_entries AS e{predictions} WHERE e.entry_id = {number}""")
NEAR = sql.SQL("""(
    SELECT * FROM api.log_search
    WHERE source = {source} AND session = {session}
        AND (event_time, entry_id) {comparison} ({event_time}, {number})
    ORDER BY {order} LIMIT {limit}
)""")
BEFORE = sql.SQL("<"), sql.SQL("event_time DESC, entry_id DESC")
AFTER = sql.SQL(">"), sql.SQL("event_time, entry_id")
AROUND = sql.SQL("""
SELECT (
    SELECT row_to_json(entry)::text
    FROM (SELECT {written}, left(e.text, {characters}) AS text, {predicted}) AS entry
), e.event_time, e.entry_id
FROM ({before} UNION ALL {after}) AS near
JOIN api.log_entries AS e ON e.entry_id = near.entry_id AND e.day = near.day{predictions} ORDER BY 2, 3""")


class EntryQuery(EditionQuery):
    """One entry."""

    id: Annotated[
        str,
        TEXT,
        Field(description="Number of the entry, or the id that the client gave.", examples=["1204"]),
    ]


class Place(NamedTuple):
    """Where an entry stands among the entries of its session."""

    source: str
    session: str
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
    """One entry with the session around it

    The entry, and up to 10 entries of its session before and after it. What the model says is null while no run has
    predicted the entry.
    """
    # An entry can be read before the first release too.
    database, run_ids = release.service.database, release.run_ids
    number = await _number(database, query.id)
    rows = await database.rows(text_of(_one(number, run_ids)))
    if not rows:
        raise release.not_found()
    row, source, session, event_time = rows[0]
    neighbours = []
    if session is not None:
        place = Place(source, session, event_time, number)
        neighbours = await database.rows(text_of(_around(place, run_ids)))
    return release.answer(row=row, session=f"[{','.join(each for each, *_ in neighbours)}]")


async def _number(database: Database, text: str) -> int:
    """Return the number of an entry, whose id may be the client's; 0 where there is none."""
    key = UUID(bytes=sha256(f"client {text}".encode()).digest()[:16])
    if rows := await database.rows(NUMBER, (key,)):
        return int(rows[0][0])
    is_number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    return int(text) if is_number else 0


def _one(number: int, run_ids: Sequence[str]) -> sql.Composed:
    return ONE.format(
        written=columns.ENTRY_SQL,
        predicted=columns.predicted("p"),
        predictions=columns.with_predictions(run_ids),
        number=number,
    )


def _around(place: Place, run_ids: Sequence[str]) -> sql.Composed:
    return AROUND.format(
        written=columns.ENTRY_SQL,
        characters=columns.MOST_CHARACTERS,
        predicted=columns.predicted("p"),
        before=_near(place, *BEFORE),
        after=_near(place, *AFTER),
        predictions=columns.with_predictions(run_ids),
    )


def _near(place: Place, comparison: sql.SQL, order: sql.SQL) -> sql.Composed:
    return NEAR.format(**place._asdict(), comparison=comparison, order=order, limit=NEIGHBOURS)
