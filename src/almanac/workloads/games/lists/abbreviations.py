"""Abbreviations of titles by rule: initials of their words, with whole numbers (GTA 5, CSGO, L4D2, TES5)."""

from collections.abc import Iterator

from almanac.workloads.games.shared.spelling import COMMON, ROMAN, tokens_of, without_article
from almanac.workloads.games.titles import SERIES_END

# Shorter ones stand for too many titles.
LEAST_LETTERS = 3
MOST_LETTERS = 10
# A long word may be two words in one: BattleGrounds, StarCraft, BorderLands.
LONG_WORD = 7
# With more of them there are too many forms, and nobody abbreviates such a title so.
MOST_LONG_WORDS = 2


def initials_of(title: str) -> set[str]:
    """Return the initials of a title, of its series and of its subtitle.

    Numbers stay whole, in Roman and in Arabic digits.

    >>> sorted(initials_of("Grand Theft Auto V"))
    ['gta', 'gta5', 'gtav']
    >>> sorted(initials_of("Counter-Strike: Global Offensive")), sorted(initials_of("Left 4 Dead 2"))
    (['csgo'], ['l4d', 'l4d2'])
    """
    forms = ("".join(map(_initial, words)) for part in _parts(title) for words in _spelt(part))
    return {form for form in forms if LEAST_LETTERS <= len(form) <= MOST_LETTERS}


def loose_initials_of(title: str) -> set[str]:
    """Return the initials with one further letter of each long word: pubg, sc2, bl2.

    >>> "pubg" in loose_initials_of("PLAYERUNKNOWN'S BATTLEGROUNDS"), loose_initials_of("Doom")
    (True, set())
    >>> "bl2" in loose_initials_of("Borderlands 2")
    True
    """
    forms = (form for words in _spelt(_words(title)) for form in _loose(words))
    return {form for form in forms if LEAST_LETTERS <= len(form) <= MOST_LETTERS}


def _words(title: str) -> list[str]:
    return without_article(tokens_of(title))


def _parts(title: str) -> Iterator[list[str]]:
    """Yield the words of a title with and without article, of its series, of its subtitle."""
    head, *rest = SERIES_END.split(title, maxsplit=1)
    subtitle = tokens_of(rest[0]) if rest else []
    tokens = tokens_of(head)
    for words in (tokens, without_article(tokens)):
        yield words + subtitle
        yield words + _without_number(subtitle)
        yield words
        yield _without_number(words)
    yield subtitle
    yield _without_number(subtitle)


def _without_number(words: list[str]) -> list[str]:
    return words[:-1] if words and _is_number(words[-1]) else words


def _is_number(word: str) -> bool:
    return word.isdigit() or word in ROMAN


def _spelt(words: list[str]) -> Iterator[list[str]]:
    """Yield at least two words with Roman and with Arabic numbers, with and without common words."""
    for each in (words, [word for word in words if word not in COMMON]):
        if len(each) > 1:
            yield each
            yield [ROMAN.get(word, word) for word in each]


def _initial(word: str) -> str:
    return word if _is_number(word) else word[:1]


def _loose(words: list[str]) -> set[str]:
    if sum(len(word) >= LONG_WORD for word in words) > MOST_LONG_WORDS:
        return set()
    forms = {""}
    for word in words:
        starts = _starts(word)
        forms = {form + start for form in forms for start in starts if len(form) < MOST_LETTERS}
    return forms


def _starts(word: str) -> set[str]:
    if _is_number(word) or len(word) < LONG_WORD:
        return {_initial(word)}
    return {word[0], *(word[0] + letter for letter in word[2:-1])}
