"""The pictures show what they were given."""

import matplotlib
import matplotlib.pyplot as plt
import pytest

from almanac.workloads.games import model, plots, summary
from almanac.workloads.games.measuring import showing
from almanac.workloads.games.sources import builtin
from tests.games_samples import predicted, sample

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_every_game_stands_in_the_picture_of_years():
    assert "400 games" in plots.genres_by_year(builtin.catalogue()).axes[0].get_title(loc="left")


def test_the_share_of_games_that_are_ever_shown_is_told():
    listed = showing.listed(predicted("content"))
    share = (listed["times"] > 0).mean()
    assert f"{share:.0%} of all games" in plots.coverage(listed).axes[0].get_title(loc="left")


def test_themes_tell_neighbours_from_random_pairs():
    known = sample()
    shares = showing.drivers(
        model.fit(model.make("content"), known)[-1].similar_.encoder_, known.catalogue, predicted("content")
    )
    assert shares.loc["themes", "neighbours"] > 2 * shares.loc["themes", "random pairs"]
    assert [label.get_text() for label in plots.drivers(shares).axes[0].get_yticklabels()] == list(
        shares.index[::-1]
    )


def test_five_well_known_games_stand_side_by_side():
    shown = showing.side_by_side(predicted("content"))
    assert shown.shape == (10, 5)
    assert "The Witcher 2: Assassins of Kings" in shown["The Witcher 3: Wild Hunt"].tolist()
    assert set(showing.reasons(predicted("content")).columns) == {"game", "title", "score", "why"}


def test_the_summary_names_games_and_says_what_is_a_proxy():
    columns, rows = summary.headline(predicted("blend"), rows=3)
    assert (len(columns), len(rows)) == (4, 3)
    assert "only a proxy" in summary.facts(
        {"series_found": 0.14, "series_found_by_popularity": 0.001, "n": 1000}
    )
    assert summary.facts(
        {
            "ndcg_at_10": 0.2,
            "recall_at_10": 0.3,
            "n": 5,
            "popularity_recall_at_10": 0.1,
            "popularity_ndcg_at_10": 0.1,
        }
    ).startswith("On 5")
    assert "not been evaluated" in summary.facts({})
