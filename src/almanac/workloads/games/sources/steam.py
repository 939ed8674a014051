"""Reads the public Steam catalogue: one CSV in a zip, 27,075 games up to May 2019."""

import csv
import io
import zipfile
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from almanac.download import mirror
from almanac.download.mirror import PublicFile
from almanac.errors import SourceCorrupt
from almanac.settings import Settings
from almanac.workloads.games.sources import games
from almanac.workloads.games.sources.games import Refusal

SOURCE = "steam"
FILE = PublicFile(
    "EmanueleFerrari92/Steam_Games_Recommendation_System",
    "2590f63af77158aa521ace1544cb91b43bcbf962",
    "steam.csv.zip",
    "cc860063d61c702c9f31cc8d0a52745e91b8cc3c877485c1e7304897f83a70fd",
)
MEMBER = "steam.csv"
MANDATORY = (
    "appid name release_date developer publisher platforms categories genres steamspy_tags positive_ratings"
    " negative_ratings"
).split()
# The catalogue has some megabytes; a larger file is something else.
MOST_BYTES = 200_000_000
UNREADABLE_ROW = (AttributeError, KeyError, TypeError, ValueError)
UNREADABLE_ZIP = (zipfile.BadZipFile, KeyError, UnicodeDecodeError, EOFError)


@dataclass(frozen=True)
class Catalogue:
    """The games of the catalogue, the refused rows, and where the file was read from."""

    games: pd.DataFrame
    skipped: pd.DataFrame
    where: str


def read(settings: Settings) -> Catalogue:
    """Read the pinned catalogue; raises SourceUnavailable, SourceCorrupt."""
    copy = mirror.read(FILE, settings)
    frame, skipped = parse(copy.content)
    return Catalogue(frame, skipped, copy.where)


def parse(content: bytes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the games in a zipped catalogue and the refused rows; raises SourceCorrupt for another file."""
    reader = csv.DictReader(io.StringIO(_unzipped(content)))
    _require_columns(list(reader.fieldnames or []))
    rows = dict[str, dict[str, Any]]()
    refusals = list[Refusal]()
    for row in reader:
        try:
            _add(dict(games.storable(_game(row))), rows)
        except UNREADABLE_ROW as error:
            text = str(row.get("name"))[: games.MOST_TEXT]
            refusals.append((MEMBER, reader.line_num, str(error), text))
    return games.frame(rows.values()), games.skipped(refusals)


def _add(game: dict[str, Any], rows: dict[str, dict[str, Any]]) -> None:
    game_id = game["game_id"]
    if game_id in rows:
        raise ValueError(f"{game_id} is in an earlier line already")
    rows[game_id] = game


def _require_columns(header: list[str]) -> None:
    missing = [name for name in MANDATORY if name not in header]
    if missing:
        raise SourceCorrupt(
            f"{MEMBER} lacks the columns {missing}; it has {header}. The source has changed its format."
        )


def _unzipped(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.getinfo(MEMBER).file_size > MOST_BYTES:
                raise SourceCorrupt(
                    f"{MEMBER} unpacks to more than {MOST_BYTES:,} bytes; that is no catalogue."
                )
            return archive.read(MEMBER).decode("utf-8")
    except UNREADABLE_ZIP as error:
        cause = type(error).__name__
        raise SourceCorrupt(
            f"No zip file with {MEMBER} in UTF-8 ({cause}). Read it again or mend the mirror."
        ) from None


def _game(row: dict[str, str]) -> dict[str, Any]:
    title = _title(row)
    good, bad = _reviews(row)
    return {
        "game_id": f"steam:{int(row['appid'])}",
        "title": title,
        "released": date.fromisoformat(row["release_date"]),
        "genres": _parts(row["genres"]),
        "themes": _parts(row["steamspy_tags"]),
        "categories": _parts(row["categories"]),
        "platforms": _parts(row["platforms"]),
        "developer": _parts(row["developer"]) or None,
        "publisher": _parts(row["publisher"]) or None,
        "reviews": good + bad,
        "good_reviews": good,
        "source": SOURCE,
    }


def _title(row: dict[str, str]) -> str:
    title = row["name"].strip()
    if not title:
        raise ValueError("the game has no name")
    return title


def _reviews(row: dict[str, str]) -> tuple[int, int]:
    good, bad = int(row["positive_ratings"]), int(row["negative_ratings"])
    if min(good, bad) < 0:
        raise ValueError("a number of reviews is below zero")
    return good, bad


def _parts(text: str) -> str:
    parts = dict.fromkeys(part.strip() for part in text.split(";"))
    return ";".join(part for part in parts if part)
