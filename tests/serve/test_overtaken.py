"""Rows of a release that is replaced during the read are discarded. No database is needed."""

import asyncio
from datetime import UTC, datetime

import pytest
from starlette.requests import Request
from starlette.responses import Response

from almanac.workloads.football.contract import CONTRACT
from serve.answers.cache import Cache, Payload
from serve.answers.service import ATTEMPTS, Service
from serve.http.problems import Unavailable
from serve.reading.choice import Editions
from serve.reading.edition import Edition
from serve.reading.request import ReadRequest
from serve.telemetry.prometheus import Metrics


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


def question(**values: object) -> ReadRequest:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
        "route": type("Route", (), {"path": "/"}),
    }
    return ReadRequest(Request(scope), CONTRACT, values, None)


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
    parts = {"contracts": {}, "cache": Cache(100_000), "metrics": Metrics(), "version": "test"}
    editions = Editions(database, releases)  # type: ignore[arg-type]
    return Service(database=database, releases=releases, editions=editions, **parts)  # type: ignore[arg-type]


def answer_and_reads(releases: Following) -> tuple[Response, list[int]]:
    """Read the live release while a new one arrives during each read.

    Return the answer and the numbers of the releases that were read.
    """
    read: list[int] = []

    async def make(live: Edition | None) -> Payload:
        assert live is not None
        read.append(int(live.release_id or 0))
        releases.overtake()
        return Payload(f'"rows":[{live.release_id}]'.encode())

    return asyncio.run(service(releases).answer(question(), make)), read


def test_rows_of_a_replaced_release_are_read_again_and_not_answered() -> None:
    answer, read = answer_and_reads(Following(1, 2))
    assert read == [1, 2]
    assert b'"release":2' in answer.body
    assert b'"rows":[2]' in answer.body


def test_releases_that_arrive_faster_than_reads_make_the_answer_unavailable() -> None:
    with pytest.raises(Unavailable, match="faster than they can be read"):
        answer_and_reads(Following(*range(1, ATTEMPTS + 2)))


def test_an_older_edition_is_valid_while_its_run_exists_and_a_live_one_while_it_is_live() -> None:
    editions = service(Following(3)).editions

    def holds(release: int, **pins: object) -> bool:
        return asyncio.run(editions.still_holds(question(**pins), edition(release)))

    assert holds(1, as_of=datetime.now(UTC))
    assert not holds(2, as_of=datetime.now(UTC)), "its rows were pruned meanwhile"
    assert not holds(1), "it was live and is no more"
