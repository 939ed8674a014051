"""The value of the user's odds, worked out by hand; without odds there is none."""

import json

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.football import summary
from almanac.workloads.football.offers import value

PREDICTIONS = pd.DataFrame(
    {
        "match_id": ["one", "two", "three"],
        "date": pd.to_datetime(["2025-05-01", "2025-05-01", "2025-05-02"]),
        "home_win": [0.5, 0.2, 0.4],
        "draw": [0.3, 0.3, 0.3],
        "away_win": [0.2, 0.5, 0.3],
    }
)


def odds(*rows: tuple[str, str, str, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(
        rows, columns=["match_id", "bookmaker", "taken", "home_odds", "draw_odds", "away_odds"]
    )


OPEN = [("one", "B365", "open", 2.2, 3.0, 4.0), ("two", "B365", "open", 4.0, 3.2, 1.9)]


def test_several_bookmakers_count_with_their_median() -> None:
    three = odds(
        ("one", "A", "open", 2.0, 3.0, 4.0),
        ("one", "B", "open", 2.2, 3.1, 4.4),
        ("one", "C", "open", 9.0, 3.2, 4.1),
    )
    assert value.median_odds(three, taken="open").loc["one"].tolist() == [2.2, 3.1, 4.1]


def test_closing_odds_are_not_offered() -> None:
    assert value.median_odds(odds(("one", "A", "close", 2.0, 3.0, 4.0)), taken="open").empty


def test_a_summary_has_the_best_outcome_its_expected_value_and_a_quarter_of_kellys_stake() -> None:
    summary = value.summaries(value.attach(PREDICTIONS, odds(*OPEN)))[0]
    assert (summary["home"], summary["draw"], summary["away"]) == (2.2, 3.0, 4.0)
    # 0.5 x 2.2 - 1 = 0.1; Kelly 0.1 / 1.2 = 0.0833, a quarter of it 0.0208.
    assert (summary["best"], summary["expected_value"], summary["kelly_stake"]) == ("home", 0.1, 0.0208)
    assert len(summary) == 6


def test_a_bad_price_gets_no_stake() -> None:
    summary = value.summaries(value.attach(PREDICTIONS, odds(*OPEN)))[1]
    # Best of 0.2 x 4 = 0.8, 0.3 x 3.2 = 0.96 and 0.5 x 1.9 = 0.95.
    assert (summary["best"], summary["expected_value"], summary["kelly_stake"]) == ("draw", -0.04, 0.0)


def test_a_match_without_odds_has_no_summary() -> None:
    assert value.summaries(value.attach(PREDICTIONS, odds(*OPEN)))[2] is None
    assert value.summaries(PREDICTIONS).tolist() == [None, None, None]


def test_a_match_without_all_three_odds_has_no_summary() -> None:
    assert value.summaries(value.attach(PREDICTIONS, odds(("one", "A", "open", np.nan, 3.0, 4.0))))[0] is None


def test_odds_are_attached_to_their_match_in_any_order() -> None:
    assert value.attach(PREDICTIONS.iloc[[1, 2, 0]], odds(*OPEN))["home_odds"].tolist() == pytest.approx(
        [4.0, np.nan, 2.2], nan_ok=True
    )


def test_only_bets_of_positive_expected_value_are_listed() -> None:
    bets = value.bets(PREDICTIONS, odds(*OPEN), pd.Series({"one": "home", "two": "away"}))
    assert bets[["match_id", "bet", "price", "profit"]].to_numpy().tolist() == [
        ["one", "home", 2.2, pytest.approx(1.2)]
    ]


def test_the_return_is_the_mean_profit_of_one_unit_each() -> None:
    bets = pd.DataFrame({"date": pd.to_datetime(["2025-05-01", "2025-05-02"]), "profit": [1.5, -1.0]})
    roi = value.return_on_investment(bets, seed=1)
    assert roi is not None
    assert roi.estimate == 0.25
    assert roi.low < 0.25 < roi.high


def test_bets_of_one_day_are_drawn_together() -> None:
    bets = pd.DataFrame({"date": pd.to_datetime(["2025-05-01"] * 3), "profit": [1.5, -1.0, 0.1]})
    assert value.return_on_investment(bets, seed=1) == pytest.approx((0.2, 0.2, 0.2)), (
        "a single day says nothing about others"
    )


def test_the_closing_line_value_is_the_gain_of_the_taken_over_the_closing_odds() -> None:
    closing = [("one", "B365", "close", 2.0, 3.0, 4.4)]
    bets = value.bets(PREDICTIONS, odds(*OPEN, *closing), pd.Series({"one": "away"}))
    better = value.closing_line_value(bets, seed=1)
    assert better is not None
    assert better.estimate == pytest.approx(0.1)


def test_without_odds_there_is_no_return_and_no_closing_line_value() -> None:
    bets = value.bets(PREDICTIONS, odds(), pd.Series({"one": "home"}))
    assert value.return_on_investment(bets, seed=1) is None
    assert value.closing_line_value(bets, seed=1) is None


def test_betting_the_whole_kelly_stake_grows_the_bank_fastest() -> None:
    chance, price = 0.5, 2.2
    stakes = np.linspace(0.0, 0.3, 301)
    growth = chance * np.log(1 + stakes * (price - 1)) + (1 - chance) * np.log(1 - stakes)
    best = value.kelly_stakes(np.array([[chance]]), np.array([[price]]), share=1.0)[0, 0]
    assert best == pytest.approx(stakes[growth.argmax()], abs=1e-3)


def test_returns_are_plain_figures_with_sizes_and_intervals() -> None:
    closing = [("one", "B365", "close", 2.0, 3.0, 4.4)]
    outcomes = pd.Series({"one": "home", "two": "away"})
    returns = value.returns(PREDICTIONS, odds(*OPEN, *closing), outcomes, seed=1)
    assert returns == json.loads(json.dumps(returns))
    assert returns == {
        "bets": 1,
        "closed_bets": 1,
        "return": pytest.approx(1.2),
        "return_low": pytest.approx(1.2),
        "return_high": pytest.approx(1.2),
        "closing_line_value": pytest.approx(0.1),
        "closing_line_value_low": pytest.approx(0.1),
        "closing_line_value_high": pytest.approx(0.1),
    }


def test_returns_without_closing_odds_have_no_closing_line_value() -> None:
    returns = value.returns(PREDICTIONS, odds(*OPEN), pd.Series({"one": "away"}), seed=1)
    assert returns is not None
    assert (returns["bets"], returns["return"], returns["closed_bets"]) == (1, -1.0, 0)
    assert returns["closing_line_value"] is None


@pytest.mark.parametrize("outcomes", [pd.Series(dtype=object), pd.Series({"one": "home"})])
def test_without_odds_there_are_no_returns(outcomes: pd.Series) -> None:
    assert value.returns(PREDICTIONS, odds(), outcomes, seed=1) is None


HELD_OUT = {"n": 900.0, "log_loss": 1.01, "rps": 0.2, "accuracy": 0.5, "calibration_error": 0.01}
RETURNS = {
    "bets": 312,
    "return": -0.021,
    "return_low": -0.09,
    "return_high": 0.046,
    "closed_bets": 0,
    "closing_line_value": None,
    "closing_line_value_low": None,
    "closing_line_value_high": None,
}


def test_the_summary_says_how_to_get_a_return_where_there_are_no_odds() -> None:
    assert "Import your own: almanac import football-odds FILE. No betting advice." in summary.facts(HELD_OUT)


def test_the_summary_has_the_return_and_the_closing_line_value() -> None:
    closed = {
        "closed_bets": 300,
        "closing_line_value": 0.004,
        "closing_line_value_low": -0.001,
        "closing_line_value_high": 0.009,
    }
    opened, both = (summary.facts(HELD_OUT | {"returns": each}) for each in (RETURNS, RETURNS | closed))
    assert opened.endswith("At the imported odds 312 bets returned -2.1% [-9.0%, +4.6%]. No betting advice.")
    assert both.endswith(
        "312 bets returned -2.1% [-9.0%, +4.6%], and beat the closing odds by +0.4% [-0.1%, +0.9%] (n = 300)."
        " No betting advice."
    )
