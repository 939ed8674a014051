"""The matches with the ratings and sums that several features share."""

from dataclasses import dataclass

from almanac.workloads.football.strength import dixon_coles, form, league_table, ratings
from almanac.workloads.football.strength.ratings import HomeAway
from almanac.workloads.football.strength.timeline import Timeline


@dataclass(frozen=True)
class History:
    """The matches, and the ratings and sums that several features share."""

    timeline: Timeline
    elo: HomeAway
    steady: HomeAway
    quick: HomeAway
    slow: HomeAway
    fitted: dixon_coles.ExpectedGoals
    points: HomeAway
    scored: HomeAway
    conceded: HomeAway
    surprise: HomeAway
    ground_wins: HomeAway
    rest: HomeAway
    season_points: HomeAway
    season_matches: HomeAway
    positions: HomeAway

    @classmethod
    def of(cls, timeline: Timeline) -> "History":
        """Compute each shared array once."""
        steady = ratings.goals(timeline)
        return cls(
            timeline=timeline,
            elo=ratings.elo(timeline),
            steady=steady,
            quick=ratings.goals(timeline, rules=ratings.QUICK_RULES),
            slow=ratings.goals(timeline, rules=ratings.SLOW_RULES),
            fitted=dixon_coles.expected(timeline),
            points=form.points(timeline),
            scored=form.scored(timeline),
            conceded=form.conceded(timeline),
            surprise=form.surprise(timeline, steady),
            ground_wins=form.wins_on_ground(timeline),
            rest=form.rest_days(timeline),
            season_points=form.season_points(timeline),
            season_matches=form.season_matches(timeline),
            positions=league_table.positions(timeline),
        )
