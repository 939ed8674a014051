"""Features: each by hand, and none that knows the future."""

import doctest
from datetime import date

import pytest

from almanac.workloads.games import blend, encoding, evaluation, features, played, titles
from almanac.workloads.games.lists import reasons
from almanac.workloads.games.measuring import measure
from almanac.workloads.games.shared import spelling
from almanac.workloads.games.sources import games, plays_csv
from tests.games_samples import catalogue, game, play


@pytest.mark.parametrize(
    "module",
    [blend, encoding, evaluation, features, measure, played, reasons, spelling, titles],
    ids=lambda module: module.__name__,
)
def test_the_examples_in_the_documentation_hold(module):
    ran = doctest.testmod(module, extraglobs={"np": __import__("numpy"), "pd": __import__("pandas")})
    assert ran.failed == 0
    assert ran.attempted > 0


def test_games_and_plays_from_the_cut_off_on_are_unknown():
    told = games.frame([game("Old"), game("New", released="2020-01-01"), game("Undated", released=None)])
    plays = plays_csv.frame(
        [
            play("ann", "Old", "2019-12-31"),
            play("ann", "New", "2019-12-31"),
            play("bob", "Old", "2020-01-01"),
            play("cid", "Old"),
        ]
    )
    known = features.build(told, plays, as_of=date(2020, 1, 1))
    assert sorted(known.catalogue["title"]) == ["Old", "Undated"]
    assert known.plays[["user_id", "game_id"]].to_numpy().tolist() == [
        ["ann", "steam:old"],
        ["cid", "steam:old"],
    ]
    assert known.catalogue.set_index("title")["players"].to_dict() == {"Old": 2, "Undated": 0}


def test_later_games_and_plays_change_nothing_that_is_known():
    told, later = [game("A"), game("B", reviews=7)], [game("C", released="2021-01-01", reviews=9000)]
    plays, more = [play("ann", "A", "2019-01-01")], [play("ann", "B", "2021-01-01")]
    before = features.build(games.frame(told), plays_csv.frame(plays), as_of=date(2020, 1, 1))
    after = features.build(games.frame(told + later), plays_csv.frame(plays + more), as_of=date(2020, 1, 1))
    assert before.catalogue.equals(after.catalogue)
    assert before.plays.equals(after.plays)


def test_the_most_played_stand_first_then_the_most_reviewed():
    told = games.frame([game("Few", reviews=10), game("Many", reviews=1000), game("Played", reviews=1)])
    known = features.build(told, plays_csv.frame([play("ann", "Played")]), as_of=date(2020, 1, 1))
    assert known.catalogue[["title", "rank"]].to_numpy().tolist() == [["Played", 1], ["Many", 2], ["Few", 3]]


def test_three_good_reviews_make_no_masterpiece():
    rated = catalogue(
        game("Three", reviews=3, good_reviews=3), game("Thousand", reviews=1000, good_reviews=900)
    ).set_index("title")["rating"]
    assert rated["Three"] == pytest.approx(0.4385, abs=1e-4)
    assert rated["Thousand"] > rated["Three"]


@pytest.mark.parametrize("tags", ["Sexual Content", "Indie;Nudity"])
def test_adult_games_are_known_by_their_tags(tags):
    assert catalogue(game("A", themes=tags))["adult"].tolist() == [True]
