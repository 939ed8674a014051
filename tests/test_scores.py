"""The scores of forecasts, with values worked out by hand."""

import doctest
from math import log

import numpy as np
import pytest

from almanac.judging import scores

CHANCES = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
LABELS = np.array([2, 1])


def test_the_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(scores).attempted > 5
    assert doctest.testmod(scores).failed == 0


def test_the_log_loss_is_minus_the_logarithm_of_the_chance_of_what_happened() -> None:
    assert scores.log_losses(LABELS, CHANCES) == pytest.approx([-log(0.5), -log(0.3)])


def test_a_chance_of_zero_costs_much_but_not_infinitely_much() -> None:
    assert scores.log_losses(np.array([0]), np.array([[0.0, 1.0]]))[0] == pytest.approx(34.539, abs=0.001)


def test_the_ranked_probability_score_counts_how_far_off_a_forecast_is() -> None:
    # Cumulative errors: (0.2, 0.5), then (0.6, 0.9 - 1); the score is half the sum of their squares.
    assert scores.ranked_probability_scores(LABELS, CHANCES) == pytest.approx(
        [(0.04 + 0.25) / 2, (0.36 + 0.01) / 2]
    )


def test_a_near_miss_has_a_smaller_ranked_probability_score_than_a_far_one() -> None:
    near, far = scores.ranked_probability_scores(
        np.array([0, 0]), np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    )
    assert (near, far) == (0.5, 1.0)


def test_the_brier_score_adds_squared_errors_of_all_outcomes() -> None:
    assert scores.brier_scores(LABELS, CHANCES) == pytest.approx([0.04 + 0.09 + 0.25, 0.36 + 0.49 + 0.01])


def test_a_hit_is_when_the_likeliest_outcome_happened() -> None:
    assert scores.hits(LABELS, CHANCES).tolist() == [1.0, 0.0]


def test_the_calibration_error_is_the_gap_between_promise_and_frequency() -> None:
    # Ten forecasts of 0.8, of which six come true: a gap of 0.2 for both outcomes.
    chances = np.tile([0.8, 0.2], (10, 1))
    labels = np.array([0] * 6 + [1] * 4)
    assert scores.calibration_error(labels, chances) == pytest.approx(0.2)


def test_gaps_of_different_bins_do_not_cancel_out() -> None:
    # 0.9 never comes true, 0.1 always: wrong by 0.9 each, although both frequencies are 0.5 on average.
    chances = np.array([[0.9, 0.1], [0.1, 0.9]])
    assert scores.calibration_error(np.array([1, 0]), chances) == pytest.approx(0.9)


def test_chances_a_tenth_apart_are_in_different_bins() -> None:
    # 0.65 is too little by 0.35 and 0.75 too much by 0.75; in one bin the two would partly cancel.
    chances = np.array([[0.65, 0.35], [0.75, 0.25]])
    assert scores.calibration_error(np.array([0, 1]), chances) == pytest.approx((0.35 + 0.75) / 2)


def test_the_calibration_error_is_the_mean_over_all_outcomes() -> None:
    # Of ten forecasts the first outcome comes as often as forecast, the second six times instead of three,
    # the third the other way.
    chances = np.tile([0.1, 0.3, 0.6], (10, 1))
    labels = np.array([0] + [1] * 6 + [2] * 3)
    assert scores.calibration_error(labels, chances) == pytest.approx((0.0 + 0.3 + 0.3) / 3)


def test_a_chance_of_one_belongs_to_the_last_bin() -> None:
    assert scores.calibration_error(np.array([0]), np.array([[1.0, 0.0]])) == 0.0


def test_wilson_gives_the_interval_of_the_textbook() -> None:
    share, low, high = scores.wilson(10, 20)
    assert (share, round(low, 4), round(high, 4)) == (0.5, 0.2993, 0.7007)


def test_without_trials_any_share_is_possible() -> None:
    share, low, high = scores.wilson(0, 0)
    assert np.isnan(share)
    assert (low, high) == (0.0, 1.0)


def test_the_bootstrap_interval_is_near_the_normal_one_for_many_values() -> None:
    values = np.random.default_rng(7).normal(3.0, 2.0, size=4000)
    estimate, low, high = scores.bootstrap_interval(values, seed=1)
    half = 1.96 * values.std() / np.sqrt(4000)
    assert estimate == pytest.approx(values.mean())
    assert (low, high) == (pytest.approx(estimate - half, abs=0.01), pytest.approx(estimate + half, abs=0.01))


def test_values_that_move_together_widen_the_interval_when_their_cluster_is_named() -> None:
    daily = np.random.default_rng(7).normal(size=100)
    values, days = np.repeat(daily, 10), np.repeat(np.arange(100), 10)
    alone = scores.bootstrap_interval(values, seed=1)
    together = scores.bootstrap_interval(values, clusters=days, seed=1)
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(np.sqrt(10), rel=0.15)


def test_values_that_never_vary_have_no_width_however_uneven_their_clusters() -> None:
    clusters = np.repeat(np.arange(4), [1, 2, 5, 40])
    assert scores.bootstrap_interval(np.full(48, 0.25), clusters=clusters) == pytest.approx(
        (0.25, 0.25, 0.25)
    )


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.arange(50.0)
    assert scores.bootstrap_interval(values, seed=3) == scores.bootstrap_interval(values, seed=3)
    assert scores.bootstrap_interval(values, seed=3) != scores.bootstrap_interval(values, seed=4)


def test_a_paired_difference_that_never_varies_has_no_width() -> None:
    theirs = np.random.default_rng(1).random(30)
    assert scores.paired_bootstrap(theirs - 0.5, theirs) == pytest.approx((-0.5, -0.5, -0.5))


def test_a_paired_comparison_draws_the_cases_of_a_cluster_together() -> None:
    ours, theirs = np.repeat([1.0, 2.0, 4.0], 20), np.repeat([1.5, 0.5, 3.0], 20)
    days = np.repeat(np.arange(3), 20)
    assert scores.paired_bootstrap(ours, theirs, clusters=days, seed=2) == scores.bootstrap_interval(
        ours - theirs, clusters=days, seed=2
    )
    # One of three days is enough to draw the day that is better, or the day that is worst, three times.
    assert scores.paired_bootstrap(ours, theirs, clusters=days, seed=2) == pytest.approx((2 / 3, -0.5, 1.5))
