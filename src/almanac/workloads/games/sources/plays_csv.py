"""Reads a CSV of plays that the user owns: user_id, game_id or title, hours, and a time where known."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from almanac.errors import UsageError
from almanac.workloads.games.contract import PLAYS
from almanac.workloads.games.shared.spelling import title_key

SOURCE = "csv"
MOST_HOURS = 200_000.0
# PostgreSQL and Python both know these years; nothing was played outside them.
FIRST_YEAR, LAST_YEAR = 1970, 2100


@dataclass(frozen=True)
class PlaysImport:
    """Plays as declared in the contract; unmatched games (game, lines); bad rows (line, reason); doubled rows were added up."""

    plays: pd.DataFrame
    unmatched: pd.DataFrame
    bad_rows: pd.DataFrame
    doubled: int


def read_plays(source: Path | str, catalogue: pd.DataFrame) -> PlaysImport:
    """Read plays of known games from a file (Path) or its text (str); `catalogue` has game_id, title and reviews.

    A title that several games share means the most reviewed. Bad rows are reported by line and left out. Raises UsageError where the file
    cannot be read, or naming the columns it lacks.
    """
    reader = csv.DictReader(
        io.StringIO(source if isinstance(source, str) else _text(source)), restkey="surplus"
    )
    _refuse_other_columns([name.strip() for name in reader.fieldnames or []])
    index = _index(catalogue)
    plays, unmatched, bad, doubled = (
        dict[tuple[str, str], _Play](),
        dict[str, int](),
        list[tuple[int, str]](),
        0,
    )
    for record in reader:
        row = {str(name).strip(): value.strip() for name, value in record.items() if isinstance(value, str)}
        try:
            play = _play(row)
        except ValueError as error:
            bad.append((reader.line_num, str(error)))
            continue
        game = index.get(play.game) or index.get(title_key(play.game))
        if game is None:
            unmatched[play.game] = unmatched.get(play.game, 0) + 1
            continue
        known = plays.get((play.user, game))
        doubled += known is not None
        plays[play.user, game] = play if known is None else _together(known, play)
    rows = [(user, game, play.hours, play.at, SOURCE) for (user, game), play in plays.items()]
    return PlaysImport(
        frame(rows), _unmatched(unmatched), pd.DataFrame(bad, columns=["line", "reason"]), doubled
    )


def frame(rows: list[tuple[str, str, float, datetime | None, str]]) -> pd.DataFrame:
    """Return rows as the contract's `plays`."""
    made = pd.DataFrame(rows, columns=PLAYS.column_names).astype({"hours": "float64"})
    return made.assign(played_at=pd.to_datetime(made["played_at"], utc=True).dt.as_unit("us"))


@dataclass(frozen=True)
class _Play:
    user: str
    game: str
    hours: float
    at: datetime | None


def _together(one: _Play, other: _Play) -> _Play:
    moments = [play.at for play in (one, other) if play.at is not None]
    return _Play(one.user, one.game, one.hours + other.hours, min(moments, default=None))


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\0", "")
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"'{path}' is not UTF-8. Save it as CSV in UTF-8.") from None


def _refuse_other_columns(header: list[str]) -> None:
    missing = [name for name in ("user_id", "hours") if name not in header]
    if "game_id" not in header and "title" not in header:
        missing.append("game_id or title")
    if missing:
        raise UsageError(
            f"The file lacks the columns {missing}; it has {header}. It begins: user_id,game_id,hours,time (or title for game_id)."
        )


def _index(catalogue: pd.DataFrame) -> Mapping[str, str]:
    """Return game ids by themselves and by the words of their titles; the most reviewed game with a title has it."""
    ordered = catalogue.sort_values(["reviews", "game_id"], ascending=[True, False])
    by_title = {
        title_key(title): game
        for title, game in zip(ordered["title"], ordered["game_id"], strict=True)
        if title_key(title)
    }
    return by_title | {game: game for game in ordered["game_id"]}


def _play(row: Mapping[str, str]) -> _Play:
    user, game = row.get("user_id", ""), row.get("game_id") or row.get("title", "")
    if not user or not game:
        raise ValueError("user or game is empty")
    if max(len(user), len(game)) > 500:
        raise ValueError("user or game has more than 500 characters")
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
        raise ValueError(
            "time must be a date or an instant, for example 2025-04-18 or 2025-04-18T06:00:00Z"
        ) from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"time must lie in the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unmatched(names: Mapping[str, int]) -> pd.DataFrame:
    ordered = sorted(names.items(), key=lambda item: (-item[1], item[0]))
    return pd.DataFrame(ordered, columns=["game", "lines"])
