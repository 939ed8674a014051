"""The worker: looks at the queue, lets its rule decide, makes batches until it is told to stop."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import psycopg

from almanac.errors import DatabaseError
from almanac.workloads.events.policy.sizing import Decision, Rule
from almanac.workloads.events.queue import batches, claims, heartbeat, statements
from almanac.workloads.events.queue.batches import Batch, Failed, Order, Task, Terms
from almanac.workloads.events.queue.statements import Connection, Patience, Sight
from almanac.workloads.events.queue.stop_signal import Ending
from almanac.workloads.events.queue.work import Work

Connect = Callable[[], AbstractContextManager[Connection]]
LOOK_SECONDS = 0.05
LEAST_SLEEP_SECONDS = 0.002
BEAT_SECONDS = 1.0
# While there is more to forget it is forgotten in small parts, faster than events can come in.
CLEAN_SECONDS, CLEAN_ON_SECONDS = 60.0, 0.1
TELL_SECONDS = 10.0
# Looking, claiming, recording and committing take time that is no processing; its running mean moves by this share with each batch.
LAG_RATE = 0.1
MOST_LAG_SHARE = 0.2
FIRST_AWAY_SECONDS, LONGEST_AWAY_SECONDS = 0.05, 2.0
WELL_SECONDS = 5.0
AGAIN = Decision(1, 0.0, "again")
log = logging.getLogger("almanac.events")


@dataclass(frozen=True)
class Manner:
    """How a worker goes about it: its rule and work, whether it ends with the queue, its patience, and how long done events are kept."""

    rule: Rule
    work: Work = statements.roll_up
    drain: bool = False
    patience: Patience = field(default_factory=Patience)
    keep_seconds: float = 7 * 86_400.0


@dataclass
class Tally:
    """What a worker has done so far."""

    batches: Counter[str] = field(default_factory=Counter)
    events: int = 0
    cost: float = 0.0
    seconds: float = 0.0

    def add(self, batch: Batch) -> None:
        """Count one batch."""
        self.batches[batch.sized_by] += 1
        self.events += batch.events
        self.cost += batch.cost.total
        self.seconds += batch.seconds


class Worker:
    """Makes batches one after the other; a database that goes away is waited for, and what was under way is done again."""

    def __init__(self, connect: Connect, terms: Terms, manner: Manner) -> None:
        self.terms = terms
        self.tally = Tally()
        self._connect = connect
        self._manner = manner
        self._stopping = Ending()
        self._due = {"beat": 0.0, "clean": 0.0, "tell": time.monotonic() + TELL_SECONDS}
        self._oldest: tuple[str | None, float] = (None, 0.0)
        self._seen_at = time.monotonic()
        self._lag_seconds = 0.0
        self._was_again = False
        self._has_begun = False
        self._told_events = 0

    def stop(self) -> None:
        """End after the batch that is under way."""
        self._stopping.ask()

    def run(self) -> Tally:
        """Work until `stop`, or with `drain` until nothing waits any more; return what was done."""
        rule, terms = self._manner.rule, self.terms
        log.info(
            "worker %s begins: policy %s, objective %g s", terms.worker, rule.name, terms.objective_seconds
        )
        away = FIRST_AWAY_SECONDS
        while not self._stopping.is_asked():
            began = time.monotonic()
            try:
                with self._connect() as connection, self._connect() as notes:
                    self._serve(connection, notes)
            except (psycopg.OperationalError, psycopg.InternalError, DatabaseError) as error:
                # What breaks at once again and again, as a full disk does, is tried more and more rarely.
                away = (
                    min(away * 2, LONGEST_AWAY_SECONDS)
                    if time.monotonic() - began < WELL_SECONDS
                    else FIRST_AWAY_SECONDS
                )
                log.warning(
                    "the database is away, trying again in %.2f s: %s",
                    away,
                    str(error).strip().partition("\n")[0],
                )
                self._stopping.wait(away)
        log.info("worker %s ends: %s", terms.worker, self._told())
        return self.tally

    def _serve(self, connection: Connection, notes: Connection) -> None:
        for each in (connection, notes):
            statements.prepare(each)
        claims.live(notes, self.terms.worker)
        if self._has_begun:
            # What this process was at when its last connection broke is no event's fault.
            claims.clear(notes, self.terms.worker)
        else:
            self._recover(notes)
        self._has_begun = True
        while not self._stopping.is_asked():
            self._keep_house(connection)
            sight = self._seen(connection)
            if (
                self._manner.drain
                and not sight.backlog
                and not sight.is_any_again
                and statements.is_empty(connection)
            ):
                self._stopping.ask()
                break
            decision = self._decide(sight)
            if decision.wait_seconds > 0:
                self._stopping.wait(max(LEAST_SLEEP_SECONDS, min(LOOK_SECONDS, decision.wait_seconds)))
            elif not self._make(connection, notes, Order(sight, decision, self._manner.rule.release_id)):
                self._stopping.wait(LOOK_SECONDS)
        heartbeat.beat(connection, self._shown())
        heartbeat.leave(connection, self.terms.worker)

    def _seen(self, connection: Connection) -> Sight:
        """Look at the queue. Its oldest event is at least as old as our own clock says, whatever was done to that of the database.

        All events count as older by what looking, claiming and recording take, so that a batch is done, not only processed, in time.
        """
        self._seen_at = time.monotonic()
        sight = statements.look(connection)
        now = time.monotonic()
        if sight.oldest_id != self._oldest[0]:
            self._oldest = (sight.oldest_id, now)
        short = max(0.0, now - self._oldest[1] - sight.oldest_seconds) + self._lag_seconds
        ages, following = (
            [max(0.0, age + short) for age in known] for known in (sight.ages, sight.next_ages)
        )
        return replace(sight, ages=ages, next_ages=following)

    def _decide(self, sight: Sight) -> Decision:
        """Let the rule decide; events to be tried again take turns with the others."""
        if sight.is_again_due and not self._was_again:
            return AGAIN
        decision = self._manner.rule.decide(sight)
        if sight.backlog and self._manner.drain:
            return replace(decision, wait_seconds=0.0)
        if sight.backlog and decision.wait_seconds <= 0:
            return decision
        self._was_again = False
        return replace(decision, wait_seconds=decision.wait_seconds or LOOK_SECONDS)

    def _make(self, connection: Connection, notes: Connection, order: Order) -> bool:
        self._was_again = order.decision.sized_by == "again"
        batch = batches.make(
            connection, notes, order, Task(self._manner.work, self._manner.patience), self.terms
        )
        if isinstance(batch, Failed):
            log.warning(
                "work failed, %s events are tried again, each by itself: %s", batch.tried_again, batch.reason
            )
            self._tell_buried(batch.buried, batch.reason)
        if not isinstance(batch, Batch):
            return batch is not None
        self.tally.add(batch)
        lag = min(
            time.monotonic() - self._seen_at - batch.seconds, MOST_LAG_SHARE * self.terms.objective_seconds
        )
        self._lag_seconds += LAG_RATE * (lag - self._lag_seconds)
        # What the rule did not decide, as an event that is tried again by itself and is late anyway, says nothing about its misses.
        if order.decision.choice is not None:
            self._manner.rule.learn(batch.missed, batch.events, batch.far)
        log.debug(
            "batch of %s events in %.3f s, %s, oldest %.2f s",
            batch.events,
            batch.seconds,
            batch.sized_by,
            batch.oldest_seconds,
        )
        return True

    def _recover(self, connection: Connection) -> None:
        """Deal with what workers left that were killed, this one's forerunner among them."""
        for orphans in claims.recover(connection, self._manner.patience):
            log.warning(
                "worker %s died over its events; %s are tried again, each by itself",
                orphans.worker,
                orphans.tried_again,
            )
            self._tell_buried(orphans.buried, "workers died over it")

    def _tell_buried(self, event_ids: Sequence[str], reason: str) -> None:
        for event_id in event_ids:
            log.error(
                "event %r is buried after %s attempts: %s",
                event_id,
                self._manner.patience.most_attempts,
                reason,
            )

    def _keep_house(self, connection: Connection) -> None:
        if self._is_due("beat", BEAT_SECONDS):
            self._manner.rule.refresh(connection)
            self._recover(connection)
            heartbeat.beat(connection, self._shown())
        if (
            self._is_due("clean", CLEAN_SECONDS)
            and statements.forget(connection, self._manner.keep_seconds) >= statements.DELETED_AT_ONCE
        ):
            self._due["clean"] = time.monotonic() + CLEAN_ON_SECONDS
        if self._is_due("tell", TELL_SECONDS) and self.tally.events > self._told_events:
            self._told_events = self.tally.events
            log.info("worker %s: %s", self.terms.worker, self._told())

    def _shown(self) -> heartbeat.Seen:
        return heartbeat.Seen(self.terms, self._manner.rule, self.tally.batches, self.tally.events)

    def _is_due(self, what: str, every_seconds: float) -> bool:
        now = time.monotonic()
        if now < self._due[what]:
            return False
        self._due[what] = now + every_seconds
        return True

    def _told(self) -> str:
        tally = self.tally
        sizes = (
            ", ".join(f"{count} {sized_by}" for sized_by, count in sorted(tally.batches.items())) or "none"
        )
        per_event = f", {tally.cost / tally.events:.4f} an event" if tally.events else ""
        made = f"{tally.events} events in {tally.batches.total()} batches ({sizes}), {tally.seconds:.1f} s of work{per_event}"
        return f"{made}; sizes from {self._manner.rule.source}"
