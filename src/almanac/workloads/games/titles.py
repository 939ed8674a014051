"""What a title tells: which work it is an edition of, and which series it belongs to."""

import re
from functools import lru_cache

from almanac.workloads.games.shared.spelling import title_key, words_of

EDITION_WORDS = frozenset(
    "edition goty remaster remastered definitive enhanced complete collection collectors deluxe ultimate gold hd redux directors cut extended"
    " anniversary legendary demo premium platinum reloaded vr beta test server multiplayer singleplayer expanded uncut remake classic mac source"
    " dx version special standard digital final pack bundle".split()
)
FILLERS = frozenset({"the", "and", "for", "game"})
NUMBERED_PARTS = re.compile(r"\s(?:episode|chapter|part|season|vol|volume)\b.*")
# What a company is, not what it is called.
COMPANY = re.compile(
    r"\b(?:inc|ltd|llc|gmbh|co|corp|corporation|company|limited|s\.?a|s\.?l|srl|ab|oy|kg|sarl|bv|plc|studios?|games?|entertainment|interactive"
    r"|software|productions?|team)\b",
    re.IGNORECASE,
)
SHORTEST_TELLING = 3
# Titles are asked about again and again while a notebook is open, but a large catalogue may not fill the memory.
REMEMBERED = 30_000
# A series is told by a name that nobody else would choose.
LEAST_LETTERS = 4


@lru_cache(maxsize=REMEMBERED)
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


@lru_cache(maxsize=REMEMBERED)
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


@lru_cache(maxsize=REMEMBERED)
def firms_of(names: str) -> str:
    """Return companies (parted by semicolons) in lower case without what kind of company they are.

    >>> firms_of("FromSoftware, Inc;KOEI TECMO GAMES CO., LTD."), firms_of("Team17 Digital Ltd"), firms_of("Team")
    ('fromsoftware;koei tecmo', 'team17 digital', 'team')
    """
    plain = [
        (" ".join(re.findall(r"\w+", COMPANY.sub(" ", name).lower())) or name.strip().lower())
        for name in names.split(";")
    ]
    return ";".join(dict.fromkeys(name for name in plain if name))


@lru_cache(maxsize=REMEMBERED)
def telling_words(title: str) -> str:
    """Return the words of a title that could say what kind of game it is.

    >>> telling_words("Farming Simulator 19 - Platinum Edition")
    'farming;simulator'
    """
    words = (
        word
        for word in words_of(title)
        if len(word) >= SHORTEST_TELLING and not word.isdigit() and word not in EDITION_WORDS
    )
    return ";".join(dict.fromkeys(word for word in words if word not in FILLERS))
