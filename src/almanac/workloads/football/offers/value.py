"""The value of the user's odds: expected value, stake, return, closing-line value; no betting advice."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.judging.scores import Interval, bootstrap_interval
from almanac.workloads.football.contract import CHANCE_COLUMNS, NO_ODDS
from almanac.workloads.football.strength.timeline import Floats, days_of

KELLY_SHARE = 0.25
ODDS = ["home_odds", "draw_odds", "away_odds"]
OUTCOMES = np.array(list(CHANCE_COLUMNS))
RETURN = "At the imported odds {bets} bets returned {return:+.1%} [{return_low:+.1%}, {return_high:+.1%}]"
CLOSING = (
    ", and beat the closing odds by {closing_line_value:+.1%} "
    "[{closing_line_value_low:+.1%}, {closing_line_value_high:+.1%}] (n = {closed_bets})"
)


class Offer(NamedTuple):
    """The outcome with the greatest expected value of each match, with its opening and closing odds."""

    bet: npt.NDArray[np.str_]
    price: Floats
    closing: Floats
    expected_value: Floats


def median_odds(odds: pd.DataFrame, *, taken: str) -> pd.DataFrame:
    """Return the median odds over bookmakers by match_id, of those `taken` at 'open' or 'close'."""
    rows = odds[odds["taken"] == taken]
    return rows.groupby("match_id")[ODDS].median()


def expected_values(chances: Floats, odds: Floats) -> Floats:
    """Return the mean profit per unit staked on each outcome.

    >>> expected_values(np.array([[0.5, 0.3, 0.2]]), np.array([[2.2, 3.0, 4.0]])).round(2).tolist()
    [[0.1, -0.1, -0.2]]
    """
    return chances * odds - 1


def kelly_stakes(chances: Floats, odds: Floats, *, share: float = KELLY_SHARE) -> Floats:
    """Return the share of the bank to stake on each outcome, nothing if the expected value is negative.

    It is `share` of Kelly's (1956).

    >>> kelly_stakes(np.array([[0.5]]), np.array([[2.2]]), share=1.0).round(4).tolist()
    [[0.0833]]
    """
    profit = np.where(odds > 1, odds - 1, np.inf)
    gains = np.maximum(expected_values(chances, odds), 0)
    stakes: Floats = share * gains / profit
    return stakes


def attach(coming: pd.DataFrame, odds: pd.DataFrame) -> pd.DataFrame:
    """Return the coming matches with opening odds in home_odds, draw_odds, away_odds; NaN without odds."""
    opening = median_odds(odds, taken="open").reindex(coming["match_id"])
    return coming.assign(**{name: opening[name].to_numpy() for name in ODDS})


def summaries(predictions: pd.DataFrame) -> pd.Series:
    """Return per match the odds, the outcome with the greatest expected value, a stake; None without odds."""
    chances = _chances(predictions)
    odds = predictions.reindex(columns=ODDS).to_numpy(dtype=np.float64)
    rows = [_summary(*match) for match in zip(chances, odds, strict=True)]
    return pd.Series(rows, index=predictions.index, dtype=object)


def _summary(chances: Floats, odds: Floats) -> dict[str, object] | None:
    if np.isnan(odds).any():
        return None
    values, stakes = expected_values(chances, odds), kelly_stakes(chances, odds)
    best = int(values.argmax())
    return {
        **{name: round(price, 3) for name, price in zip(CHANCE_COLUMNS, odds.tolist(), strict=True)},
        "best": str(OUTCOMES[best]),
        "expected_value": round(float(values[best]), 4),
        "kelly_stake": round(float(stakes[best]), 4),
    }


def bets(predictions: pd.DataFrame, odds: pd.DataFrame, outcomes: pd.Series) -> pd.DataFrame:
    """Return one row per match whose best outcome has a positive expected value at the opening odds.

    `outcomes` is home, draw or away by match_id. Columns: match_id, date, bet, price, closing,
    expected_value, outcome and the profit of one unit.
    """
    rows = predictions[["match_id", "date"]].reset_index(drop=True)
    happened = outcomes.reindex(rows["match_id"]).to_numpy()
    rows = rows.assign(**_best_offer(predictions, odds)._asdict(), outcome=happened)
    is_bet = (rows["expected_value"] > 0) & rows["outcome"].notna()
    rows = rows[is_bet].reset_index(drop=True)
    is_won = rows["bet"] == rows["outcome"]
    return rows.assign(profit=np.where(is_won, rows["price"] - 1, -1.0))


def _best_offer(predictions: pd.DataFrame, odds: pd.DataFrame) -> Offer:
    matches = predictions["match_id"]
    opening = median_odds(odds, taken="open").reindex(matches).to_numpy()
    closing = median_odds(odds, taken="close").reindex(matches).to_numpy()
    values = expected_values(_chances(predictions), opening)
    best = np.nan_to_num(values, nan=-1.0).argmax(axis=1)
    rows = np.arange(len(values))
    return Offer(OUTCOMES[best], opening[rows, best], closing[rows, best], values[rows, best])


def _chances(predictions: pd.DataFrame) -> Floats:
    return predictions[list(CHANCE_COLUMNS.values())].to_numpy()


def return_on_investment(bets: pd.DataFrame, *, seed: int) -> Interval | None:
    """Return the mean profit per unit staked with its bootstrap interval by day; None without bets."""
    if bets.empty:
        return None
    profits = bets["profit"].to_numpy(dtype=np.float64)
    return bootstrap_interval(profits, clusters=days_of(bets["date"]), seed=seed)


def closing_line_value(bets: pd.DataFrame, *, seed: int) -> Interval | None:
    """Return by what share the odds of the bets beat the closing odds; None without closing odds."""
    closed = bets[bets["closing"].notna()]
    if closed.empty:
        return None
    gains = (closed["price"] / closed["closing"] - 1).to_numpy(dtype=np.float64)
    return bootstrap_interval(gains, clusters=days_of(closed["date"]), seed=seed)


def returns(
    predictions: pd.DataFrame, odds: pd.DataFrame, outcomes: pd.Series, *, seed: int
) -> dict[str, Any] | None:
    """Return what one unit on each bet would have returned, as plain data; None without a bet.

    `bets` counts the bets at opening odds, `return` is the mean profit of a unit. `closed_bets` counts those
    with closing odds, `closing_line_value` is the mean share by which their odds beat these. Each mean has
    the ends of its 95 % interval. The other arguments are those of `bets`.
    """
    placed = bets(predictions, odds, outcomes)
    profit = return_on_investment(placed, seed=seed)
    if profit is None:
        return None
    closing = closing_line_value(placed, seed=seed)
    closed = int(placed["closing"].notna().sum())
    figures = _with_interval("return", profit) | _with_interval("closing_line_value", closing)
    return {"bets": len(placed), "closed_bets": closed} | figures


def in_words(returns: Mapping[str, Any] | None) -> str:
    """Return a sentence about what `returns` has measured, or how to measure it."""
    if not returns:
        return NO_ODDS
    sentence = RETURN.format(**returns)
    return sentence + (CLOSING.format(**returns) if returns["closed_bets"] else "") + "."


def _with_interval(name: str, value: Interval | None) -> dict[str, float | None]:
    estimate, low, high = value or (None, None, None)
    return {name: estimate, f"{name}_low": low, f"{name}_high": high}
