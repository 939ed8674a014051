"""Rows of a release that is replaced during the read are discarded. No database is needed."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from almanac.workloads.football.contract import CONTRACT
from serve.answers.cache import Cache
from serve.answers.release import Release, ReleaseOf, ReleaseRoute
from serve.answers.service import ATTEMPTS, Service
from serve.http import query_models
from serve.http.problems import NotFound, Unavailable
from serve.http.query_models import EditionQuery
from serve.reading.choice import Editions
from serve.reading.edition import Edition
from serve.reading.request import ReadRequest
from serve.telemetry.prometheus import Metrics

# The release that lacks the row which the route of these tests reads.
MISSING_IN = 13


def edition(release: int) -> Edition:
    return Edition(
        "football",
        release,
        f"run-{release}",
        (f"run-{release}",),
        1,
        datetime.now(UTC),
        None,
        False,
        False,
        "tests",
    )


def request_of(service: Service | None = None) -> Request:
    """Return a request without parameters, as a route gets it after the query was read."""
    state = SimpleNamespace(service=service)
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": [],
            "route": SimpleNamespace(path="/"),
            "app": SimpleNamespace(state=state),
            query_models.SCOPE_KEY: EditionQuery(),
        }
    )


def read_request(**pins: object) -> ReadRequest:
    return ReadRequest(request_of(), CONTRACT, pins, None)


class Following:
    """LiveReleases with a fixed sequence of editions; `overtake` makes the next one live."""

    def __init__(self, *lives: int) -> None:
        self.coming, self.now = [edition(number) for number in lives], edition(lives[0])

    async def live(self, _workload: str) -> Edition:
        return self.now

    def is_live(self, release: Edition | None, _workload: str) -> bool:
        return release is self.now

    def overtake(self) -> None:
        """Make the next release live, if there is one."""
        if len(self.coming) > 1:
            self.now = self.coming[1]
            del self.coming[0]


class Rows:
    """A database that has the rows of one run."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id

    async def rows(self, _query: bytes, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        return [("a row",)] if values[-1] == self.run_id else []


def service(releases: Following) -> Service:
    database = Rows("run-1")
    parts = {"contracts": {}, "cache": Cache(100_000), "metrics": Metrics(), "version": "test", "live": None}
    editions = Editions(database, releases)  # type: ignore[arg-type]
    return Service(database=database, releases=releases, editions=editions, **parts)  # type: ignore[arg-type]


def answer_and_reads(releases: Following) -> tuple[Response, list[int]]:
    """Read the live release while a new one arrives during each read.

    Return the answer and the numbers of the releases that were read.
    """
    read: list[int] = []
    router = APIRouter(route_class=ReleaseRoute)

    @router.get("/")
    async def read_live(release: Annotated[Release, Depends(ReleaseOf(CONTRACT))]) -> Response:
        """Read the number of the live release."""
        assert release.edition is not None
        read.append(int(release.edition.release_id or 0))
        releases.overtake()
        if read[-1] == MISSING_IN:
            raise release.not_found()
        return release.answer(rows=f"[{release.edition.release_id}]")

    [route] = router.routes
    assert isinstance(route, ReleaseRoute)
    return asyncio.run(route.respond(request_of(service(releases)), {})), read


def test_rows_of_a_replaced_release_are_read_again_and_not_answered() -> None:
    answer, read = answer_and_reads(Following(1, 2))
    assert read == [1, 2]
    assert b'"release":2' in answer.body
    assert b'"rows":[2]' in answer.body


def test_a_row_that_a_replaced_release_lacks_is_read_from_the_new_one() -> None:
    answer, read = answer_and_reads(Following(MISSING_IN, 14))
    assert read == [MISSING_IN, 14]
    assert b'"rows":[14]' in answer.body
    with pytest.raises(NotFound):
        answer_and_reads(Following(MISSING_IN))


def test_releases_that_arrive_faster_than_reads_make_the_answer_unavailable() -> None:
    with pytest.raises(Unavailable, match="faster than they can be read"):
        answer_and_reads(Following(*range(1, ATTEMPTS + 2)))


def test_an_older_edition_is_valid_while_its_run_exists_and_a_live_one_while_it_is_live() -> None:
    editions = service(Following(3)).editions

    def holds(release: int, **pins: object) -> bool:
        return asyncio.run(editions.still_holds(read_request(**pins), edition(release)))

    assert holds(1, as_of=datetime.now(UTC))
    assert not holds(2, as_of=datetime.now(UTC)), "its rows were pruned meanwhile"
    assert not holds(1), "it was live and is no more"
