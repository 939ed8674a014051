"""Lists by content: fame does not outweigh one common word, and editions of one number are one work."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone

from almanac.workloads.games import features, model
from almanac.workloads.games.content import Content
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.lists import nearest
from almanac.workloads.games.lists.overlap import SAME_MAKER, Overlap
from almanac.workloads.games.measuring import proxies
from almanac.workloads.games.played import single_histories
from almanac.workloads.games.sources import plays_csv
from tests.games_samples import catalogue, game, sample, titles

WORDS = ("Farming", "Space", "Political", "Action", "Indie", "Horror")
FILLERS = [game(f"Filler {word}", genres=word, themes="Zombies", developer=word) for word in WORDS]


def similar_to(title: str, *rows: dict[str, object]) -> list[str]:
    data = Dataset(catalogue(*rows, *FILLERS), plays_csv.frame([]))
    predictions = model.predict(model.fit(model.make("content"), data), data.catalogue)
    return titles(predictions.set_index("title").loc[title, "similar"])


@pytest.mark.parametrize(
    ("own", "famous", "little"),
    [
        ("Indie;Farming;Pixel", "Indie;Shooter", "Indie;Farming;Pixel;Crafting"),
        ("Adventure;Political;Satire", "Adventure;Horror;Shooter", "Political;Satire;Cute"),
        ("Action;Dark Fantasy;Difficult", "Action;Sports;Racing", "RPG;Dark Fantasy;Difficult"),
        ("Indie;Space;Rogue-like", "Indie;Puzzle", "Rogue-like;Space;Casual"),
    ],
)
def test_a_famous_game_with_one_generic_word_stands_behind_a_little_known_one_of_the_kind(
    own, famous, little
):
    rows = [
        game("Mine", genres="", themes=own, developer="A"),
        game("Famous", genres="", themes=famous, developer="B", reviews=1_000_000),
        game("Little", genres="", themes=little, developer="C", reviews=30),
    ]
    assert similar_to("Mine", *rows)[0] == "Little"


def overlap_of(*tags: str, makers: tuple[str, ...] = ()) -> np.ndarray:
    names = makers or tuple(f"maker {place}" for place in range(len(tags)))
    rows = zip(tags, names, strict=True)
    frame = catalogue(
        *(game(f"{place}", themes=tag, genres="", developer=name) for place, (tag, name) in enumerate(rows))
    )
    frame = frame.sort_values("title", ignore_index=True)
    overlap = Overlap.of(frame, {"space": 4.0, "farming": 4.0, "indie": 4.0})
    every = np.arange(len(frame))
    return overlap.of_rows(every, overlap.columns_of(every))


def test_the_overlap_is_the_weight_of_the_own_words_that_another_game_has():
    overlap = overlap_of("Space;Farming", "Space", "Indie;Space", "")
    assert overlap[0] == pytest.approx([1.0, 0.5, 0.5, 0.0])
    assert overlap[1] == pytest.approx([1.0, 1.0, 1.0, 0.0])
    assert overlap[2] == pytest.approx([0.8, 0.8, 1.0, 0.0]), "a generic tag weighs a quarter"


def test_games_of_one_maker_share_something_whatever_their_tags():
    assert overlap_of("Space", "Farming", makers=("X", "X"))[0, 1] == pytest.approx(SAME_MAKER)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=4).map(";".join), min_size=2, max_size=12))
def test_overlaps_lie_between_0_and_1_and_those_of_histories_are_means(tags):
    frame = catalogue(*(game(f"Game {place}", themes=tag, genres="") for place, tag in enumerate(tags)))
    for has_makers in (True, False):
        overlap = Overlap.of(frame, {}, has_makers=has_makers)
        every = np.arange(len(frame))
        pairs = overlap.of_rows(every, overlap.columns_of(every))
        assert pairs.min() >= 0
        assert pairs.max() <= 1 + 1e-6
        assert overlap.of_histories(single_histories(every, len(frame))) == pytest.approx(pairs, abs=1e-6)


def test_the_best_of_blocks_are_those_of_all_pairs_with_the_overlap(monkeypatch):
    monkeypatch.setattr(nearest, "BLOCK", 10)
    frame = sample().catalogue
    scorer = Content().fit(frame).scorer(frame)
    assert scorer.overlap is not None
    for best in scorer.best(10, lambda *_: None):
        every = scorer(single_histories(best.rows, len(frame)))
        assert np.sort(best.scores, axis=1) == pytest.approx(np.sort(every, axis=1)[:, -10:], abs=1e-6)


def test_a_model_of_an_older_release_loads_and_scores_as_it_did():
    frame = sample().catalogue
    older = Content(fame=1.0, praise=0.5, is_focused=False).fit(frame)
    state = {name: value for name, value in older.__dict__.items() if name != "is_focused"}
    loaded = Content.__new__(Content)
    loaded.__dict__.update(state)
    history = sparse.csr_matrix(single_histories(range(3), len(frame)))
    assert (loaded.scorer(frame)(history) == older.scorer(frame)(history)).all()
    assert clone(loaded).is_focused is False
    assert proxies.blind(loaded, frame).is_focused is False


def test_the_measure_of_content_hides_makers_in_the_overlap_too():
    frame = sample().catalogue
    blind = proxies.blind(Content(), frame)
    scorer = blind.scorer(frame)
    assert scorer.overlap is not None
    assert scorer.overlap.makers.nnz == 0


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("DARK SOULS™ II", "DARK SOULS™ II: Scholar of the First Sin", True),
        ("Rome 2", "Rome II - Emperor of All", True),
        ("Saga 3", "Saga III (Definitive)", True),
        ("Tomb Raider", "Tomb Raider: Legend", False),
        ("Saga 2", "Saga 3: Part", False),
        ("Saga", "Saga 2", False),
    ],
)
def test_editions_of_one_number_are_one_work(one, other, are_one):
    works = features.work(pd.DataFrame([game(one), game(other)]))
    assert (works[0] == works[1]) == are_one
    apart = features.work(pd.DataFrame([game(one), game(other, themes="Puzzle", genres="Puzzle")]))
    assert (apart[0] == apart[1]) == (are_one and "Definitive" in other)
