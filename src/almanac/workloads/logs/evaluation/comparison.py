"""Log-loss beside the base rates and beside the champion, on the same rows."""

import numpy as np
import pandas as pd

from almanac.judging import scores as metrics
from almanac.judging.scores import Floats, Interval
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.evaluation.validation import Forecasts, labels_of
from almanac.workloads.logs.model import LogModel


def against_baseline(forecasts: Forecasts, *, seed: int) -> Interval:
    """Return our log-loss minus that of the base rates on the same rows, with its 95 % interval."""
    return against(forecasts.frame, forecasts.chances, forecasts.base, seed=seed)


def against(frame: pd.DataFrame, ours: Floats, theirs: Floats, *, seed: int) -> Interval:
    """Return our log-loss minus theirs on the same rows, with its 95 % interval.

    The bootstrap draws the rows of one template together.
    """
    labels = labels_of(frame)
    our_losses = metrics.log_losses(labels, ours)
    their_losses = metrics.log_losses(labels, theirs)
    templates = np.asarray(pd.factorize(frame["template"])[0], dtype=np.int64)
    return metrics.paired_bootstrap(our_losses, their_losses, clusters=templates, seed=seed)


def unseen_by(champion: LogModel, forecasts: Forecasts) -> Forecasts:
    """Return the rows that the champion was not fitted on, with its chances in place of the base rates."""
    is_new = ~champion.knows(forecasts.frame["text"].tolist())
    rows = forecasts.frame[is_new]
    return Forecasts(rows, forecasts.chances[is_new], _chances(champion, rows))


def _chances(model: LogModel, rows: pd.DataFrame) -> Floats:
    if rows.empty:
        return np.zeros((0, len(LEVELS)))
    return model.predict_proba(rows.assign(source=rows["system"]))
