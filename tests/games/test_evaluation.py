"""Evaluation: scores worked out by hand, plays held out by time, and models ranked on simulated players."""

from datetime import date
from string import ascii_lowercase

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from almanac.judging import promotion
from almanac.judging.scores import Interval, paired_bootstrap
from almanac.workloads.games import evaluation, features, model
from almanac.workloads.games.content import Content
from almanac.workloads.games.features import Dataset
from almanac.workloads.games.lists import search_index
from almanac.workloads.games.measuring import health, measurement, proxies, tuning
from almanac.workloads.games.sources import games, plays_csv, simulated
from tests.games_samples import CUT, catalogue, game, play, predicted, sample

BETTER, WORSE = Interval(-0.02, -0.03, -0.01), Interval(0.02, 0.01, 0.03)
UNSURE = Interval(-0.001, -0.01, 0.008)


def data_of(*plays: tuple[object, ...]) -> Dataset:
    """Return twelve games, G0 to G11, with these plays."""
    rows = games.frame([game(f"G{number}") for number in range(12)])
    return features.build(rows, plays_csv.frame(list(plays)), as_of=CUT)  # type: ignore[arg-type]


def daily_plays(count: int) -> list[tuple[object, ...]]:
    """Return plays of ann, one game a day from G0 on 1 January 2025."""
    return [play("ann", f"G{number}", f"2025-01-{number + 1:02d}") for number in range(count)]


def test_the_latest_fifth_of_a_players_plays_is_held_out():
    parts = evaluation.split(data_of(*daily_plays(10), play("bob", "G0", "2025-01-01")), seed=1)
    assert parts.users == ["ann"]
    assert parts.held_out["game_id"].tolist() == ["steam:g8", "steam:g9"]
    assert len(parts.train.plays) == 9
    players = parts.train.catalogue.set_index("game_id")["players"]
    assert (players["steam:g0"], players["steam:g9"]) == (2, 0)


