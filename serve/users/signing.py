"""Access tokens (RFC 9068, HS256) and the children of refresh tokens, made from the secret of the server."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_urlsafe
from time import time
from uuid import UUID

import jwt

from almanac.errors import UsageError
from almanac.settings import Settings

ISSUER, AUDIENCE = "almanac", "almanac-api"
TOKEN_TYPE = "at+jwt"  # noqa: S105  # the media type of RFC 9068
ALGORITHM = "HS256"
ACCESS_SECONDS = 900
# The clock of another server may be so much ahead of ours.
LEEWAY_SECONDS = 120
LONGEST_TOKEN = 2_048
LEAST_SECRET_BYTES = 32
CLAIMS = ("iss", "aud", "sub", "exp", "iat", "jti", "sid", "role")
REFRESH_PREFIX = "almr_"
UNSIGNED = (
    "ALMANAC_AUTH is on, and ALMANAC_SECRET is not set. "
    "Set it to at least 32 bytes, for example from: openssl rand -base64 48"
)
TOO_SHORT = "{name} has {length} bytes; at least 32 are needed, for example from: openssl rand -base64 48"


@dataclass(frozen=True)
class Claims:
    """What a valid access token says; `expires_at` is in seconds since 1970."""

    user: str
    session: str
    expires_at: float


class InvalidToken(Exception):
    """The text is no access token of this server, or it is no longer valid."""


class Signer:
    """Signs with the first secret, and accepts what any of them has signed."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        keys = [_derived(secret, b"access tokens") for secret in secrets]
        self._keys = {sha256(key).hexdigest()[:16]: key for key in keys}
        self._refresh_keys = [_derived(secret, b"refresh tokens") for secret in secrets]
        self._kid = next(iter(self._keys))

    def token(self, user: str, session: str, role: str) -> str:
        """Return an access token for a session."""
        now = int(time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user,
            "sid": session,
            "role": role,
            "iat": now,
            "exp": now + ACCESS_SECONDS,
            "jti": token_urlsafe(12),
        }
        headers = {"typ": TOKEN_TYPE, "kid": self._kid}
        return jwt.encode(claims, self._keys[self._kid], ALGORITHM, headers)

    def claims(self, token: str) -> Claims:
        """Return what a token says; raises InvalidToken."""
        try:
            kid = jwt.get_unverified_header(token)["kid"]
            decoded = jwt.decode_complete(
                token,
                self._keys[kid],
                [ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=LEEWAY_SECONDS,
                options={"require": list(CLAIMS), "enforce_minimum_key_length": True, "strict_aud": True},
            )
            claims = decoded["payload"]
            session, expires_at = str(UUID(claims["sid"])), float(claims["exp"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError):
            raise InvalidToken from None
        # PyJWT reads no `typ`, and its leeway would add to the life of a token.
        if decoded["header"].get("typ") != TOKEN_TYPE or expires_at <= time():
            raise InvalidToken
        return Claims(claims["sub"], session, expires_at)

    def children(self, parent: str) -> list[str]:
        """Return what a refresh token is exchanged for, under each secret: the same at every call."""
        return [_child(key, parent) for key in self._refresh_keys]


def new_refresh_token() -> str:
    """Return the first refresh token of a session."""
    return REFRESH_PREFIX + token_urlsafe(32)


def hash_of(token: str) -> bytes:
    """Return what the database stores of a token."""
    return sha256(token.encode()).digest()


def secrets_of(settings: Settings) -> list[bytes]:
    """Return the present secret and the one before it; raises UsageError for none or a short one."""
    if settings.secret is None:
        raise UsageError(UNSIGNED)
    named = {"ALMANAC_SECRET": settings.secret, "ALMANAC_PREVIOUS_SECRET": settings.previous_secret}
    secrets = {name: text.get_secret_value().encode() for name, text in named.items() if text is not None}
    for name, secret in secrets.items():
        if len(secret) < LEAST_SECRET_BYTES:
            raise UsageError(TOO_SHORT.format(name=name, length=len(secret)))
    return list(secrets.values())


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, b"almanac " + purpose, "sha256")


def _child(key: bytes, parent: str) -> str:
    digest = hmac.digest(key, parent.encode(), "sha256")
    return REFRESH_PREFIX + urlsafe_b64encode(digest).rstrip(b"=").decode()
