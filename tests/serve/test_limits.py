"""Rate limits are exact over all processes, the delay grows, and only trusted proxies name the client."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import Request

from almanac.settings import Settings
from almanac.store.connections.database import Database as StoreDatabase
from serve.http.headers import LIMIT_HEADERS
from serve.http.problems import Problem
from serve.reading.database import Database
from serve.users import addresses, limits
from serve.users.limits import Buckets, Policy
from tests.queries import change, one

TEN = Policy("ten", 10, 60)
TAKE = "SELECT wait FROM api.limit_take('many', 100, 6000)"

# How many of 500 turns one process gets; none comes back while the test lasts.
PROGRAM = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    query = b"SELECT wait FROM api.limit_take('many', 100, 86400)"
    print(sum(connection.execute(query).fetchone() == (0,) for _ in range(500)))
"""


def request_of(access: Database | None = None, *, peer: str = "192.0.2.7", **headers: str) -> Request:
    """A request from `peer`; the words of its headers are joined by underscores."""
    service = SimpleNamespace(access=access)
    state = SimpleNamespace(service=service, trusted_proxies=0, quotas={}, buckets=Buckets())
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(
        {"type": "http", "headers": named, "client": (peer, 1), "app": SimpleNamespace(state=state)}
    )


def with_access(url: str, work: Any) -> Any:
    """Call `work` with a pool of the role access, and return what it returns."""

    async def run() -> Any:
        access = Database(Settings(database_url=url), "access")
        await access.open()
        try:
            return await work(access)
        finally:
            await access.close()

    return asyncio.run(run())


async def outcome(attempt: Coroutine[Any, Any, None]) -> int:
    """The status of an attempt: 200, or that of its problem."""
    try:
        await attempt
    except Problem as problem:
        return problem.status
    return 200


def test_so_many_turns_are_taken_and_the_next_says_when_to_come_again(database_url: str) -> None:
    async def work(access: Database) -> tuple[list[int], dict[str, str], Any]:
        request = request_of(access)
        statuses = [await outcome(limits.take(request, TEN, "x")) for _ in range(12)]
        assert await outcome(limits.take(request, TEN, "y")) == 200
        with pytest.raises(Problem) as refusal:
            await limits.take(request, TEN, "x")
        return statuses, dict(refusal.value.headers or {}), request.scope[LIMIT_HEADERS]

    statuses, headers, taken = with_access(database_url, work)
    assert statuses == [200] * 10 + [429] * 2
    # A turn comes back each six seconds.
    assert headers == {
        "ratelimit-policy": '"ten";q=10;w=60',
        "ratelimit": '"ten";r=0;t=6',
        "Retry-After": "6",
    }
    assert taken == [(b"ratelimit-policy", b'"ten";q=10;w=60'), (b"ratelimit", b'"ten";r=9;t=6')]


def test_a_turn_that_has_come_back_can_be_taken_again(owner: StoreDatabase) -> None:
    for _ in range(100):
        assert one(owner, TAKE) == 0
    assert one(owner, TAKE) == pytest.approx(60, abs=20)
    change(owner, "UPDATE almanac.rate_limits SET full_at = full_at - interval '130 seconds'")
    assert [one(owner, TAKE) == 0 for _ in range(3)] == [True, True, False]


def test_a_clock_that_was_set_back_locks_nobody_out(owner: StoreDatabase) -> None:
    assert one(owner, TAKE) == 0
    change(owner, "UPDATE almanac.rate_limits SET full_at = full_at + interval '2 hours'")
    assert one(owner, TAKE) == 0
    assert one(owner, "SELECT full_at < now() + interval '2 minutes' FROM almanac.rate_limits") is True


def test_a_long_or_strange_key_is_a_key(database_url: str) -> None:
    async def work(access: Database) -> list[int]:
        keys = ["x" * 8_000, "nul\0", "half \ud800", "x" * 8_001]
        return [await outcome(limits.take(request_of(access), Policy("one", 1, 60), key)) for key in keys * 2]

    assert with_access(database_url, work) == [200] * 4 + [429] * 4


def test_buckets_that_are_full_again_leave_the_table(owner: StoreDatabase) -> None:
    change(
        owner,
        "INSERT INTO almanac.rate_limits SELECT n::text, now() FROM generate_series(1, 500) AS n",
    )
    for _ in range(100):
        one(owner, "SELECT count(wait) FROM generate_series(1, 20) n, api.limit_take('other' || n, 9, 60)")
        if one(owner, "SELECT count(*) FROM almanac.rate_limits") <= 20:
            return
    raise AssertionError("2,000 calls at one in a hundred have swept nothing")


def test_of_2000_attempts_by_four_processes_exactly_100_pass(database_url: str) -> None:
    command = [sys.executable, "-c", PROGRAM, database_url]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    taken = [int(process.communicate(timeout=120)[0]) for process in processes]
    assert sum(taken) == 100, taken


