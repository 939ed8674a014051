"""What is known before a match: one plain function per column, the function's name is the column's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pandas as pd

from almanac.errors import UsageError
from almanac.workloads.football import sources
from almanac.workloads.football.strength import dixon_coles, form, ratings, timeline
from almanac.workloads.football.strength.ratings import Pair
from almanac.workloads.football.strength.timeline import Floats, Timeline


@dataclass(frozen=True)
class Known:
    """The matches, and what several features share."""

    line: Timeline
    elo: Pair
    steady: Pair
    quick: Pair
    fitted: dixon_coles.Expected
    points: Pair
    scored: Pair
    conceded: Pair
    surprise: Pair
    ground_wins: Pair
    rest: Pair
    season_points: Pair
    season_matches: Pair
    positions: Pair

    @classmethod
    def of(cls, line: Timeline) -> "Known":
        """Compute what is shared once."""
        steady = ratings.goals(line)
        return cls(
            line=line,
            elo=ratings.elo(line),
            steady=steady,
            quick=ratings.goals(line, rules=ratings.QUICK),
            fitted=dixon_coles.expected(line),
            points=form.points(line),
            scored=form.scored(line),
            conceded=form.conceded(line),
            surprise=form.surprise(line, steady),
            ground_wins=form.wins_on_ground(line),
            rest=form.rest_days(line),
            season_points=form.season_points(line),
            season_matches=form.season_matches(line),
            positions=form.positions(line),
        )


def build(matches: pd.DataFrame, *, as_of: date, horizon_days: int = 0) -> pd.DataFrame:
    """Return one row per match with a known score before `as_of`, or coming from then on, sorted by date and match.

    The grain is the day: a feature knows results of earlier days only, and none from `as_of` on. `outcome` is None for
    coming matches. With `horizon_days`, each row knows only what was known at a snapshot up to that many days before.
    """
    known = Known.of(timeline.make(matches, as_of=as_of, horizon_days=horizon_days))
    columns = {feature.__name__: feature(known) for feature in FEATURES}
    frame = known.line.frame[timeline.KEYS].assign(**columns)
    return frame.sort_values(["date", "match_id"], ignore_index=True)


def elo_difference(known: Known) -> Floats:
    """Elo points by which the home club is stronger."""
    return known.elo.home - known.elo.away


def rated_home_goals(known: Known) -> Floats:
    """Home goals expected from slowly moving ratings."""
    return known.steady.home


def rated_away_goals(known: Known) -> Floats:
    """Away goals expected from slowly moving ratings."""
    return known.steady.away


def recent_home_goals(known: Known) -> Floats:
    """Home goals expected from quickly moving ratings."""
    return known.quick.home


def recent_away_goals(known: Known) -> Floats:
    """Away goals expected from quickly moving ratings."""
    return known.quick.away


def fitted_home_goals(known: Known) -> Floats:
    """Home goals expected by Dixon and Coles."""
    return known.fitted.home


def fitted_away_goals(known: Known) -> Floats:
    """Away goals expected by Dixon and Coles."""
    return known.fitted.away


def fitted_dependence(known: Known) -> Floats:
    """Dependence of low scores by Dixon and Coles."""
    return known.fitted.dependence


def home_form(known: Known) -> Floats:
    """Points per match of the home club lately."""
    return known.points.home


def away_form(known: Known) -> Floats:
    """Points per match of the away club lately."""
    return known.points.away


def home_goals_for(known: Known) -> Floats:
    """Goals per match of the home club lately."""
    return known.scored.home


def away_goals_for(known: Known) -> Floats:
    """Goals per match of the away club lately."""
    return known.scored.away


def home_goals_against(known: Known) -> Floats:
    """Goals per match against the home club lately."""
    return known.conceded.home


def away_goals_against(known: Known) -> Floats:
    """Goals per match against the away club lately."""
    return known.conceded.away


def home_surprise(known: Known) -> Floats:
    """Goals per match by which the home club lately did better than expected."""
    return known.surprise.home


def away_surprise(known: Known) -> Floats:
    """Goals per match by which the away club lately did better than expected."""
    return known.surprise.away


def home_ground(known: Known) -> Floats:
    """Goals per match by which the home club does better at home than clubs usually do."""
    return form.ground(known.line, known.steady)


def home_wins_at_home(known: Known) -> Floats:
    """Wins of the home club in its last five home matches."""
    return known.ground_wins.home


def away_wins_away(known: Known) -> Floats:
    """Wins of the away club in its last five away matches."""
    return known.ground_wins.away


def home_rest_days(known: Known) -> Floats:
    """Days since the home club's match before, at most 14."""
    return known.rest.home


