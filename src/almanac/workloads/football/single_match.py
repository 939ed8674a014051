"""One match that somebody names by its clubs: which clubs, which league, and whether they can meet."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

import pandas as pd

from almanac.errors import UsageError
from almanac.fields import printable
from almanac.workloads.football import sources
from almanac.workloads.football.sources import clubs, openfootball
from almanac.workloads.football.sources.openfootball import LEAGUES

# `almanac predict-one` prints this id.
MATCH_ID = "single-match"
INPUTS = frozenset({"home", "away"})
OPTIONAL_INPUTS = frozenset({"league"})
EXAMPLE = "Write home='Arsenal FC' away='Chelsea FC'."


class Club(NamedTuple):
    """A club, which its name alone does not tell: two countries may have one of the same name."""

    country: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.country})"


class _Sides(NamedTuple):
    home: Club
    away: Club


def row_of(matches: pd.DataFrame, inputs: Mapping[str, str], day: date) -> pd.DataFrame:
    """Return the match `home=… away=… league=…` on `day` as a row, in the league of the home club.

    `league` is needed only where the names of the clubs fit two countries. Raises UsageError for a club that
    is unknown, doubtful or gone, for clubs that cannot meet, and for a league in which they do not play.
    """
    country = _country(inputs.get("league"))
    sides = _sides(matches, inputs, country)
    last = [_last_match(matches, club, day) for club in sides]
    _refuse_other_league(inputs.get("league"), sides, last)
    return _row(last[0], sides, day)


def refuse_other_inputs(inputs: Mapping[str, str]) -> None:
    """Raise UsageError where an input is missing, or one is named that no match has."""
    missing = sorted(INPUTS - set(inputs))
    if missing:
        raise UsageError(f"A match needs {missing}. {EXAMPLE}")
    unknown = sorted(set(inputs) - INPUTS - OPTIONAL_INPUTS)
    if unknown:
        names = ", ".join(f"'{printable(name)}'" for name in unknown)
        raise UsageError(f"A match has no {names}; its inputs are home, away and league. {EXAMPLE}")


def _directory(matches: pd.DataFrame) -> dict[str, set[Club]]:
    """Return the clubs of these matches by the keys of their names and of their other spellings."""
    countries = matches["league"].map({code: league.country for code, league in LEAGUES.items()})
    names = {Club(*pair) for side in ("home", "away") for pair in zip(countries, matches[side], strict=True)}
    by_key: dict[str, set[Club]] = {}
    for club in names:
        by_key.setdefault(clubs.key(club.name), set()).add(club)
    for (country, key), name in clubs.spellings().items():
        if (club := Club(country, name)) in names:
            by_key.setdefault(key, set()).add(club)
    return by_key


def _country(league: str | None) -> str | None:
    if league is None:
        return None
    if league not in LEAGUES:
        raise UsageError(f"Unknown league '{printable(league)}'. Known leagues: {', '.join(LEAGUES)}.")
    return LEAGUES[league].country


def _sides(matches: pd.DataFrame, inputs: Mapping[str, str], country: str | None) -> _Sides:
    by_key = _directory(matches)
    for side in ("home", "away"):
        if clubs.key(inputs[side]) not in by_key:
            # Raises with the nearest names.
            sources.club(matches, printable(inputs[side]))
    candidates = [_candidates(by_key[clubs.key(inputs[side])], country) for side in ("home", "away")]
    pairs = [
        _Sides(home, away)
        for home in sorted(candidates[0])
        for away in sorted(candidates[1])
        if home.country == away.country
    ]
    if not pairs:
        home, away = map(_listed, candidates)
        raise UsageError(f"{home} and {away} play in different countries, so no league has both.")
    if len(pairs) > 1:
        raise UsageError(f"The names fit more than one match: {_options(pairs)}. Add league=E0, for example.")
    if pairs[0].home == pairs[0].away:
        raise UsageError(f"{pairs[0].home.name} cannot play against itself. {EXAMPLE}")
    return pairs[0]


def _candidates(named: set[Club], country: str | None) -> set[Club]:
    fitting = {club for club in named if country in (None, club.country)}
    if not fitting:
        raise UsageError(f"{_listed(named)} is no club of {country}. Leave league= out.")
    return fitting


def _listed(several: Iterable[Club]) -> str:
    return " or ".join(str(club) for club in sorted(several))


def _options(pairs: Iterable[_Sides]) -> str:
    return ", ".join(f"{pair.home} - {pair.away}" for pair in pairs)


def _last_match(matches: pd.DataFrame, club: Club, day: date) -> pd.DataFrame:
    """Return the club's last match before `day`; raises UsageError if it did not play lately."""
    leagues = [code for code, league in LEAGUES.items() if league.country == club.country]
    is_of_club = (matches["home"] == club.name) | (matches["away"] == club.name)
    is_earlier = matches["date"] < pd.Timestamp(day)
    is_played = matches["status"] == "played"
    rows = matches[is_of_club & is_earlier & is_played & matches["league"].isin(leagues)]
    if rows.empty:
        raise UsageError(f"{club.name} has played no match before {day}, so nothing is known of it.")
    last = rows.sort_values(["date", "match_id"]).tail(1)
    if str(last["season"].iloc[0]) < _season_before(day):
        since = last["date"].iloc[0].date()
        way_out = f"Try a day when it played: --data-as-of {since}"
        raise UsageError(f"{club.name} has played no match since {since}. {way_out}.")
    return last


def _season_before(day: date) -> str:
    current = openfootball.season_of(day)
    return openfootball.season_name(int(current[:4]) - 1)


def _refuse_other_league(league: str | None, sides: _Sides, last: list[pd.DataFrame]) -> None:
    """Raise UsageError where a league is named in which neither club played lately."""
    actual = [str(row["league"].iloc[0]) for row in last]
    if league is not None and league not in actual:
        played = ", ".join(f"{club.name} in {code}" for club, code in zip(sides, actual, strict=True))
        raise UsageError(f"League {league} does not fit: {played} played last. Leave league= out.")


def _row(last: pd.DataFrame, sides: _Sides, day: date) -> pd.DataFrame:
    return last.assign(
        match_id=MATCH_ID,
        date=pd.Timestamp(day),
        kickoff=None,
        home=sides.home.name,
        away=sides.away.name,
        home_goals=None,
        away_goals=None,
        status="scheduled",
    )
