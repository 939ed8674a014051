"""The guard before every route: who asks, and whether they may, before any cache or 304."""

from collections.abc import Callable, Iterable
from copy import copy

from fastapi import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.http.problems import Problem
from serve.users import audit, cookies, limits
from serve.users.access import INVALID, Access, Unauthorized
from serve.users.addresses import client_address, network
from serve.users.principal import ANONYMOUS, METRICS, READ, Principal

# Rights beside the scopes: of everybody, of every user and key, of whoever may read any workload.
OPEN, SIGNED_IN, ANY_READ = "open", "signed-in", "any-read"
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
TWO_CREDENTIALS = "A request has one credential: `Authorization: Bearer` or `X-API-Key`, once."
NOT_BEARER = "Authorization must be `Bearer` with a token or a key."
FOREIGN = (
    "A browser's session writes only from pages of this server: the request needs its Origin. "
    "Programs use a token or a key."
)
LACKS_SCOPE = "This needs the scope `{scope}`, which `{name}` does not have."
PUBLIC = (b"cache-control", b"public, no-cache")
PRIVATE = (b"cache-control", b"private, no-cache")


class Guard:
    """Finds out who asks, and refuses who may not; `public` are the rights that everybody has."""

    def __init__(self, access: Access, *, public_read: bool, metrics_open: bool) -> None:
        self._access = access
        self._public_read = public_read
        self._metrics_open = metrics_open

    def refuse_unless_admitted(self, principal: Principal, right: str) -> None:
        """Raise Unauthorized for nobody, or Problem 403 for whoever lacks a right."""
        if not self.is_public(right) and not _may(principal, right):
            raise _refusal(principal, right)

    async def principal(self, scope: Scope) -> Principal:
        """Return who asks, ANONYMOUS without a credential; raises Unauthorized for one that is not valid."""
        authorization, key, cookie = _credentials(scope)
        if authorization is not None and key is not None:
            raise Problem(400, TWO_CREDENTIALS)
        if authorization is not None:
            return await self._access.by_bearer(_bearer(authorization))
        if key is not None:
            return await self._access.by_bearer(key.decode("latin-1"))
        session = cookies.session_of(scope, cookie) if cookie else None
        if session is None:
            return ANONYMOUS
        principal = await self._access.by_cookie(session)
        if principal is None:
            return ANONYMOUS
        if scope["method"] in UNSAFE and not cookies.is_same_origin(scope):
            raise Problem(403, FOREIGN)
        return principal

    def is_public(self, right: str) -> bool:
        """Tell whether everybody has a right."""
        is_read = right == ANY_READ or right.partition(":")[0] == READ
        return (self._public_read and is_read) or (self._metrics_open and right == METRICS)


class Guarded:
    """A route behind the guard. Its answers are private, so that no shared cache keeps them.

    A route with a method `refuse`, such as a page, makes the answer to a refusal itself.
    """

    def __init__(self, guard: Guard, right: str, route: Route) -> None:
        self._guard = guard
        self._right = right
        self._app = route.app
        self._refuse: Callable[[Request, Problem], Response] | None = getattr(route, "refuse", None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route answer whoever may ask it, as often as the limits allow."""
        request = Request(scope, receive)
        try:
            principal = await self._admit(request)
        except Problem as problem:
            if self._refuse is None:
                raise
            return await self._refuse(request, problem)(scope, receive, send)
        if principal is ANONYMOUS:
            return await self._app(scope, receive, send)

        async def send_private(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [PRIVATE if each == PUBLIC else each for each in message["headers"]]
            await send(message)

        return await self._app(scope, receive, send_private)

    async def _admit(self, request: Request) -> Principal:
        """Return who asks; a write that is refused is counted in the audit trail."""
        scope = request.scope
        is_write = scope["method"] in UNSAFE
        scope.setdefault("state", {})["principal"] = ANONYMOUS
        try:
            principal = scope["state"]["principal"] = await self._guard.principal(scope)
            self._guard.refuse_unless_admitted(principal, self._right)
        except Problem as problem:
            if is_write and problem.status in (401, 403):
                await audit.count(request, "refused_write", scope["state"]["principal"].name)
            raise
        source = principal.id or network(client_address(request))
        await limits.take(request, limits.WRITES if is_write else limits.READS, source)
        return principal


class Opened:
    """A route that everybody may ask; credentials that come with it are not looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route answer."""
        scope.setdefault("state", {})["principal"] = ANONYMOUS
        await self._app(scope, receive, send)


def protected(routes: Iterable[BaseRoute], guard: Guard, right_of: Callable[[Route], str]) -> list[BaseRoute]:
    """Return the routes with the guard before each; `right_of` says what a route needs.

    They are copies: the routes of a workload belong to every application of this process.
    """
    return [
        _protected(route, guard, right_of(route)) if isinstance(route, Route) else route for route in routes
    ]


def _protected(route: Route, guard: Guard, right: str) -> Route:
    behind = copy(route)
    behind.app = Opened(route.app) if right == OPEN else Guarded(guard, right, route)
    return behind


def _credentials(scope: Scope) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Return the values of Authorization, X-API-Key and Cookie; raises Problem 400 where one comes twice."""
    authorization = key = cookie = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if authorization is not None:
                raise Problem(400, TWO_CREDENTIALS)
            authorization = value
        elif name == b"x-api-key":
            if key is not None:
                raise Problem(400, TWO_CREDENTIALS)
            key = value
        elif name == b"cookie":
            cookie = value if cookie is None else cookie + b";" + value
    return authorization, key, cookie


def _bearer(authorization: bytes) -> str:
    scheme, _, text = authorization.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized(NOT_BEARER)
    if not (text := text.strip()):
        raise Unauthorized(INVALID)
    return text


def _may(principal: Principal, right: str) -> bool:
    if principal is ANONYMOUS:
        return False
    if right == SIGNED_IN:
        return True
    return principal.may_read_something if right == ANY_READ else principal.may(right)


def _refusal(principal: Principal, right: str) -> Problem:
    if principal is ANONYMOUS:
        return Unauthorized()
    scope = READ if right == ANY_READ else right
    challenge = f'Bearer realm="almanac", error="insufficient_scope", scope="{scope}"'
    detail = LACKS_SCOPE.format(scope=scope, name=principal.name)
    return Problem(403, detail, headers={"WWW-Authenticate": challenge})
