"""The audit trail: who did what, from where, and how it ended; nothing secret is in it."""

import json
import logging
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack
from uuid import uuid4

from fastapi import Request

from serve.http.problems import Problem
from serve.reading.database import Database
from serve.users.addresses import client_address, network

APPEND = b"SELECT api.audit_append(%s)"
COUNT = b"SELECT api.audit_count(%s, %s, %s)"
NOT_WRITTEN = "The audit trail could not be written: %s of %s by %s"
# A detail longer than this says no more.
MOST_CHARACTERS = 1_000
log = logging.getLogger("almanac.audit")


class Event(TypedDict, total=False):
    """What a row of the trail says beside its action; `who` is the principal unless it is named.

    `required` lets the request fail where the row cannot be written.
    """

    who: str | None
    subject: str
    outcome: str
    detail: Mapping[str, str]
    required: bool


async def record(request: Request, action: str, **event: Unpack[Event]) -> None:
    """Write one row of the trail; without access control there is none.

    Raises Unavailable only for an event that is required. Every other goes to the log where the database is
    away.
    """
    access: Database | None = request.app.state.service.access
    if access is None:
        return
    row = row_of(request, action, **event)
    try:
        await access.rows(APPEND, (as_json(row),))
    except Problem:
        log.exception(NOT_WRITTEN, action, row["subject"], row["who"])
        if event.get("required"):
            raise


def row_of(request: Request, action: str, **event: Unpack[Event]) -> dict[str, Any]:
    """Return a row of the trail as the database takes it."""
    return {
        "event_id": str(uuid4()),
        "action": action,
        "who": event.get("who") or _name_of_principal(request),
        "subject": event.get("subject", ""),
        "outcome": event.get("outcome", "ok"),
        "address": client_address(request),
        "request_id": request.scope.get("almanac.request_id", ""),
        "detail": {name: text[:MOST_CHARACTERS] for name, text in event.get("detail", {}).items()},
    }


async def count(request: Request, action: str, who: str = "") -> None:
    """Count a refusal beyond a limit; each minute becomes one row for its account and network."""
    access: Database | None = request.app.state.service.access
    if access is None:
        return
    origin = network(client_address(request))
    try:
        await access.rows(COUNT, (action, plain(who), origin))
    except Problem:
        log.exception(NOT_WRITTEN, action, "a limit", who)


def _name_of_principal(request: Request) -> str | None:
    principal = getattr(request.state, "principal", None)
    return principal.name if principal and principal.kind != "anonymous" else None


def as_json(row: Mapping[str, object]) -> str:
    """Return the row as JSON that PostgreSQL takes, which has neither half characters nor U+0000."""
    text = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace").decode()
    return text.replace("\\u0000", "\\ufffd")


def plain(text: str) -> str:
    """Return a text that PostgreSQL takes: whole characters without U+0000."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
