"""Reads a CSV of odds that the user owns, with columns as in the files of football-data.co.uk."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd

from almanac.errors import UsageError
from almanac.workloads.football.sources import odds
from almanac.workloads.football.sources.clubs import Unmatched
from almanac.workloads.football.sources.linking import Directory, unmatched_frame
from almanac.workloads.football.sources.openfootball import LEAGUES

SOURCE = "csv"
MANDATORY = ("Div", "Date", "HomeTeam", "AwayTeam")
DATE_FORMATS = ("%d/%m/%Y", "%d/%m/%y")
# Closing odds carry a C before H, D and A, and VC is a bookmaker: only these names may be read as closing without their opening columns.
BOOKMAKERS = frozenset(
    {
        "B365",
        "BF",
        "BFD",
        "BFE",
        "BMGM",
        "BS",
        "BV",
        "BW",
        "CL",
        "GB",
        "IW",
        "LB",
        "PS",
        "WH",
        "VC",
        "1XB",
        "Max",
        "Avg",
    }
)


@dataclass(frozen=True)
class OddsImport:
    """Odds as declared in the contract; unmatched names (country, name, candidates); bad rows (line, reason)."""

    odds: pd.DataFrame
    unmatched: pd.DataFrame
    bad_rows: pd.DataFrame


@dataclass(frozen=True)
class _Market:
    column: str
    bookmaker: str
    taken: str


def read_odds(source: Path | str, known: pd.DataFrame) -> OddsImport:
    """Read odds for known matches from a file (Path) or its text (str); bad rows are reported by line and left out.

    Raises UsageError where the file cannot be read, or naming the columns it lacks.
    """
    text = source if isinstance(source, str) else _text(source)
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), restkey="surplus")
    markets = _markets([name.strip() for name in reader.fieldnames or []])
    directory, names = Directory.of(known), set[Unmatched]()
    rows, bad = dict[tuple[str, str, str], odds.Row](), list[tuple[int, str]]()
    for record in reader:
        row = {str(name).strip(): value.strip() for name, value in record.items() if isinstance(value, str)}
        if any(row.values()):
            for found in _odds(row, markets, directory, names):
                _sort_in(found, reader.line_num, rows, bad)
    return OddsImport(
        odds.frame(rows.values()), unmatched_frame(names), pd.DataFrame(bad, columns=["line", "reason"])
    )


def _sort_in(
    found: odds.Row | str, line: int, rows: dict[tuple[str, str, str], odds.Row], bad: list[tuple[int, str]]
) -> None:
    if isinstance(found, str):
        bad.append((line, found))
    elif found[:3] in rows:
        bad.append((line, f"{found[0]} has odds of {found[1]} ({found[2]}) in an earlier line already"))
    else:
        rows[found[:3]] = found


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror or error}.") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _markets(header: list[str]) -> list[_Market]:
    missing = [name for name in MANDATORY if name not in header]
    columns = [
        name[:-1]
        for name in header
        if len(name) > 1 and name.endswith("H") and {f"{name[:-1]}D", f"{name[:-1]}A"} <= set(header)
    ]
    if missing or not columns:
        lacking = ", ".join(
            [*missing, *([] if columns else ["three columns of odds, for example B365H, B365D, B365A"])]
        )
        raise UsageError(
            f"The file lacks {lacking}. Needed: {', '.join(MANDATORY)} and odds ending in H, D, A. It has: {', '.join(header) or 'nothing'}."
        )
    return [_market(column, columns) for column in columns]


def _market(column: str, columns: list[str]) -> _Market:
    opening = column[:-1]
    if column.endswith("C") and (opening in columns or opening in BOOKMAKERS):
        return _Market(column, opening, "close")
    return _Market(column, column, "open")


def _odds(
    row: Mapping[str, str], markets: list[_Market], directory: Directory, names: set[Unmatched]
) -> Iterator[odds.Row | str]:
    """Yield the odds of one line, and the reason for each thing in it that cannot be used."""
    try:
        match_id = _match_id(row, directory, names)
    except ValueError as error:
        yield str(error)
    else:
        yield from _prices(row, match_id, markets)


def _match_id(row: Mapping[str, str], directory: Directory, names: set[Unmatched]) -> str:
    league, day = row.get("Div", ""), _day(row.get("Date", ""))
    if league not in LEAGUES:
        raise ValueError(f"league '{league}' is not known; known are {', '.join(LEAGUES)}")
    pair = directory.pairing(league, row.get("HomeTeam", ""), row.get("AwayTeam", ""))
    if isinstance(pair, set):
        names.update(pair)
        raise ValueError("; ".join(sorted(f"club '{each.name}' is not known" for each in pair)))
    match_id = directory.match_id(league, *pair, day)
    if match_id is None:
        raise ValueError(f"no match {pair[0]} - {pair[1]} is known near {day}")
    return match_id


def _prices(row: Mapping[str, str], match_id: str, markets: list[_Market]) -> Iterator[odds.Row | str]:
    quoted = [(market, [row.get(f"{market.column}{end}", "") for end in "HDA"]) for market in markets]
    quoted = [(market, texts) for market, texts in quoted if any(texts)]
    if not quoted:
        yield "the line has no odds"
    for market, texts in quoted:
        try:
            home, draw, away = map(odds.price, texts)
        except ValueError as error:
            yield f"{market.column}H, D, A: {error}"
            continue
        yield match_id, market.bookmaker, market.taken, home, draw, away, SOURCE


def _day(text: str) -> date:
    for form in DATE_FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    raise ValueError(f"date '{text}' is not written as dd/mm/yyyy or dd/mm/yy")
