"""Lists that plays bring are filled up by content, and each entry says which has brought it."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.games import model
from almanac.workloads.games.contract import UNLISTED
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.lists import filling
from almanac.workloads.games.lists.neighbours import Neighbours
from almanac.workloads.games.measuring import health
from almanac.workloads.games.played import Ease
from almanac.workloads.games.sources import plays_csv
from tests.games_samples import catalogue, game, play, predicted, sample, titles

THEMES = ["Space", "Cute", "Pirates"]


@cache
def few_played(candidate: str = "ease") -> pd.DataFrame:
    """Return the predictions of 400 games of which every tenth has plays; do not change them."""
    data = sample()
    played = set(data.catalogue["game_id"].iloc[::10])
    plays = data.plays[data.plays["game_id"].isin(played)].reset_index(drop=True)
    counts = plays["game_id"].value_counts()
    counted = data.catalogue.assign(players=data.catalogue["game_id"].map(counts).fillna(0).astype("int64"))
    return model.predict(model.fit(model.make(candidate), Dataset(counted, plays)), counted)


def sources_of(entries: list[dict[str, object]]) -> list[object]:
    """Return what has brought each entry of a list."""
    return [entry["by"] for entry in entries]


@pytest.mark.parametrize("candidate", ["ease", "item_item"])
def test_every_game_has_ten_recommendations_although_few_games_have_plays(candidate):
    predictions = few_played(candidate)
    assert (predictions["recommended"].map(len) == 10).all()
    by_game = dict(zip(predictions["players"], predictions["recommended"].map(sources_of), strict=False))
    assert set(by_game[0]) == {"content"}
    assert by_game[predictions["players"].max()][0] == "players"


def test_content_stands_behind_what_plays_have_brought_with_lower_scores():
    for row in few_played().itertuples():
        by = sources_of(row.recommended)
        assert by == sorted(by, reverse=True), "players before content"
        scores = [entry["score"] for entry in row.recommended]
        assert scores == sorted(scores, reverse=True)
        assert len({entry["game_id"] for entry in row.recommended} - {row.game_id}) == 10


def test_a_game_without_plays_has_its_similar_games_as_recommendations():
    unplayed = few_played()[few_played()["players"] == 0]
    for row in unplayed.itertuples():
        assert titles(row.recommended) == titles(row.similar)
        assert not any("same people" in entry["why"] for entry in row.recommended)


def test_similar_entries_are_by_content_and_need_no_plays():
    for entries in few_played()["similar"]:
        assert set(sources_of(entries)) == {"content"}


def test_a_game_that_has_nothing_in_common_with_others_gets_the_best_known_games():
    bare = game("Bare", genres="", themes="", developer="", publisher="")
    others = [game(f"Other {sign}", themes=THEMES[number % 3]) for number, sign in enumerate("abcdefghijkl")]
    frame = catalogue(bare, *others)
    predictions = model.predict(model.fit(model.make("content"), Dataset(frame, plays_csv.frame([]))), frame)
    listed = predictions.set_index("title").loc["Bare", "similar"]
    assert [entry["score"] for entry in listed] == [0.0] * 10
    assert {entry["why"] for entry in listed} == {"well known and well liked"}


def saga_predictions() -> pd.DataFrame:
    """Return the predictions of five games of a series, two of them editions of one, played together."""
    saga = ["Saga 1", "Saga 2", "Saga 2 Deluxe Edition", "Saga 3", "Saga 4", "Saga 5"]
    others = [f"Other {sign}" for sign in "abcdefghijklmnop"]
    frame = catalogue(*map(game, [*saga, *others]))
    plays = plays_csv.frame([play(f"u{number}", title) for number in range(6) for title in saga])
    counted = frame.assign(players=np.where(frame["title"].isin(saga), 6, 0))
    return model.predict(model.fit(model.make("ease"), Dataset(counted, plays)), counted)


def test_editions_and_a_long_series_are_in_the_pool_but_in_no_list():
    row = saga_predictions().set_index("title").loc["Saga 2"]
    listed = [title for title in titles(row["recommended"]) if title.startswith("Saga")]
    assert len(listed) == 3
    assert "Saga 2 Deluxe Edition" not in listed
    unlisted = [game_id for game_id, _, *mark in row["pool"] if mark == [UNLISTED]]
    assert len(unlisted) == 2
    assert "steam:saga-2-deluxe-edition" in unlisted


def test_the_pool_of_a_learned_game_ends_with_what_its_players_take_to_less():
    against = [pair for row in few_played().itertuples() for pair in row.pool if pair[-1] == "against"]
    assert against
    assert all(score < 0 for _, score, _ in against)
    content = few_played()[few_played()["players"] == 0]["pool"]
    assert not [pair for pool in content for pair in pool if pair[-1] == "against"]


def test_content_is_worth_as_much_as_the_end_of_a_list_by_players():
    frame = sample().catalogue
    ease = Ease().fit(frame, sample().plays)
    content = Neighbours(np.arange(350, 390, dtype=np.int32), np.linspace(0.8, 0.4, 40, dtype=np.float32))
    lists = filling.filled(frame, ease, [content] * len(frame))
    ends = [each.listed.scores[-1] for each in lists if each.listed.by_players.all()]
    assert ends
    for each in lists:
        of_content = each.scores[~each.by_players]
        assert (of_content <= np.float32(np.median(ends)) * 1.0001).all()


def test_health_measures_the_lists_that_are_served():
    full = predicted("ease")
    cut = full.assign(recommended=[entries[:9] for entries in full["recommended"]])
    half = full.assign(recommended=[None, *cut["recommended"][1:]])
    shares = {
        name: health.health(frame).set_index("measure").loc["full_lists", "value"]
        for name, frame in {"full": full, "cut": cut, "half": half}.items()
    }
    assert shares == {"full": 1.0, "cut": 0.0, "half": 1 / len(full)}, "null recommended is as similar"


def test_health_says_which_share_of_entries_plays_have_brought():
    by_players = health.health(few_played()).set_index("measure").loc["by_players", "value"]
    counted = [by == "players" for entries in few_played()["recommended"] for by in sources_of(entries)]
    assert by_players == pytest.approx(np.mean(counted))
    assert 0 < by_players < 0.2
