"""The rules as a worker follows them: how long to wait and how many events to take."""

import random
import time
from dataclasses import dataclass, field
from typing import Literal, Protocol

from almanac.workloads.events.policy.goal import Goal, MissPrice
from almanac.workloads.events.policy.lookup import Lookup, PolicyRow
from almanac.workloads.events.policy.plain_worker import Work
from almanac.workloads.events.policy.published import Policy
from almanac.workloads.events.policy.queue_view import Connection, LiveQueue, QueueView
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.rules import FixedWithTimer, MissBudget, Polling

SizedBy = Literal["published", "explore", "default", "fixed", "polling", "again"]
# Without predicted seconds, half of the objective is left for processing.
WAITING_SHARE = 0.5
# A batch that explores takes this share of what it would take.
LEAST_PART, MOST_PART = 0.3, 0.9
LEAST_EXPLORED = 4


@dataclass(frozen=True)
class Decision:
    """How many events to take and how long to wait before; `row` is the row of the policy that says so."""

    size: int
    wait_seconds: float
    sized_by: SizedBy
    row: PolicyRow | None = None


class Sizing(Protocol):
    """How a worker sizes its batches."""

    @property
    def name(self) -> str:
        """The rule as the command line spells it."""

    @property
    def source(self) -> str:
        """Where the sizes come from, in words."""

    @property
    def release_id(self) -> int | None:
        """The release of the policy in use, if there is one."""

    def decide(self, view: QueueView) -> Decision:
        """Return what to do about the waiting events."""

    def refresh(self, connection: Connection) -> None:
        """Read the policy again, if that is due."""

    def learn(self, missed: int, events: int, far: int = 0, work: Work | None = None) -> None:
        """Learn from a finished batch: how many of its events missed the objective, and how many were far."""


class Unchanging:
    """A sizing that the command line sets and that nothing changes."""

    release_id: int | None = None
    source = "the command line"

    def refresh(self, connection: Connection) -> None:
        """Change nothing."""

    def learn(self, missed: int, events: int, far: int = 0, work: Work | None = None) -> None:
        """Change nothing."""


@dataclass(frozen=True)
class FixedSizing(Unchanging):
    """Take `size` events as soon as so many wait, or all after half of the objective."""

    size: int
    objective_seconds: float
    sized_by: SizedBy = "fixed"

    @property
    def name(self) -> str:
        """The rule as the command line spells it."""
        return f"fixed:{self.size}"

    def decide(self, view: QueueView) -> Decision:
        """Wait until the batch is full or its timer is over."""
        lead = self.objective_seconds * (1 - WAITING_SHARE)
        start = FixedWithTimer(self.size, self.objective_seconds, lead).start(LiveQueue(view))
        return Decision(self.size, start.instant, self.sized_by)


