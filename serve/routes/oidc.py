"""Login by a directory of users: to the directory, and back with a session for the browser."""

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from serve.http.documented import answers
from serve.http.problems import Problem
from serve.http.query_models import TEXT, QueryModel
from serve.http.route import Route
from serve.users import audit, cookies, limits, sessions
from serve.users.access import Access, AccessDep
from serve.users.addresses import client_address, network
from serve.users.names import plain_name
from serve.users.oidc import REFUSED, Attempt, Identity, Provider
from serve.users.sessions import User

router = APIRouter(prefix="/v1/auth/oidc", tags=["auth"], route_class=Route)

IDENTITY = b"SELECT outcome, user_id, name, role, epoch FROM api.access_identity(%s, %s, %s, %s, %s)"
COOKIE = "-oidc"
ATTEMPT_SECONDS = 600
NO_ACCESS = "The directory knows you, and none of your groups has a role here. Ask an admin of this server."
TAKEN = "Another user here has your name already. Ask an admin of this server."
BAD_NAME = "The directory gives you no name that can be one here. Ask an admin of the directory."
DETAILS = {"no role": NO_ACCESS, "taken": TAKEN, "bad name": BAD_NAME, "disabled": NO_ACCESS}
PAGE = {"type": "string"}
SEEN = Field(None, description="From the directory; not read.", examples=["x"])
Ignored = Annotated[str | None, TEXT, SEEN]


class CallbackQuery(QueryModel):
    """What a directory sends back; what is known of none of them is refused."""

    state: Annotated[str | None, TEXT, Field(description="As it was sent there.", examples=["x"])] = None
    code: Annotated[str | None, TEXT, Field(description="Stands for the tokens.", examples=["x"])] = None
    iss: Annotated[str | None, TEXT, Field(description="The directory.", examples=["https://id"])] = None
    error: Annotated[str | None, TEXT, Field(description="Why not.", examples=["access_denied"])] = None
    error_description: Ignored = None
    error_uri: Ignored = None
    session_state: Ignored = None
    scope: Ignored = None
    authuser: Ignored = None
    hd: Ignored = None
    prompt: Ignored = None


@router.get("/login", **answers(PAGE, "", 429, 503))
async def log_in_by_oidc(request: Request) -> Response:
    """Log in by the directory of users.

    Sends the browser there with a state, a nonce and a PKCE challenge of its own.
    """
    await limits.take(request, limits.LOGINS, network(client_address(request)))
    attempt = Attempt()
    response = _to(await _provider(request).address(attempt))
    cookie = cookies.setting(request.scope, attempt.seed, ATTEMPT_SECONDS, COOKIE)
    response.headers.append("set-cookie", cookie)
    return response


@router.get("/callback", **answers(PAGE, "", 401, 403, 429, 503))
async def come_back(
    request: Request, access: AccessDep, query: Annotated[CallbackQuery, Depends(CallbackQuery.read)]
) -> Response:
    """Come back from the directory of users.

    Begins a session for the browser, with the role of the highest group.
    """
    await limits.take(request, limits.LOGINS, network(client_address(request)))
    try:
        user = await _user(request, access, query)
        session = await sessions.begin(access, request, user, "browser")
    except Problem as problem:
        detail = {"kind": "oidc", "why": problem.detail}
        await audit.record(request, "login_failed", outcome="refused", detail=detail)
        raise
    await audit.record(
        request, "login", who=user.name, subject=session.id, detail={"kind": "oidc"}, required=True
    )
    response = _to(f"{request.app.state.prefix}/")
    for text in (
        cookies.setting(request.scope, session.token, sessions.SESSION_SECONDS),
        cookies.setting(request.scope, "", 0, COOKIE),
    ):
        response.headers.append("set-cookie", text)
    return response


async def _user(request: Request, access: Access, query: CallbackQuery) -> User:
    """Return the user of an answer of the directory; raises Problem 401, 403 or 503."""
    header = "; ".join(request.headers.getlist("cookie")).encode("latin-1")
    seed = cookies.session_of(request.scope, header, COOKIE)
    if seed is None:
        raise Problem(401, REFUSED)
    answer = {name: value for name, value in query.parameters().items() if isinstance(value, str)}
    identity = await _provider(request).identity(Attempt(seed), answer)
    return await _admitted(access, identity)


async def _admitted(access: Access, identity: Identity) -> User:
    """Return the user that an identity is, made at the first login, with the role of today."""
    name = plain_name(identity.name) or ""
    values = (identity.issuer, identity.subject, name, identity.role, uuid4())
    [(outcome, user_id, user_name, role, epoch)] = await access.database.rows(IDENTITY, values)
    access.epochs.see(epoch)
    if outcome in DETAILS:
        raise Problem(403, DETAILS[outcome])
    return User(user_id, user_name, role, None, is_disabled=False)


def _provider(request: Request) -> Provider:
    provider: Provider = request.app.state.oidc
    return provider


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303, {"Cache-Control": "no-store"})
