"""Evaluation: hand-worked scores, plays held back by time, and models judged where the truth is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from almanac.judging import promotion
from almanac.judging.scores import Interval
from almanac.workloads.games import evaluation, features, model
from almanac.workloads.games.content import Content
from almanac.workloads.games.features import Known
from almanac.workloads.games.lists import search_index
from almanac.workloads.games.measuring import health, measure, proxies, tuning
from almanac.workloads.games.sources import games, plays_csv, simulated
from tests.games_samples import CUT, catalogue, game, play, sample

BETTER, WORSE, UNSURE = (
    Interval(-0.02, -0.03, -0.01),
    Interval(0.02, 0.01, 0.03),
    Interval(-0.001, -0.01, 0.008),
)


def known_of(*plays: tuple[object, ...]) -> Known:
    told = games.frame([game(f"G{number}") for number in range(12)])
    return features.build(told, plays_csv.frame(list(plays)), as_of=CUT)  # type: ignore[arg-type]


def test_the_latest_fifth_of_a_players_plays_is_held_back():
    plays = [play("ann", f"G{number}", f"2025-01-{number + 1:02d}") for number in range(10)]
    parts = evaluation.split(known_of(*plays, play("bob", "G0", "2025-01-01")), seed=1)
    assert parts.users == ["ann"]
    assert parts.held["game_id"].tolist() == ["steam:g8", "steam:g9"]
    assert len(parts.train.plays) == 9
    assert parts.train.catalogue.set_index("game_id")["players"].loc[["steam:g0", "steam:g9"]].tolist() == [
        2,
        0,
    ]


def test_without_times_the_held_plays_are_drawn_the_same_for_the_same_seed():
    known = known_of(*[play("ann", f"G{number}") for number in range(10)])
    draws = [tuple(evaluation.split(known, seed=seed).held["game_id"]) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert len(draws[0]) == 2


def test_where_one_time_is_unknown_the_held_plays_are_drawn():
    plays = [play("ann", f"G{number}", f"2025-01-{number + 1:02d}") for number in range(9)]
    known = known_of(*plays, play("ann", "G9"))
    draws = {tuple(sorted(evaluation.split(known, seed=seed).held["game_id"])) for seed in range(5)}
    assert len(draws) > 1


def test_of_more_than_ten_held_games_ten_hits_are_all_there_could_be():
    assert evaluation.recall_at_10(np.ones((1, 10)), [20]).tolist() == [1.0]
    assert evaluation.ndcg_at_10(np.ones((1, 10)), [20]).tolist() == [1.0]


def test_a_comparison_is_below_zero_where_ours_finds_more():
    good, bad = (
        evaluation.Outcome(np.full(3, hits), np.full(3, hits), np.zeros((3, 10), dtype=np.int64))
        for hits in (1.0, 0.25)
    )
    told = evaluation.compare(good, bad, seed=1)
    assert told == {"ndcg_at_10": (-0.75, -0.75, -0.75), "recall_at_10": (-0.75, -0.75, -0.75)}


def test_hits_among_all_unseen_games_are_counted():
    parts = evaluation.split(
        known_of(*[play("ann", f"G{number}", f"2025-01-{number + 1:02d}") for number in range(5)]), seed=1
    )
    order = parts.train.catalogue["game_id"].tolist()

    def likes_g4(histories: sparse.csr_matrix) -> np.ndarray:
        scores = np.zeros(histories.shape, dtype=np.float32)
        scores[:, [order.index(f"steam:g{number}") for number in (0, 11, 4)]] = [9.0, 5.0, 4.0]
        return scores

    found = evaluation.outcome(parts, likes_g4)
    # G0 was played already, so G11 stands first and the held G4 second.
    assert [order[place] for place in found.listed[0][:2]] == ["steam:g11", "steam:g4"]
    assert found.recall.tolist() == [1.0]
    assert found.ndcg.tolist() == pytest.approx([1 / np.log2(3)])


def test_coverage_and_novelty_are_those_of_what_was_listed():
    frame = catalogue(*[game(f"G{number}") for number in range(20)]).assign(players=[15] + [0] * 19)
    found = evaluation.Outcome(np.ones(1), np.ones(1), np.array([[0] * 10]))
    scores = evaluation.score(found, frame)
    assert scores["coverage"] == 0.05
    assert scores["novelty"] == pytest.approx(-np.log2(16 / 35))


@pytest.mark.slow
def test_where_the_truth_is_known_models_stand_in_their_order_and_the_blend_passes_the_gate():
    ndcg: dict[str, list[np.ndarray]] = {}
    for seed in (1, 3):
        told = simulated.catalogue(600, seed=seed)
        known = features.build(told, simulated.world(told, users=1500, seed=seed).plays, as_of=CUT)
        parts = evaluation.split(known, seed=1)
        weights = tuning.weigh(parts.train, seed=2)
        scorers = {
            name: model.fit(model.single(name, weights=weights), parts.train).on(parts.train.catalogue)
            for name in model.CANDIDATES
        }
        for name, found in evaluation.table(parts, scorers)[1].items():
            ndcg.setdefault(name, []).append(found.ndcg)
    joined = {name: np.concatenate(values) for name, values in ndcg.items()}
    means = {name: values.mean() for name, values in joined.items()}
    assert means["content"] < means["popularity"] < min(means["item_item"], means["ease"]) < means["blend"]
    best = max(("item_item", "ease"), key=lambda name: means[name])
    evidence = {
        name: evaluation.metrics.paired_bootstrap(-joined["blend"], -joined[name], seed=1)
        for name in ("popularity", best)
    }
    assert evidence[best].high < 0
    against_popularity, against_best = evidence["popularity"], evidence[best]
    assert promotion.decide(
        promotion.Evidence(
            "ndcg_at_10", 3000, against_popularity, against_champion=against_best, kind="plays"
        )
    ).promoted


def test_a_series_is_found_although_title_and_maker_are_hidden():
    saga = [game(f"Saga {number}", themes="Pirates;Cute", genres="Racing") for number in (1, 2)]
    others = [
        game(
            f"Zeta{chr(97 + number)}",
            developer=f"D{number}",
            publisher=f"D{number}",
            reviews=5000,
            good_reviews=4500,
        )
        for number in range(20)
    ]
    frame = catalogue(*saga, *others)
    ours, popular = proxies.series_found(Content(), frame, seed=1)
    assert ours.tolist() == [1.0, 1.0]
    assert popular.tolist() == [0.0, 0.0]
    assert proxies.blind(Content(), frame).weights.keys() == {
        "pairs",
        "themes",
        "genres",
        "categories",
        "platforms",
        "year",
        "popularity",
    }


def test_editions_are_no_series():
    assert (
        proxies.cases(
            catalogue(game("Saga"), game("Saga Gold Edition"), game("Saga 2", developer="X", publisher="X")),
            seed=1,
        ).tolist()
        == []
    )


@pytest.mark.parametrize(
    ("evidence", "promoted", "word"),
    [
        ({"against_baseline": BETTER}, True, "first version"),
        ({"against_baseline": UNSURE}, False, "does not beat popularity"),
        ({"against_baseline": BETTER, "cases": 20}, False, "not enough evidence"),
        ({"against_baseline": BETTER, "cases": 60, "kind": "proxy"}, True, "a proxy"),
        ({"against_baseline": BETTER, "same_version": True}, False, "the challenger is the champion"),
        ({"against_baseline": BETTER, "against_champion": BETTER}, True, "better"),
        ({"against_baseline": BETTER, "against_champion": WORSE}, False, "not better"),
        ({"against_baseline": BETTER, "against_champion": UNSURE}, False, "could be worse"),
        (
            {"against_baseline": BETTER, "against_champion": Interval(0, 0, 0), "same_recipe": True},
            True,
            "on newer data",
        ),
        (
            {"against_baseline": WORSE, "against_champion": Interval(0, 0, 0), "same_recipe": True},
            False,
            "does not beat",
        ),
    ],
)
def test_the_rule_decides_and_says_why(evidence, promoted, word):
    defaults = {"kind": "plays", "metric": "ndcg_at_10", "cases": 500}
    decision = promotion.decide(promotion.Evidence(**(defaults | evidence)))
    assert decision.promoted is promoted
    assert word in decision.reason


def test_the_champion_is_measured_on_plays_later_than_its_training_where_there_are_enough():
    known = sample()
    day = pd.Timestamp("2026-01-01").date()
    later = measure.later_plays(known, day)
    assert later["played_at"].min() >= pd.Timestamp(day, tz="UTC")
    pipeline = model.fit(model.make("content"), known)
    again = measure.measure_again(pipeline[-1], later, known)
    assert again
    assert again["n"] >= measure.LEAST_LATER_PLAYERS
    assert measure.later_plays(known, CUT).empty


def test_measured_again_a_model_is_asked_by_the_plays_before_and_judged_by_those_after():
    known = known_of(
        *[play("ann", f"G{number}", f"2025-01-{number + 1:02d}") for number in range(5)],
        play("ann", "G5", "2025-03-01"),
    )
    order, asked = known.catalogue["game_id"].tolist(), []

    class LikesG5:
        @property
        def recommended_(self):
            return self

        def on(self, catalogue):
            return lambda histories: (
                asked.append(histories)
                or np.tile(np.array([game == "steam:g5" for game in order], float), (1, 1))
            )

    told = measure.measure_again(LikesG5(), known.plays[known.plays["game_id"] == "steam:g5"], known)
    assert (told["recall_at_10"], told["n"]) == (1.0, 1)
    assert sorted(order[place] for place in asked[0].indices) == [f"steam:g{number}" for number in range(5)]


def test_without_plays_models_are_measured_by_the_proxy_which_is_called_one():
    known = sample()
    bare = Known(known.catalogue.assign(players=0), known.plays.head(0))
    fitted = {name: model.fit(model.make(name), bare)[-1] for name in ("content", "popularity")}
    measured = measure.measure(fitted, evaluation.split(bare, seed=1), bare.catalogue, seed=1)
    assert (measured.kind, measured.metric) == ("proxy", "series_found")
    assert measured.against("content", "popularity").high < 0
    hidden, _ = proxies.series_found(fitted["content"].recommended_, bare.catalogue, seed=1)
    assert measured.each["content"].tolist() == hidden.tolist(), "without title and makers"
    assert (
        measured.figures("content")["series_found_by_popularity"]
        < measured.figures("content")["series_found"]
    )


def test_health_counts_what_is_shown():
    frame = catalogue(*[game(f"G{number}", themes="Cute" if number % 2 else "Space") for number in range(30)])
    known = Known(frame, plays_csv.frame([]))
    told = health.health(model.predict(model.fit(model.make("content"), known), frame)).set_index("measure")[
        "value"
    ]
    assert (told["games"], told["full_lists"], told["same_genre"], told["played_games"]) == (30, 1.0, 1.0, 0)


def test_words_and_their_mistypings_are_looked_up_by_key():
    frame = pd.DataFrame({"game_id": ["a", "b"], "title": ["The Witcher 3", "***"], "rank": [1, 2]})
    words = search_index.words(frame)
    told = {word: (place, count) for word, place, count in words[["word", "place", "of"]].to_numpy().tolist()}
    assert told == {"witcher": (0, 2), "3": (1, 2), "w*": (0, 2), "wi*": (0, 2), "3*": (1, 2)}
    spelt = search_index.mistypings(words)
    assert spelt.loc[spelt["spelling"] == "witchr", "word"].tolist() == ["witcher"]
    assert spelt.loc[spelt["word"] == "3", "spelling"].tolist() == ["3"]
