"""What is due and what comes next, for people and for programs that start runs themselves."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from almanac.runner.schedule import records
from almanac.runner.schedule.records import Connection
from almanac.runner.schedule.rhythm import Rhythm

ALL_STEPS = "all"


def coming(rhythm: Rhythm, now: datetime) -> dict[str, Any]:
    """Return when a schedule is due next, and what it then does."""
    bound = f" {rhythm.catch_up.most}" if rhythm.catch_up.name == "all" else ""
    return {
        "workload": rhythm.workload,
        "schedule": rhythm.name,
        "steps": "+".join(rhythm.steps) or ALL_STEPS,
        "when": rhythm.words,
        "catch_up": f"{rhythm.catch_up.name}{bound}",
        "next": rhythm.following(now),
    }


def due(connection: Connection, rhythms: Sequence[Rhythm], now: datetime) -> list[dict[str, Any]]:
    """Return the latest slot of each schedule that no run has finished, and that was not given up."""
    rows = []
    for rhythm in rhythms:
        key = (*rhythm.key, rhythm.latest(now))
        slot = records.get(connection, key)
        is_over = slot is not None and slot.state in ("failed", "missed", "succeeded")
        if is_over or records.succeeded_run(connection, key):
            continue
        state, reason = (slot.state, slot.reason) if slot else ("waiting", None)
        names = {"workload": rhythm.workload, "schedule": rhythm.name, "slot": key[2]}
        rows.append(names | {"state": state, "reason": reason})
    return rows
