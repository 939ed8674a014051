"""Mines templates from masked texts one after the other: a tree of fixed depth as in Drain (He et al. 2017), kept small by masking first."""

from collections.abc import Iterable, Mapping

from almanac.workloads.logs.shared.masking import MASK, text_id

# Texts with as many words, of which the first is the same, may share a template if this share of their words is equal.
SIMILARITY = 0.7
LEAST_WORDS = 3
MOST_SIBLINGS = 200

Words = tuple[str, ...]


class Templates:
    """The templates found so far, by id; a template keeps its id while more texts join it and more of its words become <*>."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        """Begin with templates that are known already, by id."""
        self._words: dict[str, Words] = {}
        self._leaves: dict[tuple[int, str], list[str]] = {}
        self._of_text: dict[str, str] = {}
        for name, template in (known or {}).items():
            self._insert(name, tuple(template.split(" ")))

    def add(self, text: str) -> str:
        """Return the id of the template of a masked text, which is a new one where no known template is similar.

        >>> found = Templates()
        >>> one, two = found.add("opened the file of anna"), found.add("opened the file of bert")
        >>> one == two, found.template(one)
        (True, 'opened the file of <*>')
        """
        name = self._of_text.get(text)
        if name is None:
            words = tuple(text.split(" "))
            name = self._similar(words) or self._insert(text_id(text), words)
            self._words[name] = _joined(self._words[name], words)
            self._of_text[text] = name
        return name

    def add_all(self, texts: Iterable[str]) -> list[str]:
        """Return the id of the template of each masked text."""
        return [self.add(text) for text in texts]

    def template(self, name: str) -> str:
        """Return a template by its id; raises KeyError."""
        return " ".join(self._words[name])

    def _insert(self, name: str, words: Words) -> str:
        if name not in self._words:
            self._words[name] = words
            self._leaves.setdefault(_leaf(words), []).append(name)
        return name

    def _similar(self, words: Words) -> str | None:
        siblings = self._leaves.get(_leaf(words), [])[-MOST_SIBLINGS:]
        scored = [(_similarity(self._words[name], words), name) for name in siblings]
        best, name = max(scored, default=(0.0, ""))
        if best == 1.0:
            return name
        return name if best >= SIMILARITY and len(words) >= LEAST_WORDS else None


def leaf(text: str) -> tuple[int, str]:
    """Return what a text and a template have in common where they may belong together: how many words, and the first of them."""
    return _leaf(tuple(text.split(" ")))


def _leaf(words: Words) -> tuple[int, str]:
    return len(words), words[0]


def _similarity(template: Words, words: Words) -> float:
    return sum(known in (MASK, word) for known, word in zip(template, words, strict=True)) / len(words)


def _joined(template: Words, words: Words) -> Words:
    return tuple(known if known == word else MASK for known, word in zip(template, words, strict=True))
