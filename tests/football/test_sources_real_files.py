"""The real public files, where ALMANAC_MIRROR holds them."""

import os
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from almanac.settings import Settings
from almanac.workloads.football import sources
from almanac.workloads.football.sources import Fetched, clubs, football_txt, openfootball

# Reading all of them takes seconds, once.
pytestmark = pytest.mark.slow
SHORTENED = {(code, "2019-20") for code in ("F1", "F2", "N1", "SC0", "E2", "E3", "EC")}
# Left the league in mid-season or was expelled; its matches were struck out or given to the opponent.
STRUCK_OUT = {("E2", "2019-20"), ("SP2", "2018-19"), ("D3", "2021-22"), ("EC", "2019-20"), ("EC", "2020-21")}
EVERY_SEASON = "E0 E1 E2 E3 EC D1 D2 D3 I1 I2 SP1 SP2 F1 F2 N1 P1 A1 A2".split()


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Fetched:
    mirror = os.environ.get("ALMANAC_MIRROR", "")
    if not (Path(mirror) / "openfootball").is_dir():
        pytest.skip(
            "ALMANAC_MIRROR names no folder with openfootball's files: the real files are NOT checked"
        )
    keys = {"football_data_org_token": None, "odds_api_key": None}
    home = tmp_path_factory.mktemp("real")
    switches = {"mirror": mirror, "offline": True, "source_head": False}
    return sources.fetch(Settings(home=home, **switches, **keys))  # type: ignore[arg-type]


def test_all_pinned_files_are_read_with_fewer_than_a_hundred_unparsed_lines(
    fetched: Fetched,
) -> None:
    assert len(fetched.files) == 205
    assert len(fetched.unparsed_lines) < 100
    assert len(fetched.refused_rows) == 0
    assert fetched.matches["match_id"].is_unique


def test_every_file_has_the_matches_that_its_header_declares(fetched: Fetched) -> None:
    differing = fetched.files[fetched.files["matches_declared"] != fetched.files["matches_parsed"]]
    assert differing[["league", "season", "matches_declared", "matches_parsed"]].to_numpy().tolist() == []


def test_every_declared_match_was_played_with_known_exceptions(fetched: Fetched) -> None:
    played = fetched.matches[fetched.matches["status"] == "played"].groupby(["league", "season"]).size()
    missing = fetched.files.set_index(["league", "season"])["matches_declared"] - played
    # A match or two awarded to the opponent; from April 2025 on, matches still to come when the files were
    # pinned.
    explained = SHORTENED | STRUCK_OUT | {where for where in missing.index if where[1] == "2024-25"}
    assert missing[~missing.index.isin(list(explained))].max() <= 2
    assert missing[missing.index.isin(list(SHORTENED | STRUCK_OUT))].min() >= 1
    assert missing[missing.index.get_level_values("season") == "2024-25"].sum() < 110


def test_eighteen_leagues_have_every_season_since_2018(fetched: Fetched) -> None:
    seasons = fetched.matches.groupby("league")["season"].agg(set)
    needed = {f"20{year}-{year + 1}" for year in range(18, 25)}
    assert [code for code in EVERY_SEASON if not needed <= seasons[code]] == []


def test_every_date_lies_in_its_season(fetched: Fetched) -> None:
    first = pd.to_datetime(fetched.matches["season"].str[:4] + "-07-01")
    assert (fetched.matches["date"] >= first).all()
    assert (fetched.matches["date"] < first + pd.Timedelta(days=420)).all()


def test_a_club_plays_in_one_league_of_its_country_per_season(fetched: Fetched) -> None:
    countries = fetched.matches["league"].map(
        {code: league.country for code, league in openfootball.LEAGUES.items()}
    )
    sides = pd.concat(
        [fetched.matches.assign(club=fetched.matches[side], country=countries) for side in ("home", "away")]
    )
    assert sides.groupby(["country", "season", "club"])["league"].nunique().max() == 1