def test_of_200_attempts_at_once_exactly_10_pass(database_url: str) -> None:
    async def work(access: Database) -> list[int]:
        attempts = (limits.take(request_of(access), TEN, "x") for _ in range(200))
        return list(await asyncio.gather(*(outcome(each) for each in attempts)))

    statuses = with_access(database_url, work)
    assert (statuses.count(200), statuses.count(429)) == (10, 190)


def test_reads_have_a_bucket_in_this_process_and_memory_has_an_end() -> None:
    policy, buckets = Policy("reads", 5, 60, is_local=True), Buckets(most=100)
    assert [buckets.take(policy, "a").remaining for _ in range(5)] == [4, 3, 2, 1, 0]
    refused = buckets.take(policy, "a")
    assert (refused.remaining, refused.wait) == (0, pytest.approx(12, abs=0.5))
    for number in range(1_000):
        buckets.take(policy, str(number))
    assert len(buckets) == 100


def test_a_read_limit_of_zero_is_none() -> None:
    request = request_of()
    request.app.state.quotas = {"reads": 0}
    assert asyncio.run(outcome(limits.take(request, limits.READS, "a"))) == 200
    assert len(request.app.state.buckets) == 0


def test_an_account_waits_longer_after_each_wrong_password_and_only_where_it_was_wrong(
    database_url: str,
) -> None:
    async def work(access: Database) -> list[int]:
        here, elsewhere = request_of(access), request_of(access, peer="198.51.100.1")
        waits = []
        for _ in range(7):
            await limits.end_login(here, "eva", succeeded=False)
            waits.append(await seconds_to_wait(here))
        assert await seconds_to_wait(elsewhere) == 0
        await limits.end_login(here, "eva", succeeded=True)
        return [*waits, await seconds_to_wait(here)]

    waits = with_access(database_url, work)
    # A slow machine may take two seconds for an attempt.
    assert [0, 0, 0, 0, 1, 5, 13, 0] <= waits <= [0, 0, 0, 1, 3, 7, 15, 0]
    assert waits[-1] == 0


async def seconds_to_wait(request: Request) -> int:
    """What Retry-After says to an attempt on the account of Eva."""
    try:
        await limits.begin_login(request, "eva")
    except Problem as problem:
        return int((problem.headers or {})["Retry-After"])
    return 0


@pytest.mark.parametrize("attempts", [400, pytest.param(10_000, marks=pytest.mark.faults)])
def test_many_wrong_passwords_leave_few_rows(owner: StoreDatabase, attempts: int) -> None:
    async def work(access: Database) -> list[int]:
        async def attempt(number: int) -> int:
            request = request_of(access)
            account = f"name{number}" if number % 2 else "eva"
            status = await outcome(limits.begin_login(request, account))
            if status == 200:
                await limits.end_login(request, account, succeeded=False)
            return status

        statuses: list[int] = []
        for first in range(0, attempts, 20):
            statuses += await asyncio.gather(*map(attempt, range(first, first + 20)))
        return statuses

    started = time.monotonic()
    statuses = with_access(owner.url, work)
    # Each further second lets one more attempt of the network through.
    later = int(time.monotonic() - started)
    assert 20 <= statuses.count(200) <= 80 + later
    assert statuses.count(429) == attempts - statuses.count(200)
    # Minutes that are over have become rows of the trail.
    counts = one(owner, "SELECT count(*) FROM almanac.audit_counts")
    minutes = one(owner, "SELECT count(DISTINCT minute) FROM almanac.audit_counts")
    # The network, and the names that were tried within the limit of the network.
    assert counts <= 45 * minutes + later
    assert one(owner, "SELECT sum(count) FROM almanac.audit_counts") == statuses.count(429)
    assert one(owner, "SELECT count(*) FROM almanac.rate_limits") <= 90 + later
    assert one(owner, "SELECT count(*) FROM almanac.wrong_passwords") <= 90 + later


FORWARDED = [
    (0, "203.0.113.9", "192.0.2.7"),
    (1, "203.0.113.9", "203.0.113.9"),
    (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
    (2, "6.6.6.6, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
    (2, "203.0.113.9", "192.0.2.7"),
    (1, "nonsense", "192.0.2.7"),
    (1, "203.0.113.9:4711", "203.0.113.9"),
    (1, "[2001:db8::5]:4711", "2001:db8::5"),
    (1, "::ffff:203.0.113.9", "203.0.113.9"),
    (1, "", "192.0.2.7"),
]


@pytest.mark.parametrize(("proxies", "header", "address"), FORWARDED)
def test_exactly_so_many_proxies_are_believed(proxies: int, header: str, address: str) -> None:
    request = request_of(x_forwarded_for=header)
    request.app.state.trusted_proxies = proxies
    assert addresses.client_address(request) == address


def test_header_lines_of_one_name_are_read_as_one_list() -> None:
    request = request_of()
    request.app.state.trusted_proxies = 1
    request.scope["headers"] += [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.9")]
    assert addresses.client_address(request) == "203.0.113.9"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "unknown"),
    ],
)
def test_the_network_of_an_address(address: str, network: str) -> None:
    assert addresses.network(address) == network
