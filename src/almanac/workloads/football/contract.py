"""What the football workload promises to its readers."""

from datetime import timedelta

from almanac.contract import Column, Contract, Filter, SumRule, Table

# The column with the chance of each outcome.
CHANCE_COLUMNS = {"home": "home_win", "draw": "draw", "away": "away_win"}


def chance(name: str, doc: str) -> Column:
    """Return a column that holds a probability."""
    return Column(name=name, type="real", doc=doc, minimum=0.0, maximum=1.0)


PREDICTIONS = Table(
    name="predictions",
    key=("match_id",),
    doc="One coming match.",
    columns=(
        Column(
            name="match_id",
            type="text",
            doc="League, season, home and away club, for example E0-2024-25-arsenal-fc-chelsea-fc.",
        ),
        Column(name="league", type="text", doc="League code, for example E0."),
        Column(name="league_name", type="text", doc="League name."),
        Column(name="season", type="text", doc="Season, for example 2024-25."),
        Column(name="date", type="date", doc="Day of the match."),
        Column(
            name="kickoff", type="text", nullable=True, doc="Local time of the kick-off, HH:MM, where known."
        ),
        Column(name="home", type="text", doc="Home club."),
        Column(name="away", type="text", doc="Away club."),
        chance("home_win", "Chance that the home club wins."),
        chance("draw", "Chance of a draw."),
        chance("away_win", "Chance that the away club wins."),
        chance("home_or_draw", "Double chance 1X."),
        chance("home_or_away", "Double chance 12."),
        chance("draw_or_away", "Double chance X2."),
        chance("over_1_5", "Chance of two or more goals."),
        chance("over_2_5", "Chance of three or more goals."),
        chance("over_3_5", "Chance of four or more goals."),
        chance("both_score", "Chance that both clubs score."),
        Column(
            name="expected_home_goals",
            type="real",
            doc="Mean of the home club's goals.",
            minimum=0.0,
            maximum=10.0,
        ),
        Column(
            name="expected_away_goals",
            type="real",
            doc="Mean of the away club's goals.",
            minimum=0.0,
            maximum=10.0,
        ),
        Column(name="likely_scores", type="json", doc="The five most likely scores with their chances."),
        Column(
            name="pick",
            type="text",
            doc="Suggested pick: home, draw, away, or a double chance. No betting advice.",
        ),
        chance("confidence", "Chance the model gives to its pick."),
        Column(name="reason", type="text", doc="Why this pick, in words."),
        Column(
            name="odds",
            type="json",
            nullable=True,
            doc="With odds of the user: odds, expected value, Kelly stake. Otherwise null.",
        ),
    ),
)

LEAGUES = Table(
    name="leagues",
    key=("league",),
    doc="One league of this run.",
    columns=(
        Column(name="league", type="text", doc="League code."),
        Column(name="league_name", type="text", doc="League name."),
        Column(name="country", type="text", doc="Country."),
        Column(name="matches_coming", type="integer", doc="Predicted matches of this run.", minimum=0),
        Column(name="matches_played", type="integer", doc="Played matches known to this run.", minimum=0),
        Column(name="first_season", type="text", doc="First season known."),
        Column(name="last_season", type="text", doc="Last season known."),
    ),
)

STATISTICS = Table(
    name="statistics",
    key=("scope",),
    doc="Averages of played matches: scope 'all' or a league code.",
    columns=(
        Column(name="scope", type="text", doc="'all' or a league code."),
        Column(
            name="matches",
            type="integer",
            doc="Matches behind these averages (the last two seasons).",
            minimum=0,
        ),
        chance("home_win_rate", "Share of home wins."),
        chance("draw_rate", "Share of draws."),
        chance("away_win_rate", "Share of away wins."),
        Column(name="home_goals", type="real", doc="Mean home goals.", minimum=0),
        Column(name="away_goals", type="real", doc="Mean away goals.", minimum=0),
        chance("over_2_5_rate", "Share of matches with three or more goals."),
        chance("both_score_rate", "Share of matches in which both scored."),
        Column(
            name="held_out_matches",
            type="integer",
            doc="Held-out matches behind the model's figures.",
            minimum=0,
        ),
        Column(
            name="rps",
            type="real",
            nullable=True,
            doc="Ranked probability score of the model on held-out matches.",
        ),
        Column(name="log_loss", type="real", nullable=True, doc="Log-loss of the model on held-out matches."),
        Column(name="accuracy", type="real", nullable=True, doc="Accuracy of the model on held-out matches."),
    ),
)

