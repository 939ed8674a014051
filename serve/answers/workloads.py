"""The workloads as the platform describes them: live release, filters, addresses, and holds."""

from datetime import UTC, datetime
from typing import Any

from almanac.contract import Contract
from serve.answers import responses
from serve.answers.service import Service
from serve.reading.edition import Edition, is_stale

ON_HOLD = b"SELECT workload, on_hold FROM api.workloads"
LINKS = ("predictions", "model", "releases")


async def described(service: Service) -> list[dict[str, Any]]:
    """Return every workload with its live release, its filters and its addresses; raises Unavailable."""
    holds = await on_hold(service)
    rows = []
    for name, contract in service.contracts.items():
        live = await service.releases.live(name)
        rows.append(_described(contract, live, on_hold=holds.get(name, False)))
    return rows


async def on_hold(service: Service) -> dict[str, bool]:
    """Return for each workload whether later runs publish without releasing; raises Unavailable."""
    return dict(await service.database.rows(ON_HOLD))


def _described(contract: Contract, live: Edition | None, *, on_hold: bool) -> dict[str, Any]:
    stale = is_stale(contract, live, datetime.now(UTC))
    filters = [{"name": each.name, "op": each.op, "doc": each.doc} for each in contract.filters]
    return responses.envelope(contract, live, stale=stale) | {
        "title": contract.title,
        "doc": contract.doc,
        "entity": contract.entity,
        "on_hold": on_hold,
        "cadence_seconds": contract.cadence.total_seconds(),
        "stale_after_seconds": contract.stale_after.total_seconds(),
        "filters": filters,
        "links": {name: f"/v1/{contract.name}/{name}" for name in LINKS},
    }
