"""The promotion rule: a pure function from evidence to a decision and its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from almanac.judging.scores import Interval

SAME_VERSION = "the challenger is the champion: same data, code and parameters"
MINIMUM_CASES = 200
MARGIN = 0.002
CALIBRATION_MARGIN = 0.01


@dataclass(frozen=True)
class Kind:
    """How many cases one kind of evidence needs, and how its reasons are worded.

    Without a champion a challenger may be worse than the baseline by at most `margin`, at the upper end of
    the interval. The texts are filled with `metric`, `interval`, `cases` and `minimum`.
    """

    minimum_cases: int
    margin: float
    baseline: str
    too_few_cases: str
    baseline_figures: str
    champion_figures: str


def _scores_of(cases: str, minimum_cases: int) -> Kind:
    return Kind(
        minimum_cases=minimum_cases,
        margin=0.0,
        baseline="popularity",
        too_few_cases=f"not enough evidence on {cases}: {{minimum}} are needed; champion stays",
        baseline_figures=f"{{metric}} of popularity less the challenger's {{interval}} on {cases}",
        champion_figures=f"{{metric}} of the champion's recipe less the challenger's {{interval}} on {cases}",
    )


KINDS: Mapping[str, Kind] = {
    "losses": Kind(
        minimum_cases=MINIMUM_CASES,
        margin=MARGIN,
        baseline="the baseline",
        too_few_cases="no new evidence: {cases} cases after both models' training end, {minimum} are needed;"
        " champion stays",
        baseline_figures="{metric} {interval} on {cases} cases",
        champion_figures="{metric} {interval} against the champion on {cases} cases",
    ),
    "plays": _scores_of("{cases} players", 100),
    "proxy": _scores_of("{cases} series games (a proxy: no plays, or too few, to judge by)", 30),
}


@dataclass(frozen=True)
class Evidence:
    """The measurements that decide on a challenger, on cases that no model was fitted on.

    An interval is a paired difference on the same cases, and less than zero is better: the challenger's loss
    minus the other model's, or for recommendations the other model's score minus the challenger's. `kind` is
    a key of KINDS. `against_champion` is None without a champion to compare with, a calibration error where
    it is not defined. `same_recipe` means that the champion has the same parameters and older data.
    `cases` count those of the comparison that decides; where the baseline was compared on others, on a whole
    year for example, `baseline_cases` counts these.
    """

    metric: str
    cases: int
    against_baseline: Interval
    calibration_error: float | None = None
    against_champion: Interval | None = None
    champion_calibration_error: float | None = None
    same_version: bool = False
    same_recipe: bool = False
    kind: Literal["losses", "plays", "proxy"] = "losses"
    baseline_cases: int | None = None

    @property
    def has_enough_cases(self) -> bool:
        """Whether the cases are enough to decide on anything but "champion stays"."""
        return self.cases >= KINDS[self.kind].minimum_cases

    def with_champion(self, difference: Interval, calibration_error: float | None = None) -> "Evidence":
        """Return the evidence with the difference to the champion and the champion's calibration error."""
        return replace(self, against_champion=difference, champion_calibration_error=calibration_error)


@dataclass(frozen=True)
class Decision:
    """Whether the challenger becomes champion, and why."""

    promoted: bool
    reason: str


class DecidingStep(Protocol):
    """The part of `almanac.steps.Step` that reports a decision."""

    def decide(self, decision: Decision, *, challenger: int, champion: int | None, evidence: Any) -> None:
        """Report the decision with the run."""


def judge(step: DecidingStep, challenger: int, champion: int | None, evidence: Evidence) -> Decision:
    """Compare the versions, decide on the evidence, report the decision with the run, and return it."""
    complete = replace(evidence, same_version=challenger == champion)
    decision = decide(complete)
    step.decide(decision, challenger=challenger, champion=champion, evidence=complete)
    return decision


