"""Lists: no game in its own list, no editions, few of one series, adult games apart, reasons in words."""

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.games import model
from almanac.workloads.games.content import Content, Popularity, same_for_all
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.lists import nearest, neighbours, reasons
from almanac.workloads.games.played import single_histories
from almanac.workloads.games.sources import plays_csv
from tests.games_samples import catalogue, game, predicted, sample, titles


def similar(*rows: dict[str, object]) -> dict[str, list[str]]:
    """Return the titles in the similar list of each game."""
    data = Dataset(catalogue(*rows), plays_csv.frame([]))
    predictions = model.predict(model.fit(model.make("content"), data), data.catalogue)
    return {row.title: titles(row.similar) for row in predictions.itertuples()}


@pytest.mark.parametrize("candidate", ["content", "blend", "ease", "item_item", "popularity"])
def test_each_list_is_full_and_ordered_without_the_game_itself_or_duplicates(candidate):
    for row in predicted(candidate).itertuples():
        for entries in (row.similar, row.recommended or row.similar):
            ids = [entry["game_id"] for entry in entries]
            scores = [entry["score"] for entry in entries]
            assert len(ids) == len(set(ids)) == 10
            assert row.game_id not in ids
            assert scores == sorted(scores, reverse=True)
            assert all(entry["why"] for entry in entries)


def test_editions_of_one_work_fill_no_list():
    others = [game(f"Other {name}", genres="Puzzle", themes="Cute") for name in "abcd"]
    editions = [game(title) for title in ("Doom", "Doom Deluxe Edition", "Quake", "Quake Gold Edition")]
    doom = similar(*editions, *others)["Doom"]
    assert "Doom Deluxe Edition" not in doom
    assert len([title for title in doom if title.startswith("Quake")]) == 1


def test_a_series_has_at_most_three_places():
    saga = [game(f"Saga {number}: Part") for number in range(1, 7)]
    alone = similar(game("Alone"), *saga)["Alone"]
    assert len([title for title in alone if title.startswith("Saga")]) == 3


def frame_of(*works: str, series: str = "") -> pd.DataFrame:
    """Return the columns of a catalogue that lists use, the most popular game first."""
    return pd.DataFrame({"work": works, "series": series, "adult": False})


def test_games_without_a_series_do_not_count_as_one_series():
    frame = frame_of(*[f"work {number}" for number in range(12)])
    lists = neighbours.neighbours(frame, lambda histories: np.ones(histories.shape))
    assert lists[0].rows.tolist() == list(range(1, 12)), "among equals the more popular first"


def test_a_list_is_full_although_editions_of_one_work_have_the_best_scores():
    works = ["first", *["flood"] * 50, *[f"work {number}" for number in range(30)]]
    scores = np.array([9.0, *[5.0] * 50, *[1.0] * 30])
    lists = neighbours.neighbours(frame_of(*works), same_for_all(scores))
    assert lists[0].rows.tolist() == [1, *range(51, 81)]


def test_adult_games_are_listed_only_for_adult_games():
    adult = [game(title, themes="Open World;Nudity") for title in ("Adult One", "Adult Two")]
    lists = similar(game("Plain"), game("Friend"), *adult)
    assert lists["Plain"] == ["Friend"]
    assert lists["Adult One"][0] == "Adult Two"


def test_among_equals_the_better_known_comes_first():
    little = game("Little", reviews=10, good_reviews=9)
    much = game("Much", reviews=100_000, good_reviews=90_000)
    assert similar(game("First"), little, much)["First"] == ["Much", "Little"]


def test_reasons_name_what_two_games_share_and_leave_out_generic_tags():
    frame = catalogue(
        game("Saga 1", themes="Open World;Great Soundtrack", developer="X"),
        game("Saga 2", themes="Open World;Great Soundtrack", developer="X"),
        game("Tale", themes="Great Soundtrack", genres="Action", developer="X"),
        game("Zed", themes="Zombies", genres="Sports", developer="Y"),
    ).sort_values("title", ignore_index=True)
    facts = reasons.facts(frame, Content().fit(frame).encoder_.rarity_)
    words, _, relation = facts.why(0, 1).partition("; ")
    assert sorted(words.split(", ")) == ["open world", "role-playing"]
    assert relation == "same series"
    assert facts.why(0, 2) == "great soundtrack; same developer"
    assert facts.why(0, 3) == ""


@pytest.mark.parametrize("candidate", ["blend", "ease"])
def test_pools_are_longer_than_lists_and_agree_with_them(candidate):
    for row in predicted(candidate).itertuples():
        listed = [game for game, _, *mark in row.pool if mark in ([], ["players"])]
        assert listed[:10] == [entry["game_id"] for entry in row.recommended]
        assert 10 < len(listed) <= len(row.pool) <= 70
        scores = [pair[1] for pair in row.pool]
        assert scores == sorted(scores, reverse=True)
        assert row.game_id not in [pair[0] for pair in row.pool]


def test_lists_do_not_depend_on_the_size_of_blocks_and_chunks(monkeypatch):
    themes = ["Cute", "Space"]
    rows = [game(f"Game {each}", themes=themes[each % 2], reviews=10 * each) for each in range(30)]
    at_once = similar(*rows)
    monkeypatch.setattr(nearest, "BLOCK", 7)
    assert similar(*rows) == at_once
    frame = sample().catalogue
    popularity = Popularity().fit(frame).scorer(frame)
    at_once = [each.rows.tolist() for each in neighbours.neighbours(frame, popularity)]
    monkeypatch.setattr(neighbours, "MOST_CELLS", 400 * 7)
    assert [each.rows.tolist() for each in neighbours.neighbours(frame, popularity)] == at_once


def test_the_best_neighbours_are_those_of_all_pairs_although_blocks_are_skipped(monkeypatch):
    monkeypatch.setattr(nearest, "BLOCK", 10)
    frame, compared = sample().catalogue, list[int]()
    scorer = Content().fit(frame).scorer(frame)
    assert isinstance(scorer, nearest.SimilarityScorer)
    plain_scores = nearest._Block.scores

    def scores(block, dense, rare):
        compared.append(dense.shape[0])
        return plain_scores(block, dense, rare)

    monkeypatch.setattr(nearest._Block, "scores", scores)
    for best in scorer.best(10, lambda *_: None):
        every = scorer(single_histories(best.rows, len(frame)))
        ten_best = np.sort(every, axis=1)[:, -10:]
        assert np.sort(best.scores, axis=1) == pytest.approx(ten_best, abs=1e-6)
        assert np.take_along_axis(every, best.neighbours, axis=1) == pytest.approx(best.scores, abs=1e-6)
    assert sum(compared) * 10 < 0.8 * len(frame) ** 2
