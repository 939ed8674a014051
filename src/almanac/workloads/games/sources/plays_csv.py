"""Reads a CSV of plays that the user owns: user_id, game_id or title, hours, and a time where known."""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from almanac.errors import UsageError
from almanac.workloads.games.contract import PLAYS
from almanac.workloads.games.shared.spelling import title_key

SOURCE = "csv"
MOST_HOURS = 200_000.0
MOST_CHARACTERS = 500
# PostgreSQL and Python both know these years; nothing was played outside them.
FIRST_YEAR, LAST_YEAR = 1970, 2100
NO_TIME = "time must be a date or an instant, for example 2025-04-18 or 2025-04-18T06:00:00Z"
# User, game_id, hours, time, source.
Play = tuple[str, str, float, datetime | None, str]
EXAMPLE_HEADER = "user_id,game_id,hours,time (or title for game_id)"


@dataclass(frozen=True)
class PlaysImport:
    """Plays as in the contract, unmatched games (game, lines), bad rows (line, reason), and repeated plays.

    `duplicates` counts the lines that were added to an earlier play of the same game by the same user.
    """

    plays: pd.DataFrame
    unmatched: pd.DataFrame
    bad_rows: pd.DataFrame
    duplicates: int


def read_plays(source: Path | str, catalogue: pd.DataFrame) -> PlaysImport:
    """Read plays of the games of a catalogue (game_id, title, reviews) from a file (Path) or its text (str).

    A title that several games share means the most reviewed one. Bad rows are reported by line and left out.
    Raises UsageError where the file cannot be read or lacks columns.
    """
    text = source if isinstance(source, str) else _text(source)
    reader = csv.DictReader(io.StringIO(text), restkey="surplus")
    _require_columns([name.strip() for name in reader.fieldnames or []])
    collection = _Collection(_index(catalogue))
    for line, row in _rows(reader):
        try:
            collection.add(_line(row))
        except ValueError as error:
            collection.bad_rows.append((line, str(error)))
    return collection.result()


def _rows(reader: "csv.DictReader[str]") -> Iterator[tuple[int, dict[str, str]]]:
    for record in reader:
        texts = ((name, value) for name, value in record.items() if isinstance(value, str))
        yield reader.line_num, {str(name).strip(): value.strip() for name, value in texts}


def frame(rows: Sequence[Play]) -> pd.DataFrame:
    """Return rows as the contract's `plays`."""
    plays = pd.DataFrame(rows, columns=PLAYS.column_names).astype({"hours": "float64"})
    played_at = pd.to_datetime(plays["played_at"], utc=True).dt.as_unit("us")
    return plays.assign(played_at=played_at)


@dataclass(frozen=True)
class _Line:
    user: str
    game: str
    hours: float
    at: datetime | None

    def plus(self, other: "_Line") -> "_Line":
        """Return both lines as one: the hours added up, the earlier time."""
        moments = [line.at for line in (self, other) if line.at]
        return replace(self, hours=self.hours + other.hours, at=min(moments, default=None))


@dataclass
class _Collection:
    """The lines read so far, by user and game id; `index` has game ids by id and by title."""

    index: Mapping[str, str]
    lines: dict[tuple[str, str], _Line] = field(default_factory=dict)
    unmatched: Counter[str] = field(default_factory=Counter)
    bad_rows: list[tuple[int, str]] = field(default_factory=list)
    duplicates: int = 0

    def add(self, line: _Line) -> None:
        game_id = self.index.get(line.game) or self.index.get(title_key(line.game))
        if game_id is None:
            self.unmatched[line.game] += 1
            return
        key = line.user, game_id
        earlier = self.lines.get(key)
        self.duplicates += earlier is not None
        self.lines[key] = earlier.plus(line) if earlier else line

    def result(self) -> PlaysImport:
        rows = [(*key, line.hours, line.at, SOURCE) for key, line in self.lines.items()]
        bad_rows = pd.DataFrame(self.bad_rows, columns=["line", "reason"])
        return PlaysImport(frame(rows), self._unmatched(), bad_rows, self.duplicates)

    def _unmatched(self) -> pd.DataFrame:
        lines = pd.DataFrame(list(self.unmatched.items()), columns=["game", "lines"])
        return lines.sort_values(["lines", "game"], ascending=[False, True], ignore_index=True)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\0", "")
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"'{path}' is not UTF-8. Save it as CSV in UTF-8.") from None


def _require_columns(header: list[str]) -> None:
    missing = [name for name in ("user_id", "hours") if name not in header]
    if "game_id" not in header and "title" not in header:
        missing.append("game_id or title")
    if missing:
        raise UsageError(
            f"The file lacks the columns {missing}; it has {header}. It begins: {EXAMPLE_HEADER}."
        )


def _index(catalogue: pd.DataFrame) -> Mapping[str, str]:
    """Return game ids by id and by title key; a shared title belongs to the most reviewed game."""
    ordered = catalogue.sort_values(["reviews", "game_id"], ascending=[True, False])
    games, keys = ordered["game_id"], ordered["title"].map(title_key)
    by_title = dict(zip(keys, games, strict=True))
    by_title.pop("", None)
    return by_title | dict(zip(games, games, strict=True))


def _line(row: Mapping[str, str]) -> _Line:
    user = _name(row.get("user_id"))
    game = _name(row.get("game_id") or row.get("title"))
    hours, moment = _hours(row.get("hours", "")), _moment(row.get("time", ""))
    return _Line(user, game, hours, moment)


def _name(text: str | None) -> str:
    if not text:
        raise ValueError("user or game is empty")
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"user or game has more than {MOST_CHARACTERS} characters")
    return text


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 <= hours <= MOST_HOURS:
        raise ValueError(f"hours must be a number from 0 to {MOST_HOURS:g}")
    return hours


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(NO_TIME) from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"time must lie in the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
