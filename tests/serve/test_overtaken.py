"""What was read is answered only while it is what was asked for; no database is needed to see it."""

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
    """LiveReleases that follow each other: each time somebody asks, the next of them is live."""

    def __init__(self, *lives: int) -> None:
        self.coming, self.now = [edition(number) for number in lives], edition(lives[0])

    async def live(self, _workload: str) -> Edition:
        return self.now

    def is_live(self, asked: Edition | None, _workload: str) -> bool:
        return asked is self.now

    def overtake(self) -> None:
        """Let the next release answer, if there is one."""
        if len(self.coming) > 1:
            self.now = self.coming[1]
            del self.coming[0]


class Rows:
    """A database in which one run is kept."""

    def __init__(self, kept: str) -> None:
        self.kept = kept

    async def rows(self, _query: bytes, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        return [("a row",)] if values[-1] == self.kept else []


def service(releases: Following) -> Service:
    database = Rows("run-1")
    parts = {"contracts": {}, "cache": Cache(100_000), "metrics": Metrics(), "version": "test"}
    return Service(database=database, releases=releases, editions=Editions(database, releases), **parts)  # type: ignore[arg-type]


def asked(releases: Following) -> tuple[Response, list[int]]:
    """Ask for what is live while a release comes in during each reading; return the answer and the releases that were read."""
    read: list[int] = []

    async def make(found: Edition | None) -> Payload:
        assert found is not None
        read.append(int(found.release_id or 0))
        releases.overtake()
        return Payload(f'"rows":[{found.release_id}]'.encode())

    return asyncio.run(service(releases).answer(question(), make)), read


def test_what_a_release_has_overtaken_is_read_again_and_never_answered() -> None:
    answer, read = asked(Following(1, 2))
    assert read == [1, 2]
    assert b'"release":2' in answer.body
    assert b'"rows":[2]' in answer.body


def test_releases_that_never_stop_coming_are_an_unavailable_answer_and_no_mixed_one() -> None:
    with pytest.raises(Unavailable, match="faster than they can be read"):
        asked(Following(*range(1, ATTEMPTS + 2)))


def test_an_older_edition_holds_as_long_as_its_run_is_kept_and_a_live_one_as_long_as_it_is_live() -> None:
    editions = service(Following(3)).editions

    def holds(release: int, **pins: object) -> bool:
        return asyncio.run(editions.still_holds(question(**pins), edition(release)))

    assert holds(1, as_of=datetime.now(UTC))
    assert not holds(2, as_of=datetime.now(UTC)), "its rows were pruned meanwhile"
    assert not holds(1), "it was live and is no more"
