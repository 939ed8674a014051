"""The login of people: a form that works without script, and logout."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from almanac.fields import StrictModel
from serve.http.forms import form
from serve.http.problems import Problem
from serve.http.query_models import Parsed, QueryModel
from serve.pages import rendering, route
from serve.pages.rendering import Page
from serve.pages.route import PageRoute
from serve.users import cookies, entrance
from serve.users.access import AccessDep, PrincipalDep
from serve.users.entrance import LONGEST_NAME, LONGEST_PASSWORD
from serve.users.sessions import SESSION_SECONDS

HOME = "/"
# A path of this server: browsers read // and /\ as the name of another, and leave out spaces and controls.
OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
TITLE = "Log in"
# What a login may be refused for, and is said beside the form.
SAID_ON_THE_PAGE = (401, 429, 503)
FOREIGN_FORM = "This form was not sent by a page of this server. Open the page here and send it again."


def own_path(text: str) -> str:
    """Return the page that follows a login; only one of this server, else the home page.

    >>> own_path("/football?as_of=2025"), own_path("//evil.example"), own_path("https://evil.example")
    ('/football?as_of=2025', '/', '/')
    """
    is_own = len(text) <= route.LONGEST_NEXT and OWN_PATH.fullmatch(text)
    return text if is_own and text.partition("?")[0] != "/login" else HOME


class LoginQuery(QueryModel):
    """Where the login leads to."""

    next: Annotated[
        str, Parsed(own_path, {"type": "string"}), Field(description="The page after the login.")
    ] = HOME


class LoginForm(StrictModel):
    """Name and password as the form sends them."""

    username: Annotated[str, Field(max_length=LONGEST_NAME)] = ""
    password: Annotated[str, Field(max_length=LONGEST_PASSWORD)] = ""
    next: str = HOME


def refuse_foreign(request: Request) -> None:
    """Let only pages of this server send a form, so that nobody is logged in unawares; raises Problem 403."""
    if not cookies.is_same_origin(request.scope):
        raise Problem(403, FOREIGN_FORM)


router = APIRouter(route_class=PageRoute)


@router.get("/login")
async def show_login(request: Request, query: Annotated[LoginQuery, Depends(LoginQuery.read)]) -> Page:
    """Show the form."""
    return _page(request, query.next)


@router.post("/login")
async def log_in(
    sent: Annotated[LoginForm, form(LoginForm)], request: Request, access: AccessDep
) -> Response:
    """Begin a session of the browser, and lead to the page that was asked for."""
    refuse_foreign(request)
    following = own_path(sent.next)
    try:
        session = await entrance.enter(access, request, sent.username, sent.password, "browser")
    except Problem as problem:
        if problem.status not in SAID_ON_THE_PAGE:
            raise
        page = _page(request, following, sent.username, problem)
        return route.with_headers(rendering.respond(request, page), problem)
    return with_cookie(
        route.to(request, following), cookies.setting(request.scope, session.token, SESSION_SECONDS)
    )


@router.post("/logout")
async def log_out(request: Request, access: AccessDep, principal: PrincipalDep) -> Response:
    """End the session of the browser."""
    await entrance.leave(access, request, principal)
    return to_login_without_cookie(request)


def to_login_without_cookie(request: Request) -> Response:
    """Lead to the login and remove the cookie."""
    return with_cookie(route.to(request, "/login"), cookies.clearing(request.scope))


def with_cookie(response: Response, cookie: str) -> Response:
    """Return the response with a Set-Cookie."""
    response.raw_headers.append((b"set-cookie", cookie.encode()))
    return response


def _page(request: Request, following: str, username: str = "", problem: Problem | None = None) -> Page:
    has_directory = hasattr(request.app.state, "oidc")
    values = {"next": following, "username": username, "problem": problem, "directory": has_directory}
    status = problem.status if problem else 200
    return Page("login.html", TITLE, values, topics=(), status=status, is_fresh=True)
