"""What a title says: the work it is an edition of, its series, its keywords; and the names of companies."""

import re
from functools import lru_cache

from almanac.workloads.games.shared.editions import EDITION_WORDS, without_edition
from almanac.workloads.games.shared.spelling import title_key, words_of

FILLERS = frozenset({"the", "and", "for", "game"})
BRACKETS = re.compile(r"[(\[].*?[)\]]")
# A series name ends before a colon, a dash, a bar or a bracket.
SERIES_END = re.compile(r":|\s[-–—]\s|\||\(")
NUMBERED_PARTS = re.compile(r"\s(?:episode|chapter|part|season|vol|volume)\b.*")
# Legal forms and kinds of companies, which are no part of their names.
COMPANY = re.compile(
    r"\b(?:inc|ltd|llc|gmbh|co|corp|corporation|company|limited|s\.?a|s\.?l|srl|ab|oy|kg|sarl|bv|plc"
    r"|studios?|games?|entertainment|interactive|software|productions?|team)\b",
    re.IGNORECASE,
)
SHORTEST_KEYWORD = 3
# Notebooks ask for the same titles again and again; the bound keeps a large catalogue out of memory.
CACHE_SIZE = 30_000
# Shorter names are too common to name a series.
SHORTEST_SERIES = 4


@lru_cache(maxsize=CACHE_SIZE)
def work_of(title: str) -> str:
    """Return the words of a title without the edition at its end; editions of one work give the same.

    >>> work_of("The Elder Scrolls V: Skyrim Special Edition"), work_of("BioShock™ Remastered")
    ('elder scrolls 5 skyrim', 'bioshock')
    >>> work_of("Deluxe")
    'deluxe'
    >>> work_of("Total War™: ROME II - Emperor Edition"), work_of("Divinity: Original Sin (Classic)")
    ('total war rome 2', 'divinity original sin')
    """
    words = words_of(BRACKETS.sub(" ", title))
    return " ".join(without_edition(words)) or title_key(title) or title


@lru_cache(maxsize=CACHE_SIZE)
def numbered_part(title: str) -> str:
    """Return the words of a title up to the number before its subtitle, '' without such a number.

    Games of a series may have subtitles alone, but those of one number are mostly editions of one work.

    >>> numbered_part("DARK SOULS™ II: Scholar of the First Sin"), numbered_part("Tomb Raider: Legend")
    ('dark souls 2', '')
    """
    head, *subtitle = SERIES_END.split(title, maxsplit=1)
    words = words_of(head)
    return " ".join(words) if subtitle and len(words) > 1 and words[-1].isdigit() else ""


@lru_cache(maxsize=CACHE_SIZE)
def series_of(title: str) -> str:
    """Return the name that the titles of a series share, before a colon, dash or number; '' without one.

    >>> series_of("The Witcher® 3: Wild Hunt"), series_of("Half-Life 2: Episode One"), series_of("Go!")
    ('witcher', 'half life', '')
    >>> series_of("Sid Meier's Civilization® V"), series_of("Left 4 Dead 2"), series_of("1979")
    ('sid meiers civilization', 'left 4 dead', '')
    """
    words = words_of(SERIES_END.split(title)[0])
    while len(words) > 1 and _is_suffix(words[-1]):
        words = words[:-1]
    name = NUMBERED_PARTS.sub("", " ".join(words))
    return "" if len(name) < SHORTEST_SERIES or name.isdigit() else name


def _is_suffix(word: str) -> bool:
    return word.isdigit() or word in EDITION_WORDS


@lru_cache(maxsize=CACHE_SIZE)
def firms_of(names: str) -> str:
    """Return company names (separated by semicolons) in lower case without legal forms.

    >>> firms_of("FromSoftware, Inc;KOEI TECMO GAMES CO., LTD.")
    'fromsoftware;koei tecmo'
    >>> firms_of("Team17 Digital Ltd"), firms_of("Team")
    ('team17 digital', 'team')
    """
    firms = dict.fromkeys(map(_firm, names.split(";")))
    return ";".join(firm for firm in firms if firm)


def _firm(name: str) -> str:
    words = re.findall(r"\w+", COMPANY.sub(" ", name).lower())
    return " ".join(words) or name.strip().lower()


@lru_cache(maxsize=CACHE_SIZE)
def keywords_of(title: str) -> str:
    """Return the words of a title that could describe the game.

    >>> keywords_of("Farming Simulator 19 - Platinum Edition")
    'farming;simulator'
    """
    return ";".join(dict.fromkeys(filter(_is_keyword, words_of(title))))


def _is_keyword(word: str) -> bool:
    if len(word) < SHORTEST_KEYWORD or word.isdigit():
        return False
    return word not in EDITION_WORDS and word not in FILLERS
