"""The overview of all workloads: live release, newest runs, headline metric by version, last ledger entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from almanac.contract import Contract
from serve.answers import workloads
from serve.answers.service import Service
from serve.http.problems import Problem
from serve.reading.edition import Edition, is_stale

Rows = Sequence[tuple[Any, ...]]
RUNS = b"""
SELECT named.workload, run.run_id, run.status, run.reason, run.started_at, run.seconds
FROM unnest(%s::text[]) AS named(workload)
CROSS JOIN LATERAL (
    SELECT run_id, status, reason, started_at, seconds FROM api.runs
    WHERE workload = named.workload AND kind = 'run' AND started_at <= coalesce(%s, 'infinity'::timestamptz)
    ORDER BY started_at DESC LIMIT 30
) AS run
ORDER BY run.started_at"""
# A version may be judged by another metric than the workload's, where that one cannot be measured.
METRICS = b"""
SELECT named.workload, version.version, coalesce(decision.metric, named.metric),
    version.metrics -> coalesce(decision.metric, named.metric)
FROM unnest(%s::text[], %s::text[]) AS named(workload, metric)
CROSS JOIN LATERAL (
    SELECT version, metrics FROM api.model_versions
    WHERE workload = named.workload AND created_at <= coalesce(%s, 'infinity'::timestamptz)
    ORDER BY version DESC LIMIT 20
) AS version
LEFT JOIN LATERAL (
    SELECT evidence ->> 'metric' AS metric FROM api.decisions
    WHERE workload = named.workload AND challenger = version.version AND evidence ? 'metric'
    ORDER BY decision_id DESC LIMIT 1
) AS decision ON true
ORDER BY version.version"""
ENTRIES = b"""
SELECT named.workload, entry.* FROM unnest(%s::text[]) AS named(workload)
CROSS JOIN LATERAL (
    SELECT release_id, kind, who, why, released_at, rows FROM api.releases
    WHERE workload = named.workload AND released_at <= coalesce(%s, 'infinity'::timestamptz)
    ORDER BY release_id DESC LIMIT 1
) AS entry"""


class RunBar(NamedTuple):
    """One of the newest runs of a workload."""

    run_id: str
    status: str
    reason: str | None
    started_at: datetime
    seconds: float | None


class Entry(NamedTuple):
    """The newest entry of a ledger."""

    release: int
    kind: str
    who: str
    why: str
    released_at: datetime
    rows: int | None


@dataclass(frozen=True)
class Overview:
    """What the home page shows of one workload; `is_kept` is False where the rows of a release are gone."""

    contract: Contract
    edition: Edition | None
    has_rows: bool
    is_stale: bool
    on_hold: bool
    runs: Sequence[RunBar]
    metric: str
    figures: Sequence[float]
    entry: Entry | None

    @property
    def success(self) -> float | None:
        """The share of the newest runs that succeeded, of those that ended."""
        ended = [run for run in self.runs if run.status != "running"]
        return sum(run.status == "succeeded" for run in ended) / len(ended) if ended else None


async def overview(service: Service, as_of: datetime | None = None) -> list[Overview]:
    """Return every workload, as it is or as it was at an instant; raises Unavailable."""
    names = list(service.contracts)
    metrics = [contract.primary_metric for contract in service.contracts.values()]
    runs = _by_workload(await service.database.rows(RUNS, (names, as_of)))
    figures = _by_workload(await service.database.rows(METRICS, (names, metrics, as_of)))
    entries = _by_workload(await service.database.rows(ENTRIES, (names, as_of)))
    holds = await workloads.on_hold(service) if as_of is None else {}
    return [
        Overview(
            contract,
            *await _edition(service, contract, as_of),
            holds.get(name, False),
            [RunBar(*row) for row in runs.get(name, ())],
            *_headline(contract, figures.get(name, ())),
            next((Entry(*row) for row in entries.get(name, ())), None),
        )
        for name, contract in service.contracts.items()
    ]


async def _edition(
    service: Service, contract: Contract, as_of: datetime | None
) -> tuple[Edition | None, bool, bool]:
    """Return the edition, whether its rows exist, and whether it is stale."""
    if as_of is None:
        live = await service.releases.live(contract.name)
        return live, live is not None, is_stale(contract, live, datetime.now(UTC))
    try:
        edition = await service.editions.at(contract, as_of)
    except Problem:
        return None, False, False
    return edition, edition is not None, is_stale(contract, edition, as_of)


def _headline(contract: Contract, rows: Rows) -> tuple[str, list[float]]:
    """Return the metric of the newest version, and its values by version, oldest first."""
    measured = [(metric, value) for _, metric, value in rows if isinstance(value, int | float)]
    metric = measured[-1][0] if measured else contract.primary_metric
    return metric, [float(value) for name, value in measured if name == metric]


def _by_workload(rows: Rows) -> Mapping[str, list[tuple[Any, ...]]]:
    by_workload: dict[str, list[tuple[Any, ...]]] = {}
    for workload, *values in rows:
        by_workload.setdefault(workload, []).append(tuple(values))
    return by_workload
