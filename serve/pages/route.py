"""A route that answers with a page: it reads the query as forms send it, and answers problems in HTML."""

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from almanac import fields
from serve.answers.release import ReleaseOf
from serve.answers.service import ATTEMPTS
from serve.http.problems import Problem, Unavailable
from serve.http.query_models import EditionQuery, QueryModel
from serve.http.route import Route
from serve.pages import cache, rendering
from serve.pages.cache import PageCache
from serve.pages.rendering import Page

# What a field for day and time sends: no seconds, and no offset.
WITHOUT_OFFSET = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?")
CACHE_KEY = "almanac.page_key"
# With a longer address the login leads to the home page.
LONGEST_NEXT = 1_000
NO_STORE = {"Cache-Control": "no-store"}
OVERTAKEN = "Releases follow each other faster than they can be read."


class PageRoute(Route):
    """A route whose endpoint returns a Page; it reads again where a newer release has overtaken it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "include_in_schema": False})
        self.releases = [step for step in self.steps if isinstance(step.call, ReleaseOf)]
        self.reads = [step for step in self.reads if step not in self.releases]

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and say in HTML why not where that is not possible."""
        request = Request({**scope, "query_string": as_query(scope["query_string"])}, receive, send)
        request.scope["almanac.as_of"] = _as_of(request)
        try:
            for guard in self.guards:
                await guard(request)
            response = await self.response_to(request)
        except Problem as problem:
            response = refusal(request, problem)
        await response(scope, receive, send)

    async def response_to(self, request: Request) -> Response:
        """Answer with a page that was rendered before, as long as nothing of it has changed."""
        key = cache.key_of(request)
        pages: PageCache = request.app.state.rendered_pages
        if key and (page := pages.get(key)):
            return rendering.send(request, page)
        request.scope[CACHE_KEY] = key
        return await super().response_to(request)

    async def respond(self, request: Request, arguments: dict[str, Any]) -> Response:
        """Return the page, made from one release of each workload that it names."""
        for _ in range(ATTEMPTS):
            read = {step.name: await step.call(request) for step in self.releases if step.name}
            answer = await self._call(request, arguments | read)
            still_hold = [await release.still_holds() for release in read.values()]
            if all(still_hold):
                return answer
        raise Unavailable(OVERTAKEN)

    async def _call(self, request: Request, arguments: dict[str, Any]) -> Response:
        if self.dependant.request_param_name:
            arguments = arguments | {self.dependant.request_param_name: request}
        answer: Page | Response = await self.endpoint(**arguments)
        if not isinstance(answer, Page):
            return answer
        page = rendering.rendered(request, answer)
        if (key := request.scope.get(CACHE_KEY)) and not answer.is_fresh:
            request.app.state.rendered_pages.put(key, page, cache.seconds_of(request, answer.topics))
        return rendering.send(request, page, answer.status)

    def refuse(self, request: Request, problem: Problem) -> Response:
        """Return the page for whom the guard refuses; a browser without a session gets to the login."""
        if problem.status == HTTPStatus.UNAUTHORIZED and _is_plain_browser(request):
            return to_login(request)
        return refusal(request, problem)

    def default_query(self, steps: Any) -> type[QueryModel]:
        """Return the parameters of a page that declares none: its instant, where it reads a release."""
        is_of_release = any(isinstance(step.call, ReleaseOf) for step in steps)
        return EditionQuery if is_of_release else super().default_query(steps)


def as_query(query: bytes) -> bytes:
    """Return the query of a form as routes read it.

    Empty fields are left out, fields of one name are joined by commas, and a day and time without offset
    is in UTC.
    """
    if not query:
        return query
    try:
        pairs = parse_qsl(query.decode("ascii"), errors="strict", max_num_fields=100)
    except ValueError:
        # The model of the route refuses it in words.
        return query
    values: dict[str, list[str]] = {}
    for name, text in pairs:
        values.setdefault(name, []).append(_in_utc(text) if name == "as_of" else text)
    return urlencode({name: ",".join(texts) for name, texts in values.items()}).encode()


def refusal(request: Request, problem: Problem) -> Response:
    """Return a problem as a page."""
    phrase = HTTPStatus(problem.status).phrase
    values = {"problem": problem, "phrase": phrase, "errors": problem.members.get("errors", [])}
    page = Page("problem.html", f"{problem.status} {phrase}", values, topics=(), status=problem.status)
    return with_headers(rendering.respond(request, page), problem)


def with_headers(response: Response, problem: Problem) -> Response:
    """Return a page with the headers of the problem that it tells of."""
    for name, text in (problem.headers or {}).items():
        response.raw_headers.append((name.lower().encode(), text.encode()))
    return response


def to(request: Request, path: str) -> Response:
    """Lead a browser to a page of this server, by GET."""
    return RedirectResponse(f"{request.app.state.prefix}{path}", HTTPStatus.SEE_OTHER, NO_STORE)


def to_login(request: Request) -> Response:
    """Lead a browser to the login, and from there back to the page that it asked for."""
    address = quote(request.scope["path"])
    if query := request.scope["query_string"].decode("latin-1"):
        address = f"{address}?{query}"
    is_page = request.method in ("GET", "HEAD") and address != "/" and len(address) <= LONGEST_NEXT
    return to(request, f"/login?{urlencode({'next': address})}" if is_page else "/login")


def _is_plain_browser(request: Request) -> bool:
    """Tell whether a browser asks for a page, without a credential of a program."""
    headers = request.headers
    is_program = "authorization" in headers or "x-api-key" in headers
    return "text/html" in headers.get("accept", "") and not is_program


def _in_utc(text: str) -> str:
    if not WITHOUT_OFFSET.fullmatch(text):
        return text
    return f"{text}Z" if "T" in text else f"{text}T00:00:00Z"


def _as_of(request: Request) -> Any:
    """Return the instant that a page is asked for, None where there is none or it cannot be read."""
    try:
        return fields.instant(dict(parse_qsl(request.scope["query_string"].decode("ascii")))["as_of"])
    except (KeyError, ValueError):
        return None
