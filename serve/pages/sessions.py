"""The sessions of whoever reads: where they began, and their end."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from serve.http.query_models import TEXT, QueryModel
from serve.pages import route
from serve.pages.login import to_login_without_cookie
from serve.pages.rendering import Page
from serve.pages.route import PageRoute
from serve.users import entrance
from serve.users.access import AccessDep, PrincipalDep

router = APIRouter(prefix="/sessions", route_class=PageRoute)


class SessionQuery(QueryModel):
    """One session."""

    session: Annotated[str, TEXT, Field(description="Id of the session.")]


@router.get("")
async def show_sessions(access: AccessDep, principal: PrincipalDep) -> Page:
    """Show where the user is logged in."""
    values = {"sessions": await entrance.listed(access, principal)}
    address = "/v1/auth/sessions"
    return Page("sessions.html", "Your sessions", values, topics=(), json_address=address, is_fresh=True)


@router.post("")
async def end_sessions(request: Request, access: AccessDep, principal: PrincipalDep) -> Response:
    """End every session of the user, this one too."""
    await entrance.end_all(access, request, principal)
    return to_login_without_cookie(request)


@router.post("/{session}")
async def end_session(
    query: Annotated[SessionQuery, Depends(SessionQuery.read)],
    request: Request,
    access: AccessDep,
    principal: PrincipalDep,
) -> Response:
    """End one session of the user."""
    await entrance.end_one(access, request, principal, query.session)
    is_own = query.session.lower() == principal.session
    return to_login_without_cookie(request) if is_own else route.to(request, "/sessions")
