"""Why a game is in a list, in words."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

MOST_WORDS = 3
# Fewer players than these are no reason to say that the same people played two games.
LEAST_PLAYERS = 5
WORDING = {
    "rpg": "role-playing",
    "jrpg": "Japanese role-playing",
    "action rpg": "action role-playing",
    "fps": "first-person shooter",
    "rts": "real-time strategy",
    "moba": "battle arena",
    "mmo": "online world",
    "mmorpg": "online role-playing world",
    "4x": "empire building",
    "vr": "virtual reality",
    "co-op": "playing together",
    "2d": "flat graphics",
    "3d": "three dimensions",
    "lgbtq+": "LGBTQ+",
    "rpgmaker": "made with RPG Maker",
}
# Tags that a shop gives to nearly every game.
GENERIC_TAGS = frozenset(
    {
        "indie",
        "casual",
        "early access",
        "free to play",
        "singleplayer",
        "great soundtrack",
        "action",
        "adventure",
        "utilities",
    }
)
PLAYED = "played by the same people"
FALLBACK = "well known and well liked"

# From the rows of a game and of one of its neighbours, and whether plays have brought it, to a reason, ''
# where there is none.
Why = Callable[[int, int, bool], str]


@dataclass(frozen=True)
class Facts:
    """The facts of reasons, an element per game in the order of the catalogue; the rarest words first."""

    words: list[list[str]]
    makers: list[str]
    series: list[str]

    def why(self, game: int, other: int, by_players: bool = False) -> str:
        """Return what two games share: "open world, role-playing; same developer"; '' where it is nothing."""
        del by_players
        words = ", ".join(self._shared_words(game, other))
        return "; ".join(part for part in (words, self._relation(game, other)) if part)

    def _shared_words(self, game: int, other: int) -> Iterable[str]:
        other_words = set(self.words[other])
        shared = [word for word in self.words[game] if word in other_words]
        specific = [word for word in shared if word not in GENERIC_TAGS] or shared
        return dict.fromkeys(WORDING.get(word, word) for word in specific[:MOST_WORDS])

    def _relation(self, game: int, other: int) -> str:
        if _are_same(self.series, game, other):
            return "same series"
        return "same developer" if _are_same(self.makers, game, other) else ""


def _are_same(names: list[str], game: int, other: int) -> bool:
    return bool(names[game]) and names[game] == names[other]


def facts(catalogue: pd.DataFrame, rarity: Mapping[str, Mapping[str, float]]) -> Facts:
    """Return the facts of a catalogue; `rarity` says how rare each word of genres and themes is."""
    rarities = {**rarity["genres"], **rarity["themes"]}

    def rarest_first(word: str) -> tuple[float, str]:
        return -rarities.get(word, 0.0), word

    tags = (catalogue["themes"] + ";" + catalogue["genres"]).str.lower()
    words = [sorted(_words(text), key=rarest_first) for text in tags]
    return Facts(words, catalogue["maker"].tolist(), catalogue["series"].tolist())


def _words(text: str) -> set[str]:
    return {sys.intern(word) for word in text.split(";") if word}


def why_played(facts: Facts, players: Iterable[int]) -> Why:
    """Return the reasons where plays have brought games; `players` counts those of each game."""
    is_played = [count >= LEAST_PLAYERS for count in players]

    def why(game: int, other: int, by_players: bool) -> str:
        shared = facts.why(game, other)
        is_sure = by_players and is_played[game] and is_played[other]
        return with_plays(shared) if is_sure else shared

    return why


def with_plays(why: str) -> str:
    """Return a reason with the players before it.

    >>> with_plays("open world"), with_plays("")
    ('played by the same people; open world', 'played by the same people')
    """
    return f"{PLAYED}; {why}" if why else PLAYED