def decide(evidence: Evidence) -> Decision:
    """Decide whether the challenger becomes champion.

    A first version, or the champion's recipe on newer data, must not be worse than the baseline by more than
    the kind's margin at the upper end of the interval (non-inferiority). To beat the baseline beyond noise
    would need more cases than a user has in the first year.
    Any other challenger must beat the baseline, be better than the champion on average, not worse by more
    than MARGIN at the upper end of the interval, and not worse calibrated by more than CALIBRATION_MARGIN.

    >>> decide(Evidence("log_loss", 900, Interval(-0.02, -0.03, -0.01), 0.01)).promoted
    True
    """
    if evidence.same_version:
        return Decision(False, SAME_VERSION)
    if not evidence.has_enough_cases:
        return _too_few_cases(evidence)
    beats_baseline = evidence.against_baseline.high < 0
    if evidence.against_champion is None or evidence.same_recipe or not beats_baseline:
        return _against_baseline(evidence)
    return _against_champion(evidence, evidence.against_champion)


def _too_few_cases(evidence: Evidence) -> Decision:
    kind = KINDS[evidence.kind]
    return Decision(False, kind.too_few_cases.format(cases=evidence.cases, minimum=kind.minimum_cases))


def _against_baseline(evidence: Evidence) -> Decision:
    kind, difference = KINDS[evidence.kind], evidence.against_baseline
    cases = evidence.cases if evidence.baseline_cases is None else evidence.baseline_cases
    figures = _figures(kind.baseline_figures, evidence.metric, difference, cases)
    beats_baseline = difference.high < 0
    is_close = 0 <= difference.high <= kind.margin and kind.margin > 0
    needs_to_beat = evidence.against_champion is not None and not evidence.same_recipe
    if not beats_baseline and (needs_to_beat or not is_close):
        return Decision(False, f"{_doubt(evidence)}: {figures}")
    version = "the champion's recipe on newer data" if evidence.same_recipe else "first version"
    merit = "beats" if beats_baseline else f"within {kind.margin:g} of"
    return Decision(True, f"{version}, {merit} {kind.baseline}: {figures}")


def _doubt(evidence: Evidence) -> str:
    """Return what speaks against a challenger that does not beat the baseline."""
    kind, difference = KINDS[evidence.kind], evidence.against_baseline
    objection = f"does not beat {kind.baseline}"
    if difference.estimate >= 0 or not kind.margin:
        return objection
    return f"{objection} beyond noise ({_power(difference)})"


def _power(difference: Interval) -> str:
    """Return the smallest difference that the compared cases tell from none: half the interval's width."""
    half_width = (difference.high - difference.low) / 2
    return f"these cases tell differences from {half_width:.4f}"


def _against_champion(evidence: Evidence, difference: Interval) -> Decision:
    text = KINDS[evidence.kind].champion_figures
    figures = _figures(text, evidence.metric, difference, evidence.cases)
    objection = _objection(evidence, difference)
    return Decision(not objection, f"{objection or 'better'}: {figures} ({_power(difference)})")


def _objection(evidence: Evidence, difference: Interval) -> str:
    """Return what keeps the challenger from replacing the champion, '' for nothing."""
    if difference.estimate >= 0:
        return "not better"
    if difference.high > MARGIN:
        return f"could be worse by more than {MARGIN:g}"
    worse = (evidence.calibration_error or 0.0) - (evidence.champion_calibration_error or 0.0)
    return f"worse calibrated by {worse:.4f}" if worse > CALIBRATION_MARGIN else ""


def _figures(text: str, metric: str, difference: Interval, cases: int) -> str:
    estimate, low, high = (f"{value:+.4f}" for value in difference)
    interval = f"{estimate} [{low}, {high}]"
    return text.format(metric=metric, interval=interval, cases=cases)


def without_champion(workload: str, decision: Mapping[str, Any] | None) -> str:
    """Return why a workload has no champion, and what to do; `decision` is the reported one, if any."""
    if decision is None:
        return f"'{workload}' has no champion yet. Train and evaluate first: almanac run {workload}"
    number, reason = decision["challenger"], decision["reason"]
    command = f'`almanac promote {workload} {number} --why "…"`'
    forced = f"{command} makes it champion all the same, from the next run on"
    rejected = f"'{workload}' has no champion: version {number} was not promoted ({reason})."
    return f"{rejected} More data may change that; {forced}."
