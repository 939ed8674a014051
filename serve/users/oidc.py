"""Users of a directory: OpenID Connect, code flow with PKCE; the extra serve-oidc brings cryptography."""

import asyncio
import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from importlib.util import find_spec
from secrets import token_urlsafe
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import jwt

from almanac.errors import UsageError
from almanac.settings import Settings
from serve.http.origins import LOOPBACK
from serve.http.problems import RETRY_AFTER, Problem

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
SCOPES = "openid profile email groups"
TIMEOUT_SECONDS = 5.0
LEEWAY_SECONDS = 60
MOST_BYTES = 1_000_000
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
ROLES = ("admin", "operator", "viewer")
CLAIMS = ("iss", "sub", "aud", "exp", "iat", "nonce")
INCOMPLETE = "With ALMANAC_OIDC_ISSUER the server needs {missing} too. .env.example explains them."
NO_CRYPTOGRAPHY = "ALMANAC_OIDC_ISSUER needs further packages: pip install -r requirements/serve-oidc.txt"
NOT_HTTPS = "{name} has value '{value}': it must begin with https://, unless it is of this machine."
BAD_GROUPS = (
    "ALMANAC_OIDC_GROUPS has value '{text}': write GROUP=ROLE, comma separated, with a role of {roles}."
)
AWAY = "The directory of users does not answer as it should. Try again later."
REFUSED = "The directory of users has not confirmed who you are. Begin again at /v1/auth/oidc/login."


class Identity(NamedTuple):
    """Who the directory says that somebody is; no role where no group has one."""

    issuer: str
    subject: str
    name: str
    role: str | None


class Attempt:
    """One attempt to log in: from a seed that only one browser has comes all that it is checked with."""

    def __init__(self, seed: str = "") -> None:
        self.seed = seed or token_urlsafe(32)

    @property
    def state(self) -> str:
        """What the directory sends back, so that an answer belongs to the browser that has asked."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What the directory signs, so that a token belongs to this attempt."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What only the server sends, so that a code that was read on its way is worth nothing."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """The hash of the verifier, which may be seen."""
        return _text(sha256(self.verifier.encode()).digest())

    def _derived(self, purpose: str) -> str:
        return _text(sha256(f"almanac oidc {purpose} {self.seed}".encode()).digest())


class Provider:
    """A directory of users, asked when somebody logs in; nothing is asked before."""

    def __init__(self, settings: Settings) -> None:
        _refuse_incomplete(settings)
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else ""
        self._redirect_uri = settings.oidc_redirect_uri
        self._roles = roles_of(settings.oidc_groups)
        self._document: Mapping[str, Any] | None = None
        self._keys: jwt.PyJWKClient | None = None

    async def address(self, attempt: Attempt) -> str:
        """Return where the browser goes to log in; raises Problem 503."""
        document = await self._discovered()
        parameters = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": SCOPES,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        endpoint = document["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"

    async def identity(self, attempt: Attempt, answer: Mapping[str, str]) -> Identity:
        """Return who has logged in; raises Problem 401 for an answer that proves nobody, and 503."""
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise Problem(401, REFUSED)
        if answer.get("iss", self._issuer) != self._issuer or not answer.get("code"):
            raise Problem(401, REFUSED)
        document = await self._discovered()
        tokens = await self._exchange(document["token_endpoint"], answer["code"], attempt.verifier)
        claims = await asyncio.to_thread(self._claims, tokens.get("id_token"), attempt.nonce)
        groups = claims.get("groups", ())
        name = str(claims.get("preferred_username") or claims.get("email") or "")
        return Identity(self._issuer, str(claims["sub"]), name, self._role(groups))

    async def _discovered(self) -> Mapping[str, Any]:
        if self._document is None:
            address = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
            document = await asyncio.to_thread(_json_of, Request(address))  # noqa: S310  # checked at start
            addresses = [
                document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
            ]
            if document.get("issuer") != self._issuer or not all(map(_is_safe, addresses)):
                raise Problem(503, AWAY, headers=RETRY_AFTER)
            self._keys = jwt.PyJWKClient(document["jwks_uri"], timeout=TIMEOUT_SECONDS)
            self._document = document
        return self._document

    async def _exchange(self, endpoint: str, code: str, verifier: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        credentials = f"{quote(self._client_id, safe='')}:{quote(self._secret, safe='')}"
        headers = {
            "Authorization": f"Basic {b64encode(credentials.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        request = Request(endpoint, urlencode(form).encode(), headers)  # noqa: S310  # checked by discovery
        return await asyncio.to_thread(partial(_json_of, request, refused_status=401))

    def _claims(self, token: object, nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token after every check; raises Problem 401 or 503."""
        if not isinstance(token, str) or self._keys is None:
            raise Problem(401, REFUSED)
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                list(ALGORITHMS),
                audience=self._client_id,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": list(CLAIMS)},
            )
        except jwt.PyJWKClientConnectionError:
            raise Problem(503, AWAY, headers=RETRY_AFTER) from None
        except jwt.PyJWTError:
            raise Problem(401, REFUSED) from None
        has_other_party = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if has_other_party and claims.get("azp") != self._client_id:
            raise Problem(401, REFUSED)
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise Problem(401, REFUSED)
        return claims

    def _role(self, groups: object) -> str | None:
        """Return the highest role that one of the groups has."""
        names = groups if isinstance(groups, list) else [groups]
        roles = {self._roles[name] for name in names if isinstance(name, str) and name in self._roles}
        return next((role for role in ROLES if role in roles), None)


