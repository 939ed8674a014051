"""The words that a client searches for: as a condition of PostgreSQL, and as a pattern that marks them."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from psycopg import sql

from almanac import fields
from serve.http.query_models import TEXT, Parsed

# Words in quotes stand side by side, and so do the runs of letters and digits of a word such as node-7.
TERM: Final = re.compile(r'(?P<no>-?)"(?P<quoted>[^"]*)"?|(?P<word>[^\s"]+)')
RUN: Final = re.compile(r"[^\W_]+")
OR: Final = "or"
# `api.log_words` splits texts and terms alike.
PHRASE: Final = sql.SQL("phraseto_tsquery('simple', api.log_words({}))")
NOT: Final = sql.SQL("!!{}")
# Most words that a highlight marks.
MOST_MARKED: Final = 50


class Term(NamedTuple):
    """Something that a text must have, or must not have."""

    text: str
    is_excluded: bool


def searchable(text: str) -> str:
    """Return what a client searches for; raises ValueError where nothing in it can be found."""
    if not RUN.search(fields.text(text)):
        raise ValueError("must hold a letter or a digit")
    return text


WORDS: Final = Parsed(searchable, {**TEXT.schema, "minLength": 1})


def terms(query: str) -> list[list[Term]]:
    """Return the terms of a query: one of the lists must fit with all its terms.

    >>> [[term.text for term in group] for group in terms('disk full or -"node 7" kafka-0')]
    [['disk', 'full'], ['node 7', 'kafka-0']]
    """
    groups: list[list[Term]] = [[]]
    for match in TERM.finditer(query):
        if match["word"] and match["word"].lower() == OR and groups[-1]:
            groups.append([])
        elif term := _term(match):
            groups[-1].append(term)
    return [group for group in groups if group]


def fitting(query: str) -> sql.Composable:
    """Return the expression of what a document must match."""
    groups = [sql.SQL(" && ").join(_conditions(group)) for group in terms(query)]
    return sql.SQL("({})").format(sql.SQL(" || ").join(sql.SQL("({})").format(group) for group in groups))


def marked(query: str) -> str:
    """Return a regular expression of PostgreSQL that matches the words of a query, each whole."""
    positive = [term.text for group in terms(query) for term in group if not term.is_excluded]
    runs = dict.fromkeys(run for text in positive for run in RUN.findall(text))
    words = "|".join(list(runs)[:MOST_MARKED]) or "(?!)"
    return f"(?<![[:alnum:]])(?:{words})(?![[:alnum:]])"


def _term(match: re.Match[str]) -> Term | None:
    """Return a term, None where it has no letter and no digit."""
    word = match["word"]
    text = match["quoted"] if word is None else word.removeprefix("-")
    is_excluded = bool(match["no"]) if word is None else word.startswith("-")
    return Term(text, is_excluded) if RUN.search(text) else None


def _conditions(group: list[Term]) -> Iterator[sql.Composable]:
    for term in group:
        phrase = PHRASE.format(term.text)
        yield NOT.format(phrase) if term.is_excluded else phrase
