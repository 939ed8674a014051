"""The model: levels of unseen texts, no secret in what is saved, the same result for the same data."""

import numpy as np
import pandas as pd
import pytest
import skops.io

from almanac.judging import scores as metrics
from almanac.workloads.logs import evaluation, features, model
from almanac.workloads.logs.contract import LEVELS
from almanac.workloads.logs.evaluation import Forecasts, penalties, validation
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.sources import simulated, statements
from tests.logs.log_samples import sessions

SECRETS = ["zq7hunter2swordfish", "hunterswordfishplaintext", "4111111111111111"]
ALWAYS_INFO = [0.0, 1.0, 0.0, 0.0]


@pytest.fixture
def frame() -> pd.DataFrame:
    """The generated statements with their templates."""
    return features.build(simulated.statements())


def rows(chances: list[float], size: int) -> np.ndarray:
    """Return the same chances for so many rows."""
    return np.tile(chances, (size, 1))


def texts(*values: str) -> pd.DataFrame:
    return pd.DataFrame({"text": values})


def test_levels_of_unseen_texts_follow_their_words(log_model: LogModel) -> None:
    unseen = texts("failed to write the lamp in basement", "registered new lamp in basement")
    assert log_model.predict(unseen).tolist() == ["error", "info"]
    assert np.allclose(log_model.predict_proba(unseen).sum(axis=1), 1.0)


def test_a_planted_secret_is_neither_in_the_saved_model_nor_in_its_training_data() -> None:
    planted = [
        f"login failed: token={SECRETS[0]}",
        f"login failed: password: {SECRETS[1]} refused",
        f"card {SECRETS[2]} declined",
    ]
    table = statements.table(["shop"] * 3, ["error"] * 3, planted)
    every = pd.concat([simulated.statements(), statements.make([table], origin="own")], ignore_index=True)
    training = features.build(every)
    fitted = model.fit(model.make(), training, sessions([["open", "close"]] * 5))
    saved = skops.io.dumps(fitted, compression=0)
    assert "login failed: token=<*>" in training["text"].tolist()
    assert [secret for secret in SECRETS if secret.encode() in saved] == []
    assert [secret for secret in SECRETS if training["text"].str.contains(secret, regex=False).any()] == []
    assert b"courier" not in saved, "a model holds numbers and hashes, and no word"


def test_a_saved_model_loads_with_the_trusted_types_and_predicts_the_same(log_model: LogModel) -> None:
    loaded = skops.io.loads(skops.io.dumps(log_model), trusted=model.TRUSTED_TYPES)
    unseen = texts("stored lamp in cellar", "cannot reach lamp")
    assert loaded.predict_proba(unseen).tolist() == log_model.predict_proba(unseen).tolist()
    assert loaded.knows(["stored lamp in cellar"]).tolist() == [False]


def test_a_level_that_the_training_lacks_gets_a_chance_close_to_0(frame: pd.DataFrame) -> None:
    without_debug = frame[frame["level"] != "debug"].reset_index(drop=True)
    fitted = model.fit(model.make(), without_debug, sessions([["open"]] * 3))
    assert fitted.predict_proba(frame[["text"]])[:, 0].max() < 0.01


def test_a_training_of_two_levels_gives_chances_of_both(frame: pd.DataFrame) -> None:
    two = frame[frame["level"].isin(["info", "error"])].reset_index(drop=True)
    fitted = model.fit(model.make(), two, sessions([["open"]] * 3))
    likely = fitted.predict(texts("failed to write lamp in cellar", "registered new lamp in cellar"))
    assert likely.tolist() == ["error", "info"]


def test_no_fold_trains_on_a_template_that_it_tests(frame: pd.DataFrame) -> None:
    groups, labels = pd.factorize(frame["template"])[0], np.zeros(len(frame), dtype=np.int64)
    tested = []
    for train, test in validation.folds(groups, labels, np.ones(len(frame), dtype=bool), 1):
        assert set(groups[train]) & set(groups[test]) == set()
        tested += test.tolist()
    assert sorted(tested) == list(range(len(frame)))


def test_no_fold_trains_on_a_row_whose_template_is_tested_by_another_row() -> None:
    groups, is_test = np.repeat(np.arange(20), 2), np.tile([True, False], 20)
    tested = []
    for train, test in validation.folds(groups, groups % 2, is_test, 1):
        assert set(groups[train]) & set(groups[test]) == set()
        tested += test.tolist()
    assert sorted(tested) == list(range(0, 40, 2))


def test_a_fold_is_calibrated_without_its_own_labels() -> None:
    scores, fold = np.random.default_rng(1).normal(size=(40, 4)), np.arange(40) % 2
    labels = np.arange(40) // 2 % 4
    other_labels = np.where(fold == 0, 3 - labels, labels)
    chances, others = (penalties.cross_calibrated(scores, each, fold) for each in (labels, other_labels))
    assert chances[fold == 0].tolist() == others[fold == 0].tolist()
    assert chances[fold == 1].tolist() != others[fold == 1].tolist()


def test_validation_by_time_tests_late_texts_without_an_earlier_twin(frame: pd.DataFrame) -> None:
    with_twin = pd.concat([frame, frame.head(1)], ignore_index=True)
    hours = pd.to_timedelta(np.arange(len(with_twin)), unit="h")
    seen = with_twin.assign(seen_at=pd.Timestamp("2025-06-01", tz="UTC") + hours)
    is_late = seen["seen_at"] > seen["seen_at"].quantile(0.6)
    late, early = seen[is_late], seen[~is_late]
    forecasts = evaluation.validate_by_time(seen)
    assert sorted(forecasts.frame["template"]) == sorted(set(late["template"]) - set(early["template"]))
    assert (forecasts.frame["seen_at"] > early["seen_at"].max()).all()
    assert len(forecasts.chances) == len(forecasts.frame) > 0


