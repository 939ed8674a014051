"""Small statements, sessions and entries whose outcome can be worked out by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa

from almanac.workloads.logs import features
from almanac.workloads.logs.model import LogModel, fit, make
from almanac.workloads.logs.sources import simulated
from almanac.workloads.logs.terms import traces

BEGIN = datetime(2025, 6, 1, tzinfo=UTC)
Row = tuple[str, str | None, int, str]


def entries(rows: Sequence[Row], *, first: int = 1) -> pa.Table:
    """Return entries of source, session, seconds after BEGIN and text, numbered from `first`."""
    columns = {
        "entry_id": pa.array(range(first, first + len(rows)), pa.int64()),
        "source": pa.array([row[0] for row in rows], pa.large_string()),
        "session": pa.array([row[1] for row in rows], pa.large_string()),
        "event_time": pa.array(
            [BEGIN + timedelta(seconds=row[2]) for row in rows], pa.timestamp("us", "UTC")
        ),
        "level": pa.nulls(len(rows), pa.large_string()),
        "text": pa.array([row[3] for row in rows], pa.large_string()),
    }
    return pa.table(columns)


def sessions(
    kinds: Sequence[Sequence[str]], *, origin: str = "made", abnormal: Sequence[bool | None] | None = None
) -> pd.DataFrame:
    """Return a trace for each list of texts, one second between events and one minute between sessions."""
    rows = [
        {
            "session": f"s{at:05d}",
            "event_time": BEGIN + timedelta(minutes=at, seconds=second),
            "text_id": name,
        }
        for at, texts in enumerate(kinds)
        for second, name in enumerate(features.text_ids(list(texts)))
    ]
    labels = (
        pd.Series(abnormal, index=[f"s{at:05d}" for at in range(len(kinds))])
        if abnormal is not None
        else None
    )
    return traces.make(
        pd.DataFrame(rows).astype({"event_time": "datetime64[us, UTC]"}), origin=origin, labels=labels
    )


def fitted() -> LogModel:
    """Return a model of the generated statements and sessions."""
    return fit(make(), features.build(simulated.statements()), simulated.traces_of(simulated.entries()[0]))
