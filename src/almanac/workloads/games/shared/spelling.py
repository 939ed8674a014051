"""Normalised titles: words, search key, and the forms that match a word with one mistake."""

import re
import unicodedata

ARTICLES = frozenset({"a", "an", "the"})
ROMAN = {
    "ii": "2",
    "iii": "3",
    "iv": "4",
    "v": "5",
    "vi": "6",
    "vii": "7",
    "viii": "8",
    "ix": "9",
    "x": "10",
    "xi": "11",
    "xii": "12",
    "xiii": "13",
}
# The trademark sign would decompose to the letters "tm"; apostrophes join the letters around them.
DROPPED_SIGNS = str.maketrans("", "", "™’'")
# Words shorter than MISSPELT_FROM letters have too many neighbours one letter away.
MISSPELT_FROM = 4
# Only the first letters of a long word are compared; they identify it well enough.
SPELT_LETTERS = 12
# Ends an index entry that stands for all words with this beginning.
OPEN_END = "*"
# One or two letters begin thousands of titles, so the index keeps only the most popular ones.
SHORT_LETTERS = 2


def words_of(title: str) -> list[str]:
    """Return the normalised words of a title.

    Words are lower case without accents and signs, Roman numbers are digits, and a leading article is
    dropped.

    >>> words_of("The Witcher® III: Wild Hunt"), words_of("Pokémon — Let's Go!"), words_of("A")
    (['witcher', '3', 'wild', 'hunt'], ['pokemon', 'lets', 'go'], ['a'])
    """
    parts = (part.strip("_") for part in re.findall(r"\w+", _plain(title)))
    words = [ROMAN.get(part, part) for part in parts if part]
    has_article = len(words) > 1 and words[0] in ARTICLES
    return words[1:] if has_article else words


def _plain(title: str) -> str:
    decomposed = unicodedata.normalize("NFKD", title.translate(DROPPED_SIGNS)).casefold()
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def title_key(title: str) -> str:
    """Return the words of a title as one text; titles with equal keys count as the same title.

    >>> title_key("DARK SOULS™ II")
    'dark souls 2'
    """
    return " ".join(words_of(title))


def spellings(word: str) -> set[str]:
    """Return a word and every form with one letter left out; two words one mistake apart share one of these.

    >>> sorted(spellings("doom")), "witchr" in spellings("witcher")
    (['dom', 'doo', 'doom', 'oom'], True)
    """
    letters = word[:SPELT_LETTERS]
    forms = {letters}
    if len(word) >= MISSPELT_FROM:
        for place in range(len(letters)):
            forms.add(letters[:place] + letters[place + 1 :])
    return forms
