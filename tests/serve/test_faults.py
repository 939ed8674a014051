"""Faults under load: answers are never mixed or outdated, and the server recovers by itself."""

import os
import resource
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from almanac import discovery
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from almanac.store.publishing.prune import prune
from almanac.store.schema.migrate import migrate
from almanac.workloads.football.contract import CONTRACT
from tests.clusters import control
from tests.serve.publishing import Publisher, match
from tests.serve.watching import Watch, watching
from tests.servers import as_program, is_ready, wait_for_release, wait_until

MATCHES = 40
LIST = f"/v1/football/predictions?limit={MATCHES}"
ONE = "/v1/football/predictions/E0-2024-25-match-0000"
LEAGUE = "/v1/football/leagues/D1/predictions"
UNCACHED = {"ALMANAC_CACHE_MB": "0"}
PROMISE_SECONDS = 1.0
FOLLOWER = "%unnest%"


def marked(number: int) -> list[dict[str, object]]:
    """Return predictions that all carry the mark of one run."""
    return [match(identity, home_win=number / 1000) for identity in range(MATCHES)]


def marks(body: dict[str, Any]) -> set[float]:
    return {row["home_win"] for row in body.get("rows", [body.get("row")])}


def assert_right(watch: Watch, runs: dict[str, float], switches: list[tuple[float, int]]) -> None:
    """Assert that every answer shows one whole run of a sufficiently new release.

    The release must have been live at most a second before the request.
    """
    assert watch.failures == []
    assert watch.statuses() == {200}
    for seen in watch.answers:
        assert marks(seen.body) == {runs[seen.body["run"]]}, seen
        if seen.path == LIST:
            assert len(seen.body["rows"]) == MATCHES
        assert seen.body["release"] >= newest_before(switches, seen.sent_at - PROMISE_SECONDS), seen
    for path in {seen.path for seen in watch.answers}:
        releases = [seen.body["release"] for seen in watch.answers if seen.path == path]
        assert all(earlier <= later for earlier, later in pairwise(releases)), path


def newest_before(switches: list[tuple[float, int]], instant: float) -> int:
    return max((release for at, release in switches if at <= instant), default=0)


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [6, pytest.param(60, marks=pytest.mark.faults)])
@pytest.mark.parametrize("variables", [{}, UNCACHED], ids=["cached", "uncached"])
def test_during_releases_rollbacks_and_pruning_every_answer_is_one_whole_recent_run(
    publisher, rounds, variables
):
    runs = {publisher.publish(marked(100)): 0.1}
    switches = [(time.monotonic(), 1)]
    with (
        as_program(publisher.database.url, **variables) as (client, _),
        watching(str(client.base_url), [LIST, ONE, LEAGUE]) as watch,
    ):
        for number in range(rounds):
            if number % 3 == 2:
                publisher.rollback()
            else:
                runs[publisher.publish(marked(101 + number))] = (101 + number) / 1000
            switches.append((time.monotonic(), publisher.live()["release_id"]))
            if number % 4 == 3:
                prune(publisher.database, CONTRACT, now=datetime.now(UTC) + timedelta(days=30))
            time.sleep(0.2)
        wait_for_release(client, switches[-1][1])
    assert_right(watch, runs, switches)
    assert len(watch.answers) > 100


@pytest.mark.slow
def test_paging_while_runs_are_pruned_gives_a_whole_list_or_410(publisher):
    publisher.publish(marked(100))
    outcomes = set()
    with as_program(publisher.database.url, **UNCACHED) as (client, _):
        for number in range(8):
            pages = [client.get("/v1/football/predictions?limit=10")]
            publisher.publish(marked(101 + number))
            if number % 2:
                publisher.publish(marked(201 + number))
                prune(publisher.database, CONTRACT, now=datetime.now(UTC) + timedelta(days=30))
            while pages[-1].status_code == 200 and pages[-1].json()["next"]:
                pages.append(client.get(pages[-1].json()["next"]))
            bodies = [page.json() for page in pages if page.status_code == 200]
            assert len({(page["release"], *marks(page)) for page in bodies}) == 1
            if pages[-1].status_code == 200:
                assert sum(len(page["rows"]) for page in bodies) == MATCHES
            outcomes.add(pages[-1].status_code)
    assert outcomes == {200, 410}


