"""What is known before a match: one plain function per column, and the function's name is the column's."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pandas as pd

from almanac.errors import UsageError
from almanac.workloads.football import single_match, sources
from almanac.workloads.football.strength import form
from almanac.workloads.football.strength.history import History
from almanac.workloads.football.strength.timeline import KEYS, Floats, Timeline


def build(matches: pd.DataFrame, *, as_of: date, horizon_days: int = 0) -> pd.DataFrame:
    """Return one row per match with a score before `as_of`, or coming from then on, sorted by date and match.

    The grain is the day: a feature knows results of earlier days only, and none from `as_of` on. `outcome` is
    None for coming matches. With `horizon_days`, each row knows only what was known at a snapshot up to that
    many days before.
    """
    history = History.of(Timeline.of(matches, as_of=as_of, horizon_days=horizon_days))
    columns = {feature.__name__: feature(history) for feature in FEATURES}
    frame = history.timeline.frame[KEYS].assign(**columns)
    return frame.sort_values(["date", "match_id"], ignore_index=True)


def elo_difference(history: History) -> Floats:
    """Elo points by which the home club is stronger."""
    return history.elo.home - history.elo.away


def rated_home_goals(history: History) -> Floats:
    """Home goals expected from slowly moving ratings."""
    return history.steady.home


def rated_away_goals(history: History) -> Floats:
    """Away goals expected from slowly moving ratings."""
    return history.steady.away


def recent_home_goals(history: History) -> Floats:
    """Home goals expected from quickly moving ratings."""
    return history.quick.home


def recent_away_goals(history: History) -> Floats:
    """Away goals expected from quickly moving ratings."""
    return history.quick.away


def lasting_home_goals(history: History) -> Floats:
    """Home goals expected from ratings that move least and stay between seasons."""
    return history.slow.home


def lasting_away_goals(history: History) -> Floats:
    """Away goals expected from ratings that move least and stay between seasons."""
    return history.slow.away


def fitted_home_goals(history: History) -> Floats:
    """Home goals expected by Dixon and Coles."""
    return history.fitted.home


def fitted_away_goals(history: History) -> Floats:
    """Away goals expected by Dixon and Coles."""
    return history.fitted.away


def fitted_dependence(history: History) -> Floats:
    """Dependence of low scores by Dixon and Coles."""
    return history.fitted.dependence


def home_form(history: History) -> Floats:
    """Points per match of the home club lately."""
    return history.points.home


def away_form(history: History) -> Floats:
    """Points per match of the away club lately."""
    return history.points.away


def home_goals_for(history: History) -> Floats:
    """Goals per match of the home club lately."""
    return history.scored.home


def away_goals_for(history: History) -> Floats:
    """Goals per match of the away club lately."""
    return history.scored.away


def home_goals_against(history: History) -> Floats:
    """Goals per match against the home club lately."""
    return history.conceded.home


def away_goals_against(history: History) -> Floats:
    """Goals per match against the away club lately."""
    return history.conceded.away


def home_surprise(history: History) -> Floats:
    """Goals per match by which the home club lately did better than expected."""
    return history.surprise.home


def away_surprise(history: History) -> Floats:
    """Goals per match by which the away club lately did better than expected."""
    return history.surprise.away


def home_ground(history: History) -> Floats:
    """Goals per match by which the home club does better at home than clubs usually do."""
    return form.ground(history.timeline, history.steady)


def home_wins_at_home(history: History) -> Floats:
    """Wins of the home club in its last five home matches."""
    return history.ground_wins.home


def away_wins_away(history: History) -> Floats:
    """Wins of the away club in its last five away matches."""
    return history.ground_wins.away


def home_rest_days(history: History) -> Floats:
    """Days since the home club's match before, at most 14."""
    return history.rest.home


def away_rest_days(history: History) -> Floats:
    """Days since the away club's match before, at most 14."""
    return history.rest.away


def head_to_head(history: History) -> Floats:
    """Mean goal difference of the home club in earlier meetings of the two, pulled to 0."""
    return form.meetings(history.timeline)


def home_points_per_game(history: History) -> Floats:
    """Points per match of the home club in this season."""
    return history.season_points.home


def away_points_per_game(history: History) -> Floats:
    """Points per match of the away club in this season."""
    return history.season_points.away


def home_position(history: History) -> Floats:
    """Place of the home club in its table: 0 is the top, 1 the bottom. Deducted points are unknown."""
    return history.positions.home


def away_position(history: History) -> Floats:
    """Place of the away club in its table: 0 is the top, 1 the bottom. Deducted points are unknown."""
    return history.positions.away


def season_phase(history: History) -> Floats:
    """Share of the league's double round that the home club has behind it."""
    return history.season_matches.home / form.rounds(history.timeline)


def league_home_rate(history: History) -> Floats:
    """Share of home wins in the league."""
    return form.home_win_rate(history.timeline)


def league_draw_rate(history: History) -> Floats:
    """Share of draws in the league."""
    return form.draw_rate(history.timeline)


def league_goals(history: History) -> Floats:
    """Goals per match in the league."""
    return form.goal_rate(history.timeline)


FEATURES: list[Callable[[History], Floats]] = [
    elo_difference,
    rated_home_goals,
    rated_away_goals,
    recent_home_goals,
    recent_away_goals,
    lasting_home_goals,
    lasting_away_goals,
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
    """Return the rows of matches without a score on the `days` days from `as_of` on.

    Raises UsageError where there is none, as between seasons.
    """
    ahead = (frame["date"] - pd.Timestamp(as_of)).dt.days
    is_coming = frame["outcome"].isna() & (ahead >= 0)
    rows = frame[is_coming & (ahead < days)]
    if rows.empty:
        raise UsageError(_nothing_to_predict(frame[is_coming], as_of, days))
    return rows.reset_index(drop=True)


def _nothing_to_predict(later: pd.DataFrame, as_of: date, days: int) -> str:
    reason = f"No match is scheduled on the {days} days from {as_of} on, so there is nothing to predict"
    if later.empty:
        return f"{reason}. The sources list no later one yet; between seasons that is usual."
    first = later["date"].min().date()
    return f"{reason}. The next one is on {first}: name a later cut-off, --data-as-of {first}."


def one(read: Callable[[str], pd.DataFrame], inputs: dict[str, str], *, as_of: date | None) -> pd.DataFrame:
    """Return the features of a match `home=… away=… league=…` on the cut-off day, in the home club's league.

    `read` returns a raw table. Raises UsageError for inputs that are missing, unknown or do not fit together.
    """
    single_match.refuse_other_inputs(inputs)
    matches = sources.select(read("matches"), sample="full")
    cut = sources.cut_off(matches, requested=as_of, slot=datetime.now(UTC).date())
    match = single_match.row_of(matches, inputs, cut.data_as_of)
    frame = build(pd.concat([matches, match], ignore_index=True), as_of=cut.data_as_of)
    row = frame[frame["match_id"] == single_match.MATCH_ID].reset_index(drop=True)
    unknown = [feature.__name__ for feature in FEATURES if row[feature.__name__].isna().any()]
    if unknown:
        reason = f"not enough is known of one of the clubs before {cut.data_as_of} ({', '.join(unknown)})"
        raise UsageError(f"This match cannot be predicted: {reason}. Try a later --data-as-of.")
    return row
