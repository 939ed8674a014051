"""Gives every club one name per country, across seasons, tiers and sources."""

import csv
import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# Letters that Unicode does not decompose into a base letter and an accent.
UNDIVIDED = str.maketrans({"ı": "i", "ø": "o", "ł": "l", "đ": "d"})
COMPANY_FORMS = {"fc", "afc"}
MOST_CANDIDATES = 3


@dataclass(frozen=True)
class UnmatchedClub:
    """A name that matches no club, with the most similar club names."""

    country: str
    name: str
    candidates: tuple[str, ...]


def key(name: str) -> str:
    """Return a name without case, accents, punctuation and the words FC and AFC.

    >>> key("AFC Bournemouth"), key("1. FC Köln"), key("Nott'm Forest")
    ('bournemouth', '1 koln', 'nott m forest')
    """
    return " ".join(word for word in _words(name) if word not in COMPANY_FORMS)


def slug(name: str) -> str:
    """Return a name as it is written in a match id.

    >>> slug("Brighton & Hove Albion FC"), slug("FC Bayern München")
    ('brighton-hove-albion-fc', 'fc-bayern-munchen')
    """
    return "-".join(_words(name))


def _words(name: str) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", name.casefold().translate(UNDIVIDED))
    letters = [letter for letter in decomposed if not unicodedata.combining(letter)]
    return re.findall(r"[a-z0-9]+", "".join(letters))


@cache
def spellings() -> dict[tuple[str, str], str]:
    """Return the club of each (country, key) in the table of spellings, without keys that match two clubs."""
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    for country, club, spelling in _table():
        owners[country, key(spelling)].add(club)
    return {
        (country, text): min(clubs) for (country, text), clubs in owners.items() if text and len(clubs) == 1
    }


def _table() -> Iterator[tuple[str, str, str]]:
    """Yield country, club and spelling of each row of clubs.tsv."""
    with (files(__package__) / "clubs.tsv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            for spelling in [row["club"], *row["aliases"].split("|")]:
                yield row["country"], row["club"], spelling


def canonical(country: str, name: str) -> str | None:
    """Return the canonical name of the club that is spelt `name`, or None. Nothing is guessed."""
    return spellings().get((country, key(name)))


def canonical_names(names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the canonical name for each (country, name) of the main source.

    An unknown name is a new club. A new club keeps its first spelling, even if a later season adds or drops
    FC.
    """
    new: dict[tuple[str, str], str] = {}
    return {
        (country, name): canonical(country, name) or new.setdefault((country, key(name)), name)
        for country, name in names
    }


def unmatched(country: str, name: str, clubs: Iterable[str]) -> UnmatchedClub:
    """Describe a name that matches no club, with at most three of `clubs` that look like it."""
    by_key = {key(club): club for club in clubs}
    nearest = difflib.get_close_matches(key(name), by_key, n=MOST_CANDIDATES, cutoff=0.5)
    return UnmatchedClub(country, name, tuple(by_key[each] for each in nearest))
