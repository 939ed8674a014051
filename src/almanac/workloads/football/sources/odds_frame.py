"""Builds the frame of odds that every source of odds returns."""

from collections.abc import Iterable

import pandas as pd

from almanac.workloads.football.contract import ODDS

MOST_ODDS = 1001.0
# The chances that three prices of a bookmaker imply add up to 1 and his margin.
IMPLIED_SUM = (0.95, 1.3)
# The best price of each outcome over many bookmakers.
IMPLIED_SUM_OF_BEST = (0.8, 1.3)
BEST = "Max"
TYPES = {column.name: "float64" if column.type == "real" else "str" for column in ODDS.columns}

# A row in the order of the contract's columns.
OddsRow = tuple[str, str, str, float, float, float, str]


def odds_frame(rows: Iterable[OddsRow]) -> pd.DataFrame:
    """Return odds, one row per match, bookmaker and time taken. The last of duplicate rows wins."""
    odds = pd.DataFrame(list(rows), columns=ODDS.column_names)
    unique = odds.drop_duplicates(list(ODDS.key), keep="last", ignore_index=True)
    return unique.astype(TYPES)


def decimal_odds(text: object) -> float:
    """Return decimal odds; raises ValueError unless they are above 1 and at most 1001.

    >>> decimal_odds("2.50")
    2.5
    """
    odds = float(str(text))
    if not 1.0 < odds <= MOST_ODDS:
        raise ValueError(f"odds of {text} are not between 1 and 1001")
    return odds


def three_way(texts: Iterable[object], bookmaker: str) -> tuple[float, float, float]:
    """Return the odds of home, draw and away; raises ValueError unless they fit together.

    >>> three_way(["1.5", "4.5", "6.0"], "B365")
    (1.5, 4.5, 6.0)
    """
    home, draw, away = map(decimal_odds, texts)
    least, most = IMPLIED_SUM_OF_BEST if bookmaker == BEST else IMPLIED_SUM
    implied = 1 / home + 1 / draw + 1 / away
    if not least <= implied <= most:
        reason = f"imply chances that add up to {implied:.2f}, not to {least} to {most}"
        raise ValueError(f"odds of {home:g}, {draw:g} and {away:g} {reason}")
    return home, draw, away


def first_open(fetched: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Return fetched odds without the opening ones of which an earlier quote is stored: the first one counts.

    A stored quote whose prices do not fit together is no quote.
    """
    prices = stored[["home_odds", "draw_odds", "away_odds"]]
    implied = (1 / prices).sum(axis=1)
    earlier = stored[implied.between(*IMPLIED_SUM_OF_BEST) & (stored["taken"] == "open")]
    keys = pd.MultiIndex.from_frame(earlier[["match_id", "bookmaker"]])
    is_later = pd.MultiIndex.from_frame(fetched[["match_id", "bookmaker"]]).isin(keys)
    return fetched[~(is_later & (fetched["taken"] == "open"))].reset_index(drop=True)
