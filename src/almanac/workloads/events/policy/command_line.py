"""The rule that a command line names."""

import re

from almanac.errors import UsageError
from almanac.workloads.events.policy.goal import Goal
from almanac.workloads.events.policy.sizing import FixedSizing, PollingSizing, PublishedSizing, Sizing

# A batch is in memory, and its transaction is open, as long as its work lasts.
NUMBER, MOST_EVENTS = r"[1-9]\d{0,3}|10000", 10_000
FIXED = re.compile(rf"fixed:({NUMBER})")
POLLING = re.compile(rf"polling:({NUMBER}):(\d{{1,6}}(?:\.\d{{1,6}})?)")
CHOICES = "published, fixed:N (for example fixed:50) or polling:N:SECONDS (for example polling:50:2)"


def parse(text: str, default: FixedSizing, goal: Goal, *, explore_share: float) -> Sizing:
    """Return the rule that a command line names: fixed:N, polling:N:S or published; raises UsageError."""
    if text == "published":
        return PublishedSizing(default, goal, explore_share)
    if match := FIXED.fullmatch(text):
        return FixedSizing(int(match[1]), goal.objective_seconds)
    if match := POLLING.fullmatch(text):
        return PollingSizing(int(match[1]), float(match[2]))
    raise UsageError(f"Unknown policy '{text}'. Use {CHOICES}, N being at most {MOST_EVENTS}.")
