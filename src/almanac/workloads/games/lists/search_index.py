"""The search index, computed ahead: the words of all titles, and their forms with one letter left out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

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
    rows, beginnings = list[Row](), _Beginnings()
    for game, title, rank in _titles(predictions):
        title_words = words_of(title)
        facts = game, rank, len(title_words)
        rows += _rows(_first_places(enumerate(title_words)), facts)
        beginnings.add(_rows(_first_places(_beginnings_of(title_words)), facts))
    return pd.DataFrame(rows + beginnings.rows(), columns=WORDS.column_names)


class _Beginnings:
    """The first MOST_TITLES rows of each beginning, stored together, so that a search reads few pages."""

    def __init__(self) -> None:
        self.rows_of = defaultdict[str, list[Row]](list)

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            of_beginning = self.rows_of[row[0]]
            if len(of_beginning) < MOST_TITLES:
                of_beginning.append(row)

    def rows(self) -> list[Row]:
        return list(chain.from_iterable(self.rows_of.values()))


def _titles(predictions: pd.DataFrame) -> Iterator[tuple[str, str, int]]:
    """Yield id, title and rank of each game, the most popular first."""
    ordered = predictions.sort_values("rank")
    columns = (ordered[name].tolist() for name in ("game_id", "title", "rank"))
    return zip(*columns, strict=True)


def _first_places(words: Iterable[tuple[int, str]]) -> dict[str, int]:
    places = dict[str, int]()
    for place, word in words:
        places.setdefault(word, place)
    return places


def _beginnings_of(title_words: list[str]) -> Iterator[tuple[int, str]]:
    for place, word in enumerate(title_words):
        for length in range(1, SHORT_LETTERS + 1):
            yield place, word[:length] + OPEN_END


def _rows(places: Mapping[str, int], facts: tuple[str, int, int]) -> Iterator[Row]:
    game, rank, count = facts
    return ((word, game, rank, place, count) for word, place in places.items())


def spelling_forms(index: pd.DataFrame) -> pd.DataFrame:
    """Return the contract's `spellings` for the rows of `words`."""
    words = sorted(index["word"].unique())
    whole = (word for word in words if not word.endswith(OPEN_END))
    rows = ((spelling, word) for word in whole for spelling in sorted(spellings(word)))
    return pd.DataFrame(rows, columns=SPELLINGS.column_names)
