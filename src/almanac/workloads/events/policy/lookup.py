"""The published policy in memory: the row of a state is found by four bisections."""

from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from almanac.workloads.events.policy.costs import Floats, Integers
from almanac.workloads.events.policy.goal import Goal
from almanac.workloads.events.policy.start import spread_of

# The lower ends of the bands of a state, in the order of the rows.
BANDS = ["backlog_min", "age_min_seconds", "kb_min", "hour_min"]


@dataclass(frozen=True)
class PolicyRow:
    """A row of the policy."""

    state_id: str
    batch_size: int
    start_age_seconds: float
    expected_seconds: float
    p90_seconds: float
    expected_cost: float
    expected_cost_per_event: float
    objective_seconds: float
    patience_seconds: float
    slack_seconds: float | None = None

    def goal(self, goal: Goal) -> Goal:
        """Return a goal with the slack of this policy, in proportion to the objective."""
        slack = float(np.nan_to_num(self.slack_seconds or 0.0))
        return replace(goal, slack_seconds=slack * goal.objective_seconds / self.objective_seconds)


@dataclass(frozen=True)
class Lookup:
    """The rows of a policy, sorted by their bands."""

    rows: pd.DataFrame

    @classmethod
    def of(cls, policy: pd.DataFrame) -> "Lookup":
        """Return the look-up of a published policy, in any order."""
        return cls(policy.sort_values(BANDS).reset_index(drop=True))

    @cached_property
    def largest(self) -> int:
        """The greatest batch size of the policy."""
        return int(self.rows["batch_size"].max())

    def find(self, *, backlog: int, age_seconds: float, avg_kb: float, hour: int = 0) -> PolicyRow | None:
        """Return the row of a state, or None where the policy has none."""
        place = self._place(backlog, age_seconds, avg_kb, hour)
        if backlog < 1 or place is None:
            return None
        row = self._records[place]
        members = {name: row[name] for name in PolicyRow.__dataclass_fields__ if name in row}
        return PolicyRow(**members)

    def seconds(self, counts: Integers, kb: Floats) -> tuple[Floats, Floats]:
        """Return expected seconds of batches, and the deviation of their logarithm: a predictor for rules."""
        expected, spread = self._grid
        by_count = np.searchsorted(self._edges["backlog_min"], counts, side="right") - 1
        by_kb = np.searchsorted(self._edges["kb_min"], kb / counts, side="right") - 1
        return expected[by_count, by_kb], spread[by_count, by_kb]

    @cached_property
    def _edges(self) -> dict[str, Floats]:
        return {name: np.unique(self.rows[name].to_numpy(dtype=np.float64)) for name in BANDS}

    @cached_property
    def _grid(self) -> tuple[Floats, Floats]:
        """Expected seconds and their spread, shape (backlog bands, kB bands).

        They do not depend on age and hour.
        """
        expected, p90 = (self._by_backlog_and_kb(name) for name in ("expected_seconds", "p90_seconds"))
        return expected, spread_of(expected, p90)

    def _by_backlog_and_kb(self, name: str) -> Floats:
        shape = [len(edges) for edges in self._edges.values()]
        grid = self.rows[name].to_numpy(dtype=np.float64).reshape(shape)
        values: Floats = grid[:, 0, :, 0]
        return values

    @cached_property
    def _records(self) -> list[dict[str, Any]]:
        names = [str(name) for name in self.rows.columns]
        columns = [self.rows[name].tolist() for name in self.rows.columns]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _place(self, *state: float) -> int | None:
        place = 0
        for edges, value in zip(self._edges.values(), state, strict=True):
            band = bisect_right(edges, value) - 1
            if band < 0:
                return None
            place = place * len(edges) + band
        return place
