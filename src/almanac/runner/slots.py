"""The start of a run: which slot it takes, which attempt it continues, and what its record says at first."""

import math
from dataclasses import dataclass, replace
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

FUTURE_SLOT = (
    "Slot {slot:%Y-%m-%dT%H:%M:%SZ} lies in the future (now is {now:%Y-%m-%dT%H:%M:%SZ}); "
    "a run for it would know what was not there yet. Leave out --slot for the present slot."
)


def slot_of(instant: datetime, cadence: timedelta) -> datetime:
    """Return the slot in which an instant lies: the instant rounded down to the cadence, in UTC.

    >>> slot_of(datetime(2025, 4, 15, 7, 30, tzinfo=UTC), timedelta(hours=6)).isoformat()
    '2025-04-15T06:00:00+00:00'
    """
    seconds = cadence.total_seconds()
    return datetime.fromtimestamp(math.floor(instant.timestamp() / seconds) * seconds, tz=UTC)


def requested_slot(request: RunRequest, contract: Contract, *, predicts: bool) -> datetime:
    """Return the slot of a run; raises UsageError.

    A run that does not predict must not use up the slot of one that does, so it gets a slot of its own.
    """
    if request.slot and not predicts and not request.schedule:
        raise UsageError(
            "Steps without predict publish nothing and take no slot. "
            "Leave out --slot, or add predict to --only."
        )
    now = datetime.now(UTC)
    if request.slot:
        _refuse_future(request.slot, now)
        return request.slot
    return slot_of(now, contract.cadence) if predicts and not request.forced else now


def _refuse_future(slot: datetime, now: datetime) -> None:
    if slot > now:
        raise UsageError(FUTURE_SLOT.format(slot=slot.astimezone(UTC), now=now))


@dataclass(frozen=True)
class Start:
    """What a run starts with: its request, completed from the attempt `parent` that it continues, if any."""

    request: RunRequest
    slot: datetime
    steps: tuple[str, ...]
    parent: str | None = None


def continue_attempt(connection: Connection, start: Start) -> Start:
    """Complete a start by what the failed attempt before it ran with, where the request continues one.

    A run that follows another one in a chain of schedules only names it.

    All steps of the attempt before the one to continue at must have ended well. Raises NotFound.
    """
    request = start.request
    if request.parent:
        return replace(start, parent=runs.get(connection, request.parent)["run_id"])
    if not request.start:
        return start
    parent = runs.last_failed(connection, request.workload, start.slot)
    for step in STEPS[: STEPS.index(request.start)]:
        run_steps.results(connection, parent["run_id"], step)
    parameters = dict(parent["parameters"])
    data_as_of = parse_date(parameters.pop("DATA_AS_OF", ""))
    complete = replace(
        request,
        sample=request.sample or parent["sample"],
        data_as_of=request.data_as_of or data_as_of,
        parameters=parameters | dict(request.parameters),
    )
    return replace(start, request=complete, parent=parent["run_id"])


def take(connection: Connection, settings: Settings, start: Start) -> str:
    """Write the record of a run that starts and return its id; raises RunBusy where the slot was taken."""
    run_id = runs.start(connection, _new_run(settings, start))
    if run_id is None:
        workload, slot = start.request.workload, f"{start.slot:%Y-%m-%dT%H:%MZ}"
        raise RunBusy(f"Slot {slot} of '{workload}' was taken by another run just now.")
    return run_id


def _new_run(settings: Settings, start: Start) -> runs.NewRun:
    request = start.request
    origin = provenance.origin(settings, request.workload)
    parameters = dict(request.parameters)
    if request.data_as_of:
        parameters["DATA_AS_OF"] = str(request.data_as_of)
    return runs.NewRun(
        workload=request.workload,
        slot=start.slot,
        steps=start.steps,
        sample=request.sample or settings.sample,
        actor=settings.who,
        parameters=parameters,
        parent_run_id=start.parent,
        git_commit=origin.git_commit,
        code_hash=origin.code_hash,
        lock_hash=origin.lock_hash,
        python=origin.python,
        schedule=request.schedule or None,
    )
