"""Two calibrations: by template for trained sources, by system for others, measured as they are served."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy import sparse

from almanac.judging.scores import Floats, Labels
from almanac.workloads.logs import estimators, evaluation, examples, features, model, scoring, summary
from almanac.workloads.logs.estimators import BY_SYSTEM, BY_TEMPLATE, TextLevels
from almanac.workloads.logs.evaluation import Forecasts
from almanac.workloads.logs.examples import Examples
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring import Stamp
from almanac.workloads.logs.shared import masking
from almanac.workloads.logs.sources import kafka, statements
from tests.logs.log_samples import BEGIN, Row, entries, sessions

# What every system says, and what the level of the same words is in its logs.
THINGS = ("queue", "store", "gateway", "index", "ledger")
INFO, ERROR = 1, 3


def of_system(system: str, origin: str, levels: dict[str, str]) -> pd.DataFrame:
    """Return a statement of each verb and thing, with the level of its verb."""
    texts = [f"{verb} the {thing} of {system}" for verb in levels for thing in THINGS]
    of_texts = [level for level in levels.values() for _ in THINGS]
    return statements.make([statements.table([system] * len(texts), of_texts, texts)], origin=origin)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Two logs, which say "opened" and "closed" as info and debug, and statements of four programs."""
    logs = [of_system(name, "own", {"opened": "info", "closed": "info", "lost": "error"}) for name in "AB"]
    programs = [
        of_system(
            name, "logbench", {"opened": "debug", "closed": "info", "lost": "error", "warned": "warning"}
        )
        for name in ("alpha", "beta", "gamma", "delta")
    ]
    kafka_log = of_system("Kafka", "kafka", {"opened": "info", "lost": "error"})
    package = of_system("package", "python", {"opened": "debug", "lost": "error"})
    return features.build(pd.concat([*logs, *programs, kafka_log, package], ignore_index=True))


@pytest.fixture(scope="module")
def fitted(frame: pd.DataFrame) -> LogModel:
    """A model of these statements."""
    return model.fit(model.make(), frame, sessions([["open", "close"]] * 5))


def test_a_source_is_trained_on_where_its_logs_or_the_statements_of_its_program_were(
    fitted: LogModel,
) -> None:
    names = ["A", "a", "alpha", "kafka0/server", "package", "stranger"]
    assert fitted.are_trained_on(names).tolist() == [True, True, True, True, False, False]


def test_the_demo_entries_of_kafka_come_from_the_sources_that_its_statements_stand_for() -> None:
    assert {"kafka0/server", "kafka1/controller"} <= kafka.sources()


def test_a_trained_source_and_a_new_one_get_the_chances_of_two_calibrations(fitted: LogModel) -> None:
    texts = pd.DataFrame({"text": ["opened the lamp"] * 3, "source": ["A", "stranger", "alpha"]})
    trained, new, statement = fitted.predict_proba(texts).tolist()
    both = fitted.both_chances(["opened the lamp"])
    assert trained == statement
    assert np.abs(np.subtract(trained, new)).max() > 0.01
    assert np.allclose([new, trained], [each[0] for each in both])


def test_without_a_source_the_calibration_for_new_sources_answers(fitted: LogModel) -> None:
    texts = pd.DataFrame({"text": ["opened the lamp"]})
    new, _ = fitted.both_chances(["opened the lamp"])
    assert fitted.predict_proba(texts).tolist() == new.tolist()


