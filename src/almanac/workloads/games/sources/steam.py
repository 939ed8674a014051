"""Reads the public Steam catalogue: one CSV in a zip, 27,075 games up to May 2019."""

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from almanac.download import mirror
from almanac.download.mirror import PublicFile
from almanac.errors import SourceCorrupt
from almanac.settings import Settings
from almanac.workloads.games.sources import games

SOURCE = "steam"
FILE = PublicFile(
    "EmanueleFerrari92/Steam_Games_Recommendation_System",
    "2590f63af77158aa521ace1544cb91b43bcbf962",
    "steam.csv.zip",
    "cc860063d61c702c9f31cc8d0a52745e91b8cc3c877485c1e7304897f83a70fd",
)
MEMBER = "steam.csv"
MANDATORY = "appid name release_date developer publisher platforms categories genres steamspy_tags positive_ratings negative_ratings".split()
# A catalogue is some megabytes; what unpacks to more is no catalogue.
MOST_BYTES = 200_000_000


@dataclass(frozen=True)
class Told:
    """The games of the catalogue, the rows that were refused, and where the file was found."""

    games: pd.DataFrame
    skipped: pd.DataFrame
    where: str


def read(settings: Settings) -> Told:
    """Read the pinned catalogue; raises SourceUnavailable, SourceCorrupt."""
    copy = mirror.read(FILE, settings)
    found, refused = parse(copy.content)
    return Told(found, refused, copy.where)


def parse(content: bytes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the games in a zipped catalogue and the refused rows; raises SourceCorrupt for what is no catalogue."""
    reader = csv.DictReader(io.StringIO(_unzipped(content)))
    missing = [name for name in MANDATORY if name not in (reader.fieldnames or [])]
    if missing:
        raise SourceCorrupt(
            f"{MEMBER} lacks the columns {missing}; it has {list(reader.fieldnames or [])}. The source has changed its format."
        )
    rows, refused, seen = list[dict[str, Any]](), list[tuple[str, int, str, str]](), set[str]()
    for found in _rows(reader, seen):
        if isinstance(found, dict):
            rows.append(found)
        else:
            refused.append(found)
    return games.frame(rows), games.skipped(refused)


def _unzipped(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.getinfo(MEMBER).file_size > MOST_BYTES:
                raise SourceCorrupt(
                    f"{MEMBER} unpacks to more than {MOST_BYTES:,} bytes; that is no catalogue."
                )
            return archive.read(MEMBER).decode("utf-8")
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError, EOFError) as error:
        raise SourceCorrupt(
            f"No zip file with {MEMBER} in UTF-8 ({type(error).__name__}). Read it again or mend the mirror."
        ) from None


def _rows(
    reader: "csv.DictReader[str]", seen: set[str]
) -> Iterator[dict[str, Any] | tuple[str, int, str, str]]:
    for row in reader:
        try:
            game = _game(row)
            if game["game_id"] in seen:
                raise ValueError(f"{game['game_id']} stands in an earlier line already")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            yield MEMBER, reader.line_num, str(error), str(row.get("name"))[:200]
            continue
        seen.add(game["game_id"])
        yield game


def _game(row: dict[str, str]) -> dict[str, Any]:
    title = row["name"].strip()
    if not title:
        raise ValueError("the game has no name")
    good, bad = int(row["positive_ratings"]), int(row["negative_ratings"])
    if min(good, bad) < 0:
        raise ValueError("a number of reviews is below zero")
    return {
        "game_id": f"steam:{int(row['appid'])}",
        "title": title,
        "released": date.fromisoformat(row["release_date"]),
        "genres": _listed(row["genres"]),
        "themes": _listed(row["steamspy_tags"]),
        "categories": _listed(row["categories"]),
        "platforms": _listed(row["platforms"]),
        "developer": _listed(row["developer"]) or None,
        "publisher": _listed(row["publisher"]) or None,
        "reviews": good + bad,
        "good_reviews": good,
        "source": SOURCE,
    }


def _listed(text: str) -> str:
    return ";".join(dict.fromkeys(part.strip() for part in text.split(";") if part.strip()))
