"""How a run begins: which slot it takes, which attempt it continues, and what its record says from the start."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from almanac import provenance
from almanac.contract import Contract
from almanac.errors import RunBusy, UsageError
from almanac.fields import parse_date
from almanac.runner.attempt import RunRequest
from almanac.settings import Settings
from almanac.steps import STEPS
from almanac.store.connections.database import Connection
from almanac.store.records import run_steps, runs


def slot_of(instant: datetime, cadence: timedelta) -> datetime:
    """Return the slot in which an instant lies: the instant rounded down to the cadence, in UTC.

    >>> slot_of(datetime(2025, 4, 15, 7, 30, tzinfo=UTC), timedelta(hours=6)).isoformat()
    '2025-04-15T06:00:00+00:00'
    """
    seconds = cadence.total_seconds()
    return datetime.fromtimestamp(math.floor(instant.timestamp() / seconds) * seconds, tz=UTC)


def due(request: RunRequest, contract: Contract, *, predicts: bool) -> datetime:
    """Return the slot of a run; one that does not predict must not use up the slot of one that does, so it gets its own. Raises UsageError."""
    if request.slot and not predicts:
        raise UsageError(
            "Steps without predict publish nothing and take no slot. Leave out --slot, or add predict to --only."
        )
    if request.slot:
        return request.slot
    now = datetime.now(UTC)
    return slot_of(now, contract.cadence) if predicts and not request.forced else now


def continued(connection: Connection, request: RunRequest, slot: datetime) -> tuple[str | None, RunRequest]:
    """Return the failed attempt that a run continues and the request with what that attempt was given; raises NotFound.

    All steps of the attempt before the one to continue at must have ended well.
    """
    if not request.start:
        return None, request
    parent = runs.last_failed(connection, request.workload, slot)
    for step in STEPS[: STEPS.index(request.start)]:
        run_steps.results(connection, parent["run_id"], step)
    given = dict(parent["parameters"])
    wanted = parse_date(given.pop("DATA_AS_OF", ""))
    sample, data_as_of = request.sample or parent["sample"], request.data_as_of or wanted
    return parent["run_id"], replace(
        request, sample=sample, data_as_of=data_as_of, parameters=given | dict(request.parameters)
    )


def described(
    settings: Settings, request: RunRequest, *, slot: datetime, steps: Sequence[str], parent: str | None
) -> runs.NewRun:
    """Return all that is known about a run before it starts."""
    origin = provenance.origin(settings, request.workload)
    return runs.NewRun(
        workload=request.workload,
        slot=slot,
        steps=tuple(steps),
        sample=request.sample or settings.sample,
        actor=settings.who,
        parameters=dict(request.parameters)
        | ({"DATA_AS_OF": str(request.data_as_of)} if request.data_as_of else {}),
        parent_run_id=parent,
        git_commit=origin.git_commit,
        code_hash=origin.code_hash,
        lock_hash=origin.lock_hash,
        python=origin.python,
    )


def take(connection: Connection, opening: runs.NewRun) -> str:
    """Write the record of a run that begins and return its id; raises RunBusy where its slot was taken meanwhile."""
    run_id = runs.start(connection, opening)
    if run_id is None:
        raise RunBusy(
            f"Slot {opening.slot:%Y-%m-%dT%H:%MZ} of '{opening.workload}' was taken by another run just now."
        )
    return run_id