@dataclass
class PollingSizing(Unchanging):
    """Take at most `size` waiting events.

    When none waits, look again after `every_seconds`: a plain worker.
    """

    size: int
    every_seconds: float
    _idle_since: float | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The rule as the command line spells it."""
        return f"polling:{self.size}:{self.every_seconds:g}"

    def decide(self, view: QueueView) -> Decision:
        """Sleep after a poll that found nothing."""
        now = time.monotonic()
        if self._idle_since is None:
            self._idle_since = now
        if not view.backlog:
            return Decision(
                self.size, self.every_seconds - (now - self._idle_since) % self.every_seconds, "polling"
            )
        queue = LiveQueue(view, free=self._idle_since - now)
        wait = max(0.0, Polling(self.size, self.every_seconds).start(queue).instant)
        if not wait:
            self._idle_since = None
        return Decision(self.size, wait, "polling")


@dataclass
class Plan:
    """The start that was decided when an event arrived or the worker became free.

    It holds until either happens again. Replays decide at the same moments. A rule that is asked again and
    again would sooner or later find a reason to start, and a start is final.
    """

    _free_at: float | None = None
    _state: tuple[int, float] | None = None
    _start_age: float = 0.0

    def wait_seconds(self, view: QueueView) -> float | None:
        """Return how long to wait by the plan, or None where there is no plan for what waits now."""
        if self._free_at is None:
            self._free_at = view.instant
        return max(0.0, self._start_age - view.oldest_seconds) if self._state == _state(view) else None

    def keep(self, view: QueueView, wait_seconds: float) -> None:
        """Plan to start after a wait."""
        self._state = _state(view)
        self._start_age = view.oldest_seconds + wait_seconds

    def queue(self, view: QueueView) -> LiveQueue:
        """Return the queue for a new decision."""
        free_at = view.instant if self._free_at is None else self._free_at
        return LiveQueue(view, free=free_at - view.instant)


def _state(view: QueueView) -> tuple[int, float]:
    """Return how many events wait, and when the newest arrived."""
    return view.backlog, view.newest_at


@dataclass
class PublishedSizing:
    """Follow the published policy; use the default where none is published or it has no row, and say so.

    The worth of a missed event begins as the policy says and is learned from then on, as in the replays
    that judged the policy. The batches that it can spare outlast a release. Now and then a batch takes less
    than the policy says, so that the history has various sizes to learn from.
    """

    default: FixedSizing
    goal: Goal
    explore_share: float = 0.0
    policy: Policy = field(default_factory=Policy)
    luck: random.Random = field(default_factory=random.Random, repr=False)
    _rule: MissBudget | None = field(default=None, repr=False)
    _spare: float = field(default=0.0, repr=False)
    _plan: Plan = field(default_factory=Plan, repr=False)

    @property
    def name(self) -> str:
        """The rule as the command line spells it."""
        return "published"

    @property
    def source(self) -> str:
        """Where the policy comes from."""
        if self.policy.lookup:
            return self.policy.source
        return f"default of {self.default.size}, since {self.policy.source}"

    @property
    def release_id(self) -> int | None:
        """The release of the policy in use."""
        return self.policy.release_id

    def decide(self, view: QueueView) -> Decision:
        """Look up the state of the queue, and decide when to start where there is no plan yet."""
        row = self.policy.find(view)
        wait = self._plan.wait_seconds(view)
        if row is None or self.policy.lookup is None:
            return self.default.decide(view)
        if wait is None:
            start = self._rule_for(row, self.policy.lookup).start(self._plan.queue(view))
            if start.size < min(view.backlog, self.policy.lookup.largest):
                return Decision(start.size, 0.0, "published", self.policy.find_part(view, start.size))
            wait = start.instant
            self._plan.keep(view, wait)
        return self._explored(view, Decision(row.batch_size, wait, "published", row))

    def refresh(self, connection: Connection) -> None:
        """Read the policy again where another release is live."""
        before, self.policy = self.policy, self.policy.renewed(connection)
        if before.release_id != self.policy.release_id:
            self._spare = self._rule.plain.spare if self._rule else self._spare
            self._rule, self._plan = None, Plan()

    def learn(self, missed: int, events: int, far: int = 0, work: Work | None = None) -> None:
        """Let misses become dearer or cheaper."""
        self._plan = Plan()
        if self._rule:
            self._rule.learn(missed, events, far, work)

    def _rule_for(self, row: PolicyRow, lookup: Lookup) -> MissBudget:
        """Return the rule of the replays, which keeps what it has learned.

        A row of the policy sets its beginning.
        """
        if self._rule is None:
            price = MissPrice(row.goal(self.goal), row.patience_seconds)
            self._rule = MissBudget(lookup.seconds, price, lookup.largest)
            self._rule.plain.spare = self._spare
        # The rhythm was learned for one objective and says nothing about another.
        is_same = row.objective_seconds == self.goal.objective_seconds
        self._rule.rhythm = self.policy.rhythm if is_same else Rhythm()
        return self._rule

    def _explored(self, view: QueueView, decision: Decision) -> Decision:
        """Return the decision, or now and then one to take less."""
        size = min(decision.size, view.backlog)
        if decision.wait_seconds > 0 or size < LEAST_EXPLORED or self.luck.random() >= self.explore_share:
            return decision
        part = max(1, round(size * self.luck.uniform(LEAST_PART, MOST_PART)))
        return Decision(part, 0.0, "explore", self.policy.find_part(view, part))
