"""When a worker starts a batch and how many events it takes: fixed, polling, published, and by default."""

import random
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.store.connections.database import Database
from almanac.workloads.events.policy import command_line
from almanac.workloads.events.policy.costs import Floats
from almanac.workloads.events.policy.goal import Goal, MissPrice
from almanac.workloads.events.policy.lookup import Lookup
from almanac.workloads.events.policy.published import Policy
from almanac.workloads.events.policy.queue_view import QueueView
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.rules import MissBudget
from almanac.workloads.events.policy.sizing import Decision, FixedSizing, PollingSizing, PublishedSizing
from almanac.workloads.events.replays.load import Load, Processing
from almanac.workloads.events.replays.replay import run
from tests.events.event_driver import Bench, events
from tests.policies import STATE, release_policy
from tests.queries import change

GOAL = Goal(2.0, 0.01)
DEFAULT = FixedSizing(50, 2.0, "default")
NOW = 1_700_000_000.0
BAND = {
    "band_id": "p0000-q00",
    "phase_min": 0.0,
    "phase_max": 1e6,
    "quiet_min_seconds": 0.0,
    "quiet_max_seconds": 1e6,
    "step_seconds": 1.0,
}
SMALL_STATE = {"state_id": "small", "backlog_max": 9, "expected_seconds": 0.3, "p90_seconds": 0.3}
LARGE_STATE = {"state_id": "large", "backlog_min": 10, "expected_seconds": 0.9, "p90_seconds": 0.9}
RECORDED = "sized_by, state_id, release_id, predicted_seconds, predicted_p90_seconds, predicted_cost"


def view(backlog: int, age: float = 0.0) -> QueueView:
    return QueueView(backlog, 2.0, [age] if backlog else [], "a" if backlog else None, False, False, 6)


def policy_of(*states: dict[str, object]) -> Policy:
    return Policy(
        Lookup.of(pd.DataFrame([STATE | state for state in states])), 7, "release 7, model version 3", 0.0
    )


def published(explore_share: float = 0.0, **state: object) -> PublishedSizing:
    return PublishedSizing(DEFAULT, GOAL, explore_share, policy_of(state), random.Random(1))


def rhythm(*gains: float, **band: object) -> pd.DataFrame:
    """Return a table of one band, whose starts are a second apart."""
    return pd.DataFrame([BAND | {"gained_seconds": list(gains)} | band])


def wait_with(table: pd.DataFrame, waiting: QueueView) -> float:
    """Return how long a policy with a rhythm waits, where a miss is worth half a second."""
    sizing = published(patience_seconds=0.5)
    sizing.policy = replace(sizing.policy, rhythm=Rhythm(table))
    return sizing.decide(waiting).wait_seconds


def pair(newest_at: float) -> QueueView:
    """Return two waiting events, of which the oldest makes it until half a second from now."""
    return replace(view(2, 1.0), ages=[1.0, 0.2], newest_at=newest_at, instant=NOW)


def test_a_fixed_size_waits_until_it_is_full_or_half_of_the_objective_is_over() -> None:
    sizing = FixedSizing(10, 2.0)
    assert sizing.decide(view(10)) == sizing.decide(view(99)) == Decision(10, 0.0, "fixed")
    assert sizing.decide(view(9, 0.25)) == Decision(10, 0.75, "fixed")
    assert sizing.decide(view(9, 1.0)) == Decision(10, 0.0, "fixed")


def test_polling_takes_what_is_there_and_sleeps_after_a_poll_that_finds_nothing() -> None:
    sizing = PollingSizing(10, 5.0)
    assert sizing.decide(view(3)) == Decision(10, 0.0, "polling")
    assert sizing.decide(view(0)).wait_seconds == 5.0
    assert 4.0 < sizing.decide(view(3)).wait_seconds <= 5.0


def test_polling_looks_at_equal_intervals_while_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 103.0, 106.0, 109.0, 110.5])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    sizing = PollingSizing(10, 5.0)
    assert [sizing.decide(view(0)).wait_seconds for _ in range(3)] == [5.0, 2.0, 4.0]
    # An event that arrived at 108 waits for the poll at 110.
    assert [sizing.decide(view(1, age)).wait_seconds for age in (1.0, 2.5)] == [1.0, 0.0]


def test_without_a_policy_the_default_is_used_with_its_reason() -> None:
    sizing = PublishedSizing(DEFAULT, GOAL)
    assert sizing.decide(view(50)) == Decision(50, 0.0, "default")
    assert (sizing.source, sizing.release_id) == ("default of 50, since no policy is published", None)


