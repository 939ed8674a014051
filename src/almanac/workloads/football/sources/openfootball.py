"""The leagues and the public files of their seasons: paths and pinned commits."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from almanac.download.mirror import PublicFile

BRANCH = "master"
FIRST_MONTH = 7
COMMITS = {
    "openfootball/austria": "64d3d92a5571be9100692db6bf34603d4102b001",
    "openfootball/deutschland": "0bf93bbeb01d5ae81a254ee7192910ff65dda8d3",
    "openfootball/england": "1303dcb3cae7c1eafbb6a86ffd5bb119e8bf61af",
    "openfootball/espana": "a3fd997aabb623ccdc1f8006e5f31525be6f89c6",
    "openfootball/europe": "159d7367f7d82748682f0225096e5ef48bbaf49d",
    "openfootball/italy": "6116d8ad88bc877545e29ea484fbefa368e70f67",
}


@dataclass(frozen=True)
class League:
    """One league; `path` has a gap for the season, tier 1 is the country's highest."""

    code: str
    name: str
    country: str
    tier: int
    repository: str
    path: str

    @property
    def label(self) -> str:
        """Country and name, for example 'England, Premier League'."""
        return f"{self.country}, {self.name}"


@dataclass(frozen=True)
class SeasonFile:
    """The public file of one season of one league; `season` is written '2024-25'."""

    league: League
    season: str
    file: PublicFile


def _league(code: str, name: str, country: str, tier: int, place: str) -> tuple[str, League]:
    repository, _, path = place.partition("/")
    return code, League(code, name, country, tier, f"openfootball/{repository}", path)


LEAGUES = dict(
    (
        _league("E0", "Premier League", "England", 1, "england/{season}/1-premierleague.txt"),
        _league("E1", "Championship", "England", 2, "england/{season}/2-championship.txt"),
        _league("E2", "League One", "England", 3, "england/{season}/3-league1.txt"),
        _league("E3", "League Two", "England", 4, "england/{season}/4-league2.txt"),
        _league("EC", "National League", "England", 5, "england/{season}/5-nationalleague.txt"),
        _league("SC0", "Scottish Premiership", "Scotland", 1, "europe/scotland/{season}_sco1.txt"),
        _league("D1", "Bundesliga", "Germany", 1, "deutschland/{season}/1-bundesliga.txt"),
        _league("D2", "2. Bundesliga", "Germany", 2, "deutschland/{season}/2-bundesliga2.txt"),
        _league("D3", "3. Liga", "Germany", 3, "deutschland/{season}/3-liga3.txt"),
        _league("I1", "Serie A", "Italy", 1, "italy/{season}/1-seriea.txt"),
        _league("I2", "Serie B", "Italy", 2, "italy/{season}/2-serieb.txt"),
        _league("SP1", "Primera División", "Spain", 1, "espana/{season}/1-liga.txt"),
        _league("SP2", "Segunda División", "Spain", 2, "espana/{season}/2-liga2.txt"),
        _league("F1", "Ligue 1", "France", 1, "europe/france/{season}_fr1.txt"),
        _league("F2", "Ligue 2", "France", 2, "europe/france/{season}_fr2.txt"),
        _league("N1", "Eredivisie", "Netherlands", 1, "europe/netherlands/{season}_nl1.txt"),
        _league("N2", "Eerste Divisie", "Netherlands", 2, "europe/netherlands/{season}_nl2.txt"),
        _league("P1", "Primeira Liga", "Portugal", 1, "europe/portugal/{season}_pt1.txt"),
        _league("P2", "Segunda Liga", "Portugal", 2, "europe/portugal/{season}_pt2.txt"),
        _league("A1", "Bundesliga", "Austria", 1, "austria/{season}/1-bundesliga.txt"),
        _league("A2", "2. Liga", "Austria", 2, "austria/{season}/2-liga2.txt"),
        _league("SZ1", "Super League", "Switzerland", 1, "europe/switzerland/{season}_ch1.txt"),
        _league("CZ1", "First League", "Czech Republic", 1, "europe/czech-republic/{season}_cz1.txt"),
        _league("G1", "Super League", "Greece", 1, "europe/greece/{season}_gr1.txt"),
        _league("T1", "Süper Lig", "Turkey", 1, "europe/turkey/{season}_tr1.txt"),
    )
)


def pinned() -> list[SeasonFile]:
    """Return the seasons whose files are pinned, league by league, oldest first."""
    with (files(__package__) / "pins.tsv").open(encoding="utf-8") as table:
        return [_pinned(**row) for row in csv.DictReader(table, delimiter="\t")]


def _pinned(league: str, season: str, sha256: str) -> SeasonFile:
    return season_file(league, season, COMMITS[LEAGUES[league].repository], sha256)


def at_head(commits: Mapping[str, str], today: date) -> list[SeasonFile]:
    """Return every pinned season and every later one up to today's, each at the commit of its repository.

    The paths of later seasons follow the layout of the repository. Some of these files may not exist yet.
    """
    pins = pinned()
    newest = max(pin.season for pin in pins)
    later = seasons_after(newest, season_of(today))
    seasons = [(pin.league.code, pin.season) for pin in pins]
    seasons += [(code, season) for code in LEAGUES for season in later]
    return [
        season_file(code, season, commits[LEAGUES[code].repository]) for code, season in _by_league(seasons)
    ]


def season_file(code: str, season: str, commit: str, sha256: str | None = None) -> SeasonFile:
    """Return one season of one league with its file."""
    league = LEAGUES[code]
    path = league.path.format(season=season)
    return SeasonFile(league, season, PublicFile(league.repository, commit, path, sha256))


def _by_league(seasons: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    order = list(LEAGUES)
    return sorted(seasons, key=lambda each: (order.index(each[0]), each[1]))


def first_day(season: str) -> date:
    """Return the first of July on which a season begins.

    >>> first_day("2024-25")
    datetime.date(2024, 7, 1)
    """
    return date(int(season[:4]), FIRST_MONTH, 1)


def season_of(day: date) -> str:
    """Return the season of a day; seasons change on the first of July.

    >>> season_of(date(2025, 6, 30)), season_of(date(2025, 7, 1)), season_of(date(1999, 12, 31))
    ('2024-25', '2025-26', '1999-00')
    """
    return season_name(day.year if day.month >= FIRST_MONTH else day.year - 1)


def season_name(year: int) -> str:
    """Return the season that begins in the summer of `year`.

    >>> season_name(2024)
    '2024-25'
    """
    return f"{year}-{(year + 1) % 100:02d}"


def seasons_after(season: str, last: str) -> list[str]:
    """Return the seasons later than `season` up to `last`.

    >>> seasons_after("2023-24", "2025-26"), seasons_after("2025-26", "2024-25")
    (['2024-25', '2025-26'], [])
    """
    years = range(first_day(season).year + 1, first_day(last).year + 1)
    return [season_name(year) for year in years]