def test_the_more_the_logs_count_the_more_a_new_source_is_like_them(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = features.vectorizer().transform(["opened the lamp"])
    chances = []
    for share in (0.1, 0.9):
        monkeypatch.setattr(estimators, "RUN_TIME_SHARE", share)
        levels = TextLevels().fit(examples.of(frame), calibrations=[BY_SYSTEM])
        new = levels.chances(opened, np.array([False]))
        chances.append(new[0, INFO])
    assert chances[0] + 0.1 < chances[1]


def test_entries_of_one_text_get_the_level_of_their_source_and_the_text_that_of_most(
    fitted: LogModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(self: TextLevels, counts: sparse.csr_matrix) -> tuple[Floats, Floats]:
        size = counts.shape[0]
        return np.tile([0.0, 0.9, 0.1, 0.0], (size, 1)), np.tile([0.1, 0.0, 0.1, 0.8], (size, 1))

    monkeypatch.setattr(TextLevels, "both_chances", both)
    rows: list[Row] = [("A", "s", 0, "opened it"), ("new", "s", 1, "opened it"), ("new", "s", 2, "opened it")]
    stamp = Stamp(1, BEGIN, (masking.mask("never sent"),))
    content = scoring.score(fitted, [entries(rows)], scoring.nothing_past(), stamp=stamp)
    levels = content["predictions"].set_index("entry_id")
    texts = content["texts"].set_index("text_id")
    assert levels["level"].tolist() == ["error", "info", "info"]
    assert levels["warning_chance"].round(6).tolist() == [0.9, 0.1, 0.1]
    assert content["templates"]["level"].tolist() == ["info"]
    assert texts["level"].tolist() == ["info", "info"], "a pending text has no source, so it counts as new"
    assert content["sessions"].set_index("source")["severity"].to_dict() == {"A": "high", "new": "low"}


def test_most_entries_decide_the_level_of_a_text(fitted: LogModel) -> None:
    rows: list[Row] = [
        ("A", None, 0, "opened it"),
        ("A", None, 1, "opened it"),
        ("new", None, 2, "opened it"),
    ]
    content = scoring.score(fitted, [entries(rows)], scoring.nothing_past(), stamp=Stamp(1, BEGIN))
    of_entries, of_text = content["predictions"]["level_confidence"], content["texts"]["level_confidence"]
    assert of_entries.nunique() == 2
    assert of_text.tolist() == [of_entries[0]]


def test_a_model_of_an_older_program_answers_every_source_alike(fitted: LogModel) -> None:
    older = skops.io.loads(skops.io.dumps(fitted), trusted=model.TRUSTED_TYPES)
    del older.sources_, older.levels_.foreign_weights_, older.levels_.foreign_offsets_
    loaded = skops.io.loads(skops.io.dumps(older), trusted=model.TRUSTED_TYPES)
    _, trained = fitted.both_chances(["opened the lamp"])
    texts = pd.DataFrame({"text": ["opened the lamp"] * 2, "source": ["A", "stranger"]})
    assert np.allclose(loaded.predict_proba(texts), np.repeat(trained, 2, axis=0))
    assert [each.tolist() for each in loaded.both_chances(["opened the lamp"])] == [trained.tolist()] * 2


def test_a_training_of_one_system_has_one_calibration(frame: pd.DataFrame) -> None:
    alone = frame[frame["system"] == "A"].reset_index(drop=True)
    levels = TextLevels().fit(examples.of(alone))
    new, trained = levels.both_chances(examples.of(alone).counts)
    assert new.tolist() == trained.tolist()


def test_no_fold_of_the_calibration_for_new_sources_has_seen_a_system_that_it_scores(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = examples.of(frame)
    sizes: list[int] = []

    class Ridge(estimators.Ridge):
        """Scores a row by the systems that it has not seen: their numbers tell what was held out."""

        def __init__(self, alpha: float, counts: sparse.csr_matrix, labels: Labels, weights: Floats) -> None:
            super().__init__(alpha, counts, labels, weights)
            sizes.append(len(labels))
            self.unseen = ~np.isin(learned.weights, weights)

        def scores(self, counts: sparse.csr_matrix) -> Floats:
            return np.tile([1.0, 0.0, 0.0, 0.0], (counts.shape[0], 1)) * self.unseen.sum()

    _, numbers = np.unique(learned.systems, return_inverse=True)
    learned = learned._replace(weights=numbers + 1.0)
    monkeypatch.setattr(estimators, "Ridge", Ridge)
    scores = estimators.out_of_fold(1.0, learned, learned.systems)
    rows_left_out = [len(frame) - size for size in sizes]
    assert len(sizes) == estimators.FOLDS
    assert sum(rows_left_out) == len(frame)
    assert set(scores[:, 0]) == set(rows_left_out), "all rows of the systems of a fold were unseen"


def test_each_log_weighs_the_same_and_all_together_two_fifths() -> None:
    is_log = np.array([True] * 4 + [False] * 2)
    systems = np.array([7, 7, 7, 8, 9, 9])
    ones = np.ones(6)
    learned = Examples(sparse.csr_matrix((6, 1)), systems, ones, systems, systems, is_log, is_log)
    weights = estimators.run_time_weights(learned)
    assert weights.tolist() == pytest.approx([0.4, 0.4, 0.4, 1.2, 1.8, 1.8])


@pytest.mark.parametrize("is_log", [True, False])
def test_of_logs_alone_and_of_statements_alone_no_weight_changes(*, is_log: bool) -> None:
    systems, ones = np.array([7, 7, 8]), np.ones(3)
    flags = np.full(3, is_log)
    learned = Examples(sparse.csr_matrix((3, 1)), systems, ones, systems, systems, flags, flags)
    assert estimators.run_time_weights(learned).tolist() == ones.tolist()


def test_the_evaluation_gives_the_chances_that_the_model_of_the_fold_serves(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_out = evaluation.leave_logs_out(frame)
    rest = frame[frame["system"] != "A"].reset_index(drop=True)
    served = model.fit(model.make(), rest, sessions([["open", "close"]] * 5))
    rows = left_out.frame["system"] == "A"
    questions = left_out.frame[rows].assign(source="A")
    assert np.allclose(left_out.chances[rows], served.predict_proba(questions), atol=1e-9)
    assert not left_out.frame["is_trained"].any()
    assert set(left_out.frame["system"]) == {"A", "B", "Kafka"}


def test_held_out_templates_of_trained_systems_are_measured_with_their_calibration(
    frame: pd.DataFrame,
) -> None:
    forecasts = evaluation.cross_validate(frame, by="template", seed=1)
    is_package = forecasts.frame["origin"] == "python"
    assert forecasts.frame["is_trained"].tolist() == (~is_package).tolist()
    by_system = evaluation.cross_validate(frame, by="system", seed=1)
    assert not by_system.frame["is_trained"].any()


def test_a_calibration_that_no_row_needs_is_not_fitted(frame: pd.DataFrame) -> None:
    levels = TextLevels().fit(examples.of(frame), calibrations=[BY_TEMPLATE])
    assert not hasattr(levels, "foreign_weights_")


def test_without_a_second_log_none_is_left_out(frame: pd.DataFrame) -> None:
    alone = frame[~frame["system"].isin(["B", "Kafka"])].reset_index(drop=True)
    assert len(evaluation.leave_logs_out(alone).frame) == 0


def forecasts_of(rows: list[tuple[str, str, str, str, int]], likely: list[int]) -> Forecasts:
    """Return certain forecasts for rows of origin, system, template, level and occurrences."""
    table = pd.DataFrame(rows, columns=["origin", "system", "template", "level", "occurrences"])
    chances = np.full((len(rows), 4), 0.01)
    chances[np.arange(len(rows)), likely] = 0.97
    return Forecasts(table, chances, np.full((len(rows), 4), 0.25))


@pytest.fixture
def by_hand() -> Forecasts:
    """Three texts of two templates of a log, and one statement."""
    rows = [
        ("own", "A", "t1", "info", 8),
        ("own", "A", "t1", "info", 1),
        ("own", "A", "t2", "error", 1),
        ("logbench", "alpha", "t3", "debug", 1),
    ]
    return forecasts_of(rows, [INFO, ERROR, INFO, 0])


def test_logs_and_statements_are_scored_apart_beside_always_info(by_hand: Forecasts) -> None:
    kinds = evaluation.by_kind(by_hand)
    columns = ["accuracy", "majority", "always_info", "n"]
    assert kinds[columns].round(3).to_dict("index") == {
        "run-time logs": {"accuracy": 0.333, "majority": 0.667, "always_info": 0.667, "n": 3},
        "logging statements": {"accuracy": 1.0, "majority": 1.0, "always_info": 0.0, "n": 1},
    }


def test_a_log_is_scored_by_its_templates_and_by_its_lines(by_hand: Forecasts) -> None:
    of_log = evaluation.by_log(evaluation.chosen(by_hand, np.array([True, True, True, False])))
    assert of_log.loc["A"].to_dict() == {
        "templates": 2,
        "lines": 10,
        "accuracy": 0.5,
        "always_info": 0.5,
        "line_accuracy": 0.8,
        "line_always_info": 0.9,
    }


def test_the_summary_says_how_good_the_levels_of_new_logs_are(by_hand: Forecasts) -> None:
    figures = evaluation.score(by_hand.frame["level"], by_hand.chances)
    of_logs = evaluation.figures_of_logs(evaluation.by_kind(by_hand))
    assert "On 3 texts of logs of systems that it had not seen: level right 33.3% (always info 66.7%)" in (
        summary.facts(figures | of_logs)
    )
    assert "logs of systems" not in summary.facts(figures)


def test_without_logs_there_are_no_figures_of_logs(by_hand: Forecasts) -> None:
    statements_only = evaluation.chosen(by_hand, np.array([3]))
    assert evaluation.figures_of_logs(evaluation.by_kind(statements_only)) == {}
