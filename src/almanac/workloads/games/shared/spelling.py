"""Normalised titles: words, search key, and the forms that match a word with one mistake."""

import re
import unicodedata

ARTICLES = frozenset({"a", "an", "the"})
# Words that stand in thousands of titles say nothing beside others.
COMMON = ARTICLES | {"and", "of"}
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
    "xiv": "14",
    "xv": "15",
    "xvi": "16",
}
# The trademark sign would decompose to the letters "tm"; apostrophes join the letters around them.
SIGNS = str.maketrans({"™": "", "℠": "", "’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "&": " and "})
SPELT_SIGNS = re.compile(r"\((?:tm|sm|r|c)\)", re.IGNORECASE)
# Letters that do not decompose to a plain letter and an accent.
LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ı": "i"})
RUNS = re.compile(r"[^\W_]+")
# Runs of letters or digits alone: "left4dead" has three.
KINDS = re.compile(r"\d+|[^\W\d_]+")
# Words shorter than MISSPELT_FROM letters have too many neighbours one letter away.
MISSPELT_FROM = 4
# Only the first letters of a long word are compared; they identify it well enough.
SPELT_LETTERS = 12
# Ends an index entry that stands for all words with this beginning.
OPEN_END = "*"
# Begins an index entry that is not one word: a whole title without blanks, the initials of one, and its
# initials with further letters of long words. Older releases have none of them.
WHOLE, INITIALS, LOOSE = "#", "=", "~"
# One or two letters begin thousands of titles, so the index keeps only the most popular ones.
SHORT_LETTERS = 2


def words_of(title: str) -> list[str]:
    """Return the normalised words of a title.

    Words are lower case without accents and signs, Roman numbers are digits, and a leading article is
    dropped.

    >>> words_of("The Witcher® III: Wild Hunt"), words_of("Pokémon — Let's Go!"), words_of("A")
    (['witcher', '3', 'wild', 'hunt'], ['pokemon', 'lets', 'go'], ['a'])
    >>> words_of("Ratchet & Clank(TM)")
    ['ratchet', 'and', 'clank']
    """
    return [ROMAN.get(token, token) for token in without_article(tokens_of(title))]


def tokens_of(title: str) -> list[str]:
    """Return the words of a title as they are written, in lower case, without accents and signs.

    >>> tokens_of("The Witcher® III")
    ['the', 'witcher', 'iii']
    """
    return RUNS.findall(_plain(title).replace("'", ""))


def runs_of(title: str) -> list[list[str]]:
    """Return for each token of a title its further runs of letters or digits, by which it is searched too.

    >>> runs_of("L'Abbaye"), runs_of("Hawx2"), runs_of("Portal")
    ([['l', 'abbaye']], [['hawx', '2']], [[]])
    """
    words = re.findall(r"[^\W_]+(?:'+[^\W_]+)*", _plain(title))
    parts = ([part for run in RUNS.findall(word) for part in KINDS.findall(run)] for word in words)
    return [runs if len(runs) > 1 else [] for runs in parts]


def without_article(words: list[str]) -> list[str]:
    """Return words without the article before them.

    >>> without_article(["the", "forest"]), without_article(["the"])
    (['forest'], ['the'])
    """
    has_article = len(words) > 1 and words[0] in ARTICLES
    return words[1:] if has_article else words


def _plain(title: str) -> str:
    signs = SPELT_SIGNS.sub(" ", title).translate(SIGNS)
    decomposed = unicodedata.normalize("NFKD", signs).casefold().translate(LETTERS)
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def title_key(title: str) -> str:
    """Return the words of a title as one text; titles with equal keys count as the same title.

    >>> title_key("DARK SOULS™ II")
    'dark souls 2'
    """
    return " ".join(words_of(title))


def compact(words: list[str]) -> set[str]:
    """Return words as one word, with and without common ones: titles are written with and without blanks.

    >>> compact(["half", "life", "2"]), sorted(compact(["binding", "of", "isaac"])), compact(["of"])
    ({'halflife2'}, ['bindingisaac', 'bindingofisaac'], {'of'})
    """
    telling = "".join(word for word in words if word not in COMMON)
    return {"".join(words), telling} - {""}


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
