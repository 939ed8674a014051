"""Editions: the runs that answer together, by a release or a model version, and the queries for them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from almanac.contract import Contract
from serve.reading.records import ENTRY

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Edition:
    """The runs whose rows make an answer; `release_id` is None for a model version without a release."""

    workload: str
    release_id: int | None
    run_id: str
    run_ids: tuple[str, ...]
    model_version: int | None
    published_at: datetime | None
    data_as_of: date | None
    demo: bool
    simulated: bool
    source: str | None
    newest_data: date | None = None

    @property
    def pin(self) -> str:
        """The name by which a cursor pins this edition."""
        return f"run {self.run_id}" if self.release_id is None else f"release {self.release_id}"


def is_stale(contract: Contract, edition: Edition | None, now: datetime) -> bool:
    """Return whether a live edition is too old, or was made from data that were."""
    return is_too_old(contract, edition, now) or has_old_data(contract, edition)


def has_old_data(contract: Contract, edition: Edition | None) -> bool:
    """Return whether the newest datum was older at the cut-off than the workload's `data_rhythm`."""
    return edition is not None and bool(contract.old_data(edition.data_as_of, edition.newest_data))


def why_stale(contract: Contract, edition: Edition) -> str:
    """Return in words why a stale edition is so."""
    hours = contract.stale_after.total_seconds() / SECONDS_PER_HOUR
    too_old = f"The release is older than {hours:g} hours: no run has released since."
    return contract.old_data(edition.data_as_of, edition.newest_data) or too_old


def is_too_old(contract: Contract, edition: Edition | None, now: datetime) -> bool:
    """Return whether a live edition is older than the workload's `stale_after`."""
    return (
        edition is not None
        and edition.published_at is not None
        and now - edition.published_at > contract.stale_after
    )


def edition(row: tuple[Any, ...]) -> Edition:
    """Return the edition in the first columns of a row of one of these queries."""
    workload, release_id, run_id, run_ids, *others = row[:COLUMN_COUNT]
    return Edition(workload, release_id, run_id, tuple(run_ids), *others)


COLUMNS = (
    "workload, release_id, run_id, run_ids, model_version, released_at, data_as_of, demo, simulated, source, "
    "newest_data"
)
COLUMN_COUNT = len(COLUMNS.split(", "))
# A release whose run was pruned answers nobody: its workload was retired, or began anew.
LIVE = f"""
SELECT {COLUMNS} FROM unnest(%s::text[]) AS workloads(name)
CROSS JOIN LATERAL (
    SELECT * FROM api.releases WHERE workload = workloads.name ORDER BY release_id DESC LIMIT 1
) AS newest WHERE newest.pruned_at IS NULL""".encode()
NEWEST_RELEASE = """
SELECT {columns}, pruned_at IS NOT NULL, {entry} FROM api.releases
WHERE workload = %s AND {condition} ORDER BY release_id DESC LIMIT 1"""
COMPLETE = "status = 'succeeded' AND rows IS NOT NULL AND pruned_at IS NULL"
# The rows of a run that a later run has absorbed belong to this edition, unless that run belongs to it too.
NOT_ABSORBED = """NOT EXISTS (
    SELECT FROM api.runs AS later
    WHERE later.run_id = api.runs.absorbed_by AND later.started_at <= run.started_at)"""
NEWEST_RUN = """
SELECT run.workload, released.release_id, run.run_id,
    CASE WHEN %s AND run.model_version IS NOT NULL THEN version.run_ids ELSE ARRAY[run.run_id] END,
    run.model_version, released.released_at, run.data_as_of, run.demo, run.simulated, run.source,
    run.newest_data
FROM (
    SELECT * FROM api.runs WHERE workload = %s AND {condition} AND {complete}
    ORDER BY started_at DESC, run_id DESC LIMIT 1
) AS run
CROSS JOIN LATERAL (
    SELECT array_agg(run_id ORDER BY run_id) AS run_ids FROM api.runs
    WHERE workload = run.workload AND model_version = run.model_version AND started_at <= run.started_at
        AND {complete} AND {not_absorbed}
) AS version
LEFT JOIN LATERAL (
    SELECT release_id, released_at FROM api.releases
    WHERE workload = run.workload AND run_id = run.run_id ORDER BY release_id DESC LIMIT 1
) AS released ON true"""


def newest_release(condition: str) -> bytes:
    """Return the query for a workload's newest release that meets `condition`.

    Its columns are those of the edition, whether it was pruned, and its entry of the ledger.
    """
    return NEWEST_RELEASE.format(columns=COLUMNS, entry=ENTRY, condition=condition).encode()


def newest_run(condition: str) -> bytes:
    """Return the query for a workload's newest complete run that meets `condition`, and its release if any.

    The first value says whether the edition consists of all runs of the version up to this one (incremental
    workloads).
    """
    parts = {"condition": condition, "complete": COMPLETE, "not_absorbed": NOT_ABSORBED}
    return NEWEST_RUN.format(**parts).encode()


AS_OF = newest_release("released_at <= %s")
RELEASE = newest_release("release_id = %s")
RELEASE_OF_VERSION = newest_release("model_version = %s")
VERSION = newest_run("model_version = %s")
RUN = newest_run("run_id = %s")
