"""Builds the frame of odds that every source of odds hands over."""

from collections.abc import Iterable

import pandas as pd

from almanac.workloads.football.contract import ODDS

Row = tuple[str, str, str, float, float, float, str]


def frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Return odds, one row per match, bookmaker and time taken; of doubled rows the last stays."""
    odds = pd.DataFrame(list(rows), columns=ODDS.column_names).drop_duplicates(
        list(ODDS.key), keep="last", ignore_index=True
    )
    return odds.astype(
        {column.name: "float64" if column.type == "real" else "str" for column in ODDS.columns}
    )


def price(text: object) -> float:
    """Return decimal odds; raises ValueError unless they are above 1 and at most 1001.

    >>> price("2.50")
    2.5
    """
    value = float(str(text))
    if not 1.0 < value <= 1001.0:
        raise ValueError(f"odds of {text} are not between 1 and 1001")
    return value
