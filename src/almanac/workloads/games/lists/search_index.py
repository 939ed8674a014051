"""The search index, computed ahead: words and abbreviations of titles, and words with one letter left out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

import pandas as pd

from almanac.workloads.games.contract import SPELLINGS, WORDS
from almanac.workloads.games.lists.abbreviations import initials_of, loose_initials_of
from almanac.workloads.games.shared.spelling import (
    INITIALS,
    LOOSE,
    OPEN_END,
    SHORT_LETTERS,
    WHOLE,
    compact,
    runs_of,
    spellings,
    tokens_of,
    without_article,
    words_of,
)

# For a beginning of one or two letters only so many titles are indexed, the most popular ones.
MOST_TITLES = 50
# Only the most popular games have abbreviations, and still fewer those that a rule may get wrong.
MOST_ABBREVIATED, MOST_LOOSE = 5000, 500

# A row of the contract's `words`: word, game_id, rank, place of the word in the title, words in the title.
Row = tuple[str, str, int, int, int]


def tables(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the contract's side tables of the search by name."""
    index = words(predictions)
    entries = pd.concat([index, marked(predictions)], ignore_index=True)
    return {WORDS.name: entries, SPELLINGS.name: spelling_forms(index)}


def words(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the contract's `words` for the titles of predictions; a title of signs alone has none."""
    rows, beginnings = list[Row](), _Beginnings()
    for game, title, rank in _titles(predictions):
        title_words = words_of(title)
        facts = game, rank, len(title_words)
        entries = chain(enumerate(title_words), _runs(title))
        rows += _rows(_first_places(entries), facts)
        beginnings.add(_rows(_first_places(_beginnings_of(title_words)), facts))
    return pd.DataFrame(rows + beginnings.rows(), columns=WORDS.column_names)


def marked(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the entries of `words` that are not one word: whole titles without blanks, and abbreviations."""
    rows = list[Row]()
    for game, title, rank in _titles(predictions):
        title_words = words_of(title)
        entries = ((0, entry) for entry in _marked(title, title_words, rank))
        rows += _rows(_first_places(entries), (game, rank, len(title_words)))
    return pd.DataFrame(rows, columns=WORDS.column_names)


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


def _runs(title: str) -> Iterator[tuple[int, str]]:
    """Yield the runs of letters or digits inside the words of a title: "hawx2" is found by both of its."""
    runs = runs_of(title)
    skipped = len(runs) - len(without_article(tokens_of(title)))
    for place, inside in enumerate(runs[skipped:]):
        yield from ((place, run) for run in inside)


def _marked(title: str, title_words: list[str], rank: int) -> Iterator[str]:
    written = without_article(tokens_of(title))
    yield from (WHOLE + whole for whole in sorted(compact(title_words) | compact(written)))
    if rank <= MOST_ABBREVIATED:
        yield from (INITIALS + form for form in sorted(initials_of(title)))
    if rank <= MOST_LOOSE:
        yield from (LOOSE + form for form in sorted(loose_initials_of(title)))


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