def test_without_times_the_held_out_plays_are_random_and_the_same_for_the_same_seed():
    data = data_of(*[play("ann", f"G{number}") for number in range(10)])
    draws = [tuple(evaluation.split(data, seed=seed).held_out["game_id"]) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert len(draws[0]) == 2


def test_where_one_time_is_unknown_the_held_out_plays_are_random():
    data = data_of(*daily_plays(9), play("ann", "G9"))
    held_out = [evaluation.split(data, seed=seed).held_out["game_id"] for seed in range(5)]
    draws = {tuple(sorted(ids)) for ids in held_out}
    assert len(draws) > 1


def test_ten_hits_of_more_than_ten_held_out_games_are_a_perfect_score():
    assert evaluation.recall_at_10(np.ones((1, 10)), [20]).tolist() == [1.0]
    assert evaluation.ndcg_at_10(np.ones((1, 10)), [20]).tolist() == [1.0]


def test_a_comparison_is_below_zero_where_our_scores_are_higher():
    lists = np.zeros((3, 10), dtype=np.int64)
    shares = (np.full(3, share) for share in (1.0, 0.25))
    good, bad = (evaluation.PlayerScores(share, share, lists) for share in shares)
    difference = (-0.75, -0.75, -0.75)
    compared = evaluation.compare(good, bad, seed=1)
    assert compared == {"ndcg_at_10": difference, "recall_at_10": difference}


def test_hits_among_all_unseen_games_are_counted():
    parts = evaluation.split(data_of(*daily_plays(5)), seed=1)
    order = parts.train.catalogue["game_id"].tolist()

    def likes_g4(histories: sparse.csr_matrix) -> np.ndarray:
        scores = np.zeros(histories.shape, dtype=np.float32)
        scores[:, [order.index(f"steam:g{number}") for number in (0, 11, 4)]] = [9.0, 5.0, 4.0]
        return scores

    scores = evaluation.rank(parts, likes_g4)
    # G0 is in the history, so G11 comes first and the held-out G4 second.
    assert [order[row] for row in scores.lists[0][:2]] == ["steam:g11", "steam:g4"]
    assert scores.recall.tolist() == [1.0]
    assert scores.ndcg.tolist() == pytest.approx([1 / np.log2(3)])


def test_coverage_and_novelty_are_those_of_the_listed_games():
    frame = catalogue(*[game(f"G{number}") for number in range(20)]).assign(players=[15] + [0] * 19)
    player = evaluation.PlayerScores(np.ones(1), np.ones(1), np.array([[0] * 10]))
    scores = evaluation.score(player, frame)
    assert scores["coverage"] == 0.05
    assert scores["novelty"] == pytest.approx(-np.log2(16 / 35))


def simulated_ndcg(seed: int) -> dict[str, np.ndarray]:
    """Return the NDCG of each candidate for each tested player of a simulated world."""
    frame = simulated.catalogue(600, seed=seed)
    plays = simulated.world(frame, users=1500, seed=seed).plays
    parts = evaluation.split(features.build(frame, plays, as_of=CUT), seed=1)
    weights = tuning.weigh(parts.train, seed=2)
    fitted = {name: model.fit(model.single(name, weights=weights), parts.train) for name in model.CANDIDATES}
    return {name: scores.ndcg for name, scores in evaluation.table(parts, fitted)[1].items()}


@pytest.mark.slow
def test_models_have_the_expected_order_on_simulated_players_and_the_blend_is_promoted():
    worlds = [simulated_ndcg(seed) for seed in (1, 3)]
    joined = {name: np.concatenate([ndcg[name] for ndcg in worlds]) for name in model.CANDIDATES}
    means = {name: values.mean() for name, values in joined.items()}
    assert means["content"] < means["popularity"] < min(means["item_item"], means["ease"]) < means["blend"]
    best = max(("item_item", "ease"), key=lambda name: means[name])
    against_popularity, against_best = (
        paired_bootstrap(-joined["blend"], -joined[name], seed=1) for name in ("popularity", best)
    )
    assert against_best.high < 0
    assert promotion.decide(
        promotion.Evidence(
            "ndcg_at_10", 3000, against_popularity, against_champion=against_best, kind="plays"
        )
    ).promoted


def test_a_series_is_found_although_title_and_maker_are_hidden():
    saga = [game(f"Saga {number}", themes="Pirates;Cute", genres="Racing") for number in (1, 2)]
    popular = {"reviews": 5000, "good_reviews": 4500}
    others = [game(f"Zeta{sign}", developer=sign, publisher=sign, **popular) for sign in ascii_lowercase[:20]]
    frame = catalogue(*saga, *others)
    ours, theirs = proxies.series_found(Content(), frame, seed=1)
    assert ours.tolist() == [1.0, 1.0]
    assert theirs.tolist() == [0.0, 0.0]
    visible = "pairs themes genres categories platforms year popularity".split()
    assert sorted(proxies.blind(Content(), frame).weights) == sorted(visible)


def test_editions_of_one_work_are_not_a_series():
    other = game("Saga 2", developer="X", publisher="X")
    frame = catalogue(game("Saga"), game("Saga Gold Edition"), other)
    assert proxies.cases(frame, seed=1).tolist() == []


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
def test_the_promotion_rule_decides_about_recommenders_and_gives_the_reason(evidence, promoted, word):
    defaults = {"kind": "plays", "metric": "ndcg_at_10", "cases": 500}
    decision = promotion.decide(promotion.Evidence(**(defaults | evidence)))
    assert decision.promoted is promoted
    assert word in decision.reason


def test_the_champion_is_measured_on_plays_later_than_its_training_where_there_are_enough():
    data, day = sample(), date(2026, 1, 1)
    later = measurement.later_plays(data, day)
    assert later["played_at"].min() >= pd.Timestamp(day, tz="UTC")
    pipeline = model.fit(model.make("content"), data)
    scores = measurement.measure_again(pipeline[-1], later, data)
    assert scores
    assert scores["n"] >= measurement.LEAST_LATER_PLAYERS
    assert measurement.later_plays(data, CUT).empty


def test_the_histories_of_a_measurement_are_the_plays_before_the_later_ones():
    data = data_of(*daily_plays(5), play("ann", "G5", "2025-03-01"))
    order, calls = data.catalogue["game_id"].to_numpy(), []

    class LikesG5:
        @property
        def recommended_(self):
            return self

        def scorer(self, catalogue):
            return self.score

        def score(self, histories):
            calls.append(histories)
            return (order == "steam:g5").astype(float)[np.newaxis]

    later = data.plays[data.plays["game_id"] == "steam:g5"]
    scores = measurement.measure_again(LikesG5(), later, data)
    assert (scores["recall_at_10"], scores["n"]) == (1.0, 1)
    assert sorted(order[calls[0].indices]) == [f"steam:g{number}" for number in range(5)]


def test_without_plays_models_are_measured_by_a_proxy():
    data = sample()
    bare = Dataset(data.catalogue.assign(players=0), data.plays.head(0))
    fitted = {name: model.fit(model.make(name), bare)[-1] for name in ("content", "popularity")}
    parts = evaluation.split(bare, seed=1)
    proxy = measurement.measure(fitted, parts, bare.catalogue, seed=1)
    assert (proxy.kind, proxy.metric) == ("proxy", "series_found")
    assert proxy.against("content", "popularity").high < 0
    hidden, _ = proxies.series_found(fitted["content"].recommended_, bare.catalogue, seed=1)
    assert proxy.case_scores["content"].tolist() == hidden.tolist(), "without title and makers"
    figures = proxy.figures("content")
    assert figures["series_found_by_popularity"] < figures["series_found"]


def test_health_measures_the_lists():
    themes = ["Space", "Cute"]
    frame = catalogue(*[game(f"G{number}", themes=themes[number % 2]) for number in range(30)])
    pipeline = model.fit(model.make("content"), Dataset(frame, plays_csv.frame([])))
    measures = health.health(model.predict(pipeline, frame)).set_index("measure")["value"]
    expected = {"games": 30, "full_lists": 1.0, "same_genre": 1.0, "played_games": 0}
    assert measures[list(expected)].to_dict() == expected


def test_health_publishes_each_description_on_one_line():
    docs = health.health(predicted("content"))["doc"]
    assert not docs.str.contains("\n").any()
    assert docs.str.endswith(".").all()


def places_of(*titles: str) -> dict[str, tuple[int, int]]:
    """Return the place and the number of words for each word of the index."""
    frame = pd.DataFrame({"title": titles, "rank": range(1, len(titles) + 1)})
    words = search_index.words(frame.assign(game_id=frame["title"]))
    return dict(zip(words["word"], zip(words["place"], words["of"], strict=True), strict=True))


def test_words_and_their_spellings_are_looked_up_by_key():
    frame = pd.DataFrame({"game_id": ["a", "b"], "title": ["The Witcher 3", "***"], "rank": [1, 2]})
    tables = search_index.tables(frame)
    words = {"witcher": (0, 2), "3": (1, 2), "w*": (0, 2), "wi*": (0, 2), "3*": (1, 2)}
    assert places_of("The Witcher 3", "***") == words
    spellings = tables["spellings"]
    assert spellings.loc[spellings["spelling"] == "witchr", "word"].tolist() == ["witcher"]
    assert spellings.loc[spellings["word"] == "3", "spelling"].tolist() == ["3"]


def test_a_word_or_beginning_that_a_title_has_twice_has_the_place_of_the_first():
    places = places_of("Star Fox Stars Fox")
    assert (places["fox"], places["s*"], places["st*"], places["fo*"]) == ((1, 4), (0, 4), (0, 4), (1, 4))
