"""When a worker starts its next batch and how many events it takes: a fixed size, polling, or the published policy."""

import random
import re
import time
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from almanac.errors import UsageError
from almanac.workloads.events.policy.dividing import Waiting, first_part
from almanac.workloads.events.policy.published import Policy
from almanac.workloads.events.policy.rhythm import Gain, Rhythm
from almanac.workloads.events.policy.start import Goal, Patience, linearly
from almanac.workloads.events.policy.table import Choice
from almanac.workloads.events.queue.statements import Connection, Sight

SizedBy = Literal["published", "explore", "default", "fixed", "polling", "again"]
# A batch is held in memory, and its transaction is open as long as it is worked on.
NUMBER, MOST_EVENTS = r"[1-9]\d{0,3}|10000", 10_000
# Without a forecast of the seconds that a batch takes, half of the objective is left for them.
PART_FOR_WAITING = 0.5
# A batch that explores takes this part of what it would take.
LEAST_PART, MOST_PART = 0.3, 0.9
LEAST_EXPLORED = 4


@dataclass(frozen=True)
class Decision:
    """How many events to take and how long to wait before; `choice` is what the policy said."""

    size: int
    wait_seconds: float
    sized_by: SizedBy
    choice: Choice | None = None


class Rule(Protocol):
    """A way of sizing batches."""

    @property
    def name(self) -> str:
        """The rule as the command line spells it."""

    def decide(self, sight: Sight) -> Decision:
        """Return what to do about what waits."""

    def refresh(self, connection: Connection) -> None:
        """Read again what the rule goes by, if that is due."""

    def learn(self, missed: int, events: int, far: int = 0) -> None:
        """Take in how many events of a finished batch missed the objective, and how many were far."""

    @property
    def source(self) -> str:
        """Where the rule has its sizes from, in words."""

    @property
    def release_id(self) -> int | None:
        """The release of the policy in use, if it is a published one."""


@dataclass(frozen=True)
class Fixed:
    """Take `size` events as soon as so many wait, or what there is when the oldest has waited for half of the objective."""

    size: int
    objective_seconds: float
    sized_by: SizedBy = "fixed"
    release_id: int | None = None

    @property
    def name(self) -> str:
        """The rule as the command line spells it."""
        return f"fixed:{self.size}"

    @property
    def source(self) -> str:
        """Where the size comes from."""
        return "the command line"

    def decide(self, sight: Sight) -> Decision:
        """Wait until the batch is full or its time has come."""
        left = self.objective_seconds * PART_FOR_WAITING - sight.oldest_seconds
        return Decision(self.size, 0.0 if sight.backlog >= self.size else max(0.0, left), self.sized_by)

    def refresh(self, connection: Connection) -> None:
        """Nothing changes."""

    def learn(self, missed: int, events: int, far: int = 0) -> None:
        """Nothing changes."""


@dataclass
class Polling:
    """Take what there is, at most `size`; where there is nothing, look again after `every_seconds`: what a plain worker does."""

    size: int
    every_seconds: float
    release_id: int | None = None
    _next_poll: float = field(default=0.0, repr=False)

    @property
    def name(self) -> str:
        """The rule as the command line spells it."""
        return f"polling:{self.size}:{self.every_seconds:g}"

    @property
    def source(self) -> str:
        """Where size and interval come from."""
        return "the command line"

    def decide(self, sight: Sight) -> Decision:
        """Sleep after a poll that found nothing."""
        left = self._next_poll - time.monotonic()
        if left <= 0 and not sight.backlog:
            self._next_poll = time.monotonic() + self.every_seconds
            left = self.every_seconds
        return Decision(self.size, max(0.0, left), "polling")

    def refresh(self, connection: Connection) -> None:
        """Nothing changes."""

    def learn(self, missed: int, events: int, far: int = 0) -> None:
        """Nothing changes."""


@dataclass
class Plan:
    """What was decided when an event came in or the worker became free; it holds until one of both happens again, as in the replays.

    Asking an uncertain table again and again would sooner or later find a reason to start, and a start is final.
    """

    _free_at: float | None = None
    _known: tuple[int, float] | None = None
    _start_age: float = 0.0

    def wait_seconds(self, sight: Sight) -> float | None:
        """Return how long to wait by the plan, or None where there is none for what waits now."""
        if self._free_at is None:
            self._free_at = sight.instant
        return max(0.0, self._start_age - sight.oldest_seconds) if self._known == _shown(sight) else None

    def keep(self, sight: Sight, wait_seconds: float) -> None:
        """Plan to start after a wait."""
        self._known, self._start_age = _shown(sight), sight.oldest_seconds + wait_seconds

    def gained(self, sight: Sight, rhythm: Rhythm) -> Gain:
        """Return what starting so many seconds from now gains; looked up at the moment at which the newest event came in or the worker was free."""
        newest = sight.newest_at
        gain = rhythm.gained(newest=newest, now=min(max(newest, self._free_at or newest), sight.instant))
        return lambda waits: gain(sight.instant + waits)