@pytest.fixture
def own_cluster() -> Iterator[tuple[Publisher, Path]]:
    """A PostgreSQL that a test may kill, with one release of football."""
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        data = Path(folder, "pg")
        url = embedded.start(data)
        migrate(Database(url, "login"), discovery.contracts())
        publisher = Publisher(Database(url, "owner"))
        publisher.publish(marked(100))
        yield publisher, data
        publisher.database.engine.dispose()
        embedded.stop(data)


def assert_only_503_meanwhile(watch: Watch, outages: list[tuple[float, float]]) -> None:
    """Assert 503 with Retry-After during each outage only, and correct answers otherwise.

    A server may answer 503 for up to 1.5 seconds after an outage.
    """
    assert watch.failures == []
    assert watch.statuses() <= {200, 503}
    for seen in watch.with_status(503):
        assert seen.headers["retry-after"] == "1"
        assert seen.headers["content-type"] == "application/problem+json"
        assert any(began <= seen.received_at and seen.sent_at <= ended + 1.5 for began, ended in outages), (
            seen
        )
    for seen in watch.with_status(200):
        assert marks(seen.body) == {0.1}


@pytest.mark.slow
@pytest.mark.parametrize("times", [2, pytest.param(10, marks=pytest.mark.faults)])
@pytest.mark.parametrize("variables", [{}, UNCACHED], ids=["cached", "uncached"])
def test_during_a_restart_of_postgresql_answers_are_503_and_then_recover(own_cluster, times, variables):
    publisher, data = own_cluster
    outages = []
    with (
        as_program(publisher.database.url, **variables) as (client, _),
        watching(str(client.base_url), [LIST, ONE, LEAGUE, LIST]) as watch,
    ):
        for _ in range(times):
            time.sleep(0.7)
            began = time.monotonic()
            control(data, "restart", "immediate")
            outages.append((began, time.monotonic()))
            wait_until(lambda: is_ready(client), seconds=5)
            wait_until(lambda: client.get(LIST).status_code == 200, seconds=5)
        time.sleep(0.5)
    assert_only_503_meanwhile(watch, outages)
    assert len(watch.with_status(200)) > 50


@pytest.mark.slow
def test_without_the_database_answers_fail_fast_and_the_server_stays_alive(own_cluster):
    publisher, data = own_cluster
    with as_program(publisher.database.url) as (client, _):
        assert client.get(LIST).status_code == 200
        control(data, "stop")
        wait_until(lambda: client.get("/readyz").status_code == 503, seconds=3)
        sent_at = time.monotonic()
        answer = client.get(LIST)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert time.monotonic() - sent_at < 1
        assert client.get("/livez").status_code == 200
        assert "almanac_releases_known 0.0" in client.get("/metrics").text
        control(data, "restart")
        wait_until(lambda: client.get(LIST).status_code == 200, seconds=5)


@pytest.mark.slow
def test_the_server_starts_without_the_database_and_serves_once_it_is_up(own_cluster):
    publisher, data = own_cluster
    control(data, "stop")
    with as_program(publisher.database.url, wait_for="/livez") as (client, program):
        assert client.get("/readyz").status_code == 503
        assert client.get(LIST).status_code == 503
        control(data, "restart")
        wait_until(lambda: is_ready(client), seconds=5)
        assert client.get(LIST).status_code == 200
        assert program.process.poll() is None


def backends(publisher: Publisher, *, following: bool) -> list[int]:
    """Return the process ids of the server's backends.

    `following` selects the backend that follows releases; otherwise those that answer requests.
    """
    query = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'almanac-serve' "
        "AND datname = current_database() AND (query LIKE %s) = %s"
    )
    with psycopg.connect(publisher.database.url) as connection:
        return [pid for (pid,) in connection.execute(query, [FOLLOWER, following])]


