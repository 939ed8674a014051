"""Reads a CSV of plays that the user owns: user_id, game_id or title, hours, and a time where known."""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
            collection.add(_play(row))
        except ValueError as error:
            collection.bad_rows.append((line, str(error)))
    return collection.result()


def _rows(reader: "csv.DictReader[str]") -> Iterator[tuple[int, dict[str, str]]]:
    for record in reader:
        texts = {name: value for name, value in record.items() if isinstance(value, str)}
        yield reader.line_num, {str(name).strip(): value.strip() for name, value in texts.items()}


def frame(rows: list[tuple[str, str, float, datetime | None, str]]) -> pd.DataFrame:
    """Return rows as the contract's `plays`."""
    plays = pd.DataFrame(rows, columns=PLAYS.column_names).astype({"hours": "float64"})
    return plays.assign(played_at=pd.to_datetime(plays["played_at"], utc=True).dt.as_unit("us"))


@dataclass(frozen=True)
class _Play:
    user: str
    game: str
    hours: float
    at: datetime | None

    def plus(self, other: "_Play") -> "_Play":
        """Return both plays as one: the hours added up, the earlier time."""
        moments = [play.at for play in (self, other) if play.at is not None]
        return _Play(self.user, self.game, self.hours + other.hours, min(moments, default=None))


@dataclass
class _Collection:
    """The plays read so far, by user and game; `index` has game ids by id and by title."""

    index: Mapping[str, str]
    plays: dict[tuple[str, str], _Play] = field(default_factory=dict)
    unmatched: Counter[str] = field(default_factory=Counter)
    bad_rows: list[tuple[int, str]] = field(default_factory=list)
    duplicates: int = 0

    def add(self, play: _Play) -> None:
        game = self.index.get(play.game) or self.index.get(title_key(play.game))
        if game is None:
            self.unmatched[play.game] += 1
            return
        earlier = self.plays.get((play.user, game))
        self.duplicates += earlier is not None
        self.plays[play.user, game] = earlier.plus(play) if earlier else play

    def result(self) -> PlaysImport:
        plays = self.plays.items()
        rows = [(user, game, play.hours, play.at, SOURCE) for (user, game), play in plays]
        bad_rows = pd.DataFrame(self.bad_rows, columns=["line", "reason"])
        return PlaysImport(frame(rows), _most_frequent_first(self.unmatched), bad_rows, self.duplicates)


def _most_frequent_first(lines: Mapping[str, int]) -> pd.DataFrame:
    ordered = sorted(lines.items(), key=lambda item: (-item[1], item[0]))
    return pd.DataFrame(ordered, columns=["game", "lines"])


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
    games = ordered["game_id"].tolist()
    keys = [title_key(title) for title in ordered["title"]]
    by_title = {key: game for key, game in zip(keys, games, strict=True) if key}
    return by_title | dict(zip(games, games, strict=True))


def _play(row: Mapping[str, str]) -> _Play:
    user, game = row.get("user_id", ""), row.get("game_id") or row.get("title", "")
    if not user or not game:
        raise ValueError("user or game is empty")
    if max(len(user), len(game)) > MOST_CHARACTERS:
        raise ValueError(f"user or game has more than {MOST_CHARACTERS} characters")
    return _Play(user, game, _hours(row.get("hours", "")), _moment(row.get("time", "")))


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
