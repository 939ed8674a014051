"""What a title tells: which work it is an edition of, and which series it belongs to."""

import re
from functools import cache

from almanac.workloads.games.contract import title_key, words_of

EDITION_WORDS = frozenset(
    "edition goty remaster remastered definitive enhanced complete collection collectors deluxe ultimate gold hd redux directors cut extended"
    " anniversary legendary demo premium platinum reloaded vr beta test server multiplayer singleplayer expanded uncut remake classic mac source"
    " dx version special standard digital final pack bundle".split()
)
NUMBERED_PARTS = re.compile(r"\s(?:episode|chapter|part|season|vol|volume)\b.*")
# A series is told by a name that nobody else would choose.
LEAST_LETTERS = 4


@cache
def work_of(title: str) -> str:
    """Return the words of a title without those at its end that only name an edition; editions of one work give the same.

    >>> work_of("The Elder Scrolls V: Skyrim Special Edition"), work_of("BioShock™ Remastered"), work_of("Deluxe")
    ('elder scrolls 5 skyrim', 'bioshock', 'deluxe')
    >>> work_of("Total War™: ROME II - Emperor Edition"), work_of("Divinity: Original Sin (Classic)")
    ('total war rome 2', 'divinity original sin')
    """
    words = title_key(re.sub(r"[(\[].*?[)\]]", " ", title)).replace("game of the year", "goty").split()
    while len(words) > 1 and words[-1] in EDITION_WORDS:
        # An edition has a name of its own before it: Emperor Edition.
        words = words[:-2] if words[-1] == "edition" and len(words) > 2 else words[:-1]
    return " ".join(words) or title_key(title) or title


@cache
def series_of(title: str) -> str:
    """Return the name that the titles of a series share: what stands before a colon, dash or number; '' where none can be told.

    >>> series_of("The Witcher® 3: Wild Hunt"), series_of("Half-Life 2: Episode One"), series_of("Go!")
    ('witcher', 'half life', '')
    >>> series_of("Sid Meier's Civilization® V"), series_of("Left 4 Dead 2"), series_of("1979")
    ('sid meiers civilization', 'left 4 dead', '')
    """
    head = re.split(r":|\s[-–—]\s|\||\(", title)[0]
    words = words_of(head)
    while len(words) > 1 and (words[-1].isdigit() or words[-1] in EDITION_WORDS):
        words = words[:-1]
    name = NUMBERED_PARTS.sub("", " ".join(words))
    return name if len(name) >= LEAST_LETTERS and not name.isdigit() else ""
