"""The grammar of a match in a Football.TXT file: the whole line is understood, or it is no match."""

import re
from typing import NamedTuple

from almanac.workloads.football.sources.txt_days import DAY, TIME, clock
from almanac.workloads.football.sources.txt_names import is_club_name
from almanac.workloads.football.sources.txt_notes import (
    ATTENDANCE,
    NOT_OVER,
    STATUS_WORD,
    Note,
    note_of,
    status_of,
)

Goals = tuple[int, int]

_PAIR = r"\d{1,2}[-–]\d{1,2}(?!\d)"
_PEN = r"(?:pens?|PENS?|p)\b\.?"
_AET = r"(?i:a\.?e\.?t\b\.?)"
_WITHOUT_EXTRA_TIME = rf"(?P<shots>{_PAIR})\s*{_PEN}\s*\((?P<drawn>{_PAIR})(?:,\s*(?P<drawn_half>{_PAIR}))?\)"
_SCORE = (
    rf"(?:{_WITHOUT_EXTRA_TIME}"
    rf"|(?:(?P<first_shots>{_PAIR})\s*{_PEN},?\s+)?(?P<goals>{_PAIR})(?:\s*(?P<extra>{_AET}))?"
    rf"(?:\s*\((?P<earlier>{_PAIR})(?:,\s*(?P<half>{_PAIR}))?\))?(?:,?\s+(?P<last_shots>{_PAIR})\s*{_PEN})?)"
)
_STATUS = rf"(?:\s*(?P<status>{STATUS_WORD}))?"
_LAST_STATUS = rf"(?:\s+(?P<last_status>{STATUS_WORD}))?"
_BETWEEN_CLUBS = rf"(?:{_SCORE}{_STATUS}|(?P<alone>{STATUS_WORD})|(?<=\s\s)(?P<dash>-)(?=\s\s))"

_VERSUS = re.compile(
    rf"(?P<home>\S.*?)\s+(?:v|vs\.?|VS)\s+(?P<away>\S.*?)"
    rf"(?:\s+{_SCORE}(?=\s|$|[a-zA-Z]){_STATUS}|{_LAST_STATUS})"
)
_BETWEEN = re.compile(rf"(?P<home>\S.*?)\s+{_BETWEEN_CLUBS}\s+(?P<away>\S.*?){_LAST_STATUS}")
_HAS_VERSUS = re.compile(r"\s(?:v|vs\.?|VS)\s")
_HEAD = re.compile(rf"(?:\(\d{{1,3}}\)\s+)?(?:{DAY}(?=\s)\s*,?\s*)?(?:{TIME}\s+)?")
_PLACE_AHEAD = re.compile(r"@\s*\S.*?\s{2,}(?=\S)")
_PLACE_BEHIND = re.compile(r"\s@(?P<place>.*)")
_SQUARE_NOTE = re.compile(r"\s*\[(?P<text>[^\[\]]*)\]\s*$")
_ROUND_NOTE = re.compile(r"\s*\((?P<text>[^()]*)\)\s*$")
_COUNTRY = re.compile(r"[^\W\d_]+\.?")
_PAIRING = re.compile(rf"\sv\s|\s{_PAIR}(?:\s|$)")
_HALF_TIMES = re.compile(rf"{_PAIR}(?:,\s*{_PAIR})*")


class _NotUnderstood(Exception):
    """A part of the line has no meaning, or two parts contradict each other."""


class MatchLine(NamedTuple):
    """One match as its line writes it: goals after 90 minutes, and the day and time if the line has them."""

    day: re.Match[str] | None
    time: str | None
    home: str
    away: str
    goals: Goals | None
    status: str
    is_fixture_with_dash: bool


def read_match(line: str) -> MatchLine | None:
    """Return the match of a line that is understood whole, otherwise None.

    >>> read_match("15:00 UTC+1  North Rovers  4-3 pen. (1-1, 0-1)  South Town  @ The Ground, Town").goals
    (1, 1)
    >>> read_match("North Rovers v South Town 3-0 awd.").status
    'awarded'
    >>> read_match("1. North Rovers 22 14 4 4  21-16  46 [2 0 2 0]") is None
    True
    """
    head = _HEAD.match(line)
    rest = line[head.end() :] if head else line
    if rest.startswith("@"):
        rest = _PLACE_AHEAD.sub("", rest, count=1)
    try:
        return _read(head, rest)
    except _NotUnderstood:
        return None


