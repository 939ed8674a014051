"""What a search looks up: the ranges of index entries for each word of a title, and how well each fits."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from almanac.workloads.games.shared.editions import without_edition
from almanac.workloads.games.shared.spelling import (
    COMMON,
    INITIALS,
    KINDS,
    LOOSE,
    MISSPELT_FROM,
    OPEN_END,
    ROMAN,
    SHORT_LETTERS,
    SPELT_LETTERS,
    WHOLE,
    compact,
    title_key,
    tokens_of,
    without_article,
)

MOST_WORDS, MOST_PARTS = 8, 16
# Words that say which title is meant only together with others.
STOP_WORDS = COMMON | frozenset("at by for from in is it my no on or to we with you your".split())
# Shorter beginnings of whole titles without blanks fit too many.
WHOLE_FROM = 4
# Longer words are no abbreviation, or none that a rule may guess.
MOST_INITIALS, MOST_LOOSE = 8, 5
# A number of so many digits alone names a title: 1979, 2048.
TELLING_DIGITS = 3
# Sorts after every word with the same beginning.
LAST = "\U0010ffff"
# How badly an entry fits a word; initials letter by letter fit best, a misspelt word worst.
SPELT_OUT, PLAIN, JOINED, GUESSED, MISSPELT = -1, 0, 1, 2, 3


class Term(NamedTuple):
    """A range of index entries that stands for some words of a search, and how badly it fits."""

    parts: tuple[int, ...]
    low: str
    high: str
    cost: int


class Form(NamedTuple):
    """A word with a letter left out, and the words (patterns of LIKE, separated by |) one mistake away."""

    spelling: str
    part: int
    patterns: str


@dataclass(frozen=True)
class Token:
    """A word as it was written, and the parts (letters or digits) that it is searched by."""

    text: str
    parts: tuple[int, ...]


@dataclass(frozen=True)
class Search:
    """The words of a title that somebody looks for."""

    title: str

    @cached_property
    def words(self) -> list[str]:
        """The words, of which "left4dead" has three; common ones only where there are no others."""
        return [word for _, word in self._parts]

    @cached_property
    def tokens(self) -> list[Token]:
        """The words as they were written, each with its parts."""
        places: dict[int, list[int]] = {}
        for part, (number, _) in enumerate(self._parts):
            places.setdefault(number, []).append(part)
        return [Token(self._written[number], tuple(parts)) for number, parts in places.items()]

    @cached_property
    def telling(self) -> list[int]:
        """The parts that say which title is meant: no number, stop word, single letter or edition."""
        words = without_edition(self.words)
        letters = [part for part, word in enumerate(words) if _has_letter(word) and word not in STOP_WORDS]
        inside = {part for token in self.tokens if len(token.parts) > 1 for part in token.parts}
        telling = [part for part in letters if len(words[part]) > 1 or part in inside]
        return telling or [part for part, word in enumerate(words) if _is_long_number(word)]

    @cached_property
    def all_but_edition(self) -> list[int]:
        """The parts without the edition at the end."""
        return list(range(len(without_edition(self.words))))

    @property
    def keys(self) -> list[str]:
        """The keys of whole titles; that of an older release has no "and" for "&"."""
        key = title_key(self.title)
        return [key, re.sub(r"\band ", "", key)]

    @property
    def wholes(self) -> list[str]:
        """The entries of whole titles written without blanks, also without the edition at their end."""
        written = self._written_words
        words = [ROMAN.get(token, token) for token in written]
        forms = compact(written) | compact(words) | compact(without_edition(words))
        return sorted(WHOLE + form for form in forms)

    def terms(self) -> list[Term]:
        """Return the ranges of entries for all words."""
        return [*self._plain(), *self._glued(), *self._joined(), *self._lettered(), *self._whole()]

    def forms(self) -> list[Form]:
        """Return the spellings one mistake away from each word."""
        words = enumerate(self.words)
        return [form for part, word in words if len(word) >= MISSPELT_FROM for form in _forms(part, word)]

    @property
    def _all(self) -> tuple[int, ...]:
        return tuple(range(len(self.words)))

    @cached_property
    def _written_words(self) -> list[str]:
        return without_article(tokens_of(self.title))

    @cached_property
    def _written(self) -> list[str]:
        words = self._written_words[:MOST_WORDS]
        return [word for word in words if word not in COMMON] or words

    @cached_property
    def _parts(self) -> list[tuple[int, str]]:
        """The parts with the number of the word that each is in."""
        numbered = ((number, KINDS.findall(text) or [text]) for number, text in enumerate(self._written))
        parts = [(number, ROMAN.get(run, run)) for number, runs in numbered for run in runs]
        return parts[:MOST_PARTS]

    def _plain(self) -> Iterator[Term]:
        for part, word in enumerate(self.words):
            yield Term((part,), *_range(word, alone=len(self.words) == 1), PLAIN)

    def _glued(self) -> Iterator[Term]:
        """Yield the entries of each word as it was written, also as the initials of a title."""
        cost = PLAIN if len(self.tokens) == 1 else JOINED
        for token in self.tokens:
            if len(token.parts) > 1:
                yield Term(token.parts, token.text, token.text + LAST, PLAIN)
            yield from _initials(token.text, token.parts, cost)

    def _joined(self) -> Iterator[Term]:
        """Yield the entries of two words written as one: "bio shock", "gta 5", "cs go"."""
        for first, second in zip(self.tokens, self.tokens[1:], strict=False):
            parts, text = first.parts + second.parts, first.text + second.text
            if len(text) > SHORT_LETTERS:
                yield Term(parts, text, text + LAST, JOINED)
                yield from _initials(text, parts, JOINED)

    def _lettered(self) -> Iterator[Term]:
        """Yield the initials that are written letter by letter: "c&c", "G.T.A."."""
        if len(self._written_words) > 1 and all(len(word) == 1 for word in self.words):
            letters = "".join(word[0] for word in self._written_words)
            yield from _initials(letters, self._all, SPELT_OUT)

    def _whole(self) -> Iterator[Term]:
        """Yield the titles that begin so, both without blanks."""
        for low in self.wholes:
            if len(low) > WHOLE_FROM:
                yield Term(self._all, low, low + LAST, JOINED)


def _has_letter(word: str) -> bool:
    return not word.isdigit()


def _is_long_number(word: str) -> bool:
    return word.isdigit() and len(word) >= TELLING_DIGITS


def _range(word: str, *, alone: bool) -> tuple[str, str]:
    """Return the first and the last word with the same beginning."""
    if len(word) > SHORT_LETTERS:
        return word, word + LAST
    entry = word + OPEN_END if alone else word
    return entry, entry


def _initials(text: str, parts: tuple[int, ...], cost: int) -> Iterator[Term]:
    if SHORT_LETTERS < len(text) <= MOST_INITIALS:
        yield Term(parts, INITIALS + text, INITIALS + text, cost)
    if SHORT_LETTERS < len(text) <= MOST_LOOSE:
        yield Term(parts, LOOSE + text, LOOSE + text, GUESSED)


def _forms(part: int, word: str) -> Iterator[Form]:
    """Yield the word, and the word with each letter left out, with the words that are one mistake away.

    A letter left out of a title's word, a letter too many, another letter, or two letters in the other order.
    A word of four letters has too many neighbours with another letter or without one.
    """
    letters = word[:SPELT_LETTERS]
    end = "%" if len(word) >= SPELT_LETTERS else ""
    yield Form(letters, part, "%")
    for place in range(len(letters)):
        form = letters[:place] + letters[place + 1 :]
        patterns = [_swapped(letters, place), _swapped(letters, place - 1)]
        if len(word) > MISSPELT_FROM:
            patterns += [form, letters[:place] + "_" + letters[place + 1 :]]
        yield Form(form, part, "|".join(pattern + end for pattern in patterns))


def _swapped(letters: str, place: int) -> str:
    """Return letters with those at `place` and after it in the other order."""
    place = max(place, 0)
    return letters[:place] + letters[place : place + 2][::-1] + letters[place + 2 :]
