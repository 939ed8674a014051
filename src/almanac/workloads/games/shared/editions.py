"""Words that name an edition of a work, not the work."""

EDITION_WORDS = frozenset(
    "anniversary beta bundle classic collection collectors complete cut definitive deluxe demo digital"
    " directors dx edition enhanced expanded extended final gold goty hd legendary mac multiplayer pack"
    " platinum premium redux reloaded remake remaster remastered server singleplayer source special"
    " standard test ultimate uncut version vr".split()
)
# With its common words, and without them as in a search.
GOTY = (["game", "of", "the", "year"], ["game", "year"])


def without_edition(words: list[str]) -> list[str]:
    """Return the words of a title without the edition at its end; at least one word stays.

    >>> without_edition(["rome", "2", "emperor", "edition"]), without_edition(["deluxe"])
    (['rome', '2'], ['deluxe'])
    >>> without_edition("fallout 3 game of the year edition".split())
    ['fallout', '3']
    """
    while len(words) > 1:
        shorter = _shorter(words)
        if len(shorter) == len(words):
            return words
        words = shorter
    return words


def _shorter(words: list[str]) -> list[str]:
    for goty in GOTY:
        if len(words) > len(goty) and words[-len(goty) :] == goty:
            return words[: -len(goty)]
        if words[-1] == "edition" and words[-1 - len(goty) : -1] == goty:
            return words[:-1]
    if words[-1] not in EDITION_WORDS:
        return words
    # The word before "edition" names it: Emperor Edition.
    has_name = words[-1] == "edition" and len(words) > 2
    return words[:-2] if has_name else words[:-1]
