"""When a batch starts and how many events it takes: fixed, polling, as published, and by default where nothing is."""

import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.store.connections.database import Database
from almanac.workloads.events.policy import sizing
from almanac.workloads.events.policy.published import Policy
from almanac.workloads.events.policy.rhythm import Rhythm
from almanac.workloads.events.policy.sizing import Decision, Fixed, Polling, Published
from almanac.workloads.events.policy.start import Goal, Patience
from almanac.workloads.events.policy.table import Lookup
from almanac.workloads.events.queue.statements import Sight
from almanac.workloads.events.replays.load import Load, Processing
from almanac.workloads.events.replays.replay import run
from almanac.workloads.events.replays.rules import Patient
from tests.events.event_driver import Bench, events
from tests.policies import release_policy
from tests.queries import change

GOAL = Goal(2.0, 0.01)
DEFAULT = Fixed(50, 2.0, "default")
STATE = {
    "state_id": "b00-a00-k00-h00",
    "backlog_min": 1,
    "backlog_max": 1_000_000,
    "age_min_seconds": 0.0,
    "age_max_seconds": 1e6,
    "kb_min": 0.0,
    "kb_max": 1e6,
    "hour_min": 0,
    "hour_max": 24,
    "batch_size": 100,
    "wait_seconds": 1.5,
    "start_age_seconds": 1.5,
    "latest_age_seconds": 2.0,
    "patience_seconds": 8.0,
    "expected_seconds": 0.5,
    "p90_seconds": 0.5,
    "expected_cost": 0.3,
    "expected_cost_per_event": 0.01,
    "objective_seconds": 2.0,
    "reason": "Made up.",
}


def sight(backlog: int, age: float = 0.0) -> Sight:
    return Sight(backlog, 2.0, [age] if backlog else [], "a" if backlog else None, False, False, 6)


def published(explore_share: float = 0.0, **state: object) -> Published:
    policy = Policy(Lookup.of(pd.DataFrame([STATE | state])), 7, "release 7, model version 3", 0.0)
    return Published(DEFAULT, GOAL, explore_share, policy, random.Random(1))


def test_a_fixed_size_waits_until_it_is_full_or_half_of_the_objective_is_over() -> None:
    rule = Fixed(10, 2.0)
    assert rule.decide(sight(10)) == rule.decide(sight(99)) == Decision(10, 0.0, "fixed")
    assert rule.decide(sight(9, 0.25)) == Decision(10, 0.75, "fixed")
    assert rule.decide(sight(9, 1.0)) == Decision(10, 0.0, "fixed")


def test_polling_takes_what_is_there_and_sleeps_after_a_poll_that_found_nothing() -> None:
    rule = Polling(10, 5.0)
    assert rule.decide(sight(3)) == Decision(10, 0.0, "polling")
    assert rule.decide(sight(0)).wait_seconds == 5.0
    assert 4.0 < rule.decide(sight(3)).wait_seconds <= 5.0


def test_without_a_policy_the_default_is_used_and_said() -> None:
    rule = Published(DEFAULT, GOAL)
    assert rule.decide(sight(50)) == Decision(50, 0.0, "default")
    assert (rule.source, rule.release_id) == ("default of 50, since no policy is published", None)


def test_a_state_that_the_policy_does_not_have_is_decided_by_the_default() -> None:
    assert published(backlog_min=10).decide(sight(50)).sized_by == "published"
    assert published(backlog_min=10).decide(sight(9, 1.0)) == Decision(50, 0.0, "default")


def test_the_published_policy_says_how_long_to_wait_and_how_many_to_take() -> None:
    rule = published()
    early, late = rule.decide(sight(5, 0.25)), rule.decide(sight(5, 1.99))
    # Processing takes 0.5 s of 2 s, so an event of 0.25 s may wait for 1.25 s more.
    assert (early.size, early.sized_by) == (100, "published")
    assert early.wait_seconds == pytest.approx(1.25, abs=0.02)
    assert late.wait_seconds == 0.0
    assert late.choice is not None
    assert late.choice.state_id == "b00-a00-k00-h00"
    assert rule.source == "release 7, model version 3"


def test_where_more_waits_than_a_batch_takes_it_starts_at_once() -> None:
    assert published().decide(sight(100, 0.0)).wait_seconds > 1.0
    assert published().decide(sight(101, 0.0)).wait_seconds == 0.0


def test_another_objective_than_the_policy_was_made_for_moves_the_start() -> None:
    rule = replace(published(), goal=Goal(5.0, 0.01))
    assert rule.decide(sight(5, 0.25)).wait_seconds == pytest.approx(4.25, abs=0.05)


def rhythm(*gains: float) -> pd.DataFrame:
    """Return a table of one band, whose starts are a second apart."""
    band = {
        "band_id": "p0000-q00",
        "phase_min": 0.0,
        "phase_max": 1e6,
        "quiet_min_seconds": 0.0,
        "quiet_max_seconds": 1e6,
    }
    return pd.DataFrame([band | {"step_seconds": 1.0, "gained_seconds": list(gains)}])


