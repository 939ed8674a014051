"""The model: levels of texts it has not seen, nothing secret in what is saved, the same for the same data."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io

from almanac.judging import scores as metrics
from almanac.workloads.logs import evaluation, features, model
from almanac.workloads.logs.evaluation import validation
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.sources import simulated, statements
from tests.logs.log_samples import sessions

SECRETS = ["zq7hunter2swordfish", "hunterswordfishplaintext", "4111111111111111"]


def test_levels_of_texts_it_has_not_seen_follow_their_words(log_model: LogModel) -> None:
    asked = pd.DataFrame(
        {"text": ["failed to write the lamp in basement", "registered new lamp in basement"]}
    )
    assert log_model.predict(asked).tolist() == ["error", "info"]
    assert np.allclose(log_model.predict_proba(asked).sum(axis=1), 1.0)


def test_a_planted_secret_is_not_found_in_the_saved_model_nor_in_what_it_was_trained_on() -> None:
    planted = [
        f"login failed: token={SECRETS[0]}",
        f"login failed: password: {SECRETS[1]} refused",
        f"card {SECRETS[2]} declined",
    ]
    table = statements.table(["shop"] * 3, ["error"] * 3, planted)
    frame = features.build(
        pd.concat([simulated.statements(), statements.make([table], origin="own")], ignore_index=True)
    )
    fitted = model.fit(model.make(), frame, sessions([["open", "close"]] * 5))
    saved = skops.io.dumps(fitted, compression=0)
    assert "login failed: token=<*>" in frame["text"].tolist()
    for secret in SECRETS:
        assert secret.encode() not in saved
        assert not frame["text"].str.contains(secret, regex=False).any()
    # Nor is any other word: the model holds numbers and hashes.
    assert b"courier" not in saved


def test_a_saved_model_is_loaded_with_the_trusted_types_and_tells_the_same(log_model: LogModel) -> None:
    again = skops.io.loads(skops.io.dumps(log_model), trusted=model.TRUSTED_TYPES)
    asked = pd.DataFrame({"text": ["stored lamp in cellar", "cannot reach lamp"]})
    assert again.predict_proba(asked).tolist() == log_model.predict_proba(asked).tolist()
    assert again.knows(["stored lamp in cellar"]).tolist() == [False]


def test_a_level_that_no_text_has_gets_next_to_no_chance() -> None:
    frame = features.build(simulated.statements())
    fitted = model.fit(
        model.make(), frame[frame["level"] != "debug"].reset_index(drop=True), sessions([["open"]] * 3)
    )
    assert fitted.predict_proba(frame[["text"]]).max(axis=0)[0] < 0.01


def test_a_text_gets_the_level_it_has_most_often_and_one_row() -> None:
    table = statements.table(
        ["a"] * 4,
        ["INFO", "WARN", "warn", "purple"],
        ["disk 1 full", "disk 2 full", "disk 3 full", "disk 4 full"],
    )
    made = statements.make([table], origin="own")
    assert made[["text", "level", "occurrences"]].to_numpy().tolist() == [["disk <*> full", "warning", 3]]


def test_what_is_held_out_has_no_twin_in_training() -> None:
    frame = features.build(simulated.statements())
    flags = np.ones(len(frame), dtype=bool)
    groups, labels = pd.factorize(frame["template"])[0], np.zeros(len(frame), dtype=np.int64)
    judged = []
    for learn, judge in validation.folds(groups, labels, flags, 1):
        assert set(groups[learn]) & set(groups[judge]) == set()
        judged += judge.tolist()
    assert sorted(judged) == list(range(len(frame)))


def test_nor_is_a_row_learned_from_that_is_not_judged_itself_but_has_a_judged_twin() -> None:
    groups = np.repeat(np.arange(20), 2)
    judged = []
    for learn, judge in validation.folds(groups, groups % 2, np.tile([True, False], 20), 1):
        assert set(groups[learn]) & set(groups[judge]) == set()
        judged += judge.tolist()
    assert sorted(judged) == list(range(0, 40, 2))


def test_a_fold_is_calibrated_without_its_own_labels() -> None:
    scores, fold = np.random.default_rng(1).normal(size=(40, 4)), np.arange(40) % 2
    labels = np.arange(40) // 2 % 4
    other = np.where(fold == 0, 3 - labels, labels)
    mine, theirs = (validation.cross_calibrated(scores, told, fold) for told in (labels, other))
    assert mine[fold == 0].tolist() == theirs[fold == 0].tolist()
    assert mine[fold == 1].tolist() != theirs[fold == 1].tolist()


def test_what_is_tested_by_time_was_first_seen_late_and_has_no_twin_before() -> None:
    frame = features.build(simulated.statements())
    seen = pd.Timestamp("2025-06-01", tz="UTC") + pd.to_timedelta(np.arange(len(frame) + 1), unit="h")
    frame = pd.concat([frame, frame.head(1)], ignore_index=True).assign(seen_at=seen)
    late = frame["seen_at"] > frame["seen_at"].quantile(0.6)
    told = evaluation.validate_by_time(frame)
    assert sorted(told.frame["template"]) == sorted(
        set(frame.loc[late, "template"]) - set(frame.loc[~late, "template"])
    )
    assert (told.frame["seen_at"] > frame.loc[~late, "seen_at"].max()).all()
    assert len(told.chances) == len(told.frame) > 0


def test_a_champion_is_compared_on_what_it_was_not_fitted_on(log_model: LogModel) -> None:
    known = features.build(simulated.statements())["text"].iloc[0]
    frame = pd.DataFrame(
        {"text": [known, "never seen lamp"], "level": ["info", "info"], "template": ["a", "b"]}
    )
    forecasts = evaluation.Forecasts(frame, np.tile([0.1, 0.7, 0.1, 0.1], (2, 1)), np.full((2, 4), 0.25))
    told = evaluation.unseen_by(log_model, forecasts)
    assert told.frame["text"].tolist() == ["never seen lamp"]
    assert told.base.tolist() == log_model.predict_proba(told.frame).tolist()


def test_rows_of_one_template_are_drawn_together_and_less_loss_is_below_zero() -> None:
    frame = pd.DataFrame({"level": ["info", "error", "error"], "template": ["a", "a", "b"]})
    ours, theirs = np.tile([0.1, 0.4, 0.1, 0.4], (3, 1)), np.full((3, 4), 0.25)
    losses = [metrics.log_losses(np.array([1, 3, 3]), chances) for chances in (ours, theirs)]
    told = evaluation.against(frame, ours, theirs, seed=1)
    assert told == metrics.paired_bootstrap(*losses, clusters=np.array([0, 0, 1]), seed=1)
    assert told.estimate == pytest.approx(np.log(0.25 / 0.4))
    mixed = np.array([[0.1, 0.4, 0.1, 0.4], [0.1, 0.4, 0.4, 0.1], [0.1, 0.4, 0.1, 0.4]])
    losses[0] = metrics.log_losses(np.array([1, 3, 3]), mixed)
    assert evaluation.against(frame, mixed, theirs, seed=1) == metrics.paired_bootstrap(
        *losses, clusters=np.array([0, 0, 1]), seed=1
    )


def test_judged_are_the_templates_of_logs_each_once_where_there_are_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = pd.DataFrame(
        {
            "origin": ["python", "own", "own", "kafka"],
            "template": ["a", "b", "b", "c"],
            "occurrences": [9, 1, 5, 2],
            "text": ["1", "2", "3", "4"],
        }
    )
    monkeypatch.setattr(validation, "LEAST_ROWS", 2)
    assert validation.evaluation_rows(frame)["text"].tolist() == ["3", "4"]
    monkeypatch.setattr(validation, "LEAST_ROWS", 3)
    assert validation.evaluation_rows(frame)["text"].tolist() == ["1", "3", "4"], "else those of programs too"


def test_the_spread_over_systems_says_how_much_hangs_on_which_ones_there_are() -> None:
    def judged(*systems: str) -> evaluation.Forecasts:
        frame = pd.DataFrame({"system": systems, "level": ["info", "error"] * (len(systems) // 2)})
        return evaluation.Forecasts(
            frame, np.tile([0.0, 1.0, 0.0, 0.0], (len(systems), 1)), np.zeros((len(systems), 4))
        )

    alike = evaluation.bootstrap_systems(judged("a", "a", "b", "b"), seed=1)
    assert alike["accuracy"].tolist() == [0.5] * 100
    apart = evaluation.bootstrap_systems(judged("good", "bad", "good", "bad"), seed=1)
    assert set(apart["accuracy"]) == {0.0, 0.5, 1.0}
    assert apart["accuracy"].std(ddof=0) == pytest.approx(np.sqrt(1 / 8), abs=0.05)
    scores = pd.DataFrame(
        [evaluation.score(pd.Series(["info", "error"]), np.tile([0.0, 1.0, 0.0, 0.0], (2, 1)))]
    )
    assert evaluation.describe(scores, among=alike).startswith("four levels 0.500 ± 0.000 (")


def test_a_random_split_of_lines_remembers_what_it_has_seen() -> None:
    often = pd.DataFrame({"origin": "own", "occurrences": [1000, 1000], "level": ["info", "error"]})
    once = pd.DataFrame(
        {"origin": "own", "occurrences": [1] * 1000, "level": ["info"] * 500 + ["error"] * 500}
    )
    assert evaluation.random_lines(often, seed=0) == 1.0
    assert evaluation.random_lines(once, seed=0) == pytest.approx(0.5, abs=0.1)


def test_scores_of_four_forecasts_are_counted_by_hand() -> None:
    chances = np.array(
        [[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1], [0.7, 0.1, 0.1, 0.1]]
    )
    told = evaluation.score(pd.Series(["debug", "info", "error", "error"]), chances)
    assert (told["accuracy"], told["majority"], told["warning_accuracy"], told["n"]) == (0.5, 0.5, 0.75, 4)
    assert told["log_loss"] == pytest.approx(-(2 * np.log(0.7) + 2 * np.log(0.1)) / 4)


def test_columns_of_levels_with_gaps_are_read() -> None:
    from almanac.workloads.logs.terms import levels

    assert levels.normal_all(pa.array(["WARN", None, "Fatal", "?"])).to_pylist() == [
        "warning",
        None,
        "error",
        None,
    ]
