"""Champion or not, for recommendations: a pure rule over numbers that returns the decision and its reason."""

from dataclasses import dataclass

from almanac.judging.promotion import MARGIN, Decision
from almanac.judging.scores import Interval

MINIMUM_PLAYERS = 100
MINIMUM_SERIES = 30


@dataclass(frozen=True)
class Evidence:
    """What evaluation found. An interval is the other's score minus the challenger's on the same cases, so less than zero is better.

    `kind` is "plays" (players' held-back plays) or "proxy" (series found with title and makers hidden, where nobody's plays are known).
    `against_champion` is None where there is no champion of these data. `same_recipe` says that both are made alike, of other data.
    """

    kind: str
    metric: str
    cases: int
    against_baseline: Interval
    against_champion: Interval | None = None
    same_version: bool = False
    same_recipe: bool = False


def decide(evidence: Evidence) -> Decision:
    """Decide whether the challenger becomes champion.

    It must beat popularity beyond noise on enough cases. A first version then is champion; so is the champion's own recipe fitted on newer
    data. Another recipe must be better than the champion's on average and not worse by more than MARGIN at the upper end of the interval.

    >>> decide(Evidence("plays", "ndcg_at_10", 900, Interval(-0.02, -0.03, -0.01))).promoted
    True
    """
    if evidence.same_version:
        return Decision(False, "the challenger is the champion: same data, code and parameters")
    least = MINIMUM_PLAYERS if evidence.kind == "plays" else MINIMUM_SERIES
    on = f"on {evidence.cases} {'players' if evidence.kind == 'plays' else 'series games (a proxy: nobody’s plays are known)'}"
    if evidence.cases < least:
        return Decision(False, f"not enough evidence {on}: {least} are needed; champion stays")
    against = (
        f"{evidence.metric} of popularity less the challenger's {_words(evidence.against_baseline)} {on}"
    )
    if evidence.against_baseline.high >= 0:
        return Decision(False, f"does not beat popularity: {against}")
    if evidence.against_champion is None:
        return Decision(True, f"first version, beats popularity: {against}")
    if evidence.same_recipe:
        return Decision(True, f"the champion's recipe on newer data, beats popularity: {against}")
    return _against_champion(evidence.metric, evidence.against_champion, on)


def _against_champion(metric: str, difference: Interval, on: str) -> Decision:
    figures = f"{metric} of the champion's recipe less the challenger's {_words(difference)} {on}"
    if difference.estimate >= 0:
        return Decision(False, f"not better: {figures}")
    if difference.high > MARGIN:
        return Decision(False, f"could be worse by more than {MARGIN:g}: {figures}")
    return Decision(True, f"better: {figures}")


def _words(interval: Interval) -> str:
    return f"{interval.estimate:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