def test_the_default_decides_about_a_state_that_the_policy_does_not_have() -> None:
    assert published(backlog_min=10).decide(view(50)).sized_by == "published"
    assert published(backlog_min=10).decide(view(9, 1.0)) == Decision(50, 0.0, "default")


def test_the_published_policy_says_how_long_to_wait_and_how_many_to_take() -> None:
    sizing = published()
    early = sizing.decide(view(5, 0.25))
    late = sizing.decide(view(5, 1.99))
    # Processing takes 0.5 s of 2 s, so an event of 0.25 s may wait for 1.25 s more.
    assert (early.size, early.sized_by) == (100, "published")
    assert early.wait_seconds == pytest.approx(1.25, abs=0.02)
    assert late.wait_seconds == 0.0
    assert late.row is not None
    assert late.row.state_id == "b00-a00-k00-h00"
    assert sizing.source == "release 7, model version 3"


def test_a_full_batch_starts_at_once_as_in_the_replays() -> None:
    assert published().decide(view(99, 0.0)).wait_seconds > 1.0
    assert published().decide(view(100, 0.0)).wait_seconds == 0.0
    assert published().decide(view(101, 0.0)).wait_seconds == 0.0


def test_another_objective_than_that_of_the_policy_moves_the_start() -> None:
    sizing = replace(published(), goal=Goal(5.0, 0.01))
    assert sizing.decide(view(5, 0.25)).wait_seconds == pytest.approx(4.25, abs=0.05)


@pytest.mark.parametrize(("worth", "wait"), [(8.0, 0.7), (0.2, 1.1)])
def test_the_oldest_is_let_go_only_where_that_is_worth_it(worth: float, wait: float) -> None:
    sizing = published(expected_seconds=0.3, p90_seconds=0.301, patience_seconds=worth)
    waiting = replace(view(3, 1.0), ages=[1.0, 0.6, 0.55])
    assert sizing.decide(waiting).wait_seconds == pytest.approx(wait, abs=0.02)


def test_the_oldest_is_let_go_where_the_rhythm_of_arrivals_says_that_this_gains() -> None:
    waits = [wait_with(rhythm(*gains), pair(NOW - 0.2)) for gains in ((0.0, 0.0), (0.0, 2.0))]
    # It makes it until 0.5 s from now, and no event is planned to take longer than 1.24 objectives.
    assert waits == pytest.approx([0.5, 2.48 - 0.5 - 1.0], abs=0.02)


def test_a_worker_that_becomes_free_goes_by_how_long_no_event_has_arrived() -> None:
    young = rhythm(0.0, 2.0, quiet_max_seconds=0.5)
    old = rhythm(0.0, 0.0, band_id="p0000-q01", quiet_min_seconds=0.5)
    waits = [wait_with(pd.concat([young, old]), pair(NOW - quiet)) for quiet in (0.2, 0.8)]
    assert waits == pytest.approx([2.48 - 0.5 - 1.0, 0.5], abs=0.02)


@dataclass
class SimulatedWorker:
    """A worker whose clock and arrivals are simulated; each batch takes half a second."""

    sizing: PublishedSizing
    arrivals: Floats
    now: float
    first: int = 0

    def view(self) -> QueueView:
        waiting = self.arrivals[self.first :][self.arrivals[self.first :] <= self.now]
        ages = (self.now - waiting).tolist()
        newest = NOW + float(waiting[-1]) if ages else 0.0
        kb = 2.0 if ages else 0.0
        next_kb = [2.0] * len(ages)
        return QueueView(len(ages), kb, ages[:8], "a", False, False, 6, ages, next_kb, newest, NOW + self.now)

    def step(self) -> float | None:
        """Look at the queue; return the start of a batch, or None after a short wait."""
        waiting = self.view()
        decision = self.sizing.decide(waiting)
        if not waiting.backlog or decision.wait_seconds > 0.0:
            self.now += 0.002
            return None
        return self._make(min(decision.size, waiting.backlog))

    def _make(self, size: int) -> float:
        start, self.now = self.now, self.now + 0.5
        batch = self.arrivals[self.first : self.first + size]
        self.first += size
        self.sizing.learn(int((self.now - batch > GOAL.objective_seconds).sum()), size)
        return start

    def starts(self) -> list[float]:
        """Work through all arrivals and return the starts of the batches."""
        starts = []
        while self.first < len(self.arrivals) and self.now < self.arrivals[-1]:
            start = self.step()
            if start is not None:
                starts.append(start)
        return starts