def pinned_texts() -> list[str]:
    folder = Path(os.environ["ALMANAC_MIRROR"])
    return [
        (folder / pin.file.repository / pin.file.path).read_text(encoding="utf-8")
        for pin in openfootball.pinned()
    ]


def members(fetched: Fetched) -> Iterator[tuple[str, str, set[str]]]:
    for (league, season), rows in fetched.matches.groupby(["league", "season"]):
        yield str(league), str(season), set(rows["home"]) | set(rows["away"])


def test_every_season_has_as_many_clubs_as_its_header_says(fetched: Fetched) -> None:
    # One club under two names would be one club too many.
    texts = {
        (pin.league.code, pin.season): text
        for pin, text in zip(openfootball.pinned(), pinned_texts(), strict=True)
    }
    declared = {where: int(text.split("# Teams", 1)[1].split()[0]) for where, text in texts.items()}
    counts = {(league, season): len(names) for league, season, names in members(fetched)}
    differing = {where: (counts[where], declared[where]) for where in declared}
    differing = {where: pair for where, pair in differing.items() if pair[0] != pair[1]}
    # This header counts the club of Gaziantep twice, before and after it was renamed in mid-season.
    assert differing == {("T1", "2019-20"): (18, 19)}


def test_every_club_is_in_the_table_of_clubs(fetched: Fetched) -> None:
    unknown = {
        (league, name)
        for league, _, names in members(fetched)
        for name in names
        if clubs.canonical(openfootball.LEAGUES[league].country, name) != name
    }
    assert unknown == set()


TIERS = [["E0", "E1", "E2", "E3", "EC"], ["D1", "D2", "D3"], ["I1", "I2"], ["SP1", "SP2"], ["F1", "F2"]]
EXPELLED = {
    ("Bury FC", "2019-20"),
    ("Macclesfield Town", "2020-21"),
    ("TSV 1860 München", "2017-18"),
    ("SC Bastia", "2017-18"),
}


def vanished(
    clubs_of: dict[tuple[str, str], set[str]], codes: list[str], before: str, after: str
) -> set[tuple[str, str]]:
    """Return the clubs of all tiers but the lowest that are in one of two seasons only."""
    earlier, later = (set().union(*(clubs_of[code, season] for code in codes)) for season in (before, after))
    upper = codes[:-1]
    gone = {name for code in upper for name in clubs_of[code, before] - later}
    new = {name for code in upper for name in clubs_of[code, after] - earlier}
    return {(name, after) for name in gone | new}


def test_clubs_move_between_the_tiers_of_their_country_and_do_not_vanish(fetched: Fetched) -> None:
    # Below the tier of a club that vanished there is always a known tier, so a misspelt club shows here.
    clubs_of = {(league, season): names for league, season, names in members(fetched)}
    seasons = [openfootball.season_name(year) for year in range(2015, 2025)]
    result = [
        vanished(clubs_of, codes, before, after) for codes in TIERS for before, after in pairwise(seasons)
    ]
    assert set().union(*result) == EXPELLED


def test_clubs_that_changed_tier_keep_their_name(fetched: Fetched) -> None:
    tiers = fetched.matches.groupby("home")["league"].agg(set)
    assert tiers["Sunderland AFC"] == {"E0", "E1", "E2"}
    assert tiers["Wolverhampton Wanderers FC"] == {"E0", "E1"}
    assert tiers["Luton Town FC"] == {"E0", "E1", "E2", "E3"}
    assert tiers["1. FC Heidenheim 1846"] == {"D1", "D2"}
    assert tiers["Palermo FC"] == {"I1", "I2"}
    assert tiers["SBV Vitesse"] == {"N1", "N2"}


def test_reading_is_quick(fetched: Fetched) -> None:
    texts, pins = pinned_texts(), openfootball.pinned()
    started = time.process_time()
    for text, pin in zip(texts, pins, strict=True):
        football_txt.parse(text, pin.season)
    assert time.process_time() - started < 3.0
