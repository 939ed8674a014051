"""Storing log entries that clients send."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from almanac.workloads.logs.shared.intake import Entry, ingest_item
from serve.answers import responses
from serve.answers.responses import ENCODE
from serve.answers.service import IngestDep
from serve.http import schemas
from serve.http.documented import answers
from serve.http.origins import own_origin
from serve.http.request_bodies import BadItem, body
from serve.http.route import Route
from serve.reading.database import Database

router = APIRouter(prefix="/v1/logs", tags=["logs"], route_class=Route, dependencies=[Depends(own_origin)])

MOST_ENTRIES = 1_000
MOST_BYTES = 5_000_000
STATUSES = ("accepted", "duplicate", "rejected")
INGEST = b"SELECT place, entry_id, is_new FROM api.log_ingest(%s)"
EXAMPLE = {
    "id": "node-7/000123",
    "time": "2025-04-15T06:00:00Z",
    "source": "broker",
    "session": "req-81",
    "level": "WARN",
    "logger": "kafka.server",
    "text": "Connection to node 7 was broken",
}
COUNT = {"type": "integer", "minimum": 0}
RESULT: schemas.Schema = {
    "type": "object",
    "required": ["line", "status"],
    "properties": {
        "line": {"type": "integer", "minimum": 1},
        "status": {"enum": list(STATUSES)},
        "entry_id": {"type": "integer"},
        "errors": schemas.array({"type": "object"}),
    },
}
RESULTS = schemas.object_of(**dict.fromkeys(STATUSES, COUNT), results=schemas.array(RESULT))
RESULTS_EXAMPLE = {
    "accepted": 1,
    "duplicate": 0,
    "rejected": 0,
    "results": [{"line": 1, "status": "accepted", "entry_id": 1204}],
}
ENTRIES = body(
    Entry,
    [EXAMPLE],
    doc="Entries; each bad one has an error of its own.",
    most_items=MOST_ENTRIES,
    limit_bytes=MOST_BYTES,
    gzip=True,
)


@router.post("", **answers(RESULTS, RESULTS_EXAMPLE, 503))
async def store_entries(entries: Annotated[list[Entry | BadItem], ENTRIES], ingest: IngestDep) -> Response:
    """Store log entries.

    Up to 1,000 entries as a JSON array or as lines of JSON, 5 MB unpacked. An entry whose `id` is stored
    already is a duplicate and changes nothing; without `id` every call stores it. `time` is the time of
    receipt where it is missing. Terminal commands are removed from the text.
    """
    stored = await _store(ingest, [item for item in entries if isinstance(item, Entry)])
    results = list(_results(entries, stored))
    counts = Counter(result["status"] for result in results)
    members = {status: counts[status] for status in STATUSES}
    return responses.fresh(ENCODE({**members, "results": results}).encode())


async def _store(ingest: Database, entries: Sequence[Entry]) -> Iterator[tuple[int, int, bool]]:
    """Store entries and return the place, the number and whether it is new of each, in their order."""
    if not entries:
        return iter(())
    items = json.dumps([ingest_item(entry) for entry in entries])
    return iter(await ingest.rows(INGEST, (items,)))


def _results(
    entries: Sequence[Entry | BadItem], stored: Iterator[tuple[int, int, bool]]
) -> Iterator[dict[str, Any]]:
    """Yield what became of each entry; its line is its place in the body, from 1."""
    for line, item in enumerate(entries, start=1):
        if isinstance(item, BadItem):
            yield {"line": line, "status": "rejected", "errors": list(item.errors)}
        else:
            _, entry_id, is_new = next(stored)
            yield {"line": line, "status": "accepted" if is_new else "duplicate", "entry_id": entry_id}
