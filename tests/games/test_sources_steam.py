"""The Steam catalogue: one CSV in a zip, read strictly; each refused row is reported."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from almanac.errors import SourceCorrupt
from almanac.settings import Settings
from almanac.workloads.games.contract import GAMES
from almanac.workloads.games.sources import steam

HEADER = (
    "appid,name,release_date,english,developer,publisher,platforms,required_age,categories,genres,"
    "steamspy_tags,achievements,positive_ratings,negative_ratings,average_playtime,median_playtime,"
    "owners,price"
)
PORTAL = (
    "400,Portal,2007-10-10,1,Valve,Valve,windows;mac,0,Single-player,Action,Puzzle;First-Person;Puzzle,"
    "15,900,100,1,1,5-10,7.19"
)


def zipped(*lines: str, member: str = "steam.csv") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(member, "\n".join(lines))
    return content.getvalue()


def test_a_row_becomes_a_game():
    games, refused = steam.parse(zipped(HEADER, PORTAL))
    row = games.iloc[0].to_dict()
    assert list(row) == GAMES.column_names
    assert f"{row.pop('released'):%Y-%m-%d}" == "2007-10-10"
    assert row == {
        "game_id": "steam:400",
        "title": "Portal",
        "genres": "Action",
        "themes": "Puzzle;First-Person",
        "categories": "Single-player",
        "platforms": "windows;mac",
        "developer": "Valve",
        "publisher": "Valve",
        "reviews": 1000,
        "good_reviews": 900,
        "listed": True,
        "source": "steam",
    }
    assert refused.empty


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("2007-10-10", "10/10/2007", "Invalid isoformat string: '10/10/2007'"),
        ("2007-10-10", "2007-13-45", "month must be in 1..12"),
        ("Portal", "Por\0tal", "title holds NUL"),
        ("Puzzle;First", "Puz\0zle;First", "themes holds NUL"),
        ("400,", "four hundred,", "invalid literal"),
        (",900,", ",-1,", "a number of reviews is below zero"),
        ("Portal", " ", "the game has no name"),
    ],
)
def test_a_bad_row_is_refused_with_its_line_and_the_others_stay(before, after, reason):
    good, bad = PORTAL.replace("400,", "410,", 1), PORTAL.replace(before, after, 1)
    games, refused = steam.parse(zipped(HEADER, good, bad))
    assert games["game_id"].tolist() == ["steam:410"]
    assert refused[["file", "line"]].to_numpy().tolist() == [["steam.csv", 3]]
    assert reason in refused["reason"].iloc[0]


def test_a_repeated_game_is_read_once():
    games, refused = steam.parse(zipped(HEADER, PORTAL, PORTAL))
    assert len(games) == 1
    assert refused["reason"].tolist() == ["steam:400 is in an earlier line already"]


def test_the_error_for_missing_columns_names_them():
    with pytest.raises(SourceCorrupt, match=r"lacks the columns \['release_date'\].*changed its format"):
        steam.parse(zipped(HEADER.replace("release_date", "date"), PORTAL))


@pytest.mark.parametrize(
    "content",
    [b"", b"no zip", zipped(HEADER)[:40], zipped(HEADER, member="other.csv")],
    ids=["nothing", "text", "a part", "another file"],
)
def test_a_file_other_than_a_zip_with_the_catalogue_is_refused(content):
    with pytest.raises(SourceCorrupt, match=r"No zip file with steam\.csv"):
        steam.parse(content)


def test_a_zip_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(steam, "MOST_BYTES", 10)
    with pytest.raises(SourceCorrupt, match="unpacks to more than 10 bytes"):
        steam.parse(zipped(HEADER, PORTAL))


def test_a_changed_file_of_the_mirror_is_refused(tmp_path: Path):
    place = tmp_path / steam.FILE.repository / steam.FILE.path
    place.parent.mkdir(parents=True)
    place.write_bytes(zipped(HEADER, PORTAL))
    with pytest.raises(SourceCorrupt, match="has sha-256"):
        steam.read(Settings(home=tmp_path, mirror=str(tmp_path), offline=True))


@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("ALMANAC_MIRROR"),
    reason="ALMANAC_MIRROR names no mirror: the real catalogue is not read",
)
def test_the_real_catalogue_has_27075_games_and_no_row_is_refused(tmp_path: Path):
    mirror = os.environ["ALMANAC_MIRROR"]
    catalogue = steam.read(Settings(home=tmp_path, mirror=mirror, offline=True))
    assert (len(catalogue.games), len(catalogue.skipped), catalogue.where) == (27_075, 0, "mirror")
    assert catalogue.games["game_id"].is_unique
