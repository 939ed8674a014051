"""Lists: never the game itself, no editions, no flood of one series, adult games only beside their like, reasons in words."""

import numpy as np
import pandas as pd
import pytest

from almanac.workloads.games import model, nearest
from almanac.workloads.games.content import Content, Popularity
from almanac.workloads.games.features import Known
from almanac.workloads.games.lists import neighbours, reasons
from almanac.workloads.games.played import own_histories
from almanac.workloads.games.sources import plays_csv
from tests.games_samples import catalogue, game, predicted, sample, titles


def similar(*rows: dict[str, object]) -> dict[str, list[str]]:
    known = Known(catalogue(*rows), plays_csv.frame([]))
    found = model.predict(model.fit(model.make("content"), known), known.catalogue)
    return {row.title: titles(row.similar) for row in found.itertuples()}


@pytest.mark.parametrize("candidate", ["content", "blend"])
def test_no_game_stands_in_its_own_lists_and_each_list_is_full_ordered_and_without_doubles(candidate):
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
    lists_of = similar(
        game("Doom"), game("Doom Deluxe Edition"), game("Quake"), game("Quake Gold Edition"), *others
    )
    assert "Doom Deluxe Edition" not in lists_of["Doom"]
    assert len([title for title in lists_of["Doom"] if title.startswith("Quake")]) == 1


def test_a_series_has_at_most_three_places():
    found = similar(game("Alone"), *[game(f"Saga {number}: Part") for number in range(1, 7)])
    assert len([title for title in found["Alone"] if title.startswith("Saga")]) == 3


def frame_of(*works: str, series: str = "") -> pd.DataFrame:
    """Return as much of a catalogue as lists look at, the most popular first."""
    return pd.DataFrame({"work": works, "series": series, "adult": False})


def test_games_of_no_series_are_not_taken_for_one():
    found = neighbours.neighbours(
        frame_of(*[f"work {number}" for number in range(12)]), lambda histories: np.ones(histories.shape)
    )
    assert found[0].places.tolist() == list(range(1, 12)), "among equals the more popular first"


def test_editions_that_fill_the_best_places_leave_a_list_full():
    works = ["asked", *["flood"] * 50, *[f"work {number}" for number in range(30)]]
    scores = np.array([9.0, *[5.0] * 50, *[1.0] * 30])
    (first, *_) = neighbours.neighbours(
        frame_of(*works), lambda histories: np.tile(scores, (histories.shape[0], 1))
    )
    assert first.places.tolist() == [1, *range(51, 81)]


def test_adult_games_stand_only_beside_their_like():
    found = similar(
        game("Plain"),
        game("Friend"),
        game("Adult One", themes="Open World;Nudity"),
        game("Adult Two", themes="Open World;Nudity"),
    )
    assert found["Plain"] == ["Friend"]
    assert found["Adult One"][0] == "Adult Two"


def test_among_equals_the_better_known_comes_first():
    found = similar(
        game("Asked"),
        game("Little", reviews=10, good_reviews=9),
        game("Much", reviews=100_000, good_reviews=90_000),
    )
    assert found["Asked"] == ["Much", "Little"]


def test_reasons_name_what_two_games_share_and_leave_out_what_every_shop_says():
    frame = catalogue(
        game("Saga 1", themes="Open World;Great Soundtrack", developer="X"),
        game("Saga 2", themes="Open World;Great Soundtrack", developer="X"),
        game("Tale", themes="Great Soundtrack", genres="Action", developer="X"),
        game("Zed", themes="Zombies", genres="Sports", developer="Y"),
    ).sort_values("title", ignore_index=True)
    told = reasons.facts(frame, Content().fit(frame).encoder_.rarity_)
    assert told.why(0, 1) in (
        "role-playing, open world; same series",
        "open world, role-playing; same series",
    )
    assert told.why(0, 2) == "great soundtrack; same developer"
    assert told.why(0, 3) == ""


def test_pools_are_longer_than_lists_and_agree_with_them():
    row = predicted("blend").iloc[0]
    assert [game for game, _ in row["pool"][:10]] == [entry["game_id"] for entry in row["recommended"]]
    assert 10 < len(row["pool"]) <= 40


def test_lists_are_the_same_however_games_are_parted(monkeypatch):
    rows = [
        game(f"Game {number}", themes=["Cute", "Space"][number % 2], reviews=10 * number)
        for number in range(30)
    ]
    at_once = similar(*rows)
    monkeypatch.setattr(nearest, "BLOCK", 7)
    assert similar(*rows) == at_once
    frame = sample().catalogue
    popular = Popularity().fit(frame).on(frame)
    every = [found.places.tolist() for found in neighbours.neighbours(frame, popular)]
    monkeypatch.setattr(neighbours, "CELLS", 400 * 7)
    assert [found.places.tolist() for found in neighbours.neighbours(frame, popular)] == every


def test_the_best_are_those_that_comparing_all_pairs_finds_although_blocks_are_left_out(monkeypatch):
    monkeypatch.setattr(nearest, "BLOCK", 10)
    frame, compared = sample().catalogue, list[int]()
    scorer = Content().fit(frame).on(frame)
    assert isinstance(scorer, nearest.Alike)
    plain = nearest._Block.scores
    monkeypatch.setattr(
        nearest._Block,
        "scores",
        lambda block, dense, rare: compared.append(dense.shape[0]) or plain(block, dense, rare),
    )
    for rows, places, scores in scorer.best(10, lambda *_: None):
        every = scorer(own_histories(rows, len(frame)))
        assert np.sort(scores, axis=1) == pytest.approx(np.sort(every, axis=1)[:, -10:], abs=1e-6)
        assert np.take_along_axis(every, places, axis=1) == pytest.approx(scores, abs=1e-6)
    assert sum(compared) * 10 < 0.8 * len(frame) ** 2
