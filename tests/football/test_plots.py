"""The figures have titles and labels, and show all of their data."""

from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from almanac.workloads.football import evaluation, plots
from tests.football.match_samples import CUT, sample

OUTCOMES = ["away", "draw", "home"]


@pytest.fixture(autouse=True)
def headless() -> Iterator[None]:
    """Draw without a screen, and close every figure."""
    matplotlib.use("Agg")
    yield
    plt.close("all")


@pytest.fixture
def played() -> pd.DataFrame:
    random = np.random.default_rng(3)
    days = pd.date_range("2025-01-01", periods=200)
    return pd.DataFrame(
        {"outcome": random.choice(OUTCOMES, 200), "league": random.choice(["E0", "D1"], 200), "date": days}
    )


@pytest.fixture
def chances() -> np.ndarray:
    return np.random.default_rng(4).dirichlet([3, 3, 4], size=200)


def test_coverage_counts_the_matches_of_each_league_and_season() -> None:
    axes = plots.coverage(sample()).axes[0]
    assert axes.get_title("left") == "3,768 played matches of 4 leagues"
    assert {text.get_text() for text in axes.texts} == {"182", "132"}


def test_ratings_name_the_country_and_label_each_line() -> None:
    axes = plots.ratings(sample(), as_of=CUT).axes[0]
    assert axes.get_title("left").startswith("Elo ratings, England")
    clubs = {text.get_text() for text in axes.texts if text.get_text().startswith("Testland")}
    assert len(clubs) == 5


def test_candidates_are_ordered_with_the_best_on_top(played: pd.DataFrame, chances: np.ndarray) -> None:
    right = np.eye(3)[evaluation.labels(played["outcome"])]
    forecasts = {"logit": (chances + right) / 2, "random_forest": chances, "elo_logit": chances}
    axes = plots.candidates(played, forecasts, seed=1).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["random forest", "logit"]


def test_reliability_has_a_panel_for_each_outcome(played: pd.DataFrame, chances: np.ndarray) -> None:
    figure = plots.reliability(evaluation.reliability(played["outcome"], chances))
    assert [axes.get_title("left") for axes in figure.axes] == [
        "home: 200 matches",
        "draw: 200 matches",
        "away: 200 matches",
    ]


def test_leagues_name_each_league_with_its_matches(played: pd.DataFrame, chances: np.ndarray) -> None:
    scores = evaluation.by_league(played, chances)
    labels = {label.get_text() for label in plots.leagues(scores, scores).axes[0].get_yticklabels()}
    counts = played["league"].value_counts()
    assert labels == {f"England, Premier League ({counts['E0']})", f"Germany, Bundesliga ({counts['D1']})"}


MATCH = {"date": "2025-05-10", "league": "E0", "home": "Ash", "away": "Birch"}


def test_coming_matches_show_their_chances_in_per_cent() -> None:
    predictions = pd.DataFrame([MATCH | {"home_win": 0.61, "draw": 0.31, "away_win": 0.08}])
    axes = plots.coming(predictions).axes[0]
    assert axes.get_title("left") == "1 coming matches: home, draw, away"
    assert [text.get_text() for text in axes.texts] == ["61%", "31%"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["10 May  Ash – Birch"]


def test_only_the_next_24_of_many_matches_are_drawn() -> None:
    match = MATCH | {"home_win": 0.5, "draw": 0.3, "away_win": 0.2}
    axes = plots.coming(pd.DataFrame([match] * 30)).axes[0]
    assert axes.get_title("left") == "The next 24 of 30 matches: home, draw, away"
    assert len(axes.get_yticklabels()) == 24
