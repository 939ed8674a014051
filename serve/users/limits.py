"""Rate limits: exact over all processes where PostgreSQL counts, one bucket per process for reads."""

import math
from collections import OrderedDict
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, NamedTuple

from fastapi import Request

from serve.http.headers import LIMIT_HEADERS
from serve.http.problems import Problem, may_refuse
from serve.reading.database import Database
from serve.users import audit
from serve.users.addresses import client_address, network
from serve.users.audit import plain

TAKE = b"SELECT remaining, wait, reset FROM api.limit_take(%s, %s, %s)"
WAIT = b"SELECT greatest(api.login_wait(%s, %s), api.login_wait(%s, %s))"
FAILED = b"SELECT api.login_failed(%s), api.login_failed(%s)"
SUCCEEDED = b"SELECT api.login_succeeded(%s)"
TOO_MANY = "Too many requests of this kind. Try again after {} s, as Retry-After says."
TOO_WRONG = "The password was wrong too often. Try again after {} s, as Retry-After says."
MOST_BUCKETS = 10_000


@dataclass(frozen=True)
class Policy:
    """At most `quota` requests in `window_seconds`; `is_local` counts in this process alone."""

    name: str
    quota: int
    window_seconds: float
    is_local: bool = False

    @property
    def header(self) -> str:
        """The value of RateLimit-Policy."""
        return f'"{self.name}";q={self.quota};w={math.ceil(self.window_seconds)}'

    @property
    def turn_seconds(self) -> float:
        """The time after which one more request may come."""
        return self.window_seconds / self.quota


# One account from one network, and all accounts from one network.
LOGIN = Policy("login", 10, 60)
LOGINS = Policy("logins", 60, 60)
REFRESH = Policy("refresh", 60, 60)
# ALMANAC_WRITE_LIMIT and ALMANAC_READ_LIMIT have other quotas; 0 reads without a limit.
WRITES = Policy("writes", 6_000, 60)
READS = Policy("reads", 60_000, 60, is_local=True)
# An account from its network may be wrong so often before it has to wait, and so may a network.
FREE_FAILURES = 3
FREE_FAILURES_OF_NETWORK = 30


class State(NamedTuple):
    """What is left of a bucket; `wait` is 0 where there was a turn, else the seconds until the next."""

    remaining: int
    wait: float
    reset: float


class Buckets:
    """The buckets of one process: when each is full again, the one used longest ago first."""

    def __init__(self, most: int = MOST_BUCKETS) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, policy: Policy, key: str) -> State:
        """Take one turn of the bucket `key`; the same algorithm as in PostgreSQL."""
        now, turn = monotonic(), policy.turn_seconds
        full_at = max(self._full_at.get(key, now), now) + turn
        if full_at > now + policy.window_seconds + 1e-9:
            return State(0, full_at - now - policy.window_seconds, full_at - turn - now)
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
        return State(int((now + policy.window_seconds - full_at) / turn + 1e-6), 0.0, full_at - now)


@may_refuse(429)
async def take(request: Request, policy: Policy, key: str) -> None:
    """Take one turn of the bucket of `policy` for `key`; raises Problem 429 that says when to come again."""
    policy = _set_by(request, policy)
    if policy.quota == 0:
        return
    if policy.is_local:
        state = request.app.state.buckets.take(policy, key)
        if state.wait:
            raise _refusal(policy, state)
        return
    access = _access(request)
    if access is None:
        return
    [row] = await access.rows(TAKE, (plain(f"{policy.name} {key}"), policy.quota, policy.window_seconds))
    state = State(*row)
    if state.wait:
        raise _refusal(policy, state)
    request.scope[LIMIT_HEADERS] = _headers(policy, state)


async def begin_login(request: Request, account: str) -> None:
    """Let an attempt at the password of `account` begin; raises Problem 429.

    Its network comes first, so that names which somebody invents fill no table. Then an account that was
    wrong too often from here waits, each time longer, and no account is ever locked: from another network its
    owner goes in at once.
    """
    origin = network(client_address(request))
    try:
        await take(request, LOGINS, origin)
    except Problem:
        await audit.count(request, "login_limited")
        raise
    try:
        await take(request, LOGIN, f"{account} {origin}")
        await _refuse_impatient(request, account, origin)
    except Problem as problem:
        if problem.status == 429:
            await audit.count(request, "login_limited", account)
        raise


async def end_login(request: Request, account: str, *, succeeded: bool) -> None:
    """Remember how an attempt ended; a right password ends the delay of its account from here."""
    access = _access(request)
    if access is None:
        return
    origin = network(client_address(request))
    pair = f"{account} {origin}"
    if succeeded:
        await access.rows(SUCCEEDED, (plain(pair),))
    else:
        await access.rows(FAILED, (plain(pair), origin))


async def _refuse_impatient(request: Request, account: str, origin: str) -> None:
    access = _access(request)
    if access is None:
        return
    pair = plain(f"{account} {origin}")
    [(wait,)] = await access.rows(WAIT, (pair, FREE_FAILURES, origin, FREE_FAILURES_OF_NETWORK))
    if wait:
        seconds = math.ceil(wait)
        raise Problem(429, TOO_WRONG.format(seconds), headers={"Retry-After": str(seconds)})


def _set_by(request: Request, policy: Policy) -> Policy:
    """Return the policy with the quota of the settings, where these name one."""
    quota = request.app.state.quotas.get(policy.name, policy.quota)
    return policy if quota == policy.quota else replace(policy, quota=quota)


def _access(request: Request) -> Database | None:
    access: Database | None = request.app.state.service.access
    return access


def _refusal(policy: Policy, state: State) -> Problem:
    seconds = math.ceil(state.wait)
    waiting = state._replace(reset=state.wait)
    headers: dict[str, Any] = {name.decode(): value.decode() for name, value in _headers(policy, waiting)}
    return Problem(429, TOO_MANY.format(seconds), headers=headers | {"Retry-After": str(seconds)})


def _headers(policy: Policy, state: State) -> list[tuple[bytes, bytes]]:
    """Return both headers: with a refusal `t` is the moment that Retry-After names."""
    limit = f'"{policy.name}";r={state.remaining};t={math.ceil(state.reset)}'
    return [(b"ratelimit-policy", policy.header.encode()), (b"ratelimit", limit.encode())]
