"""What the policy expected beside what the workers measured, window by window."""

import numpy as np
import pandas as pd

from almanac.workloads.events.contract import SCOREBOARD

WINDOW_BATCHES = 50
FEWEST_BATCHES = 20
# Mean seconds may be off by this factor either way, and this share may exceed a percentile that a tenth is to exceed.
FACTOR = 1.25
MOST_ABOVE = 0.25
WINDOWS_FOR_ADVICE = 3
ADVICE = "retrain advised"


def windows(batches: pd.DataFrame) -> pd.DataFrame:
    """Return the contract's `scoreboard` for features of batches; those without a prediction are left out.

    Windows hold WINDOW_BATCHES each, the newest are whole; an oldest one with fewer than FEWEST_BATCHES is left out.
    """
    known = batches[
        batches["predicted_seconds"].notna() & batches["predicted_p90_seconds"].notna()
    ].sort_values("started_at")
    place = (len(known) - 1 - np.arange(len(known))) // WINDOW_BATCHES
    rows = [_window(part) for _, part in known.groupby(-place) if len(part) >= FEWEST_BATCHES]
    return pd.DataFrame(rows, columns=SCOREBOARD.column_names)


def advice(board: pd.DataFrame) -> str | None:
    """Return why training again is advised: the last windows all left the predicted band; None where they did not."""
    last = board.tail(WINDOWS_FOR_ADVICE)
    if len(last) < WINDOWS_FOR_ADVICE or last["inside_band"].any():
        return None
    ratio = last["actual_seconds"].mean() / max(last["predicted_seconds"].mean(), 1e-9)
    return f"{ADVICE}: in the last {len(last)} windows batches took {ratio:.2f} times the predicted seconds"


def _window(part: pd.DataFrame) -> dict[str, object]:
    predicted, actual = float(part["predicted_seconds"].mean()), float(part["seconds"].mean())
    above = float((part["seconds"] > part["predicted_p90_seconds"]).mean())
    return {
        "window_start": part["started_at"].iloc[0],
        "window_end": part["started_at"].iloc[-1],
        "batches": len(part),
        "events": int(part["count"].sum()),
        "predicted_seconds": predicted,
        "actual_seconds": actual,
        "predicted_cost": float(part["predicted_cost"].mean()),
        "actual_cost": float(part["cost"].mean()),
        "above_p90": above,
        "inside_band": predicted / FACTOR <= actual <= predicted * FACTOR and above <= MOST_ABOVE,
    }