def roles_of(text: str) -> dict[str, str]:
    """Return the role of each group; raises UsageError.

    >>> roles_of("staff=viewer, ops team=operator")
    {'staff': 'viewer', 'ops team': 'operator'}
    """
    pairs = [part.rpartition("=") for part in text.split(",") if part.strip()]
    roles = {group.strip(): role.strip() for group, _, role in pairs}
    if not roles or not all(roles) or not set(roles.values()) <= set(ROLES):
        raise UsageError(BAD_GROUPS.format(text=text, roles=", ".join(ROLES)))
    return roles


class _NoRedirects(HTTPRedirectHandler):
    """Follows nothing: a directory answers under the addresses that it has published."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None


def _json_of(request: Request, refused_status: int = 503) -> dict[str, Any]:
    """Return the JSON object that a directory answers; raises Problem."""
    try:
        with build_opener(_NoRedirects).open(request, timeout=TIMEOUT_SECONDS) as answer:
            document = json.loads(answer.read(MOST_BYTES))
    except (URLError, OSError, ValueError) as error:
        if getattr(error, "code", 500) in (400, 401, 403) and refused_status == 401:
            raise Problem(401, REFUSED) from None
        raise Problem(503, AWAY, headers=RETRY_AFTER) from None
    if not isinstance(document, dict):
        raise Problem(503, AWAY, headers=RETRY_AFTER)
    return document


def _refuse_incomplete(settings: Settings) -> None:
    """Raise UsageError unless everything is there, and nothing goes over an open line."""
    needed = {
        "ALMANAC_OIDC_CLIENT_ID": settings.oidc_client_id,
        "ALMANAC_OIDC_CLIENT_SECRET": settings.oidc_client_secret,
        "ALMANAC_OIDC_REDIRECT_URI": settings.oidc_redirect_uri,
        "ALMANAC_OIDC_GROUPS": settings.oidc_groups,
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise UsageError(INCOMPLETE.format(missing=" and ".join(missing)))
    addresses = {
        "ALMANAC_OIDC_ISSUER": settings.oidc_issuer,
        "ALMANAC_OIDC_REDIRECT_URI": settings.oidc_redirect_uri,
    }
    for name, value in addresses.items():
        if not _is_safe(value):
            raise UsageError(NOT_HTTPS.format(name=name, value=value))
    if find_spec("cryptography") is None:
        raise UsageError(NO_CRYPTOGRAPHY)


def _is_safe(address: object) -> bool:
    """Tell whether an address is of HTTPS, or of this machine."""
    if not isinstance(address, str):
        return False
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def _text(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
