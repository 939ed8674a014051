"""Features: each with values worked out by hand, and none that uses the future."""

import doctest
from datetime import date

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.games import blend, encoding, evaluation, features, played, titles
from almanac.workloads.games.lists import reasons
from almanac.workloads.games.measuring import measurement
from almanac.workloads.games.shared import spelling
from almanac.workloads.games.sources import games, plays_csv
from tests.games_samples import catalogue, game, play


@pytest.mark.parametrize(
    "module",
    [blend, encoding, evaluation, features, measurement, played, reasons, spelling, titles],
    ids=lambda module: module.__name__,
)
def test_the_examples_in_the_documentation_hold(module):
    result = doctest.testmod(module, extraglobs={"np": np, "pd": pd})
    assert result.failed == 0
    assert result.attempted > 0


def test_games_and_plays_since_the_cut_off_are_left_out():
    rows = [game("Old"), game("New", released="2020-01-01"), game("Undated", released=None)]
    plays = plays_csv.frame(
        [
            play("ann", "Old", "2019-12-31"),
            play("ann", "New", "2019-12-31"),
            play("bob", "Old", "2020-01-01"),
            play("cid", "Old"),
        ]
    )
    data = features.build(games.frame(rows), plays, as_of=date(2020, 1, 1))
    assert sorted(data.catalogue["title"]) == ["Old", "Undated"]
    assert data.plays["user_id"].tolist() == ["ann", "cid"]
    assert data.plays["game_id"].tolist() == ["steam:old", "steam:old"]
    assert data.catalogue.set_index("title")["players"].to_dict() == {"Old": 2, "Undated": 0}


def test_later_games_and_plays_change_no_feature():
    rows, later = [game("A"), game("B", reviews=7)], [game("C", released="2021-01-01", reviews=9000)]
    plays, more = [play("ann", "A", "2019-01-01")], [play("ann", "B", "2021-01-01")]
    before = features.build(games.frame(rows), plays_csv.frame(plays), as_of=date(2020, 1, 1))
    after = features.build(games.frame(rows + later), plays_csv.frame(plays + more), as_of=date(2020, 1, 1))
    assert before.catalogue.equals(after.catalogue)
    assert before.plays.equals(after.plays)


def test_the_most_played_games_come_first_then_the_most_reviewed():
    rows = [game("Few", reviews=10), game("Many", reviews=1000), game("Played", reviews=1)]
    plays = plays_csv.frame([play("ann", "Played")])
    ordered = features.build(games.frame(rows), plays, as_of=date(2020, 1, 1)).catalogue
    assert ordered["title"].tolist() == ["Played", "Many", "Few"]
    assert ordered["rank"].tolist() == [1, 2, 3]


def test_three_good_reviews_give_a_lower_rating_than_nine_hundred_of_a_thousand():
    few, many = game("Few", reviews=3, good_reviews=3), game("Many", reviews=1000, good_reviews=900)
    rating = catalogue(few, many).set_index("title")["rating"]
    assert rating["Few"] == pytest.approx(0.4385, abs=1e-4)
    assert rating["Many"] > rating["Few"]


@pytest.mark.parametrize("tags", ["Sexual Content", "Indie;Nudity"])
def test_adult_games_are_recognised_by_their_tags(tags):
    assert catalogue(game("A", themes=tags))["adult"].tolist() == [True]
