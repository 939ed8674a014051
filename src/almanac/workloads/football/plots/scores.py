"""Figures of scores: candidates, calibration and leagues."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from almanac.drawing import FAINT, INK, QUIET, canvas, style
from almanac.judging.scores import Floats
from almanac.workloads.football import evaluation
from almanac.workloads.football.model import BASELINES
from almanac.workloads.football.plots.colours import EMPHASIS, OUTCOME_COLOURS
from almanac.workloads.football.sources.openfootball import LEAGUES


def candidates(validation: pd.DataFrame, chances: Mapping[str, Floats], *, seed: int) -> Figure:
    """Show each candidate's RPS less that of Elo + logit on the same matches, with 95 % intervals."""
    gaps = {
        name: evaluation.compare(validation, forecast, chances["elo_logit"], seed=seed)["rps"]
        for name, forecast in chances.items()
        if name not in BASELINES
    }
    names = sorted(gaps, key=lambda name: -gaps[name].estimate)
    title = f"Candidates beside Elo + logit on {len(validation):,} validation matches"
    figure, axes = canvas(title, width=8, height=1.3 + 0.45 * len(names))
    for row, name in enumerate(names):
        gap = gaps[name]
        colour = EMPHASIS if name == names[-1] else QUIET
        axes.plot([gap.low, gap.high], [row, row], color=colour, linewidth=2, solid_capstyle="round")
        axes.plot(gap.estimate, row, "o", color=colour, markersize=7)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel("RPS less that of Elo + logit, 95 % interval (left is better)")
    return figure


def reliability(bins: pd.DataFrame) -> Figure:
    """Show promised chances against frequencies for each outcome, with Wilson's 95 % intervals.

    `bins` is the frame of `evaluation.reliability`.
    """
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.8), sharex=True, sharey=True, layout="constrained")
    top = 0.05 + max(bins["promised"].max(), bins["high"].max())
    for axes, (outcome, colour) in zip(panels, OUTCOME_COLOURS.items(), strict=True):
        rows = bins[bins["outcome"] == outcome]
        axes.plot([0, top], [0, top], color=FAINT, linewidth=1.5, zorder=0)
        axes.vlines(rows["promised"], rows["low"], rows["high"], color=colour, linewidth=1.6)
        axes.plot(rows["promised"], rows["happened"], "o", color=colour, markersize=5)
        style(axes, f"{outcome}: {rows['n'].sum():,} matches")
        axes.set_xlabel("promised")
    panels[0].set_ylabel("happened")
    return figure


def leagues(scores: pd.DataFrame, baseline: pd.DataFrame) -> Figure:
    """Show the RPS of each league, model beside baseline; both are frames of `evaluation.by_league`."""
    rows = scores.sort_values("rps", ascending=False)
    title = "RPS by league: model (full) and Elo + logit (hollow), left is better"
    figure, axes = canvas(title, width=8, height=1.4 + 0.27 * len(rows))
    _draw_pairs(axes, rows["rps"], baseline["rps"].reindex(rows.index))
    counts = rows["n"].to_dict()
    labels = [f"{LEAGUES[code].label} ({counts[code]:.0f})" for code in rows.index]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(-0.8, len(rows) - 0.2)
    axes.set_xlabel("ranked probability score (number of matches in brackets)")
    return figure


def _draw_pairs(axes: Axes, ours: pd.Series, theirs: pd.Series) -> None:
    places = np.arange(len(ours))
    left = np.minimum(ours, theirs)
    right = np.maximum(ours, theirs)
    axes.hlines(places, left, right, color=FAINT, linewidth=3, zorder=0)
    axes.plot(theirs, places, "o", markerfacecolor="white", markeredgecolor=QUIET, markersize=6)
    axes.plot(ours, places, "o", color=EMPHASIS, markersize=6)
