"""Severity: a rule over level and anomaly that people can check in their heads."""

import numpy as np
import numpy.typing as npt

from almanac.workloads.logs.contract import LEVELS, SEVERITIES

# Rows: debug, info, warning, error. Columns: ordinary, anomaly.
RULE = (("low", "medium"), ("low", "medium"), ("medium", "high"), ("high", "critical"))
_PLACES = np.array([[SEVERITIES.index(name) for name in row] for row in RULE])


def places(levels: npt.NDArray[np.int64], anomalies: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return places in SEVERITIES for places in LEVELS and anomalies."""
    columns = anomalies.astype(np.int64)
    severities: npt.NDArray[np.int64] = _PLACES[levels, columns]
    return severities


def severity(level: str, *, anomaly: bool) -> str:
    """Return the severity of one entry.

    >>> severity("error", anomaly=True), severity("error", anomaly=False), severity("info", anomaly=True)
    ('critical', 'high', 'medium')
    """
    return RULE[LEVELS.index(level)][int(anomaly)]