BANDS = Table(
    name="bands",
    key=("band",),
    doc="Hit rate of picks on held-out matches per band of confidence.",
    columns=(
        Column(name="band", type="text", doc="Band, for example 0.60-0.70."),
        chance("low", "Lower end of the band."),
        chance("high", "Upper end of the band."),
        Column(name="picks", type="integer", doc="Held-out picks in this band.", minimum=0),
        Column(name="hits", type="integer", doc="Picks that came true.", minimum=0),
        Column(name="promised", type="real", nullable=True, doc="Mean confidence of these picks."),
        Column(name="hit_rate", type="real", nullable=True, doc="hits / picks."),
        Column(name="hit_rate_low", type="real", nullable=True, doc="Lower end of the 95 % Wilson interval."),
        Column(
            name="hit_rate_high", type="real", nullable=True, doc="Upper end of the 95 % Wilson interval."
        ),
    ),
)

RESULTS = Table(
    name="results",
    key=("match_id",),
    doc="Matches of the last 60 days before the run's cut-off, with their scores.",
    columns=(
        Column(name="match_id", type="text", doc="As in predictions."),
        Column(name="league", type="text", doc="League code."),
        Column(name="date", type="date", doc="Day of the match."),
        Column(name="home", type="text", doc="Home club."),
        Column(name="away", type="text", doc="Away club."),
        Column(name="home_goals", type="integer", doc="Goals of the home club.", minimum=0),
        Column(name="away_goals", type="integer", doc="Goals of the away club.", minimum=0),
        Column(name="outcome", type="text", doc="home, draw or away."),
    ),
)

MATCHES = Table(
    name="matches",
    key=("match_id",),
    doc="Every match known, played or to come.",
    columns=(
        Column(name="match_id", type="text"),
        Column(name="league", type="text"),
        Column(name="season", type="text"),
        Column(name="round", type="text", nullable=True),
        Column(name="date", type="date"),
        Column(name="kickoff", type="text", nullable=True),
        Column(name="home", type="text"),
        Column(name="away", type="text"),
        Column(name="home_goals", type="integer", nullable=True, minimum=0),
        Column(name="away_goals", type="integer", nullable=True, minimum=0),
        Column(
            name="status", type="text", doc="played, scheduled, cancelled, awarded, postponed or abandoned."
        ),
        Column(name="source", type="text"),
    ),
)

ODDS = Table(
    name="odds",
    key=("match_id", "bookmaker", "taken"),
    doc="Decimal odds that the user owns or fetched with the user's key.",
    columns=(
        Column(name="match_id", type="text"),
        Column(name="bookmaker", type="text", doc="For example B365, Avg, PS."),
        Column(name="taken", type="text", doc="'open' or 'close'."),
        Column(name="home_odds", type="real", minimum=1.0),
        Column(name="draw_odds", type="real", minimum=1.0),
        Column(name="away_odds", type="real", minimum=1.0),
        Column(name="source", type="text"),
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
        Filter(name="min_confidence", column="confidence", op="min", doc="Least confidence of the pick."),
        Filter(name="pick", column="pick", op="in", doc="Picks, comma separated."),
    ),
    sums=(SumRule(columns=tuple(CHANCE_COLUMNS.values())),),
    side_tables=(LEAGUES, STATISTICS, BANDS, RESULTS),
    raw_tables=(MATCHES, ODDS),
    primary_metric="log_loss",
    cadence=timedelta(hours=6),
    typical_seconds=160,
    stale_after=timedelta(hours=24),
    retention=timedelta(days=7),
    attribution="Results: openfootball (CC0 1.0).",
)