def test_the_oldest_is_let_go_where_the_rhythm_of_arrivals_says_that_this_gains() -> None:
    waiting = replace(sight(2, 1.0), ages=[1.0, 0.2], newest_at=1_699_999_999.8, instant=1_700_000_000.0)
    waits = []
    for gains in ((0.0, 0.0), (0.0, 2.0)):
        rule = published(patience_seconds=0.5)
        rule.policy = replace(rule.policy, rhythm=Rhythm(rhythm(*gains)))
        waits.append(rule.decide(waiting).wait_seconds)
    # It makes it until 0.5 s from now, and nobody waits knowingly longer than 1.24 objectives.
    assert waits == pytest.approx([0.5, 2.48 - 0.5 - 1.0], abs=0.02)


def test_a_worker_that_becomes_free_goes_by_how_long_nothing_has_come_in() -> None:
    young, old = (
        rhythm(0.0, 2.0).assign(quiet_max_seconds=0.5),
        rhythm(0.0, 0.0).assign(band_id="p0000-q01", quiet_min_seconds=0.5),
    )
    waits = []
    for newest_at in (1_699_999_999.8, 1_699_999_999.2):
        rule = published(patience_seconds=0.5)
        rule.policy = replace(rule.policy, rhythm=Rhythm(pd.concat([young, old])))
        waits.append(
            rule.decide(
                replace(sight(2, 1.0), ages=[1.0, 0.2], newest_at=newest_at, instant=1_700_000_000.0)
            ).wait_seconds
        )
    assert waits == pytest.approx([2.48 - 0.5 - 1.0, 0.5], abs=0.02)


def test_a_worker_that_looks_again_and_again_starts_when_the_replay_does() -> None:
    # The table says other things in each band, and all of it at random; what counts is what it said when an event came in or the worker was free.
    luck = np.random.default_rng(7)
    edges = [0.0, 0.05, 0.2, 0.5, 1.0, 1e6]
    rows = [
        {
            "band_id": f"{phase} {quiet}",
            "phase_min": phase,
            "phase_max": phase + 0.5,
            "quiet_min_seconds": quiet,
            "quiet_max_seconds": edges[at + 1],
        }
        | {
            "step_seconds": 0.1,
            "gained_seconds": np.cumsum(luck.choice([0.0, 1.0], 40, p=[0.9, 0.1])).tolist(),
        }
        for phase in np.arange(0.0, 10.0, 0.5)
        for at, quiet in enumerate(edges[:-1])
    ]
    known, begun = Rhythm(pd.DataFrame(rows)), 1_700_000_000.0
    arrivals = np.cumsum(luck.exponential(0.7, 200))
    traffic = Load(
        arrivals,
        np.arange(len(arrivals) + 1.0) * 2.0,
        np.ones(len(arrivals)),
        Processing("half", 0.5, 0.0, 0.0, 0.0),
        begun,
    )
    rule, goal = published(patience_seconds=0.3), Goal(2.0, 0.3)
    rule.policy, rule.goal = replace(rule.policy, rhythm=known), goal
    assert rule.policy.lookup is not None
    replayed = run(traffic, Patient(rule.policy.lookup.seconds, Patience(goal, 0.3), rhythm=known))
    first, now, starts = 0, float(arrivals[0]), []
    while first < len(arrivals) and now < arrivals[-1]:
        waiting = arrivals[first:][arrivals[first:] <= now]
        ages = (now - waiting).tolist()
        seen = Sight(
            len(ages),
            2.0 if ages else 0.0,
            ages[:8],
            "a",
            False,
            False,
            6,
            ages,
            [2.0] * len(ages),
            begun + float(waiting[-1]) if ages else 0.0,
            begun + now,
        )
        decision = rule.decide(seen)
        if ages and decision.wait_seconds == 0.0:
            starts.append(now)
            size, now = min(decision.size, len(ages)), now + 0.5
            rule.learn(int((now - arrivals[first : first + size] > GOAL.objective_seconds).sum()), size)
            first += size
        else:
            now += 0.002
    assert len(starts) > 50
    assert starts == pytest.approx(replayed.starts[: len(starts)].tolist(), abs=0.01)


def test_exploring_takes_less_than_the_policy_says_and_never_starts_early_or_takes_more() -> None:
    rule = published(explore_share=1.0)
    sizes = {rule.decide(sight(40, 1.99)).size for _ in range(200)}
    assert {rule.decide(sight(40, 1.99)).sized_by for _ in range(20)} == {"explore"}
    assert min(sizes) == 12
    assert max(sizes) == 36
    assert rule.decide(sight(40, 0.1)).sized_by == "published"
    assert rule.decide(sight(3, 1.99)).sized_by == "published"


def test_misses_make_a_worker_start_earlier() -> None:
    rule = published(p90_seconds=0.8, patience_seconds=1.0)
    before = rule.decide(sight(5, 0.25)).wait_seconds
    for _ in range(5):
        rule.learn(missed=50, events=50)
    assert rule.decide(sight(5, 0.25)).wait_seconds < before