def warm(client: httpx.Client, publisher: Publisher) -> list[int]:
    """Make the server open several connections and return the process ids of their backends."""
    with watching(str(client.base_url), [LIST] * 6):
        wait_until(lambda: len(backends(publisher, following=False)) >= 3)
    return backends(publisher, following=False)


@pytest.mark.slow
def test_a_stalled_backend_delays_only_its_own_request_until_the_deadline(publisher):
    publisher.publish(marked(100))
    with as_program(publisher.database.url, ALMANAC_DEADLINE="1", **UNCACHED) as (client, _):
        victim = warm(client, publisher)[0]
        os.kill(victim, signal.SIGSTOP)
        try:
            with watching(str(client.base_url), [LIST, ONE, LEAGUE, LIST]) as watch:
                time.sleep(3)
        finally:
            os.kill(victim, signal.SIGCONT)
    assert watch.failures == []
    assert watch.statuses() <= {200, 503}
    assert len(watch.with_status(503)) <= 1
    assert len(watch.with_status(200)) > 50
    assert max(seen.received_at - seen.sent_at for seen in watch.answers) < 2


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGSTOP, signal.SIGTERM], ids=["stalled", "dead"])
def test_a_listener_that_is_stalled_or_dead_delays_no_release_by_more_than_a_second(publisher, blow):
    runs = {publisher.publish(marked(100)): 0.1}
    switches = [(time.monotonic(), 1)]
    with (
        as_program(publisher.database.url) as (client, _),
        watching(str(client.base_url), [LIST, ONE]) as watch,
    ):
        for number in range(3):
            [victim] = backends(publisher, following=True)
            os.kill(victim, blow)
            runs[publisher.publish(marked(101 + number))] = (101 + number) / 1000
            switches.append((time.monotonic(), publisher.live()["release_id"]))
            time.sleep(1.5)
            if blow == signal.SIGSTOP:
                os.kill(victim, signal.SIGCONT)
                time.sleep(0.2)
    assert_right(watch, runs, switches)


@pytest.mark.slow
def test_losing_every_connection_at_once_fails_no_request(publisher):
    publisher.publish(marked(100))
    with as_program(publisher.database.url, **UNCACHED) as (client, _):
        warm(client, publisher)
        with watching(str(client.base_url), [LIST, ONE, LEAGUE]) as watch:
            for _ in range(5):
                time.sleep(0.3)
                for victim in backends(publisher, following=False) + backends(publisher, following=True):
                    os.kill(victim, signal.SIGTERM)
            time.sleep(0.3)
    assert watch.failures == []
    assert watch.statuses() == {200}


@pytest.mark.slow
def test_a_restarted_server_gives_the_same_answer_and_etag(publisher):
    publisher.publish(marked(100))
    answers: list[httpx.Response] = []
    for _ in range(2):
        with as_program(publisher.database.url) as (client, _process):
            answers.append(client.get(LIST))
    assert answers[0].headers["etag"] == answers[1].headers["etag"]
    assert answers[0].content == answers[1].content


@pytest.mark.slow
@pytest.mark.parametrize("number", [500, pytest.param(5_000, marks=pytest.mark.faults)])
def test_half_open_connections_delay_no_request_and_are_closed(publisher, number):
    publisher.publish(marked(100))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    try:
        with as_program(publisher.database.url) as (client, _), ExitStack() as stack:
            lines = [
                stack.enter_context(closing(socket.create_connection(("127.0.0.1", client.base_url.port))))
                for _ in range(number)
            ]
            for line in lines:
                line.sendall(b"GET /v1/football/predictions HTTP/1.1\r\nHost:")
            slowest = 0.0
            for _ in range(50):
                sent_at = time.monotonic()
                with httpx.Client(base_url=client.base_url) as other:
                    assert other.get(ONE).status_code == 200
                slowest = max(slowest, time.monotonic() - sent_at)
            assert slowest < 1
            wait_until(lambda: is_closed(lines[0]) and is_closed(lines[-1]))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_closed(line: socket.socket) -> bool:
    """Return whether the server has closed the connection."""
    line.settimeout(0.01)
    try:
        return line.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True