def away_rest_days(known: Known) -> Floats:
    """Days since the away club's match before, at most 14."""
    return known.rest.away


def head_to_head(known: Known) -> Floats:
    """Mean goal difference of the home club in earlier meetings of the two, pulled to 0."""
    return form.meetings(known.line)


def home_points_per_game(known: Known) -> Floats:
    """Points per match of the home club in this season."""
    return known.season_points.home


def away_points_per_game(known: Known) -> Floats:
    """Points per match of the away club in this season."""
    return known.season_points.away


def home_position(known: Known) -> Floats:
    """Place of the home club in its table: 0 is the top, 1 the bottom."""
    return known.positions.home


def away_position(known: Known) -> Floats:
    """Place of the away club in its table: 0 is the top, 1 the bottom."""
    return known.positions.away


def season_phase(known: Known) -> Floats:
    """Share of the league's double round that the home club has behind it."""
    return known.season_matches.home / form.rounds(known.line)


def league_home_rate(known: Known) -> Floats:
    """Share of home wins in the league."""
    return form.home_win_rate(known.line)


def league_draw_rate(known: Known) -> Floats:
    """Share of draws in the league."""
    return form.draw_rate(known.line)


def league_goals(known: Known) -> Floats:
    """Goals per match in the league."""
    return form.goal_rate(known.line)


FEATURES: list[Callable[[Known], Floats]] = [
    elo_difference,
    rated_home_goals,
    rated_away_goals,
    recent_home_goals,
    recent_away_goals,
    fitted_home_goals,
    fitted_away_goals,
    fitted_dependence,
    home_form,
    away_form,
    home_goals_for,
    away_goals_for,
    home_goals_against,
    away_goals_against,
    home_surprise,
    away_surprise,
    home_ground,
    home_wins_at_home,
    away_wins_away,
    home_rest_days,
    away_rest_days,
    head_to_head,
    home_points_per_game,
    away_points_per_game,
    home_position,
    away_position,
    season_phase,
    league_home_rate,
    league_draw_rate,
    league_goals,
]


def coming(frame: pd.DataFrame, *, as_of: date, days: int) -> pd.DataFrame:
    """Return the rows of matches without a score on the `days` days from `as_of` on."""
    ahead = (frame["date"] - pd.Timestamp(as_of)).dt.days
    return frame[frame["outcome"].isna() & (ahead >= 0) & (ahead < days)].reset_index(drop=True)


def one(read: Callable[[str], pd.DataFrame], inputs: dict[str, str], *, as_of: date | None) -> pd.DataFrame:
    """Return the features of a match `home=… away=…` played on the cut-off day in the home club's league; `read` gives a raw table.

    Raises UsageError for a missing input or an unknown club, with the nearest names.
    """
    missing = {"home", "away"} - set(inputs)
    if missing:
        raise UsageError(f"A match needs {sorted(missing)}. Write home='Arsenal FC' away='Chelsea FC'.")
    matches = sources.select(read("matches"), sample="full")
    day = sources.cut_off(matches, wanted=as_of, slot=datetime.now(UTC).date()).data_as_of
    home, away = (sources.club(matches, inputs[side]) for side in ("home", "away"))
    last = (
        matches[(matches["home"] == home) & (matches["date"] < pd.Timestamp(day))].sort_values("date").tail(1)
    )
    wanted = last.assign(
        match_id="wanted",
        date=pd.Timestamp(day),
        kickoff=None,
        home=home,
        away=away,
        home_goals=None,
        away_goals=None,
    )
    asked = pd.concat([matches, wanted.assign(status="scheduled")], ignore_index=True)
    frame = build(asked, as_of=day)
    return frame[frame["match_id"] == "wanted"].reset_index(drop=True)
