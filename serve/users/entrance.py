"""Login and logout with their rows of the audit trail, the same for programs and for pages."""

from typing import Any
from uuid import UUID

from fastapi import Request

from serve.http.problems import NotFound, Problem
from serve.users import audit, sessions
from serve.users.access import Access
from serve.users.principal import Principal
from serve.users.sessions import Refusal, Session

ONLY_USERS = "A key has no sessions and no password. An admin revokes it: DELETE /v1/keys/{key}."
NO_SESSION = "You have no session with this id. GET /v1/auth/sessions lists yours."
BY_ITS_USER = "ended by its user"
LONGEST_NAME, LONGEST_PASSWORD = 256, 1_024


async def enter(access: Access, request: Request, name: str, password: str, kind: str) -> Session:
    """Begin a session of the user with this name and password; raises Refusal, or Problem 429 or 503."""
    try:
        user = await sessions.log_in(access, request, name, password)
        session = await sessions.begin(access, request, user, kind)
    except Refusal as refusal:
        await record_refusal(request, "login", refusal)
        raise
    detail = {"kind": kind}
    await audit.record(request, "login", who=user.name, subject=session.id, detail=detail, required=True)
    return session


async def leave(access: Access, request: Request, principal: Principal) -> int:
    """End the session that a request comes with, and return how many ended; raises Problem 403 for a key."""
    user = of_user(principal)
    ended = await sessions.end(access, user.id, user.session, "logout")
    await audit.record(request, "logout", subject=user.session)
    return ended


async def end_one(access: Access, request: Request, principal: Principal, session: str) -> None:
    """End one session of whoever asks; raises NotFound, or Problem 403 for a key."""
    user = of_user(principal)
    if not _is_uuid(session) or not await sessions.end(access, user.id, session, BY_ITS_USER):
        raise NotFound(NO_SESSION)
    await audit.record(request, "session_end", subject=session)


async def end_all(access: Access, request: Request, principal: Principal) -> int:
    """End every session of whoever asks, and return how many; raises Problem 403 for a key."""
    ended = await sessions.end(access, of_user(principal).id, None, BY_ITS_USER)
    await audit.record(request, "sessions_end", subject=principal.name)
    return ended


async def record_refusal(request: Request, action: str, refusal: Refusal) -> None:
    """Write down why a password or token was refused."""
    who = refusal.name or None
    await audit.record(request, action, who=who, outcome="refused", detail={"why": refusal.why})


async def listed(access: Access, principal: Principal) -> list[dict[str, Any]]:
    """Return the sessions of whoever asks, newest first; raises Problem 403 for a key."""
    user = of_user(principal)
    rows = await access.database.rows(sessions.LIST, (user.id,))
    return [_described(row, user.session) for row in rows]


def of_user(principal: Principal) -> Principal:
    """Return a user; raises Problem 403 for a key."""
    if principal.kind != "user":
        raise Problem(403, ONLY_USERS)
    return principal


def _described(row: tuple[Any, ...], current: str) -> dict[str, Any]:
    session, kind, origin, agent, *moments = row
    names = ("created_at", "seen_at", "expires_at")
    described = {"session": str(session), "kind": kind, "network": origin, "agent": agent}
    described |= {name: moment.isoformat() for name, moment in zip(names, moments, strict=True)}
    return described | {"is_current": str(session) == current}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
