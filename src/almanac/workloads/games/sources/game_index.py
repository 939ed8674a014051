"""The games of a catalogue by what people call them: id, title, words of the title, then its edition."""

import difflib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from almanac.workloads.games.shared.spelling import COMMON, title_key
from almanac.workloads.games.titles import work_of

# An appid, or an id with the name of its source before it.
ID = re.compile(r"\d+|(?:steam|igdb|sample):\S+", re.IGNORECASE)
# No title has it as its key; a title of signs alone has no key.
NO_KEY = " "
# Signs that are written as words: "Portal TM".
SIGN_WORDS = frozenset({"tm", "sm"})


@dataclass(frozen=True)
class GameIndex:
    """The games of a catalogue by id and by title; a shared title belongs to the most reviewed game.

    `joined` are titles without blanks, common words and signs, and `works` such titles without their edition.
    """

    ids: frozenset[str]
    titles: Mapping[str, str]
    keys: Mapping[str, str]
    joined: Mapping[str, str]
    works: Mapping[str, str]

    @classmethod
    def of(cls, catalogue: pd.DataFrame) -> "GameIndex":
        """Return the index of a catalogue (game_id, title, reviews)."""
        ordered = catalogue.sort_values(["reviews", "game_id"], ascending=[True, False])
        games, titles = ordered["game_id"].tolist(), ordered["title"].tolist()
        forms = (_exact, title_key, _joined, _joined_work)
        by_form = (dict(zip(map(form, titles), games, strict=True)) for form in forms)
        return cls(frozenset(games), *by_form)

    def game_of(self, game_id: str, title: str) -> str | None:
        """Return the id of the game that an id or a title means; '' is none of both.

        A title may stand in the place of the id where there is none, but what looks like an id is no title.
        """
        if game_id in self.ids:
            return game_id
        name = title or ("" if ID.fullmatch(game_id) else game_id)
        by_words = self.titles.get(_exact(name)) or self.keys.get(title_key(name) or NO_KEY)
        return by_words or self._by_joined_words(name)

    def _by_joined_words(self, name: str) -> str | None:
        """Return the game whose title differs in blanks, "and" or signs, or which is another edition."""
        by_whole_title = self.joined.get(_joined(name) or NO_KEY)
        return by_whole_title or self.works.get(_joined_work(name) or NO_KEY)

    def nearest(self, title: str) -> list[str]:
        """Return up to three titles that are spelt much like this one."""
        keys = difflib.get_close_matches(title_key(title), self.keys, n=3)
        title_of = {game: title for title, game in self.titles.items()}
        return [title_of[self.keys[key]] for key in keys if self.keys[key] in title_of]


def _exact(title: str) -> str:
    return unicodedata.normalize("NFC", title.strip())


def _joined(title: str) -> str:
    """Return the telling words of a title as one word.

    >>> _joined("Command & Conquer"), _joined("Left4Dead 2"), _joined("Portal TM")
    ('commandconquer', 'left4dead2', 'portal')
    """
    words = title_key(title).split()
    return "".join(word for word in words if word not in COMMON and word not in SIGN_WORDS)


def _joined_work(title: str) -> str:
    """Return the telling words of a title without its edition as one word.

    >>> _joined_work("Batman Arkham City GOTY"), _joined_work("Tomb Raider (2013)")
    ('batmanarkhamcity', 'tombraider')
    """
    return _joined(work_of(title))