def random_rhythm(luck: np.random.Generator) -> Rhythm:
    """Return a table whose bands differ at random."""
    edges = [0.0, 0.05, 0.2, 0.5, 1.0, 1e6]
    rows: list[dict[str, Any]] = []
    for phase in np.arange(0.0, 10.0, 0.5):
        for quiet, end in pairwise(edges):
            gains = np.cumsum(luck.choice([0.0, 1.0], 40, p=[0.9, 0.1])).tolist()
            ends = {"phase_min": phase, "phase_max": phase + 0.5, "quiet_max_seconds": end}
            rows.append(
                BAND | ends | {"quiet_min_seconds": quiet, "step_seconds": 0.1, "gained_seconds": gains}
            )
    return Rhythm(pd.DataFrame(rows))


def test_a_worker_that_looks_again_and_again_starts_when_the_replay_does() -> None:
    # The bands of the rhythm differ at random: what counts is the band in which an event arrived or the
    # worker became free.
    luck = np.random.default_rng(7)
    goal = Goal(2.0, 0.3)
    table = random_rhythm(luck)
    arrivals = np.cumsum(luck.exponential(0.7, 200))
    sizing = replace(published(patience_seconds=0.3), goal=goal)
    sizing.policy = replace(sizing.policy, rhythm=table)
    assert sizing.policy.lookup is not None
    kb_before = np.arange(len(arrivals) + 1.0) * 2.0
    half = Processing("half", 0.5, 0.0, 0.0, 0.0)
    traffic = Load(arrivals, kb_before, np.ones(len(arrivals)), half, NOW)
    rule = MissBudget(sizing.policy.lookup.seconds, MissPrice(goal, 0.3), rhythm=table)
    starts = SimulatedWorker(sizing, arrivals, float(arrivals[0])).starts()
    assert len(starts) > 50
    assert starts == pytest.approx(run(traffic, rule).starts[: len(starts)].tolist(), abs=0.01)


def test_exploring_takes_less_than_the_policy_says_and_never_starts_early_or_takes_more() -> None:
    sizing = published(explore_share=1.0)
    decisions = [sizing.decide(view(40, 1.99)) for _ in range(200)]
    assert {decision.sized_by for decision in decisions} == {"explore"}
    assert min(decision.size for decision in decisions) == 12
    assert max(decision.size for decision in decisions) == 36
    assert sizing.decide(view(40, 0.1)).sized_by == "published"
    assert sizing.decide(view(3, 1.99)).sized_by == "published"


def test_misses_make_a_worker_start_earlier() -> None:
    sizing = published(p90_seconds=0.8, patience_seconds=1.0)
    before = sizing.decide(view(5, 0.25)).wait_seconds
    for _ in range(5):
        sizing.learn(missed=50, events=50)
    assert sizing.decide(view(5, 0.25)).wait_seconds < before


def test_a_worker_lets_an_event_be_far_only_where_its_batches_have_left_it_one() -> None:
    sizing = replace(published(), goal=Goal(2.0, 0.01, far_share=0.01))
    assert sizing.decide(view(1, 1.99)).wait_seconds == 0.0
    sizing.learn(missed=0, events=100)
    # It is to be finished after twice the objective, 4 s, of which processing takes 0.5 s.
    assert sizing.decide(view(1, 1.99)).wait_seconds == pytest.approx(1.51, abs=0.02)
    sizing.learn(missed=1, events=1, far=1)
    assert sizing.decide(view(1, 1.99)).wait_seconds == 0.0


def test_events_that_can_still_make_it_go_first_where_all_at_once_would_be_late() -> None:
    sizing = replace(published(), policy=policy_of(SMALL_STATE, LARGE_STATE))
    # Eight events have 0.4 s left; up to nine take 0.3 s and twelve 0.9 s.
    ages = [1.6] * 8 + [0.1] * 4
    crowded = replace(view(12, 1.6), ages=ages[:8], next_ages=ages, next_kb=[2.0] * 12)
    # A worker that has just begun has no batch to spare yet.
    assert sizing.decide(crowded).size == 100
    sizing = replace(published(), policy=policy_of(SMALL_STATE, LARGE_STATE), _spare=20.0)
    decision = sizing.decide(crowded)
    assert (decision.size, decision.wait_seconds, decision.sized_by) == (9, 0.0, "published")
    assert decision.row is not None
    assert (decision.row.state_id, decision.row.expected_seconds) == ("small", 0.3)
    young = replace(crowded, ages=[0.1] * 8, next_ages=[0.1] * 12)
    assert sizing.decide(young).size == 100


