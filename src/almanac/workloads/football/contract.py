"""The contract of football: its tables, filters, rhythm and limits."""

from datetime import date, timedelta

from almanac.contract import Column, Contract, Filter, SumRule, Table

# The column with the chance of each outcome.
CHANCE_COLUMNS = {"home": "home_win", "draw": "draw", "away": "away_win"}

NO_ODDS = "No odds: no return is measured. Import your own: almanac import football-odds FILE."

# No match of a league has ended with as many.
MOST_GOALS = 30
# The first league began in 1888; a day beyond this century is a slip.
EARLIEST, LATEST = date(1888, 1, 1), date(2100, 12, 31)


def text(name: str, doc: str, *, nullable: bool = False) -> Column:
    """Return a column of text."""
    return Column(name=name, type="text", doc=doc, nullable=nullable)


def chance(name: str, doc: str) -> Column:
    """Return a column of probabilities."""
    return Column(name=name, type="real", doc=doc, minimum=0.0, maximum=1.0)


def count(name: str, doc: str) -> Column:
    """Return a column of numbers from 0 on."""
    return Column(name=name, type="integer", doc=doc, minimum=0)


def goals(name: str, doc: str) -> Column:
    """Return a column of the goals of one club in one match."""
    return Column(name=name, type="integer", doc=doc, nullable=True, minimum=0, maximum=MOST_GOALS)


def figure(name: str, doc: str) -> Column:
    """Return a column of measured figures, null without a measurement."""
    return Column(name=name, type="real", doc=doc, nullable=True)


def goals_within(name: str, doc: str) -> Column:
    """Return a column of one end of a range of goals, null without a measured range."""
    return Column(name=name, type="integer", doc=doc, nullable=True, minimum=0)


def expected_goals(name: str, doc: str) -> Column:
    """Return a column of mean goals per match."""
    return Column(name=name, type="real", doc=doc, minimum=0.0, maximum=10.0)


def mean_goals(name: str, doc: str) -> Column:
    """Return a column of goals per match in the past."""
    return Column(name=name, type="real", doc=doc, minimum=0)


def odds(name: str, doc: str) -> Column:
    """Return a column of decimal odds."""
    return Column(name=name, type="real", doc=doc, minimum=1.0)


PREDICTIONS = Table(
    name="predictions",
    key=("match_id",),
    doc="The prediction of one coming match.",
    columns=(
        text("match_id", "League, season, home and away club, for example E0-2024-25-arsenal-fc-chelsea-fc."),
        text("league", "League code, for example E0."),
        text("league_name", "League name, for example Premier League."),
        text("season", "Season, for example 2024-25."),
        Column(name="date", type="date", doc="Day of the match."),
        text("kickoff", "Local time of the kick-off, HH:MM; null if it is not fixed yet.", nullable=True),
        text("home", "Home club."),
        text("away", "Away club."),
        chance("home_win", "Chance that the home club wins."),
        chance("draw", "Chance of a draw."),
        chance("away_win", "Chance that the away club wins."),
        chance("home_or_draw", "Chance that the home club wins or draws (double chance 1X)."),
        chance("home_or_away", "Chance that either club wins (double chance 12)."),
        chance("draw_or_away", "Chance that the away club wins or draws (double chance X2)."),
        chance("over_1_5", "Chance of two or more goals."),
        chance("over_2_5", "Chance of three or more goals."),
        chance("over_3_5", "Chance of four or more goals."),
        chance("both_score", "Chance that both clubs score."),
        expected_goals("expected_home_goals", "Expected goals of the home club."),
        expected_goals("expected_away_goals", "Expected goals of the away club."),
        Column(name="likely_scores", type="json", doc="The five most likely scores with their chances."),
        text("pick", "Suggested pick: home, draw, away or a double chance. No betting advice."),
        chance("confidence", "Chance of the pick."),
        text("reason", "Reasons for the pick, in words."),
        goals_within(
            "home_goals_low",
            "From so many goals of the home club. Eight of ten clubs score in their range.",
        ),
        goals_within("home_goals_high", "To so many goals of the home club; null if no range was measured."),
        goals_within(
            "away_goals_low",
            "From so many goals of the away club. Eight of ten clubs score in their range.",
        ),
        goals_within("away_goals_high", "To so many goals of the away club; null if no range was measured."),
        Column(
            name="odds",
            type="json",
            nullable=True,
            doc="Odds of the user, best outcome at these odds, expected value, stake; null without odds.",
        ),
    ),
)

LEAGUES = Table(
    name="leagues",
    key=("league",),
    doc="One league of the run.",
    columns=(
        text("league", "League code, for example E0."),
        text("league_name", "League name, for example Premier League."),
        text("country", "Country."),
        count("matches_coming", "Number of predicted matches."),
        count("matches_played", "Number of played matches before the run's cut-off."),
        text("first_season", "Season of the first match."),
        text("last_season", "Season of the last match."),
        Column(
            name="newest_result",
            type="date",
            nullable=True,
            doc="Day of the newest result before the cut-off; null in older releases.",
        ),
    ),
)

