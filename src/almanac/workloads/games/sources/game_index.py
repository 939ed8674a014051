"""The games of a catalogue by what people call them: exact id, exact title, then the words of the title."""

import difflib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from almanac.workloads.games.shared.spelling import title_key

# An appid, or an id with the name of its source before it.
ID = re.compile(r"\d+|(?:steam|igdb|sample):\S+", re.IGNORECASE)
# No title has it as its key; a title of signs alone has no key.
NO_KEY = " "


@dataclass(frozen=True)
class GameIndex:
    """The games of a catalogue by id and by title; a shared title belongs to the most reviewed game."""

    ids: frozenset[str]
    titles: Mapping[str, str]
    keys: Mapping[str, str]

    @classmethod
    def of(cls, catalogue: pd.DataFrame) -> "GameIndex":
        """Return the index of a catalogue (game_id, title, reviews)."""
        ordered = catalogue.sort_values(["reviews", "game_id"], ascending=[True, False])
        games, titles = ordered["game_id"].tolist(), ordered["title"].tolist()
        by_form = (dict(zip(map(form, titles), games, strict=True)) for form in (_exact, title_key))
        return cls(frozenset(games), *by_form)

    def game_of(self, game_id: str, title: str) -> str | None:
        """Return the id of the game that an id or a title means; '' is none of both.

        A title may stand in the place of the id where there is none, but what looks like an id is no title.
        """
        if game_id in self.ids:
            return game_id
        name = title or ("" if ID.fullmatch(game_id) else game_id)
        return self.titles.get(_exact(name)) or self.keys.get(title_key(name) or NO_KEY)

    def nearest(self, title: str) -> list[str]:
        """Return up to three titles that are spelt much like this one."""
        keys = difflib.get_close_matches(title_key(title), self.keys, n=3)
        title_of = {game: title for title, game in self.titles.items()}
        return [title_of[self.keys[key]] for key in keys if self.keys[key] in title_of]


def _exact(title: str) -> str:
    return unicodedata.normalize("NFC", title.strip())
