"""Reads a CSV of plays that the user owns: user_id, game_id or title, hours, and a time where known."""

import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from almanac import csv_rows, fields
from almanac.errors import UsageError
from almanac.fields import printable
from almanac.workloads.games.contract import PLAYS
from almanac.workloads.games.sources.game_index import GameIndex

SOURCE = "csv"
MOST_HOURS = 200_000.0
MOST_CHARACTERS = 500
# About half a kilobyte of memory each (measured); more players than these teach a model nothing new.
MOST_PLAYS = 3_000_000
TOO_MANY = (
    "The file has more than {most:,} plays, more than fit into memory. Split it by user_id, or leave out"
    " players with few plays. Nothing was changed."
)
# PostgreSQL and Python both know these years; nothing was played outside them.
FIRST_YEAR, LAST_YEAR = 1970, 2100
# Clocks and time zones differ by less.
TOLERANCE = timedelta(days=1)
NO_TIME = "time must be a date or an instant, for example 2025-04-18 or 2025-04-18T06:00:00Z"
FUTURE = "time must not lie in the future"
ADDED_UP = f"hours must add up to at most {MOST_HOURS:g} with the earlier lines of this game and user"
# User, game_id, hours, time, source.
Play = tuple[str, str, float, datetime | None, str]
EXAMPLE_HEADER = "user_id,game_id,hours,time (or title for game_id)"
MOST_ECHO = 600


@dataclass(frozen=True)
class PlaysImport:
    """Plays as in the contract, unmatched games (game, lines), bad rows (line, reason), and repeated plays.

    `duplicates` counts the lines that were added to an earlier play of the same game by the same user, and
    `lines` all lines with a value below the header.
    """

    plays: pd.DataFrame
    unmatched: pd.DataFrame
    bad_rows: pd.DataFrame
    duplicates: int
    lines: int = 0


def read_plays(source: Path | str, catalogue: pd.DataFrame, *, now: datetime | None = None) -> PlaysImport:
    """Read plays of the games of a catalogue (game_id, title, reviews) from a file (Path) or its text (str).

    A game is meant by its exact id, then by its exact title, then by the words of its title; what looks like
    an id is no title. A title that several games share means the most reviewed one. Bad rows are reported by
    line and left out, also those later than `now` (by default the present). Raises UsageError where the file
    cannot be read, lacks columns, or has more than MOST_PLAYS plays.
    """
    rows = csv_rows.read(source)
    _require_columns(rows.header)
    latest = (now or datetime.now(UTC)) + TOLERANCE
    collection = _Collection(GameIndex.of(catalogue), rows.bad_rows)
    for line, row in rows:
        try:
            collection.add(_line(row, latest))
        except ValueError as error:
            collection.bad_rows.append((line, str(error)))
    return collection.result()


def frame(rows: Sequence[Play]) -> pd.DataFrame:
    """Return rows as the contract's `plays`."""
    return _typed(pd.DataFrame(rows, columns=PLAYS.column_names))


def _typed(plays: pd.DataFrame) -> pd.DataFrame:
    played_at = pd.to_datetime(plays["played_at"], utc=True).dt.as_unit("us")
    return plays.assign(played_at=played_at).astype({"hours": "float64"})


@dataclass(frozen=True, slots=True)
class _Line:
    user: str
    game_id: str
    title: str
    hours: float
    at: datetime | None


@dataclass
class _Collection:
    """The plays so far by user and game id: hours added up, and the earliest time."""

    index: GameIndex
    bad_rows: list[tuple[int, str]]
    plays: dict[tuple[str, str], tuple[float, datetime | None]] = field(default_factory=dict)
    unmatched: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0

    def add(self, line: _Line) -> None:
        """Add a line.

        Raises ValueError for hours that add up to too many, UsageError for too many plays.
        """
        game_id = self.index.game_of(line.game_id, line.title)
        if game_id is None:
            self.unmatched[line.title or line.game_id] += 1
            return
        # The same few names are in millions of lines; each is stored once.
        key = sys.intern(line.user), sys.intern(game_id)
        earlier = self.plays.get(key)
        if earlier is None and len(self.plays) == MOST_PLAYS:
            raise UsageError(TOO_MANY.format(most=MOST_PLAYS))
        self.plays[key] = _sum(earlier, line) if earlier else (line.hours, line.at)
        self.duplicates += earlier is not None

    def result(self) -> PlaysImport:
        bad_rows = pd.DataFrame(sorted(self.bad_rows), columns=["line", "reason"])
        lines = len(self.plays) + self.duplicates + self.unmatched.total() + len(bad_rows)
        return PlaysImport(self._frame(), self._unmatched(), bad_rows, self.duplicates, lines)

    def _frame(self) -> pd.DataFrame:
        columns = {
            "user_id": [user for user, _ in self.plays],
            "game_id": [game for _, game in self.plays],
            "hours": [hours for hours, _ in self.plays.values()],
            "played_at": [moment for _, moment in self.plays.values()],
        }
        return _typed(pd.DataFrame(columns).assign(source=SOURCE))

    def _unmatched(self) -> pd.DataFrame:
        lines = pd.DataFrame(list(self.unmatched.items()), columns=["game", "lines"])
        return lines.sort_values(["lines", "game"], ascending=[False, True], ignore_index=True)


def _sum(earlier: tuple[float, datetime | None], line: _Line) -> tuple[float, datetime | None]:
    hours, moments = earlier[0] + line.hours, [moment for moment in (earlier[1], line.at) if moment]
    if hours > MOST_HOURS:
        raise ValueError(ADDED_UP)
    return hours, min(moments, default=None)


def _require_columns(header: list[str]) -> None:
    missing = [name for name in ("user_id", "hours") if name not in header]
    if "game_id" not in header and "title" not in header:
        missing.append("game_id or title")
    if missing:
        columns = printable(str(header))[:MOST_ECHO]
        raise UsageError(
            f"The file lacks the columns {missing}; it has {columns}. It begins: {EXAMPLE_HEADER}."
        )


def _line(row: Mapping[str, str], latest: datetime) -> _Line:
    user, game_id, title = _name(row["user_id"]), row.get("game_id", ""), row.get("title", "")
    _name(game_id or title)
    _name(title or game_id)
    return _Line(user, game_id, title, _hours(row["hours"]), _moment(row.get("time", ""), latest))


def _name(text: str) -> str:
    if not text:
        raise ValueError("user or game is empty")
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"user or game has more than {MOST_CHARACTERS} characters")
    return text


def _hours(text: str) -> float:
    try:
        hours = fields.real(text)
    except ValueError:
        hours = math.nan
    if not 0 <= hours <= MOST_HOURS:
        raise ValueError(f"hours must be a number from 0 to {MOST_HOURS:g}")
    return hours


def _moment(text: str, latest: datetime) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(NO_TIME) from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"time must lie in the years {FIRST_YEAR} to {LAST_YEAR}")
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > latest:
        raise ValueError(FUTURE)
    return moment
