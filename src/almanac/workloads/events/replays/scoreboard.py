"""The scoreboard: predicted beside measured seconds and costs of batches, window by window."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from almanac.workloads.events.contract import SCOREBOARD

WINDOW_BATCHES = 50
FEWEST_BATCHES = 20
# Mean seconds may be off by this factor, and this share of batches may exceed the 90th percentile.
FACTOR = 1.25
MOST_ABOVE = 0.25
WINDOWS_FOR_ADVICE = 3
PREDICTIONS = ["predicted_seconds", "predicted_p90_seconds"]
# The means of a window and their columns in the batches.
MEANS = {
    "predicted_seconds": "predicted_seconds",
    "actual_seconds": "seconds",
    "predicted_cost": "predicted_cost",
    "actual_cost": "cost",
}
ADVICE = "retrain advised"


@dataclass(frozen=True)
class Scoreboard:
    """The contract's `scoreboard`, and the advice that follows from it."""

    windows: pd.DataFrame

    @property
    def advice(self) -> str | None:
        """Why another training is advised: none of the last windows is inside the band. None where one is."""
        last = self.windows.tail(WINDOWS_FOR_ADVICE)
        if len(last) < WINDOWS_FOR_ADVICE or last["inside_band"].any():
            return None
        ratio = last["actual_seconds"].mean() / max(last["predicted_seconds"].mean(), 1e-9)
        return (
            f"{ADVICE}: in the last {len(last)} windows batches took {ratio:.2f} times the predicted seconds"
        )

    def __str__(self) -> str:
        """The advice, or that there is none."""
        return self.advice or f"{len(self.windows)} windows, no advice"


def of(batches: pd.DataFrame) -> Scoreboard:
    """Return the scoreboard of features of batches; those without a prediction are left out.

    A window holds WINDOW_BATCHES. The newest windows are whole; an oldest one with fewer than
    FEWEST_BATCHES is left out.
    """
    has_prediction = batches[PREDICTIONS].notna().all(axis=1)
    predicted = batches[has_prediction].sort_values("started_at")
    from_newest = len(predicted) - 1 - np.arange(len(predicted))
    windows = predicted.groupby(-(from_newest // WINDOW_BATCHES))
    rows = [_row(part) for _, part in windows if len(part) >= FEWEST_BATCHES]
    return Scoreboard(pd.DataFrame(rows, columns=SCOREBOARD.column_names))


def _row(part: pd.DataFrame) -> dict[str, object]:
    means = {name: float(part[column].mean()) for name, column in MEANS.items()}
    above = float((part["seconds"] > part["predicted_p90_seconds"]).mean())
    predicted, actual = means["predicted_seconds"], means["actual_seconds"]
    is_near = predicted / FACTOR <= actual <= predicted * FACTOR
    return {
        "window_start": part["started_at"].iloc[0],
        "window_end": part["started_at"].iloc[-1],
        "batches": len(part),
        "events": int(part["count"].sum()),
        **means,
        "above_p90": above,
        "inside_band": is_near and above <= MOST_ABOVE,
    }