def _read(head: re.Match[str] | None, rest: str) -> MatchLine:
    pairing, notes = _without_tail(rest)
    layout = _VERSUS if _HAS_VERSUS.search(pairing) else _BETWEEN
    text = layout.fullmatch(pairing)
    if text is None or not (is_club_name(text["home"]) and is_club_name(text["away"])):
        raise _NotUnderstood
    goals = _goals(text, notes)
    return MatchLine(
        day=head if head and head["month"] else None,
        time=_time(head),
        home=text["home"],
        away=text["away"],
        goals=goals,
        status=_status(text, notes, has_goals=goals is not None),
        is_fixture_with_dash=layout is _BETWEEN and text["dash"] is not None,
    )


def _time(head: re.Match[str] | None) -> str | None:
    if head is None or not head["time"]:
        return None
    if (time := clock(head["time"])) is None:
        raise _NotUnderstood
    return time


def _without_tail(text: str) -> tuple[str, list[str]]:
    """Return the pairing with its score, and the notes that stand behind it, before or behind the place."""
    notes: list[str] = []
    if "@" in text and (place := _PLACE_BEHIND.search(text)):
        name, notes = _without_notes(place["place"].rstrip(), is_place=True)
        if not any(map(str.isalpha, name)) or _PAIRING.search(name):
            raise _NotUnderstood
        text = text[: place.start()]
    text = text.rstrip()
    if not text[-1:].isalpha():
        text = ATTENDANCE.sub("", text)
    text, earlier = _without_notes(text)
    return text, notes + earlier


def _without_notes(text: str, *, is_place: bool = False) -> tuple[str, list[str]]:
    notes: list[str] = []
    while text.endswith(("]", ")")) and (note := _SQUARE_NOTE.search(text) or _ROUND_NOTE.search(text)):
        in_brackets = note["text"].strip()
        is_square = note[0].strip().startswith("[")
        if not is_square and not _is_note(in_brackets, is_place=is_place):
            break
        notes.append(in_brackets)
        text = text[: note.start()].rstrip()
    return text, notes


def _is_note(in_brackets: str, *, is_place: bool) -> bool:
    """Return whether round brackets hold a note, and not half-time scores, a country or a ground."""
    if _HALF_TIMES.fullmatch(in_brackets):
        return False
    is_known = note_of(in_brackets) is not Note.UNKNOWN or in_brackets.casefold() in NOT_OVER
    return is_known or not (is_place or _COUNTRY.fullmatch(in_brackets))


def _goals(text: re.Match[str], notes: list[str]) -> Goals | None:
    """Return the goals after 90 minutes, None where nothing was played."""
    meanings = {note_of(note) for note in notes} if notes else set()
    if Note.EXTRA_TIME in meanings:
        raise _NotUnderstood
    if text["drawn"]:
        return _drawn(text)
    if not text["goals"]:
        return None
    goals = _pair(text["goals"])
    shots = text["first_shots"] or text["last_shots"]
    if shots and len(set(_pair(shots))) == 1:
        raise _NotUnderstood
    if Note.PENALTIES in meanings and len(set(goals)) > 1:
        raise _NotUnderstood
    if text["extra"]:
        return _before_extra_time(text, goals)
    if text["earlier"] and sum(_pair(text["earlier"])) > sum(goals):
        raise _NotUnderstood
    return goals


def _drawn(text: re.Match[str]) -> Goals:
    """Return the goals of a match that went from 90 minutes to a shoot-out, or of the second of two legs."""
    goals, shots = _pair(text["drawn"]), _pair(text["shots"])
    is_level = len(set(goals)) == 1
    if len(set(shots)) == 1 or not (is_level or text["drawn_half"]):
        raise _NotUnderstood
    return goals


def _before_extra_time(text: re.Match[str], final: Goals) -> Goals:
    if not text["earlier"]:
        raise _NotUnderstood
    goals = _pair(text["earlier"])
    if goals[0] > final[0] or goals[1] > final[1]:
        raise _NotUnderstood
    return goals


def _pair(text: str) -> Goals:
    home, _, away = text.replace("–", "-").partition("-")
    return int(home), int(away)


def _status(text: re.Match[str], notes: list[str], *, has_goals: bool) -> str:
    groups = text.groupdict()
    words = [word for name in ("status", "alone", "last_status") if (word := groups.get(name))]
    if not words and not notes:
        return "played" if has_goals else "scheduled"
    stated = {status_of(word) for word in words}
    noted = [note_of(note) for note in notes]
    # Behind a status, a note only explains it.
    if Note.UNKNOWN in noted and not stated:
        raise _NotUnderstood
    stated |= {meaning for meaning in noted if isinstance(meaning, str)}
    if len(stated) > 1 or (has_goals and "postponed" in stated):
        raise _NotUnderstood
    return stated.pop() if stated else "played" if has_goals else "scheduled"
