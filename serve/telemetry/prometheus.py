"""Metrics for Prometheus: latency per route, the pool, the age of live releases, the success of runs."""

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime

from prometheus_client.metrics import Gauge, Histogram
from prometheus_client.registry import CollectorRegistry

from almanac.contract import Contract
from serve.reading.database import Database
from serve.reading.edition import Edition, is_too_old
from serve.telemetry import exposition

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
POOL = "Connections to PostgreSQL, and requests waiting for one"
STALE = "1 where the live release is older than the workload promises"
RUNS_DOC = "Runs started in the last seven days"
SUCCESS = "Share of finished runs that succeeded, in the last seven days"
STREAMS = "Clients that watch a topic of /v1/live"
CONFIRMED = "1 while the server knows which releases are live"
STATUSES = ("succeeded", "failed", "running")
NEXT_SLOT = "Seconds until the next slot is due; negative where it waits, NaN without a scheduler"
SLOTS_DOC = "Slots of schedules in the last seven days"
SLOT_STATES = ("succeeded", "failed", "missed")
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
RUNS = b"""
SELECT workload, status, count(*) FROM api.runs
WHERE kind = 'run' AND workload = ANY (%s) AND started_at > now() - interval '7 days'
GROUP BY workload, status
"""

SLOTS = b"""
SELECT workload,
    extract(epoch FROM min(slot) FILTER (WHERE state IN ('waiting', 'retrying')) - now())::float8,
    count(*) FILTER (WHERE state = 'succeeded' AND slot > now() - interval '7 days'),
    count(*) FILTER (WHERE state = 'failed' AND slot > now() - interval '7 days'),
    count(*) FILTER (WHERE state = 'missed' AND slot > now() - interval '7 days')
FROM api.schedules WHERE workload = ANY (%s) GROUP BY workload
"""


class Metrics:
    """The registry of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "almanac_request_seconds",
            "Time to answer",
            ["route", "status"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._pool = self._gauge("almanac_pool_connections", POOL, "state")
        self._age = self._gauge("almanac_release_age_seconds", "Age of the live release", "workload")
        self._stale = self._gauge("almanac_release_stale", STALE, "workload")
        self._runs = self._gauge("almanac_runs_7d", RUNS_DOC, "workload", "status")
        self._success = self._gauge("almanac_run_success_ratio_7d", SUCCESS, "workload")
        self._next_slot = self._gauge("almanac_next_slot_seconds", NEXT_SLOT, "workload")
        self._slots = self._gauge("almanac_slots_7d", SLOTS_DOC, "workload", "state")
        self._confirmed = self._gauge("almanac_releases_known", CONFIRMED)
        self._streams = self._gauge("almanac_live_streams", STREAMS, "topic")
        self._cached = self._gauge("almanac_cache_bytes", "Memory taken by cached answers")
        self._children: dict[tuple[str, int], Histogram] = {}

    def observe(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        child = self._children.get((route, status))
        if child is None:
            child = self._children[(route, status)] = self._requests.labels(route, str(status))
        child.observe(seconds)

    def see_database(self, database: Database, *, is_confirmed: bool, cached_bytes: int) -> None:
        """Record the state of the pool, of the live releases and of the cache."""
        for state, count in database.pool_state().items():
            self._pool.labels(state).set(count)
        self._confirmed.set(is_confirmed)
        self._cached.set(cached_bytes)

    def see_streams(self, counts: Mapping[str, int]) -> None:
        """Record how many clients watch each topic."""
        for topic, count in counts.items():
            self._streams.labels(topic).set(count)

    def see_release(self, contract: Contract, edition: Edition | None) -> None:
        """Record the age of the live release of a workload."""
        if edition and edition.published_at:
            now = datetime.now(UTC)
            self._age.labels(contract.name).set((now - edition.published_at).total_seconds())
            self._stale.labels(contract.name).set(is_too_old(contract, edition, now))

    async def see_runs(self, database: Database, workloads: list[str]) -> None:
        """Record how many runs of the last days succeeded, failed or still run."""
        counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(STATUSES, 0))
        for workload, status, count in await database.rows(RUNS, [workloads]):
            counts[workload][status] = count
        for workload, by_status in counts.items():
            self._see_runs_of(workload, by_status)

    async def see_slots(self, database: Database, workloads: list[str]) -> None:
        """Record when each workload is due next, and how many slots were done, failed and missed."""
        rows = {row[0]: row[1:] for row in await database.rows(SLOTS, [workloads])}
        for workload in workloads:
            seconds, *counts = rows.get(workload, (None, 0, 0, 0))
            self._next_slot.labels(workload).set(math.nan if seconds is None else seconds)
            for state, count in zip(SLOT_STATES, counts, strict=True):
                self._slots.labels(workload, state).set(count)

    def _see_runs_of(self, workload: str, counts: Mapping[str, int]) -> None:
        for status, count in counts.items():
            self._runs.labels(workload, status).set(count)
        finished = counts["succeeded"] + counts["failed"]
        if finished:
            self._success.labels(workload).set(counts["succeeded"] / finished)

    def text(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        return exposition.text(self.registry)

    def _gauge(self, name: str, doc: str, *labels: str) -> Gauge:
        return Gauge(name, doc, labels, registry=self.registry)
