"""Sessions: login, refresh, and their end."""

from typing import Any, NamedTuple
from uuid import uuid4

from fastapi import Request

from serve.users import limits
from serve.users.access import Access, Unauthorized
from serve.users.addresses import client_address, network
from serve.users.names import plain_name
from serve.users.signing import hash_of, new_refresh_token

# A session ends after 30 days at the latest, however often it is refreshed.
SESSION_SECONDS = 30 * 86_400
LIFETIME = f"{SESSION_SECONDS} seconds"
# Calls that overlap, or come again because an answer was lost, get the same child for so long.
GRACE = "10 seconds"
LONGEST_AGENT = 120
CREDENTIALS = b"SELECT * FROM api.access_credentials(%s)"
REHASH = b"SELECT api.access_rehash(%s, %s, %s)"
BEGIN = b"SELECT api.access_begin(%s, %s, %s, %s, %s::interval, %s, %s)"
REFRESH = b"SELECT * FROM api.access_refresh(%s, %s, %s::interval)"
END = b"SELECT ended, epoch FROM api.access_end(%s, %s, %s)"
LIST = b"SELECT * FROM api.access_sessions(%s)"
WRONG = "User name or password is wrong."
NOT_REFRESHED = "The refresh token is not valid: it has expired, was used before, or its session has ended."


class Session(NamedTuple):
    """A session that has begun or goes on; `token` is its cookie or its newest refresh token."""

    id: str
    user: str
    name: str
    role: str
    token: str


class Refusal(Unauthorized):
    """A login or refresh that failed; `why` is for the audit trail, and tells the client nothing."""

    def __init__(self, detail: str, why: str, name: str = "") -> None:
        super().__init__(detail)
        self.why = why
        self.name = name


class User(NamedTuple):
    """What a login needs of a user."""

    id: Any
    name: str
    role: str
    password_hash: str | None
    is_disabled: bool


async def log_in(access: Access, request: Request, name: str, password: str) -> User:
    """Return the user with this name and password; raises Refusal, or Problem 429 or 503.

    An unknown name takes as long as a wrong password, and nothing tells them apart.
    """
    account = plain_name(name) or ""
    await limits.begin_login(request, account)
    rows = await access.database.rows(CREDENTIALS, (account,))
    user = User(*rows[0]) if rows else None
    verdict = await access.hasher.verify(user.password_hash if user else None, password)
    is_admitted = user is not None and verdict.is_right and not user.is_disabled
    await limits.end_login(request, account, succeeded=is_admitted)
    if user is None or not is_admitted:
        raise Refusal(WRONG, _why(user, is_right=verdict.is_right), account)
    if verdict.new_hash:
        await access.database.rows(REHASH, (user.id, user.password_hash, verdict.new_hash))
    return user


async def begin(access: Access, request: Request, user: User, kind: str) -> Session:
    """Begin a session of a user under a new id; raises Refusal where the user was disabled meanwhile."""
    session, token = uuid4(), new_refresh_token()
    agent = "".join(each for each in request.headers.get("user-agent", "") if each.isprintable())
    origin = network(client_address(request))
    values = (session, user.id, kind, hash_of(token), LIFETIME, origin, agent[:LONGEST_AGENT])
    [(ends_at,)] = await access.database.rows(BEGIN, values)
    if ends_at is None:
        raise Refusal(WRONG, "disabled", user.name)
    return Session(str(session), str(user.id), user.name, user.role, token)


async def refresh(access: Access, token: str) -> Session:
    """Exchange a refresh token for its child; raises Refusal, and ends the session of one that was stolen."""
    children = access.signer.children(token)
    values = (hash_of(token), hash_of(children[0]), GRACE)
    [row] = await access.database.rows(REFRESH, values)
    outcome, session, user, name, role, successor, _, epoch = row
    child = next((each for each in children if hash_of(each) == successor), None)
    if outcome not in ("first", "again") or child is None:
        access.epochs.see(epoch)
        raise Refusal(NOT_REFRESHED, outcome, name or "")
    return Session(str(session), str(user), name, role, child)


async def end(access: Access, user: str, session: str | None, why: str) -> int:
    """End one session of a user, or all; return how many. From now on this server refuses them."""
    [(ended, epoch)] = await access.database.rows(END, (user, session, why))
    access.epochs.see(epoch)
    return int(ended)


def _why(user: User | None, *, is_right: bool) -> str:
    if user is None:
        return "unknown user"
    return "disabled" if is_right else "wrong password"
