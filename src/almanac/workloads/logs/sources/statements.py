"""Turns texts and their levels into statements: masked, and one row for each distinct text of a system."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from almanac.workloads.logs import features
from almanac.workloads.logs.contract import STATEMENTS
from almanac.workloads.logs.terms import arrays, levels

COLUMNS = STATEMENTS.column_names
LONGEST_SYSTEM = 100
# Statements of programs say what may happen. At full weight they made the model worse, at a twentieth better.
WEIGHTS = {"python": 0.05}
# At least two letters, one after the other.
HAS_WORD = r"[^\W\d_]{2}"
KEY = ["system", "text"]


def make(tables: Iterable[pa.Table], *, origin: str) -> pd.DataFrame:
    """Return statements (the contract's `statements`) of tables with system, level, text.

    Texts are masked here, and nothing else of them remains. A text with several levels gets the most frequent
    one. Rows with an unknown level, and texts without a word, are left out.
    """
    frame = _most_frequent(_rows(tables)).assign(origin=origin, weight=WEIGHTS.get(origin, 1.0))
    ids = _ids(frame, origin)
    return frame.assign(statement_id=ids)[COLUMNS].reset_index(drop=True)


def table(system: Iterable[str], level: Iterable[str | None], text: Iterable[str]) -> pa.Table:
    """Return a table for `make`, without times."""
    columns = {"system": system, "level": level, "text": text}
    return pa.table({name: arrays.texts(values) for name, values in columns.items()})


def ids(rows: pa.Table, *, origin: str) -> list[str]:
    """Return the ids of the statements that rows with system and text become, each once."""
    return _ids(_masked(rows)[KEY].drop_duplicates(), origin)


def _rows(tables: Iterable[pa.Table]) -> pd.DataFrame:
    """Return the masked rows of all tables that have a word and a level."""
    nothing = pd.DataFrame(columns=["system", "text", "level", "seen_at"])
    parts = [_masked(table) for table in tables] or [nothing]
    rows = pd.concat(parts, ignore_index=True)
    has_word = rows["text"].str.contains(HAS_WORD, regex=True)
    return rows[rows["level"].notna() & has_word]


def _most_frequent(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row per text of a system: its most frequent level, its occurrences and its first time."""
    by_level = _counts(rows.assign(occurrences=1), [*KEY, "level"])
    ordered = by_level.sort_values("occurrences", kind="stable")
    levels_of_texts = ordered.drop_duplicates(KEY, keep="last")[[*KEY, "level"]]
    return levels_of_texts.merge(_counts(by_level, KEY), on=KEY).sort_values(KEY)


def _counts(rows: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    groups = rows.groupby(list(key), sort=True)
    return groups.agg(occurrences=("occurrences", "sum"), seen_at=("seen_at", "min")).reset_index()


def _masked(rows: pa.Table) -> pd.DataFrame:
    codes, forms = features.mask_all(rows["text"])
    texts = np.array(forms, dtype=object)[codes]
    frame = pd.DataFrame({"system": rows["system"].to_pandas().str[:LONGEST_SYSTEM], "text": texts})
    frame["level"] = levels.normal_all(rows["level"]).to_pandas()
    frame["seen_at"] = pd.to_datetime(_times(rows), utc=True)
    return frame


def _times(rows: pa.Table) -> pd.Series:
    if "event_time" not in rows.column_names:
        return pd.Series(pd.NaT, index=range(len(rows)))
    times: pd.Series = rows["event_time"].to_pandas()
    return times


def _ids(rows: pd.DataFrame, origin: str) -> list[str]:
    return [_id(origin, *row) for row in zip(rows["system"], rows["text"], strict=True)]


def _id(origin: str, system: str, text: str) -> str:
    name = "\0".join((origin, system, text))
    return hashlib.sha256(name.encode()).hexdigest()[:16]
