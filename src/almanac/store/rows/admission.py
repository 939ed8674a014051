"""The door of a raw table: a row that breaks a rule of its table is left out with its reason."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.contract import Column, Table
from almanac.errors import AuditFailed
from almanac.store.rows.canonical import canonical, refuse_missing_columns

Flags = npt.NDArray[np.bool_]
# More rows than these are no slips: the source or its reader has changed, and somebody should look.
MOST_UNSTORABLE = 1_000
MOST_CHARACTERS = 80
MISSING = "is missing"
# Instants that a client can read back.
FIRST_YEAR, LAST_YEAR = 1, 9998


class Refusal(NamedTuple):
    """A row that was left out: its key as text, and why."""

    key: str
    reason: str


class _Rule(NamedTuple):
    """What rows must not be, in words, and which of them are."""

    reason: str
    column: str
    broken: Flags


def admitted(table: Table, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Refusal]]:
    """Return the rows that keep every rule of the table, and the refusals of the others.

    Whatever is no number or no day is left to the conversion into the types of the table.
    """
    broken = [rule for rule in _rules(table, frame) if rule.broken.any()]
    if not broken:
        return frame, []
    is_refused = np.logical_or.reduce([rule.broken for rule in broken])
    refusals = [_refusal(table, frame, position, broken) for position in np.flatnonzero(is_refused).tolist()]
    return frame[~is_refused], refusals


def storable(table: Table, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Refusal]]:
    """Return the rows that PostgreSQL can store, each key once, and the refusals of the others.

    Raises AuditFailed where a column is missing or more than MOST_UNSTORABLE rows are refused.
    """
    refuse_missing_columns(table, frame)
    faults = dict(_faults(table, frame))
    is_refused = np.zeros(len(frame), dtype=bool)
    is_refused[list(faults)] = True
    keys = frame[list(table.key)]
    is_repeated = (
        ~is_refused & keys[~is_refused].duplicated().reindex(frame.index, fill_value=False).to_numpy()
    )
    faults |= dict.fromkeys(np.flatnonzero(is_repeated).tolist(), "repeats the key of another row")
    refusals = [Refusal(_key(table, frame, position), faults[position]) for position in sorted(faults)]
    return frame[~(is_refused | is_repeated)], refusals


def _rules(table: Table, frame: pd.DataFrame) -> Iterator[_Rule]:
    for column in table.columns:
        if column.name in frame:
            yield from _rules_of_column(table, column, frame[column.name])
    for first, second in table.different:
        if {first, second} <= set(frame.columns):
            is_same = (frame[first] == frame[second]).fillna(value=False).to_numpy(dtype=bool)
            yield _Rule(f"is also {second}", first, is_same)


def _rules_of_column(table: Table, column: Column, values: pd.Series) -> Iterator[_Rule]:
    if not column.nullable or column.name in table.key:
        yield _Rule(MISSING, column.name, values.isna().to_numpy(dtype=bool))
    if column.minimum is not None or column.maximum is not None:
        yield from _range_rules(column, values)
    if column.type in ("date", "timestamp"):
        yield from _day_rules(column, values)


def _range_rules(column: Column, values: pd.Series) -> Iterator[_Rule]:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if column.minimum is not None:
        yield _Rule(f"is below {column.minimum:g}", column.name, numbers < column.minimum)
    if column.maximum is not None:
        yield _Rule(f"is above {column.maximum:g}", column.name, numbers > column.maximum)


def _day_rules(column: Column, values: pd.Series) -> Iterator[_Rule]:
    days = pd.to_datetime(values, errors="coerce", utc=True).dt.tz_localize(None)
    years = days.dt.year
    is_outside = ((years < FIRST_YEAR) | (years > LAST_YEAR)).to_numpy(dtype=bool)
    yield _Rule(f"is outside the years {FIRST_YEAR} to {LAST_YEAR}", column.name, is_outside)
    if column.earliest is not None:
        is_early = (days < pd.Timestamp(column.earliest)).to_numpy(dtype=bool)
        yield _Rule(f"is before {column.earliest}", column.name, is_early)
    if column.latest is not None:
        is_late = (days > pd.Timestamp(column.latest)).to_numpy(dtype=bool)
        yield _Rule(f"is after {column.latest}", column.name, is_late)


def _refusal(table: Table, frame: pd.DataFrame, position: int, broken: list[_Rule]) -> Refusal:
    reasons = [
        f"{rule.column} {rule.reason}" if rule.reason == MISSING else _refused_value(rule, frame, position)
        for rule in broken
        if rule.broken[position]
    ]
    return Refusal(_key(table, frame, position), "; ".join(reasons))


def _refused_value(rule: _Rule, frame: pd.DataFrame, position: int) -> str:
    return f"{rule.column} {_printable(frame[rule.column].iloc[position])} {rule.reason}"


def _key(table: Table, frame: pd.DataFrame, position: int) -> str:
    return ", ".join(_printable(frame[name].iloc[position]) for name in table.key if name in frame)


def _printable(value: object) -> str:
    """Return a value as one line of printable characters."""
    text = str(value).encode("unicode_escape").decode("ascii") if not str(value).isprintable() else str(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def _faults(table: Table, frame: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """Yield position and fault of each row that cannot be stored, by halving what holds one."""
    count = 0
    spans = [(0, len(frame))]
    while spans:
        start, end = spans.pop()
        fault = _fault(table, frame.iloc[start:end])
        if not fault:
            continue
        if end - start > 1:
            middle = (start + end) // 2
            spans += [(start, middle), (middle, end)]
            continue
        count += 1
        if count > MOST_UNSTORABLE:
            raise AuditFailed(
                f"Table '{table.name}' was not stored: more than {MOST_UNSTORABLE} rows: {fault}"
            )
        yield start, fault


def _fault(table: Table, frame: pd.DataFrame) -> str:
    """Return why a frame cannot be stored, without regard to repeated keys; an empty text if it can be."""
    unique = frame[~frame.duplicated(list(table.key))] if len(frame) > 1 else frame
    try:
        canonical(table, unique)
    except AuditFailed as error:
        return str(error).removeprefix(f"Table '{table.name}' was not stored: ").removesuffix(".")
    return ""
