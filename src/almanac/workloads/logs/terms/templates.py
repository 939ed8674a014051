"""Mines templates from masked texts with a tree of fixed depth, as in Drain (He et al. 2017).

The tree is small because texts are masked first.
"""

import re
from collections.abc import Iterable, Mapping

from almanac.workloads.logs.shared.masking import MASK, text_id

# Texts with as many words and the same first word share a template from this share of equal words on.
SIMILARITY = 0.7
LEAST_WORDS = 3
MOST_SIBLINGS = 200

Words = tuple[str, ...]
# How many words there are, the first, and each word with a status or exit code with its place.
Leaf = tuple[int, str, tuple[tuple[int, str], ...]]
# Masking keeps the digits of codes only.
DIGIT = re.compile("[0-9]")


class Templates:
    """Templates by id; a template keeps its id while more texts join it and more of its words become <*>."""

    def __init__(self, templates: Mapping[str, str] | None = None) -> None:
        """Begin with earlier templates, by id."""
        self._words: dict[str, Words] = {}
        self._leaves: dict[Leaf, list[str]] = {}
        self._of_text: dict[str, str] = {}
        for name, template in (templates or {}).items():
            self._insert(name, _split(template))

    def add(self, text: str) -> str:
        """Return the id of the template of a masked text; a text without a similar template begins a new one.

        >>> templates = Templates()
        >>> one, two = templates.add("opened the file of anna"), templates.add("opened the file of bert")
        >>> one == two, templates.template(one)
        (True, 'opened the file of <*>')
        """
        name = self._of_text.get(text)
        if name is None:
            name = self._of_text[text] = self._join(text)
        return name

    def add_all(self, texts: Iterable[str]) -> list[str]:
        """Return the id of the template of each masked text."""
        return [self.add(text) for text in texts]

    def template(self, name: str) -> str:
        """Return a template by its id; raises KeyError."""
        return " ".join(self._words[name])

    def _join(self, text: str) -> str:
        words = _split(text)
        name = self._similar(words) or self._insert(text_id(text), words)
        self._words[name] = _joined(self._words[name], words)
        return name

    def _insert(self, name: str, words: Words) -> str:
        if name not in self._words:
            self._words[name] = words
            self._leaves.setdefault(_leaf(words), []).append(name)
        return name

    def _similar(self, words: Words) -> str | None:
        best, name = self._most_similar(words)
        is_similar = best >= SIMILARITY and len(words) >= LEAST_WORDS
        return name if is_similar or best == 1.0 else None

    def _most_similar(self, words: Words) -> tuple[float, str]:
        siblings = self._leaves.get(_leaf(words), [])[-MOST_SIBLINGS:]
        scores = [(_similarity(self._words[name], words), name) for name in siblings]
        return max(scores, default=(0.0, ""))


def leaf(text: str) -> Leaf:
    """Return what a text and its template have in common: number of words, first word, words with codes."""
    return _leaf(_split(text))


def _split(text: str) -> Words:
    return tuple(text.split(" "))


def _leaf(words: Words) -> Leaf:
    codes = tuple((place, word) for place, word in enumerate(words) if DIGIT.search(word))
    return len(words), words[0], codes


def _similarity(template: Words, words: Words) -> float:
    pairs = zip(template, words, strict=True)
    return sum(slot in (MASK, word) for slot, word in pairs) / len(words)


def _joined(template: Words, words: Words) -> Words:
    pairs = zip(template, words, strict=True)
    return tuple(slot if slot == word else MASK for slot, word in pairs)
