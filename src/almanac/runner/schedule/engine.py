"""The scheduler: finds what is due, starts it once, and records how it ended. Several at once are safe."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from almanac.log_lines import fields
from almanac.runner.schedule import outcomes, records
from almanac.runner.schedule.arrivals import Arrivals
from almanac.runner.schedule.children import Child, Start, words
from almanac.runner.schedule.records import Connection, Slot
from almanac.runner.schedule.rhythm import DEFAULT, Rhythm

AT_ONCE = 2
# How many slots of the past a scheduler looks at: a day of seconds.
MOST_SLOTS = 86_400
UPSTREAM_SECONDS = 15
# How often a failed slot is looked at: its notebook may have been mended.
MENDED = timedelta(minutes=1)
log = logging.getLogger("almanac")


@dataclass
class Engine:
    """One scheduler. `connection` commits each statement; its locks tell other schedulers what is ours."""

    connection: Connection
    rhythms: Sequence[Rhythm]
    start: Start
    fingerprint: outcomes.Fingerprint
    who: str
    arrivals: Arrivals
    children: dict[str, Child] = field(default_factory=dict)
    draining: bool = False
    failures: list[str] = field(default_factory=list)
    swept: date | None = None
    looked: datetime | None = None
    coming: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def tick(self, now: datetime | None = None) -> datetime | None:
        """Do what is due now; return when something is due next, None while nothing is planned.

        Raises psycopg.OperationalError where the database is away.
        """
        moment = now or datetime.now(UTC)
        self.reap(moment)
        self._sweep(moment)
        self._retry_mended(moment)
        for rhythm in self.rhythms:
            self._plan(rhythm, moment)
        self.arrivals.plan(self.connection, moment)
        slots = [slot for slot in records.open_slots(self.connection) if self._rhythm(slot)]
        for slot in slots:
            if not self.draining and slot.is_due(moment):
                self._try(slot, moment)
        times = [slot.not_before or slot.slot for slot in slots if slot.state != "running"]
        look = self.arrivals.next_look(moment)
        return min([*times, look] if look else times, default=None)

    def reap(self, now: datetime) -> None:
        """Record how the runs have ended that are over."""
        for workload, child in list(self.children.items()):
            code = child.process.poll()
            if code is None:
                continue
            # The row is written first: where that fails, the next tick tries again.
            state = outcomes.record(self.connection, child.slot, code, now, self.fingerprint)
            if state == "succeeded":
                records.wake(self.connection, workload)
                self.arrivals.notice_rest(self.connection, workload, now)
            elif state != "waiting":
                self.failures.append(workload)
            log.info(
                "slot ended", extra=fields(workload=workload, slot=child.slot.slot, state=state, code=code)
            )
            del self.children[workload]
            records.unlock(self.connection, workload)

    def terminate(self) -> None:
        """Ask the runs under way to end; each records why, and its slot waits again."""
        self.draining = True
        for child in self.children.values():
            child.process.terminate()

    def reconnect(self, connection: Connection) -> None:
        """Go on with a new connection, and with the locks of the runs under way."""
        self.connection = connection
        for workload in self.children:
            records.try_lock(connection, workload)

    def _sweep(self, now: datetime) -> None:
        """Once a day, and first of all: drop what a changed rhythm has left, and rows past retention."""
        if self.swept != now.date():
            records.drop_coming(self.connection, now, self.rhythms)
            records.forget(self.connection, now)
            self.swept = now.date()

    def _retry_mended(self, now: datetime) -> None:
        if self.looked is None or abs(now - self.looked) >= MENDED:
            outcomes.retry_changed(self.connection, now, self.fingerprint)
            self.looked = now

    def _plan(self, rhythm: Rhythm, now: datetime) -> None:
        """Write the rows of the slots that have come since the last look, and of the next one."""
        if self.coming.get(rhythm.key, now) > now:
            return
        last = records.newest(self.connection, rhythm)
        if last is not None and last > now:
            self.coming[rhythm.key] = last
            return
        after = self._beginning(rhythm, now) if last is None else last
        past = rhythm.between(after, now, MOST_SLOTS)
        records.add(self.connection, rhythm, [*past, rhythm.following(now)])
        missed = records.pass_over(self.connection, rhythm, now)
        if missed:
            log.warning(
                "slots missed", extra=fields(workload=rhythm.workload, schedule=rhythm.name, slots=missed)
            )

    def _beginning(self, rhythm: Rhythm, now: datetime) -> datetime:
        """Return after which instant a new schedule has slots: its chain begins with its last first link."""
        first = rhythm
        while first.upstream:
            first = self._named(first.workload, first.upstream)
        return first.latest(now) - timedelta(microseconds=1)

    def _named(self, workload: str, name: str) -> Rhythm:
        return next(rhythm for rhythm in self.rhythms if rhythm.key == (workload, name))

    def _rhythm(self, slot: Slot) -> Rhythm | None:
        return next((r for r in self.rhythms if r.key == (slot.workload, slot.schedule)), None)

    def _try(self, slot: Slot, now: datetime) -> None:
        """Start a slot unless somebody is at its workload, or its chain has to wait."""
        if slot.workload in self.children or len(self.children) >= AT_ONCE:
            return
        if not records.try_lock(self.connection, slot.workload):
            return
        # Between the look and the lock another scheduler may have run it.
        current = records.get(self.connection, slot.key)
        if current is None or current.state in ("succeeded", "failed", "missed") or not current.is_due(now):
            records.unlock(self.connection, slot.workload)
            return
        if not self._begin(current, now):
            records.unlock(self.connection, slot.workload)

    def _begin(self, slot: Slot, now: datetime) -> bool:
        """Start the process of a slot; return False where there is nothing to start."""
        run_id = records.succeeded_run(self.connection, slot.key)
        if run_id:
            records.change(self.connection, slot, state="succeeded", run_id=run_id, reason=None)
            return False
        rhythm = self._rhythm(slot)
        if rhythm is None:
            return False
        parent: str | None = None
        if self._comes_too_early(rhythm):
            self._wait(slot, "waits for the first release", now)
            return False
        if rhythm.upstream:
            upstream = self._named(rhythm.workload, rhythm.upstream)
            before = (rhythm.workload, upstream.name, upstream.latest(slot.slot))
            parent = self._parent(slot, before, now)
            if parent is None:
                return False
        records.change(self.connection, slot, state="running", who=self.who)
        process = self.start(words(slot, self._steps(rhythm), parent))
        self.children[slot.workload] = Child(slot, process)
        log.info("slot starts", extra=fields(workload=slot.workload, schedule=slot.schedule, slot=slot.slot))
        return True

    def _parent(self, slot: Slot, before: tuple[str, str, datetime], now: datetime) -> str | None:
        """Return the run that a link of a chain follows; without one the link waits, or is missed."""
        run_id = records.succeeded_run(self.connection, before)
        if run_id:
            return run_id
        upstream = records.get(self.connection, before)
        if upstream is None or upstream.state == "missed":
            reason = f"{before[1]} of {before[2]:%Y-%m-%dT%H:%MZ}, which it follows, was missed"
            records.change(self.connection, slot, state="missed", reason=reason)
        else:
            reason = f"waits for {before[1]} of {before[2]:%Y-%m-%dT%H:%MZ} ({upstream.state})"
            self._wait(slot, reason, now)
        return None

    def _wait(self, slot: Slot, reason: str, now: datetime) -> None:
        later = now + timedelta(seconds=UPSTREAM_SECONDS)
        records.change(self.connection, slot, state="waiting", reason=reason, not_before=later)

    def _comes_too_early(self, rhythm: Rhythm) -> bool:
        """Tell whether the schedule relies on data that only the workload's first run will collect."""
        has_default = any(other.key == (rhythm.workload, DEFAULT) for other in self.rhythms)
        if not has_default or rhythm.upstream or "collect" in rhythm.steps or not rhythm.steps:
            return False
        return rhythm.name != DEFAULT and not records.has_release(self.connection, rhythm.workload)

    def _steps(self, rhythm: Rhythm) -> tuple[str, ...]:
        """Return the steps to run: all of them where there is no model and no chain that trains one."""
        is_first = "train" not in rhythm.steps and not rhythm.upstream and "predict" in rhythm.steps
        return () if is_first and not records.has_release(self.connection, rhythm.workload) else rhythm.steps
