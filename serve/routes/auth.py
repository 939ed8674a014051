"""Login, refresh and logout; who asks, and the sessions of that user."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from almanac.fields import StrictModel
from serve.answers import responses
from serve.answers.responses import ENCODE
from serve.http import schemas
from serve.http.documented import answers
from serve.http.origins import own_pages
from serve.http.problems import refused
from serve.http.query_models import TEXT, QueryModel
from serve.http.request_bodies import body
from serve.http.route import Route
from serve.users import audit, cookies, entrance, limits, passwords, sessions, users
from serve.users.access import Access, AccessDep, PrincipalDep
from serve.users.addresses import client_address, network
from serve.users.entrance import LONGEST_NAME, LONGEST_PASSWORD, of_user
from serve.users.sessions import Refusal, Session
from serve.users.signing import ACCESS_SECONDS

router = APIRouter(prefix="/v1/auth", tags=["auth"], route_class=Route)

STRING, INTEGER, BOOLEAN = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
INSTANT = {"type": "string", "format": "date-time"}
TOKENS = {
    "type": "object",
    "required": ["user", "role"],
    "properties": {
        "access_token": {**STRING, "description": "For `Authorization: Bearer`."},
        "token_type": {"enum": ["Bearer"]},
        "expires_in": {**INTEGER, "description": "Seconds for which the access token is valid."},
        "refresh_token": {**STRING, "description": "For POST /v1/auth/refresh, once."},
        "user": STRING,
        "role": STRING,
    },
}
TOKENS_EXAMPLE = {
    "access_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6IjA3In0.e30.c2lnbmF0dXJl",
    "token_type": "Bearer",
    "expires_in": ACCESS_SECONDS,
    "refresh_token": "almr_Zm9yIGV4YW1wbGUgb25seQ",
    "user": "anna",
    "role": "viewer",
}
ME = schemas.object_of(
    name=STRING, kind=STRING, role={"type": ["string", "null"]}, scopes=schemas.array(STRING)
)
ME_EXAMPLE = {"name": "anna", "kind": "user", "role": "viewer", "scopes": ["read"]}
SESSION = schemas.object_of(
    session=STRING,
    kind={"enum": ["token", "browser"]},
    network={**STRING, "description": "The network that the login came from."},
    agent=STRING,
    created_at=INSTANT,
    seen_at=INSTANT,
    expires_at=INSTANT,
    is_current=BOOLEAN,
)
SESSION_EXAMPLE = {
    "session": "6f9ff1f2-9d3c-4a5e-8a5f-3f1f0a2b9c11",
    "kind": "token",
    "network": "192.0.2.0/24",
    "agent": "curl/8.14.1",
    "created_at": "2026-11-22T06:00:00+00:00",
    "seen_at": "2026-11-22T06:02:30+00:00",
    "expires_at": "2026-12-22T06:00:00+00:00",
    "is_current": True,
}
ENDED = answers(schemas.object_of(ended=INTEGER), {"ended": 1}, 403, 503)


class Login(StrictModel):
    """Name and password."""

    username: Annotated[str, Field(max_length=LONGEST_NAME)]
    password: Annotated[str, Field(max_length=LONGEST_PASSWORD)]
    cookie: Annotated[
        bool, Field(description="true: set the session cookie of a browser, and return no tokens.")
    ] = False


class RefreshToken(StrictModel):
    """The refresh token of the last answer."""

    refresh_token: Annotated[str, Field(max_length=256, pattern="^[!-~]+$")]


class NewPassword(StrictModel):
    """The password until now, and the next one."""

    password: Annotated[str, Field(max_length=1024)]
    new_password: Annotated[str, Field(max_length=1024)]


class SessionQuery(QueryModel):
    """One session."""

    session: Annotated[
        str, TEXT, Field(description="Id of the session.", examples=[SESSION_EXAMPLE["session"]])
    ]


@router.post("/login", dependencies=[Depends(own_pages)], **answers(TOKENS, TOKENS_EXAMPLE, 401, 429, 503))
async def log_in(
    login: Annotated[Login, body(Login, {"username": "anna", "password": "a long sentence of mine"})],
    request: Request,
    access: AccessDep,
) -> Response:
    """Log in.

    Begins a session. Programs get an access token for 15 minutes and a refresh token. With `cookie` a browser
    gets its session cookie instead. A wrong password and an unknown name are answered alike.
    """
    kind = "browser" if login.cookie else "token"
    session = await entrance.enter(access, request, login.username, login.password, kind)
    if not login.cookie:
        return _tokens(access, session)
    response = responses.fresh(ENCODE({"user": session.name, "role": session.role}).encode())
    cookie = cookies.setting(request.scope, session.token, sessions.SESSION_SECONDS)
    response.raw_headers.append((b"set-cookie", cookie.encode()))
    return response


@router.post("/refresh", dependencies=[Depends(own_pages)], **answers(TOKENS, TOKENS_EXAMPLE, 401, 429, 503))
async def refresh(
    sent: Annotated[RefreshToken, body(RefreshToken, {"refresh_token": TOKENS_EXAMPLE["refresh_token"]})],
    request: Request,
    access: AccessDep,
) -> Response:
    """Exchange a refresh token for new tokens.

    Each refresh token is used once. For ten seconds the same call gives the same refresh token, so that a
    lost answer does no harm. A token that comes again later was stolen: its session ends.
    """
    await limits.take(request, limits.REFRESH, network(client_address(request)))
    try:
        session = await sessions.refresh(access, sent.refresh_token)
    except Refusal as refusal:
        await entrance.record_refusal(request, "refresh", refusal)
        raise
    return _tokens(access, session)


@router.post("/logout", **ENDED)
async def log_out(request: Request, access: AccessDep, principal: PrincipalDep) -> Response:
    """Log out.

    Ends the session of the token or cookie that comes with the request.
    """
    ended = await entrance.leave(access, request, principal)
    return _without_cookie(request, {"ended": ended})


@router.get("/me", **answers(ME, ME_EXAMPLE, 503))
async def read_me(principal: PrincipalDep) -> Response:
    """Say who asks.

    Name, role and scopes of the user or key.
    """
    me = {"name": principal.name, "kind": principal.kind, "role": principal.role}
    return responses.fresh(ENCODE(me | {"scopes": sorted(principal.scopes)}).encode())


@router.post("/password", **ENDED)
async def change_password(
    sent: Annotated[
        NewPassword, body(NewPassword, {"password": "the one until now", "new_password": "a longer one"})
    ],
    request: Request,
    access: AccessDep,
    principal: PrincipalDep,
) -> Response:
    """Change your own password.

    At least 12 characters, and none of the commonest. All your sessions end, this one too.
    """
    name = of_user(principal).name
    try:
        await sessions.log_in(access, request, name, sent.password)
    except Refusal as refusal:
        await entrance.record_refusal(request, "password", refusal)
        raise
    if weakness := passwords.weakness(sent.new_password, name):
        raise refused({"in": "body", "name": "new_password", "reason": weakness})
    await users.change(access, name, password=sent.new_password)
    await audit.record(request, "password", subject=name, required=True)
    return _without_cookie(request, {"ended": 1})


@router.get(
    "/sessions",
    **answers(schemas.object_of(rows=schemas.array(SESSION)), {"rows": [SESSION_EXAMPLE]}, 403, 503),
)
async def list_sessions(access: AccessDep, principal: PrincipalDep) -> Response:
    """List your sessions, newest first.

    Where each login came from, and when it was used last.
    """
    listed = await entrance.listed(access, principal)
    return responses.fresh(ENCODE({"rows": listed}).encode())


@router.delete("/sessions", **ENDED)
async def end_sessions(request: Request, access: AccessDep, principal: PrincipalDep) -> Response:
    """End all your sessions.

    This one too. From now on their tokens and cookies are refused.
    """
    ended = await entrance.end_all(access, request, principal)
    return _without_cookie(request, {"ended": ended})


@router.delete(
    "/sessions/{session}", **answers(schemas.object_of(ended=INTEGER), {"ended": 1}, 403, 404, 503)
)
async def end_session(
    query: Annotated[SessionQuery, Depends(SessionQuery.read)],
    request: Request,
    access: AccessDep,
    principal: PrincipalDep,
) -> Response:
    """End one of your sessions.

    From now on its tokens or its cookie are refused.
    """
    await entrance.end_one(access, request, principal, query.session)
    return responses.fresh(ENCODE({"ended": 1}).encode())


def _tokens(access: Access, session: Session) -> Response:
    tokens = {
        "access_token": access.signer.token(session.user, session.id, session.role),
        "token_type": "Bearer",
        "expires_in": ACCESS_SECONDS,
        "refresh_token": session.token,
        "user": session.name,
        "role": session.role,
    }
    return responses.fresh(ENCODE(tokens).encode())


def _without_cookie(request: Request, content: Mapping[str, Any]) -> Response:
    response = responses.fresh(ENCODE(content).encode())
    response.raw_headers.append((b"set-cookie", cookies.clearing(request.scope).encode()))
    return response