def test_without_times_nothing_is_validated_by_time(frame: pd.DataFrame) -> None:
    forecasts = evaluation.validate_by_time(frame.assign(seen_at=pd.NaT))
    assert (len(forecasts.frame), forecasts.chances.shape) == (0, (0, len(LEVELS)))


def test_a_champion_is_compared_on_texts_that_it_was_not_fitted_on(
    log_model: LogModel, frame: pd.DataFrame
) -> None:
    both = texts(frame["text"].iloc[0], "never seen lamp").assign(
        level="info", template=["a", "b"], system=["shop-store", "new"]
    )
    forecasts = Forecasts(both, rows([0.1, 0.7, 0.1, 0.1], 2), rows([0.25] * 4, 2))
    unseen = evaluation.unseen_by(log_model, forecasts)
    assert unseen.frame["text"].tolist() == ["never seen lamp"]
    new, _ = log_model.both_chances(["never seen lamp"])
    assert unseen.base.tolist() == new.tolist()


def test_the_bootstrap_draws_rows_of_one_template_together() -> None:
    frame = pd.DataFrame({"level": ["info", "error", "error"], "template": ["a", "a", "b"]})
    ours = np.array([[0.1, 0.4, 0.1, 0.4], [0.1, 0.4, 0.4, 0.1], [0.1, 0.4, 0.1, 0.4]])
    theirs, labels = rows([0.25] * 4, 3), np.array([1, 3, 3])
    losses = [metrics.log_losses(labels, chances) for chances in (ours, theirs)]
    expected = metrics.paired_bootstrap(*losses, clusters=np.array([0, 0, 1]), seed=1)
    assert evaluation.against(frame, ours, theirs, seed=1) == expected


def test_a_smaller_loss_is_below_zero() -> None:
    frame = pd.DataFrame({"level": ["info", "error", "error"], "template": ["a", "a", "b"]})
    interval = evaluation.against(frame, rows([0.1, 0.4, 0.1, 0.4], 3), rows([0.25] * 4, 3), seed=1)
    assert interval.estimate == pytest.approx(np.log(0.25 / 0.4))


@pytest.mark.parametrize(("least", "expected"), [(2, ["3", "4"]), (3, ["1", "3", "4"])])
def test_each_template_of_logs_is_evaluated_once_and_programs_only_where_logs_are_few(
    least: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {
        "origin": ["python", "own", "own", "kafka"],
        "template": ["a", "b", "b", "c"],
        "occurrences": [9, 1, 5, 2],
        "text": ["1", "2", "3", "4"],
    }
    monkeypatch.setattr(validation, "LEAST_ROWS", least)
    assert validation.evaluation_rows(pd.DataFrame(columns))["text"].tolist() == expected


def always_info(*systems: str) -> Forecasts:
    """Return certain forecasts of info for rows that are info and error in turns."""
    size = len(systems)
    frame = pd.DataFrame({"system": systems, "level": ["info", "error"] * (size // 2)})
    return Forecasts(frame, rows(ALWAYS_INFO, size), np.zeros((size, 4)))


def test_the_spread_over_systems_is_zero_where_all_are_alike_and_large_where_they_differ() -> None:
    alike = evaluation.bootstrap_systems(always_info("a", "a", "b", "b"), seed=1)
    apart = evaluation.bootstrap_systems(always_info("good", "bad", "good", "bad"), seed=1)
    assert alike["accuracy"].tolist() == [0.5] * 100
    assert set(apart["accuracy"]) == {0.0, 0.5, 1.0}
    assert apart["accuracy"].std(ddof=0) == pytest.approx(np.sqrt(1 / 8), abs=0.05)


def test_scores_are_described_with_the_spread_of_other_rows() -> None:
    alike = evaluation.bootstrap_systems(always_info("a", "a", "b", "b"), seed=1)
    scores = pd.DataFrame([evaluation.score(pd.Series(["info", "error"]), rows(ALWAYS_INFO, 2))])
    assert evaluation.describe(scores, among=alike) == (
        "four levels 0.500 ± 0.000 (macro-F1 0.333 ± 0.000, majority 0.500), "
        "warning or worse 0.500 ± 0.000 (macro-F1 0.333 ± 0.000, majority 0.500), n = 2"
    )


def test_a_random_split_of_lines_remembers_texts_with_many_lines_only() -> None:
    often = pd.DataFrame({"origin": "own", "occurrences": [1000, 1000], "level": ["info", "error"]})
    once = pd.DataFrame({"origin": "own", "occurrences": 1, "level": ["info"] * 500 + ["error"] * 500})
    assert evaluation.random_lines(often, seed=0) == 1.0
    assert evaluation.random_lines(once, seed=0) == pytest.approx(0.5, abs=0.1)


def test_scores_of_four_forecasts_are_counted_by_hand() -> None:
    likely = [0, 1, 2, 0]
    chances = np.full((4, 4), 0.1)
    chances[np.arange(4), likely] = 0.7
    scores = evaluation.score(pd.Series(["debug", "info", "error", "error"]), chances)
    assert (scores["accuracy"], scores["majority"], scores["n"]) == (0.5, 0.5, 4)
    assert (scores["warning_accuracy"], scores["warning_majority"]) == (0.75, 0.5)
    assert scores["log_loss"] == pytest.approx(-(2 * np.log(0.7) + 2 * np.log(0.1)) / 4)
