"""The history of a workload: its ledger, its runs and its model versions, newest first."""

import json
from collections.abc import Sequence
from typing import Any

from almanac.contract import Contract
from serve.answers.service import Service
from serve.http.problems import NotFound
from serve.reading import records

NEWEST = 2**63 - 1
NEWEST_VERSION = 2**31 - 1
NO_RUN = "'{}' has no run with this id. GET /v1/{}/runs lists its runs."
# The JSON of a record, and the number or id by which the next page goes on.
Rows = Sequence[tuple[str, Any]]


async def releases(service: Service, contract: Contract, limit: int, before: int | None = None) -> Rows:
    """Return one row more than a page of the ledger; raises Unavailable."""
    return await service.database.rows(records.LEDGER, (contract.name, before or NEWEST, limit + 1))


async def runs(
    service: Service, contract: Contract, limit: int, *, before: str | None = None, status: str | None = None
) -> Rows:
    """Return one row more than a page of the runs; raises Unavailable."""
    values = (contract.name, status, status, before, before, limit + 1)
    return await service.database.rows(records.RUNS, values)


async def success(service: Service, contract: Contract) -> str:
    """Return the JSON of how many of the newest runs succeeded; raises Unavailable."""
    [(row,)] = await service.database.rows(records.SUCCESS, (contract.name,))
    return str(row)


async def run(service: Service, contract: Contract, run_id: str) -> str:
    """Return the JSON of one run; raises NotFound or Unavailable."""
    rows = await service.database.rows(records.RUN, (contract.name, run_id))
    if not rows:
        raise NotFound(NO_RUN.format(contract.name, contract.name))
    return str(rows[0][0])


async def models(service: Service, contract: Contract, limit: int, before: int | None = None) -> Rows:
    """Return one row more than a page of the model versions; raises Unavailable."""
    number = min(before or NEWEST_VERSION, NEWEST_VERSION)
    values = (contract.primary_metric, contract.name, number, limit + 1)
    return await service.database.rows(records.MODELS, values)


def parsed(rows: Rows) -> list[dict[str, Any]]:
    """Return the records of rows as Python values."""
    return [json.loads(row) for row, _ in rows]
