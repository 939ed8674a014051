"""Small statements, sessions and entries whose scores can be worked out by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from almanac.workloads.logs import features
from almanac.workloads.logs.formats import SCHEMA
from almanac.workloads.logs.model import LogModel, fit, make
from almanac.workloads.logs.scoring.columns import INSTANT
from almanac.workloads.logs.sources import simulated
from almanac.workloads.logs.terms import arrays, traces

BEGIN = datetime(2025, 6, 1, tzinfo=UTC)
# Source, session, seconds after BEGIN, text.
Row = tuple[str, str | None, int, str]


def entries(rows: Sequence[Row], *, first: int = 1) -> pa.Table:
    """Return entries as a model sees them, numbered from `first`."""
    sources, sessions, seconds, texts = zip(*rows, strict=True)
    times = [BEGIN + timedelta(seconds=second) for second in seconds]
    columns = {
        "entry_id": pa.array(range(first, first + len(rows)), pa.int64()),
        "source": arrays.texts(sources),
        "session": arrays.texts(sessions),
        "event_time": pa.array(times, INSTANT),
        "level": pa.nulls(len(rows), arrays.TEXT),
        "text": arrays.texts(texts),
    }
    return pa.table(columns)


def numbered(table: pa.Table) -> pa.Table:
    """Return entries with numbers from 1 on."""
    return table.append_column("entry_id", pa.array(range(1, len(table) + 1), pa.int64()))


def parsed(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Return entries as a parser yields them, in the order of their places; what a row lacks is null."""
    nothing = dict.fromkeys(SCHEMA.names) | {"raw": False}
    placed = [nothing | {"place": place} | row for place, row in enumerate(rows, start=1)]
    return pa.Table.from_pylist(placed, schema=SCHEMA)


def sessions(
    kinds: Sequence[Sequence[str]], *, origin: str = "invented", abnormal: Sequence[bool | None] | None = None
) -> pd.DataFrame:
    """Return a trace for each list of texts, one second between events and one minute between sessions."""
    names = [f"s{number:05d}" for number in range(len(kinds))]
    rows = [event for number, texts in enumerate(kinds) for event in _events(number, texts)]
    events = pd.DataFrame(rows).astype({"event_time": "datetime64[us, UTC]"})
    labels = None if abnormal is None else pd.Series(abnormal, index=names)
    return traces.make(events, origin=origin, labels=labels)


def _events(number: int, texts: Sequence[str]) -> list[dict[str, Any]]:
    begin = BEGIN + timedelta(minutes=number)
    return [
        {"session": f"s{number:05d}", "event_time": begin + timedelta(seconds=second), "text_id": name}
        for second, name in enumerate(features.text_ids(list(texts)))
    ]


def fitted() -> LogModel:
    """Return a model of the generated statements and sessions."""
    statements = features.build(simulated.statements())
    (shop,) = simulated.entries()
    return fit(make(), statements, simulated.traces_of(shop))