STATISTICS = Table(
    name="statistics",
    key=("scope",),
    doc="Averages of played matches, and scores of the model, for all leagues together and for each.",
    columns=(
        text("scope", "'all' or a league code."),
        count("matches", "Number of matches behind the averages, which are those of the last two seasons."),
        chance("home_win_rate", "Share of home wins."),
        chance("draw_rate", "Share of draws."),
        chance("away_win_rate", "Share of away wins."),
        mean_goals("home_goals", "Mean goals of the home club."),
        mean_goals("away_goals", "Mean goals of the away club."),
        chance("over_2_5_rate", "Share of matches with three or more goals."),
        chance("both_score_rate", "Share of matches in which both clubs scored."),
        count("held_out_matches", "Number of held-out matches behind the scores of the model."),
        figure("rps", "Ranked probability score of the model on held-out matches; 0 is perfect."),
        figure("log_loss", "Log-loss of the model on held-out matches."),
        figure("accuracy", "Share of held-out matches whose most likely outcome happened."),
        figure("calibration_error", "Mean gap between chance and frequency on held-out matches."),
        figure("calibration_noise", "The gap that true chances would have on as many matches, by chance."),
        Column(
            name="ranges",
            type="integer",
            nullable=True,
            minimum=0,
            doc="Ranges of goals in the later half of the held-out matches. The earlier half sets their"
            " width.",
        ),
        figure("goals_within", "Share of these ranges that held the goals; 0.8 is promised."),
        figure("goals_within_low", "Lower end of its 95 % Wilson interval."),
        figure("goals_within_high", "Upper end of its 95 % Wilson interval."),
    ),
)

BANDS = Table(
    name="bands",
    key=("band",),
    doc="Hit rate of picks on held-out matches, per band of confidence.",
    columns=(
        text("band", "Band of confidence, for example 0.60-0.70."),
        chance("low", "Lower end of the band."),
        chance("high", "Upper end of the band."),
        count("picks", "Number of held-out picks in the band."),
        count("hits", "Number of these picks that were right."),
        figure("promised", "Mean confidence of these picks."),
        figure("hit_rate", "Share of these picks that were right."),
        figure("hit_rate_low", "Lower end of the 95 % Wilson interval of the hit rate."),
        figure("hit_rate_high", "Upper end of the 95 % Wilson interval of the hit rate."),
    ),
)

RESULTS = Table(
    name="results",
    key=("match_id",),
    doc="The score of one match of the last 60 days before the run's cut-off.",
    columns=(
        text("match_id", "As in predictions."),
        text("league", "League code, for example E0."),
        Column(name="date", type="date", doc="Day of the match."),
        text("home", "Home club."),
        text("away", "Away club."),
        count("home_goals", "Goals of the home club."),
        count("away_goals", "Goals of the away club."),
        text("outcome", "home, draw or away."),
    ),
)

MATCHES = Table(
    name="matches",
    key=("match_id",),
    doc="One match of any source, played or to come.",
    different=(("home", "away"),),
    columns=(
        text("match_id", "As in predictions."),
        text("league", "League code, for example E0."),
        text("season", "Season, for example 2024-25."),
        text("round", "Round, for example Matchday 7; null if the source has none.", nullable=True),
        Column(name="date", type="date", doc="Day of the match.", earliest=EARLIEST, latest=LATEST),
        text("kickoff", "Local time of the kick-off, HH:MM; null if the source has none.", nullable=True),
        text("home", "Home club."),
        text("away", "Away club."),
        goals("home_goals", "Goals of the home club after 90 minutes; null without a score."),
        goals("away_goals", "Goals of the away club after 90 minutes; null without a score."),
        text("status", "played, scheduled, cancelled, awarded, postponed, abandoned or gone (not listed)."),
        text("source", "Source of the row, for example openfootball."),
    ),
)

ODDS = Table(
    name="odds",
    key=("match_id", "bookmaker", "taken"),
    doc="Decimal odds that the user owns, or fetched with the user's key.",
    columns=(
        text("match_id", "As in matches."),
        text("bookmaker", "Bookmaker, for example B365, Avg or PS."),
        text("taken", "'open' for opening odds or 'close' for closing odds."),
        odds("home_odds", "Odds of a home win."),
        odds("draw_odds", "Odds of a draw."),
        odds("away_odds", "Odds of an away win."),
        text("source", "Source of the row, for example csv."),
    ),
)

CONTRACT = Contract(
    name="football",
    title="Football match predictions",
    doc="Chances, markets and picks for the coming matches of 25 European leagues, computed ahead."
    " No betting advice.",
    predictions=PREDICTIONS,
    order=("date",),
    filters=(
        Filter(name="league", column="league", op="in", doc="League codes, comma separated."),
        Filter(name="from", column="date", op="min", doc="First day."),
        Filter(name="to", column="date", op="max", doc="Last day."),
        Filter(name="min_confidence", column="confidence", op="min", doc="Minimum confidence of the pick."),
        Filter(name="pick", column="pick", op="in", doc="Picks, comma separated."),
    ),
    sums=(SumRule(columns=tuple(CHANCE_COLUMNS.values())),),
    side_tables=(LEAGUES, STATISTICS, BANDS, RESULTS),
    raw_tables=(MATCHES, ODDS),
    primary_metric="log_loss",
    cadence=timedelta(hours=6),
    schedule="every 6h",
    typical_seconds=160,
    stale_after=timedelta(hours=24),
    # In season some league plays every few days, and its file follows within a week.
    data_rhythm=timedelta(days=14),
    retention=timedelta(days=7),
    attribution="Results: openfootball (CC0 1.0).",
)
