"""What the user's odds say about the chances: expected value, stake, return and closing-line value; no betting advice."""

import numpy as np
import pandas as pd

from almanac.judging.scores import Interval, bootstrap_interval
from almanac.workloads.football.strength.timeline import Floats, days_of

KELLY_SHARE = 0.25
CHANCES = ["home_win", "draw", "away_win"]
PRICES = ["home_odds", "draw_odds", "away_odds"]
NAMES = np.array(["home", "draw", "away"])


def prices(odds: pd.DataFrame, *, taken: str) -> pd.DataFrame:
    """Return the median odds over bookmakers by match_id, of those `taken` at 'open' or 'close'."""
    return odds[odds["taken"] == taken].groupby("match_id")[PRICES].median()


def expected_values(chances: Floats, offered: Floats) -> Floats:
    """Return the mean profit per unit staked on each outcome.

    >>> expected_values(np.array([[0.5, 0.3, 0.2]]), np.array([[2.2, 3.0, 4.0]])).round(2).tolist()
    [[0.1, -0.1, -0.2]]
    """
    return chances * offered - 1


def kelly_stakes(chances: Floats, offered: Floats, *, share: float = KELLY_SHARE) -> Floats:
    """Return the share of the bank to stake on each outcome: `share` of Kelly's (1956), nothing where the expected value is negative.

    >>> kelly_stakes(np.array([[0.5]]), np.array([[2.2]]), share=1.0).round(4).tolist()
    [[0.0833]]
    """
    profit = np.where(offered > 1, offered - 1, np.inf)
    stakes: Floats = share * np.maximum(expected_values(chances, offered), 0) / profit
    return stakes


def attach(coming: pd.DataFrame, odds: pd.DataFrame) -> pd.DataFrame:
    """Return the coming matches with the user's prices beside them (home_odds, draw_odds, away_odds; NaN where there are none)."""
    offered = prices(odds, taken="open").reindex(coming["match_id"])
    return coming.assign(**{name: offered[name].to_numpy() for name in PRICES})


def told(predictions: pd.DataFrame) -> pd.Series:
    """Return per match the odds, the outcome with the greatest expected value, and a stake; None where no odds were attached."""
    offered = predictions.reindex(columns=PRICES).to_numpy(dtype=np.float64)
    rows = [
        _told(chances, given) for chances, given in zip(predictions[CHANCES].to_numpy(), offered, strict=True)
    ]
    return pd.Series(rows, index=predictions.index, dtype=object)


def _told(chances: Floats, offered: Floats) -> dict[str, object] | None:
    if np.isnan(offered).any():
        return None
    values, stakes = expected_values(chances, offered), kelly_stakes(chances, offered)
    best = int(values.argmax())
    given = {str(name): round(float(price), 3) for name, price in zip(NAMES, offered, strict=True)}
    return {
        **given,
        "best": str(NAMES[best]),
        "expected_value": round(float(values[best]), 4),
        "kelly_stake": round(float(stakes[best]), 4),
    }


def bets(predictions: pd.DataFrame, odds: pd.DataFrame, outcomes: pd.Series) -> pd.DataFrame:
    """Return one row per match whose best outcome has a positive expected value at the opening odds.

    `outcomes` is home, draw or away by match_id. Columns: match_id, date, bet, price, closing, expected_value, outcome, profit of one unit.
    """
    offered = prices(odds, taken="open").reindex(predictions["match_id"]).to_numpy()
    closing = prices(odds, taken="close").reindex(predictions["match_id"]).to_numpy()
    values = expected_values(predictions[CHANCES].to_numpy(), offered)
    best, rows = np.nan_to_num(values, nan=-1.0).argmax(axis=1), np.arange(len(values))
    made = pd.DataFrame(
        {
            "match_id": predictions["match_id"].to_numpy(),
            "date": predictions["date"].to_numpy(),
            "bet": NAMES[best],
            "price": offered[rows, best],
            "closing": closing[rows, best],
            "expected_value": values[rows, best],
            "outcome": outcomes.reindex(predictions["match_id"]).to_numpy(),
        }
    )
    made = made[(made["expected_value"] > 0) & made["outcome"].notna()].reset_index(drop=True)
    return made.assign(profit=np.where(made["bet"] == made["outcome"], made["price"] - 1, -1.0))


def return_on_investment(made: pd.DataFrame, *, seed: int) -> Interval | None:
    """Return the mean profit per unit staked with its bootstrap interval by day; None without bets, for then there is none."""
    if made.empty:
        return None
    return bootstrap_interval(
        made["profit"].to_numpy(dtype=np.float64), clusters=days_of(made["date"]), seed=seed
    )


def closing_line_value(made: pd.DataFrame, *, seed: int) -> Interval | None:
    """Return by what share the taken odds beat the closing odds, with its interval; None where no closing odds are known."""
    known = made[made["closing"].notna()]
    if known.empty:
        return None
    better = (known["price"] / known["closing"] - 1).to_numpy(dtype=np.float64)
    return bootstrap_interval(better, clusters=days_of(known["date"]), seed=seed)