def test_a_worker_lets_an_event_be_far_only_where_its_batches_have_left_it_one() -> None:
    rule = replace(published(), goal=Goal(2.0, 0.01, far_share=0.01))
    assert rule.decide(sight(1, 1.99)).wait_seconds == 0.0
    rule.learn(missed=0, events=100)
    # It is to be finished after twice the objective, 4 s, of which processing takes 0.5 s.
    assert rule.decide(sight(1, 1.99)).wait_seconds == pytest.approx(1.51, abs=0.02)
    rule.learn(missed=1, events=1, far=1)
    assert rule.decide(sight(1, 1.99)).wait_seconds == 0.0


def test_what_can_still_make_it_goes_first_where_all_at_once_would_be_late() -> None:
    several = [
        STATE
        | {
            "state_id": f"b{low:02d}",
            "backlog_min": low,
            "backlog_max": high,
            "expected_seconds": told,
            "p90_seconds": told,
        }
        for low, high, told in ((1, 9, 0.3), (10, 1_000_000, 0.9))
    ]
    rule = replace(published(), policy=Policy(Lookup.of(pd.DataFrame(several)), 7, "release 7", 0.0))
    # Eight events have 0.4 s left; up to nine take 0.3 s and twelve 0.9 s.
    crowded = replace(sight(12, 1.6), ages=[1.6] * 8, next_ages=[1.6] * 8 + [0.1] * 4, next_kb=[2.0] * 12)
    decision = rule.decide(crowded)
    assert (decision.size, decision.wait_seconds, decision.sized_by) == (9, 0.0, "published")
    assert decision.choice is not None
    assert (decision.choice.state_id, decision.choice.expected_seconds) == ("b01", 0.3)
    assert rule.decide(replace(crowded, ages=[0.1] * 8, next_ages=[0.1] * 12)).size == 100


def test_a_batch_that_explores_is_promised_the_seconds_of_its_own_size() -> None:
    several = [
        STATE
        | {
            "state_id": f"b{low:02d}",
            "backlog_min": low,
            "backlog_max": high,
            "expected_seconds": told,
            "p90_seconds": told,
        }
        for low, high, told in ((1, 39, 0.3), (40, 1_000_000, 0.5))
    ]
    rule = replace(
        published(explore_share=1.0), policy=Policy(Lookup.of(pd.DataFrame(several)), 7, "release 7", 0.0)
    )
    decision = rule.decide(sight(40, 1.99))
    assert decision.size < 40
    assert decision.choice is not None
    assert decision.choice.expected_seconds == 0.3


def test_the_slack_of_the_policy_makes_a_worker_start_earlier() -> None:
    told = [published(slack_seconds=slack).decide(sight(5, 0.25)).wait_seconds for slack in (0.0, 0.2, None)]
    assert told[0] - told[1] == pytest.approx(0.2)
    assert told[0] == told[2]


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
def test_an_unknown_rule_is_refused_with_those_that_are_known(text: str) -> None:
    with pytest.raises(
        UsageError,
        match=r"Unknown policy '.*'\. Use published, fixed:N \(for example fixed:50\) or polling:N:SECONDS",
    ):
        sizing.parse(text, DEFAULT, GOAL, explore_share=0.0)


def test_the_rules_of_the_command_line() -> None:
    rules = [
        sizing.parse(text, DEFAULT, GOAL, explore_share=0.1)
        for text in ("published", "fixed:10000", "polling:9:2.5")
    ]
    assert [rule.name for rule in rules] == ["published", "fixed:10000", "polling:9:2.5"]


def test_a_worker_follows_a_release_as_soon_as_there_is_one(database_url: str, owner: Database) -> None:
    bench = Bench(database_url)
    rule = Published(DEFAULT, GOAL)
    bench.send(*events(4))
    assert bench.drain(rule).batches == {"default": 1}
    release_policy(owner, [STATE])
    rule.policy = Policy()
    bench.send(*events(6))
    assert bench.drain(rule).batches == {"published": 1}
    columns = "sized_by, state_id, release_id, predicted_seconds, predicted_p90_seconds, predicted_cost"
    assert bench.ask(f"SELECT {columns} FROM almanac.events_batches ORDER BY batch_id") == [
        ("default", None, None, None, None, None),
        ("published", "b00-a00-k00-h00", 1, 0.5, 0.5, 0.3),
    ]
    assert str(rule.policy.rhythm) == "no rhythm of arrivals"
    release_policy(owner, [STATE], rhythm(0.0, 2.0))
    rule.policy = Policy()
    with bench.worker()._connect() as connection:
        rule.refresh(connection)
        assert rule.policy.rhythm.gained(newest=0.0, now=0.0)(np.array([0.5])).tolist() == [1.0]
    change(owner, "DROP VIEW api.events_rhythm")
    rule.policy = Policy()
    with bench.worker()._connect() as connection:
        rule.refresh(connection)
    assert (rule.release_id, str(rule.policy.rhythm)) == (2, "no rhythm of arrivals"), (
        "a run of an older program made no such view"
    )
    change(owner, "DROP VIEW api.events_live; DROP VIEW api.events_predictions")
    rule.policy = Policy()
    with bench.worker()._connect() as connection:
        rule.refresh(connection)
    assert rule.source == "default of 50, since the policy cannot be read (UndefinedTable)"