def test_a_batch_that_explores_is_predicted_for_its_own_size() -> None:
    small = SMALL_STATE | {"backlog_max": 39}
    large = LARGE_STATE | {"backlog_min": 40, "expected_seconds": 0.5, "p90_seconds": 0.5}
    sizing = replace(published(explore_share=1.0), policy=policy_of(small, large))
    decision = sizing.decide(view(40, 1.99))
    assert decision.size < 40
    assert decision.row is not None
    assert decision.row.expected_seconds == 0.3


def test_the_slack_of_the_policy_makes_a_worker_start_earlier() -> None:
    sizings = [published(slack_seconds=slack) for slack in (0.0, 0.2, None)]
    without, with_slack, missing = (sizing.decide(view(5, 0.25)).wait_seconds for sizing in sizings)
    assert without - with_slack == pytest.approx(0.2)
    assert without == missing


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fixed",
        "fixed:0",
        "fixed:-1",
        "polling:10",
        "polling:10:x",
        "polling:10:1e9",
        "T",
        "fixed:10001",
        "published:1",
    ],
)
def test_an_unknown_rule_is_refused_with_those_that_exist(text: str) -> None:
    problem = r"Unknown policy '.*'\. Use published, fixed:N \(for example fixed:50\) or polling:N:SECONDS"
    with pytest.raises(UsageError, match=problem):
        command_line.parse(text, DEFAULT, GOAL, explore_share=0.0)


@pytest.mark.parametrize("text", ["published", "fixed:10000", "polling:9:2.5"])
def test_a_rule_is_named_as_the_command_line_spells_it(text: str) -> None:
    assert command_line.parse(text, DEFAULT, GOAL, explore_share=0.1).name == text


def renewed(bench: Bench, sizing: PublishedSizing) -> PublishedSizing:
    """Let a sizing read the policy again, although it has just done so."""
    sizing.policy = Policy()
    with bench.connect()() as connection:
        sizing.refresh(connection)
    return sizing


def test_a_worker_follows_a_release_as_soon_as_there_is_one(database_url: str, owner: Database) -> None:
    bench, sizing = Bench(database_url), PublishedSizing(DEFAULT, GOAL)
    bench.send(*events(4))
    assert bench.drain(sizing).batches == {"default": 1}
    release_policy(owner, [STATE])
    sizing.policy = Policy()
    bench.send(*events(6))
    assert bench.drain(sizing).batches == {"published": 1}
    assert bench.query(f"SELECT {RECORDED} FROM almanac.events_batches ORDER BY batch_id") == [
        ("default", None, None, None, None, None),
        ("published", "b00-a00-k00-h00", 1, 0.5, 0.5, 0.3),
    ]


def test_a_worker_reads_the_rhythm_of_a_release_and_does_without_one(
    database_url: str, owner: Database
) -> None:
    bench, sizing = Bench(database_url), PublishedSizing(DEFAULT, GOAL)
    release_policy(owner, [STATE])
    assert str(renewed(bench, sizing).policy.rhythm) == "no rhythm of arrivals"
    release_policy(owner, [STATE], rhythm(0.0, 2.0))
    gained = renewed(bench, sizing).policy.rhythm.gained(newest=0.0, now=0.0)
    assert gained(np.array([0.5])).tolist() == [1.0]


def test_a_worker_follows_a_policy_of_an_older_program_that_has_no_rhythm(
    database_url: str, owner: Database
) -> None:
    bench, sizing = Bench(database_url), PublishedSizing(DEFAULT, GOAL)
    release_policy(owner, [STATE], rhythm(0.0, 2.0))
    change(owner, "DROP VIEW api.events_rhythm")
    renewed(bench, sizing)
    assert (sizing.release_id, str(sizing.policy.rhythm)) == (1, "no rhythm of arrivals")


def test_a_policy_that_cannot_be_read_is_replaced_by_the_default(database_url: str, owner: Database) -> None:
    release_policy(owner, [STATE])
    change(owner, "DROP VIEW api.events_live; DROP VIEW api.events_predictions")
    sizing = renewed(Bench(database_url), PublishedSizing(DEFAULT, GOAL))
    assert sizing.source == "default of 50, since the policy cannot be read (UndefinedTable)"
