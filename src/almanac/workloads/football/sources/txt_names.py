"""Says which texts may be the name of a club in a Football.TXT file; everything else makes no match."""

import re
from functools import cache

MOST_CHARACTERS = 60

_WORD = r"(?:['’]?[^\W\d_](?:[^\W_]|[.&'’/+º°ª-])*|&|\([^\W\d_][^\W\d_]*\.?\))"
_FIRST_WORD = r"['’]?[^\W\d_](?:[^\W_]|[.&'’/+º°ª-])*"
# "1. FC Köln", "1899 Hoffenheim", "07 Elversberg", "9 de Octubre"; other numbers in front are a table's.
_FIRST_NUMBER = r"(?:\d{1,2}\. ?|\d{1,2}[ºª°]? (?=de )|\d{4} |0\d )"
# "Hannover 96 II", "FC 93 Bobigny", "FC Twente '65"; two numbers in a row are columns of a table.
_LATER_NUMBER = r" (?:['’]?\d{2,4}(?= |$)(?! ['’]?\d)|\d(?= de ))"
_NAME = re.compile(rf"{_FIRST_NUMBER}?{_FIRST_WORD}(?:{_LATER_NUMBER}| {_WORD})*")

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
# In small letters or in capitals; mixed case belongs to names.
_RESERVED = (
    r"pens?|a\.?e\.?t|awd|awarded|abd|aban|abandoned|canc|cancell?ed|annulled|void|postp|postponed"
    r"|ppd|susp|suspended|w/o|wo|walkover|n/p|p-p|agg|aggregate|att|attendance|utc|gmt"
)
_NO_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:^|[\s(])(?:v|vs|{_RESERVED}|{_RESERVED.upper()})\.?(?:$|[\s)])",
        # What stands in a plan of rounds until the clubs are decided.
        r"(?i)^(?:winners?|losers?|runners?-?up|sieger|verlierer|bye|t\.?b\.?[acd]|n\.\s?n|none|null)\b",
        r"(?i)^to be (?:announced|confirmed|decided|determined|drawn)\b",
        r"(?i)^(?:best )?(?:first|second|third|fourth|\d(?:st|nd|rd|th)) (?:place|group|of|in)\b",
        r"(?i)^best (?:first|second|third|fourth|\d(?:st|nd|rd|th)|runner)\b|\((?:ht|ft|et|live)\)",
        r"^[WLR]\d+$|^[A-L]\d(?:/|$)",
        r"(?i)^(?:matchday|gameweek|group [a-z0-9]$|group stage|round (?:of )?\d)",
        r"(?i)^(?:quarter|semi)[- ]?finals?\b",
        r"(?i)^(?:finals?|qualifying round|preliminary round|\d{1,2}(?:st|nd|rd|th)? leg)\b",
        rf"\b{_MONTH}[a-z]*\.?[ /]\d|\d{{1,2}}(?:\.|st|nd|rd|th)? {_MONTH}[a-z]*\b",
        r"^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:day|sday|nesday|rsday|urday)?[.,]? ['’]?\d",
        r"\d[/.,-]\d|\d+h\d+\b|\d['’](?:$|\s)|\b\d{1,2}(?:am|pm)\b",
    )
)


@cache
def is_club_name(text: str) -> bool:
    """Return whether a text may name a club: no score, note, date, number of a table or open place in a draw.

    >>> [is_club_name(text) for text in ("1. FC Heidenheim 1846", "FC Twente '65", "Real Madrid (ESP)")]
    [True, True, True]
    >>> [is_club_name(text) for text in ("South Town 3-0 awd.", "pen. (1-1)  South", "Rovers 22 14", "W45")]
    [False, False, False, False]
    """
    if len(text) > MOST_CHARACTERS or not _NAME.fullmatch(text):
        return False
    return not any(pattern.search(text) for pattern in _NO_NAMES)
