"""Turns texts and written levels into statements: masked, and one row for each distinct text of a system."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa

from almanac.workloads.logs import features
from almanac.workloads.logs.contract import STATEMENTS
from almanac.workloads.logs.terms import levels

COLUMNS = STATEMENTS.column_names
LONGEST_SYSTEM = 100
# Statements of programs say what may happen; at full weight they made a model of logs worse, at a twentieth better.
WEIGHTS = {"python": 0.05}


def make(tables: Iterable[pa.Table], *, origin: str) -> pd.DataFrame:
    """Return statements (the contract's `statements`) of tables with system, level, text and, where known, event_time.

    Texts are masked here, and nothing else is kept. A text that has several levels gets the one it has most often; rows whose level
    nobody knows, and texts without a letter, are left out.
    """
    parts = [_masked(table) for table in tables]
    rows = (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["system", "level", "text", "seen_at"])
    )
    rows = rows[rows["level"].notna() & rows["text"].str.contains(r"[^\W\d_]{2}", regex=True)]
    counted = (
        rows.groupby(["system", "text", "level"], sort=True)
        .agg(occurrences=("text", "size"), seen_at=("seen_at", "min"))
        .reset_index()
    )
    whole = (
        counted.groupby(["system", "text"], sort=True)
        .agg(total=("occurrences", "sum"), first=("seen_at", "min"))
        .reset_index()
    )
    main = counted.sort_values("occurrences", kind="stable").drop_duplicates(["system", "text"], keep="last")
    frame = (
        main.drop(columns=["occurrences", "seen_at"])
        .merge(whole, on=["system", "text"])
        .sort_values(["system", "text"])
    )
    frame = frame.rename(columns={"total": "occurrences", "first": "seen_at"}).assign(
        origin=origin, weight=WEIGHTS.get(origin, 1.0)
    )
    return frame.assign(
        statement_id=[_id(origin, *row) for row in zip(frame["system"], frame["text"], strict=True)]
    )[COLUMNS].reset_index(drop=True)


def table(system: Iterable[str], level: Iterable[str | None], text: Iterable[str]) -> pa.Table:
    """Return the columns that `make` wants, without times."""
    kind = pa.large_string()
    return pa.table(
        {"system": pa.array(system, kind), "level": pa.array(level, kind), "text": pa.array(text, kind)}
    )


def ids(rows: pa.Table, *, origin: str) -> list[str]:
    """Return the ids of the statements that rows with system and text become, each once."""
    masked = _masked(rows)[["system", "text"]].drop_duplicates()
    return [_id(origin, *row) for row in zip(masked["system"], masked["text"], strict=True)]


def _masked(rows: pa.Table) -> pd.DataFrame:
    codes, forms = features.masked(rows["text"])
    times = (
        rows["event_time"].to_pandas()
        if "event_time" in rows.column_names
        else pd.Series(pd.NaT, index=range(len(rows)))
    )
    frame = pd.DataFrame(
        {
            "system": rows["system"].to_pandas().str[:LONGEST_SYSTEM],
            "text": np.array(forms, dtype=object)[codes],
        }
    )
    return frame.assign(
        level=levels.normal_all(rows["level"]).to_pandas(), seen_at=pd.to_datetime(times, utc=True)
    )


def _id(origin: str, system: str, text: str) -> str:
    return hashlib.sha256("\0".join((origin, system, text)).encode()).hexdigest()[:16]
