"""Users, sessions and keys as one server uses them: its parts, and who a credential belongs to."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from time import time
from typing import Annotated

from fastapi import Depends, Request

from almanac.settings import Settings
from serve.http.problems import Problem
from serve.reading.database import Database
from serve.users import api_keys
from serve.users.epochs import Epochs
from serve.users.passwords import Hasher
from serve.users.principal import SCOPES_OF_ROLE, Principal
from serve.users.signing import LONGEST_TOKEN, InvalidToken, Signer, secrets_of
from serve.users.verified import REMEMBERED_SECONDS, Verified

BY_SESSION = b"SELECT * FROM api.access_session(%s, NULL)"
BY_COOKIE = b"SELECT * FROM api.access_session(NULL, %s)"
BY_KEY = b"SELECT * FROM api.access_key(%s)"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="almanac"'}
INVALID_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="almanac", error="invalid_token"'}
NOBODY = (
    "This needs a user or a key. POST /v1/auth/login gives a token for `Authorization: Bearer`; "
    "an admin makes keys."
)
INVALID = "The token, key or session is not valid: it has expired, was ended or revoked, or never was one."


class Unauthorized(Problem):
    """Nobody asks, or somebody with a credential that is not valid. Pages may answer it by their login."""

    def __init__(self, detail: str = NOBODY) -> None:
        super().__init__(401, detail, headers=INVALID_CHALLENGE if detail == INVALID else CHALLENGE)


@dataclass(frozen=True)
class Access:
    """The parts by which a server knows users and keys."""

    database: Database
    epochs: Epochs
    signer: Signer
    hasher: Hasher = field(default_factory=Hasher)
    verified: Verified = field(default_factory=Verified)

    async def by_bearer(self, text: str) -> Principal:
        """Return whose an access token or an API key is; raises Unauthorized or Unavailable."""
        digest = sha256(text.encode("latin-1", "replace")).digest()
        if principal := await self._remembered(digest):
            return principal
        if text.startswith(api_keys.PREFIX):
            return await self._by_key(digest, text)
        return await self._by_token(digest, text)

    async def by_cookie(self, session: str) -> Principal | None:
        """Return whose the session of a browser is, or None for one that has ended; raises Unavailable."""
        digest = sha256(session.encode("latin-1", "replace")).digest()
        if principal := await self._remembered(digest):
            return principal
        return await self._of_session(digest, BY_COOKIE, digest, REMEMBERED_SECONDS)

    async def _remembered(self, digest: bytes) -> Principal | None:
        if not self.epochs.is_confirmed:
            await self.epochs.wait_until_confirmed()
        return self.verified.get(digest, self.epochs.epoch)

    async def _by_token(self, digest: bytes, text: str) -> Principal:
        if len(text) > LONGEST_TOKEN:
            raise Unauthorized(INVALID)
        try:
            claims = self.signer.claims(text)
        except InvalidToken:
            raise Unauthorized(INVALID) from None
        seconds = claims.expires_at - time()
        principal = await self._of_session(digest, BY_SESSION, claims.session, seconds)
        if principal is None or principal.id != claims.user:
            raise Unauthorized(INVALID)
        return principal

    async def _of_session(
        self, digest: bytes, query: bytes, value: str | bytes, seconds: float
    ) -> Principal | None:
        rows = await self.database.rows(query, (value,))
        if not rows:
            return None
        [(session, user, name, role, expires_at, epoch)] = rows
        principal = Principal(name, "user", role, SCOPES_OF_ROLE[role], str(user), str(session))
        self.verified.put(digest, principal, epoch=epoch, seconds=min(seconds, _seconds_until(expires_at)))
        return principal

    async def _by_key(self, digest: bytes, text: str) -> Principal:
        rows = await self.database.rows(BY_KEY, (digest,)) if api_keys.is_key(text) else []
        if not rows:
            raise Unauthorized(INVALID)
        [(key, name, scopes, expires_at, epoch)] = rows
        principal = Principal(name, "key", None, frozenset(scopes), key)
        seconds = _seconds_until(expires_at) if expires_at else REMEMBERED_SECONDS
        self.verified.put(digest, principal, epoch=epoch, seconds=seconds)
        return principal


def make_access(settings: Settings, database: Database) -> Access:
    """Return the parts, not yet connected; raises UsageError for a secret that is missing or weak."""
    epochs = Epochs(database, deadline_seconds=settings.deadline_seconds)
    return Access(database, epochs, Signer(secrets_of(settings)))


async def access_of(request: Request) -> Access:
    """Return the access of the server that answers; only its routes exist where access is on."""
    access: Access = request.app.state.access
    return access


async def principal_of(request: Request) -> Principal:
    """Return who asks, as the guard has found out."""
    principal: Principal = request.scope["state"]["principal"]
    return principal


AccessDep = Annotated[Access, Depends(access_of)]
PrincipalDep = Annotated[Principal, Depends(principal_of)]


def _seconds_until(moment: datetime) -> float:
    return (moment - datetime.now(UTC)).total_seconds()
