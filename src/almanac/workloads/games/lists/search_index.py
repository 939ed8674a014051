"""The search index, computed ahead: the words of all titles, and their forms with one letter left out."""

from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from almanac.workloads.games.contract import SPELLINGS, WORDS
from almanac.workloads.games.shared.spelling import OPEN_END, SHORT_LETTERS, spellings, words_of

# For a beginning of one or two letters only so many titles are indexed, the most popular ones.
MOST_TITLES = 50

# A row of the contract's `words`: word, game_id, rank, place of the word in the title, words in the title.
Row = tuple[str, str, int, int, int]


def tables(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the contract's side tables of the search by name."""
    index = words(predictions)
    return {WORDS.name: index, SPELLINGS.name: spelling_forms(index)}


def words(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the contract's `words` for the titles of predictions; a title of signs alone has none."""
    ordered = predictions.sort_values("rank")
    columns = (ordered[name].tolist() for name in ("game_id", "title", "rank"))
    rows, beginnings = list[Row](), dict[str, list[Row]]()
    for game, title, rank in zip(*columns, strict=True):
        title_words = words_of(title)
        facts = game, rank, len(title_words)
        rows += _rows(_first_places(enumerate(title_words)), facts)
        for row in _rows(_first_places(_beginnings(title_words)), facts):
            of_letters = beginnings.setdefault(row[0], [])
            if len(of_letters) < MOST_TITLES:
                of_letters.append(row)
    for of_letters in beginnings.values():
        rows += of_letters
    return pd.DataFrame(rows, columns=WORDS.column_names)


def _first_places(words: Iterable[tuple[int, str]]) -> dict[str, int]:
    places = dict[str, int]()
    for place, word in words:
        places.setdefault(word, place)
    return places


def _beginnings(title_words: list[str]) -> Iterator[tuple[int, str]]:
    for place, word in enumerate(title_words):
        for length in range(1, SHORT_LETTERS + 1):
            yield place, word[:length] + OPEN_END


def _rows(places: Mapping[str, int], facts: tuple[str, int, int]) -> Iterator[Row]:
    game, rank, count = facts
    return ((word, game, rank, place, count) for word, place in places.items())


def spelling_forms(index: pd.DataFrame) -> pd.DataFrame:
    """Return the contract's `spellings` for the rows of `words`."""
    whole = sorted(word for word in index["word"].unique() if not word.endswith(OPEN_END))
    return pd.DataFrame(_spelling_rows(whole), columns=SPELLINGS.column_names)


def _spelling_rows(whole: Iterable[str]) -> Iterator[tuple[str, str]]:
    for word in whole:
        for spelling in sorted(spellings(word)):
            yield spelling, word
