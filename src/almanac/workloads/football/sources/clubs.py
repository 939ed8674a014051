"""Gives every club one name per country, across seasons, tiers and sources."""

import csv
import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# Letters that Unicode does not take apart into a base letter and an accent.
UNDIVIDED = str.maketrans({"ı": "i", "ø": "o", "ł": "l", "đ": "d"})
COMPANY_FORMS = {"fc", "afc"}


@dataclass(frozen=True)
class Unmatched:
    """A club's name that no known club answers to, with the nearest known names."""

    country: str
    name: str
    candidates: tuple[str, ...]


def key(name: str) -> str:
    """Return what is left of a name without case, accents, punctuation and the words FC and AFC.

    >>> key("AFC Bournemouth"), key("1. FC Köln"), key("Nott'm Forest")
    ('bournemouth', '1 koln', 'nott m forest')
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(UNDIVIDED))
    words = re.findall(r"[a-z0-9]+", "".join(letter for letter in plain if not unicodedata.combining(letter)))
    return " ".join(word for word in words if word not in COMPANY_FORMS)


def slug(name: str) -> str:
    """Return a name as it stands in a match id.

    >>> slug("Brighton & Hove Albion FC"), slug("FC Bayern München")
    ('brighton-hove-albion-fc', 'fc-bayern-munchen')
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(UNDIVIDED))
    return "-".join(
        re.findall(r"[a-z0-9]+", "".join(letter for letter in plain if not unicodedata.combining(letter)))
    )


@cache
def known() -> dict[tuple[str, str], str]:
    """Return the club for each (country, key) of a known spelling; a key that would fit two clubs fits none."""
    found: dict[tuple[str, str], set[str]] = {}
    with (files(__package__) / "clubs.tsv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            for spelling in [row["club"], *row["aliases"].split("|")]:
                found.setdefault((row["country"], key(spelling)), set()).add(row["club"])
    return {where: next(iter(clubs)) for where, clubs in found.items() if where[1] and len(clubs) == 1}


def canonical(country: str, name: str) -> str | None:
    """Return the one name of the club that is spelt `name`, or None; nothing is guessed."""
    return known().get((country, key(name)))


def settle(names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the one name for each (country, name) of the leading source, where an unknown name is a new club.

    A new club keeps its first spelling, also where a later season spells it with or without FC.
    """
    new: dict[tuple[str, str], str] = {}
    return {
        (country, name): canonical(country, name) or new.setdefault((country, key(name)), name)
        for country, name in names
    }


def unmatched(country: str, name: str, clubs: Iterable[str]) -> Unmatched:
    """Describe a name that is not known, with at most three of `clubs` that look like it."""
    by_key = {key(club): club for club in clubs}
    nearest = difflib.get_close_matches(key(name), by_key, n=3, cutoff=0.5)
    return Unmatched(country, name, tuple(by_key[each] for each in nearest))
