"""The contract of the games workload: tables, filters, slots."""

from datetime import timedelta

from almanac.contract import Column, Contract, Filter, Table

LISTED = 10
# Neighbours published in a pool, from which several liked games are combined and filtered by platform and
# year.
POOL = 40
# Games of a pool that players of a game take to less than others do; they lower the sum of liked games.
MOST_AGAINST = 20
# What has brought an entry into a list, and pairs of a pool that no list may have.
PLAYERS, CONTENT, UNLISTED, AGAINST = "players", "content", "unlisted", "against"


def share(name: str, doc: str) -> Column:
    """Return a column that holds a number from 0 to 1."""
    return Column(name=name, type="real", doc=doc, minimum=0.0, maximum=1.0)


PREDICTIONS = Table(
    name="predictions",
    key=("game_id",),
    doc="One video game with the ten that are most like it and the ten that its players took to.",
    columns=(
        Column(name="game_id", type="text", doc="steam:<appid> or igdb:<id>."),
        Column(name="title", type="text", doc="Title as the source spells it."),
        Column(name="title_key", type="text", doc="Words of the title as they are searched for."),
        Column(name="rank", type="integer", doc="Place by popularity, 1 is the most popular.", minimum=1),
        Column(
            name="year",
            type="integer",
            nullable=True,
            doc="Year of the first release.",
            minimum=1950,
            maximum=2100,
        ),
        Column(name="released", type="date", nullable=True, doc="Day of the first release."),
        Column(name="main_genre", type="text", doc="First genre, lower case."),
        Column(name="genres", type="json", doc="All genres."),
        Column(name="themes", type="json", doc="Themes and tags, the most telling first."),
        Column(
            name="platforms", type="json", doc="Platforms: windows, mac, linux, playstation, xbox, nintendo."
        ),
        Column(name="developer", type="text", nullable=True, doc="Who made it."),
        Column(name="publisher", type="text", nullable=True, doc="Who published it."),
        share(
            "rating",
            "Lower end of the 95 % interval of the share of good reviews; few reviews give a low one.",
        ),
        share("popularity", "Logarithm of the number of reviews beside that of the most reviewed game."),
        Column(
            name="adult",
            type="boolean",
            doc="Whether its tags are Sexual Content or Nudity; such games are listed only for each other.",
        ),
        Column(
            name="players",
            type="integer",
            doc="Players of this game in the imported plays; 0 without any.",
            minimum=0,
        ),
        Column(
            name="similar",
            type="json",
            doc="The most similar games by content, best first: game_id, title, score, why, by.",
        ),
        Column(
            name="recommended",
            type="json",
            nullable=True,
            doc="What players of this game took to as well, filled up by content; `by` of each entry says"
            " which: players or content. Null where it equals `similar`.",
        ),
        Column(
            name="recommended_titles",
            type="text",
            doc="Titles of the recommended games, best first, in one text.",
        ),
        Column(
            name="pool",
            type="json",
            doc="Longer list of neighbours, pairs of game_id and score, from which several liked games are"
            " combined. What plays have brought has a third member: players, unlisted for other editions and"
            " further games of a series, or against with a score below zero.",
        ),
    ),
)

WORDS = Table(
    name="words",
    key=("word", "game_id"),
    doc="The words of each title; a word ending in * means all words with this beginning,"
    " of the most popular games only. After # is a whole title without blanks, after = its initials,"
    " after ~ its initials with further letters.",
    columns=(
        Column(name="word", type="text", doc="Word of a title, or a run of letters or digits in it."),
        Column(name="game_id", type="text", doc="As in predictions."),
        Column(name="rank", type="integer", doc="As in predictions.", minimum=1),
        Column(
            name="place", type="integer", doc="Place of the word in the title, 0 is the first.", minimum=0
        ),
        Column(name="of", type="integer", doc="Number of words in the title.", minimum=1),
    ),
)

SPELLINGS = Table(
    name="spellings",
    key=("spelling", "word"),
    doc="Words of titles by their forms with one letter left out,"
    " so that a mistyped word is found by its key.",
    columns=(
        Column(name="spelling", type="text", doc="The word, or the word with one letter left out."),
        Column(name="word", type="text", doc="The word as it is in titles."),
    ),
)

HEALTH = Table(
    name="health",
    key=("measure",),
    doc="How this release looks as a whole.",
    columns=(
        Column(name="measure", type="text", doc="What is measured."),
        Column(name="value", type="real", doc="Its value."),
        Column(name="doc", type="text", doc="What it means."),
    ),
)

GAMES = Table(
    name="games",
    key=("game_id",),
    doc="Every game of any source, also those that their source no longer lists.",
    columns=(
        Column(name="game_id", type="text"),
        Column(name="title", type="text"),
        Column(name="released", type="date", nullable=True),
        Column(name="genres", type="text", doc="Separated by semicolons, as all lists here."),
        Column(name="themes", type="text"),
        Column(name="categories", type="text"),
        Column(name="platforms", type="text"),
        Column(name="developer", type="text", nullable=True),
        Column(name="publisher", type="text", nullable=True),
        Column(name="reviews", type="bigint", minimum=0),
        Column(name="good_reviews", type="bigint", minimum=0),
        Column(name="listed", type="boolean", doc="Whether the source still lists it."),
        Column(name="source", type="text"),
    ),
)

PLAYS = Table(
    name="plays",
    key=("user_id", "game_id"),
    doc="Who played what; behaviour that the user of Almanac owns.",
    columns=(
        Column(name="user_id", type="text"),
        Column(name="game_id", type="text"),
        Column(name="hours", type="real", minimum=0),
        Column(name="played_at", type="timestamp", nullable=True),
        Column(name="source", type="text"),
    ),
)

CONTRACT = Contract(
    name="games",
    title="Video game recommendations",
    doc="For each video game the ten most like it and the ten its players took to,"
    " with scores and reasons, computed ahead.",
    predictions=PREDICTIONS,
    order=("rank",),
    filters=(
        Filter(
            name="key",
            column="title_key",
            op="in",
            doc="Titles as they are searched for (`title_key`), comma separated.",
        ),
        Filter(name="genre", column="main_genre", op="in", doc="Main genres in lower case, comma separated."),
        Filter(name="from_year", column="year", op="min", doc="First year."),
        Filter(name="to_year", column="year", op="max", doc="Last year."),
        Filter(name="min_rating", column="rating", op="min", doc="Least rating."),
    ),
    side_tables=(WORDS, SPELLINGS, HEALTH),
    raw_tables=(GAMES, PLAYS),
    primary_metric="ndcg_at_10",
    cadence=timedelta(hours=24),
    schedule="collect 01:00, train 02:00, evaluate+predict 03:00 Europe/Stockholm",
    typical_seconds=100,
    stale_after=timedelta(hours=72),
    retention=timedelta(days=3),
    minimum_rows=100,
    attribution="Steam Store Games (Clean dataset) by Nik Davis,"
    " collected from the Steam Store and SteamSpy APIs, May 2019 (CC BY 4.0).",
)
