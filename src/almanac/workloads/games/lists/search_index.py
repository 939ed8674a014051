"""What a search looks up, computed ahead: the words of all titles, and their forms with one letter left out."""

import pandas as pd

from almanac.workloads.games.contract import SPELLINGS, WORDS
from almanac.workloads.games.shared.spelling import OPEN_END, SHORT_LETTERS, spellings, words_of

# Of the titles with a word that begins so, only these are kept for one or two letters.
KEPT_FOR_SHORT = 50

Row = tuple[str, str, int, int, int]


def words(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the contract's `words` for the titles of predictions; a title of signs alone has none."""
    rows, short = list[Row](), dict[str, list[Row]]()
    ordered = predictions[["game_id", "title", "rank"]].sort_values("rank")
    for game, title, rank in zip(*(ordered[name].tolist() for name in ordered), strict=True):
        found = words_of(title)
        first = {word: place for place, word in reversed(list(enumerate(found)))}
        rows += [(word, game, rank, place, len(found)) for word, place in first.items()]
        begun = {
            word[:length]: place
            for word, place in reversed(first.items())
            for length in range(1, SHORT_LETTERS + 1)
        }
        for letters, place in begun.items():
            kept = short.setdefault(letters, [])
            if len(kept) < KEPT_FOR_SHORT:
                kept.append((letters + OPEN_END, game, rank, place, len(found)))
    return pd.DataFrame(rows + [row for kept in short.values() for row in kept], columns=WORDS.column_names)


def mistypings(found: pd.DataFrame) -> pd.DataFrame:
    """Return the contract's `spellings` for the words of all titles."""
    known = sorted(word for word in found["word"].unique() if not word.endswith(OPEN_END))
    return pd.DataFrame(
        [(spelling, word) for word in known for spelling in sorted(spellings(word))],
        columns=SPELLINGS.column_names,
    )
