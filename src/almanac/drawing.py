"""The style that the plots of all workloads share: colours, axes, one empty figure."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, QUIET, FAINT = "#30343b", "#8a8f98", "#e4e6ea"


def canvas(title: str, *, width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of `width` by `height` inches with one pair of styled axes."""
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    style(axes, title)
    return figure, axes


def style(axes: Axes, title: str) -> None:
    """Set the title of axes, hide their box and ticks, and colour their labels."""
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(length=0, colors=INK, labelsize=9)
    axes.xaxis.label.set_color(QUIET)
    axes.yaxis.label.set_color(QUIET)
