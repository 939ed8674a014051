"""Intake of events: one by one, and in bulk."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import TypeAdapter
from starlette.responses import Response

from almanac.workloads.events.shared.intake import Event
from serve.answers import responses
from serve.answers.responses import ENCODE
from serve.answers.service import IngestDep
from serve.http import schemas
from serve.http.documented import answers
from serve.http.origins import own_origin
from serve.http.problems import Problem
from serve.http.request_bodies import BadItem, body
from serve.http.route import Route
from serve.reading.database import Database

router = APIRouter(
    prefix="/v1/events", tags=["events"], route_class=Route, dependencies=[Depends(own_origin)]
)

BULK_BYTES = 5_000_000
MOST_EVENTS = 1_000
CONFLICT = "Another event is stored under this id. An id names one event for ever; give this one another."
EXAMPLE = {
    "event_id": "order-4711",
    "event_type": "order",
    "event_time": "2026-11-22T06:00:00Z",
    "size_kb": 2.5,
    "priority": "high",
    "payload": {"shop": "Graz", "items": 3},
}
INTEGER = {"type": "integer"}
STORED = answers(schemas.object_of(duplicate={"type": "boolean"}), {"duplicate": False}, 409, 503)
RESULT = schemas.object_of(index=INTEGER, status={"enum": ["accepted", "duplicate", "conflict", "invalid"]})
RESULTS = schemas.array(RESULT) | {"description": "One for each event, in the order in which they were sent."}
STORED_MANY = answers(
    schemas.object_of(accepted=INTEGER, duplicates=INTEGER, rejected=INTEGER, results=RESULTS),
    {"accepted": 1, "duplicates": 0, "rejected": 0, "results": [{"index": 0, "status": "accepted"}]},
    503,
)
ROWS = TypeAdapter(list[dict[str, Any]])
INGEST = b"SELECT outcome FROM api.events_ingest(%s) ORDER BY place"


@router.post("", **STORED)
async def store_event(event: Annotated[Event, body(Event, EXAMPLE)], ingest: IngestDep) -> Response:
    """Store an event.

    The same id with the same body is a duplicate and harmless; with another body it is refused with 409.
    """
    [outcome] = await _store(ingest, [event])
    if outcome == "conflict":
        raise Problem(409, CONFLICT)
    return responses.fresh(ENCODE({"duplicate": outcome == "duplicate"}).encode())


@router.post("/bulk", **STORED_MANY)
async def store_events(
    events: Annotated[
        list[Event | BadItem],
        body(Event, [EXAMPLE], most_items=MOST_EVENTS, limit_bytes=BULK_BYTES, gzip=True),
    ],
    ingest: IngestDep,
) -> Response:
    """Store many events.

    At most 1000 events as a JSON array or as lines of JSON, gzip allowed.
    Each is judged by itself: a bad one stops no other.
    """
    outcomes = iter(await _store(ingest, [event for event in events if isinstance(event, Event)]))
    results = [_result(index, event, outcomes) for index, event in enumerate(events)]
    counts = Counter(result["status"] for result in results)
    accepted, duplicates = counts["accepted"], counts["duplicate"]
    summary = {
        "accepted": accepted,
        "duplicates": duplicates,
        "rejected": len(results) - accepted - duplicates,
        "results": results,
    }
    return responses.fresh(ENCODE(summary).encode())


def _result(index: int, event: Event | BadItem, outcomes: Any) -> dict[str, Any]:
    if isinstance(event, BadItem):
        return {"index": index, "status": "invalid", "errors": event.errors}
    return {"index": index, "status": next(outcomes)}


async def _store(ingest: Database, events: Sequence[Event]) -> list[str]:
    """Store events in one transaction and return the outcome of each: accepted, duplicate or conflict."""
    if not events:
        return []
    rows = ROWS.dump_json([event.row() for event in events]).decode()
    return [outcome for (outcome,) in await ingest.rows(INGEST, (rows,))]
