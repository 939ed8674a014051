"""The plots and tables of the notebooks."""

import matplotlib
import matplotlib.pyplot as plt
import pytest

from almanac.judging.scores import Interval
from almanac.workloads.games import model, plots, summary
from almanac.workloads.games.measuring import inspection
from almanac.workloads.games.sources import builtin
from tests.games_samples import predicted, sample, titles

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_plot_of_years_counts_every_game():
    assert "400 games" in plots.genres_by_year(builtin.catalogue()).axes[0].get_title(loc="left")


def test_the_plot_of_coverage_names_the_share_of_listed_games():
    listed = inspection.listed(predicted("content"))
    share = (listed["times"] > 0).mean()
    assert f"{share:.0%} of all games" in plots.coverage(listed).axes[0].get_title(loc="left")


def test_intervals_are_plotted_with_the_best_on_top():
    spans = {"7": Interval(0.3, 0.2, 0.4), "popularity": Interval(0.1, 0.05, 0.15)}
    axes = plots.intervals(spans, "ndcg_at_10", 500).axes[0]
    assert [(text.get_text().strip(), text.get_position()) for text in axes.texts] == [
        ("popularity", (0.15, 0)),
        ("version 7", (0.4, 1)),
    ]


def test_themes_contribute_more_to_neighbours_than_to_random_pairs():
    data = sample()
    encoder = model.fit(model.make("content"), data)[-1].similar_.encoder_
    shares = inspection.drivers(encoder, data.catalogue, predicted("content"))
    assert shares.loc["themes", "neighbours"] > 2 * shares.loc["themes", "random pairs"]
    labels = plots.drivers(shares).axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == list(shares.index[::-1])


def test_the_lists_of_five_well_known_games_are_side_by_side():
    table = inspection.side_by_side(predicted("content"))
    assert table.shape == (10, 5)
    assert "The Witcher 2: Assassins of Kings" in table["The Witcher 3: Wild Hunt"].tolist()
    assert set(inspection.reasons(predicted("content")).columns) == {"game", "title", "score", "why", "by"}


def test_the_summary_has_a_row_for_each_of_the_best_known_games():
    columns, rows = summary.headline(predicted("blend"), rows=3)
    assert (len(columns), len(rows)) == (4, 3)
    first = predicted("blend").iloc[0]
    assert rows[0][2:] == [" · ".join(titles(first["recommended"][:3])), first["recommended"][0]["why"]]


def test_the_summary_states_the_scores_or_the_proxy():
    proxy = {"series_found": 0.14, "series_found_by_popularity": 0.001, "n": 1000}
    assert summary.facts(proxy) == (
        "There are no plays, or too few, to judge by, so only a proxy is known: with title and makers hidden,"
        " 14.0% of a series is among the ten nearest, 0.1% among the ten most popular (n = 1000)."
    )
    popularity = {"popularity_recall_at_10": 0.1, "popularity_ndcg_at_10": 0.05}
    assert summary.facts({"ndcg_at_10": 0.2, "recall_at_10": 0.3, "n": 5} | popularity) == (
        "On 5 players: recall@10 0.300, NDCG@10 0.200 (popularity 0.100 and 0.050)."
    )
    interval = {"ndcg_at_10_low": 0.19, "ndcg_at_10_high": 0.21}
    with_interval = summary.facts({"ndcg_at_10": 0.2, "recall_at_10": 0.3, "n": 5} | popularity | interval)
    assert with_interval.endswith(" The 95 % interval of its NDCG@10 is 0.190 to 0.210.")
    assert summary.facts({}) == "This version has not been evaluated on held-out plays yet."
