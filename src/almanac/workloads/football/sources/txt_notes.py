"""Reads what a Football.TXT file says of a match in words: awarded, postponed, attendance."""

import re
from enum import Enum

STATUS_OF_WORD = {
    "awarded": "awarded",
    "awd": "awarded",
    "forfeit": "awarded",
    "forfeited": "awarded",
    "walkover": "awarded",
    "walkout": "awarded",
    "w/o": "awarded",
    "wo": "awarded",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "canc": "cancelled",
    "annulled": "cancelled",
    "expunged": "cancelled",
    "void": "cancelled",
    "voided": "cancelled",
    "n/p": "cancelled",
    "postponed": "postponed",
    "postp": "postponed",
    "ppd": "postponed",
    "p-p": "postponed",
    "abandoned": "abandoned",
    "aban": "abandoned",
    "abd": "abandoned",
    "suspended": "abandoned",
    "susp": "abandoned",
}
_ANY_WORD = "|".join(sorted((re.escape(word) for word in STATUS_OF_WORD), key=len, reverse=True))
# "v" and mixed case belong to names of clubs.
STATUS_WORD = rf"(?:{_ANY_WORD}|{_ANY_WORD.upper()})\.?"

_FIRST_WORD = re.compile(r"(?:match |game )?([a-z][a-z/-]*)\.?(?![\w/])")
_PENALTIES = re.compile(
    r"\d+\s*[-–:]\s*\d+ (?:on |after |in )?(?:p\b|pen(?:s|\.|alties|alty)?\b)|on penalties"
)
_EXTRA_TIME = re.compile(r"\ba\.?e\.?t\b|extra time|golden goal|silver goal")
_HARMLESS = re.compile(
    r"(?:ft|full[- ]time|replay|neutral|originally|result stands|behind closed doors|no spectators"
    r"|(?:1st|2nd|first|second) leg|att(?:endance)?\b|.*\bagg(?:regate|\.|\b))[^']*"
)
# A score that goes with one of these is not the last one.
NOT_OVER = frozenset({"ht", "half time", "half-time", "live", "et", "in play"})
ATTENDANCE = re.compile(r"\s+,?(?i:att(?:endance)?)\s*[.:]\s*\d[\d.,' ]*$")


class Note(Enum):
    """What a note says beside a status."""

    HARMLESS = "harmless"
    PENALTIES = "penalties"
    EXTRA_TIME = "extra time"
    UNKNOWN = "unknown"


def note_of(text: str) -> str | Note:
    """Return the status that a note in brackets gives to its match, or another thing that it says.

    >>> note_of("awarded; originally 0-1"), note_of("WO - South Town withdrew"), note_of("P-P")
    ('awarded', 'awarded', 'postponed')
    >>> note_of("agg 3-0"), note_of("4-3 pens"), note_of("moved somewhere")
    (<Note.HARMLESS: 'harmless'>, <Note.PENALTIES: 'penalties'>, <Note.UNKNOWN: 'unknown'>)
    """
    words = text.strip().casefold()
    first = _FIRST_WORD.match(words)
    if first and first[1] in STATUS_OF_WORD:
        return STATUS_OF_WORD[first[1]]
    if _EXTRA_TIME.search(words):
        return Note.EXTRA_TIME
    if _PENALTIES.search(words):
        return Note.PENALTIES
    return Note.HARMLESS if _HARMLESS.fullmatch(words) else Note.UNKNOWN


def status_of(word: str) -> str:
    """Return the status of a word that matches STATUS_WORD.

    >>> status_of("abd."), status_of("W/O")
    ('abandoned', 'awarded')
    """
    return STATUS_OF_WORD[word.casefold().rstrip(".")]
