"""Champion or not: a pure rule over numbers that returns the decision and its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from almanac.judging.scores import Interval

MINIMUM_CASES = 200
MARGIN = 0.002
CALIBRATION_MARGIN = 0.01


@dataclass(frozen=True)
class Evidence:
    """What evaluation found on cases later than anything either model was fitted on.

    An interval is the challenger's loss minus the other's on the same cases, so less than zero is better.
    The champion's fields are None where there is no champion to compare with.
    """

    metric: str
    cases: int
    against_baseline: Interval
    calibration_error: float
    against_champion: Interval | None = None
    champion_calibration_error: float | None = None
    same_version: bool = False


@dataclass(frozen=True)
class Decision:
    """Whether the challenger becomes champion, and why."""

    promoted: bool
    reason: str


def decide(evidence: Evidence) -> Decision:
    """Decide whether the challenger becomes champion.

    A first version must beat the baseline beyond noise. A later one must be better than the champion on average, not worse
    by more than MARGIN at the upper end of the paired interval, and not worse calibrated by more than CALIBRATION_MARGIN.

    >>> decide(Evidence("log_loss", 900, Interval(-0.02, -0.03, -0.01), 0.01)).promoted
    True
    """
    if evidence.same_version:
        return Decision(False, "the challenger is the champion: same data, code and parameters")
    if evidence.cases < MINIMUM_CASES:
        return Decision(
            False,
            f"no new evidence: {evidence.cases} cases after both models' training end, {MINIMUM_CASES} are needed; champion stays",
        )
    if evidence.against_baseline.high >= 0:
        return Decision(
            False,
            f"does not beat the baseline: {evidence.metric} {_words(evidence.against_baseline)} on {evidence.cases} cases",
        )
    if evidence.against_champion is None:
        return Decision(
            True,
            f"first version, beats the baseline: {evidence.metric} {_words(evidence.against_baseline)} on {evidence.cases} cases",
        )
    return _against_champion(evidence, evidence.against_champion)


def _against_champion(evidence: Evidence, difference: Interval) -> Decision:
    figures = f"{evidence.metric} {_words(difference)} against the champion on {evidence.cases} cases"
    if difference.estimate >= 0:
        return Decision(False, f"not better: {figures}")
    if difference.high > MARGIN:
        return Decision(False, f"could be worse by more than {MARGIN:g}: {figures}")
    worse = evidence.calibration_error - (evidence.champion_calibration_error or 0.0)
    if worse > CALIBRATION_MARGIN:
        return Decision(False, f"worse calibrated by {worse:.4f}: {figures}")
    return Decision(True, f"better: {figures}")


def _words(interval: Interval) -> str:
    return f"{interval.estimate:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def without_champion(workload: str, decision: Mapping[str, Any] | None) -> str:
    """Return why a workload has no champion, and the way out; `decision` as it was reported, if there was one."""
    if decision is None:
        return f"'{workload}' has no champion yet. Train and evaluate first: almanac run {workload}"
    number, reason = decision["challenger"], decision["reason"]
    forced = f'`almanac promote {workload} {number} --why "…"` makes it champion all the same, from the next run on'
    return f"'{workload}' has no champion: version {number} was not promoted ({reason}). More data may change that; {forced}."