def _shown(sight: Sight) -> tuple[int, float]:
    """How many wait, and when the newest came in."""
    return sight.backlog, sight.newest_at


@dataclass
class Published:
    """Follow the published policy; where none is published or it says nothing, use the default and say so.

    What a miss is worth begins as the policy says and is learned from then on, as in the replays that judged the policy. Now and then a
    batch takes less than the policy says, so that history has sizes to learn from.
    """

    default: Fixed
    goal: Goal
    explore_share: float = 0.0
    policy: Policy = field(default_factory=Policy)
    luck: random.Random = field(default_factory=random.Random, repr=False)
    _patience: Patience | None = field(default=None, repr=False)
    _plan: Plan = field(default_factory=Plan, repr=False)

    @property
    def name(self) -> str:
        """The rule as the command line spells it."""
        return "published"

    @property
    def source(self) -> str:
        """Where the policy comes from."""
        return (
            self.policy.source
            if self.policy.lookup
            else f"default of {self.default.size}, since {self.policy.source}"
        )

    @property
    def release_id(self) -> int | None:
        """The release of the policy in use."""
        return self.policy.release_id

    def decide(self, sight: Sight) -> Decision:
        """Look up the state of the queue."""
        choice, wait = self.policy.find(sight), self._plan.wait_seconds(sight)
        if choice is None:
            return self.default.decide(sight)
        if self._patience is None:
            self._patience = Patience(choice.goal(self.goal), choice.patience_seconds)
        if wait is None:
            # What was learned for another objective tells nothing of this one.
            gained = (
                self._plan.gained(sight, self.policy.rhythm)
                if choice.objective_seconds == self.goal.objective_seconds
                else linearly
            )
            # More than one batch can take: waiting would make nothing cheaper.
            wait = (
                0.0
                if sight.backlog > choice.batch_size
                else max(0.0, choice.wait(sight.ages, self._patience.present, gained))
            )
            part = self._part(sight, choice, wait, gained)
            if part is not None:
                return Decision(part, 0.0, "published", self.policy.find_part(sight, part))
            self._plan.keep(sight, wait)
        return self._explored(sight, Decision(choice.batch_size, wait, "published", choice))

    def refresh(self, connection: Connection) -> None:
        """Read the policy again where another release is live."""
        known, self.policy = self.policy, self.policy.renewed(connection)
        if known.release_id != self.policy.release_id:
            self._patience, self._plan = None, Plan()

    def learn(self, missed: int, events: int, far: int = 0) -> None:
        """Let misses become dearer or cheaper."""
        self._plan = Plan()
        if self._patience:
            self._patience.learn(missed, events, far)

    def _part(self, sight: Sight, choice: Choice, wait: float, gained: Gain) -> int | None:
        """Return how many events to take at once where one batch of all would come too late for too many, else None."""
        ages, kb = (np.array(known[: choice.batch_size]) for known in (sight.next_ages, sight.next_kb))
        if self.policy.lookup is None or self._patience is None or not len(ages):
            return None
        return first_part(Waiting(-ages, kb, 0.0), wait, self.policy.lookup.seconds, self._patience, gained)

    def _explored(self, sight: Sight, decision: Decision) -> Decision:
        taken = min(decision.size, sight.backlog)
        if decision.wait_seconds > 0 or taken < LEAST_EXPLORED or self.luck.random() >= self.explore_share:
            return decision
        size = max(1, round(taken * self.luck.uniform(LEAST_PART, MOST_PART)))
        return Decision(size, 0.0, "explore", self.policy.find_part(sight, size))


def parse(text: str, default: Fixed, goal: Goal, *, explore_share: float) -> Rule:
    """Return the rule that a command line names: fixed:N, polling:N:S or published; raises UsageError."""
    if text == "published":
        return Published(default, goal, explore_share)
    if found := re.fullmatch(rf"fixed:({NUMBER})", text):
        return Fixed(int(found[1]), goal.objective_seconds)
    if found := re.fullmatch(rf"polling:({NUMBER}):(\d{{1,6}}(?:\.\d{{1,6}})?)", text):
        return Polling(int(found[1]), float(found[2]))
    known = "published, fixed:N (for example fixed:50) or polling:N:SECONDS (for example polling:50:2)"
    raise UsageError(f"Unknown policy '{text}'. Use {known}, N being at most {MOST_EVENTS}.")
