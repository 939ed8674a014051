"""The queries that find an edition: what an answer is made from, a release or a kept model version."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from almanac.contract import Contract
from serve.reading.records import ENTRY


@dataclass(frozen=True, slots=True)
class Edition:
    """The runs whose rows make an answer; `release_id` is None for a model version that was never released."""

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

    @property
    def pin(self) -> str:
        """The words by which a cursor finds this edition again."""
        return f"run {self.run_id}" if self.release_id is None else f"release {self.release_id}"


def is_stale(contract: Contract, edition: Edition | None, now: datetime) -> bool:
    """Tell whether a live edition is older than the workload promises."""
    return (
        edition is not None
        and edition.published_at is not None
        and now - edition.published_at > contract.stale_after
    )


def edition(row: tuple[Any, ...]) -> Edition:
    """Return the edition in the first columns of a row of one of the queries below."""
    workload, release_id, run_id, run_ids, *others = row[:10]
    return Edition(workload, release_id, run_id, tuple(run_ids), *others)


COLUMNS = (
    "workload, release_id, run_id, run_ids, model_version, released_at, data_as_of, demo, simulated, source"
)
LIVE = f"""
SELECT {COLUMNS} FROM unnest(%s::text[]) AS wanted(name)
CROSS JOIN LATERAL (SELECT * FROM api.releases WHERE workload = wanted.name ORDER BY release_id DESC LIMIT 1) AS newest
""".encode()


def newest_release(condition: str) -> bytes:
    """Return the query for a workload's newest release that meets `condition`: its edition, whether it was pruned, its entry."""
    return f"""
        SELECT {COLUMNS}, pruned_at IS NOT NULL, {ENTRY} FROM api.releases
        WHERE workload = %s AND {condition} ORDER BY release_id DESC LIMIT 1""".encode()


def newest_run(condition: str) -> bytes:
    """Return the query for a workload's newest kept run that meets `condition`, with the release that named it, if one did.

    The first value says whether the edition consists of all runs of the version up to this one (incremental workloads).
    """
    kept = "status = 'succeeded' AND rows IS NOT NULL AND pruned_at IS NULL"
    # What a later run has taken over belongs to this edition, unless that run does too.
    own = "NOT EXISTS (SELECT FROM api.runs AS later WHERE later.run_id = api.runs.absorbed_by AND later.started_at <= run.started_at)"
    return f"""
        SELECT run.workload, released.release_id, run.run_id,
               CASE WHEN %s AND run.model_version IS NOT NULL THEN version.run_ids ELSE ARRAY[run.run_id] END,
               run.model_version, released.released_at, run.data_as_of, run.demo, run.simulated, run.source
        FROM (SELECT * FROM api.runs WHERE workload = %s AND {condition} AND {kept} ORDER BY started_at DESC, run_id DESC LIMIT 1) AS run
        CROSS JOIN LATERAL (SELECT array_agg(run_id ORDER BY run_id) AS run_ids FROM api.runs WHERE workload = run.workload
            AND model_version = run.model_version AND started_at <= run.started_at AND {kept} AND {own}) AS version
        LEFT JOIN LATERAL (SELECT release_id, released_at FROM api.releases
            WHERE workload = run.workload AND run_id = run.run_id ORDER BY release_id DESC LIMIT 1) AS released ON true""".encode()


AS_OF = newest_release("released_at <= %s")
RELEASE = newest_release("release_id = %s")
RELEASE_OF_VERSION = newest_release("model_version = %s")
VERSION = newest_run("model_version = %s")
RUN = newest_run("run_id = %s")
