"""Who becomes champion: a table of cases with hand-made numbers."""

from dataclasses import replace

import pytest

from almanac.judging.promotion import CALIBRATION_MARGIN, MARGIN, MINIMUM_CASES, Decision, Evidence, decide
from almanac.judging.scores import Interval

GOOD = Evidence("log_loss", 900, Interval(-0.020, -0.030, -0.010), 0.010)
LATER = replace(GOOD, against_champion=Interval(-0.0030, -0.0050, 0.0010), champion_calibration_error=0.012)

CASES = {
    "a first version that beats the baseline": (GOOD, True, "first version, beats the baseline: log_loss -0.0200 [-0.0300, -0.0100] on 900 cases"),
    "a first version that may be luck": (replace(GOOD, against_baseline=Interval(-0.020, -0.041, 0.001)), False, "does not beat the baseline"),
    "a first version at the very edge": (replace(GOOD, against_baseline=Interval(-0.020, -0.040, 0.0)), False, "does not beat the baseline"),
    "a first version with one case too few": (replace(GOOD, cases=199), False, "no new evidence: 199 cases"),
    "a first version with just enough cases": (replace(GOOD, cases=200), True, "first version"),
    "the champion itself": (replace(LATER, same_version=True), False, "the challenger is the champion"),
    "a better version": (LATER, True, "better: log_loss -0.0030 [-0.0050, +0.0010] against the champion on 900 cases"),
    "a version that is just as good": (replace(LATER, against_champion=Interval(0.0, -0.001, 0.001)), False, "not better"),
    "a worse version": (replace(LATER, against_champion=Interval(0.002, 0.001, 0.003)), False, "not better"),
    "a version that is better but could be much worse": (
        replace(LATER, against_champion=Interval(-0.003, -0.009, 0.0021)), False, "could be worse by more than 0.002",
    ),
    "a version that is better within the margin": (replace(LATER, against_champion=Interval(-0.003, -0.008, 0.002)), True, "better"),
    "a better version with worse calibration": (replace(LATER, calibration_error=0.0225), False, "worse calibrated by 0.0105"),
    "a better version with hardly worse calibration": (replace(LATER, calibration_error=0.0215), True, "better"),
    "a better version that the baseline beats": (replace(LATER, against_baseline=Interval(0.01, 0.0, 0.02)), False, "does not beat the baseline"),
    "a later version without new cases": (replace(LATER, cases=0), False, "no new evidence: 0 cases"),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_the_rule_decides_about(what: str) -> None:
    evidence, promoted, reason = CASES[what]
    decision = decide(evidence)
    assert decision.promoted is promoted
    assert decision.reason.startswith(reason)


def test_the_rule_is_pure() -> None:
    assert (
        decide(LATER)
        == decide(LATER)
        == Decision(True, "better: log_loss -0.0030 [-0.0050, +0.0010] against the champion on 900 cases")
    )


def test_the_margins_are_what_the_documentation_says() -> None:
    assert (MINIMUM_CASES, MARGIN, CALIBRATION_MARGIN) == (200, 0.002, 0.01)
