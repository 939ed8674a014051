"""An open stream of changes ends when whoever watches it may not read any more, and only then."""

import asyncio
import time
from types import SimpleNamespace

import httpx
import pytest

from serve.http.problems import Problem, Unavailable
from serve.reading.listening import END, Viewer
from serve.users import streams
from serve.users.access import Unauthorized
from serve.users.streams import Streams
from tests.serve.gate import Gate, Headers

LIVE = "/v1/live?topic=release"


def end_of_stream(gate: Gate, headers: Headers, change: str, *values: object) -> float:
    """Return the seconds from a change in the database to the end of a stream."""
    with gate.client.stream("GET", LIVE, headers=headers, timeout=10) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        started = time.monotonic()
        gate.execute(change, *values)
        for _ in lines:
            pass
    return time.monotonic() - started


def test_a_stream_ends_with_the_session_of_whoever_watches(gate: Gate) -> None:
    headers = gate.user("watcher")
    [(user,)] = gate.execute("SELECT user_id FROM almanac.users WHERE name = 'watcher'")
    other = gate.user("other-watcher")
    with gate.client.stream("GET", LIVE, headers=other, timeout=4) as goes_on:
        rest = goes_on.iter_lines()
        assert next(rest) == "retry: 2000"
        change = "SELECT api.access_end(%s, NULL, 'the tests')"
        assert end_of_stream(gate, headers, change, user) < 3
        assert gate.client.get(LIVE, headers=headers).status_code == 401
        # Nothing more comes for four seconds, not even the end.
        with pytest.raises(httpx.ReadTimeout):
            list(rest)


class Answers:
    """A guard that answers as it is told."""

    problem: Problem | None = None

    async def principal(self, _scope: object) -> None:
        if self.problem:
            raise self.problem

    def refuse_unless_admitted(self, _principal: object, _right: str) -> None:
        pass


@pytest.mark.parametrize(
    ("problem", "ends"),
    [(None, False), (Unavailable("away"), False), (Unauthorized(), True), (Problem(403, "no"), True)],
)
def test_only_a_refusal_ends_a_stream_and_a_database_that_is_away_does_not(
    problem: Problem | None, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(streams, "REVIEW_SECONDS", 0.01)

    async def watch() -> bool:
        guard, viewer = Answers(), Viewer(["release"])
        looked_after = Streams(guard, SimpleNamespace(epoch=1))  # type: ignore[arg-type]
        looked_after.add(viewer, {})
        await asyncio.sleep(0.02)
        guard.problem = problem
        try:
            return await asyncio.wait_for(viewer.next(), 0.2) == END
        except TimeoutError:
            return False
        finally:
            looked_after.remove(viewer)

    assert asyncio.run(watch()) is ends
